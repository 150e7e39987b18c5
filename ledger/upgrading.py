"""The version of a database file, and how a file of an earlier one becomes what this program knows.

SQLite keeps the number in the file (`PRAGMA user_version`). A file that does not say one and has tables
is from before there were versions: it is of version 1. What changed since is an ordered list of
functions: each leads from one version to the next, in one transaction with the number, so a stop between
two of them is gone on from, and of two processes at once one does each. A program never opens a file
of a later version than it knows: what it would write, the later one might not understand.

Tables, indexes and triggers that are only added need no version of their own, unless an earlier program
that does not know them would do harm: the statements of the schema say `IF NOT EXISTS`, and run at every
opening.

Source: LEDGER.md 6; `PRAGMA user_version` in the SQLite documentation.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from ledger.errors import Unavailable

if TYPE_CHECKING:
    from sqlite3 import Connection

# Leads a file from one version to the next, inside a transaction that the caller holds.
Migration = Callable[["Connection"], None]
IsWhole = Callable[[str], bool]  # whether a text ends with the end of a statement: `complete_statement`

_FIRST = 1  # of files from before there were versions


def prepare(
    connection: "Connection", name: str, schema: str, migrations: Sequence[Migration], is_whole: IsWhole
) -> None:
    """Make a file what this program knows: a new one at once, an older one step by step.

    Args:
        connection: open, in no transaction.
        name: of the file, for people.
        schema: statements that make the newest version where nothing is, and do nothing where it is.
        migrations: the first leads from version 1 to version 2, and so on.
        is_whole: tells where statements of the schema end.

    Raises:
        Unavailable: (code `upgraded`) a later program has made it of a later version.
    """
    newest = version_of(migrations)
    while (found := stored_version(connection)) != newest:
        check_version(found, newest, name)
        connection.execute("BEGIN IMMEDIATE")
        try:
            _step(connection, name, schema, migrations, is_whole)
            connection.execute("COMMIT")
            # From here the file is of the next version, whole.
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
    connection.executescript(schema)


def version_of(migrations: Sequence[Migration]) -> int:
    """Return the version to which these migrations lead, counted from 1."""
    return _FIRST + len(migrations)


def stored_version(connection: "Connection") -> int:
    """Return the number that a file says; 0 for a new one, and for one from before there were versions."""
    (number,) = connection.execute("PRAGMA user_version").fetchone()
    return int(number)


def check_version(found: int, newest: int, name: str) -> None:
    """Raise Unavailable where a file is of a later version than this program knows."""
    if found > newest:
        raise Unavailable(
            f"{name} is of version {found} and this program knows version {newest}: a newer program has"
            " upgraded it. Run that one; to go back to this one, restore a backup from before the upgrade",
            code="upgraded",
        )


def _step(
    connection: "Connection", name: str, schema: str, migrations: Sequence[Migration], is_whole: IsWhole
) -> None:
    """Take a file one version further, inside a transaction: what another process has done is done."""
    found, newest = stored_version(connection), version_of(migrations)
    check_version(found, newest, name)
    if found == newest:
        return
    if found == 0 and not _has_tables(connection):
        for statement in _statements(schema, is_whole):
            connection.execute(statement)
        reached = newest
    elif found == 0:
        reached = _FIRST
    else:
        migrations[found - _FIRST](connection)
        reached = found + 1
    connection.execute(f"PRAGMA user_version={reached}")


def _has_tables(connection: "Connection") -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is not None


def _statements(script: str, is_whole: IsWhole) -> Iterator[str]:
    """Yield the statements of a script one by one: a script run as such would end the transaction."""
    statement = ""
    for part in script.split(";")[:-1]:
        statement += f"{part};"
        if is_whole(statement):
            yield statement
            statement = ""
