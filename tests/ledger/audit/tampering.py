"""Changing a ledger database behind its back: every table and column as the schema itself lists them."""
# ruff: noqa: S608 - tables and columns come from the schema

import itertools
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ledger import database
from ledger.database import Connection
from ledger.store.sqlite import SCHEMA

GARBAGE: dict[str, tuple[str, ...]] = {  # SQL literals of every kind that a STRICT column of this type takes
    "INTEGER": ("0", "-1", "-2", "1", "300", "9223372036854775807", "-9223372036854775808"),
    "TEXT": (
        "''",
        "'garbage'",
        "CAST(x'00' AS TEXT)",
        "CAST(x'ff' AS TEXT)",
        "CAST(zeroblob(70000) AS TEXT)",
    ),
    "BLOB": ("x''", "x'00'", "x'c1'", "x'93'", "x'dd7fffffff'", "x'80'", "randomblob(33)", "zeroblob(70000)"),
}


class Column(NamedTuple):
    """One column as the schema declares it."""

    table: str
    name: str
    type: str
    key: bool
    nullable: bool


@dataclass(frozen=True)
class Change:
    """Something done to the database, in words and as SQL statements."""

    words: str
    statements: tuple[str, ...]


def columns() -> list[Column]:
    """Return every column of every table of the ledger database."""
    connection = database.in_memory()
    connection.executescript(SCHEMA)
    tables = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
    ).fetchall()
    return [
        Column(table, name, kind, bool(key), not required and not key)
        for (table,) in tables
        for _, name, kind, required, _, key in connection.execute(f"PRAGMA table_info({table})")
    ]


def tables() -> list[str]:
    """Return the names of the tables."""
    return sorted({column.table for column in columns()})


@contextmanager
def unlocked(path: Path) -> Iterator[Connection]:
    """Open a ledger database without its triggers and checks; the triggers are back exactly as they were."""
    connection = database.connect(path)
    connection.execute("PRAGMA ignore_check_constraints=ON")
    triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY rowid")
    kept = triggers.fetchall()
    connection.execute("BEGIN")
    try:
        for name, _ in kept:
            connection.execute(f"DROP TRIGGER {name}")
        yield connection
        for _, sql in kept:
            connection.execute(sql)
        connection.execute("COMMIT")
    finally:
        connection.close()


class Bench:
    """A copy of a ledger database that is tampered with and made whole again."""

    def __init__(self, original: Path, folder: Path) -> None:
        self.path = folder / "ledger.sqlite"
        self._original = original
        beside = original.with_name("access.sqlite")  # whose days the records close
        if beside.exists():
            shutil.copyfile(beside, folder / beside.name)
        self.restore()

    def restore(self) -> None:
        """Put the original back."""
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)
        shutil.copyfile(self._original, self.path)

    def apply(self, change: Change) -> bool:
        """Make a change; return whether the schema let it through and anything is different now."""
        with unlocked(self.path) as connection:
            before = _content(connection)
            connection.execute("SAVEPOINT change")
            try:
                for statement in change.statements:
                    connection.execute(statement)
            except database.IntegrityError:
                connection.execute("ROLLBACK TO change")
            return _content(connection) != before


