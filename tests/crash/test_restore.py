"""Killed at each step of a restore: doing it again completes it, and nothing more is lost than before.

Source: LEDGER.md 5 (`restore --accept-lost`), 9 (P1, P4); the steps are those of `ledger.restore.run`.
"""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from ledger.domain.tail import TailLost
from ledger.errors import Rollback
from ledger.restore import RECEIPTS_FILE, restore
from ledger.store.jobs import LOST
from projections.catalogue import Views
from tests.crash.steps import RESTORE_STEPS, killed_at
from tests.support.ledgers import PROVIDER_KEY, open_house
from tests.support.rollbacks import a_rolled_back_ledger

ROWS_LOST = 15


@pytest.mark.parametrize("step", RESTORE_STEPS)
def test_a_killed_restore_is_completed_by_the_next(tmp_path: Path, step: str) -> None:
    """The loss is told once, every receipt is listed, and what is posted again is recorded once."""
    made = a_rolled_back_ledger(tmp_path)
    clock = made.house.clock
    clock.advance(timedelta(minutes=1))
    anchored = made.house.publisher()._anchor.read()
    assert anchored is not None

    acknowledged = killed_at("restore", made.house, step, tmp_path / "unused")

    made.house = house = open_house(made.house.files.folder, clock)
    assert acknowledged == []
    done = step == "committed"
    assert house.size() == (made.published + 1 if done else made.stored)
    if not done:
        with pytest.raises(Rollback):
            house.publish()

    restore(house.ledger, accept_lost=True)

    assert house.size() == made.published + 1
    topics = [one.topic for one in house.ledger.store.select_notifications(made.stored + 1, 100)]
    assert topics.count(TailLost.TOPIC) == 1
    listed = json.loads((house.files.out / RECEIPTS_FILE).read_text())["receipts"]
    assert len(listed) == ROWS_LOST
    jobs = [house.ledger.jobs.find(house.speakers[label], one.jti) for label, one, _ in made.private]
    assert [job and job.state for job in jobs] == [LOST] * 4
    published = house.publish()
    assert published is not None
    assert published.size == made.published + 1
    assert house.publisher().tree.root(anchored.size) == anchored.root
    assert [one.status for one in made.say_again()] == ["accepted"] * ROWS_LOST
    assert house.size() == made.published + 1 + ROWS_LOST
    assert PROVIDER_KEY in house.speakers
    house.publish()
    assert house.audit().faults == []
    views = Views(house.ledger)
    views.catch_up()
    assert views.differences() == []
    views.close()
    house.close()


def test_a_restore_without_a_kill_takes_every_step(tmp_path: Path) -> None:
    """The steps above are all there are, in their order."""
    made = a_rolled_back_ledger(tmp_path)
    taken: list[str] = []

    restore(made.house.ledger, accept_lost=True, at_step=taken.append)

    assert tuple(taken) == RESTORE_STEPS
    made.house.close()
