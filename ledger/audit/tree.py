"""The log: leaves, tiles, head, checkpoints and anchor, grown again tile by tile from the entries."""

from bisect import bisect_right
from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

from ledger.audit.report import Report
from ledger.audit.rows import RecordRow, text
from ledger.database import Connection
from ledger.errors import Corrupt
from ledger.log.checkpoint import Checkpoint, parse_checkpoint
from ledger.log.cosignature import verify_signed
from ledger.log.merkle import Frontier, root_of
from ledger.log.note import format_note, parse_note, parse_vkey
from ledger.log.tiles import TILE_WIDTH
from ledger.publisher import NO_PREVIOUS, Published
from ledger.store.recorder import Head
from ledger.store.sqlite import read_head


class PublishedLog(NamedTuple):
    """What the founding record says of the log, and what lies at the anchor's place, read before the rest.

    origin: empty where the founding record cannot be read.
    anchored: size and root published last.
    signed: the newest signed checkpoint there; None, or older than the anchor, where a stop
        interrupted a publication.
    """

    origin: str
    vkeys: tuple[str, ...]
    anchored: Checkpoint | None
    signed: Checkpoint | None


class TreeChecks:
    """Grows the tree again and remembers the roots at the sizes that were published."""

    def __init__(self, connection: Connection, report: Report, published: PublishedLog) -> None:
        """Remember roots at the sizes that were published, and those of the checkpoints stored."""
        self._connection, self._report = connection, report
        self._tiles, self._tail = Frontier(), Frontier()  # over roots of full tiles; within the tile begun
        self._above: list[list[bytes]] = []  # hashes of the tile that is filling up, for levels 1, 2, …
        self._tiles_seen = 0
        self._last_us = 0
        sizes = {size for (size,) in connection.execute("SELECT size FROM checkpoint")}
        anchored = (one.size for one in (published.anchored, published.signed) if one is not None)
        self._stops = sorted(sizes.union(anchored))
        self.roots: dict[int, bytes] = {}

    @property
    def size(self) -> int:
        """Records taken in so far."""
        return self._tiles.size * TILE_WIDTH + self._tail.size

    def frontier(self) -> Frontier:
        """Return the frontier of everything taken in: that over the full tiles, then that within the last."""
        return Frontier.from_bytes(self.size, self._tiles.to_bytes() + self._tail.to_bytes())

    def take(self, batch: Sequence[RecordRow]) -> None:
        """Add the leaves of a batch; every batch but the last is of whole tiles."""
        # Positions ascend and none comes twice, so the two ends tell whether one is missing between.
        if (batch[0][0], batch[-1][0]) != (self.size + 1, self.size + len(batch)):
            self._find_gap(batch)
        leaves = [sha256(b"\x00" + row[6]).digest() for row in batch]
        for row, leaf in zip(batch, leaves, strict=True):
            if row[7] != leaf:
                self._report.add("leaf", f"record {row[0]}", "the leaf is not that of its entry")
        for at in range(0, len(leaves), TILE_WIDTH):
            self._grow(leaves[at : at + TILE_WIDTH])
        self._last_us = batch[-1][5]

    def _find_gap(self, batch: Sequence[RecordRow]) -> None:
        for expected, row in enumerate(batch, self.size + 1):
            if row[0] != expected:
                self._report.add("position", f"record {row[0]}", f"stands where record {expected} belongs")
                return

    def _grow(self, leaves: list[bytes]) -> None:
        first = self.size
        stops = self._stops[bisect_right(self._stops, first) : bisect_right(self._stops, first + len(leaves))]
        if len(leaves) == TILE_WIDTH and not stops[:-1] and stops in ([], [first + TILE_WIDTH]):
            self._full_tile(leaves, root_of(leaves))
        else:
            for leaf in leaves:
                self._tail.append(leaf)
                if self.size in stops and self._tail.size < TILE_WIDTH:
                    self.roots[self.size] = self.frontier().root()
            if self._tail.size == TILE_WIDTH:
                root, self._tail = self._tail.root(), Frontier()
                self._full_tile(leaves, root)
        if stops and stops[-1] == self.size:
            self.roots[self.size] = self.frontier().root()

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
            number = (self.size >> (8 * (level + 1))) - 1
            self._check_tile(level, number, b"".join(filling))
            self._fill(level + 1, root_of(filling))
            filling.clear()

    def _check_tile(self, level: int, number: int, hashes: bytes) -> None:
        row = self._connection.execute(
            "SELECT hashes FROM tile WHERE level = ? AND number = ?", (level, number)
        ).fetchone()
        self._tiles_seen += row is not None
        if row is None or row[0] != hashes:
            self._report.add("tile", f"tile {level}/{number}", "is not what the records make")

    def finish(self) -> None:
        """Check the head and that there are no tiles but those of the tree."""
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


# ------------------------------------------------------------------ what was published


def check_anchor(tree: TreeChecks, published: PublishedLog, report: Report) -> None:
    """Check that the database holds what was published; `tree` is grown to its end."""
    _, _, anchored, signed = published
    if not published.origin:
        return  # reported already: without the founding record nobody knows whose anchor this is
    if anchored is None:
        if tree.roots or signed is not None:
            report.add("anchor", "anchor", "there are checkpoints, and the anchor is missing")
        return
    if anchored.size > tree.size:
        report.add("rollback", "anchor", f"{anchored.size} records were published, {tree.size} are stored")
    elif tree.roots.get(anchored.size) != anchored.root:
        report.add("split", "anchor", "the published root is not that of the records")
    if signed is not None and signed.size > anchored.size:
        report.add("anchor", "anchor", "a larger checkpoint was signed: an old anchor was put back")


def check_checkpoints(
    connection: Connection, tree: TreeChecks, published: PublishedLog, report: Report
) -> None:
    """Check every checkpoint: number, size, root, signatures, chain; and that none is missing."""
    previous, last_number, last_size = NO_PREVIOUS, 0, 0
    for number, size, root, before, note in connection.execute(
        "SELECT number, size, root, previous, note FROM checkpoint ORDER BY number"
    ):
        one = Published(number, size, root, before, text(note))
        report.checkpoints += 1
        with report.at(f"checkpoint {number}"):
            if number != last_number + 1 or size <= last_size:
                raise Corrupt("does not follow the one before", code="checkpoint")
            if before != previous:
                raise Corrupt("does not hold the digest of the one before", code="checkpoint")
            if tree.roots.get(size) != root:
                raise Corrupt("its root is not that of the records", code="checkpoint")
            _check_note(one, published)
        last_number, last_size, previous = number, size, NO_PREVIOUS
        with report.at(f"checkpoint {number}"):
            previous = one.digest
    _, _, anchored, signed = published
    if signed is not None and last_size < signed.size:
        report.add("checkpoint", "checkpoint", f"the one of size {signed.size}, which was signed, is missing")
    if anchored is not None and last_size > anchored.size:
        report.add(
            "anchor", "anchor", f"a checkpoint of size {last_size} was signed: an old anchor was put back"
        )


def _check_note(one: Published, published: PublishedLog) -> None:
    note = parse_note(one.note.encode())
    if format_note(note) != one.note.encode() or len(note.signatures) != len(published.vkeys):
        raise Corrupt("its note carries more or less than the log's signatures", code="checkpoint")
    for vkey in published.vkeys:
        verify_signed(note, parse_vkey(vkey))
    if parse_checkpoint(note.text.encode()) != Checkpoint(published.origin, one.size, one.root):
        raise Corrupt("its note is of another log, size or root", code="checkpoint")
