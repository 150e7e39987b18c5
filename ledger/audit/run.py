"""The order in which an audit looks at a ledger.

The anchor is read first, then one state of the database is held to the end: what is recorded or
published meanwhile is for the next audit. The tree, instants and what is derived are followed here
from the first record to the last; what each record is by itself is checked in parts, here or by
other processes, and taken in in order. However many processes there are, the report is the same.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from ledger.application import Ledger
from ledger.audit.accesses import check_accesses
from ledger.audit.checkpoints import (
    PublishedLog,
    check_anchor,
    check_checkpoints,
    checkpoints,
    newest_checkpoint,
)
from ledger.audit.cosignatures import Bounds, check_cosignatures
from ledger.audit.derived import check_authority, check_schema, check_versions
from ledger.audit.disposals import check_disposals
from ledger.audit.forgettings import check_forgotten, positions_after
from ledger.audit.holdings import TakenChecks
from ledger.audit.instants import InstantChecks
from ledger.audit.outline import Outline, check_tails, read_outline
from ledger.audit.parts import Part, PartChecks
from ledger.audit.place import check_place
from ledger.audit.report import Report
from ledger.audit.rows import Span, open_for_audit, tree_rows
from ledger.audit.sealed import check_keys
from ledger.audit.submissions import check_all_cited
from ledger.audit.tree import TreeChecks
from ledger.audit.workers import parts_elsewhere
from ledger.database import Connection, DatabaseError, OperationalError
from ledger.domain.disposal import StreamsDisposed
from ledger.domain.founding import LedgerFounded
from ledger.errors import Corrupt, Rollback, Split, Unavailable
from ledger.files import LedgerFiles
from ledger.log.tiles import TILE_WIDTH
from ledger.log_keys import LogKeys
from ledger.mapper import PUBLIC_HEAD, public_state
from ledger.privacy.vault import Vault
from ledger.publisher import Published
from ledger.store.anchor import Anchor

TRIES = 3  # each after records were cleared while several processes looked
MANY = 100_000  # records: to fewer, more processes than one bring nothing
JOBS_MAX = 64
PART = 16 * TILE_WIDTH  # records: enough that what is done once for each part does not count
# To start a process takes as long as this many parts without keys, and about as long as one with them.
_PARTS_PER_START = 12
_DISPOSED = "SELECT 1 FROM record WHERE position > ? AND topic = ? LIMIT 1"


@dataclass(frozen=True, slots=True)
class How:
    """How to look.

    jobs: processes; 1 checks everything in this one, None decides by the number of records.
    since: begin at the newest checkpoint of at most so many records; None looks at everything.
    short: let records that hold go the short way (see `records`); what is found is the same.
    part: records in a part, a multiple of 256; what is found is the same.
    progress: called with (records looked at so far, records to look at) after every part.
    """

    jobs: int | None = 1
    since: int | None = None
    short: bool = True
    part: int = PART
    progress: Callable[[int, int], None] | None = None


def audit(ledger: Ledger, *, with_keys: bool = True, how: How | None = None) -> Report:
    """Check everything in a ledger and return what was found, never raising for what is stored.

    Args:
        ledger: the ledger, open.
        with_keys: also open sealed parts and decide again; without, nothing personal is read.
        how: how to look.
    """
    return audit_files(ledger.files, ledger.vault if with_keys else None, how)


def audit_files(files: LedgerFiles, vault: Vault | None = None, how: How | None = None) -> Report:
    """Check the ledger in these files, which need not be good enough to be opened as one.

    Args:
        files: where it lies.
        vault: the keys, to open sealed parts too.
        how: how to look.

    Raises:
        Unavailable: a process that took part in the work ended early, or records went on being cleared
            while several processes looked.
    """
    how = how or How()
    for _ in range(TRIES):
        report = _audited(files, vault, how)
        if report is not None:
            return report
    raise Unavailable("records were cleared while they were looked at: audit again", code="audit")


def _audited(files: LedgerFiles, vault: Vault | None, how: How) -> Report | None:
    """Return what is found; None where other processes saw records cleared that were here when it began."""
    report = Report()
    if not files.ledger.exists():
        return _nothing(files, report)  # a file that is opened would be made
    stopped: Unavailable | None = None
    whole = True
    try:
        connection = open_for_audit(files.ledger)
    except OperationalError as error:
        raise Unavailable(f"{files.ledger.name} cannot be opened now: {error}", code="storage") from error
    except DatabaseError as error:
        report.add("storage", files.ledger.name, f"is damaged, or is no database: {error}")
        return report
    try:
        with report.at("ledger.sqlite"):
            if _is_empty(connection):
                return _nothing(files, report)
            published = _begun(files, connection, report)
            try:
                whole = _Audit(files, connection, vault, report, published, how).run()
            except Unavailable as error:
                stopped = error
    finally:
        connection.close()
    if stopped is not None:
        raise stopped  # that is no finding: nobody knows yet what there is to find
    return report if whole else None


def _is_empty(connection: Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None


def _nothing(files: LedgerFiles, report: Report) -> Report:
    """Say what it means that a database holds nothing at all."""
    if Anchor(files.anchor, "").is_new:
        report.add("storage", files.ledger.name, "holds no ledger")
    else:
        report.add("rollback", "anchor", "records were published, and none are stored")
    return report


def _begun(files: LedgerFiles, connection: Connection, report: Report) -> PublishedLog:
    """Hold one state of the database from here on; return what lay at the anchor's place at that moment."""
    while True:
        published = _published(files, connection, report)
        connection.execute("BEGIN")
        _is_empty(connection)  # the state is that of the first look
        with suppress(Corrupt, Split):
            if published.origin and Anchor(files.anchor, published.origin).read() != published.anchored:
                connection.execute("ROLLBACK")  # somebody has published in between: look again
                continue
        return published


