"""One record at a time: its encoding, its entry and its instant."""

from collections.abc import Sequence

from ledger.audit.report import Report
from ledger.database import Connection
from ledger.domain.base import PUBLIC
from ledger.domain.registry import EVENTS
from ledger.encoding.msgpack import unpack_canonical
from ledger.errors import Corrupt
from ledger.mapper import PRIVATE_HEAD, PUBLIC_HEAD, SALT_BYTES, private_state
from ledger.store.readback import StatementLeaves, StoredRecord, entry_of


class RecordChecks:
    """Canonical encoding, entry from stored state, instants in order, versions without gaps."""

    def __init__(self, connection: Connection, report: Report) -> None:
        self._report = report
        self._leaves = StatementLeaves(connection)
        self._last_us = 0
        for stream, lowest, highest, count in connection.execute(
            "SELECT stream, MIN(version), MAX(version), COUNT(*) FROM record GROUP BY stream"
            " HAVING MIN(version) <> 1 OR MAX(version) <> COUNT(*)"
        ):
            report.add(
                "versions", f"stream {stream.hex()}", f"versions {lowest} to {highest} in {count} records"
            )

    def take(self, batch: Sequence[StoredRecord]) -> None:
        """Check the records of a batch."""
        for record in batch:
            if record.recorded_at_us < self._last_us:
                self._report.add("recorded-at", _where(record), "recorded before the record ahead of it")
            self._last_us = max(self._last_us, record.recorded_at_us)
            with self._report.at(_where(record)):
                self._check(record)

    def _check(self, record: StoredRecord) -> None:
        if record.gone is not None:
            raise Corrupt("marked as gone, and nothing accounts for it", code="gone")
        if record.state is None:
            raise Corrupt("has no state, and nothing accounts for it", code="gone")
        check_encoding(record)
        if entry_of(record, self._leaves.of(record)) != record.entry:
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


def _where(record: StoredRecord) -> str:
    return f"record {record.position}"
