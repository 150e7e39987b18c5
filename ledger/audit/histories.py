"""Streams as they stood at a position: what a decision about people rested on.

Loaded in bulk for the records at hand and played forward, never back: records are looked at in order
of position. Streams that were looked at lately are kept, so that the next records of a learner need
nothing loaded.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from ledger.audit.rows import RecordRow, rows_of, stored
from ledger.database import Connection
from ledger.mapper import LedgerMapper

KEPT_MAX = 20_000  # streams: a few kilobytes each
_BEFORE_ALL = -(2**63) - 1


@dataclass(slots=True)
class _History:
    """One stream: its first row, the aggregate as far as it was played, the rows that come after.

    stretch: of the positions that are looked at one after the other, the last one it was followed in.
    """

    stretch: int
    first: RecordRow | None = None
    aggregate: Any = None
    rows: list[RecordRow] = field(default_factory=list)

    def add(self, rows: Iterable[RecordRow]) -> None:
        self.rows += rows
        if self.first is None and self.rows:
            self.first = self.rows[0]


class Histories:
    """Streams that were loaded, each as far as it was played."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._mapper = LedgerMapper.for_reading()
        self._held: OrderedDict[bytes, _History] = OrderedDict()
        self._last = 0
        self._ends: list[int] = []  # of the stretches of positions before this one

    def begin(self, first: int) -> None:
        """Go on at a position; where some were left out, what is kept lacks what happened there."""
        if first != self._last + 1:
            self._ends.append(self._last)

    def load(self, streams: Iterable[UUID], part: Sequence[RecordRow]) -> None:
        """Have these streams up to the last of these rows, which follow those of the call before."""
        held, self._last, stretch = self._held, part[-1][0], len(self._ends)
        for row in part:
            history = held.get(row[1])
            if history is not None and history.stretch == stretch:
                history.add((row,))
        wanted = {stream.bytes for stream in streams}
        for stream in wanted & held.keys():
            held.move_to_end(stream)
        missing = {one for one in wanted if one not in held or held[one].stretch != stretch}
        known = {one: self._ends[held[one].stretch] for one in missing & held.keys()}
        found: dict[bytes, list[RecordRow]] = {stream: [] for stream in missing}
        for row in rows_of(self._connection, missing, self._last):
            if row[0] > known.get(row[1], _BEFORE_ALL):
                found[row[1]].append(row)
        for stream, rows in found.items():
            history = held.setdefault(stream, _History(stretch))
            history.stretch = stretch
            history.add(rows)
        while len(held) > max(KEPT_MAX, len(wanted)):
            held.popitem(last=False)

    def at(self, stream: UUID, position: int) -> Any:
        """Return the aggregate that a stream's records before a position make, None where there are none.

        A command may record on it: `keep` then says that this is what comes next, `forget` that it
        is not.
        """
        history = self._history(stream)
        while history.rows and history.rows[0][0] < position:
            event = self._mapper.to_domain_event(stored(history.rows[0]).event)
            history.aggregate = event.mutate(history.aggregate)
            del history.rows[0]
        return history.aggregate

    def beginning(self, stream: UUID, position: int) -> RecordRow | None:
        """Return the row that a stream begins with, None where that does not stand before a position."""
        first = self._history(stream).first
        return first if first is not None and first[0] < position and first[2] == 1 else None

    def keep(self, stream: UUID, aggregate: Any) -> None:
        """Take the next record of a stream as played: `aggregate` is what it makes."""
        history = self._history(stream)
        history.aggregate = aggregate
        del history.rows[:1]

    def forget(self, stream: UUID) -> None:
        """Give a stream up: something else was recorded on what it had made."""
        self._held.pop(stream.bytes, None)

    def _history(self, stream: UUID) -> _History:
        history = self._held.get(stream.bytes)
        if history is None:  # one that few decisions need, such as a second award: looked up alone
            history = self._held[stream.bytes] = _History(len(self._ends))
            history.add(rows_of(self._connection, (stream.bytes,), self._last))
        return history
