"""`roa backup`, and `roa restore --from`: a ledger's copies, and a ledger out of one of them."""

import os
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from api.cli.console import (
    REFUSED,
    ROLLBACK,
    SPLIT,
    WRONG_USE,
    AsJson,
    Data,
    fail,
    opened,
    out,
    print_json,
    settings_of_environment,
    spoken_errors,
)
from api.house import House, close_house, files_of, module_of, open_house, passphrase_of
from ledger.application import Ledger
from ledger.audit import Report, audit
from ledger.backup import (
    BY_ITSELF,
    OWN_KEY,
    TRUSTED,
    PutBack,
    begin_anchor,
    put_back,
    read_manifest,
    shelf,
    take,
)
from ledger.errors import Rollback, Split
from ledger.files import LedgerFiles
from ledger.keys.keystore import KeyStore
from ledger.monitor.trusted import Trusted
from ledger.store.anchor import Anchor

RESTORED = "restored"
_VOUCHED = {
    TRUSTED: "A key of the log that you named has signed its checkpoint: what was published is as it was.",
    OWN_KEY: "The receipt key that signed it is among your keys.",
    BY_ITSELF: (
        "Nobody but the backup vouches for it: it agrees with itself, and so would one that somebody made up."
        " Name a key of the log (--vkey, --trust) to be sure."
    ),
}


def backup(
    data: Data,
    to: Annotated[Path, typer.Option("--to", help="Folder of backups, on another disk.")],
    as_json: AsJson = False,
) -> None:
    """Copy a ledger, running or not, into a new folder: checked, signed, and never with its keys."""
    with spoken_errors(), opened(data, writes=True) as house:
        done = take(house.ledger, to)
        manifest = done.manifest
        closed = [str(one.folder) for one in shelf(to, manifest.origin) if one.is_closed(manifest.epoch)]
        waiting = house.ledger.vault.destroyed_since_turn()
    size = sum(one.size for one in manifest.files)
    if as_json:
        names = [one.name for one in manifest.files]
        print_json(
            {
                "folder": str(done.folder),
                "made_at": manifest.made_at,
                "size": manifest.size,
                "root": manifest.root.hex(),
                "epoch": manifest.epoch,
                "files": names,
                "bytes": size,
                "closed": closed,
                "forgotten_since_turn": waiting,
            }
        )
        return
    _print(f"{manifest.size} records as of {manifest.made_at}: {len(manifest.files)} files, {size} bytes.")
    _print(f"In {done.folder}, checked and signed.")
    _print("Not in it: keys, epoch file and passphrase, nor the anchor. Keep copies of those elsewhere.")
    _print(f"It opens in epoch {manifest.epoch} only: take another after every turn of the epoch.")
    if waiting:
        _print(f"Learners forgotten since the last turn: {waiting}. Older backups still hold their keys.")
    if closed:
        _print(f"From before the last turn, closed for everybody, to be deleted: {', '.join(closed)}")


class From(NamedTuple):
    """What `roa restore --from` was told.

    backup: folder of one backup. keys: folder of private keys and epoch file.
    """

    backup: Path
    keys: Path
    trusted: Trusted
    without_anchor: bool


def restore_from(data: Path, told: From, *, as_json: bool) -> None:
    """Put a backup in place of a new folder, start it as ever, and audit it.

    Exit 3 or 4 where the anchor says that more, or something else, was published; 1 for findings.
    """
    settings = settings_of_environment()
    place = data.resolve()
    stands_there = Path.cwd() == place
    with spoken_errors():
        files = files_of(data, settings)
        anchor = _anchor_of(files, told)
        passphrase = passphrase_of(files, settings, told.keys)
        keystore = KeyStore(told.keys, passphrase, module_of(settings))
        done = put_back(told.backup, files, told.keys, keystore, passphrase, told.trusted)
        if stands_there:
            os.chdir(place)  # the empty folder gave way to another of its name: what is relative starts there
        if anchor == "begun":
            ledger = Ledger(files, passphrase, module=module_of(settings))
            try:
                begin_anchor(ledger.store, files.anchor, done.manifest.origin)
            finally:
                ledger.close()
        house = open_house(data, settings)
        try:
            found = _started(house, done, anchor)
        finally:
            close_house(house)
    if as_json:
        print_json(found)
    else:
        _say(found, done, data)
        if stands_there:
            _print(f"The folder that you are in gave way to it: cd {place}")
    codes = {Rollback.code: ROLLBACK, Split.code: SPLIT}
    if found["state"] != RESTORED:
        raise typer.Exit(codes.get(found["state"], REFUSED))
    if not found["audit"]["ok"]:
        raise typer.Exit(REFUSED)


def _started(house: House, done: PutBack, anchor: str) -> dict[str, Any]:
    """Return what came of the start: the anchor compared, views made, everything audited."""
    manifest, report = done.manifest, Report()
    if house.fault is None:
        house.views.catch_up()
        report = audit(house.ledger)
        house.issuer.write_trust()
    return {
        "state": RESTORED if house.fault is None else house.fault.code,
        "made_at": manifest.made_at,
        "size": manifest.size,
        "epoch": manifest.epoch,
        "vouched_by": done.vouched_by,
        "kid": done.kid,
        "anchor": anchor,
        "fault": None if house.fault is None else str(house.fault),
        "audit": report.as_json(),
    }


def _anchor_of(files: LedgerFiles, told: From) -> str:
    """Return whether there is an anchor to go on from; wrong use where that has to be said first."""
    place = files.anchor
    there = Anchor.origin_at(place) is not None or (place / "checkpoint").exists()
    if there and told.without_anchor:
        fail(f"there is an anchor in {place}: leave --without-anchor out", WRONG_USE)
    if there:
        return "found"
    if read_manifest(told.backup).manifest.checkpoint is None:
        return "none"
    if not told.without_anchor:
        fail(
            f"there is no anchor in {place}: set ROA_ANCHOR to where it is. If it is lost, ask witnesses and"
            " mirrors for the size that they have seen; if it is not beyond the backup's, --without-anchor",
            WRONG_USE,
        )
    return "begun"


def _say(found: dict[str, Any], done: PutBack, data: Path) -> None:
    _print(f"{found['size']} records as of {found['made_at']} are in place in {data}.")
    _print(f"Signed by {done.kid}. {_VOUCHED[done.vouched_by]}")
    if found["state"] != RESTORED:
        _print(f"Reading only: {found['fault']}.")
        _print(f"What would be lost, and how to go on: roa restore --data {data}")
        return
    if found["anchor"] == "begun":
        _print("Its anchor was begun anew: had more been published, witnesses will refuse to cosign.")
    report = found["audit"]
    for one in report["findings"]:
        _print(f"{one['code']} {one['where']}: {one['what']}")
    _print("Audit: clean." if report["ok"] else "Audit: findings, as above. Do not serve it.")
    if report["ok"]:
        _print(f"Next: roa publish --data {data}, then roa serve --data {data}.")


def _print(text: str) -> None:
    out.print(text, markup=False)
