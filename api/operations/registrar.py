"""Speaking for the registrar: public statements signed by the key that founded the ledger.

Source: LEDGER.md 2 (genesis), SPEC.md 1.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from api.client.statements import Statement
from api.client.submission import build, organisation_id
from ledger.application import Ledger
from ledger.clock import Clock
from ledger.deciding.batch import Outcome
from ledger.domain.base import LEDGER
from ledger.domain.founding import OPERATOR_BODY
from ledger.errors import Refusal
from ledger.files import LedgerFiles
from ledger.founding import REGISTRAR, Charter, founding_statement, prepare_files
from ledger.keys.pkcs11 import Pkcs11Module
from ledger.keys.signer import Signer
from ledger.policy.findings import fix, sentence
from ledger.statements import ROW_BY_ROW, read_submission

_WITH_ANOTHER = "E920"  # of a statement whose submission was refused for another one
FIRST_DAY = "2018-08-22"  # when the first rules on micro-credentials came into force


def found(
    files: LedgerFiles,
    passphrase: bytes,
    charter: Charter,
    *,
    module: Pkcs11Module | None = None,
    clock: Clock | None = None,
) -> Ledger:
    """Found a ledger: its first record, then regulator and operator registered like everybody.

    `module` is the hardware module in which some of its keys may lie; `clock` the machine's when left out.

    Raises:
        FileExistsError: there is a ledger in the folder.
    """
    keystore = prepare_files(files, passphrase, module=module)
    ledger = Ledger(files, passphrase, module=module, clock=clock)
    now_us = ledger.clock.now_us()
    registrar = keystore.get(REGISTRAR)
    origin, number = charter.origin, charter.registrar_number
    check_recorded(
        _submit(ledger, registrar, number, origin, [founding_statement(keystore, charter, now_us)])
    )
    check_recorded(_submit(ledger, registrar, number, origin, _first_organisations(charter)))
    # Made now, so that every copy of the vault holds it: what it seals outlives the learners' keys.
    ledger.vault.key_of(ledger.subject, LEDGER)
    return ledger


def _first_organisations(charter: Charter) -> list[dict[str, Any]]:
    return [
        {
            "type": "organisation.registered",
            "v": 1,
            "number": charter.registrar_number,
            "kind": "nzqa",
            "name": {"en": charter.registrar_name},
            "valid_from": FIRST_DAY,
        },
        {
            "type": "organisation.registered",
            "v": 1,
            "body": OPERATOR_BODY,
            "kind": "operator",
            "name": {"en": charter.operator_name},
            "valid_from": FIRST_DAY,
        },
    ]


def say(
    ledger: Ledger, statements: Sequence[Mapping[str, Any] | Statement], *, mode: str = ROW_BY_ROW
) -> list[Outcome]:
    """Submit statements as the registrar; return an outcome for each.

    `mode` is `atomic` where one of them must not be recorded without the others.

    Raises:
        Unauthorised: the registrar's key is not in custody here.
    """
    founding = ledger.founding
    number = founding.registrar_number
    registrar = ledger.signer(REGISTRAR, organisation_id(number), "submission")
    return _submit(ledger, registrar, number, founding.origin, statements, mode)


def say_or_fail(
    ledger: Ledger, statements: Sequence[Mapping[str, Any] | Statement], *, mode: str = ROW_BY_ROW
) -> list[Outcome]:
    """Submit statements as the registrar; raise Refusal when one of them is refused."""
    return check_recorded(say(ledger, statements, mode=mode))


def _submit(
    ledger: Ledger,
    signer: Signer,
    number: int,
    origin: str,
    statements: Sequence[Mapping[str, Any] | Statement],
    mode: str = ROW_BY_ROW,
) -> list[Outcome]:
    submission = build(
        statements,
        signer=signer,
        organisation=organisation_id(number),
        origin=origin,
        now_s=ledger.clock.now_us() // 1_000_000,
        mode=mode,
    )
    return ledger.submit(read_submission(list(submission.lines()), origin=origin))


def check_recorded(outcomes: list[Outcome]) -> list[Outcome]:
    """Return the outcomes; Refusal with the first finding of a statement that was not recorded."""
    refused = [outcome for outcome in outcomes if outcome.position is None]
    if refused:
        # Of an atomic submission: the statement that was refused for itself, not along with another.
        outcome = next((one for one in refused if one.findings[0].code != _WITH_ANOTHER), refused[0])
        first = outcome.findings[0]
        which = f"statement {outcome.row + 1}: " if len(outcomes) > 1 else ""
        raise Refusal(f"{which}{first.code} {sentence(first)} {fix(first)}", code=first.code)
    return outcomes
