"""Disposals that were recorded: which positions they account for, and whether each is as it must be.

Nothing that was cleared can be looked at any more, so all that is left is exact: a row is cleared if
and only if one disposal that stands in its place names it, and then it has one permitted form.

Source: LEDGER.md 4 (level 2), 7.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise
from typing import Any, NamedTuple

from ledger.audit.report import Report
from ledger.audit.rows import rows_at, stored
from ledger.database import Connection
from ledger.domain.disposal import KeptSlot, StreamsDisposed, run_spans
from ledger.domain.forgetting import LEVEL_STREAMS
from ledger.errors import Corrupt
from ledger.mapper import LedgerMapper
from ledger.store.disposal import REDACTED as GONE

REDACTED = GONE.encode()  # as the column `gone` has it: a disposal cleared the content
_REDACTED = "SELECT COUNT(*) FROM record WHERE gone = ? AND position > ?"


class Told(NamedTuple):
    """One record of a disposal: where it stands, which part it is, the spans that it says are cleared."""

    position: int
    stream: bytes
    version: int
    recorded_at_us: int
    part: int
    parts: int
    learners: int
    spans: tuple[tuple[int, int], ...]


class Counted(NamedTuple):
    """What the public log says of a disposal."""

    position: int
    recorded_at_us: int
    learners: int
    records: int


class Disposals(NamedTuple):
    """What all disposals account for.

    firsts, lasts: of the spans of positions that are accounted for, ascending.
    learners: how many learners' streams begin no more.
    faults: (position of the record, what is wrong with it).
    """

    firsts: tuple[int, ...] = ()
    lasts: tuple[int, ...] = ()
    learners: int = 0
    faults: tuple[tuple[int, str], ...] = ()

    def any_between(self, first: int, last: int) -> bool:
        """Whether a position from `first` to `last` is accounted for."""
        place = bisect_left(self.lasts, first)
        return place < len(self.firsts) and self.firsts[place] <= last

    def account_for(self, position: int) -> bool:
        """Whether that position is to be cleared."""
        return self.any_between(position, position)

    def number_after(self, skipped: int) -> int:
        """Return how many positions beyond the first `skipped` are accounted for."""
        place = bisect_right(self.lasts, skipped)
        spans = zip(self.firsts[place:], self.lasts[place:], strict=True)
        return sum(last - max(first, skipped + 1) + 1 for first, last in spans)


def read_disposals(connection: Connection, positions: Sequence[int], counted: Sequence[int]) -> Disposals:
    """Read what disposals account for, never failing for what is stored.

    Args:
        connection: the ledger's.
        positions: of all records of disposals, ascending.
        counted: of all public counts of forgettings, ascending.
    """
    told, faults = _told(connection, positions)
    public = {one.position: one for one in _counted(connection, counted)}
    spans: list[tuple[int, int]] = []
    learners = 0
    for _, group in groupby(told, key=lambda one: one.stream):
        parts = tuple(group)
        wrong = _wrong(parts, public.pop(parts[-1].position + 1, None))
        if wrong:
            faults.append((parts[0].position, wrong))
            continue
        spans += [span for one in parts for span in one.spans]
        learners += parts[0].learners
    faults += [(one, "counts a disposal that is not recorded right before it") for one in public]
    spans.sort()
    for (_, last), (first, _) in pairwise(spans):
        if first <= last:
            faults.append((first, "is cleared by two disposals"))
    firsts, lasts = tuple(first for first, _ in spans), tuple(last for _, last in spans)
    return Disposals(firsts, lasts, learners, tuple(sorted(faults)))


def check_disposals(connection: Connection, disposals: Disposals, skipped: int, report: Report) -> None:
    """Check that every disposal is as it must be, and that as many records are cleared as they say."""
    for position, what in disposals.faults:
        report.add("disposal", f"record {position}", what)
    (cleared,) = connection.execute(_REDACTED, (GONE, skipped)).fetchone()
    told = disposals.number_after(skipped)
    if cleared != told:
        report.add("disposal", "records", f"{cleared} records are cleared, disposals account for {told}")


def _told(connection: Connection, positions: Sequence[int]) -> tuple[list[Told], list[tuple[int, str]]]:
    found, faults = [], []
    mapper = LedgerMapper.for_reading()
    for row in rows_at(connection, positions):
        heard = Report()
        with heard.at(""):
            record = stored(row)
            event: Any = mapper.to_domain_event(record.event)
            assert isinstance(event, StreamsDisposed), "no other record has the topic"
            if any(type(number) is not int for number in (event.part, event.parts, event.learners)):
                raise Corrupt("holds values of other kinds than its class", code="disposal")
            spans = tuple(run_spans(event.positions))
            _check_ascending([_slot_key(slot) for slot in event.kept_slots()], "places")
            _check_ascending([tuple(count) for count in event.frozen_counts()], "counts")
            at = (row[0], row[1], row[2], row[5])
            found.append(Told(*at, event.part, event.parts, event.learners, spans))
        faults += [(row[0], fault.what) for fault in heard.faults]
    return found, faults


def _slot_key(slot: KeptSlot) -> tuple[int, int, int]:
    if slot.revoked_at is not None and slot.revoked_at < 1:
        raise Corrupt("a place was revoked at no position", code="disposal")
    return slot[:3]


def _check_ascending(values: Sequence[tuple[Any, ...]], what: str) -> None:
    if any(one >= other for one, other in pairwise(values)):
        raise Corrupt(f"its {what} do not ascend", code="disposal")


def _counted(connection: Connection, positions: Sequence[int]) -> Iterable[Counted]:
    mapper, unheard = LedgerMapper.for_reading(), Report()
    for row in rows_at(connection, positions):
        with unheard.at(""):  # said with its record
            event: Any = mapper.to_domain_event(stored(row).event)
            if event.level == LEVEL_STREAMS:
                yield Counted(row[0], row[5], event.learners, event.records)


def _wrong(parts: tuple[Told, ...], counted: Counted | None) -> str:
    """Return what is wrong with one disposal, nothing where it stands as the ledger records one."""
    first, number = parts[0], len(parts)
    spans = [span for one in parts for span in one.spans]
    places = [(first.position + at, at + 1, at + 1, number) for at in range(number)]
    if [(one.position, one.version, one.part, one.parts) for one in parts] != places:
        return "is not a disposal in as many parts, one after the other, as it says"
    if first.learners < 1 or any(one.learners for one in parts[1:]):
        return "does not say of how many learners it is"
    if any(other <= last for (_, last), (other, _) in pairwise(spans)):
        return "its positions do not ascend"
    if not spans or spans[0][0] < 2 or spans[-1][1] >= first.position:  # noqa: PLR2004 - the founding stays
        return "clears what does not stand before it"
    records = sum(end - begin + 1 for begin, end in spans)
    instants = {one.recorded_at_us for one in parts}
    if counted is None or (counted.learners, counted.records, {counted.recorded_at_us}) != (
        first.learners,
        records,
        instants,
    ):
        return "is not counted as it is by the record after it"
    return ""
