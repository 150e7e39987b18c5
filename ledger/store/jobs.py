"""What was received and what came of it: bodies sealed, outcomes without a single value.

A submission is answered 202 only when its body is durable here. Outcomes are row, status, codes
and position; parameters of findings are sealed. Everything goes after 30 days: the records stay, and
the same submission is then answered from them.

What is sealed, is sealed under a key of its own submission, made of a key that turns with the epoch:
`sealed_by` names that key, `sealing` the one that counts now. Nothing is kept under another than the
one that counts when it is written, so once a turn has sealed all rows anew nothing needs the old key.

Source: LEDGER.md 2 (received bodies, outcomes, progress), 4; SPEC.md 6.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from ledger.database import Connection, Database
from ledger.errors import Stale
from ledger.turns import WEIGHT_MAX

KEEP_DAYS = 30
_DAY_US = 86_400_000_000
SCHEMA = """
CREATE TABLE IF NOT EXISTS job (
  number INTEGER PRIMARY KEY, iss BLOB NOT NULL, jti BLOB NOT NULL, n INTEGER NOT NULL, root BLOB NOT NULL,
  body_mac BLOB, body BLOB, extra BLOB, state TEXT NOT NULL, received_at_us INTEGER NOT NULL,
  sealed_by BLOB, forgetting INTEGER NOT NULL DEFAULT 0,
  UNIQUE (iss, jti)
) STRICT;
CREATE INDEX IF NOT EXISTS job_age ON job (received_at_us);
CREATE TABLE IF NOT EXISTS outcome (
  job INTEGER NOT NULL, row INTEGER NOT NULL, status TEXT NOT NULL, position INTEGER, details BLOB,
  PRIMARY KEY (job, row)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS token (
  digest BLOB PRIMARY KEY, id BLOB NOT NULL UNIQUE, organisation BLOB NOT NULL, made_at_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sealing (id INTEGER PRIMARY KEY CHECK (id = 0), key BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS retired (key BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
"""
# Columns that the files of existing ledgers do not have. sealed_by: NULL for the organisation's own key.
# forgetting: it mentions somebody who was forgotten while it was decided, and is destroyed when it is done.
_LATER = {"sealed_by": "sealed_by BLOB", "forgetting": "forgetting INTEGER NOT NULL DEFAULT 0"}


def _add_columns(connection: Connection) -> None:
    """Lead to version 2. Some files from before there were versions have these columns already."""
    held = {row[1] for row in connection.execute("PRAGMA table_info(job)")}
    for column in [one for one in _LATER if one not in held]:
        connection.execute(f"ALTER TABLE job ADD COLUMN {_LATER[column]}")


MIGRATIONS = (_add_columns,)
# Without body and file, which may have megabytes: see `Jobs.body` and `Jobs.file`.
_JOB = "number, iss, jti, n, root, body_mac, body IS NOT NULL, state, sealed_by"
_ROWS_AT_ONCE = 1000
DESTROYED = b""  # in place of details: what came of the row is known, and no more
# `lost`: what it had recorded is not there any more; whoever posted it has to post it again.
PROCESSING, DONE, LOST = "processing", "done", "lost"


class Content(NamedTuple):
    """What is kept of a submission beside its name: body and file, sealed, and a keyed digest of the file.

    sealed_by: see the schema.
    """

    body: bytes | None = None
    extra: bytes | None = None
    body_mac: bytes | None = None
    sealed_by: UUID | None = None


# (job, row or None for body and file, what is sealed) to the same under the key that counts now; None
# where it does not open any more, because its key was destroyed.
SealAnew = Callable[["Job", int | None, bytes], bytes | None]


@dataclass(frozen=True, slots=True)
class Job:
    """One received submission; what is kept of it is sealed, see `sealed_by` in the schema.

    has_body: whether it is kept as it was received.
    """

    number: int
    iss: UUID
    jti: UUID
    n: int
    root: bytes
    body_mac: bytes | None
    has_body: bool
    state: str
    sealed_by: UUID | None = None


@dataclass(frozen=True, slots=True)
class StoredOutcome:
    """What came of one row; `details` (codes and their parameters) is sealed."""

    row: int
    status: str
    position: int | None
    details: bytes


@dataclass(frozen=True, slots=True)
class PlacedRow:
    """One row of a submission that was told a position."""

    iss: UUID
    jti: UUID
    row: int
    position: int


class Jobs:
    """Received submissions and the tokens that may post them."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path, SCHEMA, migrations=MIGRATIONS, secure_delete=True)

    def find(self, iss: UUID, jti: UUID) -> Job | None:
        """Return the job of a submission id, None when it is new or forgotten."""
        row = self._database.reader.execute(
            f"SELECT {_JOB} FROM job WHERE iss = ? AND jti = ?", (iss.bytes, jti.bytes)
        ).fetchone()
        return None if row is None else _job(row)

    def body(self, number: int) -> bytes | None:
        """Return the body of a job as it is sealed, None where none is kept."""
        return self._column("body", number)

    def file(self, number: int) -> bytes | None:
        """Return the file that a body was made from as it is sealed, None where none is kept."""
        return self._column("extra", number)

    def _column(self, name: str, number: int) -> bytes | None:
        row = self._database.reader.execute(f"SELECT {name} FROM job WHERE number = ?", (number,)).fetchone()
        return None if row is None else row[0]

    def counts(self, number: int) -> dict[str, int]:
        """Return how many rows of a job came to each status so far."""
        rows = self._database.reader.execute(
            "SELECT status, COUNT(*) FROM outcome WHERE job = ? GROUP BY status", (number,)
        )
        return dict(rows.fetchall())

    def receive(
        self,
        iss: UUID,
        jti: UUID,
        n: int,
        root: bytes,
        *,
        received_at_us: int,
        content: Content = Content(),  # noqa: B008 - it cannot be changed
    ) -> Job:
        """Keep a submission; durable when it returns. Of two at once, both get the one that was first.

        Raises:
            Stale: what it is sealed under counts no longer: seal it again.
        """
        sealing = None if content.sealed_by is None else content.sealed_by.bytes
        kept = content.body_mac, content.body, content.extra

        def receive(connection: Connection) -> None:
            if sealing is not None and _sealing(connection) != sealing:
                raise Stale("submissions are sealed under another key now")
            connection.execute(
                "INSERT OR IGNORE INTO job (iss, jti, n, root, body_mac, body, extra, state, received_at_us,"
                " sealed_by) VALUES (?,?,?,?,?,?,?,?,?,?)",
                (iss.bytes, jti.bytes, n, root, *kept, PROCESSING, received_at_us, sealing),
            )

        self._database.together(receive, WEIGHT_MAX if content.body else 1)
        found = self.find(iss, jti)
        assert found is not None
        return found

    def keep_outcomes(
        self, job: int, outcomes: Iterable[StoredOutcome], *, done: bool, sealed_by: UUID | None = None
    ) -> None:
        """Keep what came of rows; a row's first outcome stands.

        Raises:
            Stale: the job is sealed under another key by now: seal them again.
        """
        rows = [(job, outcome.row, outcome.status, outcome.position, outcome.details) for outcome in outcomes]
        sealing = None if sealed_by is None else sealed_by.bytes

        def keep(connection: Connection) -> None:
            found = connection.execute(
                "SELECT sealed_by, forgetting FROM job WHERE number = ?", (job,)
            ).fetchone()
            if found is None:
                return  # destroyed meanwhile: it was older than its 30 days
            if rows and found[0] != sealing:
                raise Stale("this submission is sealed under another key now")
            connection.executemany("INSERT OR IGNORE INTO outcome VALUES (?,?,?,?,?)", rows)
            if done:
                connection.execute("UPDATE job SET state = ? WHERE number = ?", (DONE, job))
                if found[1]:
                    _destroy_content(connection, job)

        self._database.together(keep, len(rows))

    def outcomes(self, job: int) -> Iterator[StoredOutcome]:
        """Yield what came of the rows decided so far, in input order."""
        rows = self._database.reader.execute(
            "SELECT row, status, position, details FROM outcome WHERE job = ? ORDER BY row", (job,)
        )
        return (StoredOutcome(*row) for row in rows)

    def placed_after(self, position: int) -> Iterator[PlacedRow]:
        """Yield every row that was told a position beyond this one, in order of submission and row."""
        rows = self._database.reader.execute(
            "SELECT j.iss, j.jti, o.row, o.position FROM outcome o JOIN job j ON j.number = o.job"
            " WHERE o.position > ? ORDER BY o.job, o.row",
            (position,),
        )
        for iss, jti, row, at in rows:
            yield PlacedRow(UUID(bytes=iss), UUID(bytes=jti), row, at)

    def lose(self, lost: Iterable[PlacedRow]) -> None:
        """Forget what became of these rows and of those after them: posted again, they are decided afresh.

        Rows are decided in their order and see each other's effects, so what stands stays a beginning.
        """
        first: dict[tuple[bytes, bytes], int] = {}
        for one in lost:
            name = (one.iss.bytes, one.jti.bytes)
            first[name] = min(one.row, first.get(name, one.row))
        with self._database.writing() as connection:
            for name, row in first.items():
                connection.execute(
                    "DELETE FROM outcome WHERE row >= ?"
                    " AND job = (SELECT number FROM job WHERE iss = ? AND jti = ?)",
                    (row, *name),
                )
                connection.execute("UPDATE job SET state = ? WHERE iss = ? AND jti = ?", (LOST, *name))

    def take_up(self, job: int) -> None:
        """Note that a submission whose rows were lost was posted again, and will be decided."""
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE job SET state = ? WHERE number = ? AND state = ?", (PROCESSING, job, LOST)
            )

    def unfinished(self) -> list[Job]:
        """Return the jobs that a stop interrupted, oldest first."""
        rows = self._database.reader.execute(
            f"SELECT {_JOB} FROM job WHERE state = ? ORDER BY number", (PROCESSING,)
        )
        return [_job(row) for row in rows]

    def count_received_before(self, instant_us: int) -> int:
        """Return how many jobs were received before an instant, microseconds since 1970."""
        (count,) = self._database.reader.execute(
            "SELECT COUNT(*) FROM job WHERE received_at_us < ?", (instant_us,)
        ).fetchone()
        return int(count)

    def destroy_old(self, now_us: int) -> int:
        """Destroy everything received more than 30 days ago and return how many jobs that was."""
        with self._database.writing() as connection:
            old = [
                number
                for (number,) in connection.execute(
                    "SELECT number FROM job WHERE received_at_us < ?", (now_us - KEEP_DAYS * _DAY_US,)
                )
            ]
            connection.executemany("DELETE FROM outcome WHERE job = ?", [(number,) for number in old])
            connection.executemany("DELETE FROM job WHERE number = ?", [(number,) for number in old])
        return len(old)

    # -------------------------------------------------------------- forgetting

    def next_with_content(self, after: int) -> Job | None:
        """Return the first job beyond a number that keeps a body or a file; None behind the last."""
        row = self._database.reader.execute(
            f"SELECT {_JOB} FROM job WHERE number > ? AND (body IS NOT NULL OR extra IS NOT NULL)"
            " ORDER BY number LIMIT 1",
            (after,),
        ).fetchone()
        return None if row is None else _job(row)

    def destroy_content(self, job: int) -> bool:
        """Destroy body, file and details of a job, but not what came of its rows.

        Returns:
            False where it is still being decided: then it is destroyed in the moment that it is done.
        """
        with self._database.writing() as connection:
            row = connection.execute("SELECT state FROM job WHERE number = ?", (job,)).fetchone()
            if row is not None and row[0] == PROCESSING:
                connection.execute("UPDATE job SET forgetting = 1 WHERE number = ?", (job,))
                return False
            _destroy_content(connection, job)
        return True

    def waits_to_destroy(self) -> bool:
        """Return whether a job is being decided whose content is to be destroyed when it is done."""
        row = self._database.reader.execute("SELECT 1 FROM job WHERE forgetting = 1 LIMIT 1").fetchone()
        return row is not None

    def truncate_wal(self) -> bool:
        """Empty the file beside the database in which destroyed rows linger; False when it has to wait."""
        return self._database.truncate_wal()

    # -------------------------------------------------------------- the key that turns

    def sealing_key(self) -> UUID | None:
        """Return the id of the key that counts now, None where there was none yet."""
        found = _sealing(self._database.reader)
        return None if found is None else UUID(bytes=found)

    def set_sealing_key(self, key: UUID, *, instead_of: UUID | None) -> bool:
        """Let another key count from now on, for ever instead of the one that did.

        Returns:
            False where another process has let one count before.
        """
        expected = None if instead_of is None else instead_of.bytes
        with self._database.writing() as connection:
            if _sealing(connection) != expected:
                return False
            connection.execute("INSERT INTO retired SELECT key FROM sealing")
            connection.execute("INSERT OR REPLACE INTO sealing VALUES (0,?)", (key.bytes,))
        return True

    def unneeded_keys(self) -> list[UUID]:
        """Return the keys that count no longer and under which nothing is sealed any more, now or ever."""
        rows = self._database.reader.execute(
            "SELECT key FROM retired WHERE key NOT IN (SELECT sealed_by FROM job WHERE sealed_by IS NOT NULL)"
        )
        return [UUID(bytes=key) for (key,) in rows]

    def drop_retired(self, keys: Iterable[UUID]) -> None:
        """Note that these keys are destroyed."""
        with self._database.writing() as connection:
            connection.executemany("DELETE FROM retired WHERE key = ?", [(key.bytes,) for key in keys])

    def next_sealed_otherwise(self, after: int, key: UUID) -> int | None:
        """Return the first job beyond a number that is not sealed under `key`; None behind the last."""
        row = self._database.reader.execute(
            "SELECT number FROM job WHERE number > ? AND sealed_by IS NOT ? ORDER BY number LIMIT 1",
            (after, key.bytes),
        ).fetchone()
        return None if row is None else int(row[0])

    def seal_anew(self, number: int, key: UUID, anew: SealAnew) -> None:
        """Put one job and its outcomes under the key that counts, in one transaction.

        Raises:
            Stale: this key counts no longer.
        """
        with self._database.writing() as connection:
            if _sealing(connection) != key.bytes:
                raise Stale("submissions are sealed under another key now")
            row = connection.execute(f"SELECT {_JOB} FROM job WHERE number = ?", (number,)).fetchone()
            if row is None:
                return
            job = _job(row)
            if job.sealed_by == key:
                return
            sealed = connection.execute("SELECT body, extra FROM job WHERE number = ?", (number,)).fetchone()
            body, extra = (None if one is None else anew(job, None, one) for one in sealed)
            connection.execute(
                "UPDATE job SET body = ?, extra = ?, sealed_by = ? WHERE number = ?",
                (body, extra, key.bytes, number),
            )
            for rows in _details(connection, number):
                connection.executemany(
                    "UPDATE outcome SET details = ? WHERE job = ? AND row = ?",
                    [(anew(job, place, details) or DESTROYED, number, place) for place, details in rows],
                )

    # -------------------------------------------------------------- tokens

    def keep_token(self, digest: bytes, token_id: UUID, organisation: UUID, made_at_us: int) -> None:
        """Keep the digest of an organisation's token; the token itself is shown once and never kept."""
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO token VALUES (?,?,?,?)", (digest, token_id.bytes, organisation.bytes, made_at_us)
            )

    def token(self, digest: bytes) -> tuple[UUID, UUID] | None:
        """Return (token id, organisation) of a token's digest, None when it is not one of ours."""
        row = self._database.reader.execute(
            "SELECT id, organisation FROM token WHERE digest = ?", (digest,)
        ).fetchone()
        return None if row is None else (UUID(bytes=row[0]), UUID(bytes=row[1]))

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def _job(row: Sequence[Any]) -> Job:
    number, iss, jti, n, root, body_mac, has_body, state, sealed_by = row
    key = None if sealed_by is None else UUID(bytes=sealed_by)
    return Job(number, UUID(bytes=iss), UUID(bytes=jti), n, root, body_mac, bool(has_body), state, key)


def _sealing(connection: Connection) -> bytes | None:
    row = connection.execute("SELECT key FROM sealing").fetchone()
    return None if row is None else bytes(row[0])


def _destroy_content(connection: Connection, job: int) -> None:
    connection.execute("UPDATE job SET body = NULL, extra = NULL, forgetting = 0 WHERE number = ?", (job,))
    connection.execute("UPDATE outcome SET details = ? WHERE job = ?", (DESTROYED, job))


def _details(connection: Connection, job: int) -> Iterator[list[tuple[int, bytes]]]:
    """Yield (row, details) of a job a thousand at a time, those that were destroyed left out."""
    last = -1
    while rows := connection.execute(
        "SELECT row, details FROM outcome WHERE job = ? AND row > ? AND length(details) > 0"
        " ORDER BY row LIMIT ?",
        (job, last, _ROWS_AT_ONCE),
    ).fetchall():
        last = rows[-1][0]
        yield rows
