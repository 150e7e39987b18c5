"""Every byte of somebody's static log: bundles, tiles, partial tiles, checkpoint, and what entries say.

The tree is made again from the entries, bundle by bundle, and each stored tile compared with it.
Where a bundle and its tile differ, the hash one level up says which of them the log stands by. So
a fault is told once, at its place, and the rest is still looked at; memory holds one tile a level.

Source: C2SP tlog-tiles, tlog-checkpoint; LEDGER.md 3, 5.
"""

from dataclasses import dataclass, field
from typing import Any

from ledger.errors import LedgerError, Malformed
from ledger.log.checkpoint import Checkpoint
from ledger.log.merkle import HASH_BYTES, Frontier, leaf_hash, root_of
from ledger.log.tiles import TILE_WIDTH, Tile, parse_entry_bundle, path_of
from ledger.log_keys import FollowedLogKeys
from ledger.monitor.authentic import hashes_in, sized
from ledger.monitor.entries import parse_entry
from ledger.monitor.findings import Findings
from ledger.monitor.source import LogSource
from ledger.monitor.trusted import Trusted, check_own_keys, read_checkpoint

LEDGER, OPAQUE = "ledger", "opaque"  # what entries are: a ledger's records, or nobody's business


@dataclass(slots=True)
class Checked:
    """What was looked at and found."""

    findings: Findings = field(default_factory=Findings)
    checkpoint: Checkpoint | None = None
    entries: int = 0
    public: int = 0
    tiles: int = 0
    keys: str = "given"  # or `own`: those that the log's founding names; or `none`

    def as_json(self) -> dict[str, Any]:
        """Return the result as `roa fsck --json` prints it."""
        at = self.checkpoint
        return {
            **self.findings.as_json(),
            "origin": None if at is None else at.origin,
            "size": None if at is None else at.size,
            "root": None if at is None else at.root.hex(),
            "entries": self.entries,
            "public": self.public,
            "tiles": self.tiles,
            "keys": self.keys,
        }


def fsck(source: LogSource, trusted: Trusted, *, entries: str = LEDGER) -> Checked:
    """Look at every tile, entry bundle and entry under the newest checkpoint of a log.

    Args:
        source: where it lies.
        trusted: whose signatures must stand under the checkpoint. Where it is empty, or names a key of
            the log's own, all that its records have in force at that size must.
        entries: `ledger`, a ledger's records, or `opaque`, of which only hashes are checked.
    """
    result = Checked()
    try:
        data = source.checkpoint()
    except LedgerError as error:
        result.findings.add(error.code, "checkpoint", str(error))
        return result
    seen = read_checkpoint(data, trusted, result.findings, "checkpoint")
    if seen is None:
        return result
    result.checkpoint = seen.checkpoint
    walk = _Walk(source, seen.checkpoint, result, entries)
    walk.run()
    own = walk.log_keys.keys
    if trusted.is_empty:
        result.keys = "own" if own else "none"
    if own and trusted.asks_for(own):
        with result.findings.at("checkpoint"):
            check_own_keys(seen, own)
    return result


