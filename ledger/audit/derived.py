"""What is derived: values that may be held once, the newest authority record, the schema itself."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Any
from uuid import UUID

from ledger import database
from ledger.audit.report import Report
from ledger.audit.rows import BATCH, RecordRow, first_of, text
from ledger.database import Connection
from ledger.domain.award import MicrocredentialAwarded
from ledger.domain.claims import AWARD, ROW, SLOT, Claim, claims_of, slot_prefix
from ledger.domain.registry import EVENTS
from ledger.mapper import PRIVATE_HEAD, LedgerMapper
from ledger.store.readback import StoredRecord
from ledger.store.sqlite import SCHEMA, read_head

_AWARD, _ROW, _SLOT = AWARD.encode(), ROW.encode(), SLOT.encode()
_FIELDS = (*PRIVATE_HEAD, *MicrocredentialAwarded.OPEN)
_SUBJECT, _ROW_KEY, _CODE, _AWARDED_BY, _LIST, _INDEX = map(
    _FIELDS.index, ("subject", "row_key", "code", "awarded_by", "status_list", "status_index")
)
_AWARDED = MicrocredentialAwarded.TOPIC.encode()
Held = tuple[int, bytes, bytes]  # position, kind, key
_position = itemgetter(0)


def check_schema(connection: Connection, report: Report) -> None:
    """Compare tables, indexes and triggers with ours: an append-only trigger may have been dropped."""
    fresh = database.in_memory()
    fresh.text_factory = bytes
    fresh.executescript(SCHEMA)
    if _schema(fresh) != _schema(connection):
        report.add(
            "schema", "schema", "tables, indexes or triggers are not the ledger's: something was altered"
        )
    fresh.close()


def _schema(connection: Connection) -> list[tuple[bytes, bytes, bytes]]:
    rows = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'")
    # How a statement is broken into lines means nothing.
    return sorted((kind, name, b" ".join(sql.split())) for kind, name, sql in rows)


class TakenChecks:
    """Follows what records take and free, beside the rows of `taken` in order of position.

    A row must stand at the record that took its value, unless a later record freed it.
    """

    def __init__(self, connection: Connection, report: Report) -> None:
        self._connection, self._report = connection, report
        self._mapper = LedgerMapper.for_reading()
        self._authority = 0
        self._takes: list[Held] = []
        self._frees: list[Held] = []
        self._awaiting: dict[tuple[bytes, bytes], int] = {}  # taken, not there: a later record must free it
        self._rows = connection.execute("SELECT position, kind, key FROM taken ORDER BY position, kind")
        self._ahead: list[Held] = self._rows.fetchmany(BATCH)

    def take_run(self, run: Sequence[RecordRow], opened: Sequence[Sequence[Any]]) -> None:
        """Note what private records take that free nothing, from their rows and open parts."""
        takes = self._takes
        for row, values in zip(run, opened, strict=True):
            if row[3] == _AWARDED:
                slot = slot_prefix(values[_AWARDED_BY], values[_LIST]) + values[_INDEX].to_bytes(4, "big")
                award = values[_SUBJECT] + values[_CODE].encode()
                takes += ((row[0], _AWARD, award), (row[0], _ROW, values[_ROW_KEY]), (row[0], _SLOT, slot))
            elif values[_ROW_KEY] is not None:
                takes.append((row[0], _ROW, values[_ROW_KEY]))

    def follow(self, record: StoredRecord) -> None:
        """Note what a record takes and frees."""
        event_class = EVENTS.get(record.topic)
        if event_class is None or record.state is None:
            return
        if event_class.AUTHORITY:
            self._authority = record.position
        takes, frees = claims_of(self._mapper.to_domain_event(record.event), self._code_of)
        self._takes += _held(record.position, takes)
        self._frees += _held(record.position, frees)

    def _code_of(self, stream: UUID) -> str:
        """Return the code of the award whose stream that is."""
        code: str = self._mapper.to_domain_event(first_of(self._connection, stream).event).code
        return code

    def settle(self, last: int) -> None:
        """Compare what the records up to position `last` take with the rows that say so."""
        rows = list(self._until(last))
        if rows != self._takes or self._frees:
            self._compare(set(rows), set(self._takes))
        self._takes, self._frees = [], []

    def _compare(self, there: set[Held], taken: set[Held]) -> None:
        for position, kind, _ in sorted(there - taken):
            self._add(kind, position, "is held, and that record does not take it")
        # In order of position; at one position what was taken before is freed before it is taken again.
        changes = [(*one, False) for one in taken - there] + [(*one, True) for one in self._frees]
        for position, kind, key, freed in sorted(changes, key=lambda change: (change[0], not change[3])):
            if freed and self._awaiting.pop((kind, key), None) is None:
                self._add(kind, position, "was freed by that record, and is held still")
            elif not freed:
                self._await(position, kind, key)

    def _until(self, last: int) -> Iterator[Held]:
        while self._ahead:
            end = bisect_right(self._ahead, last, key=_position)
            yield from self._ahead[:end]
            if end < len(self._ahead):
                self._ahead = self._ahead[end:]
                return
            self._ahead = self._rows.fetchmany(BATCH)

    def _await(self, position: int, kind: bytes, key: bytes) -> None:
        before = self._awaiting.get((kind, key))
        if before is not None:
            self._add(kind, before, "is taken by that record and again later, and never freed")
        self._awaiting[kind, key] = position

    def finish(self) -> None:
        """Check what is left over, and the newest authority record."""
        while self._ahead:
            self.settle(self._ahead[-1][0])
        for (kind, _), position in self._awaiting.items():
            self._add(kind, position, "is taken by that record, and nobody holds it")
        with self._report.at("head"):
            if read_head(self._connection).authority != self._authority:
                self._report.add("head", "head", "the newest authority record is another")

    def _add(self, kind: bytes, position: int, what: str) -> None:
        self._report.add("taken", f"taken {text(kind)}", f"position {position}: {what}")


def _held(position: int, claims: Iterable[Claim]) -> list[Held]:
    return [(position, claim.kind.encode(), claim.key) for claim in claims]
