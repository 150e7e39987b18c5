"""A restore that loses revocations says of which status lists, before and after it is accepted.

Source: LEDGER.md 5 (status digests, `restore --accept-lost`).
"""

from datetime import timedelta

import pytest

from api.house import close_house, furnish
from api.operations.status import LostTails
from api.settings import Settings
from ledger.founding import REGISTRAR
from ledger.restore import plan_restore, restore
from tests.support.ledgers import House, a_study_ledger, people, statement
from tests.support.rollbacks import put_back, take_copy
from tests.support.world import PROVIDER


def published(house: House) -> None:
    """Let the ledger record what its status lists are, and publish."""
    made = furnish(house.ledger, Settings())
    made.catch_up()
    made.catch_up()
    close_house(made)
    house.reopen()


@pytest.mark.parametrize("revoked", [True, False])
def test_lost_revocations_are_named(tmp_path, revoked):
    """The digest was published, the revocation is lost; a list whose bits are whole is not named."""
    house = a_study_ledger(tmp_path / "ledger")
    learners = people(2)
    house.register(*learners)
    house.enrol(*learners)
    house.passed(*learners)
    if revoked:
        awarded = house.award(*learners)
        published(house)
    take_copy(house, tmp_path / "copy")
    house.clock.advance(timedelta(hours=1))
    if revoked:
        lost = {"award": str(awarded[0].award), "reason": "issued_in_error", "effective_on": "2026-11-22"}
        house.must(REGISTRAR, [statement("award.revoked", **lost)])
    else:
        house.award(*learners)
    published(house)
    put_back(house, tmp_path / "copy")
    house.clock.advance(timedelta(hours=1))

    plan = plan_restore(house.ledger)
    restore(house.ledger, accept_lost=True)

    assert plan.lost
    assert plan.public
    named = [(one.issuer, one.status_list) for one in plan.revocations]
    assert named == ([(PROVIDER, 1)] if revoked else [])
    assert len(plan.as_json()["status_lists"]) == len(named)
    (tail,) = LostTails(house.ledger).read()
    assert tail.revocations == plan.revocations
