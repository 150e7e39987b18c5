"""One file, one writer at a time, a reader for each thread; and what an error leaves behind."""

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

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


# ------------------------------------------------------------------ together


def _asked_together(made: Database, works: Sequence[Callable[[database.Connection], Any]]) -> list[Any]:
    """Let threads ask for these while somebody else writes, so that all but the first share a turn.

    Returns what each got, an exception where it was raised.
    """
    got: list[Any] = [None] * len(works)

    def ask(at: int) -> None:
        try:
            got[at] = made.together(works[at])
        except Exception as error:  # noqa: BLE001 - looked at by the test
            got[at] = error

    threads = [threading.Thread(target=ask, args=(at,)) for at in range(len(works))]
    with made.writing():
        for at, thread in enumerate(threads):
            thread.start()
            while len(made.sharing._waiting) < at or not made.sharing._led:
                pass
    for thread in threads:
        thread.join()
    return got


def _inserting(*numbers: int, error: Exception | None = None) -> Callable[[database.Connection], int]:
    def work(connection: database.Connection) -> int:
        for number in numbers:
            connection.execute("INSERT INTO t VALUES (?)", (number,))
        if error is not None:
            raise error
        return int(connection.execute("SELECT COUNT(*) FROM t").fetchone()[0])

    return work


def test_those_who_come_together_share_one_flush(tmp_path: Path) -> None:
    """Each sees what those before it wrote; two transactions for five of them."""
    made = Database(tmp_path / "d.sqlite", SCHEMA)

    got = _asked_together(made, [_inserting(number) for number in range(5)])

    assert got == [1, 2, 3, 4, 5]
    assert (made.sharing.groups, made.sharing.requests) == (2, 5)
    made.close()


def test_what_fails_before_it_writes_fails_alone(tmp_path: Path) -> None:
    """The others go on in the same transaction."""
    made = Database(tmp_path / "d.sqlite", SCHEMA)

    got = _asked_together(made, [_inserting(0), _inserting(1), _inserting(error=KeyError()), _inserting(3)])

    assert [got[0], got[1], got[3]] == [1, 2, 3]
    assert isinstance(got[2], KeyError)
    assert _numbers(made) == [0, 1, 3]
    made.close()


@pytest.mark.parametrize(
    "failing", [_inserting(7, error=KeyError()), _inserting(7, 1)], ids=["ours", "SQLite's"]
)
def test_what_fails_after_it_has_written_leaves_nothing(
    tmp_path: Path, failing: Callable[[database.Connection], int]
) -> None:
    """The group is taken back, and each is done alone: nobody else notices."""
    made = Database(tmp_path / "d.sqlite", SCHEMA)

    got = _asked_together(made, [_inserting(0), _inserting(1), failing, _inserting(3)])

    assert [got[0], got[1], got[3]] == [1, 2, 3]
    assert isinstance(got[2], KeyError | database.IntegrityError)
    assert _numbers(made) == [0, 1, 3]
    made.close()


def test_a_failed_flush_is_told_to_everybody_of_the_group(tmp_path: Path) -> None:
    """Nobody knows what is durable then, so nobody is told that it is; and the file is opened again."""
    made = Database(tmp_path / "d.sqlite", SCHEMA)

    def breaking(connection: database.Connection) -> None:
        made._writer = _FailsAtCommit(connection)  # type: ignore[assignment]

    got = _asked_together(made, [breaking, _inserting(1), _inserting(2)])

    assert [type(one) for one in got[1:]] == [Unavailable, Unavailable]
    assert made.together(_inserting(3)) == 1
    assert _numbers(made) == [3]
    made.close()


# ------------------------------------------------------------------ what is refused


def test_a_build_that_can_corrupt_a_file_does_not_write(tmp_path: Path, monkeypatch: Any) -> None:
    """Nothing is made, upgraded or written with it; reading goes on, and the sentence says what to get."""
    made = Database(tmp_path / "d.sqlite", SCHEMA)
    _write(made, 1)
    monkeypatch.delenv(database.ALLOW_UNSOUND, raising=False)
    monkeypatch.setattr(database, "is_sound", lambda: False)

    with pytest.raises(Unavailable, match=r"Use 3\.51\.3 or newer") as refused:
        _write(made, 2)
    with pytest.raises(Unavailable, match="can corrupt"):
        Database(tmp_path / "new.sqlite", SCHEMA)
    again = Database(tmp_path / "d.sqlite", SCHEMA)

    assert refused.value.code == "sqlite"
    assert _numbers(made) == _numbers(again) == [1]
    made.close()
    again.close()


