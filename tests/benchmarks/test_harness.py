"""The harness measures what it says; how fast anything is, no test asserts."""

import json
import subprocess
import sys

import pytest

from benchmarks import __main__ as command
from benchmarks import growth, harness
from benchmarks.__main__ import write_tables
from benchmarks.catalogue import BENCHMARKS, BY_NAME
from benchmarks.harness import Benchmark, Figure, Stopwatch, measure, percentiles, ratio, run_here, table
from tests.support.documents import write_rows
from tests.support.tree import ROOT


def test_only_what_runs_under_the_stopwatch_counts(tmp_path):
    """Time is taken while the watch runs, and what was done is what the work says."""

    def work(folder, watch):
        (folder / "prepared").touch()
        assert watch.seconds == 0
        with watch:
            sum(range(1_000))
        watch.notes["size_bytes"] = 12
        return 7

    count, seconds, cpu_seconds, notes = run_here(Benchmark("example", "things", work), tmp_path)

    assert count == 7
    assert seconds > 0
    assert cpu_seconds > 0
    assert notes == {"size_bytes": 12}
    assert (tmp_path / "prepared").exists()


def test_a_measurement_of_nothing_is_a_mistake(tmp_path):
    """Work that never starts the watch does not become an infinite rate."""
    with pytest.raises(AssertionError, match="example measured nothing"):
        run_here(Benchmark("example", "things", lambda _folder, _watch: 7), tmp_path)


def test_figures_stand_beside_each_other():
    """A ratio is taken to the measurement named; one that stands alone has none."""
    plain = Benchmark("plain", "rows", lambda _folder, _watch: 1)
    ours = Benchmark("ours", "rows", lambda _folder, _watch: 1, beside="plain", aim="≥ 1 ×")
    figures = {
        "plain": Figure(12_000, 1.0, 0.5, 2**20),
        "ours": Figure(6_000, 0.25, 0.25, 3 * 2**20, {"view_p99_ms": 1234.5}),
    }

    rows = table([plain, ours], figures)

    assert rows == [
        ("plain", "12 000 rows/s", "", "", "50%", "1 MiB", ""),
        ("ours", "24 000 rows/s", "2.00 × plain", "view p99 1 234 ms", "100%", "3 MiB", "≥ 1 ×"),
    ]
    assert ratio(ours, {"ours": figures["ours"]}) is None


def test_a_measurement_that_takes_minutes_is_made_once(monkeypatch):
    """Further rounds leave it out, and measure the others again."""
    made = []
    monkeypatch.setattr(harness, "_in_child", lambda name: made.append(name) or Figure(1, 1.0, 1.0, 1))
    long = Benchmark("long", "rows", lambda _folder, _watch: 1, once=True)
    short = Benchmark("short", "rows", lambda _folder, _watch: 1)

    measure([long, short], 3)

    assert made == ["long", "short", "short", "short"]


def test_percentiles_are_values_that_were_measured():
    """Half took no longer than p50 says, and of a hundred all but one no longer than p99."""
    seconds = [one / 1000 for one in range(1, 101)]

    assert percentiles(seconds, "view") == {"view_p50_ms": 50.0, "view_p99_ms": 99.0}
    assert percentiles([0.004]) == {"p50_ms": 4.0, "p99_ms": 4.0}


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


def test_tables_are_written_between_their_marks(tmp_path):
    """The whole where that is asked for, and where only aims are, what has one; nothing else is touched."""
    plain = Benchmark("plain", "rows", lambda _folder, _watch: 1)
    ours = Benchmark("ours", "rows", lambda _folder, _watch: 1, beside="plain", aim="≥ 1 ×")
    figures = {
        name: Figure(12_000, 1.0, 0.5, 2**20, {"p99_ms": 12.0, "p50_ms": 1.0}) for name in ("plain", "ours")
    }
    whole, aimed = tmp_path / "whole.md", tmp_path / "aimed.md"
    whole.write_text("before\n<!-- bench: begin -->\nold\n<!-- bench: end -->\nafter\n")
    aimed.write_text("<!-- bench, what has an aim: begin -->\n<!-- bench, what has an aim: end -->\n")

    for path in (whole, aimed):
        write_tables(path, [plain, ours], figures, [plain, ours])

    assert whole.read_text().startswith("before\n<!-- bench: begin -->\n\n| what | rate |")
    assert "| plain | 12 000 rows/s |  | p99 12 ms<br>p50 1.0 ms | 50% | 1 MiB |  |" in whole.read_text()
    assert whole.read_text().endswith("<!-- bench: end -->\nafter\n")
    assert "| ours | 12 000 rows/s | 1.00 × plain | p99 12 ms<br>p50 1.0 ms | ≥ 1 × |" in aimed.read_text()
    assert "plain |  |" not in aimed.read_text()


def test_rows_that_were_not_measured_stay_in_the_document(tmp_path):
    """One measured again replaces its own row, one that is new comes to its place, one that is gone goes."""
    every = [Benchmark(name, "rows", lambda *_: 1, aim="≥ 1/s") for name in ("first", "second", "third")]
    first, second, third = every
    figures = {one.name: Figure(12_000, 1.0, 0.5, 2**20) for one in every}
    gone = Benchmark("gone", "rows", lambda *_: 1, aim="≥ 1/s")
    documents = {name: tmp_path / f"{name}.md" for name in (command.WHOLE, command.AIMED)}
    for name, path in documents.items():
        path.write_text(f"<!-- {name}: begin -->\n<!-- {name}: end -->\n")
        write_tables(path, [gone, third, first], {**figures, "gone": figures["first"]}, [gone, *every])

    for path in documents.values():
        write_tables(path, [third, second], dict.fromkeys(figures, Figure(7, 1.0, 1.0, 2**20)), every)

    for path in documents.values():
        rows = [line for line in path.read_text().splitlines() if "rows/s" in line]
        assert [row.split(" | ")[:2] for row in rows] == [
            ["| first", "12 000 rows/s"],
            ["| second", "7 rows/s"],
            ["| third", "7 rows/s"],
        ]


def test_rows_under_another_head_do_not_stay(tmp_path):
    """A table that got or lost a column is written anew: rows that lack it would say something else."""
    path = tmp_path / "a.md"
    path.write_text("<!-- a: begin -->\n| what | then |\n| --- | ---: |\n| old | 1 |\n<!-- a: end -->\n")

    write_rows(path, "a", ("what", "now"), [("new", "2")], ["old", "new"])

    assert path.read_text() == (
        "<!-- a: begin -->\n\n| what | now |\n| --- | ---: |\n| new | 2 |\n\n<!-- a: end -->\n"
    )


@pytest.mark.parametrize("module", [command, growth])
def test_a_document_without_marks_is_refused_before_measuring(module, monkeypatch, tmp_path, capsys):
    """Nobody waits for an hour to hear it."""
    path = tmp_path / "other.md"
    path.write_text("nothing\n")
    monkeypatch.setattr("sys.argv", ["benchmarks", "--into", str(path)])
    for work in ("measure", "measured"):
        monkeypatch.setattr(module, work, lambda *_: pytest.fail("something was measured"), raising=False)

    with pytest.raises(SystemExit) as stopped:
        module.main()

    assert stopped.value.code == 2
    assert "has no lines <!-- " in capsys.readouterr().err
    assert path.read_text() == "nothing\n"
