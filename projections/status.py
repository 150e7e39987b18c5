"""Status lists: which entries of an issuer's lists are revoked. Whose entry it is stays in here.

Source: CREDENTIALS.md 5 (the map from index to award is private).
"""

from dataclasses import dataclass
from typing import ClassVar

from ledger.domain.award import AwardRevoked, MicrocredentialAwarded
from ledger.domain.disposal import StreamsDisposed
from projections.base import Handlers, Updates, View, ViewProjection, Writes


@dataclass(frozen=True, slots=True)
class StatusList:
    """One list of an issuer: the indexes that are revoked, ascending.

    version: position of the record that changed the bits last, 0 while none is set: the same
    version, the same bits.
    """

    issuer: int
    number: int
    revoked: tuple[int, ...]
    version: int


class StatusView(View):
    """Which entry of which list an award has, and where it was revoked."""

    NAME = "status"
    VERSION = 2
    # Without an award: one that was cleared. Whose place it was nobody knows; it stays taken.
    SCHEMA = """
    CREATE TABLE {entry} (
      issuer INTEGER NOT NULL, list INTEGER NOT NULL, place INTEGER NOT NULL, award BLOB UNIQUE,
      revoked_at INTEGER, PRIMARY KEY (issuer, list, place)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX {entry}_revoked ON {entry} (issuer, list, place, revoked_at) WHERE revoked_at IS NOT NULL;
    """

    def lists(self) -> tuple[tuple[int, int], ...]:
        """Return the number of the issuer and of the list for every list that has an entry, in order."""
        with self.reading() as rows:
            found = rows.all("SELECT DISTINCT issuer, list FROM {entry} ORDER BY issuer, list")
        return tuple((issuer, number) for issuer, number in found)

    def status_list(self, issuer: int, number: int) -> StatusList | None:
        """Return a list as it stands, None when it has no entry."""
        key = (issuer, number)
        with self.reading() as rows:
            if rows.one("SELECT 1 FROM {entry} WHERE issuer = ? AND list = ? LIMIT 1", key) is None:
                return None
            found = rows.all(
                "SELECT place, revoked_at FROM {entry}"
                " WHERE issuer = ? AND list = ? AND revoked_at IS NOT NULL ORDER BY place",
                key,
            )
        return StatusList(
            issuer, number, tuple(place for place, _ in found), max((at for _, at in found), default=0)
        )

    def revoked_as_at(self, issuer: int, number: int, position: int) -> tuple[int, ...]:
        """Return the indexes that were revoked in a list when `position` was the newest record."""
        with self.reading() as rows:
            found = rows.all(
                "SELECT place FROM {entry} WHERE issuer = ? AND list = ? AND revoked_at <= ? ORDER BY place",
                (issuer, number, position),
            )
        return tuple(place for (place,) in found)

    def revoked(self, issuer: int, number: int) -> tuple[int, ...] | None:
        """Return the indexes that are revoked in a list, None when it has no entry."""
        found = self.status_list(issuer, number)
        return None if found is None else found.revoked


def _awarded(writes: Writes, _position: int, event: MicrocredentialAwarded) -> None:
    writes.insert("entry", event.awarded_by, event.status_list, event.status_index, event.originator_id, None)


def _revoked(writes: Writes, position: int, event: AwardRevoked) -> None:
    writes.update("revocation", position, event.originator_id)


def _disposed(writes: Writes, _position: int, event: StreamsDisposed) -> None:
    """Keep the places of awards that were cleared, and since when their bits are set."""
    for slot in event.kept_slots():
        writes.insert("entry", slot.issuer, slot.status_list, slot.place, None, slot.revoked_at)


class StatusProjection(ViewProjection):
    """Folds awards and revocations into bits."""

    VIEW = StatusView
    HANDLERS: ClassVar[Handlers] = {
        MicrocredentialAwarded: _awarded,
        AwardRevoked: _revoked,
        StreamsDisposed: _disposed,
    }
    UPDATES: ClassVar[Updates] = {
        "revocation": "UPDATE {entry} SET revoked_at = ? WHERE award = ?",
    }
