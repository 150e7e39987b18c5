"""A copy of somebody's log that never goes back: pulled in steps, checked before it is written.

Tiles and bundles come first, each flushed, the checkpoint last: a pull that is cut off leaves the
copy as it was, and the next one keeps what is there already and holds. Every checkpoint that was
pulled is kept beside the newest, under `checkpoints/`: evidence, should the log ever tell another
history. The copy signs nothing, and nothing is pushed to it.

Source: C2SP tlog-tiles. The push protocol and the signatures of C2SP tlog-mirror are not done here.
"""

import fcntl
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ledger.encoding.strict_json import parse
from ledger.errors import Absent, Corrupt, LedgerError, Malformed, Split, Unauthorised
from ledger.files import flush_folder, replace_file
from ledger.log.checkpoint import Checkpoint, parse_checkpoint
from ledger.log.merkle import HASH_BYTES
from ledger.log.note import parse_note
from ledger.log.tiles import (
    LEVEL_BITS,
    TILE_WIDTH,
    Tile,
    parse_entry_bundle,
    parse_tile_path,
    path_of,
    tiles_between,
)
from ledger.log_keys import KEY_TOPICS, FollowedLogKeys, LogKeys, log_key_json, log_key_of_json
from ledger.monitor.authentic import AuthenticLog
from ledger.monitor.entries import parse_entry
from ledger.monitor.findings import Findings
from ledger.monitor.source import LogSource, cut, folder
from ledger.monitor.trusted import Seen, Trusted, check_forward, check_own_keys, read_checkpoint

_KEYS = "log-keys.json"
_KEYS_MAX_BYTES = 16 * 1024 * 1024


@dataclass(slots=True)
class Pulled:
    """What a pull came to."""

    findings: Findings = field(default_factory=Findings)
    size_before: int = 0
    size: int | None = None
    fetched: int = 0  # files
    kept: int = 0  # files that were there already, and hold

    def as_json(self) -> dict[str, Any]:
        """Return it as `roa mirror pull --json` prints it."""
        return {
            **self.findings.as_json(),
            "size_before": self.size_before,
            "size": self.size,
            "fetched": self.fetched,
            "kept": self.kept,
        }


def pull(source: LogSource, place: Path, trusted: Trusted) -> Pulled:
    """Bring a copy up to the newest checkpoint of a log; what does not check is never written.

    Args:
        source: the log.
        place: folder of the copy; made when it is missing.
        trusted: whose signatures must stand under the first checkpoint. Where it is empty, or names a
            key of the log's own, all that its records have in force at the size must, then and later.
    """
    result = Pulled()
    place.mkdir(parents=True, exist_ok=True)
    with _turn(place), result.findings.at(source.name):
        note, before = copied(place)
        result.size_before = 0 if before is None else before.size
        known = copied_keys(place, before)
        believed = trusted if before is None else trusted.following(known)
        seen = read_checkpoint(source.checkpoint(), believed, result.findings, source.name)
        if seen is not None and result.findings.ok:
            with result.findings.at(source.name, (note, seen.text)):
                _Pull(source, place, result).run(seen, before, trusted, known)
                result.size = seen.checkpoint.size
    return result


def copied(place: Path) -> tuple[str, Checkpoint | None]:
    """Return the newest note of a copy and what it says; Corrupt when it cannot be read."""
    try:
        data = folder(place).checkpoint()
        return data.decode(), parse_checkpoint(parse_note(data).text.encode())
    except Absent:
        return "", None
    except (Malformed, UnicodeDecodeError) as error:
        raise Corrupt(f"the checkpoint of the copy in {place} cannot be read", code="mirror") from error


class _Pull:
    """One pull."""

    def __init__(self, source: LogSource, place: Path, result: Pulled) -> None:
        self._source, self._place, self._result = source, place, result
        self._local = folder(place)

    def run(self, seen: Seen, before: Checkpoint | None, trusted: Trusted, known: LogKeys) -> None:
        """Check and write everything from one checkpoint to the next."""
        at = seen.checkpoint
        if before is not None:
            check_forward(before, at)
        log = AuthenticLog(self._source, at)
        old_size = 0 if before is None else before.size
        if before is not None and log.root(old_size) != before.root:
            raise Split(f"its first {old_size} entries are others than those that were copied")
        _check_likely_keys(log, seen, old_size, trusted, known)
        keys, folders = FollowedLogKeys(known), {self._place}
        for tile in tiles_between(old_size, at.size):
            if tile.level is None:
                # The tile over a bundle is at hand then.
                data = self._bundle(log, tile)
                _take_keys(keys, tile.number, parse_entry_bundle(data), old_size)
                self._write(tile, data, folders)
                self._write(Tile(0, tile.number, tile.width), log.tile(0, tile.number), folders)
            elif tile.level:
                self._write(tile, log.tile(tile.level, tile.number), folders)
        if trusted.asks_for(keys.keys):
            check_own_keys(seen, keys.keys)
        kept = self._place / "checkpoints" / str(at.size)
        kept.parent.mkdir(exist_ok=True)
        replace_file(kept, seen.text.encode())
        for one in (*folders, kept.parent):
            flush_folder(one)
        keep_keys(self._place, at.size, keys.keys)
        # From here everything that the checkpoint promises is there.
        replace_file(self._place / "checkpoint", seen.text.encode())
        flush_folder(self._place)
        self._drop_partials(old_size, at.size)

    def _bundle(self, log: AuthenticLog, tile: Tile) -> bytes:
        """Return a bundle that was checked, from the copy where it is there already."""
        try:
            data = self._local.get(tile)
            log.check_bundle(tile.number, data)
        except LedgerError:
            data = self._source.get(tile)
            log.check_bundle(tile.number, data)
            self._result.fetched += 1
        else:
            self._result.kept += 1
        return data

    def _write(self, tile: Tile, data: bytes, folders: set[Path]) -> None:
        target = self._place / path_of(tile)
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_file(target, data)
        for one in target.parents:
            folders.add(one)
            if one == self._place:
                return

    def _drop_partials(self, old_size: int, size: int) -> None:
        """Remove partial files once the full one is there: up to then, readers may come for them."""
        for tile in tiles_between(old_size, size):
            beside = (self._place / path_of(tile._replace(width=1))).parent
            if tile.width == TILE_WIDTH and beside.exists():
                for file in beside.iterdir():
                    file.unlink()
                beside.rmdir()


