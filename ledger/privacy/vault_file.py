"""The vault's database under keys that turn.

Every read and every write looks at the vault's epoch in its own transaction: another process may have
turned it, and under the old keys nobody would be found, which looks just like somebody unknown. One
look for a call, not for a row. Where it differs, the keys are read again and the call is made again.

Source: LEDGER.md 4 (the epoch turns on schedule).
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from ledger.database import Connection, Database
from ledger.errors import Corrupt, LedgerError, Unavailable
from ledger.privacy.epoch import EpochFile, EpochKeys
from ledger.privacy.turning import (
    LEAVING_COLUMNS,
    LOOKUP_COLUMNS,
    LOOKUP_INDEX,
    SUBJECT_COLUMNS,
    References,
    Turn,
    rewrite,
)
from ledger.privacy.vault_rows import VaultRows

# leaving: NSNs of learners whose keys are destroyed, until nothing that was received mentions them.
# epoch: whose keys the rows stand under (proof: VaultRows.proof), and how many rows of learners were
# destroyed since it began.
SCHEMA = f"""
CREATE TABLE IF NOT EXISTS subject ({SUBJECT_COLUMNS}) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lookup ({LOOKUP_COLUMNS}) STRICT, WITHOUT ROWID;
{LOOKUP_INDEX}
CREATE TABLE IF NOT EXISTS tombstone (mac BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS leaving ({LEAVING_COLUMNS}) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS epoch (
  id INTEGER PRIMARY KEY CHECK (id = 0), number INTEGER NOT NULL, proof BLOB NOT NULL,
  destroyed INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS turn (
  epoch INTEGER PRIMARY KEY, turned_at_us INTEGER NOT NULL, covers INTEGER NOT NULL
) STRICT;
"""


def _keep_who_is_leaving(connection: Connection) -> None:
    """Lead to version 2: a program that does not know these rows would turn the epoch without them."""
    connection.execute(f"CREATE TABLE IF NOT EXISTS leaving ({LEAVING_COLUMNS}) STRICT, WITHOUT ROWID")


MIGRATIONS = (_keep_who_is_leaving,)
_TRIES = 8  # each after a turn came in between; turns are hours apart
_T = TypeVar("_T")


class _Turned(Exception):
    """The vault is not in the epoch of the keys at hand."""


class VaultFile:
    """One vault's database and the keys of its epoch. Safe for many threads."""

    def __init__(self, path: Path, keys: EpochKeys, key_file: EpochFile | None) -> None:
        """Open it, making it when it is missing; see `Vault`."""
        self.database = Database(path, SCHEMA, migrations=MIGRATIONS, secure_delete=True)
        self.key_file = key_file
        self.at_step: Callable[[str], None] = _no_step
        self._rows = VaultRows(keys)
        self._loading = threading.Lock()
        self._stamp()
        self.retried(self._check)
        with suppress(Unavailable):  # who turns the epoch at this moment settles it as well
            self.settle()

    @property
    def keys(self) -> EpochKeys:
        """The keys of the epoch, as they were when they were last needed."""
        return self._rows.keys

    # -------------------------------------------------------------- under the keys that count

    def retried(self, attempt: Callable[[VaultRows], _T]) -> _T:
        """Return what an attempt returns that met the vault in the epoch of its keys.

        Args:
            attempt: makes its rows under the keys that it is given, and looks into the vault only within
                `reading` or `writing`; undone as a whole, it may be made again.

        Raises:
            Corrupt: (code `epoch`) no keys at hand are those of the vault.
        """
        for _ in range(_TRIES):
            rows = self._rows
            try:
                return attempt(rows)
            except _Turned:
                self._follow(rows)
        raise Unavailable("the vault's keys turn too often: try again in a moment", code="busy")

    @contextmanager
    def reading(self, rows: VaultRows) -> Iterator[Connection]:
        """Hold one state of the vault, of the epoch of these rows."""
        with self.database.reading() as connection:
            _check_epoch(connection, rows)
            yield connection

    @contextmanager
    def writing(self, rows: VaultRows) -> Iterator[Connection]:
        """Hold the one write transaction, in the epoch of these rows."""
        with self.database.writing() as connection:
            _check_epoch(connection, rows)
            yield connection

    def together(self, rows: VaultRows, work: Callable[[Connection], object], weight: int) -> None:
        """Write in the epoch of these rows, in a transaction that others may share; see `Database`."""

        def checked(connection: Connection) -> None:
            _check_epoch(connection, rows)  # fails alone: nothing is written yet
            work(connection)

        self.database.together(checked, weight)

    def _check(self, rows: VaultRows) -> None:
        with self.reading(rows):
            pass

    def _follow(self, seen: VaultRows) -> None:
        """Read the keys of the vault's epoch, unless another thread has since they were seen."""
        with self._loading:
            if self._rows is not seen:
                return
            number, proof = _epoch(self.database.reader)
            held = seen.keys.epoch
            if self.key_file is not None:
                keys = self.key_file.find(lambda one: VaultRows(one).proof == proof)
                if keys is not None:
                    self._rows = VaultRows(keys)
                    return
                held = self.key_file.load().epoch
                if _epoch(self.database.reader)[1] != proof:
                    return  # turned once more meanwhile: look again
            raise _misfit(number, held)

    def _stamp(self) -> None:
        """Say in a vault that does not yet say so which epoch it is in: a new one, or one from before turns.

        Its epoch is that of the key file, if these keys open what it holds.
        """
        if _find_epoch(self.database.reader) is not None:
            return
        rows = self._rows
        with self.database.writing() as connection:
            if _find_epoch(connection) is not None:
                return  # another process was first
            held = connection.execute("SELECT id_mac, kind, sealed FROM subject LIMIT 1").fetchone()
            if held is None and rows.keys.epoch > 1:
                raise _misfit(1, rows.keys.epoch)  # every vault that was ever turned says so
            if held is not None:
                try:
                    rows.key(*held)
                except Corrupt as error:
                    raise _misfit(1, rows.keys.epoch) from error
            connection.execute("INSERT INTO epoch VALUES (0,?,?,0)", (rows.keys.epoch, rows.proof))

    # -------------------------------------------------------------- turning

    def turn(
        self, now_us: int, covers: int, references: References, *, only_if_destroyed: bool
    ) -> Turn | None:
        """Turn the epoch; None where nothing was destroyed since the last turn, and only then is asked for.

        Whoever reads meanwhile sees the vault as it was; whoever writes waits.

        Raises:
            Unavailable: (code `epoch-file`) this vault was opened without its key file.
            Unavailable: the disk is full or busy; nothing has turned.
        """
        if self.key_file is None:
            raise Unavailable("the vault was opened without its key file: it cannot turn", code="epoch-file")
        try:
            self.settle()
            turn = self.retried(lambda rows: self._turn(rows, now_us, covers, references, only_if_destroyed))
            self.settle()
        except OSError as error:
            # Before the commit nothing has turned; after it, the next who opens the vault settles the rest.
            raise Unavailable("the key file cannot be written now", code="storage") from error
        return turn

    def _turn(
        self,
        rows: VaultRows,
        now_us: int,
        covers: int,
        references: References,
        only_if_destroyed: bool,  # noqa: FBT001 - called once, above
    ) -> Turn | None:
        assert self.key_file is not None
        fresh = VaultRows(rows.keys.turned())
        turn = Turn(fresh.keys.epoch, now_us, covers)
        with self.writing(rows) as connection:
            (destroyed,) = connection.execute("SELECT destroyed FROM epoch").fetchone()
            if only_if_destroyed and not destroyed:
                return None
            self.at_step("begun")
            self.key_file.write_next(fresh.keys)
            self.at_step("next_written")
            rewrite(connection, rows, fresh, references)
            connection.execute(
                "UPDATE epoch SET number = ?, proof = ?, destroyed = 0", (turn.epoch, fresh.proof)
            )
            connection.execute("INSERT INTO turn VALUES (?,?,?)", turn)
            self.at_step("rewritten")
        # From here the new keys count, whatever the names of the files say: see `EpochFile.find`.
        self._rows = fresh
        self.at_step("committed")
        return turn

    def settle(self) -> None:
        """Complete or discard what a turn has left of key files, and destroy the old one."""
        key_file = self.key_file
        if key_file is None or not key_file.unsettled:
            return
        with self.database.writing() as connection:
            _, proof = _epoch(connection)
            key_file.settle(lambda keys: VaultRows(keys).proof == proof, self.at_step)

    @property
    def epoch(self) -> int:
        """The number of the vault's epoch, counted from 1."""
        return _epoch(self.database.reader)[0]

    def destroyed_since_turn(self) -> int:
        """Return how many rows of learners were destroyed since the last turn."""
        (count,) = self.database.reader.execute("SELECT destroyed FROM epoch").fetchone()
        return int(count)

    def turns(self) -> list[Turn]:
        """Return the turns that were made, oldest first."""
        rows = self.database.reader.execute("SELECT epoch, turned_at_us, covers FROM turn ORDER BY epoch")
        return [Turn(*row) for row in rows]


def _check_epoch(connection: Connection, rows: VaultRows) -> None:
    if _epoch(connection)[1] != rows.proof:
        raise _Turned


def _epoch(connection: Connection) -> tuple[int, bytes]:
    found = _find_epoch(connection)
    if found is None:
        raise Corrupt("the vault does not say which epoch it is in", code="vault")
    return found


def _find_epoch(connection: Connection) -> tuple[int, bytes] | None:
    row: tuple[int, bytes] | None = connection.execute("SELECT number, proof FROM epoch").fetchone()
    return row


def _misfit(vault: int, held: int) -> LedgerError:
    """Return what to say of a vault and keys that do not belong together; both counted in epochs."""
    if vault < held:
        said = (
            f"the vault is from epoch {vault} and its key file from epoch {held}: a copy from before a turn"
            " was put back, whose keys were destroyed. Put back a copy that was made after the turn"
        )
    elif vault > held:
        said = (
            f"the vault is from epoch {vault} and its key file from epoch {held}: an old key file was put"
            " back. Put back the one that belongs to the vault"
        )
    else:
        said = "the vault and its key file belong to two ledgers, or to two histories of one"
    return Corrupt(said, code="epoch")


def _no_step(_name: str) -> None:
    """Crash tests put their own here."""
