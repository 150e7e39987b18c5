"""The tree of a day: closed when the day is over, then its root goes into the public log.

The order is: the day takes no more rows, its root is recorded, it is published. A stop between any two
leaves a closed day without a record, which the next who looks records. A day whose record is there
already is never recorded again, whatever the file has become: then an audit finds the difference.

Rows are hashed in spans of 256, so that a path costs one span and the roots of the others, never the day.

Source: LEDGER.md 5; RFC 6962 §2.1.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from ledger.access.file import AccessFile, Stored
from ledger.application import Consequence, Ledger
from ledger.clock import civil_date
from ledger.database import Connection
from ledger.domain.access import AccessDayClosed
from ledger.errors import Corrupt, Stale
from ledger.ids import public_id
from ledger.log.merkle import MemoryTree, root_of

SPAN = 256
STEPS = ("closed", "recorded")
_LEAVES = "SELECT leaf FROM row WHERE day = ? AND place >= ? AND place < ? ORDER BY place"
_SPANS = "SELECT root FROM span WHERE day = ? ORDER BY number"
_OVER = "SELECT day, COUNT(*) FROM row WHERE day < ? AND day > ? GROUP BY day ORDER BY day"


class Closed(NamedTuple):
    """What the public log says of a day, and at which position."""

    position: int
    rows: int
    root: bytes


class Place(NamedTuple):
    """Where a row stands in the tree of its day: `number` is its leaf index, `path` begins at the leaf."""

    number: int
    path: tuple[bytes, ...]
    closed: Closed


def leaf_spans(connection: Connection, day: str, rows: int) -> Iterator[list[bytes]]:
    """Yield the leaves of a day in spans of 256, as they are stored."""
    for first in range(0, rows, SPAN):
        yield [leaf for (leaf,) in connection.execute(_LEAVES, (day, first, first + SPAN))]


def span_roots(connection: Connection, day: str, rows: int) -> list[bytes]:
    """Return the roots of the spans of a day; the root over them is that of the day."""
    return [root_of(leaves) for leaves in leaf_spans(connection, day, rows)]


class Days:
    """Closes days, and knows where their roots stand."""

    def __init__(self, ledger: Ledger, file: AccessFile) -> None:
        self._ledger, self._file = ledger, file
        self._closed_upto: date | None = None  # every day before is closed and recorded, as far as known here

    def close(self, *, at_step: Callable[[str], None] = lambda _name: None) -> int:
        """Close every day that is over and record its root; return how many were recorded now.

        What a stop, or an old copy of the ledger, left without a record is made up at the first call.

        Args:
            at_step: called with the name of each of STEPS when it is durable, for crash tests.

        Raises:
            Unavailable: clock, disk, or writing has stopped: what is not done is done when asked again.
        """
        today = civil_date(self._ledger.clock.now_us())
        if self._closed_upto == today:
            return 0
        self._close_before(today)
        at_step("closed")
        missing = list(self._without_record())
        for consequence in missing:
            # Each by itself: where another process was first, the others are recorded all the same.
            try:
                self._ledger.note([consequence])
            except Stale:
                continue
            at_step("recorded")
        self._closed_upto = today
        return len(missing)

    def _close_before(self, today: date) -> None:
        """Let no more rows into days that are over."""
        with self._file.database.writing() as connection:
            (newest,) = connection.execute("SELECT COALESCE(MAX(day), '') FROM closed").fetchone()
            over = connection.execute(_OVER, (today.isoformat(), newest)).fetchall()
            for day, rows in over:
                roots = span_roots(connection, day, rows)
                connection.executemany(
                    "INSERT INTO span VALUES (?,?,?)",
                    [(day, number, one) for number, one in enumerate(roots)],
                )
                connection.execute(
                    "INSERT INTO closed (day, rows, root) VALUES (?,?,?)", (day, rows, root_of(roots))
                )

    def _without_record(self) -> Iterator[Consequence]:
        closed = self._file.database.reader.execute(
            "SELECT day, rows, root FROM closed ORDER BY day"
        ).fetchall()
        recorded = self.recorded(date.fromisoformat(day) for day, *_ in closed)
        for text, rows, root in closed:
            day = date.fromisoformat(text)
            if day not in recorded:
                fields = {"day": day, "rows": rows, "root": root}
                yield Consequence(_stream(day), AccessDayClosed, fields, follows=0)

    def recorded(self, days: Iterable[date]) -> dict[date, Closed]:
        """Return what the public log says of these days; those that it knows nothing of are absent."""
        wanted = {_stream(day): day for day in days}
        found = {}
        for stream, stored in self._ledger.store.newest_of_each(list(wanted)).items():
            event: Any = self._ledger.mapper.to_domain_event(stored)
            if not isinstance(event, AccessDayClosed):
                raise Corrupt("the stream of a day holds something else", code="access")
            found[wanted[stream]] = Closed(stored.id, event.rows, event.root)
        return found

    def places(self, rows: Sequence[Stored]) -> list[Place | None]:
        """Return where each row stands in the tree of its day, None where the day is not recorded yet."""
        closed = self.recorded({row.day for row in rows})
        trees = {day: _DayTree(self._file.database.reader, day, one) for day, one in closed.items()}
        return [trees[row.day].place(row.place) if row.day in trees else None for row in rows]


class _DayTree:
    """Paths in the tree of one day; what was read for one row serves the next."""

    def __init__(self, connection: Connection, day: date, closed: Closed) -> None:
        self._connection, self._day, self._closed = connection, day.isoformat(), closed
        self._spans: dict[int, MemoryTree] = {}
        roots = [root for (root,) in connection.execute(_SPANS, (self._day,))]
        if len(roots) != -(-closed.rows // SPAN):
            roots = span_roots(connection, self._day, closed.rows)  # an old copy was put back
        self._above = MemoryTree(roots)

    def place(self, index: int) -> Place:
        """Return where row `index` stands; Corrupt where the day has lost rows since it was closed."""
        number, within = divmod(index, SPAN)
        if number not in self._spans:
            leaves = self._connection.execute(_LEAVES, (self._day, number * SPAN, number * SPAN + SPAN))
            self._spans[number] = MemoryTree(leaf for (leaf,) in leaves)
        try:
            path = self._spans[number].inclusion_path(within) + self._above.inclusion_path(number)
        except IndexError as error:
            raise Corrupt("the access log has lost rows of a day that is closed", code="access") from error
        return Place(index, tuple(path), self._closed)


def _stream(day: date) -> UUID:
    return public_id("access", day)
