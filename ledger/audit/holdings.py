"""Values that may be held once: what records take and free, beside the table that says who holds what."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Any
from uuid import UUID

from ledger.audit.report import Report
from ledger.audit.rows import BATCH, RecordRow, first_of, text
from ledger.database import Connection
from ledger.domain.award import MicrocredentialAwarded
from ledger.domain.claims import AWARD, ROW, SLOT, Claim, claims_of, slot_prefix
from ledger.domain.registry import EVENTS
from ledger.mapper import PRIVATE_HEAD, LedgerMapper
from ledger.store.readback import StoredRecord

_AWARD, _ROW, _SLOT = AWARD.encode(), ROW.encode(), SLOT.encode()
_FIELDS = (*PRIVATE_HEAD, *MicrocredentialAwarded.OPEN)
_SUBJECT, _ROW_KEY, _CODE, _AWARDED_BY, _LIST, _INDEX = map(
    _FIELDS.index, ("subject", "row_key", "code", "awarded_by", "status_list", "status_index")
)
_AWARDED = MicrocredentialAwarded.TOPIC.encode()
Holding = tuple[int, bytes, bytes]  # position, kind, key
_position = itemgetter(0)


class Holdings:
    """What some of the records take and free, in order of position."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._mapper = LedgerMapper.for_reading()
        self.takes: list[Holding] = []
        self.frees: list[Holding] = []

    def take_run(self, run: Sequence[RecordRow], opened: Sequence[Sequence[Any]]) -> None:
        """Note what private records take that free nothing, from their rows and open parts."""
        takes = self.takes
        for row, values in zip(run, opened, strict=True):
            if row[3] == _AWARDED:
                slot = slot_prefix(values[_AWARDED_BY], values[_LIST]) + values[_INDEX].to_bytes(4, "big")
                award = values[_SUBJECT] + values[_CODE].encode()
                takes += ((row[0], _AWARD, award), (row[0], _ROW, values[_ROW_KEY]), (row[0], _SLOT, slot))
            elif values[_ROW_KEY] is not None:
                takes.append((row[0], _ROW, values[_ROW_KEY]))

    def follow(self, record: StoredRecord) -> None:
        """Note what a record takes and frees."""
        if record.topic not in EVENTS or record.state is None:
            return
        takes, frees = claims_of(self._mapper.to_domain_event(record.event), self._code_of)
        self.takes += _held(record.position, takes)
        self.frees += _held(record.position, frees)

    def _code_of(self, stream: UUID) -> str:
        """Return the code of the award whose stream that is."""
        code: str = self._mapper.to_domain_event(first_of(self._connection, stream).event).code
        return code


class TakenChecks:
    """Compares what records take and free with the rows of `taken`, in order of position.

    A row must stand at the record that took its value, unless a later record freed it.
    """

    def __init__(self, connection: Connection, report: Report, *, begin: int = 0) -> None:
        """Look at the rows of all records, or of those after position `begin`."""
        self._connection, self._report, self._begin = connection, report, begin
        self._awaiting: dict[tuple[bytes, bytes], int] = {}  # taken, not there: a later record must free it
        self._rows = connection.execute(
            "SELECT position, kind, key FROM taken WHERE ?1 = 0 OR position > ?1 ORDER BY position, kind",
            (begin,),
        )
        self._ahead: list[Holding] = self._rows.fetchmany(BATCH)

    def settle(self, takes: Sequence[Holding], frees: Sequence[Holding], last: int) -> None:
        """Compare what the next records, up to position `last`, take and free with the rows that say so."""
        rows = list(self._until(last))
        if rows != takes or frees:
            self._compare(set(rows), set(takes), frees)

    def _compare(self, there: set[Holding], taken: set[Holding], frees: Sequence[Holding]) -> None:
        for position, kind, _ in sorted(there - taken):
            self._add(kind, position, "is held, and that record does not take it")
        # In order of position; at one position what was taken before is freed before it is taken again.
        # Then by value: sets have no order, and a report has to be the same whoever made it.
        changes = [(*one, False) for one in taken - there] + [(*one, True) for one in frees]
        for position, kind, key, freed in sorted(changes, key=_in_order):
            if not freed:
                self._await(position, kind, key)
            elif self._awaiting.pop((kind, key), None) is None and not self._taken_of_old(kind, key):
                self._add(kind, position, "was freed by that record, and is held still")

    def _taken_of_old(self, kind: bytes, key: bytes) -> bool:
        """Whether a value that is freed can be one that a record took which is not looked at."""
        if not self._begin:
            return False
        row = self._connection.execute(
            "SELECT position FROM taken WHERE kind = ? AND key = ?", (text(kind), key)
        ).fetchone()
        return row is None or row[0] > self._begin

    def _until(self, last: int) -> Iterator[Holding]:
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
        """Check what is left over."""
        while self._ahead:
            self.settle((), (), self._ahead[-1][0])
        for (kind, _), position in self._awaiting.items():
            self._add(kind, position, "is taken by that record, and nobody holds it")

    def _add(self, kind: bytes, position: int, what: str) -> None:
        self._report.add("taken", f"taken {text(kind)}", f"position {position}: {what}")


def _in_order(change: tuple[int, bytes, bytes, bool]) -> tuple[int, bool, bytes, bytes]:
    position, kind, key, freed = change
    return position, not freed, kind, key


def _held(position: int, claims: Iterable[Claim]) -> list[Holding]:
    return [(position, claim.kind.encode(), claim.key) for claim in claims]
