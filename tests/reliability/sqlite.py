"""The standard `sqlite3` module as far as `ledger.database` uses it, over a disk whose power can be cut.

with opened_on(disk):
    house = open_house(disk.folder)             # its databases are on that disk
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any
from unittest.mock import patch

import apsw

from ledger import database
from tests.reliability.disk import Disk, DiskVFS

FULL, NORMAL, OFF = "FULL", "NORMAL", "OFF"
_SYNCHRONOUS = "PRAGMA synchronous"
_DAMAGED = (apsw.CorruptError, apsw.NotADBError)
_REFUSED = (apsw.ConstraintError, apsw.MismatchError)


class Cursor:
    """What a statement answered, fetched whole: no statement stays open behind the program's back."""

    def __init__(self, rows: list[tuple[Any, ...]], rowcount: int, lastrowid: int) -> None:
        self._rows = iter(rows)
        self.rowcount, self.lastrowid = rowcount, lastrowid

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return self._rows

    def fetchone(self) -> tuple[Any, ...] | None:
        """Return the next row, None behind the last."""
        return next(self._rows, None)

    def fetchmany(self, size: int) -> list[tuple[Any, ...]]:
        """Return the next rows, at most so many."""
        return list(islice(self._rows, size))

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return the rows that are left."""
        return list(self._rows)


class Connection:
    """One connection, whose errors are those of the module that `ledger.database` uses."""

    def __init__(self, path: Path, vfs: str, timeout_s: float, synchronous: str) -> None:
        self._synchronous = synchronous
        with _errors():
            self._held = apsw.Connection(str(path), vfs=vfs)
            self._held.set_busy_timeout(round(timeout_s * 1000))

    def execute(self, statement: str, values: Sequence[Any] = ()) -> Cursor:
        """Run one statement."""
        if self._synchronous != FULL and statement.startswith(_SYNCHRONOUS):
            # The breakage on purpose: it flushes less, and says that it does not.
            if "=" not in statement:
                return Cursor([(database.SYNCHRONOUS_FULL,)], -1, 0)
            statement = f"{_SYNCHRONOUS}={self._synchronous}"
        with _errors():
            rows = self._held.execute(statement, values).fetchall()
        return Cursor(rows, self._held.changes(), self._held.last_insert_rowid())

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement for each row of values."""
        with _errors():
            self._held.executemany(statement, rows).fetchall()

    def executescript(self, statements: str) -> None:
        """Run several statements."""
        with _errors():
            self._held.execute(statements).fetchall()

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self._held.in_transaction

    @property
    def total_changes(self) -> int:
        """How many rows were changed through this connection."""
        return self._held.total_changes()

    def close(self) -> None:
        """Close it."""
        with _errors():
            self._held.close()


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except _REFUSED as error:
        raise database.IntegrityError(str(error)) from error
    except _DAMAGED as error:
        raise database.DatabaseError(str(error)) from error
    except apsw.Error as error:
        raise database.OperationalError(str(error)) from error


class _Module:
    """Takes the place of the module `sqlite3` in `ledger.database`."""

    def __init__(self, connect: Callable[..., Any]) -> None:
        self.connect = connect


@contextmanager
def opened_on(disk: Disk, synchronous: str = FULL) -> Iterator[None]:
    """Let every database below the disk's folder be opened on it, with less than FULL where asked."""
    vfs, held = DiskVFS(disk), []
    real = getattr(database, "sqlite3").connect  # noqa: B009 - not for others to use, and this takes its place

    def connect(path: Any, timeout: float = 0, **options: Any) -> Any:
        if not isinstance(path, Path) or not path.is_relative_to(disk.folder):
            return real(path, timeout=timeout, **options)
        held.append(Connection(path, vfs.name, timeout, synchronous))
        return held[-1]

    try:
        with patch.object(database, "sqlite3", _Module(connect)):
            yield
    finally:
        # Whoever closes after the cut finds no power either; the files are nobody's any more.
        disk.is_cut = True
        for one in held:
            with suppress(BaseException):
                one.close()
        vfs.unregister()
