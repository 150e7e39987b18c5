"""Words for forgetting: two officers of the regulator, who ask for it and approve it.

ask, approve = officers(house)
forgetting = requested(house, ANA)
approved(house, forgetting)
"""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

from api.client.statements import Statement
from api.client.submission import organisation_id
from ledger.deciding.batch import Outcome
from ledger.forgetting import Remains, redo
from tests.support.ledgers import House, a_full_ledger, a_study_ledger, statement
from tests.support.world import ANA, BEN, REGULATOR, Human

FIRST, SECOND = "95000.forgetting", "95000.forgetting.2"
BASIS, AUTHORITY = "privacy_act_2020", "Disposal authority DA700 (demo), class 3.2"


def a_ledger_with_officers(folder: Path) -> House:
    """Return a ledger with two officers, where ANA holds an award and BEN is enrolled."""
    house = a_study_ledger(folder)
    house.register(ANA, BEN)
    house.enrol(ANA, BEN)
    house.passed(ANA)
    house.award(ANA)
    officers(house)
    return house


def a_published_ledger_with_officers(folder: Path) -> House:
    """Return a published ledger with two officers, where ANA and BEN hold an award each."""
    house = a_full_ledger(folder, [ANA, BEN])
    officers(house)
    house.publish()
    return house


def officers(house: House) -> tuple[str, str]:
    """Register the keys of two officers; return the labels that they speak with."""
    for label in (FIRST, SECOND):
        if house.keystore.has(label):
            house.speakers[label] = organisation_id(REGULATOR)
        else:
            house.key(label, REGULATOR, "forgetting")
    return FIRST, SECOND


def learner_id(house: House, human: Human) -> UUID:
    """Return the random id of a learner, from the vault as long as it knows."""
    return house.ledger.vault.people([human.nsn])[human.nsn].learner_id


def a_request(learner: UUID, **changes: Any) -> Statement:
    """Return the statement that asks for a learner to be forgotten."""
    said: dict[str, Any] = {"learner": learner, "level": 1, "basis": BASIS, "authority": AUTHORITY}
    return statement("forgetting.requested", **said | changes)


def requested(house: House, human: Human, label: str = FIRST) -> UUID:
    """Ask for a learner to be forgotten; return the id of the request."""
    (outcome,) = house.must(label, [a_request(learner_id(house, human))])
    return stream_at(house, outcome)


def approved(house: House, forgetting: UUID, label: str = SECOND) -> list[Outcome]:
    """Approve a request."""
    return house.must(label, [statement("forgetting.approved", forgetting=forgetting)])


def forget(house: House, *humans: Human) -> list[UUID]:
    """Have learners forgotten, two officers asking for it; return their ids."""
    officers(house)
    learners = [learner_id(house, human) for human in humans]
    for human in humans:
        approved(house, requested(house, human))
    redo(house.ledger, nothing_elsewhere)
    return learners


class Killed(BaseException):
    """The process ends here."""


def killed_after_the_key(house: House, human: Human) -> None:
    """Have a learner forgotten by a process that ends as soon as the key is gone."""

    def killed(step: str) -> None:
        if step == "keys":
            raise Killed

    approved(house, requested(house, human))
    with suppress(Killed):
        redo(house.ledger, nothing_elsewhere, at_step=killed)


def nothing_elsewhere(_remains: Sequence[Remains]) -> bool:
    """Keep nothing above the ledger."""
    return True


def stream_at(house: House, outcome: Outcome) -> UUID:
    """Return the stream of the record that an outcome points at."""
    assert outcome.position is not None
    (record,) = house.ledger.store.select_notifications(outcome.position, 1)
    return UUID(str(record.originator_id))
