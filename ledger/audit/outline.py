"""What must be known of a whole ledger before any part of it can be checked.

Records about the register are few and decide whose keys counted where; a loss that was accepted is
recorded after what was lost, a disposal after what it cleared; that a key is suspect is recorded after
what it signed. All of it is read once, from one state of the database, and handed to whoever checks a
part: what is recorded meanwhile comes after it, and changes nothing of it but where that is a disposal.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from ledger.audit.disposals import Disposals, read_disposals
from ledger.audit.forgettings import Forgotten, read_forgotten
from ledger.audit.report import Report
from ledger.audit.rows import RecordRow, Span, rows_at, stored
from ledger.audit.tree import TreeChecks
from ledger.authority import AUTHORITY_TOPICS, keyring_of
from ledger.database import Connection, DatabaseError
from ledger.domain.access import AccessDayClosed
from ledger.domain.disposal import StreamsDisposed
from ledger.domain.forgetting import ForgettingCounted, LearnerForgotten
from ledger.domain.register import Register
from ledger.domain.tail import TailLost
from ledger.errors import Malformed
from ledger.keys.keyring import RegisteredKey
from ledger.log.tiles import TILE_WIDTH
from ledger.log_keys import LogKeys, log_keys_of
from ledger.mapper import LedgerMapper
from ledger.privacy.commitments import PRIVATE_ENTRY

_LOST = (
    "SELECT COUNT(*) FILTER (WHERE substr(entry, 1, 1) = ?), COUNT(*) FILTER (WHERE gone = 'lost')"
    " FROM record WHERE position >= ? AND position <= ?"
)
_ACCOUNTS = (
    TailLost.TOPIC,
    StreamsDisposed.TOPIC,
    ForgettingCounted.TOPIC,
    LearnerForgotten.TOPIC,
    AccessDayClosed.TOPIC,
)  # for what is not there any more, or stands elsewhere
_BEFORE_ALL, _AFTER_ALL = -(2**63), 2**63 - 1


class LostTail(NamedTuple):
    """A loss as the record at `position` accounts for it."""

    position: int
    as_of: int
    first: int
    last: int
    root: bytes
    lost: int

    @property
    def in_place(self) -> bool:
        """Whether it stands where a restore tells of a loss: right after what it put back, decided there."""
        return 1 <= self.first <= self.last == self.position - 1 == self.as_of


class Outline(NamedTuple):
    """A ledger before it is looked at.

    size: how many records there are.
    newest: position of the newest one, which may be any number in what was tampered with.
    skipped: records that are not looked at, the first ones; a multiple of 256.
    authority: positions of all records about the register, ascending.
    tails: losses that were accepted.
    disposals: what was cleared when a disposal period ended.
    forgotten: learners whose keys were destroyed, as recorded.
    suspects: by thumbprint, keys that somebody else may have had, as all that is recorded says.
    log_keys: the keys that sign checkpoints, by position; none where they cannot be read.
    access_days: positions of the records that close days of the access log, ascending.
    """

    size: int
    newest: int
    skipped: int
    authority: tuple[int, ...]
    tails: tuple[LostTail, ...]
    disposals: Disposals
    forgotten: Forgotten
    suspects: dict[str, RegisteredKey]
    log_keys: LogKeys
    access_days: tuple[int, ...] = ()

    def accounted(self, position: int) -> bool:
        """Whether a restore that told of it covers that position."""
        return _are_lost(self.tails, position)

    def authority_between(self, first: int, last: int) -> tuple[int, ...]:
        """Return the positions from `first` to `last` of records about the register."""
        return self.authority[bisect_left(self.authority, first) : bisect_right(self.authority, last)]

    def spans(self, width: int) -> list[Span]:
        """Return the records to look at in spans of `width`, a multiple of 256; some may hold none.

        Together they hold every position there is, however it was tampered with.
        """
        if not self.size:
            return []
        ends = [*range(self.skipped + width, self.size, width), _AFTER_ALL]
        begins = [self.skipped + 1 if self.skipped else _BEFORE_ALL, *(end + 1 for end in ends[:-1])]
        # What is recorded from now on is for the next audit.
        return [Span(first, min(last, self.newest)) for first, last in zip(begins, ends, strict=True)]


def _are_lost(tails: Sequence[LostTail], position: int) -> bool:
    return any(one.in_place and one.first <= position <= one.last for one in tails)


def read_outline(connection: Connection, size_skipped: int = 0) -> Outline:
    """Read what a part of the audit must know, never failing for what is stored.

    What cannot be read is left out here, and found when its record is looked at.

    Args:
        connection: the ledger's.
        size_skipped: size up to which records are not looked at; those of its last tile are.
    """
    size, newest = connection.execute("SELECT COUNT(*), MAX(position) FROM record").fetchone()
    rows = _public(connection, size)
    accounts = {topic.encode() for topic in _ACCOUNTS}
    losses, cleared, counted, forgotten, days = (_of_topic(rows, topic) for topic in _ACCOUNTS)
    authority = tuple(position for position, topic in rows if topic not in accounts)
    skipped = size_skipped - size_skipped % TILE_WIDTH
    tails, register = _tails(connection, losses), _register(connection, authority)
    suspects, log_keys = _suspects(register), _log_keys(register)
    disposals = read_disposals(connection, cleared, counted)
    gone = read_forgotten(
        connection,
        forgotten,
        counted,
        disposals.account_for,
        lambda position: _are_lost(tails, position),
    )
    return Outline(
        size, newest or 0, skipped, authority, tails, disposals, gone, suspects, log_keys, tuple(days)
    )


def _of_topic(rows: Sequence[tuple[int, bytes]], topic: str) -> list[int]:
    return [position for position, found in rows if found == topic.encode()]


def _public(connection: Connection, size: int) -> list[tuple[int, bytes]]:
    """Return (position, topic) of what is about the register, of losses and of disposals.

    What cannot be read is left out.
    """
    everything = Span(_BEFORE_ALL, _AFTER_ALL)
    try:
        return _public_in(connection, everything)
    except DatabaseError:
        found = []
        for first in range(1, size + 1, TILE_WIDTH):
            with suppress(DatabaseError):
                found += _public_in(connection, Span(first, first + TILE_WIDTH - 1))
        return found


def _public_in(connection: Connection, span: Span) -> list[tuple[int, bytes]]:
    topics = ",".join("?" * (len(AUTHORITY_TOPICS) + len(_ACCOUNTS)))
    return connection.execute(
        f"SELECT position, topic FROM record WHERE topic IN ({topics})"  # noqa: S608 - as many marks as topics
        " AND state IS NOT NULL AND position >= ? AND position <= ? ORDER BY position",
        (*AUTHORITY_TOPICS, *_ACCOUNTS, *span),
    ).fetchall()


def _tails(connection: Connection, positions: Sequence[int]) -> tuple[LostTail, ...]:
    found, unheard = [], Report()
    for row in rows_at(connection, positions):
        with unheard.at(""):
            event: Any = LedgerMapper.for_reading().to_domain_event(stored(row).event)
            tail = LostTail(row[0], event.as_of, event.first, event.last, event.root, event.lost)
            if all(type(value) is int for value in (tail.first, tail.last, tail.lost)):
                found.append(tail)
    return tuple(found)


def _register(connection: Connection, authority: Sequence[int]) -> Register:
    """Return the register that everything recorded makes, records left out that do not fit."""
    register, unheard, mapper = Register(), Report(), LedgerMapper.for_reading()
    for row in rows_at(connection, authority):
        with unheard.at(""):
            apply_row(register, mapper, row)
    return register


def _suspects(register: Register) -> dict[str, RegisteredKey]:
    unheard = Report()
    found: dict[str, RegisteredKey] = {}
    with unheard.at(""):
        found.update({key.kid: key for key in keyring_of(register) if key.suspected_from is not None})
    return found


def _log_keys(register: Register) -> LogKeys:
    try:
        return log_keys_of(register)
    except Malformed:
        return LogKeys()  # a key of the founding is none: told with its record


def apply_row(register: Register, mapper: LedgerMapper, row: RecordRow) -> None:
    """Take a record about the register into it; raises whatever garbage in the row makes it raise."""
    register.apply(mapper.to_domain_event(stored(row).event), row[0])


def check_tails(connection: Connection, outline: Outline, tree: TreeChecks, report: Report) -> None:
    """Check that every loss is accounted for as it is: its place, how many records, the root.

    A restore puts everything back that was public, and nothing else: every private record among those
    positions is lost with it. So no account of a loss can stand for some of them, or be made up later.
    """
    for tail in outline.tails:
        if 0 < tail.last <= outline.skipped:
            continue
        where = f"record {tail.position}"
        private, lost = connection.execute(_LOST, (PRIVATE_ENTRY, tail.first, tail.last)).fetchone()
        if not tail.in_place:
            report.add("tail", where, "accounts for a loss that does not end right before it")
        elif lost != tail.lost:
            report.add("tail", where, f"says that {tail.lost} records lost their content, {lost} have")
        elif private != lost:
            report.add("tail", where, f"{private - lost} of the private records that it covers are not lost")
        elif tree.roots.get(tail.last) != tail.root:
            report.add("tail", where, "names another root than the records make")