def _content(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    connection.text_factory = bytes
    return {table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables()}


# ------------------------------------------------------------------ changes


def value_changes(connection: Connection, column: Column) -> list[Change]:
    """Return changes of single values of a column, in several rows: near misses, swaps, garbage."""
    rows = _rows(connection, column.table)
    changes = []
    for number, where in enumerate(_some(rows)):
        literals = list(_near(column))
        if number % 2 == 0:  # first, middle, last
            literals += [*GARBAGE[column.type], *(["NULL"] if column.nullable else [])]
        for literal in literals:
            words = f"{column.table}.{column.name} = {literal} where {where}"
            statement = f"UPDATE {column.table} SET {column.name} = {literal} WHERE {where}"
            changes.append(Change(words, (statement,)))
    return [*changes, *_swaps(connection, rows, column)]


def row_changes(connection: Connection, table: str) -> list[Change]:
    """Return changes of whole rows: taken away, put in twice under another key."""
    own = [column for column in columns() if column.table == table]
    rows = _rows(connection, table)
    changes = [
        Change(f"delete from {table} where {where}", (f"DELETE FROM {table} WHERE {where}",))
        for where in _some(rows)
    ]
    changes.append(Change(f"delete all of {table}", (f"DELETE FROM {table}",)))
    for where, key in itertools.product(_some(rows), [column for column in own if column.key]):
        for literal in _others(connection, key):
            chosen = ", ".join(literal if column == key else column.name for column in own)
            statement = f"INSERT INTO {table} SELECT {chosen} FROM {table} WHERE {where}"
            changes.append(Change(f"copy of {table} where {where} as {key.name} = {literal}", (statement,)))
            if table == "record":
                # Past the unique index over streams, and past the one over rows.
                statement = statement.replace(" version,", " version + 1000,").replace(
                    " submission, row,", " NULL, NULL,"
                )
                changes.append(Change(f"copy of a record as {literal} in a later version", (statement,)))
            if table == "submission":
                statement = statement.replace(" jti,", " randomblob(16),")
                changes.append(Change(f"copy of a submission as {literal} under another id", (statement,)))
    return changes


def some_rows(connection: Connection, table: str) -> list[str]:
    """Return a WHERE clause for the first, middle and last rows of a table."""
    return _some(_rows(connection, table))


def _near(column: Column) -> tuple[str, ...]:
    """Return values beside the one that stands there: the hardest to find."""
    name = column.name
    if column.type == "INTEGER":
        return (f"{name} + 1", f"{name} - 1", f"-{name}")
    if column.type == "TEXT":
        return (f"{name} || ' '", f"upper({name})", f"substr({name}, 2)")
    return (
        f"substr({name}, 1, length({name}) - 1)",
        f"CAST({name} || x'00' AS BLOB)",
        f"CAST(substr({name}, 1, length({name}) - 1) || x'5a' AS BLOB)",
        f"CAST(x'5a' || substr({name}, 2) AS BLOB)",
    )


def _swaps(connection: Connection, rows: list[str], column: Column) -> Iterator[Change]:
    table, name = column.table, column.name
    free = {"INTEGER": "-777", "TEXT": "'free'", "BLOB": "x'f00d'"}[column.type]
    for one, other in itertools.pairwise(_some(rows)):
        first, second = (
            connection.execute(f"SELECT quote({name}) FROM {table} WHERE {where}").fetchone()[0]
            for where in (one, other)
        )
        aside = one.replace(f"{name} = {first}", f"{name} = {free}") if column.key else one
        yield Change(
            f"{table}.{name} swapped between {one} and {other}",
            (
                f"UPDATE {table} SET {name} = {free} WHERE {one}",
                f"UPDATE {table} SET {name} = {first} WHERE {other}",
                f"UPDATE {table} SET {name} = {second} WHERE {aside}",
            ),
        )


def _rows(connection: Connection, table: str) -> list[str]:
    """Return a WHERE clause for each row of a table, in order of its key."""
    keys = [column for column in columns() if column.table == table and column.key]
    names = ", ".join(f"quote({key.name})" for key in keys)
    order = ", ".join(key.name for key in keys)
    return [
        " AND ".join(f"{key.name} = {value}" for key, value in zip(keys, values, strict=True))
        for values in connection.execute(f"SELECT {names} FROM {table} ORDER BY {order}")
    ]


def _some(rows: list[str]) -> list[str]:
    """Return the first, a middle and the last row, and for long tables two more between."""
    places = {0, len(rows) // 3, len(rows) // 2, 2 * len(rows) // 3, len(rows) - 1}
    return [rows[place] for place in sorted(places)]


def _others(connection: Connection, key: Column) -> Iterable[str]:
    if key.type == "INTEGER":
        (largest,) = connection.execute(f"SELECT MAX({key.name}) FROM {key.table}").fetchone()
        return (str(largest + 1), str(largest + 2), "0", "-1", "9223372036854775807")
    return ("'other'",) if key.type == "TEXT" else ("x'00'", "randomblob(20)")
