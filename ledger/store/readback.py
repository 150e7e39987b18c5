"""Reading records back as they are stored, to check them or to prove them.

What was computed when a record was written is never trusted here: entry and leaf are made again
from the stored state, and the statement's leaf from the submission that carried it.

Source: LEDGER.md 3, 5 (publisher step 2), 7.
"""

from collections.abc import Iterator
from typing import NamedTuple
from uuid import UUID

from ledger.database import Connection
from ledger.domain.base import PUBLIC
from ledger.domain.registry import EVENTS
from ledger.errors import Corrupt
from ledger.log.merkle import HASH_BYTES
from ledger.mapper import LedgerStoredEvent, commitments_of

_COLUMNS = "position, stream, version, topic, state, recorded_at_us, entry, leaf, submission, row, gone"


class StoredRecord(NamedTuple):
    """One row of `record`, every column as stored."""

    position: int
    stream: bytes
    version: int
    topic: str
    state: bytes | None
    recorded_at_us: int
    entry: bytes
    leaf: bytes
    submission: int | None
    row: int | None
    gone: str | None

    @property
    def event(self) -> LedgerStoredEvent:
        """The record as the mapper knows one."""
        return LedgerStoredEvent(
            UUID(bytes=self.stream),
            self.version,
            self.topic,
            self.state or b"",
            self.recorded_at_us,
            row=self.row,
        )


def records(connection: Connection, first: int, last: int) -> Iterator[StoredRecord]:
    """Yield the rows of positions first … last."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM record WHERE position >= ? AND position <= ? ORDER BY position",
        (first, last),
    )
    for row in rows:
        yield StoredRecord(*row)


class StatementLeaves:
    """The leaves of statements, by submission number and row; one submission is kept at a time."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._number: int | None = None
        self._hashes = b""

    def of(self, record: StoredRecord) -> bytes | None:
        """Return the leaf of the statement a record rests on, None where it rests on none."""
        if record.submission is None or record.row is None:
            return None
        if record.submission != self._number:
            found = self._connection.execute(
                "SELECT leaf_hashes FROM submission WHERE number = ?", (record.submission,)
            ).fetchone()
            self._number, self._hashes = record.submission, found[0] if found else b""
        leaf = self._hashes[record.row * HASH_BYTES : record.row * HASH_BYTES + HASH_BYTES]
        if len(leaf) != HASH_BYTES or record.row < 0:
            raise Corrupt(
                f"the submission of record {record.position} does not hold its statement", code="submission"
            )
        return leaf


def entry_of(record: StoredRecord, leaf: bytes | None) -> bytes:
    """Return the log entry that a record's stored state makes."""
    event_class = EVENTS.get(record.topic)
    if event_class is None:
        raise Corrupt(f"record {record.position} has an unknown topic", code="topic")
    event = record.event
    if event_class.PRIVACY is PUBLIC:
        public = LedgerStoredEvent(
            event.originator_id, event.originator_version, event.topic, event.state, public=True
        )
        return public.entry(record.recorded_at_us)
    private = LedgerStoredEvent(
        event.originator_id,
        event.originator_version,
        event.topic,
        event.state,
        commitments=commitments_of(event, leaf),
    )
    return private.entry(record.recorded_at_us)
