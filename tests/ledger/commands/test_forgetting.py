"""Two people ask for a learner to be forgotten, never one of them twice."""

from pathlib import Path
from uuid import UUID

import pytest

from ledger.application import Consequence
from ledger.domain.forgetting import LearnerForgotten
from ledger.errors import Unauthorised
from ledger.founding import REGISTRAR
from tests.support.forgetting import (
    FIRST,
    SECOND,
    a_ledger_with_officers,
    a_request,
    approved,
    forget,
    learner_id,
    requested,
    stream_at,
)
from tests.support.ledgers import House, statement
from tests.support.world import ANA, BEN, PROVIDER

NOBODY = UUID("01941f29-7c00-7000-8000-00000000dead")


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Return a ledger with two officers, where ANA holds an award and BEN is enrolled."""
    return a_ledger_with_officers(tmp_path)


def codes(house: House, label: str, *said: object) -> list[list[str]]:
    """Post statements and return the codes that each was answered with."""
    outcomes = house.post(label, said)  # type: ignore[arg-type]
    return [[one.code for one in outcome.findings] for outcome in outcomes]


def forgotten(house: House, learner: UUID) -> None:
    """Let the ledger record that a learner is forgotten; the key stays where it is."""
    fields = {"forgetting": NOBODY, "subject": house.ledger.subject}
    house.ledger.note([Consequence(learner, LearnerForgotten, fields)])


def test_one_asks_and_another_approves(house: House) -> None:
    """Both are on record under the ledger's key, and nothing is destroyed by it."""
    forgetting = requested(house, ANA)
    (outcome,) = approved(house, forgetting)

    assert stream_at(house, outcome) == forgetting
    assert house.ledger.vault.people([ANA.nsn])
    assert house.audit().ok


def test_the_key_that_asked_does_not_approve(house: House) -> None:
    """It takes two people; the request goes on waiting."""
    forgetting = requested(house, ANA)

    assert codes(house, FIRST, statement("forgetting.approved", forgetting=forgetting)) == [["E844"]]
    approved(house, forgetting)


def test_both_in_one_submission_are_one_key(house: House) -> None:
    """Nobody knows the id of a request before it is recorded, and it would be the same key anyway."""
    assert codes(house, FIRST, statement("forgetting.approved", forgetting=NOBODY)) == [["E845"]]


def test_a_key_for_something_else_cannot_ask(house: House) -> None:
    """The registrar's key registers learners; it does not forget them."""
    with pytest.raises(Unauthorised, match="purpose `forgetting`"):
        house.post(REGISTRAR, [a_request(learner_id(house, ANA))])


def test_only_the_regulator_forgets(house: House) -> None:
    """A provider with such a key is refused all the same."""
    house.key("95001.forgetting", PROVIDER, "forgetting")
    forgetting = requested(house, BEN)

    said = [
        a_request(learner_id(house, ANA)),
        statement("forgetting.approved", forgetting=forgetting),
        statement("forgetting.withdrawn", forgetting=forgetting),
    ]
    assert codes(house, "95001.forgetting", *said) == [["E811"], ["E811"], ["E811"]]


def test_a_request_names_a_learner_who_is_here_once(house: House) -> None:
    """Nobody unknown, nobody twice; and one that was withdrawn does not stand in the way."""
    learner = learner_id(house, ANA)
    assert codes(house, FIRST, a_request(NOBODY)) == [["E841"]]

    forgetting = requested(house, ANA)
    assert codes(house, SECOND, a_request(learner)) == [["E843"]]
    house.must(SECOND, [statement("forgetting.withdrawn", forgetting=forgetting)])
    assert requested(house, ANA) != forgetting
    assert house.audit().ok


def test_two_requests_in_one_submission_are_one(house: House) -> None:
    """Rows see each other's effects."""
    learner = learner_id(house, ANA)

    assert codes(house, FIRST, a_request(learner), a_request(learner)) == [[], ["E843"]]


def test_what_is_decided_stays_decided(house: House) -> None:
    """What was approved or withdrawn is neither approved nor withdrawn again."""
    first, second = requested(house, ANA), requested(house, BEN)
    approved(house, first)
    house.must(FIRST, [statement("forgetting.withdrawn", forgetting=second)])

    said = [
        statement(f"forgetting.{verb}", forgetting=one)
        for one in (first, second)
        for verb in ("approved", "withdrawn")
    ]
    assert codes(house, SECOND, *said) == [["E846"]] * 4


def test_why_is_said_from_a_list_and_names_nobody(house: House) -> None:
    """The basis is a code; the authority is prose without a number or an address."""
    learner = learner_id(house, ANA)

    assert codes(house, FIRST, a_request(learner, basis="because")) == [["E911"]]
    assert codes(house, FIRST, a_request(learner, authority=f"for {ANA.nsn}")) == [["E848"]]
    assert codes(house, FIRST, a_request(learner, authority="ana@example.org asked")) == [["E848"]]


def test_streams_are_cleared_of_nobody_who_is_not_forgotten(house: House) -> None:
    """Level 2 comes after level 1; who withdraws it gives up that request alone."""
    learner = learner_id(house, ANA)
    assert codes(house, FIRST, a_request(learner, level=2)) == [["E849"]]
    forget(house, ANA)

    (outcome,) = house.must(FIRST, [a_request(learner, level=2)])
    second = stream_at(house, outcome)
    house.must(SECOND, [statement("forgetting.withdrawn", forgetting=second)])

    house.must(FIRST, [a_request(learner, level=2)])
    assert house.audit().faults == []


def test_who_asked_with_a_stolen_key_did_not_ask(house: House) -> None:
    """A request is not approved when its key was revoked meanwhile; withdrawn it may be."""
    forgetting = requested(house, ANA)
    kid = house.signer(FIRST).thumbprint
    house.must(REGISTRAR, [statement("key.revoked", organisation=95000, kid=kid, reason="stolen")])

    assert codes(house, SECOND, statement("forgetting.approved", forgetting=forgetting)) == [["E847"]]
    house.must(SECOND, [statement("forgetting.withdrawn", forgetting=forgetting)])


def test_nobody_asks_twice_for_somebody_who_is_forgotten(house: House) -> None:
    """There is nothing left to forget."""
    learner = learner_id(house, ANA)
    forgotten(house, learner)

    assert codes(house, FIRST, a_request(learner)) == [["E842"]]
