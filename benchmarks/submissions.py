"""Submissions of 1 000 results: read, decided by the rules, sealed, appended, durable; and posted again."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from api.client.submission import Submission
from benchmarks.harness import Benchmark, Stopwatch
from benchmarks.study import a_class, results
from ledger.deciding.batch import ACCEPTED, UNCHANGED, Outcome
from ledger.statements import ReceivedSubmission, read_submission
from tests.support.ledgers import House
from tests.support.world import ORIGIN

LEARNERS = 4_000


def decided(folder: Path, watch: Stopwatch) -> int:
    """Decide submissions that were read before: loading, rules, sealing, one transaction each."""
    house, humans = a_class(folder, LEARNERS)
    received = [_received(submission) for submission in results(house, humans)]
    with watch:
        outcomes = [outcome for one in received for outcome in house.ledger.submit(one)]
    return _all(outcomes, ACCEPTED)


def read(folder: Path, watch: Stopwatch) -> int:
    """Read submissions from the wire: salts, leaves and root, types."""
    house, humans = a_class(folder, 1_000)
    bodies = [submission.body().splitlines() for submission in results(house, humans)] * 4
    with watch:
        received = [read_submission(body, origin=ORIGIN) for body in bodies]
    return sum(one.claims.n for one in received)


def whole(folder: Path, watch: Stopwatch) -> int:
    """Take submissions in from their bytes to their durable records."""
    house, humans = a_class(folder, LEARNERS)
    return _post(house, results(house, humans), watch, ACCEPTED)


def unchanged(folder: Path, watch: Stopwatch) -> int:
    """Post rows that are recorded already under new submissions, from their bytes: nothing is written."""
    house, humans = a_class(folder, LEARNERS)
    _post(house, results(house, humans), Stopwatch(), ACCEPTED)
    size = house.size()
    count = _post(house, results(house, humans), watch, UNCHANGED)
    assert house.size() == size
    return count


def _post(house: House, submissions: Iterable[Submission], watch: Stopwatch, status: str) -> int:
    bodies = [submission.body().splitlines() for submission in submissions]
    outcomes: list[Outcome] = []
    with watch:
        for body in bodies:
            outcomes += house.ledger.submit(read_submission(body, origin=ORIGIN))
    return _all(outcomes, status)


def _received(submission: Submission) -> ReceivedSubmission:
    return read_submission(submission.body().splitlines(), origin=ORIGIN)


def _all(outcomes: Sequence[Outcome], status: str) -> int:
    assert {outcome.status for outcome in outcomes} == {status}, outcomes[0]
    return len(outcomes)


BENCHMARKS = (
    Benchmark("submission read", "statements", read),
    Benchmark("submission decided, durable", "statements", decided, aim="≥ 5 000/s"),
    Benchmark("both: bytes to durable", "statements", whole, aim="≥ 5 000/s"),
    Benchmark("rows unchanged", "rows", unchanged, beside="both: bytes to durable", aim="≥ 15 000/s"),
)
