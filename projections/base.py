"""What every view has in common: tables of one generation, a position, and records folded in batches.

Views live in a file of their own. The tables of a view carry the number of their generation, and
one row says which generation is served. A rebuild fills a new generation beside the old one and
then moves that row, so nobody reads half a view. A view's position is written with its rows, in
the same transaction: no record is folded twice, and none is left out.

Views hold open fields, positions and ids. What is sealed stays sealed until a page or a document
is made of it: see `Unsealer`.

Source: ARCHITECTURE.md 4, LEDGER.md 4 (nothing outside vault and jobs stores a sealed field in clear).
"""

import json
import re
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.persistence import IntegrityError, Tracking, TrackingRecorder
from eventsourcing.projection import Projection

from ledger.clock import microseconds
from ledger.database import Connection, Database
from ledger.domain.base import LedgerEvent
from ledger.errors import Unavailable
from ledger.mapper import unseal
from ledger.privacy.sealing import SubjectKey
from ledger.store.sqlite import LedgerRecorder

APPLICATION = "ledger"  # whose positions views follow
# A number is never given twice, so an interrupted rebuild cannot mistake another's tables for its own.
SCHEMA = """
CREATE TABLE IF NOT EXISTS generation (
  number INTEGER PRIMARY KEY AUTOINCREMENT, view TEXT NOT NULL, version INTEGER NOT NULL,
  served INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS generation_served ON generation (view) WHERE served = 1;
CREATE TABLE IF NOT EXISTS tracking (
  number INTEGER NOT NULL, application TEXT NOT NULL, position INTEGER NOT NULL,
  PRIMARY KEY (number, application)
) STRICT, WITHOUT ROWID;
"""
# Changes no row when the position is not a new one, or the generation has been dropped.
_TRACK = (
    "INSERT INTO tracking SELECT number, ?2, ?3 FROM generation WHERE number = ?1"
    " ON CONFLICT DO UPDATE SET position = excluded.position WHERE excluded.position > tracking.position"
)
# What `track` refuses a position with; the library's name for it.
NotForward = IntegrityError

_TABLE = re.compile(r"CREATE (?:VIRTUAL )?TABLE \{(\w+)\}")

Row = tuple[Any, ...]
Values = Sequence[Any] | Mapping[str, Any]
_Made = TypeVar("_Made")


def open_views(path: Path) -> Database:
    """Open the file of the views, making it when it is missing."""
    return Database(path, SCHEMA)


@contextmanager
def snapshot(database: Database) -> Iterator[Connection]:
    """Hold one moment of every view for this thread; a snapshot inside another is the same moment."""
    connection = database.reader
    if connection.in_transaction:
        yield connection
        return
    connection.execute("BEGIN")
    # The moment is that of the first read, so there is one now.
    connection.execute("SELECT 1 FROM generation").fetchone()
    try:
        yield connection
    finally:
        connection.execute("ROLLBACK")


def standing(connection: Connection) -> int | None:
    """Return the position of the views that are served, whatever their version; None when none is."""
    row = connection.execute(
        "SELECT MAX(COALESCE(position, 0)) FROM generation g"
        " LEFT JOIN tracking t ON t.number = g.number AND application = ? WHERE served = 1",
        (APPLICATION,),
    ).fetchone()
    return None if row[0] is None else int(row[0])


class Rows:
    """The tables of one generation inside a transaction: `{award}` in a query names its award table."""

    __slots__ = ("_connection", "_names")

    def __init__(self, connection: Connection, names: Mapping[str, str]) -> None:
        self._connection, self._names = connection, names

    def all(self, query: str, values: Values = ()) -> list[Row]:
        """Return every row of a query."""
        return self._connection.execute(query.format_map(self._names), values).fetchall()

    def one(self, query: str, values: Values = ()) -> Row | None:
        """Return the first row of a query, None when there is none."""
        row: Row | None = self._connection.execute(query.format_map(self._names), values).fetchone()
        return row

    def count(self, query: str, values: Values = ()) -> int:
        """Return the number that a query counts."""
        row = self.one(query, values)
        assert row is not None, "a count has a row"
        return int(row[0])

    def write(self, query: str, rows: Iterable[Row]) -> None:
        """Run a statement once for each row of values."""
        self._connection.executemany(query.format_map(self._names), rows)


