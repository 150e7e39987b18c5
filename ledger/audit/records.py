"""One record after another: its statement, its encoding, its entry, its instant, what it takes.

Private records, nearly all there are, go a short way that answers only "everything holds" or not.
Whatever it does not say yes to is looked at again by the plain checks, which say what is wrong; so
the short way can miss nothing that they find, and tests compare the two.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from msgpack import Packer, unpackb

from ledger.audit.derived import TakenChecks
from ledger.audit.report import Report
from ledger.audit.rows import RecordRow, stored
from ledger.audit.submissions import SubmissionChecks
from ledger.database import Connection
from ledger.domain.award import AwardRevoked, MicrocredentialAwarded
from ledger.domain.base import PRIVATE, PUBLIC
from ledger.domain.registry import EVENTS
from ledger.encoding.msgpack import unpack_canonical
from ledger.errors import Corrupt
from ledger.mapper import HASH_BYTES, PRIVATE_HEAD, PUBLIC_HEAD, SALT_BYTES, private_state
from ledger.privacy.commitments import PRIVATE_ENTRY, tag
from ledger.store.readback import StatementLeaves, StoredRecord, entry_of

UUID_BYTES = 16
_ROW_KEY = PRIVATE_HEAD.index("row_key")
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
_AWARDED = MicrocredentialAwarded.TOPIC.encode()


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
        self._pack = Packer().pack
        for stream, lowest, highest, count in connection.execute(
            "SELECT stream, MIN(version), MAX(version), COUNT(*) FROM record GROUP BY stream"
            " HAVING MIN(version) <> 1 OR MAX(version) <> COUNT(*)"
        ):
            report.add(
                "versions", f"stream {stream.hex()}", f"versions {lowest} to {highest} in {count} records"
            )

    def take(self, batch: Sequence[RecordRow]) -> None:
        """Check the records of a batch."""
        topics, taken = self._short, self._taken
        for row in batch:
            position, topic, at_us, number, gone = row[0], row[3], row[5], row[8], row[10]
            kind = topics.get(topic)
            if kind is not None and number == self._cleared and at_us >= self._last_us and gone is None:
                opened = self._holds(row, *kind)
                if opened is not None:
                    self._last_us = at_us
                    if opened[_ROW_KEY] is not None:
                        taken.takes_row(position, opened[_ROW_KEY])
                    if topic == _AWARDED:
                        taken.takes_award(position, opened)
                    continue
            self._look(stored(row))

    def _holds(self, row: RecordRow, topic: bytes, fields: int, class_version: int) -> list[Any] | None:
        """Return the open part of a private record of which everything holds, None otherwise."""
        _, stream, version, _, state, at_us, entry, _, _, place, _ = row
        try:
            parts = unpackb(state)
            open_bytes, claims_commit, sealed_commit, sealed = parts
            opened = unpack_canonical(open_bytes[SALT_BYTES:])
            leaf = self._hashes[32 * place : 32 * place + 32]  # type: ignore[operator]
            blind = sha256(_BLIND + open_bytes[:SALT_BYTES]).digest()
            committed = b"".join(
                (
                    _ENTRY,
                    at_us.to_bytes(8, "big"),
                    sha256(_COMMIT + blind + leaf).digest(),
                    sha256(_OPEN + stream + version.to_bytes(4, "big") + topic + open_bytes).digest(),
                    claims_commit,
                    sealed_commit,
                    sha256(_CIPHERTEXT + sealed).digest(),
                )
            )
            holds = (
                entry == PRIVATE_ENTRY + sha256(committed).digest()
                and len(leaf) == len(claims_commit) == len(sealed_commit) == HASH_BYTES
                and place >= 0  # type: ignore[operator]
                and len(stream) == UUID_BYTES
                and len(opened) == fields
                and opened[0] == class_version
                and self._pack(parts) == state
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
