"""The harness measures what it says; how fast anything is, no test asserts."""

import json
import subprocess
import sys

import pytest

from benchmarks.catalogue import BENCHMARKS, BY_NAME
from benchmarks.harness import Benchmark, Figure, Stopwatch, ratio, run_here, table
from tests.support.tree import ROOT


def test_only_what_runs_under_the_stopwatch_counts(tmp_path):
    """Time is taken while the watch runs, and what was done is what the work says."""

    def work(folder, watch):
        (folder / "prepared").touch()
        assert watch.seconds == 0
        with watch:
            sum(range(1_000))
        return 7

    count, seconds, cpu_seconds = run_here(Benchmark("example", "things", work), tmp_path)

    assert count == 7
    assert seconds > 0
    assert cpu_seconds > 0
    assert (tmp_path / "prepared").exists()


def test_a_measurement_of_nothing_is_a_mistake(tmp_path):
    """Work that never starts the watch does not become an infinite rate."""
    with pytest.raises(AssertionError, match="example measured nothing"):
        run_here(Benchmark("example", "things", lambda _folder, _watch: 7), tmp_path)


def test_figures_stand_beside_each_other():
    """A ratio is taken to the measurement named; one that stands alone has none."""
    plain = Benchmark("plain", "rows", lambda _folder, _watch: 1)
    ours = Benchmark("ours", "rows", lambda _folder, _watch: 1, beside="plain", aim="≥ 1 ×")
    figures = {"plain": Figure(12_000, 1.0, 0.5, 2**20), "ours": Figure(6_000, 0.25, 0.25, 3 * 2**20)}

    rows = table([plain, ours], figures)

    assert rows == [
        ("plain", "12 000 rows/s", "", "50%", "1 MiB", ""),
        ("ours", "24 000 rows/s", "2.00 × plain", "100%", "3 MiB", "≥ 1 ×"),
    ]
    assert ratio(ours, {"ours": figures["ours"]}) is None


def test_a_stopwatch_adds_up():
    """Two stretches count together."""
    watch = Stopwatch()
    with watch:
        sum(range(1_000))
    first = watch.seconds

    with watch:
        sum(range(1_000))

    assert watch.seconds > first > 0


def test_names_are_unique_and_comparisons_exist():
    """Every measurement can be asked for by name, and is compared with one that is there."""
    assert len(BY_NAME) == len(BENCHMARKS)
    assert {benchmark.beside for benchmark in BENCHMARKS} - {None} <= BY_NAME.keys()


@pytest.mark.parametrize("name", ["inclusion verified", "bundles verified"])
def test_a_measurement_runs_in_a_process_of_its_own(name):
    """The command measures what is named and prints rate and memory of that process.

    Documents stand for those that need a whole ledger: whatever an export asks for has to be there.
    """
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", name, "--rounds", "1", "--json"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )

    document = json.loads(done.stdout)
    assert document.keys() == {name}
    assert document[name]["count"] > 0
    assert document[name]["memory_max_bytes"] > 2**20
