"""What was received and what came of it: bodies sealed, outcomes without a single value.

A submission is answered 202 only when its body is durable here. Outcomes are row, status, codes
and position; parameters of findings are sealed under the organisation's key. Everything goes
after 30 days: the records stay, and the same submission is then answered from them.

Source: LEDGER.md 2 (received bodies, outcomes, progress), SPEC.md 6.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from ledger.database import Database

KEEP_DAYS = 30
_DAY_US = 86_400_000_000
SCHEMA = """
CREATE TABLE IF NOT EXISTS job (
  number INTEGER PRIMARY KEY, iss BLOB NOT NULL, jti BLOB NOT NULL, n INTEGER NOT NULL, root BLOB NOT NULL,
  body_mac BLOB, body BLOB, extra BLOB, state TEXT NOT NULL, received_at_us INTEGER NOT NULL,
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
"""
# `lost`: what it had recorded is not there any more; whoever posted it has to post it again.
PROCESSING, DONE, LOST = "processing", "done", "lost"


@dataclass(frozen=True, slots=True)
class Job:
    """One received submission. `body` and `extra` are sealed under its organisation's key."""

    number: int
    iss: UUID
    jti: UUID
    n: int
    root: bytes
    body_mac: bytes | None
    body: bytes | None
    extra: bytes | None
    state: str


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
        self._database = Database(path, SCHEMA, secure_delete=True)

    def find(self, iss: UUID, jti: UUID) -> Job | None:
        """Return the job of a submission id, None when it is new or forgotten."""
        row = self._database.reader.execute(
            "SELECT number, n, root, body_mac, body, extra, state FROM job WHERE iss = ? AND jti = ?",
            (iss.bytes, jti.bytes),
        ).fetchone()
        return None if row is None else Job(row[0], iss, jti, *row[1:])

    def receive(
        self,
        iss: UUID,
        jti: UUID,
        n: int,
        root: bytes,
        *,
        body: bytes | None,
        received_at_us: int,
        body_mac: bytes | None = None,
        extra: bytes | None = None,
    ) -> Job:
        """Keep a submission; durable when it returns. Of two at once, both get the one that was first."""
        with self._database.writing() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO job (iss, jti, n, root, body_mac, body, extra, state, received_at_us)"
                " VALUES (?,?,?,?,?,?,?,?,?)",
                (iss.bytes, jti.bytes, n, root, body_mac, body, extra, PROCESSING, received_at_us),
            )
        found = self.find(iss, jti)
        assert found is not None
        return found

    def keep_outcomes(self, job: int, outcomes: Iterable[StoredOutcome], *, done: bool) -> None:
        """Keep what came of rows; a row's first outcome stands."""
        rows = [(job, outcome.row, outcome.status, outcome.position, outcome.details) for outcome in outcomes]
        with self._database.writing() as connection:
            connection.executemany("INSERT OR IGNORE INTO outcome VALUES (?,?,?,?,?)", rows)
            if done:
                connection.execute("UPDATE job SET state = ? WHERE number = ?", (DONE, job))

    def outcomes(self, job: int) -> list[StoredOutcome]:
        """Return what came of the rows decided so far, in input order."""
        rows = self._database.reader.execute(
            "SELECT row, status, position, details FROM outcome WHERE job = ? ORDER BY row", (job,)
        )
        return [StoredOutcome(*row) for row in rows]

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
            "SELECT number, iss, jti, n, root, body_mac, body, extra, state FROM job"
            " WHERE state = ? ORDER BY number",
            (PROCESSING,),
        )
        return [Job(number, UUID(bytes=iss), UUID(bytes=jti), *rest) for number, iss, jti, *rest in rows]

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
