"""The log's tree: leaves, tiles and head, grown again tile by tile from the entries."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from hashlib import sha256

from ledger.audit.report import Report
from ledger.audit.rows import TreeRow
from ledger.database import Connection, DatabaseError
from ledger.errors import Corrupt
from ledger.log.merkle import HASH_BYTES, Frontier, root_of
from ledger.log.tiles import LEVEL_BITS, TILE_WIDTH
from ledger.store.recorder import Head, tile_root
from ledger.store.sqlite import read_head


class TreeChecks:
    """Grows the tree again and remembers the roots at the sizes that somebody named."""

    def __init__(
        self, connection: Connection, report: Report, stops: Iterable[int], *, begin: int = 0
    ) -> None:
        """Begin with nothing, or with the stored tiles of the first `begin` records.

        Args:
            connection: the ledger's.
            report: gets the findings.
            stops: sizes whose roots are wanted.
            begin: a multiple of 256. What the tiles below it hold is taken as it stands: only a root
                that is grown from there, and was signed, makes it true.

        Raises:
            Corrupt: a tile below `begin` is missing, or has not its size.
        """
        self._connection, self._report = connection, report
        self._tiles, self._tail = Frontier(), Frontier()  # over roots of full tiles; within the tile begun
        self._above: list[list[bytes]] = []  # hashes of the tile that is filling up, for levels 1, 2, …
        self._tiles_seen = 0
        self._taken = begin
        self._ahead = 0  # how far positions are ahead of the records there are: each gap is reported once
        self._waiting: list[bytes] = []  # leaves of a tile that is not whole yet
        self._last_us = 0
        self._stops = sorted(stops)
        self.roots: dict[int, bytes] = {}
        if begin:
            self._resume(begin // TILE_WIDTH)

    def _resume(self, tiles: int) -> None:
        level, count, parts = 0, tiles, []
        while count:
            self._tiles_seen += count
            first = count - count % TILE_WIDTH
            filling = [self._root_of_stored(level, number) for number in range(first, count)]
            self._above.append(filling)
            parts.append(_frontier_of(filling))
            level, count = level + 1, count >> LEVEL_BITS
        self._tiles = Frontier.from_bytes(tiles, b"".join(reversed(parts)))

    def _root_of_stored(self, level: int, number: int) -> bytes:
        hashes = self._stored(level, number)
        if hashes is None or len(hashes) != TILE_WIDTH * HASH_BYTES:
            raise Corrupt(f"tile {level}/{number} is missing, or not whole", code="tile")
        return tile_root(hashes)

    @property
    def size(self) -> int:
        """Records taken in so far, those before the beginning counted."""
        return self._taken

    def frontier(self) -> Frontier:
        """Return the frontier of what was grown: that over the full tiles, then that within the last."""
        grown = self._tiles.size * TILE_WIDTH + self._tail.size
        return Frontier.from_bytes(grown, self._tiles.to_bytes() + self._tail.to_bytes())

    def take(self, batch: Sequence[TreeRow]) -> None:
        """Add the leaves of a batch."""
        # Positions ascend and none comes twice, so the two ends tell whether one is missing between.
        expected = self._taken + 1 + self._ahead
        if (batch[0][0], batch[-1][0]) != (expected, expected + len(batch) - 1):
            self._find_gaps(batch)
        leaves = [sha256(b"\x00" + row[1]).digest() for row in batch]
        for row, leaf in zip(batch, leaves, strict=True):
            if row[2] != leaf:
                self._report.add("leaf", f"record {row[0]}", "the leaf is not that of its entry")
        self._taken += len(batch)
        self._last_us = batch[-1][3]
        waiting = self._waiting + leaves if self._waiting else leaves
        whole = len(waiting) - len(waiting) % TILE_WIDTH
        for at in range(0, whole, TILE_WIDTH):
            self._grow(waiting[at : at + TILE_WIDTH])
        self._waiting = waiting[whole:]

    def _find_gaps(self, batch: Sequence[TreeRow]) -> None:
        for expected, row in enumerate(batch, self._taken + 1):
            if row[0] != expected + self._ahead:
                self._ahead = row[0] - expected
                self._report.add("position", f"record {row[0]}", f"stands where record {expected} belongs")

    def _grow(self, leaves: list[bytes]) -> None:
        first = self._tiles.size * TILE_WIDTH
        last = first + len(leaves)
        stops = self._stops[bisect_right(self._stops, first) : bisect_right(self._stops, last)]
        if len(leaves) == TILE_WIDTH and not stops[:-1] and stops in ([], [last]):
            self._full_tile(leaves, root_of(leaves))
        else:
            for size, leaf in enumerate(leaves, first + 1):
                self._tail.append(leaf)
                if size in stops and self._tail.size < TILE_WIDTH:
                    self.roots[size] = self.frontier().root()
            if self._tail.size == TILE_WIDTH:
                root, self._tail = self._tail.root(), Frontier()
                self._full_tile(leaves, root)
        if stops and stops[-1] == last:
            self.roots[last] = self.frontier().root()

    def _full_tile(self, leaves: list[bytes], root: bytes) -> None:
        self._check_tile(0, self._tiles.size, b"".join(leaves))
        self._tiles.append(root)
        self._fill(1, root)

    def _fill(self, level: int, value: bytes) -> None:
        if level > len(self._above):
            self._above.append([])
        filling = self._above[level - 1]
        filling.append(value)
        if len(filling) == TILE_WIDTH:
            number = (self._tiles.size >> (LEVEL_BITS * level)) - 1
            self._check_tile(level, number, b"".join(filling))
            self._fill(level + 1, root_of(filling))
            filling.clear()

    def _check_tile(self, level: int, number: int, hashes: bytes) -> None:
        stored = self._stored(level, number)
        self._tiles_seen += stored is not None
        if stored != hashes:
            self._report.add("tile", f"tile {level}/{number}", "is not what the records make")

    def _stored(self, level: int, number: int) -> bytes | None:
        try:
            row = self._connection.execute(
                "SELECT hashes FROM tile WHERE level = ? AND number = ?", (level, number)
            ).fetchone()
        except DatabaseError:
            return None  # what cannot be read is not there
        return None if row is None else bytes(row[0])

    def finish(self) -> None:
        """Take in the tile that is begun; check the head, and that there are no tiles but the tree's."""
        if self._waiting:
            self._grow(self._waiting)
        with self._report.at("head"):
            if self._connection.execute("SELECT id FROM head").fetchall() != [(0,)]:
                self._report.add("head", "head", "there is not exactly one head row")
            self._check_head(read_head(self._connection))
        (tiles,) = self._connection.execute("SELECT COUNT(*) FROM tile").fetchone()
        if tiles != self._tiles_seen:
            self._report.add("tile", "tile", f"{tiles} tiles are stored, the tree has {self._tiles_seen}")

    def _check_head(self, head: Head) -> None:
        frontier = self.frontier()
        if (head.size, head.root, head.frontier) != (frontier.size, frontier.root(), frontier.to_bytes()):
            self._report.add("head", "head", "size, root or frontier are not those of the records")
        if head.recorded_at_us != self._last_us:
            self._report.add("head", "head", "the instant is not that of the newest record")


def _frontier_of(hashes: Sequence[bytes]) -> bytes:
    frontier = Frontier()
    frontier.extend(hashes)
    return frontier.to_bytes()
