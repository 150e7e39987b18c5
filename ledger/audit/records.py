"""One record after another: its statement, its encoding, its entry, its instant, what it takes.

Private records, nearly all there are, go a short way: a whole run of them is computed column by
column, and the answer is only "everything holds" or not. What it does not say yes to is halved
until it does, and the records that remain are looked at by the plain checks, which say what is
wrong. So the short way misses nothing that they find, and tests compare the two.
"""

from collections.abc import Sequence
from hashlib import sha256
from operator import itemgetter, lt
from typing import Any

from msgpack import Packer, unpackb

from ledger.audit.disposals import REDACTED
from ledger.audit.holdings import Holdings
from ledger.audit.instants import LOST
from ledger.audit.outline import Outline
from ledger.audit.report import Report
from ledger.audit.rows import RecordRow, stored, text
from ledger.audit.submissions import SubmissionChecks
from ledger.database import Connection
from ledger.domain.award import AwardRevoked
from ledger.domain.base import PRIVATE, PUBLIC, declared_in
from ledger.domain.disposal import StreamsDisposed
from ledger.domain.forgetting import ForgettingRequested, ForgettingWithdrawn
from ledger.domain.registry import EVENTS
from ledger.encoding.msgpack import check, unpack_canonical
from ledger.errors import Corrupt
from ledger.log.merkle import HASH_BYTES
from ledger.mapper import PRIVATE_HEAD, PUBLIC_HEAD, SALT_BYTES, private_state
from ledger.privacy.commitments import NO_STATEMENT, PRIVATE_ENTRY, tag
from ledger.store.readback import StatementLeaves, StoredRecord, entry_of

UUID_BYTES = 16
_BLIND, _COMMIT, _OPEN = tag("statement-blind"), tag("statement-commit"), tag("open")
_CIPHERTEXT, _ENTRY = tag("ciphertext"), tag("entry")
_PRIVATE_ENTRY_BYTES = 1 + HASH_BYTES
# Of a private record's topic: its length and text as they are hashed, fields of the open part, class version.
_SHORT = {
    topic.encode(): (
        len(topic).to_bytes(2, "big") + topic.encode(),
        len(PRIVATE_HEAD) + len(event_class.OPEN),
        event_class.class_version,
    )
    for topic, event_class in EVENTS.items()
    # These free something, or take other things than rows and awards do.
    if event_class.PRIVACY is PRIVATE
    and event_class not in (AwardRevoked, StreamsDisposed, ForgettingRequested, ForgettingWithdrawn)
}
# Those that the ledger itself records rest on no submission, so none has to be cleared for them.
_CONSEQUENCES = frozenset(topic for topic in _SHORT if EVENTS[topic.decode()].CONSEQUENCE)
_NOT_CHECKABLE = frozenset((LOST, REDACTED))
_Commits = Sequence[bytes]

_class_version = itemgetter(0)
_as_of = itemgetter(PRIVATE_HEAD.index("as_of"))


