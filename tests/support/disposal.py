"""Words for level 2 of forgetting: learners who were forgotten, whose streams are cleared.

forget(house, ANA)                      # of tests.support.forgetting
learners = to_be_cleared(house, ANA)    # before: two officers ask for it, the epoch turns
cleared(house)                          # everything that is due
"""

from uuid import UUID

from ledger.disposal import Disposed, dispose, due
from ledger.turning import turn
from tests.support.forgetting import FIRST, a_request, approved, forget, learner_id, stream_at
from tests.support.ledgers import House
from tests.support.world import Human


def to_be_cleared(house: House, *humans: Human) -> list[UUID]:
    """Forget learners in copies too, and have two officers ask for their streams to be cleared."""
    learners = [learner_id(house, human) for human in humans]
    forget(house, *humans)
    turn(house.ledger)
    for learner in learners:
        (outcome,) = house.must(FIRST, [a_request(learner, level=2)])
        approved(house, stream_at(house, outcome))
    return learners


def cleared(house: House, days: int = 0) -> Disposed:
    """Clear the streams of everybody who is due."""
    return dispose(house.ledger, due(house.ledger, days))
