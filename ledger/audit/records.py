"""One record after another: its statement, its encoding, its entry, its instant, what it takes.

Private records, nearly all there are, go a short way: a whole run of them is computed column by
column, and the answer is only "everything holds" or not. What it does not say yes to is halved
until it does, and the records that remain are looked at by the plain checks, which say what is
wrong. So the short way misses nothing that they find, and tests compare the two.
"""

from collections.abc import Sequence
from hashlib import sha256
from operator import itemgetter
from typing import Any

from msgpack import Packer, unpackb

from ledger.audit.derived import TakenChecks
from ledger.audit.report import Report
from ledger.audit.rows import RecordRow, stored
from ledger.audit.submissions import SubmissionChecks
from ledger.database import Connection
from ledger.domain.award import AwardRevoked
from ledger.domain.base import PRIVATE, PUBLIC
from ledger.domain.registry import EVENTS
from ledger.encoding.msgpack import check, unpack_canonical
from ledger.errors import Corrupt
from ledger.log.merkle import HASH_BYTES
from ledger.mapper import PRIVATE_HEAD, PUBLIC_HEAD, SALT_BYTES, private_state
from ledger.privacy.commitments import PRIVATE_ENTRY, tag
from ledger.store.readback import StatementLeaves, StoredRecord, entry_of

UUID_BYTES = 16
_BLIND, _COMMIT, _OPEN = tag("statement-blind"), tag("statement-commit"), tag("open")
_CIPHERTEXT, _ENTRY = tag("ciphertext"), tag("entry")
# Of a private record's topic: its length and text as they are hashed, fields of the open part, class version.
_SHORT = {
    topic.encode(): (
        len(topic).to_bytes(2, "big") + topic.encode(),
        len(PRIVATE_HEAD) + len(event_class.OPEN),
        event_class.class_version,
    )
    for topic, event_class in EVENTS.items()
    if event_class.PRIVACY is PRIVATE and event_class is not AwardRevoked  # which frees something
}


_class_version = itemgetter(0)


class RecordChecks:
    """Checks every record in order of position."""

    def __init__(
        self,
        connection: Connection,
        report: Report,
        submissions: SubmissionChecks,
        taken: TakenChecks,
        *,
        short: bool = True,
    ) -> None:
        """Check beside `submissions` and `taken`; without `short` everything goes the plain way."""
        self._report, self._submissions, self._taken = report, submissions, taken
        self._leaves = StatementLeaves(connection)
        self._short = _SHORT if short else {}
        self._last_us = 0
        # The submission whose rows may go the short way, and its statements' leaves.
        self._cleared: int | None = None
        self._hashes = b""
        for stream, lowest, highest, count in connection.execute(
            "SELECT stream, MIN(version), MAX(version), COUNT(*) FROM record GROUP BY stream"
            " HAVING MIN(version) <> 1 OR MAX(version) <> COUNT(*)"
        ):
            report.add(
                "versions", f"stream {stream.hex()}", f"versions {lowest} to {highest} in {count} records"
            )

    def take(self, batch: Sequence[RecordRow]) -> None:
        """Check the records of a batch."""
        at = 0
        while at < len(batch):
            end = self._run_end(batch, at)
            if end > at:
                self._take_run(batch[at:end])
            else:
                self._look(stored(batch[at]))
            at = max(end, at + 1)

    def _run_end(self, batch: Sequence[RecordRow], at: int) -> int:
        """Return where the run of private records that rest on the cleared submission ends."""
        cleared, topics = self._cleared, self._short
        while at < len(batch) and batch[at][8] == cleared and batch[at][3] in topics:
            at += 1
        return at

    def _take_run(self, run: Sequence[RecordRow]) -> None:
        opened = self._open_parts(run)
        if opened is None and len(run) == 1:
            self._look(stored(run[0]))
        elif opened is None:
            self._take_run(run[: len(run) // 2])
            self._take_run(run[len(run) // 2 :])
        else:
            self._last_us = run[-1][5]
            self._taken.take_run(run, opened)

    def _open_parts(self, run: Sequence[RecordRow]) -> list[list[Any]] | None:
        """Return the open parts of a run of records about which everything holds, else None."""
        _, streams, versions, topics, states, instants, entries, _, _, places, gone = zip(*run, strict=True)
        hashes, packed = self._hashes, Packer().pack
        try:
            parts = list(map(unpackb, states))
            opens, claims, sealed_commits, sealed = zip(*parts, strict=True)
            bodies = [one[SALT_BYTES:] for one in opens]
            opened = list(map(unpackb, bodies))
            leaves = [hashes[HASH_BYTES * place : HASH_BYTES * (place + 1)] for place in places]
            made = [
                sha256(
                    _ENTRY
                    + at_us.to_bytes(8, "big")
                    + sha256(_COMMIT + sha256(_BLIND + opening[:SALT_BYTES]).digest() + leaf).digest()
                    + sha256(
                        _OPEN + stream + version.to_bytes(4, "big") + _SHORT[topic][0] + opening
                    ).digest()
                    + claim
                    + sealed_commit
                    + sha256(_CIPHERTEXT + ciphertext).digest()
                ).digest()
                for at_us, stream, version, topic, opening, leaf, claim, sealed_commit, ciphertext in zip(
                    instants,
                    streams,
                    versions,
                    topics,
                    opens,
                    leaves,
                    claims,
                    sealed_commits,
                    sealed,
                    strict=True,
                )
            ]
            holds = (
                entries == tuple([PRIVATE_ENTRY + one for one in made])
                and states == tuple(map(packed, parts))
                and bodies == list(map(packed, opened))
                and list(map(check, opened)).count(None) == len(opened)
                and list(map(len, opened)) == [_SHORT[topic][1] for topic in topics]
                and list(map(_class_version, opened)) == [_SHORT[topic][2] for topic in topics]
                and {HASH_BYTES}.issuperset(map(len, (*leaves, *claims, *sealed_commits)))
                and {UUID_BYTES}.issuperset(map(len, streams))
                and min(places) >= 0
                and self._last_us <= instants[0]
                and list(instants) == sorted(instants)
                and gone.count(None) == len(gone)
            )
        except Exception:  # noqa: BLE001 - whatever it was, the plain checks will say
            return None
        return opened if holds else None

    # -------------------------------------------------------------- the plain way

    def _look(self, record: StoredRecord) -> None:
        where = f"record {record.position}"
        if record.recorded_at_us < self._last_us:
            self._report.add("recorded-at", where, "recorded before the record ahead of it")
        self._last_us = max(self._last_us, record.recorded_at_us)
        self._cleared = None
        with self._report.at(where):
            held = self._submissions.check(record)
            if held is not None:
                self._cleared, self._hashes = record.submission, held.leaf_hashes
        with self._report.at(where):
            check_record(record, self._leaves.of(record))
        self._follow(record)

    def _follow(self, record: StoredRecord) -> None:
        with self._report.at(f"record {record.position}"):
            self._taken.follow(record)


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
    if len(opened) != head + len(event_class.OPEN) or opened[0] != event_class.class_version:
        raise Corrupt("does not have the fields of its class", code="fields")
