"""What a witness remembers: which logs it watches, the last checkpoint it cosigned of each, and evidence.

Everything it decides by is read inside the one write transaction that changes it, so two processes
on one file never cosign two histories.

Source: C2SP tlog-witness; LEDGER.md 6 (SQLite: synchronous=FULL, one write transaction).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from ledger.database import Connection, Database
from ledger.encoding.strict_json import b64
from ledger.errors import Absent, Refusal, Stale
from ledger.log.checkpoint import Checkpoint
from ledger.log.merkle import EMPTY_ROOT, HASH_BYTES
from ledger.log.note import VerifierKey, parse_vkey

# Of each kind, for each log: 12 KiB a row with two keys, of which the log's known keys are all that grows.
EVIDENCE_MAX = 64
HEADS_MAX = 1024  # for each log: checkpoints cosigned before the last, 8 KiB each with two keys
SPLIT, NO_PROOF = "split", "no-proof"
SCHEMA = """
CREATE TABLE IF NOT EXISTS identity (
  id INTEGER PRIMARY KEY CHECK (id = 0), name TEXT NOT NULL, vkeys TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS log (origin TEXT PRIMARY KEY, digest BLOB NOT NULL UNIQUE) STRICT;
CREATE TABLE IF NOT EXISTS log_key (
  origin TEXT NOT NULL, vkey TEXT NOT NULL, PRIMARY KEY (origin, vkey)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS latest (
  origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, timestamp_s INTEGER NOT NULL,
  note TEXT NOT NULL, cosignatures TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS head (
  origin TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL, timestamp_s INTEGER NOT NULL,
  note TEXT NOT NULL, cosignatures TEXT NOT NULL, PRIMARY KEY (origin, size)
) STRICT;
CREATE TABLE IF NOT EXISTS evidence (
  number INTEGER PRIMARY KEY, origin TEXT NOT NULL, kind TEXT NOT NULL, size INTEGER NOT NULL,
  root BLOB NOT NULL, old_size INTEGER NOT NULL, proof BLOB NOT NULL, note TEXT NOT NULL,
  seen_note TEXT NOT NULL, met_at_s INTEGER NOT NULL, UNIQUE (origin, kind, size, root)
) STRICT;
"""
_COLUMNS = "origin, kind, size, root, old_size, proof, note, seen_note, met_at_s"
_SELECT = f"SELECT {_COLUMNS} FROM evidence"  # noqa: S608 - names that stand above
_INSERT = f"INSERT OR IGNORE INTO evidence ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Seen:
    """The last checkpoint of a log that was cosigned.

    note: its checkpoint with those of the log's signatures that held.
    cosignatures: the witness's own lines, each ended by a newline.
    timestamp_s: the time in them, seconds since 1970.
    """

    size: int
    root: bytes
    timestamp_s: int
    note: str
    cosignatures: str


NEVER_SEEN = Seen(0, EMPTY_ROOT, 0, "", "")


@dataclass(frozen=True, slots=True)
class Evidence:
    """A checkpoint that a log signed and did not prove to follow from what had been seen of it.

    `split`: another root at a size that was cosigned, the last one or one before it: the two notes
    together are proof of two histories. `no-proof`: what came with it does not lead to it; whoever
    asks the log for a proof between the two notes, and gets none, has found a fork.
    """

    origin: str
    kind: str
    checkpoint: Checkpoint
    old_size: int
    proof: tuple[bytes, ...]
    note: str
    seen_note: str
    met_at_s: int

    def as_json(self) -> dict[str, object]:
        """Return it as others can check it without us."""
        return {
            "origin": self.origin,
            "kind": self.kind,
            "size": self.checkpoint.size,
            "root": b64(self.checkpoint.root),
            "old_size": self.old_size,
            "proof": [b64(one) for one in self.proof],
            "note": self.note,
            "seen_note": self.seen_note,
            "met_at_s": self.met_at_s,
        }


@dataclass(frozen=True, slots=True)
class WatchedLog:
    """One log with the keys that count for it and what was seen last."""

    origin: str
    vkeys: tuple[str, ...]
    seen: Seen


class WitnessStore:
    """The database of one witness."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path, SCHEMA)

    # -------------------------------------------------------------- who it is, whom it watches

    def identity(self) -> tuple[str, tuple[str, ...]] | None:
        """Return the witness's name and vkeys, None before it was made."""
        row = self._database.reader.execute("SELECT name, vkeys FROM identity").fetchone()
        return None if row is None else (row[0], tuple(row[1].split("\n")))

    def found(self, name: str, vkeys: Sequence[str]) -> None:
        """Say who this is, once and for ever."""
        with self._database.writing() as connection:
            connection.execute("INSERT INTO identity VALUES (0, ?, ?)", (name, "\n".join(vkeys)))

    def add_log(self, origin: str, vkeys: Sequence[str]) -> None:
        """Watch a log, or accept more keys of one that is watched."""
        with self._database.writing() as connection:
            connection.execute("INSERT OR IGNORE INTO log VALUES (?, ?)", (origin, _digest(origin)))
            connection.executemany(
                "INSERT OR IGNORE INTO log_key VALUES (?, ?)", [(origin, vkey) for vkey in vkeys]
            )

    def forget_keys(self, origin: str, vkeys: Sequence[str]) -> None:
        """Accept these keys of a log no longer; what was seen of it stays.

        Raises:
            Absent: one of them is not accepted.
            Refusal: none would be left.
        """
        with self._database.writing() as connection:
            for vkey in vkeys:
                found = connection.execute(
                    "DELETE FROM log_key WHERE origin = ? AND vkey = ?", (origin, vkey)
                ).rowcount
                if not found:
                    raise Absent(f"this key of {origin} is not one that is accepted: {vkey}")
            query = "SELECT COUNT(*) FROM log_key WHERE origin = ?"
            if connection.execute(query, (origin,)).fetchone() == (0,):
                raise Refusal(f"no key of {origin} would be left: add the next ones first")

    def keys_of(self, origin: str) -> tuple[VerifierKey, ...]:
        """Return the keys that count for a log; none where it is not watched."""
        return tuple(map(parse_vkey, self._vkeys(origin)))

    def _vkeys(self, origin: str) -> tuple[str, ...]:
        rows = self._database.reader.execute(
            "SELECT vkey FROM log_key WHERE origin = ? ORDER BY vkey", (origin,)
        )
        return tuple(vkey for (vkey,) in rows)

    def logs(self) -> list[WatchedLog]:
        """Return every log that is watched, by name."""
        origins = self._database.reader.execute("SELECT origin FROM log ORDER BY origin").fetchall()
        return [WatchedLog(origin, self._vkeys(origin), self.seen(origin)) for (origin,) in origins]

    def seen(self, origin: str) -> Seen:
        """Return the last checkpoint of a log that was cosigned."""
        return read_seen(self._database.reader, origin)

    def seen_by_digest(self, digest: bytes) -> Seen:
        """Return the last checkpoint of the log whose origin has that SHA-256; Absent when there is none."""
        row = self._database.reader.execute("SELECT origin FROM log WHERE digest = ?", (digest,)).fetchone()
        found = NEVER_SEEN if row is None else self.seen(row[0])
        if found is NEVER_SEEN:
            raise Absent("no checkpoint of such a log was cosigned here")
        return found

    def evidence(self, origin: str | None = None) -> list[Evidence]:
        """Return what was kept of logs that signed what they did not prove, oldest first."""
        rows = self._database.reader.execute(
            f"{_SELECT} WHERE ? IS NULL OR origin = ? ORDER BY number", (origin, origin)
        )
        return [_evidence(row) for row in rows]

    # -------------------------------------------------------------- deciding

    @contextmanager
    def turn(self) -> Iterator[Connection]:
        """Hold the one write transaction: what is read in it stands until it is committed.

        Raises:
            Unavailable: the disk is full, or another process does not let go: nothing was changed.
        """
        with self._database.writing() as connection:
            yield connection

    def close(self) -> None:
        """Close the file."""
        self._database.close()


# ------------------------------------------------------------------ inside a turn


def read_seen(connection: Connection, origin: str) -> Seen:
    """Return the last checkpoint of a log that was cosigned."""
    row = connection.execute(
        "SELECT size, root, timestamp_s, note, cosignatures FROM latest WHERE origin = ?", (origin,)
    ).fetchone()
    return NEVER_SEEN if row is None else Seen(*row)


def cosigned_at(connection: Connection, origin: str, size: int) -> Seen | None:
    """Return what was cosigned of a log at a size, None where nothing was or it is too long ago.

    Every log begins with the empty tree, cosigned or not.
    """
    seen = read_seen(connection, origin)
    if seen.size == size:
        return seen
    row = connection.execute(
        "SELECT size, root, timestamp_s, note, cosignatures FROM head WHERE origin = ? AND size = ?",
        (origin, size),
    ).fetchone()
    if row is None:
        return None if size else NEVER_SEEN
    return Seen(*row)


def swap_seen(connection: Connection, origin: str, old: Seen, new: Seen) -> None:
    """Put a newer checkpoint in the place of `old`; Stale when that is not what stands there.

    What the log signed at this size is settled by it: the same root was suspected without reason, and
    another root is a split.
    """
    values = (new.size, new.root, new.timestamp_s, new.note, new.cosignatures)
    if old is NEVER_SEEN:
        cursor = connection.execute(
            "INSERT OR IGNORE INTO latest VALUES (?, ?, ?, ?, ?, ?)", (origin, *values)
        )
    else:
        cursor = connection.execute(
            "UPDATE latest SET size = ?, root = ?, timestamp_s = ?, note = ?, cosignatures = ?"
            " WHERE origin = ? AND size = ? AND root = ? AND timestamp_s = ?",
            (*values, origin, old.size, old.root, old.timestamp_s),
        )
    if cursor.rowcount != 1:
        raise Stale("another request was first")
    if new.size != old.size:
        _keep_head(connection, origin, old)
    _settle(connection, origin, new)


def _keep_head(connection: Connection, origin: str, old: Seen) -> None:
    if old is not NEVER_SEEN:
        values = (old.size, old.root, old.timestamp_s, old.note, old.cosignatures)
        connection.execute("INSERT INTO head VALUES (?, ?, ?, ?, ?, ?)", (origin, *values))
    connection.execute(
        "DELETE FROM head WHERE origin = ? AND size <="
        " (SELECT size FROM head WHERE origin = ? ORDER BY size DESC LIMIT 1 OFFSET ?)",
        (origin, origin, HEADS_MAX),
    )


def _settle(connection: Connection, origin: str, new: Seen) -> None:
    """Judge what was suspected at the size of a checkpoint that has just been proven."""
    suspected = connection.execute(
        f"{_SELECT} WHERE origin = ? AND kind = ? AND size = ? ORDER BY number",
        (origin, NO_PROOF, new.size),
    ).fetchall()
    connection.execute(
        "DELETE FROM evidence WHERE origin = ? AND kind = ? AND size = ?", (origin, NO_PROOF, new.size)
    )
    for one in map(_evidence, suspected):
        if one.checkpoint.root != new.root:
            keep_evidence(connection, replace(one, kind=SPLIT, seen_note=new.note + new.cosignatures))


def keep_evidence(connection: Connection, one: Evidence) -> None:
    """Keep what a log signed, once, in the room that there is for its kind and its log.

    Of splits the first stay: only the log itself can make them, and one tells as much as a thousand.
    Anybody can send a genuine checkpoint with a proof that is none, so of these the first stays and
    the newest push out those between: strangers who were early cannot keep a later fork from being
    remembered.
    """
    _insert(connection, one)
    numbers = [
        number
        for (number,) in connection.execute(
            "SELECT number FROM evidence WHERE origin = ? AND kind = ? ORDER BY number",
            (one.origin, one.kind),
        )
    ]
    if len(numbers) > EVIDENCE_MAX:
        gone = numbers[-1] if one.kind == SPLIT else numbers[1]
        connection.execute("DELETE FROM evidence WHERE number = ?", (gone,))


def _insert(connection: Connection, one: Evidence) -> None:
    connection.execute(
        _INSERT,
        (
            one.origin,
            one.kind,
            one.checkpoint.size,
            one.checkpoint.root,
            one.old_size,
            b"".join(one.proof),
            one.note,
            one.seen_note,
            one.met_at_s,
        ),
    )


def _digest(origin: str) -> bytes:
    return sha256(origin.encode()).digest()


def _evidence(row: tuple[Any, ...]) -> Evidence:
    origin, kind, size, root, old_size, proof, *rest = row
    nodes = tuple(proof[at : at + HASH_BYTES] for at in range(0, len(proof), HASH_BYTES))
    return Evidence(origin, kind, Checkpoint(origin, size, root), old_size, nodes, *rest)
