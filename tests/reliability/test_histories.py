"""Old copies, two histories, two servers, jumping clocks in short, and that the campaign sees them."""

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from api.cli.drills import rollback
from api.cli.drills.result import Drill
from ledger.store.anchor import Anchor
from ledger.store.sqlite import LedgerRecorder
from tests.reliability import histories
from tests.reliability.harness import Setting
from tests.reliability.histories import jumping, run, two_servers


def test_two_servers_make_one_history(tmp_path: Path) -> None:
    """On one folder at once: every answer stands, and no size has two roots."""
    assert list(two_servers(tmp_path / "ledger", Random(0))) == []


def test_a_clock_that_jumps_takes_nothing_back(tmp_path: Path) -> None:
    """Forward and back: what is refused is refused for the clock, and the rest is recorded in order."""
    assert list(jumping(tmp_path / "ledger", Random(0))) == []


def test_the_drills_are_lines_of_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each drill with its steps; what it does is tried where the drills are."""

    def played(name: str, *, ok: bool) -> Callable[[Path], Drill]:
        def run(_place: Path) -> Drill:
            drill = Drill(name)
            drill.expect("something happens", "yes" if ok else "no", "yes")
            return drill

        return run

    monkeypatch.setattr(
        histories, "DRILLS", (("one", played("one", ok=True)), ("two", played("two", ok=False)))
    )

    one, two, *_ = run(Setting(0, 0, tmp_path))

    assert (one.ok, two.ok) == (True, False)
    assert two.failures == ("histories: something happens: no",)


def test_an_anchor_that_nobody_looks_at_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the look at the anchor a start on an old copy finds nothing, and the drill says so."""
    monkeypatch.setattr(Anchor, "check", lambda *_: None)

    drill = rollback.run(tmp_path)

    failed = [step.what for step in drill.steps if not step.ok]
    assert failed[0] == "start-up finds the old copy"


def test_a_clock_that_is_not_looked_at_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that takes the clock as it comes writes while it is behind."""
    monkeypatch.setattr("ledger.store.sqlite.recorded_at", lambda clock, _last_us: clock.now_us())

    assert list(jumping(tmp_path / "ledger", Random(0)))


def test_an_answer_that_is_not_recorded_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that answers before it writes, and then does not, is found out."""
    insert, writes = LedgerRecorder.insert_events, iter(range(10**6))

    def forgetful(self: LedgerRecorder, stored_events: list, **options: object) -> object:
        if stored_events[0].topic == "assessment.passed" and next(writes) % 3 == 2:
            return [self.head().size + 1]
        return insert(self, stored_events, **options)

    monkeypatch.setattr(LedgerRecorder, "insert_events", forgetful)

    assert list(two_servers(tmp_path / "ledger", Random(0)))
