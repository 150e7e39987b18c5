"""When records were recorded: never before the one ahead, and as witnesses saw the log grow.

Source: LEDGER.md 3 (recorded_at), 7 (time bounds).
"""

from collections.abc import Sequence

from ledger.audit.cosignatures import Bounds
from ledger.audit.disposals import REDACTED
from ledger.audit.report import Report
from ledger.audit.rows import TreeRow, text

LOST = b"lost"  # as the column `gone` has it: a restore gave up the content


class InstantChecks:
    """Follows the instants of all records in order of position."""

    def __init__(self, report: Report, bounds: Bounds, last_us: int = 0) -> None:
        """Begin after a record of that instant."""
        self._report, self._bounds, self._last_us = report, bounds, last_us

    def take(self, batch: Sequence[TreeRow]) -> None:
        """Check the instants of a batch: all at once where they hold, one by one where they do not."""
        instants = [row[3] for row in batch]
        # Both bounds rise with the position: what holds at the ends holds between.
        if (
            instants[0] >= max(self._last_us, self._bounds.earliest_us(batch[-1][0]))
            and instants[-1] <= self._bounds.latest_us(batch[0][0])
            and instants == sorted(instants)
            and not any(row[4] for row in batch)
        ):
            self._last_us = instants[-1]
            return
        for position, _, _, at_us, gone in batch:
            self._look(position, at_us, gone)

    def _look(self, position: int, at_us: int, gone: bytes | None) -> None:
        where = f"record {position}"
        if at_us < self._last_us:
            self._report.add("recorded-at", where, "recorded before the record ahead of it")
        if gone in (LOST, REDACTED):
            # When it was recorded nobody knows any more; it carries the instant of the one ahead.
            if at_us > self._last_us:
                self._report.add("gone", where, f"is {text(gone)}, and says when it was recorded")
        elif at_us > self._bounds.latest_us(position):
            self._report.add("time-bounds", where, "recorded after a witness had seen it in the log")
        elif at_us < self._bounds.earliest_us(position):
            self._report.add("time-bounds", where, "recorded long before a witness saw a log without it")
        self._last_us = max(self._last_us, at_us)
