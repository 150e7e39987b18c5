"""The simulator in short: a seed repeats its run, and what is broken on purpose is seen with the steps."""

from pathlib import Path

import pytest

from ledger.store.sqlite import LedgerRecorder
from tests.reliability.harness import Setting
from tests.reliability.simulator import Simulation, run, trial

RUNS = 2
WITH_A_CLOCK_THAT_GOES_BACK = 6  # a seed


def test_every_promise_holds_after_every_step(tmp_path: Path) -> None:
    """A few runs of sixty steps each."""
    (line,) = run(Setting(RUNS, 0, tmp_path))

    assert line.ok, line.failures
    assert line.times == RUNS


def test_a_seed_repeats_its_run(tmp_path: Path) -> None:
    """Twice the same seed is twice the same steps, but for the names that are drawn by chance."""
    words = []
    for folder in ("one", "two"):
        simulation = Simulation(3, tmp_path / folder)
        for _ in range(25):
            assert not list(simulation.go_on())
        simulation.close()
        words.append([step.split(":")[0] for step in simulation.steps])

    assert words[0] == words[1]


def test_a_clock_that_is_not_looked_at_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that takes the clock as it comes records instants that go back; the run says when."""
    monkeypatch.setattr("ledger.store.sqlite.recorded_at", lambda clock, _last_us: clock.now_us())

    wrong = trial(WITH_A_CLOCK_THAT_GOES_BACK, tmp_path / "run")

    assert wrong[0] == "P9: instants go back"
    assert wrong[-1].startswith("\n  ")


def test_an_answer_before_it_is_durable_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that answers without having written loses what was acknowledged."""
    insert, writes = LedgerRecorder.insert_events, iter(range(10**6))

    def forgetful(self: LedgerRecorder, stored_events: list, **options: object) -> object:
        if stored_events[0].topic == "learner.registered" and next(writes) % 3 == 2:
            first = self.head().size + 1
            return list(range(first, first + len(stored_events)))
        return insert(self, stored_events, **options)

    monkeypatch.setattr(LedgerRecorder, "insert_events", forgetful)

    wrong = _first_wrong(tmp_path)

    assert wrong[0].startswith("P1: ")


def _first_wrong(folder: Path) -> list[str]:
    found = (trial(seed, folder / str(seed)) for seed in range(8))
    return next(wrong for wrong in found if wrong)
