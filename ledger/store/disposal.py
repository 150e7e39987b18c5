"""Clearing records for good: the one change of a record that the triggers let through.

Position, entry and leaf stay, so that every proof holds. Whatever else stood there becomes what can
be said of any record: no stream, no topic, the instant of the record ahead. What was there is
overwritten: in the pages of the file as the transaction is copied into it, and in the WAL when that
is cut off, which `erase` does and says whether it is done.

Source: LEDGER.md 4 (level 2).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from ledger import database
from ledger.database import Connection, DatabaseError, OperationalError
from ledger.errors import Corrupt, Stale, Unavailable
from ledger.store.sqlite import LedgerRecorder

REDACTED = "redacted"
_BEFORE_IT = "(SELECT b.recorded_at_us FROM record b WHERE b.position = record.position - 1)"
_REDACT = (
    "UPDATE record SET stream = x'', version = position, topic = '', state = NULL, submission = NULL,"
    f" row = NULL, gone = '{REDACTED}', recorded_at_us = {_BEFORE_IT} WHERE position = ? AND gone IS NULL"
)
_CARRY = f"UPDATE record SET recorded_at_us = {_BEFORE_IT} WHERE position = ? AND gone IS NOT NULL"
_UNCITED = (
    "DELETE FROM submission WHERE number = ?1 AND NOT EXISTS (SELECT 1 FROM record WHERE submission = ?1)"
)
# Copied within the file, so that memory stays as it is; in order, so that no page is split.
_WRITE_ANEW = (
    "REINDEX record_stream",
    "CREATE TABLE taken_copied AS SELECT * FROM taken",
    "DELETE FROM taken",
    "INSERT INTO taken SELECT * FROM taken_copied ORDER BY kind, key",
    "DROP TABLE taken_copied",
)
_CUT_OFF_MS = 2000


@contextmanager
def clearing(store: LedgerRecorder) -> Iterator[Connection]:
    """Hold a write transaction that overwrites what it deletes: durable when the block ends.

    Raises:
        Unavailable: the disk is full, or another process does not let go.
        Corrupt: the file is damaged.
    """
    name = store.database.path.name
    try:
        connection = database.connect(store.database.path, secure_delete=True)
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with suppress(DatabaseError):
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                raise
        finally:
            connection.close()
    except OperationalError as error:
        raise Unavailable(f"{name} cannot be written now: {error}", code="storage") from error
    except database.IntegrityError as error:
        raise Stale("another write came first") from error
    except DatabaseError as error:
        raise Corrupt(f"{name} is damaged: {error}", code="storage") from error


def redact(connection: Connection, positions: Sequence[int]) -> None:
    """Clear the records at these positions, which ascend, inside a `clearing` transaction.

    Submissions that no record cites any more go with them.

    Raises:
        Stale: one of them is not there, or is gone already.
    """
    cited = _cited(connection, positions)
    chosen = set(positions)
    # In order of position: each takes the instant of the row ahead as that stands by then.
    for position in positions:
        if connection.execute(_REDACT, (position,)).rowcount != 1:
            raise Stale("a record that was to be cleared is not there any more")
        following = position + 1
        while following not in chosen and connection.execute(_CARRY, (following,)).rowcount == 1:
            following += 1
    connection.executemany(_UNCITED, [(number,) for number in cited])


def erase(store: LedgerRecorder) -> bool:
    """Clean the file of what was cleared; return whether nothing of it is left.

    What comes in any order lies in pages that were split, and each split left copies in the unused part
    of a page: ids of streams, and what is held. So these two are written anew; of records, which come in
    order, no page is ever split. Then the WAL is copied into the file and cut off. A reader that still
    looks at an older moment keeps that from being done: try again later.
    """
    try:
        with clearing(store) as connection:
            for statement in _WRITE_ANEW:
                connection.execute(statement)
        connection = database.connect(store.database.path, secure_delete=True)
        try:
            connection.execute(f"PRAGMA busy_timeout={_CUT_OFF_MS}")
            busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            connection.close()
    except (OperationalError, Unavailable):
        return False
    return not busy


def _cited(connection: Connection, positions: Sequence[int]) -> list[int]:
    found: set[int] = set()
    for at in range(0, len(positions), database.IN_LIST_MAX):
        part = positions[at : at + database.IN_LIST_MAX]
        rows = connection.execute(
            "SELECT DISTINCT submission FROM record WHERE submission IS NOT NULL"
            f" AND position IN ({','.join('?' * len(part))})",
            tuple(part),
        )
        found.update(number for (number,) in rows)
    return sorted(found)