# ------------------------------------------------------------------ the log's own keys


def copied_keys(place: Path, before: Checkpoint | None) -> LogKeys:
    """Return the log's own keys as the records in a copy say.

    They are kept beside the copy, for its size; where they are not, the copy's records are read again.
    """
    if before is None:
        return LogKeys()
    try:
        with (place / _KEYS).open("rb") as file:
            values = parse(file.read(_KEYS_MAX_BYTES + 1), size_max_bytes=_KEYS_MAX_BYTES)
        if values["size"] == before.size:
            return LogKeys(map(log_key_of_json, values["keys"]))
    except (OSError, Malformed, LookupError, TypeError, AttributeError):
        pass  # Whatever it was, it says nothing.
    log, found = AuthenticLog(folder(place), before), FollowedLogKeys()
    for number in range(-(-before.size // TILE_WIDTH)):
        _take_keys(found, number, log.bundle(number), 0)
    return found.keys


def keep_keys(place: Path, size: int, keys: LogKeys) -> None:
    """Keep the log's own keys beside a copy of that size."""
    values = {"size": size, "keys": [log_key_json(one) for one in keys]}
    replace_file(place / _KEYS, json.dumps(values, indent=1).encode() + b"\n")


def _check_likely_keys(log: AuthenticLog, seen: Seen, size: int, trusted: Trusted, known: LogKeys) -> None:
    """Check a checkpoint by the log's own keys before anything is written.

    As a rule they are those that are known, or the founding's. Only where these have not signed, all
    that is new is read beforehand: there may be a rotation in it. Whether there was one all the same,
    is seen once everything is read.
    """
    likely, last = FollowedLogKeys(known), -(-seen.checkpoint.size // TILE_WIDTH)
    if not known and last:
        _take_keys(likely, 0, log.bundle(0)[:1], 0)
    if not trusted.asks_for(likely.keys):
        return
    try:
        check_own_keys(seen, likely.keys)
    except (Corrupt, Malformed, Unauthorised):
        keys = FollowedLogKeys(known)
        for number in range(size // TILE_WIDTH, last):
            _take_keys(keys, number, log.bundle(number), size)
        check_own_keys(seen, keys.keys)


def _take_keys(keys: FollowedLogKeys, number: int, entries: Sequence[bytes], size: int) -> None:
    """Take in what the entries of a bundle after a size say of the log's own keys; opaque ones nothing."""
    for position, data in enumerate(entries, number * TILE_WIDTH + 1):
        with suppress(Corrupt, Malformed):  # `roa fsck` finds it; a copy holds whatever a log holds
            entry = parse_entry(data) if position > size else None
            if entry is not None and entry.topic in KEY_TOPICS:
                keys.take(entry.event(position), position)


@contextmanager
def _turn(place: Path) -> Iterator[None]:
    """Hold the one turn to write a copy; another process waits."""
    with (place / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def served(place: Path, path: str) -> tuple[bytes, bool]:
    """Return what a copy has at a path of the log, and whether that never changes.

    Raises:
        Absent: it is no path of a log, or not within the checkpoint.
        Unavailable, Malformed: the file cannot be read, or is larger than it can be.
    """
    local = folder(place)
    if path == "checkpoint":
        return local.checkpoint(), False
    try:
        tile = parse_tile_path(path)
    except Malformed as error:
        raise Absent("this is no path of a log") from error
    _, at = copied(place)
    known = 0 if at is None else at.size >> LEVEL_BITS * (tile.level or 0)
    if tile.number * TILE_WIDTH + tile.width > known:
        raise Absent("this tile is not within the checkpoint")
    return _exactly(local, tile, known), True


def _exactly(local: LogSource, tile: Tile, known: int) -> bytes:
    """Return a tile at its width, cut out of whichever wider one is there."""
    width = min(TILE_WIDTH, known - tile.number * TILE_WIDTH)
    whole = local.get(tile._replace(width=width))
    if tile.level is not None and len(whole) != width * HASH_BYTES:
        raise Absent("this tile is damaged here")
    return cut(whole, tile)
