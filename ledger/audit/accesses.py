"""The access log against what the public log says of its days.

A day that is closed has as many rows as were recorded, and their leaves make the recorded root: whatever
was added, removed, moved or changed since is found without any key. With keys every row that can be
opened says what its leaf stands for. What the rows of an open day say is only held to their own leaves:
whoever can write the file can still leave one out, or put one in, until the day is over.

What a row said may be gone, and then only its leaf is left: of somebody who was forgotten since, or after
the years for which rows are kept. Anything else that is gone is a finding.

Source: LEDGER.md 5, 7.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from ledger.access.days import leaf_spans
from ledger.access.log import years_before
from ledger.access.rows import EVERYBODY, Access, Row, found_by_others, found_by_own, opened
from ledger.audit.outline import Outline
from ledger.audit.report import Report
from ledger.audit.rows import open_for_audit, rows_at, stored
from ledger.clock import civil_date
from ledger.database import Connection, DatabaseError
from ledger.domain.learner import LearnerRegistered
from ledger.errors import Corrupt
from ledger.files import LedgerFiles
from ledger.log.merkle import HASH_BYTES, root_of
from ledger.mapper import LedgerMapper
from ledger.privacy.sealing import SubjectKey
from ledger.privacy.vault import Vault

_FILE = "access.sqlite"
_AT_ONCE = 500  # learners whose keys are read together
_MISSHAPEN = (
    "SELECT COUNT(*) FROM row WHERE length(leaf) <> ? OR place < 0"
    " OR (found_by IS NULL) <> (sealed IS NULL) OR day NOT GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]'"
)
_COUNTS = "SELECT day, COUNT(*), MIN(place), MAX(place) FROM row GROUP BY day"
_GONE = "SELECT day, COUNT(*) FROM row WHERE sealed IS NULL GROUP BY day"
_KEPT = "SELECT day, COUNT(*) FROM row WHERE sealed IS NOT NULL AND found_by <> ? GROUP BY day"
_SAID_ERASED = (
    "SELECT day FROM closed WHERE erased <> 0"
    " AND EXISTS (SELECT 1 FROM row WHERE row.day = closed.day AND row.sealed IS NOT NULL)"
)
_FOUND = "SELECT day, place, leaf, found_by, sealed FROM row WHERE found_by = ?"
_LEARNERS = "SELECT stream FROM record WHERE topic = ? AND length(stream) = 16"


class _Day(NamedTuple):
    """What a day should hold: as recorded at `position`, or as closed and not recorded yet (None)."""

    position: int | None
    rows: int
    root: bytes


def check_accesses(
    files: LedgerFiles, connection: Connection, vault: Vault | None, outline: Outline, report: Report
) -> None:
    """Hold the access log to the days that are recorded, and with keys its rows to their leaves.

    Args:
        files: where the ledger lies.
        connection: the ledger's, with the state that is looked at.
        vault: opens rows; None to open nothing.
        outline: of the ledger.
        report: takes what is found.
    """
    recorded = _recorded(connection, outline)
    if not files.access.exists():
        if recorded:
            report.add("access", _FILE, f"is not there: the reads of {len(recorded)} days are lost")
        return
    # Opened after the state of the ledger is held: a day that is closed from here on is for the next audit.
    log = open_for_audit(files.access)
    try:
        log.execute("BEGIN")
        _Accesses(log, connection, outline, report).check(recorded, vault)
    except DatabaseError as error:
        report.add("storage", _FILE, f"the file cannot be read: {error}")
    finally:
        log.close()


def _recorded(connection: Connection, outline: Outline) -> dict[str, _Day]:
    found, mapper, unheard = {}, LedgerMapper.for_reading(), Report()
    for row in rows_at(connection, outline.access_days):
        with unheard.at(""):  # said with its record
            event: Any = mapper.to_domain_event(stored(row).event)
            found[event.day.isoformat()] = _Day(row[0], event.rows, event.root)
    return found


class _Accesses:
    """One look at the access log."""

    def __init__(self, log: Connection, connection: Connection, outline: Outline, report: Report) -> None:
        self._log, self._connection, self._outline, self._report = log, connection, outline, report

    def check(self, recorded: Mapping[str, _Day], vault: Vault | None) -> None:
        """Check days; and of a whole ledger what rows say, or may no longer say."""
        report, skipped = self._report, self._outline.skipped
        with report.at(_FILE):
            (misshapen,) = self._log.execute(_MISSHAPEN, (HASH_BYTES,)).fetchone()
            if misshapen:
                report.add("access", _FILE, f"{misshapen} rows are not of the form of a row")
        with report.at(_FILE):
            self._check_days(recorded)
        if skipped:
            return
        may_be_gone = self._may_be_gone()
        with report.at(_FILE):
            gone = {_text(day): count for day, count in self._log.execute(_GONE)}
            self._check_gone(gone, may_be_gone, "are gone")
        with report.at(_FILE):
            for row in self._log.execute(_FOUND, (EVERYBODY,)):
                with report.at(_where(row)):
                    if _access(row, None).learner is not None:
                        raise Corrupt("is about somebody, and open", code="access")
        if vault is not None:
            with report.at(_FILE):
                self._check_content(vault, may_be_gone)

    # -------------------------------------------------------------- days

    def _check_days(self, recorded: Mapping[str, _Day]) -> None:
        counts = {_text(day): numbers for day, *numbers in self._log.execute(_COUNTS)}
        closed = self._closed()
        self._report.accesses = sum(numbers[0] for numbers in counts.values())
        for day, should in {**closed, **recorded}.items():
            if should.position is not None and should.position <= self._outline.skipped:
                continue
            if should.position is not None and closed.get(day) != should._replace(position=None):
                self._add(day, "is not closed as it was recorded", derived=True)
            self._check_day(day, should, counts.get(day, (0, 0, -1)))
        for (day,) in self._log.execute(_SAID_ERASED):
            # Nobody would ever erase them: the days that are said to be are passed over.
            self._add(_text(day), "is said to be erased, and what its rows say is kept", derived=True)
        newest = max(recorded, default="")
        for day in counts.keys() - recorded.keys() - closed.keys():
            if day <= newest:
                self._add(day, "holds rows, and was never closed though a later day was")

    def _closed(self) -> dict[str, _Day]:
        rows = self._log.execute("SELECT day, rows, root FROM closed")
        return {_text(day): _Day(None, number, root) for day, number, root in rows}

    def _check_day(self, day: str, should: _Day, numbers: Iterable[int]) -> None:
        count, first, last = numbers
        if count != should.rows:
            self._add(day, f"holds {count} rows, {should.rows} were there when it was closed")
        elif (first, last) != (0, count - 1):
            self._add(day, "has rows that do not stand one after the other")
        else:
            roots = [root_of(leaves) for leaves in leaf_spans(self._log, day, count)]
            if root_of(roots) != should.root:
                self._add(day, "holds other rows than when it was closed: their root is another one")
            query = "SELECT root FROM span WHERE day = ? ORDER BY number"
            if roots != [root for (root,) in self._log.execute(query, (day,))]:
                self._add(day, "has roots of spans that are not those of its rows", derived=True)

    # -------------------------------------------------------------- what rows say

    def _may_be_gone(self) -> date | None:
        """Return the last day whose rows may be gone; None for any, where it cannot be told any more."""
        outline = self._outline
        if outline.forgotten.lost or outline.tails:
            return None  # whose rows they are was in what a restore gave up
        newest = self._instant(outline.newest)
        old = years_before(civil_date(newest)).toordinal() - 1
        forgotten = max(outline.forgotten.positions.values(), default=0)
        since = civil_date(self._instant(forgotten)).toordinal() if forgotten else 0
        return date.fromordinal(max(old, since, 1))

    def _instant(self, position: int) -> int:
        row = self._connection.execute(
            "SELECT recorded_at_us FROM record WHERE position = ?", (position,)
        ).fetchone()
        return int(row[0]) if row is not None else 0

    def _check_gone(self, gone: Mapping[str, int], may_be_gone: date | None, what: str) -> None:
        for day, count in sorted(gone.items()):
            if count > 0 and may_be_gone is not None and day > may_be_gone.isoformat():
                self._add(day, f"{count} of its rows {what}, and nothing accounts for it")

    def _check_content(self, vault: Vault, may_be_gone: date | None) -> None:
        """Open the rows of every learner who has a key; what is left over is of somebody who has none."""
        left = Counter({_text(day): count for day, count in self._log.execute(_KEPT, (EVERYBODY,))})
        if not left:
            return
        for key in self._keys(vault):
            for found_by in (found_by_own(key), found_by_others(key)):
                for row in self._log.execute(_FOUND, (found_by,)):
                    left[_text(row[0])] -= 1
                    self._check_row(row, key, own=found_by == found_by_own(key))
        self._check_gone(left, may_be_gone, "open under nobody’s key")

    def _keys(self, vault: Vault) -> Iterator[SubjectKey]:
        cursor = self._connection.execute(_LEARNERS, (LearnerRegistered.TOPIC,))
        while batch := cursor.fetchmany(_AT_ONCE):
            yield from vault.keys(UUID(bytes=stream) for (stream,) in batch).values()

    def _check_row(self, row: tuple[Any, ...], key: SubjectKey, *, own: bool) -> None:
        with self._report.at(_where(row)):
            access = _access(row, key)
            if access.learner != key.subject or access.reader.is_learner != own:
                raise Corrupt("is found by somebody whom it is not about", code="access")

    def _add(self, where: str, what: str, *, derived: bool = False) -> None:
        self._report.add("access", f"access {where}", what, derived=derived)


def _access(row: tuple[Any, ...], key: SubjectKey | None) -> Access:
    """Return what a row says; Corrupt where it does not open, or stands in a day before the read."""
    access = opened(Row(*row[2:]), key).access
    if civil_date(access.at_us).isoformat() > _text(row[0]):
        raise Corrupt("stands in a day before the read", code="access")
    return access


def _where(row: tuple[Any, ...]) -> str:
    return f"access {_text(row[0])}, row {row[1]}"


def _text(value: bytes | str) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
