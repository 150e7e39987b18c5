"""Opening SQLite the one way we open it: durable, strict, and a build that does not corrupt.

SQLite 3.7.0 to 3.51.2 can corrupt a database when a WAL is reset under concurrent readers; the
`pysqlite3` wheel carries a fixed build and takes the place of the standard module, for the
`eventsourcing` library too.

Source: LEDGER.md 6 (synchronous=FULL, STRICT, 64 MB cache), COMPONENTS.md 0.6.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ledger.errors import Corrupt, Unavailable
from ledger.turns import Ticket, Together
from ledger.upgrading import Migration, check_version, prepare, stored_version, version_of

if TYPE_CHECKING:
    import sqlite3
else:
    try:
        import pysqlite3 as sqlite3
    except ImportError:  # no wheel for this platform: `is_sound` says whether the system's build will do
        import sqlite3
    else:
        sys.modules["sqlite3"] = sqlite3

BUSY_TIMEOUT_S = 30
BUSY_POLL_S = 0.002  # between two looks whether another process has let go
CACHE_KIB = 16 * 1024  # of a writer; that of the records has four times as much
READER_CACHE_KIB = 8 * 1024  # of each thread that reads: there are dozens, and the system caches the file too
PAGE_BYTES = 8_192  # of a new file: seven records; a fifth less work for each than with half of it, measured
WAL_PAGES = 2_000  # 16 MiB before pages are copied back: those that many commits share, once
TRUNCATE_WAIT_S = 2  # for readers of an older state, before emptying the WAL is put off
SYNCHRONOUS_FULL = 2
_BUSY, _PRIMARY = 5, 0xFF  # SQLITE_BUSY, and the part of a result code that says what kind it is
# Set to 1 by whoever lets a build write that can corrupt a file: for data that may be lost.
ALLOW_UNSOUND = "ROA_ALLOW_UNSOUND_SQLITE"
IN_LIST_MAX = 500  # parameters in one `IN (…)`: below every build's limit, large enough to amortise

_T = TypeVar("_T")

Connection = sqlite3.Connection
IntegrityError = sqlite3.IntegrityError
DatabaseError = sqlite3.DatabaseError
OperationalError = sqlite3.OperationalError
SQLITE_VERSION = sqlite3.sqlite_version
_is_whole = sqlite3.complete_statement


@cache
def is_sound(version: str = SQLITE_VERSION) -> bool:
    """Whether a SQLite build, this one when none is named, is outside the range with the WAL-reset bug.

    Source: SQLite, "Write-Ahead Logging", the WAL-reset bug: 3.7.0 to 3.51.2, repaired in 3.44.6 and 3.50.7.
    """
    numbers = tuple(map(int, version.split(".")))
    return numbers >= (3, 51, 3) or numbers in ((3, 44, 6), (3, 50, 7)) or numbers < (3, 7, 0)


def check_build() -> None:
    """Raise Unavailable where this SQLite build may not write.

    Raises:
        Unavailable: (code `sqlite`) it can corrupt a file, and nobody has said that this file may be lost.
    """
    if not is_sound() and os.environ.get(ALLOW_UNSOUND) != "1":
        raise Unavailable(
            f"SQLite {SQLITE_VERSION} can corrupt a database under load (3.7.0 to 3.51.2 can), so nothing is"
            " written with it. Use 3.51.3 or newer: `pip install pysqlite3` has one for Linux on x86-64,"
            f" elsewhere a newer Python or system library. For data that may be lost: {ALLOW_UNSOUND}=1",
            code="sqlite",
        )


def in_memory() -> Connection:
    """Open an empty database that lives as long as the connection."""
    return sqlite3.connect(":memory:")


def connect(path: Path, *, secure_delete: bool = False, cache_kib: int = CACHE_KIB) -> Connection:
    """Open a database in WAL mode with synchronous=FULL and explicit transactions.

    Args:
        path: the file, made when it is missing.
        secure_delete: overwrite what is deleted: for the vault, whose deletions are promises.
        cache_kib: how much of the file the connection keeps in memory, at most.

    Raises:
        Unavailable: the file system cannot keep a write-ahead log, or this build does not flush.
    """
    connection: Connection = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
    )
    connection.execute(f"PRAGMA page_size={PAGE_BYTES}")  # of a file that is there already it stays as it is
    (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
    if mode != "wal":
        connection.close()
        raise Unavailable(
            f"{path.name} cannot have a write-ahead log here: put it on a local disk", code="storage"
        )
    connection.execute("PRAGMA synchronous=FULL")
    _check_flushes(connection)
    connection.execute(f"PRAGMA cache_size=-{cache_kib}")
    connection.execute("PRAGMA trusted_schema=OFF")
    connection.execute("PRAGMA cell_size_check=ON")
    if secure_delete:
        # Copied back as early as SQLite would, so that what is deleted does not wait in the WAL.
        connection.execute("PRAGMA secure_delete=ON")
    else:
        connection.execute(f"PRAGMA wal_autocheckpoint={WAL_PAGES}")
    return connection


def open_still(path: Path) -> Connection:
    """Open a file that nobody writes to, for reading, without making anything beside it.

    Raises:
        OperationalError: (SQLite's) it is not there, or cannot be read.
    """
    uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    connection: Connection = sqlite3.connect(uri, uri=True, isolation_level=None)
    connection.execute("PRAGMA trusted_schema=OFF")
    return connection


def open_to_read(path: Path) -> Connection:
    """Open a file that others may write to, for reading what is committed; it has to be there."""
    connection: Connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None
    )
    connection.execute("PRAGMA trusted_schema=OFF")
    return connection


def _check_flushes(connection: Connection) -> None:
    if connection.execute("PRAGMA synchronous").fetchone()[0] < SYNCHRONOUS_FULL:
        raise Unavailable("this SQLite does not flush: acknowledged facts could be lost", code="storage")


class Database:
    """One file: a writer that takes turns, and a reading connection for each thread.

    Every write is one `BEGIN IMMEDIATE` transaction: what is read inside it cannot move.
    """

    def __init__(
        self,
        path: Path,
        schema: str,
        *,
        migrations: Sequence[Migration] = (),
        secure_delete: bool = False,
        cache_kib: int = CACHE_KIB,
    ) -> None:
        """Open the file, making or upgrading it where it has to be; see `connect` and `ledger.upgrading`.

        Raises:
            Unavailable: it is busy, cannot be reached, or (code `upgraded`) is of a later program.
            Corrupt: it is damaged, or is no database.
        """
        self.path, self.version = path, version_of(migrations)
        self._secure_delete, self._cache_kib = secure_delete, cache_kib
        self._turn = threading.Lock()
        self.sharing = Together(self._share)
        self._local = threading.local()
        try:
            self._writer: Connection | None = self._open()
            if stored_version(self._writer) < self.version:
                check_build()
            prepare(self._writer, path.name, schema, migrations, _is_whole)
            _do_not_wait(self._writer)
        except OperationalError as error:
            raise Unavailable(f"{path.name} cannot be opened now: {error}", code="storage") from error
        except DatabaseError as error:
            raise Corrupt(f"{path.name} is damaged, or is no database: {error}", code="storage") from error

    def _open(self, cache_kib: int | None = None) -> Connection:
        cache_kib = self._cache_kib if cache_kib is None else cache_kib
        return connect(self.path, secure_delete=self._secure_delete, cache_kib=cache_kib)

    @property
    def reader(self) -> Connection:
        """This thread's connection for reading."""
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._open(READER_CACHE_KIB)
        return connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Hold one state of the file, so that several queries of this thread see the same."""
        connection = self.reader
        connection.execute("BEGIN")
        try:
            yield connection
        finally:
            _undo(connection)  # nothing was written

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Hold the one write transaction: durable when the block ends, undone when it raises.

        Raises:
            Unavailable: the disk is full, another process does not let go (`busy`), this build may not
                write, or a newer program has upgraded the file.
            Corrupt: the file is damaged.
            IntegrityError: (SQLite's) a constraint says no.
        """
        try:
            with self._turn, self._transaction() as connection:
                yield connection
        except IntegrityError:
            raise
        except OperationalError as error:
            raise _unavailable(self.path.name, error) from error
        except DatabaseError as error:
            raise Corrupt(f"{self.path.name} is damaged: {error}", code="storage") from error

    def together(self, work: Callable[[Connection], _T], weight: int = 1) -> _T:
        """Do `work` inside a write transaction that it may share with others; durable when this returns.

        Several threads that come at once share one flush. Each sees what those before it in the group
        wrote. What raises before it has written anything fails alone; after that the whole group is taken
        back, and each of it is done in a transaction of its own.

        Args:
            work: writes with the connection that it is given, and keeps nothing of it; it may be called
                twice, the first call having been undone.
            weight: rows that it writes, about: a group is not heavier than `turns.WEIGHT_MAX`.

        Raises:
            Unavailable, Corrupt, IntegrityError: as `writing`; and whatever `work` raises.
        """
        return self.sharing.ask(work, weight)

    def _share(self, group: Sequence[Ticket]) -> None:
        if len(group) > 1:
            self._attempt(group)
        for ticket in group:
            if not ticket.is_settled:
                self._attempt([ticket])

    def _attempt(self, group: Sequence[Ticket]) -> None:
        """Do a group in one transaction; where one that has written fails, nobody of several is settled."""
        results: list[tuple[Ticket, Any]] = []
        failing = False
        try:
            with self.writing() as connection:
                for ticket in group:
                    failing, before = True, connection.total_changes
                    try:
                        results.append((ticket, ticket.work(connection)))
                    except Exception as error:
                        if connection.total_changes != before or _is_of_the_file(error):
                            raise
                        ticket.fail(error)  # the others go on as if it had never come
                    failing = False
        except Exception as error:  # noqa: BLE001 - each of those who asked raises it
            # A failure that is one ticket's own is told to it alone, by doing each alone. The begin and the
            # commit are everybody's: after a failed flush nobody knows what is durable, so all are told.
            if failing and len(group) > 1:
                return
            for ticket in group:
                if not ticket.is_settled:
                    ticket.fail(error)
        else:
            for ticket, result in results:
                ticket.settle(result)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        check_build()
        writer = self._flushing_writer()
        _begin(writer)
        try:
            # Whoever was running when the file was upgraded knows its old form only.
            check_version(stored_version(writer), self.version, self.path.name)
            yield writer
        except BaseException:
            _undo(writer)
            raise
        try:
            writer.execute("COMMIT")
            # From here the change is durable: synchronous=FULL has flushed the WAL.
        except BaseException:
            # What this connection believes of the file may no longer be so: the next write reopens it.
            self._writer = None
            with suppress(DatabaseError):
                _undo(writer)
            writer.close()
            raise

    def _flushing_writer(self) -> Connection:
        """Return the writing connection; Unavailable where something has told it not to flush."""
        if self._writer is None:
            self._writer = self._open()
            _do_not_wait(self._writer)
        writer = self._writer
        try:
            _check_flushes(writer)
        except Unavailable:
            self._writer = None  # the next write opens one that does
            writer.close()
            raise
        return writer

    def select_in(self, query: str, values: list[Any], *before: Any) -> Iterator[tuple[Any, ...]]:
        """Run `query`, whose `{marks}` becomes `?,?,…`, over the values in bounded slices.

        Args:
            query: one SELECT.
            values: what the marks stand for.
            before: parameters of the query that stand before its marks.
        """
        for at in range(0, len(values), IN_LIST_MAX):
            part = values[at : at + IN_LIST_MAX]
            yield from self.reader.execute(query.format(marks=",".join("?" * len(part))), (*before, *part))

    def truncate_wal(self, wait_s: float = TRUNCATE_WAIT_S) -> bool:
        """Copy the WAL back and empty its file, so that nothing deleted lingers in it.

        Returns:
            False where a reader of an older state, or another writer, did not let go within `wait_s`: what
            was deleted is then still in the WAL, and this has to be called again.

        Raises:
            Unavailable: the disk fails.
        """
        with self._turn:
            if self._writer is None:
                self._writer = self._open()
            try:
                self._writer.execute(f"PRAGMA busy_timeout={round(wait_s * 1000)}")
                busy, *_ = self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            except DatabaseError as error:
                raise Unavailable(
                    f"{self.path.name} cannot be flushed now: {error}", code="storage"
                ) from error
            finally:
                _do_not_wait(self._writer)
        return not busy

    def close(self) -> None:
        """Close what this thread may close; another thread's reading connection goes with the thread.

        To close a connection under a query that another thread runs would take the process down.
        """
        with self._turn:
            if self._writer is not None:
                self._writer.close()
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()


def _is_of_the_file(error: Exception) -> bool:
    """Whether an error is SQLite's about the file, not about what was to be written: `writing` says it."""
    return isinstance(error, DatabaseError) and not isinstance(error, IntegrityError)


def _do_not_wait(writer: Connection) -> None:
    writer.execute("PRAGMA busy_timeout=0")  # `_begin` waits


def _begin(writer: Connection) -> None:
    """Begin the write transaction as soon as no other process has it.

    SQLite itself would look again after a tenth of a second, when a process with much to write has long
    begun its next: asking often is what gives several processes their share.
    """
    until = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            writer.execute("BEGIN IMMEDIATE")
        except OperationalError as error:
            if not _is_busy(error) or time.monotonic() >= until:
                raise
            time.sleep(BUSY_POLL_S)
        else:
            return


def _is_busy(error: OperationalError) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & _PRIMARY == _BUSY


def _unavailable(name: str, error: OperationalError) -> Unavailable:
    """Return what to say of a file that cannot be written: that somebody has it is no fault of the disk's."""
    if _is_busy(error):
        return Unavailable(f"{name} is held by another process: try again in a moment", code="busy")
    return Unavailable(f"{name} cannot be written now: {error}", code="storage")


def _undo(writer: Connection) -> None:
    # A full disk has rolled back already; a second ROLLBACK would mask the cause.
    if writer.in_transaction:
        writer.execute("ROLLBACK")
