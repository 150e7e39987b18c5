"""The SQLite recorder: one file, one write transaction, durable when it returns.

The write path's named steps, in order: `begun`, `checked`, `inserted`, `committed`. `at_step` is
called with each name; crash tests stop the process there.

Source: LEDGER.md 6.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from eventsourcing.persistence import (
    ApplicationRecorder,
    DatabaseError,
    InfrastructureFactory,
    Notification,
    StoredEvent,
    TrackingRecorder,
)

from ledger import database
from ledger.clock import Clock, SystemClock
from ledger.database import Connection, Database
from ledger.errors import Corrupt, Reused, Stale, Taken
from ledger.log.merkle import EMPTY_ROOT
from ledger.log.tiles import TILE_WIDTH
from ledger.mapper import LedgerNotification, LedgerStoredEvent
from ledger.store.lookups import Lookups
from ledger.store.recorder import (
    EntryOf,
    Growth,
    Head,
    Submission,
    VersionConflict,
    Write,
    full_tiles,
    grow,
    recorded_at,
    tile_root,
)
from ledger.store.subscription import LogSubscription, Signal

APPEND_ONLY = ("record", "submission", "tile", "checkpoint", "cosigner", "cosignature")
# What the procedure of level 2 may do, and nothing else (see `disposal`): a private record becomes the
# neutral row that stands for a cleared one; one that is gone already carries the instant of the row
# ahead; a submission goes that no record cites any more. `IS` is true or false even where NULL stands.
_BEFORE_IT = "NEW.recorded_at_us IS (SELECT recorded_at_us FROM record WHERE position = OLD.position - 1)"
_UNLESS = {
    ("record", "UPDATE"): (
        f" WHEN NOT (NEW.position IS OLD.position AND NEW.entry IS OLD.entry AND NEW.leaf IS OLD.leaf"
        f" AND {_BEFORE_IT} AND NEW.stream IS x'' AND NEW.version IS OLD.position AND NEW.topic IS ''"
        " AND NEW.state IS NULL AND NEW.submission IS NULL AND NEW.row IS NULL"
        " AND CASE WHEN OLD.gone IS NULL THEN NEW.gone IS 'redacted' AND substr(OLD.entry, 1, 1) IS x'01'"
        " ELSE NEW.gone IS OLD.gone END)"
    ),
    ("submission", "DELETE"): " WHEN EXISTS (SELECT 1 FROM record WHERE submission = OLD.number)",
}
SCHEMA = f"""
CREATE TABLE IF NOT EXISTS record (
  position INTEGER PRIMARY KEY, stream BLOB NOT NULL, version INTEGER NOT NULL, topic TEXT NOT NULL,
  state BLOB, recorded_at_us INTEGER NOT NULL, entry BLOB NOT NULL, leaf BLOB NOT NULL,
  submission INTEGER, row INTEGER, gone TEXT
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS record_stream ON record (stream, version);
CREATE UNIQUE INDEX IF NOT EXISTS record_row ON record (submission, row) WHERE submission IS NOT NULL;
CREATE TABLE IF NOT EXISTS submission (
  number INTEGER PRIMARY KEY, iss BLOB NOT NULL, jti BLOB NOT NULL, jws TEXT NOT NULL,
  leaf_hashes BLOB NOT NULL, UNIQUE (iss, jti)
) STRICT;
CREATE TABLE IF NOT EXISTS tile (
  level INTEGER NOT NULL, number INTEGER NOT NULL, hashes BLOB NOT NULL, PRIMARY KEY (level, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS checkpoint (
  number INTEGER PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, previous BLOB NOT NULL,
  note TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS cosigner (number INTEGER PRIMARY KEY, vkey TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE IF NOT EXISTS cosignature (
  checkpoint INTEGER NOT NULL, cosigner INTEGER NOT NULL, timestamp_s INTEGER NOT NULL, line TEXT NOT NULL,
  PRIMARY KEY (checkpoint, cosigner)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS taken (
  kind TEXT NOT NULL, key BLOB NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS head (
  id INTEGER PRIMARY KEY CHECK (id = 0), size INTEGER NOT NULL, root BLOB NOT NULL, frontier BLOB NOT NULL,
  authority INTEGER NOT NULL, recorded_at_us INTEGER NOT NULL
) STRICT;
INSERT OR IGNORE INTO head VALUES (0, 0, x'{EMPTY_ROOT.hex()}', x'', 0, 0);
""" + "".join(
    f"CREATE TRIGGER IF NOT EXISTS {table}_is_never_{verb.lower()}d BEFORE {verb} ON {table}"
    f"{_UNLESS.get((table, verb), '')} BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END;\n"
    for table in APPEND_ONLY
    for verb in ("UPDATE", "DELETE")
)

CACHE_KIB = 64 * 1024
_TRIGGERS = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"


def _renew_triggers(connection: Connection) -> None:
    """Lead to version 2: triggers that let a disposal clear records take the place of those that did not."""
    fresh = database.in_memory()
    fresh.executescript(SCHEMA)
    wanted = dict(fresh.execute(_TRIGGERS))
    fresh.close()
    found = dict(connection.execute(_TRIGGERS))
    for name in [name for name, sql in wanted.items() if found.get(name) != sql]:
        connection.execute(f"DROP TRIGGER IF EXISTS {name}")
        connection.execute(wanted[name])


# Records never migrate: what a record is, its class version says, and upcasters read old ones. What
# leads a file from one version to the next is about what stands around them.
MIGRATIONS = (_renew_triggers,)

_STORED = "stream, version, topic, state, recorded_at_us, row"
_INSERT = "INSERT INTO record VALUES (?,?,?,?,?,?,?,?,?,?,NULL)"


class LedgerRecorder(Lookups, ApplicationRecorder):
    """Appends records, and reads them back, in one SQLite file."""

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock | None = None,
        entry_of: EntryOf | None = None,
        first_version: int = 1,
    ) -> None:
        """Open the file, making it when it is missing.

        Args:
            path: the database.
            clock: what `recorded_at` is taken from.
            entry_of: (stored event, recorded_at_us) to log entry; the library's own test cases bring theirs.
            first_version: version a stream begins with.
        """
        self.database = Database(path, SCHEMA, migrations=MIGRATIONS, cache_kib=CACHE_KIB)
        self.at_step: Callable[[str], None] = _no_step
        self._clock = clock or SystemClock()
        self._entry_of = entry_of or _entry
        self._first_version = first_version
        self._signal = Signal()

    # -------------------------------------------------------------- append

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Append these events in one transaction and return their positions.

        Keyword `write` (a `Write`) carries what the decision rested on and what it takes; without it
        only versions are checked, as the library's own callers expect.

        Raises:
            Stale: something read has moved, or a row was recorded meanwhile: reload and decide again.
            Taken: a value that may be held once is held.
            Reused: the submission id was used with other content.
            Unavailable: the clock went back, the disk is full, or the database is busy.
            VersionConflict: a version is not the next of its stream; it is Stale, and the library's
                IntegrityError.
            Corrupt: the file is damaged.
        """
        if not stored_events:
            return []
        write = kwargs.get("write") or Write()
        try:
            positions = self.database.together(
                lambda connection: self.append(connection, stored_events, write), len(stored_events)
            )
        except database.IntegrityError as error:
            raise VersionConflict("another write came first") from error
        self.at_step("committed")
        self._signal.set()
        return positions

    def append(self, connection: Connection, stored_events: Sequence[StoredEvent], write: Write) -> list[int]:
        """Append inside a transaction that the caller holds; see `insert_events`."""
        self.at_step("begun")
        head = read_head(connection)
        self._check_reads(connection, head, write)
        self._check_versions(connection, stored_events)
        number = submission_number(connection, write.submission)
        self.at_step("checked")
        at_us = recorded_at(self._clock, head.recorded_at_us)
        growth = grow(head, stored_events, at_us, self._entry_of)
        connection.executemany(_INSERT, _rows(stored_events, head.size + 1, growth, number))
        _take(connection, write, stored_events, head.size)
        self.insert_tiles(connection, head.size, growth.head.size)
        swap_head(connection, head, growth.head)
        self.at_step("inserted")
        return list(range(head.size + 1, growth.head.size + 1))

    def _check_reads(self, connection: Connection, head: Head, write: Write) -> None:
        if write.as_of is not None and head.authority > write.as_of:
            raise Stale("the register has changed since this was decided")
        if not write.reads:
            return
        current = _versions(connection, [stream for stream, _ in write.reads])
        if any(current.get(stream, 0) != version for stream, version in write.reads):
            raise Stale("a record that the decision rests on has changed")

    def _check_versions(self, connection: Connection, stored_events: Sequence[StoredEvent]) -> None:
        # A stream that begins is not looked up: the unique index refuses a second beginning.
        begins = self._first_version
        going_on = [one.originator_id for one in stored_events if one.originator_version != begins]
        current = _versions(connection, going_on)
        for stored in stored_events:
            last = current.get(stored.originator_id, self._first_version - 1)
            if stored.originator_version != last + 1:
                raise VersionConflict(f"version {stored.originator_version} does not follow {last}")
            current[stored.originator_id] = stored.originator_version

    def insert_tiles(self, connection: Connection, old_size: int, new_size: int) -> None:
        """Insert the tiles that became full between two sizes, inside a transaction."""

        def hashes(level: int, number: int) -> list[bytes]:
            if level == 0:
                first = number * TILE_WIDTH
                return leaf_range(connection, first, first + TILE_WIDTH)
            below = connection.execute(
                "SELECT hashes FROM tile WHERE level = ? AND number >= ? AND number < ? ORDER BY number",
                (level - 1, number * TILE_WIDTH, (number + 1) * TILE_WIDTH),
            )
            return [tile_root(tile) for (tile,) in below]

        for tile in full_tiles(old_size, new_size, hashes):
            connection.execute("INSERT INTO tile VALUES (?,?,?)", tile)

    # -------------------------------------------------------------- read

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """Return the records of one stream, oldest first unless `desc`."""
        order = "DESC" if desc else "ASC"
        rows = self.database.reader.execute(
            f"SELECT {_STORED} FROM record WHERE stream = ? AND version > ? AND version <= ? AND gone IS NULL"
            f" ORDER BY version {order} LIMIT ?",
            (
                _bytes(originator_id),
                -1 if gt is None else gt,
                2**62 if lte is None else lte,
                -1 if limit is None else limit,
            ),
        )
        return [_stored(UUID(bytes=stream), *rest) for stream, *rest in rows]

    def select_streams(self, streams: Iterable[UUID]) -> dict[UUID, list[StoredEvent]]:
        """Return the records of many streams, each oldest first; unknown streams are absent."""
        wanted = {stream.bytes: stream for stream in streams}
        found: dict[UUID, list[StoredEvent]] = {}
        rows = self.database.select_in(
            f"SELECT {_STORED} FROM record WHERE stream IN ({{marks}}) AND gone IS NULL"
            " ORDER BY stream, version",
            list(wanted),
        )
        for key, *rest in rows:
            stream = wanted[key]
            found.setdefault(stream, []).append(_stored(stream, *rest))
        return found

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> list[Notification]:
        """Return records from position `start` in log order, at most `limit`, with their positions."""
        first = 1 if start is None else start + (not inclusive_of_start)
        last = 2**62 if stop is None else stop
        among = f" AND topic IN ({','.join('?' * len(topics))})" if topics else ""
        rows = self.database.reader.execute(
            f"SELECT position, {_STORED} FROM record WHERE position >= ? AND position <= ? AND gone IS NULL"
            f"{among} ORDER BY position LIMIT ?",
            (first, last, *topics, limit),
        )
        return [
            LedgerNotification(UUID(bytes=stream), version, topic, state, position, recorded_at_us)
            for position, stream, version, topic, state, recorded_at_us, _ in rows
        ]

    def max_notification_id(self) -> int | None:
        """Return the newest position, None in an empty ledger."""
        row = self.database.reader.execute("SELECT MAX(position) FROM record").fetchone()
        return None if row[0] is None else int(row[0])

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> LogSubscription:
        """Return a subscription to records after `gt`; it polls too, for other processes' writes."""
        return LogSubscription(self, self._signal, gt=gt, topics=topics)

    def head(self) -> Head:
        """Return the ledger's state as this thread reads it."""
        return read_head(self.database.reader)

    def close(self) -> None:
        """Close the file and wake whoever waits."""
        self._signal.set()
        self.database.close()


class LedgerFactory(InfrastructureFactory[TrackingRecorder]):
    """Builds the recorder for the library (`PERSISTENCE_MODULE=ledger.store.sqlite:LedgerFactory`)."""

    DATABASE = "LEDGER_DATABASE"
    clock: Clock = SystemClock()

    def application_recorder(self) -> ApplicationRecorder:
        """Return the recorder of the file that the environment names."""
        path = self.env.get(self.DATABASE)
        if not path:
            raise OSError(f"environment variable {self.DATABASE} is not set")
        return LedgerRecorder(Path(path), clock=self.clock)

    def aggregate_recorder(self, purpose: str = "events") -> ApplicationRecorder:
        """Return the same: snapshots are not kept for private streams, so there is no other purpose."""
        assert purpose == "events"
        return self.application_recorder()

    def tracking_recorder(
        self,
        tracking_recorder_class: type[TrackingRecorder] | None = None,  # noqa: ARG002 - the library's
    ) -> TrackingRecorder:
        """Views keep their own tracking, in their own file: see `projections.base`."""
        raise DatabaseError("the ledger's file holds no tracking: views keep their own")

    def process_recorder(self) -> Any:
        """Views keep their own tracking, in their own file: see `projections.base`."""
        raise DatabaseError("the ledger's file holds no tracking: views keep their own")


# ------------------------------------------------------------------ rows


def read_head(connection: Connection) -> Head:
    """Return the head row; Corrupt when it is missing."""
    row = connection.execute("SELECT size, root, frontier, authority, recorded_at_us FROM head").fetchone()
    if row is None:
        raise Corrupt("the head row is missing", code="head")
    return Head(*row)


def leaf_range(connection: Connection, first: int, after: int) -> list[bytes]:
    """Return leaf hashes of leaf_index first … after-1."""
    rows = connection.execute(
        "SELECT leaf FROM record WHERE position > ? AND position <= ? ORDER BY position", (first, after)
    )
    return [leaf for (leaf,) in rows]


def swap_head(connection: Connection, old: Head, new: Head) -> None:
    """Replace the head row inside a transaction; Stale when it is not the old one."""
    cursor = connection.execute(
        "UPDATE head SET size = ?, root = ?, frontier = ?, authority = ?, recorded_at_us = ?"
        " WHERE id = 0 AND size = ? AND root = ?",
        (new.size, new.root, new.frontier, new.authority, new.recorded_at_us, old.size, old.root),
    )
    if cursor.rowcount != 1:
        raise Stale("the head moved inside a write")


def submission_number(connection: Connection, submission: Submission | None) -> int | None:
    """Return the number of a submission, kept with the first record that cites it."""
    if submission is None:
        return None
    found = connection.execute(
        "SELECT number, jws, leaf_hashes FROM submission WHERE iss = ? AND jti = ?",
        (submission.iss.bytes, submission.jti.bytes),
    ).fetchone()
    if found is None:
        cursor = connection.execute(
            "INSERT INTO submission (iss, jti, jws, leaf_hashes) VALUES (?,?,?,?)",
            (submission.iss.bytes, submission.jti.bytes, submission.jws, submission.leaf_hashes),
        )
        return int(cursor.lastrowid or 0)
    number, jws, leaf_hashes = found
    if leaf_hashes != submission.leaf_hashes:
        raise Reused("this submission id was used before with other content")
    if jws != submission.jws:
        # Signed again: the first signature stands, and later records must carry that one.
        raise Stale("this submission was first recorded under another signature")
    return int(number)


def _take(connection: Connection, write: Write, stored_events: Sequence[StoredEvent], size: int) -> None:
    connection.executemany("DELETE FROM taken WHERE kind = ? AND key = ?", write.frees)
    if not write.takes:
        return
    place = {
        (stored.originator_id, stored.originator_version): position
        for position, stored in enumerate(stored_events, size + 1)
    }
    rows = [(kind, key, place[stream, version]) for kind, key, stream, version in write.takes]
    try:
        connection.executemany("INSERT INTO taken VALUES (?,?,?)", rows)
    except database.IntegrityError as error:
        raise Taken("a value that may be held once is held already") from error


def _rows(
    stored_events: Sequence[StoredEvent], first: int, growth: Growth, number: int | None
) -> Iterable[tuple[Any, ...]]:
    at_us, proofs = growth.head.recorded_at_us, zip(growth.entries, growth.leaves, strict=True)
    for position, (stored, (entry, leaf)) in enumerate(zip(stored_events, proofs, strict=True), first):
        row = getattr(stored, "row", None)
        yield (
            position,
            _bytes(stored.originator_id),
            stored.originator_version,
            stored.topic,
            stored.state,
            at_us,
            entry,
            leaf,
            number if row is not None else None,
            row,
        )


def _versions(connection: Connection, streams: Sequence[UUID | str]) -> dict[UUID | str, int]:
    found: dict[UUID | str, int] = {}
    for at in range(0, len(streams), database.IN_LIST_MAX):
        part = {_bytes(stream): stream for stream in streams[at : at + database.IN_LIST_MAX]}
        rows = connection.execute(
            "SELECT stream, MAX(version) FROM record"
            f" WHERE stream IN ({','.join('?' * len(part))}) GROUP BY stream",
            list(part),
        )
        found.update((part[stream], version) for stream, version in rows)
    return found


def _stored(
    stream: UUID, version: int, topic: str, state: bytes, recorded_at_us: int, row: int | None
) -> LedgerStoredEvent:
    return LedgerStoredEvent(stream, version, topic, state, recorded_at_us, row=row)


def _bytes(stream: UUID | str) -> bytes:
    assert isinstance(stream, UUID)
    return stream.bytes


def _entry(stored: StoredEvent, recorded_at_us: int) -> bytes:
    assert isinstance(stored, LedgerStoredEvent)
    return stored.entry(recorded_at_us)


def _no_step(_name: str) -> None:
    """Crash tests put their own here."""