def _published(files: LedgerFiles, connection: Connection, report: Report) -> PublishedLog:
    """Return what the founding record says of the log, and what lies at the anchor's place."""
    with report.at("anchor"):
        row = connection.execute("SELECT state FROM record WHERE position = 1").fetchone()
        if row is not None:
            values = public_state(row[0])[0][len(PUBLIC_HEAD) :]
            fields = dict(zip(LedgerFounded.OPEN, values, strict=True))
            anchor = Anchor(files.anchor, fields["origin"])
            signed = anchor.signed()  # before the anchor, which whoever publishes moves first
            return PublishedLog(fields["origin"], LogKeys(), anchor.read(), signed)
        if not Anchor(files.anchor, "").is_new:
            raise Rollback("records were published, and none are stored")
    return PublishedLog("", LogKeys(), None, None)


class _Audit:
    """One audit of one state of a ledger."""

    def __init__(
        self,
        files: LedgerFiles,
        connection: Connection,
        vault: Vault | None,
        report: Report,
        published: PublishedLog,
        how: How,
    ) -> None:
        self._files, self._connection, self._vault = files, connection, vault
        self._report, self._published, self._how = report, published, how
        self._broken: set[int] = set()  # submissions that are reported already
        self._elsewhere = False  # whether other processes look too

    def run(self) -> bool:
        """Look at everything; return whether all that was looked at is of one state of the ledger."""
        connection, report = self._connection, self._report
        with report.at("schema"):
            check_schema(connection, report)
        base, outline, tree = self._begin()
        published = self._published._replace(keys=outline.log_keys)
        with report.at("versions"):
            check_versions(connection, outline, report)
        bounds = Bounds(())
        with report.at("cosignatures"):
            bounds = check_cosignatures(connection, published, report, base)
        self._look(outline, tree, InstantChecks(report, bounds, self._last_us(outline.skipped)))
        report.records = tree.size - outline.skipped
        with report.at("tiles"):
            tree.finish()
        check_authority(connection, outline, report)
        with report.at("submissions"):
            check_all_cited(connection, report)
        with report.at("losses"):
            check_tails(connection, outline, tree, report)
        with report.at("disposals"):
            check_disposals(connection, outline.disposals, outline.skipped, report)
        with report.at("forgettings"):
            check_forgotten(outline.forgotten, self._vault, outline.skipped, report)
        with report.at("access.sqlite"):
            check_accesses(self._files, connection, self._vault, outline, report)
        self._check_published(tree, published, base)
        check_keys(report, outline.forgotten.lost + self._forgotten_meanwhile(outline))
        return not (self._elsewhere and self._is_disposed_since(outline.newest))

    def _is_disposed_since(self, position: int) -> bool:
        """Whether records were cleared that the state held here still has; other processes hold none."""
        connection = open_for_audit(self._files.ledger)
        try:
            return connection.execute(_DISPOSED, (position, StreamsDisposed.TOPIC)).fetchone() is not None
        except DatabaseError:
            return False  # what cannot be read is said already
        finally:
            connection.close()

    def _forgotten_meanwhile(self, outline: Outline) -> int:
        """Return how many learners were forgotten since this audit began: the vault has no history."""
        if not self._report.without_key:
            return 0
        connection = open_for_audit(self._files.ledger)
        try:
            return len(positions_after(connection, outline.newest))
        finally:
            connection.close()

    def _check_published(self, tree: TreeChecks, published: PublishedLog, base: Published | None) -> None:
        """Hold what was published, here and at the anchor's place, to the records."""
        connection, report = self._connection, self._report
        check_anchor(tree, published, report)
        with report.at("checkpoints"):
            check_checkpoints(connection, tree, published, report, base)
        if published.anchored is not None:
            anchor = Anchor(self._files.anchor, published.origin)
            check_place(anchor, published.anchored, connection, tree, report)

    def _begin(self) -> tuple[Published | None, Outline, TreeChecks]:
        """Return where to begin: at a checkpoint where one was asked for, and its tiles are there."""
        since = self._how.since
        base = None if since is None else newest_checkpoint(self._connection, since)
        if base is not None and base.size >= TILE_WIDTH:
            with self._report.at("tile"):
                outline = read_outline(self._connection, base.size)
                tree = self._tree(outline, base)
                self._report.since, self._report.skipped = base.size, outline.skipped
                return base, outline, tree
        outline = read_outline(self._connection)
        return None, outline, self._tree(outline, None)

    def _tree(self, outline: Outline, base: Published | None) -> TreeChecks:
        stops = set(self._published.sizes)
        with suppress(DatabaseError):  # said where the checkpoints are looked at
            stops.update(one.size for one in checkpoints(self._connection, base))
        stops.update(tail.last for tail in outline.tails)
        return TreeChecks(self._connection, self._report, stops, begin=outline.skipped)

    def _last_us(self, skipped: int) -> int:
        """Return when the last record that is not looked at was recorded."""
        row = self._connection.execute(
            "SELECT recorded_at_us FROM record WHERE position = ?", (skipped,)
        ).fetchone()
        return int(row[0]) if skipped and row is not None else 0

    def _look(self, outline: Outline, tree: TreeChecks, instants: InstantChecks) -> None:
        """Follow the records from first to last, and take in what was found in each part of them."""
        spans, taken = outline.spans(self._how.part), self._taken(outline)
        with self._parts(outline, spans) as parts:
            for span in spans:
                with self._report.at(f"records {span.first} to {span.last}"):
                    for batch in tree_rows(self._connection, span):
                        tree.take(batch)
                        instants.take(batch)
                part = next(parts)
                self._take_in(part)
                if taken is not None:
                    taken.settle(part.takes, part.frees, span.last)
                if self._how.progress is not None:
                    self._how.progress(tree.size - outline.skipped, outline.size - outline.skipped)
        if taken is not None:
            taken.finish()

    def _taken(self, outline: Outline) -> TakenChecks | None:
        """Return the checks of what is held once; None where its table cannot be read, which is said."""
        try:
            return TakenChecks(self._connection, self._report, begin=outline.skipped)
        except DatabaseError as error:
            self._report.add("storage", "taken", f"the file cannot be read: {error}")
            return None

    @contextmanager
    def _parts(self, outline: Outline, spans: Sequence[Span]) -> Iterator[Iterator[Part]]:
        worth = len(spans) if self._vault is not None else len(spans) // _PARTS_PER_START
        jobs, short = self._how.jobs, self._how.short
        if jobs is None:
            many = outline.size - outline.skipped > MANY
            jobs = min(os.cpu_count() or 1, JOBS_MAX) if many else 1
        jobs = min(jobs, worth)
        self._elsewhere = jobs > 1
        if jobs > 1:
            ledger = self._files.ledger
            with parts_elsewhere(ledger, outline, self._vault, spans, jobs, short=short) as parts:
                yield parts
        else:
            yield map(PartChecks(self._connection, outline, self._vault, short=short).check, spans)

    def _take_in(self, part: Part) -> None:
        """Add what a part found; that a submission does not hold together is said once."""
        found = part.report
        again = [part.broken[number] for number in part.broken.keys() & self._broken]
        self._broken.update(part.broken)
        found.more -= again.count(None)
        found.faults = [fault for place, fault in enumerate(found.faults) if place not in again]
        self._report.take_in(found)
