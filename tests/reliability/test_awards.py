"""Revocations at once in short, and that the campaign sees one that is lost and one that is there twice."""

from pathlib import Path
from random import Random

import pytest

from ledger.store.sqlite import LedgerRecorder
from tests.reliability.awards import revoke_at_once, run, wrongs
from tests.reliability.harness import Setting

AWARDS = 40


def test_revocations_at_once_are_all_there_once(tmp_path: Path) -> None:
    """Thirty-two threads, some awards named twice: every bit is set, and no other."""
    (line,) = run(Setting(AWARDS, 0, tmp_path))

    assert line.ok, line.failures


def test_a_revocation_that_is_answered_and_not_recorded_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recorder that answers every tenth write without making it is found out."""
    insert, writes = LedgerRecorder.insert_events, iter(range(10**6))

    def forgetful(self: LedgerRecorder, stored_events: list, **options: object) -> object:
        if stored_events[0].topic == "award.revoked" and next(writes) % 10 == 9:
            return [self.head().size + 1]
        return insert(self, stored_events, **options)

    monkeypatch.setattr(LedgerRecorder, "insert_events", forgetful)

    done = revoke_at_once(tmp_path, AWARDS, Random(0))
    wrong = list(wrongs(done))
    done.house.close()

    assert any("are lost" in one for one in wrong), wrong
    assert any("status lists" in one for one in wrong), wrong
