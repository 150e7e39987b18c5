"""`roa keys next, rotate, retire, revoke, reaffirm, annul, suspects`: what becomes of keys.

An organisation with a key for the purpose `keys` says the same itself: the statements are those of
SPEC.md 1, posted with `roa post`. See docs/key-ceremonies.md.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated

import typer

from api.cli.console import WRONG_USE, AsJson, Data, fail, opened, out, print_json, spoken_errors
from api.cli.key_commands import Reference, reference
from api.house import House
from api.operations import custody, log_rotation
from ledger.domain.founding import CHECKPOINT, OPERATOR_BODY
from ledger.keys.signer import ED25519

Kid = Annotated[str, typer.Argument(help="Thumbprint of the key: roa keys list has it.")]
First = Annotated[int, typer.Argument(help="First position.", min=1)]
Last = Annotated[int, typer.Argument(help="Last position, included.", min=1)]
Token = Annotated[str | None, typer.Option("--token", help="Token of the hardware module to make it in.")]
LOG = (OPERATOR_BODY, CHECKPOINT)  # the log's own keys, as commands name them
_NO_ALG = "the log's own keys are Ed25519 and ML-DSA-44: leave --alg out"


def rotate(
    data: Data,
    organisation: Reference,
    purpose: Annotated[
        str,
        typer.Argument(
            help="submission or credential; OPERATOR has receipt and checkpoint too, the registrar keys."
        ),
    ],
    alg: Annotated[str, typer.Option(help="Ed25519 or ES256.")] = ED25519,
    token: Token = None,
) -> None:
    """Make and register the next key kept here for a purpose, and retire those before it.

    OPERATOR checkpoint are the log's own keys, Ed25519 and ML-DSA-44: `roa keys next` prints them, and
    witnesses are told before this.
    """
    if (organisation, purpose) == LOG:
        _rotate_log(data, alg, token)
        return
    with spoken_errors(), _said(data) as house:
        made = custody.rotate(house.ledger, reference(organisation), purpose, alg=alg, token=token)
    out.print(f"{made.signer.thumbprint} signs from position {made.registered_at + 1} on.", markup=False)
    for kid in made.retired:
        out.print(f"{kid} is retired: what it signed stays valid.", markup=False)


def _rotate_log(data: Data, alg: str, token: str | None) -> None:
    if alg != ED25519:
        fail(_NO_ALG, WRONG_USE)
    with spoken_errors(), _said(data) as house:
        made = log_rotation.rotate_log(house.ledger, token=token)
    for kid in made.registered:
        out.print(f"{kid} signs checkpoints from size {made.first_size} on.", markup=False)
    for kid in made.retired:
        out.print(f"{kid} is retired: what it signed stays valid.", markup=False)


def next_keys(
    data: Data,
    organisation: Annotated[str, typer.Argument(help="OPERATOR.")],
    purpose: Annotated[str, typer.Argument(help="checkpoint.")],
    token: Token = None,
) -> None:
    """Make the next keys of the log, register nothing, and print them as witnesses are told them.

    Said again it prints the same keys, until `roa keys rotate` has registered them.
    """
    if (organisation, purpose) != LOG:
        fail(f"only the log's own keys are told of before they are registered: {' '.join(LOG)}", WRONG_USE)
    with spoken_errors(), opened(data, writes=True) as house:
        vkeys = log_rotation.next_log_vkeys(house.ledger, token=token)
    for vkey in vkeys:
        out.print(vkey, markup=False, soft_wrap=True)


def retire(data: Data, organisation: Reference, kid: Kid) -> None:
    """Retire a key: it signs nothing more, and what it signed stays valid for ever."""
    with spoken_errors(), _said(data) as house:
        outcome = custody.retire(house.ledger, reference(organisation), kid)
    out.print(f"Retired at position {outcome.position}.", markup=False)


def revoke(
    data: Data,
    organisation: Reference,
    kid: Kid,
    reason: Annotated[str, typer.Option(help="In a word: stolen, lost, replaced.")],
    suspected_from: Annotated[
        int | None, typer.Option(help="Position from which somebody else may have used it.", min=1)
    ] = None,
    suspected_since: Annotated[
        str | None,
        typer.Option(help="The same as an instant: what witnesses had seen by 2026-11-02T10:00:00Z is safe."),
    ] = None,
) -> None:
    """Revoke a key. From the suspected position on, what it signed is suspect until it is settled."""
    if suspected_from is not None and suspected_since is not None:
        fail("say --suspected-from or --suspected-since, not both", WRONG_USE)
    since_s = None if suspected_since is None else _instant(suspected_since)
    with spoken_errors(), _said(data) as house:
        first = suspected_from
        if since_s is not None:
            first = custody.first_position_after(house.ledger, since_s)
        outcome = custody.revoke(house.ledger, reference(organisation), kid, reason, first)
        open_ones = custody.suspects(house.ledger, kid)
    out.print(f"Revoked at position {outcome.position}.", markup=False)
    if first is not None:
        out.print(
            f"Suspect from position {first} on: {len(open_ones)} records that it signed."
            f" Next: roa keys suspects {kid}, then reaffirm or annul them.",
            markup=False,
        )


def reaffirm(data: Data, organisation: Reference, kid: Kid, first: First, last: Last) -> None:
    """Say that an organisation stands by what its suspected key signed at these positions."""
    _settle(data, organisation, kid, first, last, own=True)


def annul(data: Data, organisation: Reference, kid: Kid, first: First, last: Last) -> None:
    """Say that an organisation never said what its suspected key signed at these positions."""
    _settle(data, organisation, kid, first, last, own=False)


def suspects(data: Data, kid: Kid, as_json: AsJson = False) -> None:
    """List the records that a suspected key signed and nobody has settled yet: positions and kinds."""
    with spoken_errors(), opened(data) as house:
        found = custody.suspects(house.ledger, kid)
    if as_json:
        print_json({"kid": kid, "suspects": [{"position": at, "topic": topic} for at, topic in found]})
        return
    for position, topic in found:
        out.print(f"{position}  {topic}", markup=False)
    out.print(f"{len(found)} records to settle.", markup=False)


def _settle(data: Data, organisation: str, kid: str, first: int, last: int, *, own: bool) -> None:
    with spoken_errors(), _said(data) as house:
        outcome = custody.settle(house.ledger, reference(organisation), kid, first, last, own=own)
    word = "Reaffirmed" if own else "Annulled"
    out.print(f"{word} positions {first} to {last}, at position {outcome.position}.", markup=False)


@contextmanager
def _said(data: Data) -> Iterator[House]:
    """Open a ledger to say something about keys, and publish it at once: keys are everybody's business."""
    with opened(data, writes=True) as house:
        yield house
        house.catch_up()
        house.issuer.write_trust()


def _instant(text: str) -> int:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        fail("--suspected-since is an instant such as 2026-11-02T10:00:00Z", WRONG_USE)
    if found.tzinfo is None:
        fail("--suspected-since needs its zone: 2026-11-02T10:00:00Z or +13:00", WRONG_USE)
    try:
        return int(found.astimezone(UTC).timestamp())
    except OverflowError:
        fail("--suspected-since is an instant of our era, such as 2026-11-02T10:00:00Z", WRONG_USE)
