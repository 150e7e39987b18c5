"""Two processes decide at the same time: one is first, the other decides again on what is true now.

Both are ledgers on the same files; the second speaks exactly between the first one's decision and
its write. Source: LEDGER.md 6 (no stale decisions).
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from api.client.statements import Statement
from ledger.application import DECIDE_TRIES
from ledger.deciding.batch import Outcome
from ledger.deciding.rows import match_of
from ledger.errors import Unavailable
from ledger.founding import REGISTRAR
from ledger.ids import uuid7
from ledger.privacy.vault import VaultEnrolment
from tests.support.ledgers import PROVIDER_KEY, House, a_study_ledger, open_house, statement
from tests.support.world import ANA, BEN, Human, a_result, an_award, an_enrolment, identity


@pytest.fixture
def houses(tmp_path: Path) -> Iterator[tuple[House, House]]:
    """Two processes on one ledger in which Ana studies and has passed everything."""
    first = a_study_ledger(tmp_path)
    first.register(ANA)
    first.enrol(ANA)
    first.passed(ANA)
    second = open_house(tmp_path, first.clock)
    yield first, second
    first.close()
    second.close()


def _between(house: House, act: Callable[[], Any], times: int = 1) -> None:
    """Let `act` happen between this ledger's decision and its write, the next `times` times."""
    save, left = house.ledger.save_events, [times]

    def slow(*args: Any) -> Any:
        if left[0]:
            left[0] -= 1
            act()
        return save(*args)

    house.ledger.save_events = slow  # type: ignore[method-assign]


def _codes(outcome: Outcome) -> list[str]:
    return [finding.code for finding in outcome.findings]


def test_the_same_award_is_given_once(houses: tuple[House, House]) -> None:
    """The other process awarded first: this one decides again and says so."""
    first, second = houses
    said = statement("microcredential.awarded", **an_award(ANA))
    _between(first, lambda: second.must(PROVIDER_KEY, [said]))
    size = first.size()

    (outcome,) = first.post(PROVIDER_KEY, [said])

    assert outcome.status == "unchanged"
    assert first.size() == size + 1
    assert first.audit().faults == []


def test_two_awards_under_two_references_are_one(houses: tuple[House, House]) -> None:
    """Another row about the same award, with a reference of its own: one in force, whoever asks."""
    first, second = houses
    award = an_award(ANA)
    other = statement("microcredential.awarded", **{**award, "who": {**award["who"], "row_ref": "other"}})
    _between(first, lambda: second.must(PROVIDER_KEY, [statement("microcredential.awarded", **award)]))

    (outcome,) = first.post(PROVIDER_KEY, [other])

    assert (outcome.status, _codes(outcome)) == ("rejected", ["E603"])
    assert first.audit().faults == []


def test_a_result_on_an_enrolment_that_moved_is_decided_again(houses: tuple[House, House]) -> None:
    """The other process took attempt 2: this one's result becomes attempt 3."""
    first, second = houses
    results = [a_result(ANA, "LO1", grade=grade, attempt=None) for grade in ("M", "E")]
    rows = [
        statement("assessment.passed", **{**one, "who": {**one["who"], "row_ref": f"R{number}"}})
        for number, one in enumerate(results)
    ]
    _between(first, lambda: second.must(PROVIDER_KEY, rows[:1]))

    (outcome,) = first.post(PROVIDER_KEY, rows[1:])

    assert outcome.status == "accepted"
    place = first.ledger.vault.enrolments(
        first.speakers[PROVIDER_KEY], [an_enrolment(ANA)["who"]["enrolment_ref"]]
    )
    (enrolment,) = first.ledger.get_many([one.enrolment_id for one in place.values()]).values()
    made = [(one.attempt, one.grade) for one in enrolment.attempts["LO1"]]  # type: ignore[attr-defined]
    assert made == [(1, "A"), (2, "M"), (3, "E")]
    assert first.audit().faults == []


def test_the_same_learner_is_registered_once(houses: tuple[House, House]) -> None:
    """Both vaults get the same reservation; one stream begins."""
    first, second = houses
    said = statement("learner.registered", who=identity(BEN))
    _between(first, lambda: second.must(REGISTRAR, [said]))
    size = first.size()

    (outcome,) = first.post(REGISTRAR, [said])

    assert outcome.status == "unchanged"
    assert first.size() == size + 1
    assert first.audit().faults == []


def _under_one_reference(*humans: Human) -> list[Statement]:
    """Return an enrolment of each of them, all under the same reference."""
    said = [an_enrolment(one) for one in humans]
    return [
        statement("learner.enrolled", **{**one, "who": {**one["who"], "enrolment_ref": "SHARED"}})
        for one in said
    ]


def _place(house: House) -> VaultEnrolment:
    return house.ledger.vault.enrolments(house.speakers[PROVIDER_KEY], ["SHARED"])["SHARED"]


def test_one_reference_leads_to_one_enrolment(houses: tuple[House, House]) -> None:
    """Two learners enrolled under one reference at once: the second is told that it is used."""
    first, second = houses
    first.register(BEN)
    ana, ben = _under_one_reference(ANA, BEN)
    _between(first, lambda: second.must(PROVIDER_KEY, [ana]))

    (outcome,) = first.post(PROVIDER_KEY, [ben])

    assert (outcome.status, _codes(outcome)) == ("rejected", ["E701"])
    assert _place(first).learner_id == first.ledger.vault.people([ANA.nsn])[ANA.nsn].learner_id
    assert first.audit().faults == []


