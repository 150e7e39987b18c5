"""Views: folding records as they come, in batches of 500, and building every view from position 1."""

from pathlib import Path

from benchmarks.harness import Benchmark, Stopwatch
from benchmarks.study import a_year, teach
from projections.catalogue import Views
from tests.support.ledgers import a_study_ledger

LEARNERS = 2_000


def followed(folder: Path, watch: Stopwatch) -> int:
    """Fold what was recorded since the views were opened into all of them."""
    house = a_study_ledger(folder)
    views = Views(house.ledger)
    begun = views.catch_up()
    teach(house, LEARNERS)
    with watch:
        reached = views.catch_up()
    assert reached == house.size()
    return reached - begun


def built(folder: Path, watch: Stopwatch) -> int:
    """Build all of them anew."""
    house = a_year(folder, LEARNERS)
    with watch:
        views = Views(house.ledger)
    assert views.position() == house.size()
    return house.size()


BENCHMARKS = (
    Benchmark("views follow", "records", followed, aim="≥ 40 000/s"),
    Benchmark("views built", "records", built, beside="views follow"),
)
