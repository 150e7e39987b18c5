"""Streams as they stood at a position: what a decision about people rested on.

Loaded in bulk for the records at hand and played forward, never back: records are looked at in order
of position.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from ledger.audit.rows import RecordRow, rows_of, stored
from ledger.database import Connection
from ledger.mapper import LedgerMapper


@dataclass(slots=True)
class _History:
    """One stream: its rows, and the aggregate that the first `played` of them make."""

    rows: list[RecordRow] = field(default_factory=list)
    played: int = 0
    aggregate: Any = None


class Histories:
    """Streams that were loaded, each as far as it was played."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._mapper = LedgerMapper.for_reading()
        self._held: dict[bytes, _History] = {}
        self._last = 0

    def load(self, streams: Iterable[UUID], last: int) -> None:
        """Load these streams up to position `last`, and give up the ones before."""
        self._held, self._last = {stream.bytes: _History() for stream in streams}, last
        for row in rows_of(self._connection, self._held, last):
            self._held[row[1]].rows.append(row)

    def at(self, stream: UUID, position: int) -> Any:
        """Return the aggregate that a stream's records before a position make, None where there are none.

        A command may record on it: `keep` then says that this is what comes next, `forget` that it
        is not.
        """
        history = self._history(stream)
        rows = history.rows
        while history.played < len(rows) and rows[history.played][0] < position:
            event = self._mapper.to_domain_event(stored(rows[history.played]).event)
            history.aggregate = event.mutate(history.aggregate)
            history.played += 1
        return history.aggregate

    def beginning(self, stream: UUID, position: int) -> RecordRow | None:
        """Return the row that a stream begins with, None where that does not stand before a position."""
        rows = self._history(stream).rows
        return rows[0] if rows and rows[0][0] < position and rows[0][2] == 1 else None

    def keep(self, stream: UUID, aggregate: Any) -> None:
        """Take the next record of a stream as played: `aggregate` is what it makes."""
        history = self._history(stream)
        history.aggregate = aggregate
        history.played += 1

    def forget(self, stream: UUID) -> None:
        """Play a stream again from its beginning: something else was recorded on what it had made."""
        history = self._history(stream)
        history.aggregate, history.played = None, 0

    def _history(self, stream: UUID) -> _History:
        history = self._held.get(stream.bytes)
        if history is None:  # one that few decisions need, such as a second award: looked up alone
            rows = list(rows_of(self._connection, (stream.bytes,), self._last))
            history = self._held[stream.bytes] = _History(rows)
        return history
