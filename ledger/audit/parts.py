"""A part of the records, checked by itself: what each rests on, its encoding, its entry, what is inside.

What must be known of the records before it is read from the outline and from single streams, so
parts can be checked by several processes: the findings are the same.
"""

from typing import NamedTuple

from ledger.audit.holdings import Holding
from ledger.audit.outline import Outline
from ledger.audit.records import RecordChecks
from ledger.audit.report import Report
from ledger.audit.rows import RecordRow, Span, record_rows
from ledger.audit.sealed import SealedChecks
from ledger.audit.submissions import SubmissionChecks
from ledger.database import Connection, DatabaseError
from ledger.privacy.vault import Vault


class Part(NamedTuple):
    """What was found in some of the records.

    takes, frees: values that may be held once, in order of position.
    broken: submissions that do not hold together, and the place of the fault that says so, None where
        it was only counted: the next part that cites one says the same once more.
    """

    report: Report
    takes: list[Holding]
    frees: list[Holding]
    broken: dict[int, int | None]


class PartChecks:
    """Checks parts whose positions ascend, over one connection."""

    def __init__(
        self, connection: Connection, outline: Outline, vault: Vault | None, *, short: bool = True
    ) -> None:
        """Check over `connection`; with `vault`, what is sealed too; `short` as in `RecordChecks`."""
        self._connection, self._outline = connection, outline
        self._submissions = SubmissionChecks(connection, outline)
        self._records = RecordChecks(connection, outline, self._submissions, short=short)
        self._sealed = None if vault is None else SealedChecks(connection, vault, outline.forgotten.positions)

    def check(self, span: Span) -> Part:
        """Check the records of a span."""
        report = Report()
        self._submissions.begin(report)
        self._records.begin(report)
        if self._sealed is not None:
            self._sealed.begin(report, span.first)
        self._submissions.catch_up(span.first)
        try:
            for batch in record_rows(self._connection, span):
                self._take(batch)
        except DatabaseError as error:
            # The rest of this part is beyond reading; the parts after it need not be.
            report.add("storage", f"records {span.first} to {span.last}", f"cannot be read: {error}")
        # A submission counts where it was cited first.
        report.submissions = sum(self._is_first(number, span.first) for number in self._submissions.cited)
        holdings = self._records.holdings
        return Part(report, holdings.takes, holdings.frees, self._submissions.broken)

    def _take(self, batch: list[RecordRow]) -> None:
        """Check a batch; what is sealed is judged on the register as it stands between two changes of it."""
        if self._sealed is None:
            self._records.take(batch)
            return
        at = 0
        for end in (*self._changes(batch), len(batch)):
            self._records.take(batch[at:end])
            self._sealed.take(batch[at:end], self._submissions.register)
            at = end

    def _changes(self, batch: list[RecordRow]) -> list[int]:
        """Return where to cut a batch: around every record about the register."""
        changes = set(self._outline.authority_between(batch[0][0], batch[-1][0]))
        if not changes:
            return []
        around = {cut for place, row in enumerate(batch) if row[0] in changes for cut in (place, place + 1)}
        return sorted(around - {0, len(batch)})

    def _is_first(self, number: int, first: int) -> bool:
        row = self._connection.execute(
            "SELECT 1 FROM record WHERE submission = ? AND position < ? LIMIT 1", (number, first)
        ).fetchone()
        return row is None
