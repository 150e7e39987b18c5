"""One file, one writer at a time, a reader for each thread; and what an error leaves behind."""

import threading
from pathlib import Path

import pytest

from ledger import database
from ledger.database import Database, OperationalError
from ledger.errors import Corrupt, Unavailable

SCHEMA = "CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY) STRICT;"


def _numbers(made: Database) -> list[int]:
    return [number for (number,) in made.reader.execute("SELECT n FROM t ORDER BY n")]


def _write(made: Database, number: int, error: Exception | None = None) -> None:
    with made.writing() as connection:
        connection.execute("INSERT INTO t VALUES (?)", (number,))
        if error is not None:
            raise error


def test_what_raises_inside_is_undone(tmp_path: Path) -> None:
    """The writer works again afterwards."""
    made = Database(tmp_path / "d.sqlite", SCHEMA)

    with pytest.raises(KeyError):
        _write(made, 1, KeyError())

    _write(made, 2)
    assert _numbers(made) == [2]
    made.close()


def test_threads_read_each_through_their_own_connection(tmp_path: Path) -> None:
    """And see what was committed."""
    made = Database(tmp_path / "d.sqlite", SCHEMA)
    with made.writing() as connection:
        connection.execute("INSERT INTO t VALUES (1)")
    seen: list[tuple[database.Connection, list[int]]] = []
    threads = [threading.Thread(target=lambda: seen.append((made.reader, _numbers(made)))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [numbers for _, numbers in seen] == [[1]] * 4
    assert len({made.reader, *(one for one, _ in seen)}) == 5
    made.close()


def test_closing_does_not_pull_a_connection_from_under_a_thread(tmp_path: Path) -> None:
    """A thread in the middle of a query goes on to its end; closing under it took the process down."""
    made = Database(tmp_path / "d.sqlite", SCHEMA)
    with made.writing() as connection:
        connection.executemany("INSERT INTO t VALUES (?)", [(number,) for number in range(2000)])
    begun, closed, seen = threading.Event(), threading.Event(), list[int]()

    def read() -> None:
        for (number,) in made.reader.execute("SELECT n FROM t"):
            begun.set()
            assert closed.wait(10)
            seen.append(number)

    thread = threading.Thread(target=read)
    thread.start()
    assert begun.wait(10)
    made.close()
    closed.set()
    thread.join()

    assert len(seen) == 2000


class _FailsAtCommit:
    """A connection whose disk fails when it should become durable."""

    def __init__(self, connection: database.Connection) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> object:
        return getattr(self._connection, name)

    def execute(self, statement: str, *values: object) -> object:
        """Do it, but for the COMMIT."""
        if statement == "COMMIT":
            raise OperationalError("disk I/O error")
        return self._connection.execute(statement, *values)


def test_after_a_failed_commit_the_file_is_opened_again(tmp_path: Path) -> None:
    """Unavailable, nothing of it there, and the next write goes through a fresh connection."""
    made = Database(tmp_path / "d.sqlite", SCHEMA)
    broken = _FailsAtCommit(made._writer)  # type: ignore[arg-type]
    made._writer = broken  # type: ignore[assignment]

    with pytest.raises(Unavailable, match=r"d\.sqlite cannot be written now: disk I/O error"):
        _write(made, 1)

    _write(made, 2)
    assert made._writer is not broken
    assert _numbers(made) == [2]
    made.close()


def test_a_folder_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    """In our words, with the file's name."""
    with pytest.raises(Unavailable, match=r"d\.sqlite"):
        Database(tmp_path / "nowhere" / "d.sqlite", SCHEMA)


def test_another_kind_of_file_is_corrupt(tmp_path: Path) -> None:
    """Not a database at all."""
    (tmp_path / "d.sqlite").write_bytes(b"a letter, not a database" * 100)

    with pytest.raises(Corrupt, match=r"d\.sqlite"):
        Database(tmp_path / "d.sqlite", SCHEMA)


def test_many_values_are_asked_for_in_slices(tmp_path: Path) -> None:
    """More than one `IN (…)` takes; each value once."""
    made = Database(tmp_path / "d.sqlite", SCHEMA)
    with made.writing() as connection:
        connection.executemany("INSERT INTO t VALUES (?)", [(number,) for number in range(1500)])

    rows = made.select_in("SELECT n FROM t WHERE n IN ({marks})", list(range(0, 3000, 2)))

    assert sorted(number for (number,) in rows) == list(range(0, 1500, 2))
    made.close()
