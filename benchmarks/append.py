"""An append: 1 000 new aggregates of one event a transaction, ours beside the library's and beside SQLite.

Ours is everything of LEDGER.md 3: open and sealed part, five commitments, entry, leaf, tree and
tiles, and the submission the records rest on. The library's own recorder keeps the same fields as
JSON. Below both lies what SQLite takes for the very rows that ours stores. All three flush every
commit (WAL, synchronous=FULL).
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

from benchmarks.harness import Benchmark, Stopwatch
from ledger.clock import instant
from ledger.database import Connection, Database
from ledger.domain.base import Act, Said
from ledger.domain.claims import ROW
from ledger.domain.enrolment import Enrolment, LearnerEnrolled
from ledger.ids import random_bytes, uuid7
from ledger.privacy.sealing import SubjectKey
from ledger.store.recorder import Submission, Write
from ledger.store.sqlite import MIGRATIONS, SCHEMA
from tests.support.ledgers import House, an_empty_ledger

BATCH, BATCHES, SINGLES = 1_000, 10, 1_000
THREADS, SHARED = 32, 6_400
ISS = UUID(int=95001)
NOW_US = 1_795_305_600_000_000
STATEMENT = (
    b'{"code":"6022","funding":"employer","language":"en","mode":"workplace","start_on":"2026-01-12",'
    b'"type":"learner.enrolled","v":1,"who":"0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"}'
)
WHO = b'{"enrolment_ref":"P100-6022","name_id":"BROOP","nsn":"9000001007"}'


# ------------------------------------------------------------------ ours


def _enrolments(count: int, jti: UUID) -> list[Enrolment]:
    return [_enrolment(row, jti) for row in range(count)]


def _enrolment(row: int, jti: UUID) -> Enrolment:
    said = Said(jti, row, random_bytes(32), STATEMENT, random_bytes(32), WHO)
    act = Act(0, "MC-2026", date(2026, 11, 22), instant(NOW_US), said, random_bytes(16), random_bytes(16))
    return Enrolment.begin(
        LearnerEnrolled,
        uuid7(NOW_US),
        act,
        subject=uuid7(NOW_US),
        provider=95001,
        code="6022",
        version=1,
        start_on=date(2026, 1, 12),
        planned_end_on=None,
        mode="workplace",
        language="en",
        funding="employer",
    )


class _Batch:
    """Aggregates that are said in one submission, with the keys of their learners."""

    def __init__(self, count: int) -> None:
        jti = uuid7(NOW_US)
        self.aggregates = _enrolments(count, jti)
        learners = [one.learner for one in self.aggregates]
        self.keys = {learner: SubjectKey(learner, random_bytes(32)) for learner in learners}
        self.submission = Submission(ISS, jti, "a.b.c", bytes(32 * count))

    def save(self, house: House, *, takes: bool = False) -> None:
        """Append it; `takes`: also check that the learners have not moved, and take the rows' keys."""
        events = [event for aggregate in self.aggregates for event in aggregate.collect_events()]
        write = Write(submission=self.submission)
        if takes:
            write = Write(
                as_of=0,
                submission=self.submission,
                reads=tuple((one.subject, 0) for one in events),
                takes=tuple((ROW, one.row_key, one.originator_id, 1) for one in events),
            )
        house.ledger.save_events(events, self.keys, write)


def sealed(folder: Path, watch: Stopwatch) -> int:
    """Append sealed records with everything that proves them."""
    return _append(folder, watch, BATCHES, BATCH)


def guarded(folder: Path, watch: Stopwatch) -> int:
    """Append them as a submission does: reads are compared and row keys taken in the same transaction."""
    return _append(folder, watch, BATCHES, BATCH, takes=True)


def one_by_one(folder: Path, watch: Stopwatch) -> int:
    """Append one record a transaction."""
    return _append(folder, watch, SINGLES, 1)


