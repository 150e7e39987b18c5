"""How figures change as a ledger grows: `python -m benchmarks.growth [SIZE…] [--json]`.

For each size a ledger is grown to about so many records, in a process of its own, and the same work is
measured on it: what a record costs must not depend on how many there are. Rates are per second of CPU
time, which a neighbour on the machine changes less than the clock on the wall.
"""

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.table import Table

from benchmarks.harness import Stopwatch, run_child
from benchmarks.study import OUTCOMES, batches, enrol, results
from ledger.audit import How, audit
from ledger.receipts import prove
from ledger.statements import read_submission
from ledger.store.tree import StoredTree
from projections.catalogue import Views
from tests.support.documents import has_place, spaced, write_rows
from tests.support.ledgers import House, a_study_ledger, open_house, people
from tests.support.world import ORIGIN, Human

SIZES = (10_000, 100_000, 1_000_000)
RECORDS_EACH = 3 + len(OUTCOMES)  # of a learner: registered, enrolled, the results, awarded
LAST = 3_000  # learners who come last, while it is measured
LOOKS = 300
_MIB = 2**20
_SEED = 95001
_MARKS = "growth"  # in a document, around the table

Figures = dict[str, float]
_Made = TypeVar("_Made")


# ------------------------------------------------------------------ one size, in a process of its own


