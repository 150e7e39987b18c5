"""Golden scenarios 19 and 22 of DOMAIN.md 3.3, with whole files."""

from collections.abc import Iterable
from pathlib import Path
from uuid import UUID

import pytest
from eventsourcing.persistence import StoredEvent

from api.client.statements import Statement
from ledger.founding import REGISTRAR
from tests.support.ledgers import PROVIDER_KEY, House, a_study_ledger, people, statement
from tests.support.world import a_result, identity

ROWS = 1000
WRONG = (3, 500, 999)


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A ledger in which five hundred learners study."""
    made = a_study_ledger(tmp_path)
    made.register(*people(ROWS // 2))
    made.enrol(*people(ROWS // 2))
    return made


def _file(wrong: tuple[int, ...] = ()) -> list[Statement]:
    """Return a file of results, two for each learner; rows in `wrong` name an outcome that does not exist."""
    learners, outcomes = people(ROWS // 2), ("LO1", "LO2")
    return [
        statement(
            "assessment.passed", **a_result(learners[row // 2], "LO9" if row in wrong else outcomes[row % 2])
        )
        for row in range(ROWS)
    ]


def test_19_the_same_file_twice_records_nothing_new(house: House) -> None:
    """Posted again under a new id: every row unchanged, pointing at its record; no record, no submission."""
    file = _file()
    first = house.must(PROVIDER_KEY, file)
    size, head = house.size(), house.ledger.store.head()

    again = house.post(PROVIDER_KEY, file)

    assert {one.status for one in again} == {"unchanged"}
    assert {finding.code for one in again for finding in one.findings} == {"W702"}
    assert [one.position for one in again] == [one.position for one in first]
    assert house.size() == size
    assert house.ledger.store.head() == head


def test_19_rows_that_are_known_load_nothing_else(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that is recorded already is answered from its digests; only the new one loads streams."""
    file = _file()
    house.must(PROVIDER_KEY, file[:-1])
    asked: list[UUID] = []
    select = house.ledger.store.select_streams

    def watched(streams: Iterable[UUID]) -> dict[UUID, list[StoredEvent]]:
        wanted = list(streams)
        asked.extend(wanted)
        return select(wanted)

    monkeypatch.setattr(house.ledger.store, "select_streams", watched)

    outcomes = house.post(PROVIDER_KEY, file)

    assert [one.status for one in outcomes] == ["unchanged"] * (ROWS - 1) + ["accepted"]
    assert len(asked) == 3  # learner, enrolment, and the award there might be


def test_19_a_register_of_learners_twice_records_nothing_new(house: House) -> None:
    """The monthly file of the registry, whole."""
    size = house.size()

    again = house.post(
        REGISTRAR, [statement("learner.registered", who=identity(one)) for one in people(ROWS // 2)]
    )

    assert {one.status for one in again} == {"unchanged"}
    assert house.size() == size


def test_22_row_by_row_a_wrong_row_never_stops_the_others(house: House) -> None:
    """997 of 1 000 are recorded; each of the three says what is wrong, where."""
    size = house.size()

    outcomes = house.post(PROVIDER_KEY, _file(WRONG))

    refused = [one for one in outcomes if one.status == "rejected"]
    assert [one.row for one in refused] == list(WRONG)
    assert {(finding.code, finding.column) for one in refused for finding in one.findings} == {
        ("E203", "outcome")
    }
    assert house.size() == size + 997
    assert house.audit().faults == []


def test_22_atomic_nothing_is_recorded_when_a_row_is_wrong(house: House) -> None:
    """The three say what is wrong; the others say that they wait for them; corrected, all are recorded."""
    size = house.size()

    outcomes = house.post(PROVIDER_KEY, _file(WRONG), mode="atomic")

    assert {one.status for one in outcomes} == {"rejected"}
    assert all(one.position is None for one in outcomes)
    codes = [[finding.code for finding in one.findings] for one in outcomes]
    assert [row for row, found in enumerate(codes) if found == ["E203"]] == list(WRONG)
    assert sum(found == ["E920"] for found in codes) == 997
    assert house.size() == size

    house.must(PROVIDER_KEY, _file(), mode="atomic")
    assert house.size() == size + ROWS
    assert house.audit().faults == []
