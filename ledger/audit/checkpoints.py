"""What was published: every checkpoint with its signatures and its place in the chain, and the anchor."""

from collections.abc import Iterator
from typing import NamedTuple

from ledger.audit.report import Report
from ledger.audit.rows import text
from ledger.audit.tree import TreeChecks
from ledger.database import Connection
from ledger.errors import Corrupt
from ledger.log.checkpoint import Checkpoint, parse_checkpoint
from ledger.log.cosignature import verify_signed
from ledger.log.note import format_note, parse_note
from ledger.log_keys import LogKeys
from ledger.publisher import NO_PREVIOUS, Published

_CHECKPOINTS = "SELECT number, size, root, previous, note FROM checkpoint"


class PublishedLog(NamedTuple):
    """What the records say of the log, and what lies at the anchor's place, read before the rest.

    origin: empty where the founding record cannot be read.
    keys: the log's own, by position; known once the outline is read.
    anchored: size and root published last.
    signed: the newest signed checkpoint there; None, or older than the anchor, where a stop
        interrupted a publication.
    """

    origin: str
    keys: LogKeys
    anchored: Checkpoint | None
    signed: Checkpoint | None

    @property
    def sizes(self) -> set[int]:
        """The sizes at the anchor's place, whose roots must be those of the records."""
        return {one.size for one in (self.anchored, self.signed) if one is not None}


def newest_checkpoint(connection: Connection, size_max: int) -> Published | None:
    """Return the newest checkpoint of at most so many records, None where there is none."""
    row = connection.execute(
        f"{_CHECKPOINTS} WHERE size > 0 AND size <= ? ORDER BY number DESC LIMIT 1", (size_max,)
    ).fetchone()
    return None if row is None else _published(row)


def checkpoints(connection: Connection, base: Published | None) -> Iterator[Published]:
    """Yield the checkpoints from `base` on, all of them without it."""
    first = -(2**63) if base is None else base.number
    return map(_published, connection.execute(f"{_CHECKPOINTS} WHERE number >= ? ORDER BY number", (first,)))


def _published(row: tuple[int, int, bytes, bytes, bytes]) -> Published:
    number, size, root, previous, note = row
    return Published(number, size, root, previous, text(note))


def check_anchor(tree: TreeChecks, published: PublishedLog, report: Report) -> None:
    """Check that the database holds what was published; `tree` is grown to its end."""
    _, _, anchored, signed = published
    if not published.origin:
        return  # reported already: without the founding record nobody knows whose anchor this is
    if anchored is None:
        if tree.roots or signed is not None:
            report.add("anchor", "anchor", "there are checkpoints, and the anchor is missing")
        return
    if anchored.size > tree.size:
        report.add("rollback", "anchor", f"{anchored.size} records were published, {tree.size} are stored")
    elif anchored.size > report.skipped and tree.roots.get(anchored.size) != anchored.root:
        report.add("split", "anchor", "the published root is not that of the records")
    if signed is not None and signed.size > anchored.size:
        report.add("anchor", "anchor", "a larger checkpoint was signed: an old anchor was put back")


def check_checkpoints(
    connection: Connection,
    tree: TreeChecks,
    published: PublishedLog,
    report: Report,
    base: Published | None = None,
) -> None:
    """Check every checkpoint: number, size, root, signatures, chain; and that none is missing.

    With `base` those before it are not looked at, and its own place in the chain is taken as it stands.
    """
    previous, last_number, last_size = NO_PREVIOUS, 0, 0
    if base is not None:
        previous, last_number, last_size = base.previous, base.number - 1, base.size - 1
    for one in checkpoints(connection, base):
        report.checkpoints += 1
        with report.at(f"checkpoint {one.number}"):
            if one.number != last_number + 1 or one.size <= last_size:
                raise Corrupt("does not follow the one before", code="checkpoint")
            if one.previous != previous:
                raise Corrupt("does not hold the digest of the one before", code="checkpoint")
            if tree.roots.get(one.size) != one.root:
                raise Corrupt("its root is not that of the records", code="checkpoint")
            _check_note(one, published)
        last_number, last_size, previous = one.number, one.size, NO_PREVIOUS
        with report.at(f"checkpoint {one.number}"):
            previous = one.digest
    _, _, anchored, signed = published
    if signed is not None and last_size < signed.size:
        report.add("checkpoint", "checkpoint", f"the one of size {signed.size}, which was signed, is missing")
    if anchored is not None and last_size > anchored.size:
        report.add(
            "anchor", "anchor", f"a checkpoint of size {last_size} was signed: an old anchor was put back"
        )


def _check_note(one: Published, published: PublishedLog) -> None:
    note, keys = parse_note(one.note.encode()), published.keys.at(one.size)
    if format_note(note) != one.note.encode() or len(note.signatures) != len(keys) or not keys:
        raise Corrupt("its note carries more or less than the log's signatures", code="checkpoint")
    for key in keys:
        verify_signed(note, key)
    if parse_checkpoint(note.text.encode()) != Checkpoint(published.origin, one.size, one.root):
        raise Corrupt("its note is of another log, size or root", code="checkpoint")
