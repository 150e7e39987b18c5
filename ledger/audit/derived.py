"""What is derived: values that may be held once, the newest authority record, the schema itself."""

from collections.abc import Iterator, Sequence
from uuid import UUID

from ledger import database
from ledger.audit.report import Report
from ledger.database import Connection
from ledger.domain.claims import claims_of
from ledger.domain.registry import EVENTS
from ledger.mapper import LedgerMapper
from ledger.store.readback import StoredRecord
from ledger.store.sqlite import SCHEMA, read_head

_EXPECTED = "CREATE TEMP TABLE expected (kind TEXT, key BLOB, position INTEGER, PRIMARY KEY (kind, key)) WITHOUT ROWID"


def check_schema(connection: Connection, report: Report) -> None:
    """Compare tables, indexes and triggers with ours: an append-only trigger may have been dropped."""
    fresh = database.in_memory()
    fresh.executescript(SCHEMA)
    if _schema(fresh) != _schema(connection):
        report.add(
            "schema", "schema", "tables, indexes or triggers are not the ledger's: something was altered"
        )
    fresh.close()


def _schema(connection: Connection) -> list[tuple[str, ...]]:
    rows = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'")
    return sorted(map(tuple, rows))


class DerivedChecks:
    """Rebuilds `taken` in a temporary table and compares, and finds the newest authority record."""

    def __init__(self, connection: Connection, report: Report) -> None:
        self._connection, self._report = connection, report
        self._mapper = LedgerMapper.for_reading()
        self._authority = 0
        connection.execute("DROP TABLE IF EXISTS temp.expected")
        connection.execute(_EXPECTED)

    def take(self, batch: Sequence[StoredRecord]) -> None:
        """Follow what the records of a batch take and free."""
        self._connection.execute("BEGIN")
        for record in batch:
            with self._report.at(f"record {record.position}"):
                self._take(record)
        self._connection.execute("COMMIT")

    def _take(self, record: StoredRecord) -> None:
        event_class = EVENTS.get(record.topic)
        if event_class is None or record.state is None:
            return
        if event_class.AUTHORITY:
            self._authority = record.position
        takes, frees = claims_of(self._mapper.to_domain_event(record.event), self._code_of)
        self._connection.executemany(
            "DELETE FROM temp.expected WHERE kind = ? AND key = ?", [(one.kind, one.key) for one in frees]
        )
        self._connection.executemany(
            "INSERT OR REPLACE INTO temp.expected VALUES (?,?,?)",
            [(one.kind, one.key, record.position) for one in takes],
        )

    def _code_of(self, stream: UUID) -> str:
        """Return the code of the award whose stream that is."""
        row = self._connection.execute(
            "SELECT position, stream, version, topic, state, recorded_at_us, entry, leaf, submission, row, gone"
            " FROM record WHERE stream = ? AND version = 1",
            (stream.bytes,),
        ).fetchone()
        code: str = self._mapper.to_domain_event(StoredRecord(*row).event).code
        return code

    def finish(self) -> None:
        """Compare, and clean up."""
        for kind, position in self._differences():
            self._report.add("taken", f"taken {kind}", f"is not what the records say at position {position}")
        with self._report.at("head"):
            if read_head(self._connection).authority != self._authority:
                self._report.add("head", "head", "the newest authority record is another")
        self._connection.execute("DROP TABLE temp.expected")

    def _differences(self) -> Iterator[tuple[str, int]]:
        yield from self._connection.execute(
            "SELECT kind, position FROM (SELECT kind, key, position FROM taken EXCEPT SELECT * FROM temp.expected)"
            " UNION SELECT kind, position FROM (SELECT * FROM temp.expected EXCEPT SELECT kind, key, position FROM taken)"
        )
