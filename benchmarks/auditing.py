"""An audit of everything that is stored, alone and by several processes, and the publication before it."""

from pathlib import Path

from benchmarks.harness import Benchmark, Stopwatch
from benchmarks.study import a_class, a_year, results
from ledger.audit import How, audit

LEARNERS = 2_000
PROCESSES = How(jobs=2, part=1024)  # parts that small share a ledger this small evenly


def without_keys(folder: Path, watch: Stopwatch) -> int:
    """Audit what anyone can check: encoding, entries, tree, checkpoints, submissions, public decisions."""
    return _audit(folder, watch, How(), with_keys=False)


def with_keys(folder: Path, watch: Stopwatch) -> int:
    """Audit sealed parts and statements too, and make every decision about people again."""
    return _audit(folder, watch, How(), with_keys=True)


def by_two_processes(folder: Path, watch: Stopwatch) -> int:
    """Audit with keys by two processes, the time in which they start included."""
    return _audit(folder, watch, PROCESSES, with_keys=True)


def _audit(folder: Path, watch: Stopwatch, how: How, *, with_keys: bool) -> int:
    house = a_year(folder, LEARNERS)
    with watch:
        report = audit(house.ledger, with_keys=with_keys, how=how)
    assert report.ok
    assert report.records == house.size()
    return report.records


def published(folder: Path, watch: Stopwatch) -> int:
    """Publish: read back what is stored, write tiles to the anchor's place, sign."""
    house, humans = a_class(folder, LEARNERS)
    for submission in results(house, humans):
        house.send(submission)
    with watch:
        checkpoint = house.publish()
    assert checkpoint is not None
    return checkpoint.size


BENCHMARKS = (
    Benchmark("published", "records", published),
    Benchmark("audit without keys", "records", without_keys, aim="≥ 120 000/s"),
    Benchmark("audit with keys", "records", with_keys, beside="audit without keys"),
    Benchmark("audit with keys, two processes", "records", by_two_processes, beside="audit with keys"),
)
