"""What was cleared when a disposal period ended, and what of it stays: places in status lists, counts.

Positions are kept as runs, flat: (gap, count, gap, count …), ascending. A gap is how far the first
position of a run lies beyond the last one before it (beyond 0 at the beginning), so two runs that
touch are one: for every set of positions there is one way to write it.

Source: LEDGER.md 4 (level 2).
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from ledger.domain.base import LEDGER, Created, LedgerAggregate, PrivateEvent
from ledger.domain.statistics import Count
from ledger.errors import Corrupt

PART_MAX = 5_000  # runs, places, counts or references in one record: a few hundred kilobytes


class KeptSlot(NamedTuple):
    """A place in a status list whose award was cleared: taken for ever.

    place: index in the list. revoked_at: position since which its bit is set, None where it is not.
    """

    issuer: int
    status_list: int
    place: int
    revoked_at: int | None


class StreamsDisposed(Created, PrivateEvent):
    """Whole streams of learners who were forgotten are cleared: their positions and entries stay.

    One disposal is one stream; what does not fit into one record goes on in the next version.

    part, parts: which of how many records of one disposal.
    learners: how many learners they were; said in the first part, 0 in others.
    positions: what was cleared, as runs.
    slots: of awards among that: `KeptSlot`, ascending.
    counts: what statistics lost with it: `Count`, ascending.
    authorities: references of the disposal authorities. forgettings: ids (16 bytes each) of the requests.

    Source: LEDGER.md 4 (level 2).
    """

    TOPIC = "streams.disposed"
    SUBJECT = LEDGER
    CONSEQUENCE = True
    OPEN = ("part", "parts", "learners", "positions", "slots", "counts")
    SEALED = ("authorities", "forgettings")

    part: int
    parts: int
    learners: int
    positions: tuple[int, ...]
    slots: tuple[Any, ...]
    counts: tuple[Any, ...]
    authorities: tuple[str, ...]
    forgettings: tuple[bytes, ...]

    def mutate(self, aggregate: Any) -> Any:
        """Begin the stream, or go on with it."""
        return super().mutate(None) if aggregate is None else PrivateEvent.mutate(self, aggregate)

    def apply(self, aggregate: "Disposal") -> None:
        """Note how much has been told."""
        aggregate.part, aggregate.parts = self.part, self.parts

    def kept_slots(self) -> list[KeptSlot]:
        """Return the places that stay taken."""
        return [KeptSlot(*slot) for slot in self.slots]

    def frozen_counts(self) -> list[Count]:
        """Return what statistics go on counting."""
        return [Count(*count) for count in self.counts]


class Disposal(LedgerAggregate):
    """One disposal. Stream: a random id."""

    TOPIC = "disposal"
    BEGINS = (StreamsDisposed,)

    part: int
    parts: int


def as_runs(positions: Iterable[int]) -> tuple[int, ...]:
    """Return positions, which ascend, as runs."""
    runs: list[int] = []
    last = 0
    for position in positions:
        assert position > last, "positions ascend from 1"
        if runs and position == last + 1:
            runs[-1] += 1
        else:
            runs += (position - last, 1)
        last = position
    return tuple(runs)


def run_spans(runs: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield (first, last) of every run.

    Raises:
        Corrupt: they are not written in the one way there is.
    """
    if len(runs) % 2 or any(type(number) is not int or number < 1 for number in runs):
        raise Corrupt("positions that were cleared are no runs", code="disposal")
    last = 0
    for gap, count in zip(runs[::2], runs[1::2], strict=True):
        if last and gap == 1:
            raise Corrupt("runs of positions that touch are one run", code="disposal")
        first = last + gap
        last = first + count - 1
        yield first, last


def in_parts(
    positions: Sequence[int], slots: Sequence[KeptSlot], counts: Sequence[Count], *, size: int = PART_MAX
) -> list[tuple[tuple[int, ...], tuple[Any, ...], tuple[Any, ...]]]:
    """Return what the records of one disposal say, each at most `size` runs, places and counts.

    All three ascend, within a record and from one to the next.
    """
    spans = list(run_spans(as_runs(positions)))
    number = max(1, *(-(-len(one) // size) for one in (spans, slots, counts)))
    parts = []
    for at in range(0, number * size, size):
        chosen = spans[at : at + size]
        runs = as_runs(position for first, last in chosen for position in range(first, last + 1))
        # Plain tuples: nothing else is ever stored.
        kept = tuple(map(tuple, slots[at : at + size])), tuple(map(tuple, counts[at : at + size]))
        parts.append((runs, *kept))
    return parts
