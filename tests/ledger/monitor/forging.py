"""Logs as an operator with the real keys could forge them: another history, an older one, a lying record."""

import shutil
from pathlib import Path
from typing import Any

from ledger.clock import microseconds
from ledger.domain.base import LedgerEvent
from ledger.files import LedgerFiles
from ledger.founding import log_signer
from ledger.keys.keystore import KeyStore
from ledger.log.checkpoint import Checkpoint
from ledger.log.merkle import MemoryTree, leaf_hash
from ledger.log.note import parse_vkey
from ledger.log.tiles import entry_bundle, path_of, tiles_of
from ledger.mapper import store_public
from ledger.monitor.authentic import AuthenticLog
from ledger.monitor.findings import Findings
from ledger.monitor.source import folder
from ledger.monitor.trusted import Trusted, read_checkpoint
from tests.support.ledgers import PASSPHRASE, House
from tests.support.world import MIDDAY, ORIGIN


def trusted(house: House) -> Trusted:
    """The log's keys, known from elsewhere."""
    return Trusted(keys=tuple(map(parse_vkey, house.ledger.founding.log_keys)))


def entries_of(house: House) -> list[bytes]:
    """Return every entry of a published log."""
    findings = Findings()
    seen = read_checkpoint(
        house.files.anchor.joinpath("checkpoint").read_bytes(), trusted(house), findings, ""
    )
    assert seen is not None
    return [entry for _, entry in AuthenticLog(folder(house.files.anchor), seen.checkpoint).entries()]


def write_log(place: Path, entries: list[bytes], files: LedgerFiles) -> str:
    """Write a whole static log of these entries, signed with the real keys; return its checkpoint."""
    shutil.rmtree(place, ignore_errors=True)
    levels = [list(map(leaf_hash, entries))]
    while len(levels[-1]) >= 256:
        below = levels[-1]
        levels.append(
            [MemoryTree(below[at : at + 256]).root() for at in range(0, len(below) // 256 * 256, 256)]
        )
    for tile in tiles_of(len(entries)):
        first, last = tile.number * 256, tile.number * 256 + tile.width
        target = place / path_of(tile)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(
            entry_bundle(entries[first:last])
            if tile.level is None
            else b"".join(levels[tile.level][first:last])
        )
    root = MemoryTree(levels[0]).root()
    signer = log_signer(KeyStore(files.keys, PASSPHRASE), ORIGIN)
    note = signer.sign(Checkpoint(ORIGIN, len(entries), root), microseconds(MIDDAY) // 1_000_000)
    (place / "checkpoint").write_text(note)
    return note


def entry_of(event: LedgerEvent, recorded_at_us: int) -> bytes:
    """Return the public entry of an event, whatever it says."""
    return store_public(event).entry(recorded_at_us)


def changed(event: Any, **values: Any) -> Any:
    """Return a copy of an event with other values."""
    copy = object.__new__(type(event))
    object.__setattr__(copy, "__dict__", {**vars(event), **values})
    return copy