def test_a_reference_taken_over_and_lost_again_leads_to_who_was_first(houses: tuple[House, House]) -> None:
    """Ben's reservation is taken over for Ana; Ben's enrolment is written first after all: it is his."""
    first, second = houses
    first.register(BEN)
    ana, ben = _under_one_reference(ANA, BEN)
    write, lost = first.ledger.save_events, []

    def overtaking(*args: Any) -> Any:
        # The other process takes the reference over, and before it writes this one does.
        first.ledger.save_events = write  # type: ignore[method-assign]
        written: list[Any] = []
        _between(second, lambda: written.append(write(*args)))
        lost.extend(second.post(PROVIDER_KEY, [ana]))
        return written[0]

    first.ledger.save_events = overtaking  # type: ignore[method-assign]

    (outcome,) = first.post(PROVIDER_KEY, [ben])

    assert outcome.status == "accepted"
    assert [(one.status, _codes(one)) for one in lost] == [("rejected", ["E701"])]
    assert _place(first).learner_id == first.ledger.vault.people([BEN.nsn])[BEN.nsn].learner_id
    assert first.audit().faults == []


def test_an_accreditation_that_ended_meanwhile_counts(houses: tuple[House, House]) -> None:
    """The register moved: the row is decided by the register as it is when it is written."""
    first, second = houses
    ended = statement(
        "accreditation.ended", provider=95001, code="6022", ended_on="2026-01-31", reason="withdrawn"
    )
    first.register(BEN)
    _between(first, lambda: second.must(REGISTRAR, [ended]))

    (outcome,) = first.post(PROVIDER_KEY, [statement("assessment.passed", **a_result(ANA, "LO1", grade="E"))])

    assert outcome.status == "rejected"
    assert first.audit().faults == []


def test_a_key_that_was_retired_meanwhile_signs_nothing_more(houses: tuple[House, House]) -> None:
    """Valid when the decision began, retired when it was written: refused."""
    first, second = houses
    kid = first.signer(PROVIDER_KEY).thumbprint
    said = statement("key.retired", organisation=95001, kid=kid, from_="2026-11-22")
    _between(first, lambda: second.must(REGISTRAR, [said]))
    size = first.size()

    (outcome,) = first.post(PROVIDER_KEY, [statement("microcredential.awarded", **an_award(ANA))])

    assert [one.code for one in outcome.findings] == ["E909"]
    assert first.size() == size + 1
    assert first.audit().faults == []


def test_the_same_number_is_registered_once(houses: tuple[House, House]) -> None:
    """Two organisations under one number."""
    first, second = houses
    said = [
        statement(
            "organisation.registered", number=95100, kind=kind, name={"en": kind}, valid_from="2018-01-01"
        )
        for kind in ("pte", "polytechnic")
    ]
    _between(first, lambda: second.must(REGISTRAR, said[:1]))

    (outcome,) = first.post(REGISTRAR, said[1:])

    assert outcome.status == "rejected"
    assert first.audit().faults == []


def test_the_same_submission_by_both_is_recorded_once(houses: tuple[House, House]) -> None:
    """A client that posts twice to two servers: the same positions from both."""
    first, second = houses
    submission = first.build(PROVIDER_KEY, [statement("microcredential.awarded", **an_award(ANA))])
    _between(first, lambda: second.send(submission))
    size = first.size()

    (outcome,) = first.send(submission)

    assert outcome.position == size + 1
    assert outcome.status.startswith("accepted")
    assert first.size() == size + 1
    assert second.send(submission)[0].position == size + 1
    assert first.audit().faults == []


def test_whoever_always_comes_second_is_told_to_try_later(houses: tuple[House, House]) -> None:
    """After six decisions in vain: busy, and nothing of it recorded."""
    first, second = houses
    numbers = iter(range(95100, 95200))
    _between(first, lambda: second.organisation(next(numbers)), times=DECIDE_TRIES)

    with pytest.raises(Unavailable) as refused:
        first.post(PROVIDER_KEY, [statement("microcredential.awarded", **an_award(ANA))])

    assert refused.value.code == "busy"
    assert first.audit().faults == []


def test_a_place_in_a_status_list_drawn_twice_is_drawn_again(
    houses: tuple[House, House], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both processes drew place 7; the slower one draws another, and the award is made."""
    first, second = houses
    first.register(BEN)
    first.enrol(BEN)
    first.passed(BEN)
    draws = iter([7, 7, 8])
    monkeypatch.setattr("ledger.deciding.slots.secrets.randbelow", lambda _size: next(draws))
    _between(
        first, lambda: second.must(PROVIDER_KEY, [statement("microcredential.awarded", **an_award(BEN))])
    )

    (outcome,) = first.post(PROVIDER_KEY, [statement("microcredential.awarded", **an_award(ANA))])

    assert outcome.status.startswith("accepted")
    assert first.audit().faults == []


def test_who_registers_too_late_leaves_nobody_matched_by_other_data(houses: tuple[House, House]) -> None:
    """Its data replace what Ben is matched by after he was registered: it is refused, and puts that back."""
    first, second = houses
    other = replace(BEN, given="Zed", family="Quirke")
    vault, rematch, left = first.ledger.vault, first.ledger.vault.rematch, [1]
    second.ledger.vault.reserve_people({BEN.nsn: (uuid7(first.clock.now_us()), match_of(identity(BEN)))})

    def late(*args: Any) -> None:
        if left and left.pop():
            second.register(BEN)
        rematch(*args)

    vault.rematch = late  # type: ignore[method-assign]
    (refused,) = first.post(REGISTRAR, [statement("learner.registered", who=identity(other))])

    assert not left
    assert _codes(refused) == ["E701"]
    assert vault.people([BEN.nsn])[BEN.nsn].match == match_of(identity(BEN))
    second.enrol(BEN)
    assert first.audit().faults == []