class View(TrackingRecorder):
    """The tables of one view, of the generation that is served or of one that is being built.

    NAME: in tables and commands. VERSION: of tables and folding together; a view of another version
    is rebuilt before it is read. SCHEMA: statements that make the tables, each ended by a semicolon.
    tables: their names, in the order of the schema.
    """

    NAME: ClassVar[str]
    VERSION: ClassVar[int]
    SCHEMA: ClassVar[str]
    tables: ClassVar[tuple[str, ...]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Read the names of the tables from the schema."""
        super().__init_subclass__(**kwargs)
        cls.tables = tuple(_TABLE.findall(cls.SCHEMA))

    def __init__(self, database: Database, number: int | None = None) -> None:
        """Read and write the generation of that number; the one that is served when it is None."""
        self.database = database
        self._number = number

    # -------------------------------------------------------------- reading

    def number(self, connection: Connection) -> int:
        """Return the number of this generation; Unavailable while no generation is served."""
        if self._number is not None:
            return self._number
        row = connection.execute(
            "SELECT number FROM generation WHERE view = ? AND version = ? AND served = 1",
            (self.NAME, self.VERSION),
        ).fetchone()
        if row is None:  # or a newer program has built it, and what this one folds is not for its tables
            raise Unavailable(f"the view {self.NAME} has not been built by this version", code="view")
        return int(row[0])

    def rows(self, connection: Connection) -> Rows:
        """Return the tables as the connection's transaction sees them."""
        return Rows(connection, self.table_names(self.number(connection)))

    @contextmanager
    def reading(self) -> Iterator[Rows]:
        """Hold one moment of this view."""
        with snapshot(self.database) as connection:
            yield self.rows(connection)

    def position(self, connection: Connection) -> int:
        """Return the position of the newest record that these tables take into account, 0 for none."""
        return self._tracked(connection, APPLICATION) or 0

    @classmethod
    def table_names(cls, number: int) -> dict[str, str]:
        """Return what the tables of a generation are called."""
        return {table: f"{cls.NAME}_{table}_{number}" for table in cls.tables}

    # -------------------------------------------------------------- generations

    @classmethod
    def create(cls, connection: Connection) -> int:
        """Make the empty tables of a new generation, not served yet, and return its number."""
        number = connection.execute(
            "INSERT INTO generation (view, version, served) VALUES (?,?,0)", (cls.NAME, cls.VERSION)
        ).lastrowid
        assert number is not None
        names = cls.table_names(number)
        for statement in cls.SCHEMA.strip().removesuffix(";").split(";"):
            # One by one: a script would end the transaction it runs in.
            connection.execute(statement.format_map(names))
        return int(number)

    @classmethod
    def serve(cls, connection: Connection, number: int) -> None:
        """Let readers see that generation from this transaction on; NotForward when it was dropped."""
        connection.execute("UPDATE generation SET served = 0 WHERE view = ?", (cls.NAME,))
        if connection.execute("UPDATE generation SET served = 1 WHERE number = ?", (number,)).rowcount != 1:
            raise NotForward("this generation has been dropped")

    @classmethod
    def drop_unserved(cls, connection: Connection) -> None:
        """Remove generations that were replaced, or whose building was interrupted."""
        found = connection.execute(
            "SELECT number FROM generation WHERE view = ? AND served = 0", (cls.NAME,)
        ).fetchall()
        # What is dropped is overwritten: it may be of records that are cleared by now.
        connection.execute("PRAGMA secure_delete=ON")
        for (number,) in found:
            # Tables of a version we no longer know are found by name.
            for (table,) in connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB ?",
                (f"{cls.NAME}_*_{number}",),
            ).fetchall():
                connection.execute(f'DROP TABLE "{table}"')
            connection.execute("DELETE FROM tracking WHERE number = ?", (number,))
            connection.execute("DELETE FROM generation WHERE number = ?", (number,))

    @classmethod
    def is_served(cls, connection: Connection) -> bool:
        """Return whether a generation of this very version is served."""
        row = connection.execute(
            "SELECT 1 FROM generation WHERE view = ? AND served = 1 AND version = ?", (cls.NAME, cls.VERSION)
        ).fetchone()
        return row is not None

    # -------------------------------------------------------------- tracking

    def track(self, connection: Connection, tracking: Tracking) -> None:
        """Move the position inside a transaction; IntegrityError unless it moves forward."""
        values = (self.number(connection), tracking.application_name, tracking.notification_id)
        if connection.execute(_TRACK, values).rowcount != 1:
            raise NotForward(f"position {tracking.notification_id} was folded before")

    def insert_tracking(self, tracking: Tracking) -> None:
        """Move the position without writing rows; IntegrityError unless it moves forward."""
        with self.database.writing() as connection:
            self.track(connection, tracking)

    def max_tracking_id(self, application_name: str) -> int | None:
        """Return the newest position taken into account, None before the first."""
        with snapshot(self.database) as connection:
            return self._tracked(connection, application_name)

    def _tracked(self, connection: Connection, application_name: str) -> int | None:
        row = connection.execute(
            "SELECT position FROM tracking WHERE number = ? AND application = ?",
            (self.number(connection), application_name),
        ).fetchone()
        return None if row is None else int(row[0])


