"""Killed at each step of a forgetting: the next start completes it, and says it once.

Source: LEDGER.md 4; the steps are those of `ledger.forgetting.carrying_out`.
"""

from pathlib import Path

import pytest

from ledger.domain.forgetting import ForgettingCounted, LearnerForgotten
from ledger.forgetting import APPROVED, DESTROYED, progress, redo
from ledger.forgetting.carrying_out import STEPS
from projections.catalogue import Views
from projections.issuing import Issuer, Made
from tests.crash.steps import FORGET_STEPS, killed_at
from tests.support.forgetting import approved, learner_id, officers, requested
from tests.support.ledgers import a_full_ledger, open_house
from tests.support.world import ANA, BEN


@pytest.mark.parametrize("step", FORGET_STEPS)
def test_a_killed_forgetting_is_completed_by_the_next_start(tmp_path: Path, step: str) -> None:
    """One record, one count, no key, no export; the other learner is as before."""
    house = a_full_ledger(tmp_path / "ledger", [ANA, BEN])
    officers(house)
    learners = {human: learner_id(house, human) for human in (ANA, BEN)}
    issuer = Issuer(house.ledger, house.publisher(), Views(house.ledger))
    hers, his = (
        issuer.write(one, Made("record.json", "application/json", b"{}")) for one in learners.values()
    )
    approved(house, requested(house, ANA))
    size = house.size()

    assert killed_at("forget", house, step, tmp_path / "unused") == []

    house = open_house(house.files.folder, house.clock)
    vault, hers_only = house.ledger.vault, [learners[ANA]]
    assert bool(vault.keys(hers_only)) is (step in STEPS[:3])
    assert vault.leaving() == ({learners[ANA]: ANA.nsn} if step in STEPS[3:5] else {})
    is_known = step != STEPS[-1]  # and as long as she is, somebody knows what to do
    assert [one.state for one in progress(house.ledger)] == [APPROVED if is_known else DESTROYED]

    issuer = Issuer(house.ledger, house.publisher(), Views(house.ledger))
    done = redo(house.ledger, issuer.destroy)

    assert done.again == is_known
    assert not house.ledger.vault.leaving()
    assert [one.state for one in progress(house.ledger)] == [DESTROYED]
    topics = [one.topic for one in house.ledger.store.select_notifications(size + 1, 10)]
    assert topics == [LearnerForgotten.TOPIC, ForgettingCounted.TOPIC]
    assert house.ledger.vault.keys(learners.values()).keys() == {learners[BEN]}
    assert house.ledger.vault.is_forgotten([ANA.nsn, BEN.nsn]) == {ANA.nsn}
    assert (hers.parent.exists(), his.exists()) == (False, True)
    house.publish()
    assert house.audit().faults == []
    house.close()


def test_the_steps_are_those_that_there_are() -> None:
    """A step that is added is killed at, too."""
    assert FORGET_STEPS == STEPS
