"""Many posts at the same moment: each is decided on what stands, and recorded once."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from api.client.submission import Submission
from ledger.deciding.batch import Outcome
from tests.support.ledgers import PROVIDER_KEY, House, a_study_ledger, people, received, statement
from tests.support.world import a_result, an_award

THREADS = 16


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A ledger in which sixteen learners are enrolled."""
    made = a_study_ledger(tmp_path)
    learners = people(THREADS)
    made.register(*learners)
    made.enrol(*learners)
    return made


def _at_once(house: House, submissions: Sequence[Submission]) -> list[list[Outcome]]:
    read = [received(one) for one in submissions]
    with ThreadPoolExecutor(len(read)) as pool:
        return list(pool.map(house.ledger.submit, read))


def _build(house: House, said: Any) -> Submission:
    return house.build(PROVIDER_KEY, [said])


def test_posts_about_different_people_all_land(house: House) -> None:
    """Every one is accepted at a position of its own, and an audit is clean."""
    said = [statement("assessment.passed", **a_result(one)) for one in people(THREADS)]

    outcomes = [one for (one,) in _at_once(house, [_build(house, one) for one in said])]

    assert {one.status for one in outcomes} == {"accepted"}
    assert len({one.position for one in outcomes}) == THREADS
    assert house.audit().ok


def test_the_same_submission_posted_by_many_is_recorded_once(house: House) -> None:
    """All of them get the answer of whoever was first."""
    (learner, *_), size = people(THREADS), house.size()
    submission = _build(house, statement("assessment.passed", **a_result(learner)))

    outcomes = [one for (one,) in _at_once(house, [submission] * THREADS)]

    assert {(one.status, one.position) for one in outcomes} == {("accepted", size + 1)}
    assert house.size() == size + 1


def test_of_awards_to_one_learner_only_one_stands(house: House) -> None:
    """Decided at one moment, each would find none in force; the others are decided again, and refused."""
    learner = people(THREADS)[0]
    house.passed(learner)
    said = [statement("microcredential.awarded", **_named(an_award(learner), at)) for at in range(THREADS)]

    outcomes = [one for (one,) in _at_once(house, [_build(house, one) for one in said])]

    assert sorted(one.status for one in outcomes) == ["accepted", *["rejected"] * (THREADS - 1)]
    assert house.audit().ok


def _named(award: dict[str, Any], at: int) -> dict[str, Any]:
    return {**award, "who": {**award["who"], "row_ref": f"A{at}"}}


def test_results_of_one_learner_are_decided_one_after_the_other(house: House) -> None:
    """Each moves the stream that the others have read; none is lost, and none is told to come back."""
    said = [
        statement("assessment.passed", **a_result(learner, outcome))
        for learner in people(THREADS)
        for outcome in ("LO1", "LO2")
    ]

    outcomes = [one for (one,) in _at_once(house, [_build(house, one) for one in said])]

    assert {one.status for one in outcomes} == {"accepted"}
    assert len({one.position for one in outcomes}) == len(said)
    assert house.audit().ok


def test_a_large_submission_and_single_posts_pass_each_other(house: House) -> None:
    """Neither waits for all of the other, and both are recorded whole."""
    learners = people(THREADS)
    large = house.build(
        PROVIDER_KEY, [statement("assessment.passed", **a_result(one, "LO1")) for one in learners]
    )
    singles = [_build(house, statement("assessment.passed", **a_result(one, "LO2"))) for one in learners]

    outcomes = _at_once(house, [large, *singles])

    assert {one.status for each in outcomes for one in each} == {"accepted"}
    assert house.audit().ok