class Writes:
    """What the records of a batch write: new rows of every table first, then updates, each in log order.

    So an update finds the rows that records before it made; it must itself leave alone what records
    after it made.
    """

    __slots__ = ("_rows",)

    def __init__(self, names: Iterable[str]) -> None:
        self._rows: dict[str, list[Row]] = {name: [] for name in names}

    def insert(self, table: str, *values: Any) -> None:
        """Add a row to a table, every column in order; see `stored` for what a value may be."""
        self._rows[table].append(stored(values))

    def update(self, name: str, *values: Any) -> None:
        """Run the named statement of the projection with these values."""
        self._rows[name].append(stored(values))

    def run(self, rows: Rows, updates: Mapping[str, str]) -> None:
        """Write everything."""
        for name, values in self._rows.items():
            if values:
                insert = f"INSERT INTO {{{name}}} VALUES ({','.join('?' * len(values[0]))})"  # noqa: S608 - a table of ours
                rows.write(updates.get(name, insert), values)


Handler = Callable[[Writes, int, Any], None]
Handlers = Mapping[type[LedgerEvent], Handler]
Updates = Mapping[str, str]


class ViewProjection(Projection[View]):
    """How records become the rows of a view.

    VIEW: the class of its tables. HANDLERS: event class to the function (writes, position, event) that
    says what a record writes. UPDATES: statements by name, in the order in which those of one batch run.
    """

    VIEW: ClassVar[type[View]]
    HANDLERS: ClassVar[Handlers]
    UPDATES: ClassVar[Updates] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Derive the library's name and topics from what the class declares."""
        cls.name = cls.VIEW.NAME
        cls.topics = tuple(event_class.TOPIC for event_class in cls.HANDLERS)
        super().__init_subclass__(**kwargs)

    @singledispatchmethod
    def process_event(self, domain_event: LedgerEvent, tracking: Tracking) -> None:
        """Fold one record in a transaction of its own; IntegrityError when it was folded before."""
        with self.view.database.writing() as connection:
            self.fold(connection, [(tracking.notification_id, domain_event)], tracking)

    def fold(
        self, connection: Connection, events: Iterable[tuple[int, LedgerEvent]], tracking: Tracking
    ) -> None:
        """Write what a batch of records says, and the position it leads to, inside a transaction.

        Args:
            connection: in a write transaction on the views' file.
            events: (position, event), ascending; only of topics that this view wants.
            tracking: the position up to which every record was looked at.

        Raises:
            IntegrityError: (library) the position is not a new one.
        """
        self.view.track(connection, tracking)
        writes = Writes((*self.VIEW.tables, *self.UPDATES))
        for position, event in events:
            self.HANDLERS[type(event)](writes, position, event)
        writes.run(self.view.rows(connection), self.UPDATES)


# ------------------------------------------------------------------ values


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


_STORED: dict[type, Callable[[Any], Any]] = {
    UUID: lambda value: value.bytes,
    date: date.isoformat,
    datetime: microseconds,
    tuple: _json,
}
_LOADED: dict[Any, Callable[[Any], Any]] = {
    UUID: lambda value: UUID(bytes=value),
    date: date.fromisoformat,
    bool: bool,
    tuple: lambda value: _tuples(json.loads(value)),
}


def stored(values: Iterable[Any]) -> Row:
    """Return values as columns hold them: ids as bytes, days as ISO text, instants as µs, tuples as JSON."""
    # A list first: a generator would cost half as much again, for every record that is folded.
    return tuple(
        [value if (convert := _STORED.get(type(value))) is None else convert(value) for value in values]
    )


def loaded(made: type[_Made], row: Row) -> _Made:
    """Return a dataclass whose first fields are the columns of a row, converted by their annotations."""
    kind: Any = made  # mypy takes no class of a type variable for hashable
    values = (
        value if convert is None or value is None else convert(value)
        for convert, value in zip(_converters(kind), row, strict=False)
    )
    return made(*values)


@cache
def _converters(made: type) -> tuple[Callable[[Any], Any] | None, ...]:
    return tuple(_LOADED.get(_kind(hint)) for hint in get_type_hints(made).values())


def _kind(hint: Any) -> Any:
    if get_origin(hint) in (Union, types.UnionType):
        (hint,) = (arg for arg in get_args(hint) if arg is not type(None))
    return get_origin(hint) or hint


# ------------------------------------------------------------------ what is sealed


class Keys(Protocol):
    """Whose key seals what: the vault."""

    def keys(self, subjects: Iterable[UUID]) -> Mapping[UUID, SubjectKey]:
        """Return the keys of these subjects; a forgotten one is absent."""
        ...


class Unsealer:
    """Opens the sealed fields of records at the moment they are shown; nothing is kept."""

    def __init__(self, store: LedgerRecorder, keys: Keys) -> None:
        self._store, self._keys = store, keys

    def __call__(self, subject: UUID, positions: Iterable[int]) -> dict[int, dict[str, Any]]:
        """Return position to sealed fields, all of one subject; nothing once it was forgotten.

        Raises:
            Corrupt: a record does not open under its subject's key.
        """
        key = self._keys.keys([subject]).get(subject)
        if key is None:
            return {}
        return {record.id: unseal(record, key).fields for record in self._store.records_at(positions)}
