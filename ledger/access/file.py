"""The access log's own database: rows by day and place, found by what only their learner's key makes.

A day that is closed takes no more rows: a row that comes for it stands in the first day after it that is
open. Of what was destroyed the leaf stays, so that every path still leads to the root on record.

Source: LEDGER.md 5 (a table of their own in its own database).
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

from ledger.access.rows import EVERYBODY, Row
from ledger.clock import civil_date
from ledger.database import Connection, Database
from ledger.errors import Corrupt, Unavailable

# found_by, sealed: NULL where the row was destroyed. closed: days that take no more rows, with what is to
# be recorded of each; erased: its rows were kept long enough. span: roots over 256 rows of a closed day
# each, made from the leaves so that a path does not cost the whole day.
SCHEMA = """
CREATE TABLE IF NOT EXISTS row (
  day TEXT NOT NULL, place INTEGER NOT NULL, leaf BLOB NOT NULL, found_by BLOB, sealed BLOB,
  PRIMARY KEY (day, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS row_found ON row (found_by, day, place) WHERE found_by IS NOT NULL;
CREATE TABLE IF NOT EXISTS closed (
  day TEXT PRIMARY KEY, rows INTEGER NOT NULL, root BLOB NOT NULL, erased INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS span (
  day TEXT NOT NULL, number INTEGER NOT NULL, root BLOB NOT NULL, PRIMARY KEY (day, number)
) STRICT, WITHOUT ROWID;
"""
_INSERT = "INSERT INTO row VALUES (?,?,?,?,?)"
_NEXT_PLACE = "SELECT COALESCE(MAX(place) + 1, 0) FROM row WHERE day = ?"
_FOUND = (
    "SELECT day, place, leaf, found_by, sealed FROM row WHERE found_by = ? AND (day, place) < (?, ?)"
    " ORDER BY day DESC, place DESC LIMIT ?"
)
_ERASE = "UPDATE row SET found_by = NULL, sealed = NULL"


class Stored(NamedTuple):
    """A row with its place in the tree of its day, counted from 0."""

    day: date
    place: int
    row: Row


class AccessFile:
    """The database. Safe for many threads and processes; holds no keys."""

    def __init__(self, path: Path) -> None:
        """Open it, making it when it is missing."""
        self.database = Database(path, SCHEMA, secure_delete=True)

    def append(self, rows: Sequence[Row], at_us: int) -> None:
        """Keep rows of reads at one instant, in the order given; durable when it returns.

        Whoever comes at the same time shares the flush.

        Raises:
            Unavailable: the disk is full, or busy.
        """
        today = civil_date(at_us)

        def work(connection: Connection) -> None:
            day = open_day(connection, today)
            (place,) = connection.execute(_NEXT_PLACE, (day,)).fetchone()
            connection.executemany(_INSERT, [(day, place + number, *row) for number, row in enumerate(rows)])

        self.database.together(work, len(rows))

    def newest(self, found_by: Iterable[bytes], before: tuple[date, int], limit: int) -> list[Stored]:
        """Return the newest rows found by any of these that stand before a place, newest first."""
        day, place = before
        found = [
            Stored(date.fromisoformat(row[0]), row[1], Row(*row[2:]))
            for one in found_by
            for row in self.database.reader.execute(_FOUND, (one, day.isoformat(), place, limit))
        ]
        return sorted(found, key=lambda one: (one.day, one.place), reverse=True)[:limit]

    def erase(self, found_by: Sequence[bytes]) -> bool:
        """Destroy what rows found by these say; their leaves stay. Done again, it does nothing.

        Returns:
            False where a reader did not let go of an older state: the WAL still holds what was destroyed.
        """
        with self.database.writing() as connection:
            connection.executemany(f"{_ERASE} WHERE found_by = ?", [(one,) for one in found_by])
        return self.database.truncate_wal()

    def erase_before(self, day: date) -> int:
        """Destroy what the rows of closed days before `day` say, and return how many days they were."""
        count = 0
        while True:
            with self.database.writing() as connection:
                row = connection.execute(
                    "SELECT day FROM closed WHERE day < ? AND NOT erased ORDER BY day LIMIT 1",
                    (day.isoformat(),),
                ).fetchone()
                if row is None:
                    return count
                connection.execute(f"{_ERASE} WHERE day = ?", row)
                connection.execute("UPDATE closed SET erased = 1 WHERE day = ?", row)
            count += 1

    def close(self) -> None:
        """Close the file."""
        self.database.close()


def open_day(connection: Connection, today: date) -> str:
    """Return the day that a row of today stands in: a later one where today is closed already.

    Raises:
        Corrupt: (`access`) what is closed is no day.
        Unavailable: (`clock`) a day beyond tomorrow is closed: clock or file are not right, and rows of
            many days would stand in one.
    """
    (newest,) = connection.execute("SELECT MAX(day) FROM closed").fetchone()
    if newest is None or newest < today.isoformat():
        return today.isoformat()
    try:
        closed = date.fromisoformat(newest)
    except ValueError as error:
        raise Corrupt("the access log has closed what is no day", code="access") from error
    if closed > today + timedelta(days=1):
        raise Unavailable("the clock is behind the days that the access log has closed", code="clock")
    return (closed + timedelta(days=1)).isoformat()


def both(own: bytes, others: bytes, *, with_own: bool) -> tuple[bytes, ...]:
    """Return what a learner's rows are found by, those about everybody among them."""
    return (own, others, EVERYBODY) if with_own else (others, EVERYBODY)
