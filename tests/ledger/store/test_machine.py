"""Whatever is written, refused, read and reopened, in any order: the store agrees with a simple model."""

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from ledger.store.sqlite import LedgerRecorder
from tests.ledger.store.machine import StoreMachine

SHORT = settings(max_examples=15, stateful_step_count=25)
# The first run that fails is enough: nobody reads the shortest.
BROKEN = settings(SHORT, max_examples=50, phases=(Phase.generate,))


def test_the_store_agrees_with_its_model() -> None:
    """A few runs of writes, refusals, readings and reopenings; `make reliability` makes many."""
    run_state_machine_as_test(StoreMachine, settings=SHORT)


@pytest.mark.parametrize("check", ["_check_reads", "_check_versions"])
def test_a_check_that_is_left_out_is_seen(monkeypatch: pytest.MonkeyPatch, check: str) -> None:
    """A store that forgets to look whether a decision is stale does not agree with the model."""
    monkeypatch.setattr(LedgerRecorder, check, lambda *_: None)

    with pytest.raises(AssertionError, match="the model refuses it"):
        run_state_machine_as_test(StoreMachine, settings=BROKEN)
