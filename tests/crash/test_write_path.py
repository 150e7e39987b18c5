"""Killed at each step of the write path: what was acknowledged stands, posting again completes the rest.

Source: LEDGER.md 9, P1 and P2; the steps are those of `ledger.store.sqlite`.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from api.client.statements import Statement
from ledger.founding import REGISTRAR
from tests.crash.steps import CHUNK_ROWS, WRITE_STEPS, killed_at
from tests.support.ledgers import PROVIDER_KEY, House, a_study_ledger, open_house, people, statement
from tests.support.world import a_result, an_award, an_enrolment, identity

LEARNERS = people(CHUNK_ROWS * 2 + 2)  # three chunks


def _organisations(_house: House) -> list[Statement]:
    return [
        statement(
            "organisation.registered",
            number=96000 + number,
            kind="pte",
            name={"en": "N"},
            valid_from="2018-01-01",
        )
        for number in range(len(LEARNERS))
    ]


def _registrations(_house: House) -> list[Statement]:
    return [statement("learner.registered", who=identity(one)) for one in LEARNERS]


def _enrolments(house: House) -> list[Statement]:
    house.register(*LEARNERS)
    return [statement("learner.enrolled", **an_enrolment(one)) for one in LEARNERS]


def _results(house: House) -> list[Statement]:
    house.register(*LEARNERS)
    house.enrol(*LEARNERS)
    return [statement("assessment.passed", **a_result(one)) for one in LEARNERS]


def _awards(house: House) -> list[Statement]:
    house.register(*LEARNERS)
    house.enrol(*LEARNERS)
    house.passed(*LEARNERS)
    return [statement("microcredential.awarded", **an_award(one)) for one in LEARNERS]


KINDS: dict[str, tuple[str, Callable[[House], list[Statement]]]] = {
    "organisations": (REGISTRAR, _organisations),
    "registrations": (REGISTRAR, _registrations),
    "enrolments": (PROVIDER_KEY, _enrolments),
    "results": (PROVIDER_KEY, _results),
    "awards": (PROVIDER_KEY, _awards),
}


# Every step for results, and the steps beside the commit for the other kinds: their paths differ there only.
CASES = [("results", step) for step in WRITE_STEPS] + [
    (kind, step) for kind in KINDS if kind != "results" for step in ("inserted", "committed")
]


@pytest.mark.parametrize(("kind", "step"), CASES)
def test_a_killed_submission_is_completed_by_posting_it_again(tmp_path: Path, kind: str, step: str) -> None:
    """Killed in the second of three chunks: what was acknowledged stands, the rest follows, once."""
    label, prepare = KINDS[kind]
    house = a_study_ledger(tmp_path / "ledger")
    submission = house.build(label, prepare(house))
    submission.save(tmp_path / "submission")
    size, n = house.size(), len(submission)

    acknowledged = killed_at("submit", house, step, tmp_path / "submission", nth=2)

    house = open_house(house.files.folder)
    durable = CHUNK_ROWS * (2 if step == "committed" else 1)
    assert acknowledged == [CHUNK_ROWS]
    assert house.size() == size + durable
    assert house.audit().faults == []
    before = house.ledger.store.recorded_rows(house.speakers[label], submission.jti)
    assert set(before) == set(range(durable))

    outcomes = house.send(submission)

    assert [one.row for one in outcomes] == list(range(n))
    assert all(one.status.startswith("accepted") for one in outcomes)
    assert {row: outcomes[row].position for row in before} == before
    assert [one.position for one in outcomes] == list(range(size + 1, size + n + 1))
    assert all((one.award is not None) == (kind == "awards") for one in outcomes)
    assert house.size() == size + n
    assert house.audit().faults == []
    assert house.send(submission) == outcomes
    house.close()


def test_an_atomic_submission_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    """Killed before the commit nothing is there, killed after it everything."""
    for step, expected in (("inserted", 0), ("committed", len(LEARNERS))):
        house = a_study_ledger(tmp_path / step)
        submission = house.build(REGISTRAR, _registrations(house), mode="atomic")
        submission.save(tmp_path / f"{step}.jsonl")
        size = house.size()

        killed_at("submit", house, step, tmp_path / f"{step}.jsonl")

        house = open_house(house.files.folder)
        assert house.size() == size + expected
        assert house.audit().faults == []
        assert all(one.status == "accepted" for one in house.send(submission))
        assert house.size() == size + len(LEARNERS)
        house.close()


def test_a_reservation_left_behind_is_taken_over(tmp_path: Path) -> None:
    """Killed after the vault knew the enrolments and before the ledger did: the references are free."""
    house = a_study_ledger(tmp_path / "ledger")
    submission = house.build(PROVIDER_KEY, _enrolments(house))
    submission.save(tmp_path / "submission")
    killed_at("submit", house, "begun", tmp_path / "submission")

    house = open_house(house.files.folder)
    other = an_enrolment(LEARNERS[1])
    reference = an_enrolment(LEARNERS[0])["who"]["enrolment_ref"]
    (outcome,) = house.post(
        PROVIDER_KEY,
        [statement("learner.enrolled", **{**other, "who": {**other["who"], "enrolment_ref": reference}})],
    )

    assert outcome.status == "accepted"
    rest = house.send(submission)
    assert [one.status for one in rest[:2]] == ["rejected", "accepted"]
    assert [finding.code for finding in rest[0].findings] == ["E701"]
    assert house.audit().faults == []
    house.close()
