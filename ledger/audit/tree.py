"""The log: leaves, tiles, head, checkpoints and anchor, from an independent frontier."""

from collections.abc import Sequence

from ledger.audit.report import Report
from ledger.database import Connection
from ledger.errors import Corrupt, LedgerError
from ledger.log.checkpoint import Checkpoint, parse_checkpoint
from ledger.log.merkle import Frontier, leaf_hash, root_of
from ledger.log.note import format_note, parse_note, verify_note
from ledger.mapper import public_state
from ledger.publisher import NO_PREVIOUS, Published
from ledger.store.anchor import Anchor
from ledger.store.readback import StoredRecord
from ledger.store.recorder import TILE_WIDTH, Head
from ledger.store.sqlite import read_head


class TreeChecks:
    """Grows the tree again from the entries and remembers the roots that were published."""

    def __init__(self, connection: Connection, report: Report) -> None:
        self._connection, self._report = connection, report
        self._frontier = Frontier()
        self._levels: list[list[bytes]] = []  # hashes of the tile that is filling up, per level
        self._tiles_seen = 0
        self._last: StoredRecord | None = None
        self._wanted = {size for (size,) in connection.execute("SELECT size FROM checkpoint")}
        self._signed = set(self._wanted)
        self.roots: dict[int, bytes] = {0: root_of([])}

    @property
    def size(self) -> int:
        """Records taken in so far."""
        return self._frontier.size

    def take(self, batch: Sequence[StoredRecord]) -> None:
        """Add the leaves of a batch."""
        for record in batch:
            if record.position != self.size + 1:
                self._report.add(
                    "position", f"record {record.position}", f"follows record {self.size}: some are missing"
                )
                return
            leaf = leaf_hash(record.entry)
            if leaf != record.leaf:
                self._report.add("leaf", f"record {record.position}", "the leaf is not that of its entry")
            self._frontier.append(leaf)
            self._fill(0, leaf)
            self._last = record
            if self.size in self._wanted:
                self.roots[self.size] = self._frontier.root()

    def _fill(self, level: int, value: bytes) -> None:
        if level == len(self._levels):
            self._levels.append([])
        filling = self._levels[level]
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
            self._check_head(read_head(self._connection))
        (tiles,) = self._connection.execute("SELECT COUNT(*) FROM tile").fetchone()
        if tiles != self._tiles_seen:
            self._report.add("tile", "tile", f"{tiles} tiles are stored, the tree has {self._tiles_seen}")
        (heads,) = self._connection.execute("SELECT COUNT(*) FROM head WHERE id = 0").fetchone()
        if heads != 1:
            self._report.add("head", "head", "there is not exactly one head row")

    def _check_head(self, head: Head) -> None:
        frontier = self._frontier
        if (head.size, head.root, head.frontier) != (frontier.size, frontier.root(), frontier.to_bytes()):
            self._report.add("head", "head", "size, root or frontier are not those of the records")
        if self._last is not None and head.recorded_at_us != self._last.recorded_at_us:
            self._report.add("head", "head", "the instant is not that of the newest record")

    def check_anchor(self, anchor: Anchor) -> None:
        """Check that the database holds what was published, and a checkpoint for it."""
        anchored = anchor.read()
        if anchored is None:
            if len(self.roots) > 1:
                raise Corrupt("there are checkpoints and no anchor", code="anchor")
            return
        if anchored.size > self.size:
            raise Corrupt(f"{anchored.size} records were published, {self.size} are stored", code="rollback")
        if anchored.size not in self.roots:
            raise Corrupt(f"there is no checkpoint for the published size {anchored.size}", code="anchor")
        if self.roots[anchored.size] != anchored.root:
            raise Corrupt("the published root is not that of the records", code="split")


def check_checkpoints(connection: Connection, tree: TreeChecks, report: Report) -> None:
    """Check every checkpoint: its number, size, root, its note's signature, and the chain."""
    vkeys = _log_keys(connection)
    previous, last_number, last_size = NO_PREVIOUS, 0, 0
    for row in connection.execute(
        "SELECT number, size, root, previous, note FROM checkpoint ORDER BY number"
    ):
        published = Published(*row)
        report.checkpoints += 1
        with report.at(f"checkpoint {published.number}"):
            if published.number != last_number + 1 or published.size <= last_size:
                raise Corrupt("does not follow the one before", code="checkpoint")
            if published.previous != previous:
                raise Corrupt("does not hold the digest of the one before", code="checkpoint")
            if tree.roots.get(published.size) != published.root:
                raise Corrupt("its root is not that of the records", code="checkpoint")
            _check_note(published, vkeys)
        previous, last_number, last_size = published.digest, published.number, published.size


def _log_keys(connection: Connection) -> tuple[str, ...]:
    """Return the log's verifier keys as the founding record names them."""
    row = connection.execute("SELECT state FROM record WHERE position = 1").fetchone()
    if row is None:
        return ()
    try:
        values, _ = public_state(row[0])
        return tuple(values[5])
    except (LedgerError, IndexError, TypeError):
        return ()


def _check_note(published: Published, vkeys: tuple[str, ...]) -> None:
    note = parse_note(published.note.encode())
    if format_note(note) != published.note.encode() or len(note.signatures) != len(vkeys):
        raise Corrupt("its note carries more or less than the log's signatures", code="checkpoint")
    for vkey in vkeys:
        verify_note(note, vkey)
    body = parse_checkpoint(note.text.encode())
    if (body.size, body.root) != (published.size, published.root):
        raise Corrupt("its note is of another size or root", code="checkpoint")
    assert isinstance(body, Checkpoint)