class _Walk:
    """Makes the tree again, one bundle after another."""

    def __init__(self, source: LogSource, checkpoint: Checkpoint, result: Checked, entries: str) -> None:
        self._source, self._at, self._result, self._entries = source, checkpoint, result, entries
        self._findings = result.findings
        self._frontier = Frontier()  # over roots of full level-0 tiles
        self._above: list[list[bytes]] = []  # hashes of the tile that fills up, for levels 1, 2, …
        self._known = True  # whether every leaf so far is
        self.log_keys = FollowedLogKeys()

    def run(self) -> None:
        full, width = divmod(self._at.size, TILE_WIDTH)
        for number in range(full):
            leaves = self._leaves(number, TILE_WIDTH)
            self._rise(number, self._promised(number) if leaves is None else root_of(leaves))
        tail = self._leaves(full, width) if width else []
        self._edge()
        self._check_root(tail)

    # -------------------------------------------------------------- entries and level 0

    def _leaves(self, number: int, width: int) -> list[bytes] | None:
        """Return the leaf hashes under one level-0 tile, None where neither bundle nor tile has them."""
        bundle = self._bundle(number, width)
        stored = self._stored(Tile(0, number, width))
        if bundle is None or stored is None or bundle == stored:
            return stored if bundle is None else bundle
        # They differ: what the log committed to one level up, or in its root, is what it stands by.
        if self._stands_by(number, stored):
            self._findings.add(
                "bundle", path_of(Tile(None, number, width)), "does not hold the entries of its tile"
            )
            return stored
        self._findings.add("tile", path_of(Tile(0, number, width)), "is not what the entries under it make")
        return bundle

    def _bundle(self, number: int, width: int) -> list[bytes] | None:
        tile = Tile(None, number, width)
        with self._findings.at(path_of(tile)):
            found = parse_entry_bundle(self._source.get(tile))
            if len(found) != width:
                raise Malformed(f"holds {len(found)} entries and not {width}", code="bundle-size")
            if self._entries == LEDGER:
                for position, entry in enumerate(found, number * TILE_WIDTH + 1):
                    self._entry(position, entry)
            self._result.entries += width
            return list(map(leaf_hash, found))
        return None

    def _entry(self, position: int, data: bytes) -> None:
        with self._findings.at(f"record {position}"):
            entry = parse_entry(data)
            if entry is None:
                return
            self._result.public += 1
            event = entry.event(position)
            self.log_keys.take(event, position)

    def _stored(self, tile: Tile) -> list[bytes] | None:
        with self._findings.at(path_of(tile)):
            found = sized(self._source, tile)
            self._result.tiles += 1
            return list(hashes_in(found))
        return None

    def _stands_by(self, number: int, leaves: list[bytes]) -> bool:
        if len(leaves) == TILE_WIDTH:
            return self._promised(number) == root_of(leaves)
        return self._whole(leaves) == self._at.root

    def _promised(self, number: int) -> bytes | None:
        """Return the hash that stands one level up for a level-0 tile; what is wrong there is told later."""
        above, place = divmod(number, TILE_WIDTH)
        width = min(TILE_WIDTH, self._at.size // TILE_WIDTH - above * TILE_WIDTH)
        try:
            return sized(self._source, Tile(1, above, width))[place * HASH_BYTES :][:HASH_BYTES]
        except LedgerError:
            return None

    # -------------------------------------------------------------- the levels above

    def _rise(self, number: int, root: bytes | None) -> None:
        if root is None:
            self._known, root = False, bytes(HASH_BYTES)
        self._frontier.append(root)
        self._fill(1, number, root)

    def _fill(self, level: int, number: int, value: bytes) -> None:
        if level > len(self._above):
            self._above.append([])
        filling = self._above[level - 1]
        filling.append(value)
        if len(filling) == TILE_WIDTH:
            above = number // TILE_WIDTH
            self._compare(Tile(level, above), filling)
            self._fill(level + 1, above, root_of(filling))
            filling.clear()

    def _edge(self) -> None:
        """Compare the partial tiles at the right edge, above level 0."""
        for level, hashes in enumerate(self._above, 1):
            if hashes:
                number = (self._at.size >> 8 * level) // TILE_WIDTH
                self._compare(Tile(level, number, len(hashes)), hashes)

    def _compare(self, tile: Tile, hashes: list[bytes]) -> None:
        stored = self._stored(tile)
        if stored is not None and stored != hashes:
            self._findings.add("tile", path_of(tile), "is not what the tiles under it make")

    # -------------------------------------------------------------- the root

    def _whole(self, tail: list[bytes]) -> bytes:
        last = Frontier()
        last.extend(tail)
        nodes = self._frontier.to_bytes() + last.to_bytes()
        return Frontier.from_bytes(self._frontier.size * TILE_WIDTH + len(tail), nodes).root()

    def _check_root(self, tail: list[bytes] | None) -> None:
        if tail is None or not self._known:
            # Where it was only not answered, that was told at its place, and the root may well be right.
            if not self._findings.unanswered:
                self._findings.add(
                    "root", "checkpoint", "cannot be checked: entries and their tiles are missing"
                )
        elif self._whole(tail) != self._at.root:
            self._findings.add("root", "checkpoint", "the entries do not make the root that was signed")
