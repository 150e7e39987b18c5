"""`roa restore`: going on after an old copy of the database was put back."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from api.cli.console import (
    ROLLBACK,
    WRONG_USE,
    AsJson,
    Data,
    fail,
    out,
    print_json,
    settings_of_environment,
    spoken_errors,
)
from api.house import close_house, files_of, module_of, open_house, passphrase_of
from api.settings import Settings
from ledger import restore as restoring
from ledger.application import Ledger
from ledger.domain.forgetting import LEVEL_SEALED, ForgettingCounted
from ledger.errors import LedgerError
from ledger.files import LedgerFiles

COUNTS_AT_ONCE = 1000
SUBMISSIONS_SHOWN = 20  # the file and --json have all of them
NOTHING, BEHIND, DONE = "nothing-missing", "rollback", "restored"


def restore(
    data: Data,
    accept_lost: Annotated[
        bool, typer.Option("--accept-lost", help="Go on without what cannot be read back.")
    ] = False,
    as_json: AsJson = False,
    backup: Annotated[
        Path | None, typer.Option("--from", help="Folder of one backup, to be put into a new folder.")
    ] = None,
    keys: Annotated[
        Path | None, typer.Option(help="With --from: folder of private keys and epoch file, from elsewhere.")
    ] = None,
    trust: Annotated[
        Path | None, typer.Option(help="With --from: trust file whose log keys must have signed.")
    ] = None,
    vkey: Annotated[
        list[str] | None, typer.Option(help="With --from: a key of the log that must have signed.")
    ] = None,
    without_anchor: Annotated[
        bool, typer.Option("--without-anchor", help="With --from: the anchor is lost, begin a new one.")
    ] = False,
) -> None:
    """Go on from an old copy of the database: read back what is public, account for what is lost.

    Without --accept-lost it only says what would be lost, and exits with 3. Stop the server first.
    With --from a backup is put into a new folder, and started there.
    """
    if backup is not None:
        from api.cli.backup_commands import From, restore_from
        from api.cli.watchers import trusted_by

        if keys is None or accept_lost:
            fail("--from goes with --keys, and without --accept-lost, which comes after it", WRONG_USE)
        told = From(backup, keys, trusted_by(trust, None, vkey), without_anchor)
        restore_from(data, told, as_json=as_json)
        return
    if keys is not None or trust is not None or vkey or without_anchor:
        fail("--keys, --trust, --vkey and --without-anchor go with --from", WRONG_USE)
    settings = settings_of_environment()
    with spoken_errors():
        files = _files(data, settings)
        ledger = Ledger(files, passphrase_of(files, settings), module=module_of(settings))
        try:
            found = _restored(ledger) if accept_lost else _planned(ledger)
        finally:
            ledger.close()
    published = _publish(data, settings) if found["state"] == DONE else None
    if as_json:
        print_json(found if published is None else {**found, "checkpoint": published})
    else:
        _say(found, data)
    if found["state"] == BEHIND:
        raise typer.Exit(ROLLBACK)


def _files(data: Path, settings: Settings) -> LedgerFiles:
    """Return the files of a ledger, of which the database may be gone; wrong use where there is none."""
    files = files_of(data, settings)
    if not files.exists and not files.epoch.exists():
        fail(f"there is no ledger in {data}", WRONG_USE)
    return files


def _planned(ledger: Ledger) -> dict[str, Any]:
    plan = restoring.plan_restore(ledger)
    return _named(ledger, {"state": BEHIND if plan.missing else NOTHING, **plan.as_json()})


def _restored(ledger: Ledger) -> dict[str, Any]:
    done = restoring.restore(ledger, accept_lost=True)
    if not done.plan.missing:
        return {"state": NOTHING, **done.as_json()}
    file = ledger.files.out / restoring.RECEIPTS_FILE
    forgotten = _forgotten(ledger, done.plan.stored)
    return _named(ledger, {"state": DONE, **done.as_json(), "file": str(file), "forgotten": forgotten})


def _forgotten(ledger: Ledger, stored: int) -> int:
    """Return how many learners were forgotten by records that were lost: only their counts are public."""
    topics, at, found = (ForgettingCounted.TOPIC,), stored, 0
    while counts := ledger.store.select_notifications(at + 1, COUNTS_AT_ONCE, topics=topics):
        events = map(ledger.mapper.to_domain_event, counts)
        found += sum(event.learners for event in events if event.level == LEVEL_SEALED)
        at = counts[-1].id
    return found


def _named(ledger: Ledger, found: dict[str, Any]) -> dict[str, Any]:
    """Add how people call the organisations of lost receipts: number or body code."""
    register = ledger.register()
    for one in found["receipts"]:
        organisation = register.organisation(UUID(one["organisation"]))
        one["label"] = organisation.label if organisation else None
    return found


def _publish(data: Path, settings: Settings) -> int | None:
    """Build the views again and publish what the restore had to say; return the size of the checkpoint."""
    with spoken_errors():
        house = open_house(data, settings)
        try:
            house.catch_up()
            house.issuer.write_trust()
            served = house.publisher.served()
        except LedgerError as error:
            fail(f"everything is restored and durable; publishing it did not go well: {error}")
        finally:
            close_house(house)
    return None if served is None else served.size


# ------------------------------------------------------------------ in words


def _say(found: Mapping[str, Any], data: Path) -> None:
    if found["state"] == NOTHING:
        _print(f"The database holds all {found['published']} published records: nothing is missing.")
        return
    done = found["state"] == DONE
    held, back, gone = ("held", "read back", "is") if done else ("holds", "to be read back", "would be")
    _print(f"The database {held} {found['stored']} records, {found['published']} were published.")
    _print(f"Missing: positions {found['first']} to {found['last']}. Public ones {back}: {found['public']}.")
    _print(f"Private ones whose content {gone} lost: {found['lost']}. Their entries stay in the log.")
    for one in found["status_lists"]:
        _print(
            f"Status list {one['issuer']}/{one['status_list']}: revocations that it showed {gone} lost."
            f" How many nobody can tell: the bits of position {one['position']} cannot be made any more."
        )
    if found["status_lists"]:
        _print("Say these revocations again at once: until then what was revoked counts.")
    _say_receipts(found["receipts"])
    if done:
        _print(f"The log says so at position {found['told_at']}, and goes on from there.")
        if found["forgotten"]:
            _print(f"Learners who were forgotten meanwhile: {found['forgotten']}. What said who is lost.")
            _print("Where vault.sqlite is an old copy too, they are back: have it requested again for them.")
        _print("Start the server again: one that was running meanwhile goes on reading only.")
        _print(f"Lost receipts: {found['file']}. Tell these organisations to post the same again.")
    else:
        _print("Nothing was changed. Look for a newer copy of ledger.sqlite first.")
        _print(f"To go on without what is lost: roa restore --data {data} --accept-lost")


def _say_receipts(receipts: Sequence[Mapping[str, Any]]) -> None:
    """Say which submissions are affected, a line for each."""
    groups = [
        (label or organisation, submission, list(rows))
        for (label, organisation, submission), rows in groupby(
            receipts, key=lambda one: (one["label"], one["organisation"], one["submission"])
        )
    ]
    _print(f"Acknowledged rows among them, as far as it is known here: {len(receipts)}.")
    for organisation, submission, rows in groups[:SUBMISSIONS_SHOWN]:
        numbers, positions = [one["row"] for one in rows], [one["position"] for one in rows]
        _print(
            f"  {organisation}  submission {submission}  {len(rows)} rows from {min(numbers)} to"
            f" {max(numbers)}, positions {min(positions)} to {max(positions)}"
        )
    if len(groups) > SUBMISSIONS_SHOWN:
        _print(f"  and {len(groups) - SUBMISSIONS_SHOWN} more submissions: --json has all of them")


def _print(text: str) -> None:
    out.print(text, markup=False)
