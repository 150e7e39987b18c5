"""The order in which an audit looks at a ledger: one pass over the records, then what is derived.

The anchor is read first, then one state of the database is held to the end: what is recorded or
published meanwhile is for the next audit.
"""

from ledger.application import Ledger
from ledger.audit.derived import TakenChecks, check_schema
from ledger.audit.records import RecordChecks
from ledger.audit.report import Report
from ledger.audit.rows import open_for_audit, record_rows
from ledger.audit.sealed import SealedChecks
from ledger.audit.submissions import SubmissionChecks
from ledger.audit.tree import PublishedLog, TreeChecks, check_anchor, check_checkpoints
from ledger.database import Connection
from ledger.domain.founding import LedgerFounded
from ledger.errors import Rollback
from ledger.files import LedgerFiles
from ledger.mapper import PUBLIC_HEAD, public_state
from ledger.privacy.vault import Vault
from ledger.store.anchor import Anchor


def audit(ledger: Ledger, *, with_keys: bool = True) -> Report:
    """Check everything in a ledger and return what was found, never raising for what is stored.

    Args:
        ledger: the ledger, open.
        with_keys: also open sealed parts; without, nothing personal is read.
    """
    return audit_files(ledger.files, ledger.vault if with_keys else None)


def audit_files(files: LedgerFiles, vault: Vault | None = None, *, short: bool = True) -> Report:
    """Check the ledger in these files, which need not be good enough to be opened as one.

    Args:
        files: where it lies.
        vault: the keys, to open sealed parts too.
        short: let records that hold go the short way (see `records`); what is found is the same.
    """
    report = Report()
    connection = open_for_audit(files.ledger)
    try:
        with report.at("ledger.sqlite"):
            published = _published(files, connection, report)
            connection.execute("BEGIN")
            tree = _records(connection, vault, report, published, short=short)
            check_anchor(tree, published, report)
            check_checkpoints(connection, tree, published, report)
    finally:
        connection.close()
    return report


def _published(files: LedgerFiles, connection: Connection, report: Report) -> PublishedLog:
    """Return what the founding record says of the log, and what lies at the anchor's place."""
    with report.at("anchor"):
        row = connection.execute("SELECT state FROM record WHERE position = 1").fetchone()
        if row is not None:
            values = public_state(row[0])[0][len(PUBLIC_HEAD) :]
            fields = dict(zip(LedgerFounded.OPEN, values, strict=True))
            anchor = Anchor(files.anchor, fields["origin"])
            return PublishedLog(fields["origin"], tuple(fields["log_keys"]), anchor.read(), anchor.signed())
        if not Anchor(files.anchor, "").is_new:
            raise Rollback("records were published, and none are stored")
    return PublishedLog("", (), None, None)


def _records(
    connection: Connection,
    vault: Vault | None,
    report: Report,
    published: PublishedLog,
    *,
    short: bool,
) -> TreeChecks:
    check_schema(connection, report)
    tree = TreeChecks(connection, report, published)
    submissions, taken = SubmissionChecks(connection, report), TakenChecks(connection, report)
    checks = RecordChecks(connection, report, submissions, taken, short=short)
    sealed = None if vault is None else SealedChecks(connection, vault, report)
    for batch in record_rows(connection):
        tree.take(batch)
        checks.take(batch)
        taken.settle(batch[-1][0])
        if sealed is not None:
            sealed.take(batch)
    report.records = tree.size
    tree.finish()
    submissions.finish()
    taken.finish()
    return tree
