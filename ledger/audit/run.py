"""The order in which an audit looks at a ledger: one pass over the records, then what is derived."""

from collections.abc import Sequence
from typing import Protocol

from ledger.application import Ledger
from ledger.audit.derived import DerivedChecks, check_schema
from ledger.audit.records import RecordChecks
from ledger.audit.report import Report
from ledger.audit.sealed import SealedChecks
from ledger.audit.submissions import SubmissionChecks
from ledger.audit.tree import TreeChecks, check_checkpoints
from ledger.store.anchor import Anchor
from ledger.store.readback import StoredRecord, records

BATCH = 5000


class Pass(Protocol):
    """One kind of check over the records, batch by batch."""

    def take(self, batch: Sequence[StoredRecord]) -> None:
        """Check the records of a batch."""
        ...


def audit(ledger: Ledger, *, with_keys: bool = True) -> Report:
    """Check everything in a ledger and return what was found, never raising for what is stored.

    Args:
        ledger: the ledger, open.
        with_keys: also open sealed parts; without, nothing personal is read.
    """
    report = Report()
    connection = ledger.store.database.reader
    check_schema(connection, report)
    submissions = SubmissionChecks(connection, report)
    tree = TreeChecks(connection, report)
    derived = DerivedChecks(connection, report)
    passes: list[Pass] = [submissions, RecordChecks(connection, report), derived]
    if with_keys:
        passes.append(SealedChecks(connection, ledger.vault, report))
    # Bounded by what is stored, not by what the head claims.
    last = connection.execute("SELECT COALESCE(MAX(position), 0) FROM record").fetchone()[0]
    for first in range(1, last + 1, BATCH):
        batch = list(records(connection, first, first + BATCH - 1))
        tree.take(batch)
        for one in passes:
            one.take(batch)
    report.records = tree.size
    tree.finish()
    submissions.finish()
    derived.finish()
    with report.at("checkpoint"):
        check_checkpoints(connection, tree, report)
    with report.at("anchor"):
        anchor = Anchor(ledger.files.anchor, ledger.founding.origin)
        tree.check_anchor(anchor)
    return report