def test_whoever_says_that_the_data_may_be_lost_may_write_with_any_build(
    tmp_path: Path, monkeypatch: Any
) -> None:
    """By an environment variable, and by nothing else than its exact value."""
    made = Database(tmp_path / "d.sqlite", SCHEMA)
    monkeypatch.setattr(database, "is_sound", lambda: False)

    for value in ("0", "yes", ""):
        monkeypatch.setenv(database.ALLOW_UNSOUND, value)
        with pytest.raises(Unavailable):
            _write(made, 2)
    monkeypatch.setenv(database.ALLOW_UNSOUND, "1")
    _write(made, 1)

    assert _numbers(made) == [1]
    made.close()


@pytest.mark.parametrize(
    ("version", "sound"),
    [
        ("3.6.23", True),
        ("3.7.0", False),
        ("3.44.5", False),
        ("3.44.6", True),
        ("3.45.1", False),
        ("3.50.6", False),
        ("3.50.7", True),
        ("3.51.2", False),
        ("3.51.3", True),
        ("3.53.0", True),
    ],
)
def test_which_builds_are_sound(version: str, *, sound: bool) -> None:
    """The range of the WAL-reset bug, without the two releases in it that were repaired."""
    assert database.is_sound(version) is sound


def test_a_connection_that_was_told_to_flush_less_is_not_written_with(tmp_path: Path) -> None:
    """Whatever turned `synchronous` down: that write is refused, and the next one flushes again."""
    made = Database(tmp_path / "d.sqlite", SCHEMA)
    made._writer.execute("PRAGMA synchronous=NORMAL")

    with pytest.raises(Unavailable, match="does not flush"):
        _write(made, 1)
    _write(made, 2)

    assert _numbers(made) == [2]
    assert made._writer.execute("PRAGMA synchronous").fetchone() == (database.SYNCHRONOUS_FULL,)
    made.close()


def test_a_file_that_cannot_have_a_write_ahead_log_is_not_opened(tmp_path: Path, monkeypatch: Any) -> None:
    """A file system may say no to it: what is on it could not be read and written at once."""
    real = database.sqlite3.connect

    class Elsewhere(database.sqlite3.Connection):  # type: ignore[misc]
        def execute(self, sql: str, *values: Any) -> Any:
            return super().execute(sql.replace("=WAL", "=DELETE"), *values)

    monkeypatch.setattr(
        database.sqlite3, "connect", lambda path, **options: real(path, factory=Elsewhere, **options)
    )

    with pytest.raises(Unavailable, match="put it on a local disk"):
        Database(tmp_path / "d.sqlite", SCHEMA)


def test_whoever_waits_for_another_process_looks_again_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Not after a tenth of a second, when that process has begun its next write; and writes then."""
    made = Database(tmp_path / "d.sqlite", SCHEMA)
    other = database.connect(tmp_path / "d.sqlite")
    other.execute("BEGIN IMMEDIATE")
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            other.execute("COMMIT")

    monkeypatch.setattr(database, "time", SimpleNamespace(monotonic=time.monotonic, sleep=sleep))

    _write(made, 1)

    assert _numbers(made) == [1]
    assert slept == [database.BUSY_POLL_S] * 3
    assert max(slept) <= 0.005
    other.close()
    made.close()


def test_whoever_waits_too_long_is_told_that_another_process_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """It is busy, which is no fault of the disk; and the writer works when the other has let go."""
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0)
    made = Database(tmp_path / "d.sqlite", SCHEMA)
    other = database.connect(tmp_path / "d.sqlite")
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(Unavailable, match="another process") as error:
        _write(made, 1)

    other.execute("ROLLBACK")
    _write(made, 2)
    assert error.value.code == "busy"
    assert _numbers(made) == [2]
    other.close()
    made.close()
