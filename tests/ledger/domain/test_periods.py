"""Roles, grants and statuses hold from one day to another; results count by grade, then by date."""

from datetime import date, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger.domain.accreditation import Grant
from ledger.domain.enrolment import Attempt, Enrolment
from ledger.domain.organisation import Role
from tests.support.world import ANA, PROVIDER, a_result, a_study

START = date(2026, 1, 1)
DAYS = st.integers(-1000, 1000)


@example(-1, None)
@example(0, 0)
@example(1, 0)
@given(DAYS, st.one_of(st.none(), st.integers(0, 500)))
def test_both_ends_of_a_period_belong_to_it(days: int, length: int | None) -> None:
    """The first day holds and so does the last; an open end holds for ever."""
    day = START + timedelta(days=days)
    ended_on = None if length is None else START + timedelta(days=length)

    holds = days >= 0 and (length is None or days <= length)

    assert Role("provider", START, ended_on, transitional=False, basis=None).on(day) is holds
    assert Grant((1,), START, ended_on, None).on(day) is holds


@pytest.mark.parametrize(
    ("day", "status"),
    [
        (date(2023, 2, 28), None),
        (date(2023, 3, 1), "current"),
        (date(2026, 4, 29), "current"),
        (date(2026, 4, 30), "expiring"),
        (date(2026, 9, 29), "expiring"),
        (date(2026, 9, 30), "discontinued"),
    ],
)
def test_a_status_holds_from_its_day(day: date, status: str | None) -> None:
    """The day a status is assigned is the first of it; the past keeps what it was."""
    world = a_study()
    world.status("6022", "expiring", date(2026, 4, 30))
    world.status("6022", "discontinued", date(2026, 9, 30))

    assert world.register.microcredentials["6022", 1].status_on(day) == status


def test_an_ended_accreditation_can_be_granted_again() -> None:
    """The gap stays a gap; both grants are on one stream."""
    world = a_study()
    world.accreditation_ended(PROVIDER, "6022", date(2026, 2, 28))
    world.accredited(PROVIDER, "6022", since=date(2026, 6, 1))
    held = world.register.accreditations[PROVIDER, "6022"]

    covered = [held.covers(1, day) for day in (date(2026, 2, 28), date(2026, 3, 1), date(2026, 6, 1))]

    assert covered == [True, False, True]
    assert held.version == 3
    assert not held.covers(2, date(2026, 6, 1))


def _enrolment(results: list[tuple[str, int]]) -> Enrolment:
    world = a_study()
    for grade, days in results:
        kind = "assessment.not_achieved" if grade == "N" else "assessment.passed"
        day = date(2026, 2, 1) + timedelta(days=days)
        world.must(kind, **a_result(ANA, grade=grade, assessed_on=day))
    return world.enrolments[PROVIDER, "Ana-6022"]


@given(st.lists(st.tuples(st.sampled_from("NAME"), st.integers(0, 90)), max_size=6))
def test_the_best_result_counts(results: list[tuple[str, int]]) -> None:
    """Highest grade first, then the earliest day; a plain search through everything agrees."""
    enrolment = _enrolment(results)

    best = enrolment.best("LO1")

    achieved = [("EMA".index(grade), days) for grade, days in results if grade != "N"]
    if not achieved:
        assert best is None
    else:
        rank, days = min(achieved)
        assert best is not None
        assert (best.grade, best.assessed_on) == ("EMA"[rank], date(2026, 2, 1) + timedelta(days=days))
    assert enrolment.attempts_made("LO1") == len(results)


def test_attempts_are_all_kept() -> None:
    """A better result does not erase the ones before it."""
    enrolment = _enrolment([("N", 0), ("A", 10), ("M", 20)])

    assert enrolment.attempts["LO1"] == [
        Attempt(1, "N", "assessed", date(2026, 2, 1)),
        Attempt(2, "A", "assessed", date(2026, 2, 11)),
        Attempt(3, "M", "assessed", date(2026, 2, 21)),
    ]
