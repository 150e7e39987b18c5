"""Putting back what was published and is not in the database any more, inside one transaction.

Public records come back whole from their entries. Of a private record only the entry was ever
public: its row keeps position, entry and leaf, so that every proof holds, and says `gone = 'lost'`.

Source: LEDGER.md 5 (`restore --accept-lost`).
"""

from collections.abc import Sequence
from itertools import count
from typing import Any

from ledger.database import Connection
from ledger.domain.claims import Claim
from ledger.errors import Corrupt
from ledger.privacy.commitments import PublicEntry
from ledger.store.recorder import Head, Submission
from ledger.store.sqlite import LedgerRecorder, read_head, submission_number, swap_head

LOST = "lost"
_NO_STREAM = b""  # with the position as its version a lost record is nobody's, and unique
_NO_TOPIC = ""
_INSERT = "INSERT INTO record VALUES (?,?,?,?,?,?,?,?,?,?,?)"
_BATCH = 1000

Row = tuple[Any, ...]


class Import:
    """Rows on their way back into the database, in order of position."""

    def __init__(self, store: LedgerRecorder, connection: Connection) -> None:
        """Begin inside a write transaction on the store's database."""
        self._store, self._connection = store, connection
        self.head = read_head(connection)
        self._recorded_at_us, self._authority = self.head.recorded_at_us, self.head.authority
        self._versions: dict[bytes, int] = {}
        self._rows: list[Row] = []
        self._positions = count(self.head.size + 1)

    def submission(self, submission: Submission) -> int:
        """Return the number of a submission, keeping it where it is not kept yet."""
        number = submission_number(self._connection, submission)
        assert number is not None
        return number

    def add_public(
        self,
        record: PublicEntry,
        entry: bytes,
        leaf: bytes,
        place: tuple[int, int] | None,
        *,
        takes: Sequence[Claim],
        authority: bool,
    ) -> None:
        """Put a public record back.

        Args:
            record: what its entry says.
            entry: the entry.
            leaf: its leaf hash.
            place: number of the submission and row in it; None where not all of that is known.
            takes: what it holds that may be held once.
            authority: whether decisions rest on it.

        Raises:
            Corrupt: it is not the next record of its stream, or was recorded before the one ahead.
        """
        position = next(self._positions)
        if record.recorded_at_us < self._recorded_at_us:
            raise Corrupt(f"entry {position} was recorded before the one ahead of it", code="anchor")
        if record.version != self._next_version(record.stream.bytes):
            raise Corrupt(f"entry {position} is not the next record of its stream", code="anchor")
        self._recorded_at_us = record.recorded_at_us
        self._authority = position if authority else self._authority
        number, row = place or (None, None)
        at = (position, record.stream.bytes, record.version, record.topic, record.state)
        self._add((*at, record.recorded_at_us, entry, leaf, number, row, None))
        self._connection.executemany(
            "INSERT INTO taken VALUES (?,?,?)", [(claim.kind, claim.key, position) for claim in takes]
        )

    def add_lost(self, entry: bytes, leaf: bytes) -> None:
        """Keep the place of a private record whose content is lost.

        When it was recorded is lost too: the row says when the record before it was.
        """
        position = next(self._positions)
        at = (position, _NO_STREAM, position, _NO_TOPIC, None)
        self._add((*at, self._recorded_at_us, entry, leaf, None, None, LOST))

    def finish(self, size: int, root: bytes, frontier: bytes) -> Head:
        """Insert full tiles and the head of what is there now, and return that."""
        self._flush()
        assert next(self._positions) == size + 1, "every record was put back"
        head = Head(size, root, frontier, self._authority, self._recorded_at_us)
        self._store.insert_tiles(self._connection, self.head.size, size)
        swap_head(self._connection, self.head, head)
        return head

    def _next_version(self, stream: bytes) -> int:
        if stream not in self._versions:
            row = self._connection.execute(
                "SELECT MAX(version) FROM record WHERE stream = ?", (stream,)
            ).fetchone()
            self._versions[stream] = row[0] or 0
        self._versions[stream] += 1
        return self._versions[stream]

    def _add(self, row: Row) -> None:
        self._rows.append(row)
        if len(self._rows) == _BATCH:
            self._flush()

    def _flush(self) -> None:
        self._connection.executemany(_INSERT, self._rows)
        self._rows.clear()
