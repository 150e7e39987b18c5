"""`roa forget`: learners who are to be forgotten, and how far that came.

Source: LEDGER.md 4; docs/for-privacy-officers.md.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli import epoch_commands
from api.cli.console import (
    WRONG_USE,
    AsJson,
    Data,
    fail,
    learner_of,
    opened,
    out,
    print_json,
    spoken_errors,
    uuid_of,
)
from api.cli.key_commands import PassphraseFile, passphrase_of
from api.client import keys as kit
from api.client.jose import Signer
from api.house import House
from api.operations import forgetting as officers
from ledger.access.rows import FORGETTING, OPERATOR, Reader
from ledger.clock import rfc3339
from ledger.forgetting import APPROVED, DESTROYED, EFFECTIVE, REQUESTED, Progress, progress
from ledger.policy.framework import FORGETTING_BASES

if TYPE_CHECKING:
    from ledger.disposal import Clearing

app = typer.Typer(help="Forgetting learners, and putting the vault under new keys.", no_args_is_help=True)
app.command("turn")(epoch_commands.turn)

OfficerKey = Annotated[str, typer.Option("--key", help="File of your key; or the label of one kept here.")]
Request = Annotated[str, typer.Argument(help="Id of the request: roa forget list has it.")]
_NAMED = "a request is named by its id, roa forget list has it"
_WORDS = {
    REQUESTED: "requested: waits for a second person",
    APPROVED: "approved: not carried out yet",
    DESTROYED: "destroyed here: old copies still open until the epoch turns",
    EFFECTIVE: "effective in copies",
}
_CLEARING = {
    REQUESTED: "requested: waits for a second person",
    APPROVED: "approved: roa forget dispose clears the streams when their period has ended",
    "cleared": "cleared",
}


@app.command()
def request(
    learner: Annotated[
        str, typer.Argument(help="The learner's id, or NSN; - asks for it, and leaves it in no history.")
    ],
    data: Data,
    key: OfficerKey,
    basis: Annotated[str, typer.Option(help=f"Why, one of {', '.join(sorted(FORGETTING_BASES))}.")],
    authority: Annotated[
        str, typer.Option(help="Reference of the disposal authority, in words; it names no person.")
    ],
    level: Annotated[
        int,
        typer.Option(
            help="1 destroys the key of what is sealed; 2 asks for the streams to be cleared.", min=1, max=2
        ),
    ] = 1,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Ask for a learner to be forgotten. Nothing is destroyed until a second person approves."""
    with spoken_errors():
        name = _asked() if learner == "-" else learner
        with opened(data, writes=True) as house:
            signer = _signer(house, key, passphrase_file)
            learner_id = learner_of(house, name, Reader(OPERATOR, FORGETTING))
            forgetting, position = officers.request(house, signer, learner_id, basis, authority, level=level)
            house.catch_up()
    if as_json:
        print_json({"forgetting": str(forgetting), "learner": str(learner_id), "position": position})
        return
    out.print(f"Request {forgetting} is recorded at position {position}.", markup=False)
    out.print(f"Next, somebody else: roa forget approve {forgetting} --key THEIR-KEY", markup=False)