class RecordChecks:
    """Checks records in order of position."""

    def __init__(
        self,
        connection: Connection,
        outline: Outline,
        submissions: SubmissionChecks,
        *,
        short: bool = True,
    ) -> None:
        """Check beside `submissions`; without `short` everything goes the plain way."""
        self._connection, self._outline, self._submissions = connection, outline, submissions
        self._leaves = StatementLeaves(connection)
        self._short = frozenset(_SHORT) if short else frozenset()
        self._short_consequences = self._short & _CONSEQUENCES
        self.begin(Report())

    def begin(self, report: Report) -> None:
        """Begin with other records, reporting to `report`."""
        self._report, self.holdings = report, Holdings(self._connection)
        # The submission whose rows may go the short way, its key, and its statements' leaves.
        self._cleared: int | None = None
        self._kid, self._hashes = "", b""

    def take(self, batch: Sequence[RecordRow]) -> None:
        """Check the records of a batch."""
        at = 0
        while at < len(batch):
            end = self._run_end(batch, at)
            if end > at:
                self._take_run(batch[at:end])
            else:
                self._look(batch[at])
            at = max(end, at + 1)

    def _run_end(self, batch: Sequence[RecordRow], at: int) -> int:
        """Return where the run of private records ends that rest on the cleared submission, or on none."""
        topics, submission = self._short, batch[at][8]
        if submission is None:
            topics = self._short_consequences
        elif submission != self._cleared:
            return at
        while at < len(batch) and batch[at][8] == submission and batch[at][3] in topics:
            at += 1
        return at

    def _take_run(self, run: Sequence[RecordRow]) -> None:
        opened = self._open_parts(run)
        if opened is None and len(run) == 1:
            self._look(run[0])
        elif opened is None:
            self._take_run(run[: len(run) // 2])
            self._take_run(run[len(run) // 2 :])
        else:
            self.holdings.take_run(run, opened)
            if run[0][8] is not None:
                self._submissions.count_standing(self._kid, [row[0] for row in run])

    def _open_parts(self, run: Sequence[RecordRow]) -> list[list[Any]] | None:
        """Return the open parts of a run of records about which everything holds, else None."""
        positions, streams, _, topics, states, _, entries, _, _, _, gone = zip(*run, strict=True)
        packed = Packer().pack
        try:
            parts = list(map(unpackb, states))
            opens, claims, sealed_commits, _ = zip(*parts, strict=True)
            bodies = [one[SALT_BYTES:] for one in opens]
            opened = list(map(unpackb, bodies))
            as_of = list(map(_as_of, opened))
            holds = (
                list(entries) == _entries(run, parts, self._statement_commits(run, opens))
                and states == tuple(map(packed, parts))
                and bodies == list(map(packed, opened))
                and list(map(check, opened)).count(None) == len(opened)
                and list(map(len, opened)) == [_SHORT[topic][1] for topic in topics]
                and list(map(_class_version, opened)) == [_SHORT[topic][2] for topic in topics]
                and {HASH_BYTES}.issuperset(map(len, (*claims, *sealed_commits)))
                and {UUID_BYTES}.issuperset(map(len, streams))
                and min(as_of) >= self._decided_after(run[0])
                and all(map(lt, as_of, positions))
                and gone.count(None) == len(gone)
                and not self._outline.disposals.any_between(positions[0], positions[-1])
            )
        except Exception:  # noqa: BLE001 - whatever it was, the plain checks will say
            return None
        return opened if holds else None

    def _statement_commits(self, run: Sequence[RecordRow], opens: Sequence[bytes]) -> _Commits:
        """Return the commitments to the statements of a run; raises where one is not there."""
        places, hashes = [row[9] for row in run], self._hashes
        if run[0][8] is None:
            if places.count(None) != len(places):
                raise Corrupt("a row without a submission", code="submission")
            return [NO_STATEMENT] * len(run)
        leaves = [hashes[HASH_BYTES * place : HASH_BYTES * (place + 1)] for place in places]  # type: ignore[operator]
        if min(places) < 0 or not {HASH_BYTES}.issuperset(map(len, leaves)):  # type: ignore[type-var, operator]
            raise Corrupt("a row that the submission does not have", code="submission")
        return [
            sha256(_COMMIT + sha256(_BLIND + opening[:SALT_BYTES]).digest() + leaf).digest()
            for opening, leaf in zip(opens, leaves, strict=True)
        ]

    def _decided_after(self, row: RecordRow) -> int:
        """Return the newest position that the decision behind a private record must have known."""
        return 0 if row[8] is None else self._submissions.decided_after()

    # -------------------------------------------------------------- the plain way

    def _look(self, row: RecordRow) -> None:
        record = stored(row)
        where = f"record {record.position}"
        if row[10] in _NOT_CHECKABLE:
            # Whatever submission was cleared by then stays so: nothing changes with such a row.
            with self._report.at(where):
                self._check_gone(record)
            return
        self._cleared = None
        if self._outline.disposals.account_for(record.position):
            self._report.add("disposal", where, "is there, and a disposal says that it is cleared")
        with self._report.at(where):
            held = self._submissions.check(record)
            if held is not None:
                self._cleared, self._kid, self._hashes = record.submission, held.kid, held.leaf_hashes
        with self._report.at(where):
            self._submissions.check_ruling(record)
        with self._report.at(where):
            check_record(record, self._leaves.of(record))
            self._check_when_decided(row, record)
        self._submissions.follow(row)
        with self._report.at(where):
            self.holdings.follow(record)

    def _check_when_decided(self, row: RecordRow, record: StoredRecord) -> None:
        """Check that a private record was decided before it stood there, and on the register as it was."""
        if EVENTS[record.topic].PRIVACY is PUBLIC:
            return  # looked at with its ruling
        as_of = _as_of(unpack_canonical(private_state(record.state or b"").open_bytes[SALT_BYTES:]))
        if not self._decided_after(row) <= as_of < record.position:
            raise Corrupt("was decided on a register that had changed meanwhile", code="ruling")

    def _check_gone(self, record: StoredRecord) -> None:
        """Count a record whose content is gone: position, entry and leaf are there, and no more.

        A restore gave it up, or a disposal cleared it.
        """
        outline, marked = self._outline, f"marked as {record.gone}"
        lost = record.gone == text(LOST)
        accounted = outline.accounted if lost else outline.disposals.account_for
        if not accounted(record.position):
            raise Corrupt(f"{marked}, and nothing accounts for it", code="gone")
        left = (record.stream, record.version, record.topic, record.state, record.submission, record.row)
        if left != (b"", record.position, "", None, None, None):
            raise Corrupt(f"{marked}, and something of it is left", code="gone")
        if record.entry[:1] != PRIVATE_ENTRY or len(record.entry) != _PRIVATE_ENTRY_BYTES:
            raise Corrupt(f"{marked}, and its entry is that of no private record", code="gone")
        self._report.lost += lost
        self._report.redacted += not lost
        self._report.not_checkable += 1


def _entries(run: Sequence[RecordRow], parts: Sequence[Sequence[bytes]], commits: _Commits) -> list[bytes]:
    """Return the entries that the stored parts of a run make, with these commitments to statements."""
    return [
        PRIVATE_ENTRY
        + sha256(
            _ENTRY
            + row[5].to_bytes(8, "big")
            + commit
            + sha256(_OPEN + row[1] + row[2].to_bytes(4, "big") + _SHORT[row[3]][0] + opening).digest()
            + claims
            + sealed_commit
            + sha256(_CIPHERTEXT + sealed).digest()
        ).digest()
        for row, (opening, claims, sealed_commit, sealed), commit in zip(run, parts, commits, strict=True)
    ]


def check_record(record: StoredRecord, leaf: bytes | None) -> None:
    """Raise Corrupt unless the stored state is canonical, whole, and makes the entry in the log."""
    if record.gone is not None:
        raise Corrupt("marked as gone, and nothing accounts for it", code="gone")
    if record.state is None:
        raise Corrupt("has no state, and nothing accounts for it", code="gone")
    check_encoding(record)
    if entry_of(record, leaf) != record.entry:
        raise Corrupt("what is stored does not make the entry in the log", code="entry")


def check_encoding(record: StoredRecord) -> None:
    """Raise Corrupt unless the stored state is the one canonical encoding of its class's fields."""
    event_class = EVENTS.get(record.topic)
    if event_class is None:
        raise Corrupt("has an unknown topic", code="topic")
    values = unpack_canonical(record.state or b"")
    if event_class.PRIVACY is PUBLIC:
        opened, head = values[0], len(PUBLIC_HEAD)
    else:
        opened = unpack_canonical(private_state(record.state or b"").open_bytes[SALT_BYTES:])
        head = len(PRIVATE_HEAD)
    # A record is held to the version of its class that it was stored under.
    declared = declared_in(event_class, opened[0] if opened else None)
    if declared is None or len(opened) != head + len(declared.OPEN):
        raise Corrupt("does not have the fields of its class", code="fields")
