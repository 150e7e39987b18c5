"""What is decided about somebody who was forgotten."""

from pathlib import Path
from uuid import UUID

import pytest

from ledger.application import Consequence
from ledger.deciding.batch import HELD, REJECTED
from ledger.domain.forgetting import LearnerForgotten
from ledger.founding import REGISTRAR
from ledger.ids import public_id
from tests.support.forgetting import (
    a_ledger_with_officers,
    learner_id,
)
from tests.support.ledgers import PROVIDER_KEY, House, statement
from tests.support.world import ANA, BEN, PROVIDER, a_result, an_award, an_enrolment, identity

NOBODY = UUID("01941f29-7c00-7000-8000-00000000dead")


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Return a ledger with two officers, where ANA holds an award and BEN is enrolled."""
    return a_ledger_with_officers(tmp_path)


def forgotten(house: House, learner: UUID) -> None:
    """Let the ledger record that a learner is forgotten; the key stays where it is."""
    fields = {"forgetting": NOBODY, "subject": house.ledger.subject}
    house.ledger.note([Consequence(learner, LearnerForgotten, fields)])


@pytest.mark.parametrize("destroyed", [True, False])
def test_rows_about_somebody_forgotten_are_held(house: House, *, destroyed: bool) -> None:
    """From the moment the ledger says so, whether or not the key is destroyed yet; nothing is reserved."""
    learner = learner_id(house, BEN)
    forgotten(house, learner)
    if destroyed:
        house.ledger.vault.forget([learner])

    newly_enrolled = an_enrolment(BEN)
    newly_enrolled["who"] = {**newly_enrolled["who"], "enrolment_ref": "E-NEW"}
    registering = house.post(
        REGISTRAR, [statement("learner.registered", who={**identity(BEN), "name": {"whole": "Benedict"}})]
    )
    rows = house.post(
        PROVIDER_KEY,
        [
            statement("learner.enrolled", **newly_enrolled),
            statement("assessment.passed", **a_result(BEN)),
            statement("microcredential.awarded", **an_award(BEN)),
        ],
    )

    for outcome in rows:
        assert (outcome.status, [one.code for one in outcome.findings]) == (HELD, ["E111"])
    if destroyed:
        assert [one.code for one in registering[0].findings] == ["E111"]
        assert registering[0].status == HELD
        assert not house.ledger.vault.people([BEN.nsn])
    else:
        assert registering[0].status in (HELD, REJECTED)
    assert not house.ledger.vault.enrolments(public_id("organisation", PROVIDER), ["E-NEW"])


def test_a_stranger_learns_from_no_registration_who_was_forgotten(house: House) -> None:
    """Who may not register anybody is told that, and first."""
    learner = learner_id(house, BEN)
    forgotten(house, learner)
    house.ledger.vault.forget([learner])

    (outcome,) = house.post(PROVIDER_KEY, [statement("learner.registered", who=identity(BEN))])
    assert outcome.status == REJECTED
    assert "E811" in [one.code for one in outcome.findings]


def test_an_award_of_somebody_forgotten_can_be_revoked(house: House) -> None:
    """It is out in the world; the revocation names nobody, and the ledger's own key seals it."""
    learner = learner_id(house, ANA)
    records = house.ledger.store.taken("award", [learner.bytes + b"6022"])
    (award,) = [UUID(str(one.originator_id)) for one in records.values()]
    forgotten(house, learner)
    house.ledger.vault.forget([learner])
    said = statement("award.revoked", award=award, reason="issued_in_error", effective_on="2026-11-22")

    (outcome,) = house.must(PROVIDER_KEY, [said])
    (again,) = house.post(PROVIDER_KEY, [said])

    assert outcome.award == award
    assert (again.status, again.position) == ("unchanged", outcome.position)
