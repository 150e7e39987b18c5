"""The access log of one ledger: writes a row for every read, and shows learners theirs.

Where a row cannot be written nothing is shown: whoever reads calls `write` first. A learner without a
key has no rows, and nothing sealed that anybody could be shown.

Source: LEDGER.md 5 (the learner sees row and path).
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple
from uuid import UUID

from ledger.access.days import Days, Place
from ledger.access.file import AccessFile, Stored, both
from ledger.access.rows import (
    AUDITOR,
    EVERYBODY,
    EVERYTHING,
    Access,
    Opened,
    Reader,
    found_by_others,
    found_by_own,
    open_row,
    opened,
    sealed_row,
)
from ledger.application import Ledger
from ledger.clock import Clock, civil_date
from ledger.domain.forgetting import LearnerForgotten
from ledger.errors import Unavailable
from ledger.files import LedgerFiles
from ledger.privacy.sealing import SubjectKey

PAGE_MAX = 50
# Six years in which somebody may sue over what was done (Limitation Act 2010, section 11), and one in
# which to have found out. Longer would make the log of reads itself a record of people.
KEEP_YEARS = 7
_LAST = (date.max, 2**62)


class Shown(NamedTuple):
    """One read as its learner sees it; `place` is None until the day is over and recorded."""

    day: date
    number: int
    opened: Opened
    place: Place | None


class Listed(NamedTuple):
    """Some rows, newest first; `more` is where the next ones begin, None where there are none."""

    rows: tuple[Shown, ...]
    more: tuple[date, int] | None


class AccessLog:
    """Rows and days of one ledger. Safe for many threads."""

    def __init__(self, ledger: Ledger) -> None:
        """Open the log beside a ledger, making its file when it is missing."""
        self._ledger = ledger
        self._file = AccessFile(ledger.files.access)
        self.days = Days(ledger, self._file)

    def write(self, reader: Reader, what: Mapping[UUID, str]) -> None:
        """Keep that somebody reads now, before anything is shown; durable when it returns.

        Args:
            reader: who, and why.
            what: learner to what is read, one of `rows.WHAT`. Those who have no key are left out.

        Raises:
            Unavailable: it cannot be kept, so nothing may be shown; or one of them is forgotten on record,
                and the key is about to go.
        """
        at_us, keys = self._ledger.clock.now_us(), self._ledger.vault.keys(what)
        newest = self._ledger.store.newest_of_each(list(keys))
        if any(one.topic == LearnerForgotten.TOPIC for one in newest.values()):
            raise Unavailable("this learner is being forgotten: ask again in a moment", code="busy")
        rows = [
            sealed_row(Access(at_us, reader, what[learner], learner), key) for learner, key in keys.items()
        ]
        if rows:
            self._file.append(rows, at_us)

    def of(
        self,
        learner: UUID,
        *,
        with_own: bool = True,
        before: tuple[date, int] | None = None,
        limit: int = PAGE_MAX,
    ) -> Listed:
        """Return the reads of a learner's record, newest first; none where the key is destroyed.

        Args:
            learner: random id.
            with_own: also the learner's own.
            before: only what stands before that place: `Listed.more` of the page ahead; None for the newest.
            limit: how many, at most PAGE_MAX.

        Raises:
            Corrupt: a row does not check.
        """
        key = self._ledger.vault.keys([learner]).get(learner)
        if key is None:
            return Listed((), None)
        found_by = both(found_by_own(key), found_by_others(key), with_own=with_own)
        limit = min(limit, PAGE_MAX)
        rows = self._file.newest(found_by, before or _LAST, limit + 1)
        shown, more = rows[:limit], rows[limit:]
        places = self.days.places(shown)
        return Listed(
            tuple(
                Shown(row.day, row.place, _opened(row, key), place)
                for row, place in zip(shown, places, strict=True)
            ),
            (shown[-1].day, shown[-1].place) if more else None,
        )

    def destroy(self, learners: Iterable[UUID]) -> bool:
        """Destroy what rows say of learners who are forgotten, as long as their keys are there.

        Without its key a row is noise that nobody can find any more. Done again, it does nothing.

        Returns:
            False where a reader did not let go of an older state: the WAL still holds what was destroyed.
        """
        keys = self._ledger.vault.keys(learners).values()
        found_by = [one for key in keys for one in (found_by_own(key), found_by_others(key))]
        return self._file.erase(found_by) if found_by else self.truncate_wal()

    def destroy_old(self) -> int:
        """Destroy what rows say that were kept for KEEP_YEARS; return how many days they were."""
        # By what is on record, not by the clock: so an audit knows as well what may be gone.
        newest = civil_date(self._ledger.store.head().recorded_at_us)
        return self._file.erase_before(years_before(newest))

    def truncate_wal(self) -> bool:
        """Empty the file beside the database in which destroyed rows linger; False when it has to wait."""
        return self._file.database.truncate_wal()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def note_audit(files: LedgerFiles, clock: Clock) -> None:
    """Keep that somebody opens everything, to check it: one row that every learner sees.

    Nothing is made where there is no access log: what is missing is for the audit to say.

    Raises:
        Unavailable, Corrupt: it cannot be kept.
    """
    if not files.access.exists():
        return
    file = AccessFile(files.access)
    try:
        at_us = clock.now_us()
        file.append([open_row(Access(at_us, AUDITOR, EVERYTHING, None))], at_us)
    finally:
        file.close()


def years_before(day: date, years: int = KEEP_YEARS) -> date:
    """Return the same day so many years earlier; the first of March where that year has none."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return date(day.year - years, 3, 1)


def _opened(row: Stored, key: SubjectKey) -> Opened:
    return opened(row.row, None if row.row.found_by == EVERYBODY else key)