def by_threads(folder: Path, watch: Stopwatch) -> int:
    """Append one record a request from 32 threads at once: those that wait share a transaction."""
    house = an_empty_ledger(folder)
    each = [[_Batch(1) for _ in range(SHARED // THREADS)] for _ in range(THREADS)]

    def save(batches: Sequence[_Batch]) -> None:
        for batch in batches:
            batch.save(house)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda _: None, range(THREADS)))  # the threads are there
        with watch:
            list(pool.map(save, each))
    together = house.ledger.store.database.sharing
    watch.notes["requests_each"] = together.requests / together.groups
    assert house.size() == SHARED
    return SHARED


def _append(folder: Path, watch: Stopwatch, commits: int, count: int, *, takes: bool = False) -> int:
    house = an_empty_ledger(folder)
    for _ in range(commits):
        batch = _Batch(count)  # just made, as by a decision
        with watch:
            batch.save(house, takes=takes)
    assert house.size() == commits * count
    return house.size()


# ------------------------------------------------------------------ the library's own


class Stock(Aggregate):
    """The same fields, as the library's documentation would have them."""

    @event("Enrolled")
    def __init__(  # noqa: PLR0913 - the fields of `learner.enrolled`
        self,
        *,
        learner: UUID,
        provider: int,
        code: str,
        version: int,
        start_on: str,
        mode: str,
        language: str,
        funding: str,
        statement: str,
        who: str,
    ) -> None:
        self.learner, self.provider = learner, provider
        self.code, self.version = code, version
        self.start_on, self.mode = start_on, mode
        self.language, self.funding = language, funding
        self.statement, self.who = statement, who


def _stock() -> Stock:
    return Stock(
        learner=uuid7(NOW_US),
        provider=95001,
        code="6022",
        version=1,
        start_on="2026-01-12",
        mode="workplace",
        language="en",
        funding="employer",
        statement=STATEMENT.decode(),
        who=WHO.decode(),
    )


def library(folder: Path, watch: Stopwatch) -> int:
    """Save as many with the library's `Application.save` and its own SQLite recorder."""
    return _save(folder, watch, BATCHES, BATCH)


def library_one_by_one(folder: Path, watch: Stopwatch) -> int:
    """Save one aggregate a transaction with the library."""
    return _save(folder, watch, SINGLES, 1)


def _save(folder: Path, watch: Stopwatch, commits: int, count: int) -> int:
    name = str(folder / "stock.sqlite")
    application = Application[UUID](env={"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": name})
    for _ in range(commits):
        batch = [_stock() for _ in range(count)]
        with watch:
            application.save(*batch)
    return commits * count


# ------------------------------------------------------------------ SQLite alone


def rows_alone(folder: Path, watch: Stopwatch) -> int:
    """Insert the rows of `sealed` into the same tables, and nothing else."""
    sealed(folder, Stopwatch())
    source = Database(folder / "ledger.sqlite", SCHEMA, migrations=MIGRATIONS)
    rows = source.reader.execute("SELECT * FROM record ORDER BY position").fetchall()
    target = Database(folder / "copy.sqlite", SCHEMA, migrations=MIGRATIONS)
    with watch:
        for at in range(0, len(rows), BATCH):
            with target.writing() as connection:
                _insert(connection, rows[at : at + BATCH])
    return len(rows)


def _insert(connection: Connection, rows: Sequence[tuple[object, ...]]) -> None:
    marks = ",".join("?" * len(rows[0]))
    connection.executemany(f"INSERT INTO record VALUES ({marks})", rows)  # noqa: S608 - question marks


BENCHMARKS = (
    Benchmark("library's save, 1 000 a commit", "records", library),
    Benchmark(
        "append, 1 000 a commit", "records", sealed, beside="library's save, 1 000 a commit", aim="≥ 1 ×"
    ),
    Benchmark("append with reads and row keys", "records", guarded, beside="library's save, 1 000 a commit"),
    Benchmark("executemany of those rows", "records", rows_alone, beside="append, 1 000 a commit"),
    Benchmark("library's save, 1 a commit", "records", library_one_by_one),
    Benchmark(
        "append, 1 a commit", "records", one_by_one, beside="library's save, 1 a commit", aim="≥ 0.8 ×"
    ),
    Benchmark("append, 32 threads", "records", by_threads, beside="library's save, 1 a commit", aim="≥ 2 ×"),
)
