"""Statistics: what is counted, and what of it everybody may see.

Source: docs/decisions/0018.
"""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.statistics import Count
from projections.catalogue import Views
from projections.statistics import SUPPRESSED_BELOW, released
from tests.projections.histories import a_random_world, a_stand

COUNTS = st.dictionaries(
    st.tuples(
        st.sampled_from(("awards", "results")),
        st.integers(95001, 95003),
        st.sampled_from(("6022", "6031")),
        st.just(1),
        st.sampled_from((2025, 2026)),
        st.sampled_from(("", "A", "N")),
    ),
    st.integers(1, 40),
    max_size=20,
)


@pytest.mark.parametrize("seed", [3, 7, 11])
def test_what_is_counted_is_what_was_said(seed, tmp_path):
    """A plain count over everything that happened gives the same numbers as the view."""
    stand = a_stand(tmp_path, a_random_world(seed))
    views = Views(stand)

    found = Counter()
    for one in views.statistics.counts():
        found[one.what] += one.number

    topics = Counter(event.TOPIC for event in stand.world.history)
    assert found == {
        what: number
        for what, number in {
            "learners": topics["learner.registered"],
            "enrolments": topics["learner.enrolled"],
            "results": topics["assessment.passed"] + topics["assessment.not_achieved"],
            "awards": topics["microcredential.awarded"],
            "revocations": topics["award.revoked"],
        }.items()
        if number
    }


def _count(provider: int, number: int, grade: str = "") -> Count:
    return Count("awards", provider, "6022", 1, 2026, grade, number)


def test_a_small_number_takes_another_one_with_it():
    """Of 3, 8 and 41 the 3 is left out, and so is the 8: else it would be the rest of the total."""
    release = released([_count(95001, 3), _count(95002, 8), _count(95003, 41)])

    assert [one.number for one in release.parts] == [None, None, 40]
    assert [one.number for one in release.totals] == [50]


def test_what_is_rounded_is_rounded_to_the_nearest_five():
    """6 and 7 are 5, 8 is 10, 12 is 10, 13 is 15."""
    shown = [released([_count(95001, number)]).totals[0].number for number in (5, 6, 7, 8, 12, 13)]

    assert shown == [None, 5, 5, 10, 10, 15]


def test_learners_are_no_parts_of_anything():
    """They belong to no provider: the total is all there is."""
    release = released([Count("learners", 0, "", 0, 2026, "", 12)])

    assert ([one.as_json() for one in release.totals], release.parts) == (
        [{"what": "learners", "year": 2026, "number": 10}],
        (),
    )


@given(COUNTS)
def test_nothing_small_is_shown_and_nothing_left_out_is_alone(counts):
    """Every number that is shown is at least 5 and a multiple of it; no total lacks exactly one part."""
    release = released([Count(*of, number) for of, number in counts.items()])

    assert len(release.parts) == len(counts)
    for one in (*release.totals, *release.parts):
        assert one.number is None or (one.number >= 5 and one.number % 5 == 0)
    small = {of for of, number in counts.items() if number < SUPPRESSED_BELOW}
    for total in release.totals:
        parts = [one for one in release.parts if (one.what, one.year) == (total.what, total.year)]
        hidden = [one for one in parts if one.number is None]
        assert len(hidden) != 1 or len(parts) == 1
        assert len(hidden) >= sum((of[0], of[4]) == (total.what, total.year) for of in small)