def grown(folder: Path, size: int) -> Figures:
    """Grow a ledger to a size and return its figures; names end in their units."""
    house = a_study_ledger(folder)
    learners = people(size // RECORDS_EACH)
    begun = max(0, len(learners) - LAST)
    _teach(house, learners[:begun])
    house.publish()
    views = Views(house.ledger)
    views.catch_up()
    figures = _posted(house, learners[begun:])
    figures |= _followed(house, views)
    figures |= _looked_at(house, views, learners)
    figures |= _audited(house)
    views.close()
    house.close()
    return figures | _bytes_each(folder, house_size(folder), len(learners))


def _teach(house: House, learners: Sequence[Human]) -> None:
    for batch in batches(learners):
        enrol(house, list(batch))
        for submission in results(house, batch):
            house.send(submission)
        house.award(*batch)


def _posted(house: House, learners: Sequence[Human]) -> Figures:
    """Post the last results: new ones, and then the same rows again under other submissions."""
    enrol(house, list(learners))
    found: Figures = {}
    for name in ("posted", "unchanged"):
        bodies = [submission.body() for submission in results(house, learners)]
        received = [read_submission(body.splitlines(), origin=ORIGIN) for body in bodies]
        found[f"{name} rows/s"] = _best(received, lambda one: len(house.ledger.submit(one)))
    return found


def _followed(house: House, views: Views) -> Figures:
    """Fold what came last, and publish it."""
    begun, watch, publishing = views.position(), Stopwatch(), Stopwatch()
    with watch:
        reached = views.catch_up()
    with publishing:
        house.publish()
    count = reached - begun
    return {
        "folded records/s": count / watch.cpu_seconds,
        "published records/s": count / publishing.cpu_seconds,
    }


def _looked_at(house: House, views: Views, learners: Sequence[Human]) -> Figures:
    """Read records of learners, and prove records, chosen by chance."""
    chance = random.Random(_SEED)  # noqa: S311 - chance that is the same every time
    some = chance.sample(learners, LOOKS)
    known = house.ledger.vault.people([human.nsn for human in some])
    ids = [person.learner_id for person in known.values()]
    positions = [chance.randrange(1, house.size()) for _ in range(LOOKS)]
    tree = StoredTree(house.ledger.store.database)
    return {
        "record views/s": _each(ids, views.record),
        "inclusion proofs/s": _each(positions, lambda at: prove(house.ledger.store, tree, at)),
    }


def _audited(house: House) -> Figures:
    watch = Stopwatch()
    with watch:
        report = audit(house.ledger, with_keys=False, how=How(jobs=1))
    assert report.ok, report.faults[:3]
    return {"audited records/s": report.records / watch.cpu_seconds}


def _best(things: Iterable[_Made], work: Callable[[_Made], int]) -> float:
    """Return the best rate at which these things were done: a batch that was disturbed says nothing."""
    rates = []
    for thing in things:
        watch = Stopwatch()
        with watch:
            count = work(thing)
        rates.append(count / watch.cpu_seconds)
    return max(rates)


def _each(things: Sequence[_Made], work: Callable[[_Made], object]) -> float:
    work(things[0])  # caches are warm
    watch = Stopwatch()
    with watch:
        for thing in things:
            work(thing)
    return len(things) / watch.cpu_seconds


# ------------------------------------------------------------------ what it takes on disk and in memory


def house_size(folder: Path) -> int:
    """Return how many records a ledger holds."""
    house = open_house(folder)
    size = house.size()
    house.close()
    return size


def _bytes_each(folder: Path, records: int, learners: int) -> Figures:
    anchor = sum(path.stat().st_size for path in (folder / "anchor").rglob("*") if path.is_file())
    sizes = {name: (folder / f"{name}.sqlite").stat().st_size for name in ("ledger", "views", "vault")}
    return {
        "ledger bytes/record": sizes["ledger"] / records,
        "views bytes/record": sizes["views"] / records,
        "anchor bytes/record": anchor / records,
        "vault bytes/learner": sizes["vault"] / learners,
    }


def rebuilt(folder: Path) -> Figures:
    """Build every view anew, in this process, whose memory is then that of a rebuild."""
    house = open_house(folder)
    views, watch = Views(house.ledger), Stopwatch()
    with watch:
        views.rebuild()
    rate = house.size() / watch.cpu_seconds
    views.close()
    house.close()
    return {"rebuilt records/s": rate}


# ------------------------------------------------------------------ every size


def measured(size: int) -> Figures:
    """Return the figures of one size, each part measured in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        figures, peak = _child("grow", str(size), folder)
        figures["peak MiB, all of the above"] = peak
        rebuild, peak = _child("rebuild", folder)
    return figures | rebuild | {"peak MiB, rebuild": peak}


def _child(*arguments: str) -> tuple[Figures, float]:
    printed, memory_max_bytes = run_child([sys.executable, "-m", __spec__.name, "--here", *arguments])
    return json.loads(printed), memory_max_bytes / _MIB


def main() -> None:
    """Read the command line, and print a table with a column for each size."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, metavar="SIZE", default=list(SIZES))
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--into", type=Path, help="also write it into a document, between its marks")
    parser.add_argument("--here", nargs="+", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.here:
        what, *rest = asked.here
        figures = rebuilt(Path(rest[0])) if what == "rebuild" else grown(Path(rest[1]), int(rest[0]))
        print(json.dumps(figures))
        return
    if asked.into is not None and not has_place(asked.into, _MARKS):
        parser.error(f"{asked.into} has no lines <!-- {_MARKS}: begin --> and <!-- {_MARKS}: end -->")
    columns = {size: measured(size) for size in sorted(asked.sizes)}
    head, rows = _table(columns)
    if asked.into is not None:
        write_rows(asked.into, _MARKS, head, rows, [name for name, *_ in rows])
    if asked.json:
        print(json.dumps(columns, indent=2))
        return
    shown = Table(*head)
    for row in rows:
        shown.add_row(*row)
    Console(width=140).print(shown)


def _table(columns: dict[int, Figures]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return head and rows: a column for each size, and how the largest compares with the smallest."""
    first, *_, last = (*columns.values(),)
    head = ("what", *(f"{spaced(size)} records" for size in columns), "last ÷ first")
    rows = []
    for name in first:
        values = [spaced(figures[name]) for figures in columns.values()]
        rows.append((name, *values, f"{last[name] / first[name]:.2f}"))
    return head, rows


if __name__ == "__main__":
    main()
