"""Positions as runs: one way to write each set of them, in as many parts as it takes."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.disposal import KeptSlot, as_runs, in_parts, run_spans
from ledger.domain.statistics import Count
from ledger.errors import Corrupt

POSITIONS = st.sets(st.integers(1, 400), max_size=80).map(sorted)


def _positions(runs: tuple[int, ...]) -> list[int]:
    return [at for first, last in run_spans(runs) for at in range(first, last + 1)]


@given(POSITIONS)
def test_positions_are_read_back_from_their_runs(positions: list[int]) -> None:
    """Whatever the positions, the runs say exactly those, and no two runs touch."""
    runs = as_runs(positions)

    assert _positions(runs) == positions
    spans = list(run_spans(runs))
    assert all(other - last > 1 for (_, last), (other, _) in pairwise(spans))


@pytest.mark.parametrize("runs", [(1,), (0, 1), (1, 0), (3, 2, 1, 4), (2, -1), (True, 2), (1, 2, 3, "4")])
def test_another_way_to_write_them_is_refused(runs: tuple) -> None:
    """Half a run, empty ones, two that touch, and what is no number."""
    with pytest.raises(Corrupt):
        list(run_spans(runs))


@given(POSITIONS, st.integers(1, 5), st.integers(0, 12), st.integers(0, 12))
def test_parts_are_bounded_and_together_say_everything(
    positions: list[int], size: int, slots: int, counts: int
) -> None:
    """No part holds more than its size of anything; there is at least one, and nothing is said twice."""
    kept = [KeptSlot(95001, 1, place, None) for place in range(slots)]
    frozen = [Count("awards", 95001, "6022", 1, year, "", 1) for year in range(2000, 2000 + counts)]

    parts = in_parts(positions, kept, frozen, size=size)

    assert parts
    assert all(len(runs) <= 2 * size and len(some) <= size and len(few) <= size for runs, some, few in parts)
    assert [at for runs, _, _ in parts for at in _positions(runs)] == positions
    assert [slot for _, some, _ in parts for slot in some] == [tuple(slot) for slot in kept]
    assert [count for _, _, few in parts for count in few] == [tuple(count) for count in frozen]
