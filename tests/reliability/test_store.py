"""The campaign over the store in short: a store that is wrong fails it with the steps that show it."""

from pathlib import Path

import pytest

from ledger.store.sqlite import LedgerRecorder
from tests.reliability.harness import Setting
from tests.reliability.store import run


def test_the_store_agrees_with_its_model(tmp_path: Path) -> None:
    """A few runs by another seed than the tests of the store itself."""
    (line,) = run(Setting(5, 7, tmp_path))

    assert line.ok, line.failures
    assert line.times == 5


def test_a_store_that_is_wrong_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A newest position that is always one behind shows itself, with the steps and the seed."""
    head = LedgerRecorder.head

    def behind(self: LedgerRecorder) -> object:
        found = head(self)
        return type(found)(found.size - 1, found.root, found.frontier, found.authority, found.recorded_at_us)

    monkeypatch.setattr(LedgerRecorder, "head", behind)

    (line,) = run(Setting(3, 7, tmp_path))

    assert not line.ok
    assert "store --seed 7" in line.failures[0]
