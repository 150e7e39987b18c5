"""The rows an audit reads: every column as it is stored, whatever is in it.

Text is read as bytes, because what was tampered with need not be UTF-8; only the plain checks,
which say what is wrong with one record, decode it.
"""
# ruff: noqa: S608 - statements are put together from constants of the module; values are always parameters

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from ledger import database
from ledger.database import Connection, DatabaseError
from ledger.errors import Corrupt
from ledger.store.readback import StoredRecord

BATCH = 512  # two tiles: batches begin where tiles begin, and stay small beside the processor's cache

# As StoredRecord has them: position, stream, version, topic, state, recorded_at_us, entry, leaf,
# submission, row, gone.
RecordRow = tuple[
    int, bytes, int, bytes, bytes | None, int, bytes, bytes, int | None, int | None, bytes | None
]

# What the tree needs of a record: position, entry, leaf, recorded_at_us, gone.
TreeRow = tuple[int, bytes, bytes, int, bytes | None]

_COLUMNS = "position, stream, version, topic, state, recorded_at_us, entry, leaf, submission, row, gone"
_RECORDS = f"SELECT {_COLUMNS} FROM record WHERE position >= ? AND position <= ? ORDER BY position"
_BEGINNING = f"SELECT {_COLUMNS} FROM record WHERE stream = ? AND version = 1"
_TREE = (
    "SELECT position, entry, leaf, recorded_at_us, gone FROM record"
    " WHERE position >= ? AND position <= ? ORDER BY position"
)


class Span(NamedTuple):
    """Some of the records: positions `first` to `last`, both included."""

    first: int
    last: int


def open_for_audit(path: Path) -> Connection:
    """Return a connection that gives text as bytes, and cannot write."""
    connection = database.connect(path)
    connection.text_factory = bytes
    connection.execute("PRAGMA query_only=ON")
    return connection


def record_rows(connection: Connection, span: Span) -> Iterator[list[RecordRow]]:
    """Yield the rows of `record` in a span in order of position, in batches."""
    cursor = connection.execute(_RECORDS, span)
    while batch := cursor.fetchmany(BATCH):
        yield batch


def tree_rows(connection: Connection, span: Span) -> Iterator[list[TreeRow]]:
    """Yield what the tree needs of the rows in a span, in order of position, in batches."""
    cursor = connection.execute(_TREE, span)
    while batch := cursor.fetchmany(BATCH):
        yield batch


def rows_at(connection: Connection, positions: Sequence[int]) -> Iterator[RecordRow]:
    """Yield the rows of single positions, which ascend; those that cannot be read are left out."""
    for part in _slices(positions):
        query = f"SELECT {_COLUMNS} FROM record WHERE position IN ({_marks(part)}) ORDER BY position"
        try:
            found = connection.execute(query, part).fetchall()
        except DatabaseError:
            # One of them lies on a damaged page: the others need not.
            found = [row for one in part for row in _row_at(connection, one)]
        yield from found


def _row_at(connection: Connection, position: int) -> list[RecordRow]:
    try:
        return connection.execute(f"SELECT {_COLUMNS} FROM record WHERE position = ?", (position,)).fetchall()
    except DatabaseError:
        return []


def rows_of(connection: Connection, streams: Iterable[bytes], last: int) -> Iterator[RecordRow]:
    """Yield the rows of these streams up to position `last`, every stream's in order of version."""
    for part in _slices(sorted(streams)):
        query = (
            f"SELECT {_COLUMNS} FROM record WHERE stream IN ({_marks(part)}) AND position <= ?"
            " ORDER BY stream, version"
        )
        yield from connection.execute(query, (*part, last))


def _slices(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (values[at : at + database.IN_LIST_MAX] for at in range(0, len(values), database.IN_LIST_MAX))


def _marks(values: Sequence[Any]) -> str:
    return ",".join("?" * len(values))


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
