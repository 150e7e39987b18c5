"""The rows an audit reads: every column as it is stored, whatever is in it.

Text is read as bytes, because what was tampered with need not be UTF-8; only the plain checks,
which say what is wrong with one record, decode it.
"""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from ledger import database
from ledger.database import Connection
from ledger.errors import Corrupt
from ledger.store.readback import StoredRecord

BATCH = 512  # two tiles: batches begin where tiles begin, and stay small beside the processor's cache

# As StoredRecord has them: position, stream, version, topic, state, recorded_at_us, entry, leaf,
# submission, row, gone.
RecordRow = tuple[
    int, bytes, int, bytes, bytes | None, int, bytes, bytes, int | None, int | None, bytes | None
]

_RECORDS = (
    "SELECT position, stream, version, topic, state, recorded_at_us, entry, leaf, submission, row, gone"
    " FROM record ORDER BY position"
)
_BEGINNING = (
    "SELECT position, stream, version, topic, state, recorded_at_us, entry, leaf, submission, row, gone"
    " FROM record WHERE stream = ? AND version = 1"
)


def open_for_audit(path: Path) -> Connection:
    """Return a connection that gives text as bytes."""
    connection = database.connect(path)
    connection.text_factory = bytes
    return connection


def record_rows(connection: Connection) -> Iterator[list[RecordRow]]:
    """Yield every row of `record` in order of position, in batches."""
    cursor = connection.execute(_RECORDS)
    while batch := cursor.fetchmany(BATCH):
        yield batch


def first_of(connection: Connection, stream: UUID) -> StoredRecord:
    """Return the first record of a stream; Corrupt when there is none."""
    row = connection.execute(_BEGINNING, (stream.bytes,)).fetchone()
    if row is None:
        raise Corrupt("the stream that it goes on does not begin", code="versions")
    return stored(row)


def stored(row: RecordRow) -> StoredRecord:
    """Return a row for the plain checks: a topic that is not UTF-8 is no topic of ours, and stays none."""
    position, stream, version, topic, state, at_us, entry, leaf, number, place, gone = row
    reason = None if gone is None else text(gone)
    return StoredRecord(
        position, stream, version, text(topic), state, at_us, entry, leaf, number, place, reason
    )


def text(data: bytes) -> str:
    """Return stored text; what is not UTF-8 becomes signs that match nothing."""
    return data.decode(errors="replace")
