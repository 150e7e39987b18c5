"""Files of earlier versions become what this program knows; those of later ones are left alone."""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.database import Connection, Database
from ledger.errors import Unavailable
from ledger.upgrading import Migration

FIRST = "CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY) STRICT;"
# A trigger has semicolons inside, and only the whole of it is a statement.
THIRD = """
CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY, word TEXT, length INTEGER) STRICT;
CREATE TRIGGER IF NOT EXISTS kept BEFORE DELETE ON t BEGIN SELECT RAISE(ABORT, 'kept; always'); END;
INSERT OR IGNORE INTO t VALUES (0, 'none', 4);
"""


def _words(connection: Connection) -> None:
    connection.execute("ALTER TABLE t ADD COLUMN word TEXT")
    connection.execute("UPDATE t SET word = 'number ' || n")


def _lengths(connection: Connection) -> None:
    connection.execute("ALTER TABLE t ADD COLUMN length INTEGER")
    connection.execute("UPDATE t SET length = length(word)")


TO_THIRD: tuple[Migration, ...] = (_words, _lengths)
UPGRADED = [(0, "none", 4), (7, "number 7", 8)]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A file from before there were versions, with one row."""
    path = tmp_path / "d.sqlite"
    connection = sqlite3.connect(path)
    connection.execute(FIRST)
    connection.execute("INSERT INTO t VALUES (7)")
    connection.commit()
    connection.close()
    return path


def rows(path: Path) -> list[tuple]:
    """Return every row of the table, as any program would read it."""
    connection = sqlite3.connect(path)
    found = connection.execute("SELECT * FROM t ORDER BY n").fetchall()
    connection.close()
    return found


def version(path: Path) -> int:
    """Return the number that the file says."""
    connection = sqlite3.connect(path)
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    connection.close()
    return found


def test_a_new_file_is_of_the_newest_version_at_once(tmp_path):
    """The schema makes it; no migration runs over tables that are as they should be."""
    path = tmp_path / "d.sqlite"

    Database(path, THIRD, migrations=TO_THIRD).close()

    assert (version(path), rows(path)) == (3, UPGRADED[:1])


def test_a_file_from_before_there_were_versions_is_of_the_first(old):
    """It says so from then on, and holds what it held."""
    Database(old, FIRST).close()

    assert (version(old), rows(old)) == (1, [(7,)])


def test_an_old_file_goes_through_every_version(old):
    """Each migration finds what the one before it has left; opened again, none runs twice."""
    for _ in range(2):
        Database(old, THIRD, migrations=TO_THIRD).close()

    assert (version(old), rows(old)) == (3, UPGRADED)


def test_a_migration_that_fails_leaves_the_version_before_it(old):
    """Whole: what was done is done with its number, and what failed is undone with its own."""

    def failing(connection: Connection) -> None:
        _lengths(connection)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Database(old, THIRD, migrations=(_words, failing))

    assert (version(old), rows(old)) == (2, [(7, "number 7")])
    Database(old, THIRD, migrations=TO_THIRD).close()
    assert (version(old), rows(old)) == (3, UPGRADED)


def test_a_file_of_a_later_version_is_not_opened(old):
    """The sentence says which versions, and what to do; not a byte changes."""
    Database(old, THIRD, migrations=TO_THIRD).close()
    before = old.read_bytes()

    with pytest.raises(Unavailable, match="is of version 3 and this program knows version 2") as refused:
        Database(old, FIRST, migrations=(_words,))

    assert refused.value.code == "upgraded"
    assert "restore a backup" in str(refused.value)
    assert old.read_bytes() == before


def test_whoever_runs_while_the_file_is_upgraded_writes_no_more(old):
    """An older program that was running reads on, and is told at its next write."""
    running = Database(old, FIRST)
    Database(old, THIRD, migrations=TO_THIRD).close()

    with pytest.raises(Unavailable, match="newer program") as refused, running.writing() as connection:
        connection.execute("INSERT INTO t (n) VALUES (8)")

    assert refused.value.code == "upgraded"
    assert running.reader.execute("SELECT n FROM t ORDER BY n").fetchall() == [(0,), (7,)]
    running.close()


def test_of_two_that_upgrade_at_once_each_step_is_done_by_one(old):
    """They wait for each other, and whoever comes second finds it done."""
    done: list[str] = []
    both = threading.Barrier(4, timeout=60)

    def counted(migration: Callable[[Connection], None]) -> Migration:
        def run(connection: Connection) -> None:
            migration(connection)
            done.append(migration.__name__)

        return run

    def opening() -> None:
        both.wait()
        Database(old, THIRD, migrations=(counted(_words), counted(_lengths))).close()

    threads = [threading.Thread(target=opening) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert done == ["_words", "_lengths"]
    assert (version(old), rows(old)) == (3, UPGRADED)