@app.command()
def approve(
    forgetting: Request,
    data: Data,
    key: OfficerKey,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Approve a request as the second person: at level 1 the learner is forgotten at once, for good."""
    with spoken_errors(), opened(data, writes=True) as house:
        outcome = officers.approve(house, _signer(house, key, passphrase_file), uuid_of(forgetting, _NAMED))
        # From here it is approved: where the rest fails, the server or the next start carries it out.
        done = house.forget()
        house.catch_up()
    if as_json:
        print_json({"position": outcome.position, "forgotten": done.carried_out, "wal_empty": done.wal_empty})
        return
    out.print(f"Approved at position {outcome.position}.", markup=False)
    if done.carried_out:
        out.print("The learner's key is destroyed here, and what was kept beside the ledger with it.")
        out.print("Old copies of vault and key file still open: that ends with the next turn of the epoch.")
        if not done.wal_empty:
            out.print(
                "Somebody still reads an older state of a file; what lingers is overwritten within the hour."
            )


@app.command()
def withdraw(
    forgetting: Request, data: Data, key: OfficerKey, passphrase_file: PassphraseFile = None
) -> None:
    """Take back a request that nobody has approved yet."""
    with spoken_errors(), opened(data, writes=True) as house:
        outcome = officers.withdraw(house, _signer(house, key, passphrase_file), uuid_of(forgetting, _NAMED))
        house.catch_up()
    out.print(f"Withdrawn at position {outcome.position}.", markup=False)


@app.command()
def redo(data: Data, as_json: AsJson = False) -> None:
    """Carry out what is approved, and destroy again what an old copy brought back, as every start does."""
    with spoken_errors(), opened(data) as house:
        done = house.forget()
        house.catch_up()
    if as_json:
        print_json(
            {"forgotten": done.carried_out, "destroyed_again": done.again, "wal_empty": done.wal_empty}
        )
        return
    out.print(f"Forgotten: {done.carried_out}. Destroyed again: {done.again}.", markup=False)


@app.command("list")
def list_requests(data: Data, as_json: AsJson = False) -> None:
    """List the requests that stand, and how far each came; those that were withdrawn stand no more."""
    from ledger.disposal import clearings

    with spoken_errors(), opened(data) as house:
        found, streams = list(progress(house.ledger)), clearings(house.ledger)
    if as_json:
        print_json({"forgettings": [*map(_as_json, found), *map(_clearing_as_json, streams)]})
        return
    for one in found:
        out.print(f"{one.forgetting}  {_since(one)}  {_WORDS[one.state]}", markup=False)
    for asked in streams:
        since = rfc3339(asked.requested_at_us)
        out.print(f"{asked.forgetting}  {since}  level 2, {_CLEARING[_state(asked)]}", markup=False)
    count = len(found) + len(streams)
    out.print(f"{count} request{'' if count == 1 else 's'}.", markup=False)


def _state(asked: "Clearing") -> str:
    if asked.cleared:
        return "cleared"
    return REQUESTED if asked.approved_by is None else APPROVED


def _clearing_as_json(asked: "Clearing") -> dict[str, Any]:
    return {
        "forgetting": str(asked.forgetting),
        "level": 2,
        "learner": str(asked.learner),
        "state": _state(asked),
        "requested_by": asked.requested_by,
        "requested_at": rfc3339(asked.requested_at_us),
        "approved_by": asked.approved_by,
    }


def _as_json(one: Progress) -> dict[str, Any]:
    return {
        "forgetting": str(one.forgetting),
        "level": 1,
        "learner": str(one.learner),
        "state": one.state,
        "basis": one.basis,
        "authority": one.authority,
        "requested_by": one.requested_by,
        "requested_at": rfc3339(one.requested_at_us),
        "approved_by": one.approved_by,
        "approved_at": _instant(one.approved_at_us),
        "destroyed_at": _instant(one.forgotten_at_us),
        "effective_in_copies_at": _instant(one.turn and one.turn.turned_at_us),
    }


def _since(one: Progress) -> str:
    """Return since when a request is in the state that it is in."""
    since = {
        REQUESTED: one.requested_at_us,
        APPROVED: one.approved_at_us,
        DESTROYED: one.forgotten_at_us,
        EFFECTIVE: one.turn.turned_at_us if one.turn else one.approved_at_us,
    }
    return _instant(since[one.state]) or ""


def _instant(at_us: int | None) -> str | None:
    return None if at_us is None else rfc3339(at_us)


def _asked() -> str:
    """Return a number that somebody types unseen, or that comes on standard input."""
    if sys.stdin.isatty():
        return str(typer.prompt("NSN", hide_input=True, err=True))
    return sys.stdin.readline().strip()


def _signer(house: House, key: str, passphrase_file: Path | None) -> Signer:
    path = Path(key)
    if path.exists():
        return kit.load(path, passphrase=passphrase_of(passphrase_file))
    if not house.ledger.keystore.has(key):
        fail(f"{key}: there is no such file, and no key of that label is kept here", WRONG_USE)
    return house.ledger.keystore.get(key)
