"""Keys kept here for others, and the registrar's word about keys: made, rotated, ended, settled.

A new key is durable in the keystore before it is registered, and signs nothing before the register
knows it; so a stop in between costs nothing, and the next attempt registers the same key.

Source: LEDGER.md 2 (keys count by log position); docs/key-ceremonies.md.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from api.client.submission import organisation_id
from api.operations.registrar import say_or_fail
from ledger.application import Ledger
from ledger.clock import civil_date
from ledger.deciding.batch import Outcome
from ledger.domain.founding import OPERATOR_BODY
from ledger.domain.organisation import Organisation
from ledger.errors import Absent, Refusal
from ledger.founding import CREDENTIAL, RECEIPT, REGISTRAR
from ledger.keys.keyring import SUSPECT, RegisteredKey
from ledger.keys.keystore import custody_label
from ledger.keys.mldsa import MldsaSigner
from ledger.keys.pkcs11 import Pkcs11Signer
from ledger.keys.signer import ED25519, ES256, Signer
from ledger.possession import prove_possession
from ledger.statements import ATOMIC
from ledger.store.cosignatures import size_witnessed_by

SUBMISSION = "submission"
_PURPOSES = (SUBMISSION, CREDENTIAL, RECEIPT, "keys")
_TOPIC_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Rotated:
    """The key that signs from now on, and those that ended with it."""

    signer: Signer
    registered_at: int
    retired: tuple[str, ...]


def take_into_custody(
    ledger: Ledger, references: Iterable[int | str], *, alg: str = ED25519
) -> list[Outcome]:
    """Make and register a submission key and a credential key for organisations that have none.

    Raises:
        Refusal: one of them is not on the register, or all have these keys already.
    """
    statements = []
    registered = ledger.keyring()
    for reference in references:
        for purpose in (SUBMISSION, CREDENTIAL):
            label = custody_label(reference, purpose)
            kept = ledger.keystore.has(label)
            signer = ledger.keystore.get(label) if kept else ledger.keystore.create(label, alg)
            if registered.get(signer.thumbprint) is None:
                statements.append(registration(ledger, signer, reference, (purpose,), "delegated"))
    if not statements:
        raise Refusal("their keys are kept here already: nothing is left to do")
    return say_or_fail(ledger, statements)


def rotate(
    ledger: Ledger, reference: int | str, purpose: str, *, alg: str = ED25519, token: str | None = None
) -> Rotated:
    """Make the next key for a purpose, register it, and retire those before it, in one submission.

    Args:
        ledger: the ledger, with the registrar's key in custody.
        reference: number or body code; the operator's is `OPERATOR`.
        purpose: `submission`, `credential`, `receipt`; for the registrar's own key, which says things
            too, `keys` and nothing else: nobody should end it who meant another.
        alg: `Ed25519` or `ES256`.
        token: the token of the hardware module in which to make it; a file where None.

    Raises:
        Absent: no such organisation.
        Refusal: no key for this is in custody here, or the register refuses.
    """
    organisation = _organisation(ledger, reference)
    if alg not in (ED25519, ES256):
        raise Refusal(f"keys are for {ED25519} or {ES256}")
    if purpose not in _PURPOSES:
        raise Refusal(f"keys are kept here for {', '.join(_PURPOSES)}")
    if purpose == CREDENTIAL and alg != ED25519:
        raise Refusal("documents are signed with Ed25519 keys: leave --alg out for a credential key")
    label, purposes = _custody(ledger, organisation, purpose)
    keyring = ledger.keyring()
    before = [keyring.get(one.thumbprint) for one in ledger.keystore.generations(label)]
    if not any(before):
        raise Refusal(f"no {purpose} key of {organisation.label} is kept here: roa keys custody makes one")
    # One that an interrupted attempt made, and nobody registered, is the next one: if it is of the kind
    # that is asked for, and lies where it is asked for.
    pending = [
        one
        for one in ledger.keystore.newest_first(label)
        if keyring.get(one.thumbprint) is None and _is_like(one, alg, token)
    ]
    signer = pending[0] if pending else ledger.keystore.create_next(label, alg=alg, token=token)
    ending = [key for key in before if key is not None and key.ended_at is None]
    custody = "own" if label in (REGISTRAR, CREDENTIAL, RECEIPT) else "delegated"
    outcomes = say_or_fail(
        ledger,
        [
            registration(ledger, signer, _reference(organisation), purposes, custody),
            *(retirement(ledger, organisation, key) for key in ending),
        ],
        # All or nothing: the old key must not end where the next one is refused.
        mode=ATOMIC,
    )
    return Rotated(signer, outcomes[0].position or 0, tuple(key.kid for key in ending))


def retire(ledger: Ledger, reference: int | str, kid: str) -> Outcome:
    """Retire a key: it signs nothing more, and what it signed stays valid for ever."""
    organisation = _organisation(ledger, reference)
    return say_or_fail(ledger, [retirement(ledger, organisation, _key(ledger, kid))])[0]


def revoke(
    ledger: Ledger, reference: int | str, kid: str, reason: str, suspected_from: int | None
) -> Outcome:
    """Revoke a key; from `suspected_from` on, what it signed is suspect until it is settled."""
    said = {"type": "key.revoked", "v": 1, "organisation": _named(ledger, reference), "kid": kid}
    since = {} if suspected_from is None else {"suspected_from": suspected_from}
    return say_or_fail(ledger, [{**said, "reason": reason, **since}])[0]


def settle(ledger: Ledger, reference: int | str, kid: str, first: int, last: int, *, own: bool) -> Outcome:
    """Reaffirm (`own`) or annul what a suspected key signed at positions `first` to `last`, both included."""
    statement = {
        "type": "key.reaffirmed" if own else "key.annulled",
        "v": 1,
        "organisation": _named(ledger, reference),
        "kid": kid,
        "first": first,
        "last": last,
    }
    return say_or_fail(ledger, [statement])[0]


def suspects(ledger: Ledger, kid: str) -> list[tuple[int, str]]:
    """Return (position, topic) of every record that a suspected key signed and nobody settled yet."""
    key = _key(ledger, kid)
    if key.suspected_from is None:
        return []
    standings, found = ledger.standings(), []
    start, stop = key.suspected_from, key.ended_at or ledger.store.head().size
    while batch := ledger.store.select_notifications(start, _TOPIC_BATCH, stop=stop):
        signed = standings.signed_by(kid, [one.id for one in batch])
        found += [
            (one.id, one.topic) for one in batch if one.id in signed and key.standing(one.id) == SUSPECT
        ]
        start = batch[-1].id + 1
    return found


def first_position_after(ledger: Ledger, instant_s: int) -> int:
    """Return the first position that no witness is known to have seen by an instant.

    What outsiders had seen by then was recorded by then, whatever the ledger itself says of its clock.
    A ledger without witnesses answers from the instants in its own records.

    Args:
        ledger: the ledger.
        instant_s: seconds since 1970.
    """
    witnessed = size_witnessed_by(ledger.store.database.reader, instant_s)
    own = ledger.store.position_recorded_by(instant_s * 1_000_000)
    return (own if witnessed is None else min(witnessed, own)) + 1


# ------------------------------------------------------------------ statements


def registration(
    ledger: Ledger,
    signer: Signer | MldsaSigner,
    reference: int | str,
    purposes: tuple[str, ...],
    custody: str,
) -> dict[str, Any]:
    """Return the statement that registers a key, with the proof that it is held."""
    return {
        "type": "key.registered",
        "v": 1,
        "organisation": reference,
        "jwk": signer.public_key_jwk(),
        "purposes": list(purposes),
        "custody": custody,
        "not_before": _today(ledger),
        "possession": prove_possession(signer, organisation_id(reference), ledger.founding.origin),
    }


def retirement(ledger: Ledger, organisation: Organisation, key: RegisteredKey) -> dict[str, Any]:
    """Return the statement that retires a key of an organisation."""
    return {
        "type": "key.retired",
        "v": 1,
        "organisation": _reference(organisation),
        "kid": key.kid,
        "from": _today(ledger),
    }


def _today(ledger: Ledger) -> str:
    return civil_date(ledger.clock.now_us()).isoformat()


def _organisation(ledger: Ledger, reference: int | str) -> Organisation:
    found = ledger.register().organisation(reference)
    if found is None:
        raise Absent(f"{reference} is not on the register")
    return found


def _reference(organisation: Organisation) -> int | str:
    return organisation.number if organisation.number is not None else str(organisation.body)


def _named(ledger: Ledger, reference: int | str) -> int | str:
    return _reference(_organisation(ledger, reference))


def _key(ledger: Ledger, kid: str) -> RegisteredKey:
    found = ledger.keyring().get(kid)
    if found is None:
        raise Absent(f"no key with the thumbprint {kid} is registered")
    return found


def _is_like(signer: Signer, alg: str, token: str | None) -> bool:
    lies_in = signer.pointer.token if isinstance(signer, Pkcs11Signer) else None
    return (signer.alg, lies_in) == (alg, token)


def _custody(ledger: Ledger, organisation: Organisation, purpose: str) -> tuple[str, tuple[str, ...]]:
    """Return the label under which an organisation's keys for a purpose lie, and what they are for."""
    if organisation.number == ledger.founding.registrar_number and purpose == "keys":
        return REGISTRAR, ("keys", SUBMISSION)
    if organisation.body == OPERATOR_BODY and purpose in (CREDENTIAL, RECEIPT):
        return purpose, (purpose,)
    return custody_label(_reference(organisation), purpose), (purpose,)
