"""Following the log: woken by writes, asleep between them."""

import time
from pathlib import Path

from ledger.clock import FixedClock
from tests.ledger.store.records import a_record, a_recorder
from tests.support.world import MIDDAY


def test_who_only_waits_sleeps_again(tmp_path: Path):
    """A subscription that is woken and reads nothing sleeps at the next wait, instead of spinning."""
    with a_recorder(tmp_path, FixedClock(MIDDAY)) as recorder:
        subscription = recorder.subscribe()
        recorder.insert_events([a_record(1)])

        subscription.wait(60)  # returns at once: something was written
        began = time.monotonic()
        subscription.wait(0.05)

        assert time.monotonic() - began >= 0.04
        subscription.stop()
