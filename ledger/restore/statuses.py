"""Status lists after a loss: those whose published bits the records that are left do not make.

A revocation is a private record; only the digest of the bits that it set was ever public. Where the
newest digest that was lost and read back is not that of the bits that can be made now, revocations
were lost: which ones nobody can say but whoever revoked, and until they are said again what was
revoked counts.

Source: LEDGER.md 5 (status digests, `restore --accept-lost`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Self
from uuid import UUID

from ledger.deciding.slots import STATUS_LIST_SIZE
from ledger.domain.award import AwardRevoked, MicrocredentialAwarded
from ledger.domain.disposal import StreamsDisposed
from ledger.domain.status_list import StatusListChanged
from ledger.keys.keyring import Keyring
from ledger.mapper import LedgerMapper, LedgerNotification
from ledger.standing import Standings
from ledger.store.sqlite import LedgerRecorder

_REVOKED = (
    "SELECT v.position, a.stream, a.version, a.topic, a.state, a.position, a.recorded_at_us FROM record v"
    " JOIN record a ON a.stream = v.stream AND a.version = 1 WHERE v.topic = ? AND v.gone IS NULL"
)

_DISPOSED = "SELECT stream, version, topic, state, position, recorded_at_us FROM record WHERE topic = ?"


@dataclass(frozen=True, slots=True)
class LostRevocations:
    """A status list of which revocations are lost, and the position of the digest that shows it."""

    issuer: int
    status_list: int
    position: int

    @classmethod
    def of(cls, change: StatusListChanged, position: int) -> Self:
        """Return the loss that a published digest shows."""
        return cls(change.issuer, change.status_list, position)

    def as_json(self) -> dict[str, Any]:
        """Return it as one JSON object: numbers."""
        return {"issuer": self.issuer, "status_list": self.status_list, "position": self.position}


def lost_revocations(
    store: LedgerRecorder, keyring: Keyring, changes: Iterable[tuple[int, StatusListChanged]]
) -> tuple[LostRevocations, ...]:
    """Return of which lists revocations are lost.

    Args:
        store: the records that are left; none was added about awards since.
        keyring: the keys with everything that is recorded, or was published: what they annulled is set too.
        changes: (position, record), ascending; of each list the newest counts.
    """
    newest = {(one.issuer, one.status_list): (position, one) for position, one in changes}
    if not newest:
        return ()
    mapper = LedgerMapper.for_reading()
    revoked = list(_revoked(store, mapper))
    annulled = [
        mapper.to_domain_event(one)
        for one in Standings(store, keyring).annulled(MicrocredentialAwarded.TOPIC)
    ]
    found = []
    for (issuer, number), (position, change) in sorted(newest.items()):
        by_word = {place for at, *which, place in revoked if which == [issuer, number] and at <= change.as_at}
        by_key = {
            one.status_index for one in annulled if (one.awarded_by, one.status_list) == (issuer, number)
        }
        # An annulment may be newer than the digest: with it or without it, the bits are whole.
        if change.bits_sha256 not in (_digest(by_word), _digest(by_word | by_key)):
            found.append(LostRevocations.of(change, position))
    return tuple(found)


def _revoked(store: LedgerRecorder, mapper: LedgerMapper) -> Iterable[tuple[int, int, int, int]]:
    """Yield (position of the revocation, issuer, list, index) of every award that is revoked.

    Of awards that were cleared the record of their disposal says so.
    """
    for at, stream, *award in store.database.reader.execute(_REVOKED, (AwardRevoked.TOPIC,)):
        event: Any = mapper.to_domain_event(LedgerNotification(UUID(bytes=stream), *award))
        yield at, event.awarded_by, event.status_list, event.status_index
    for record in store.database.reader.execute(_DISPOSED, (StreamsDisposed.TOPIC,)).fetchall():
        disposal: Any = mapper.to_domain_event(LedgerNotification(UUID(bytes=record[0]), *record[1:]))
        for slot in disposal.kept_slots():
            if slot.revoked_at is not None:
                yield slot.revoked_at, slot.issuer, slot.status_list, slot.place


def _digest(indexes: Iterable[int]) -> bytes:
    """Return the SHA-256 of a list's bits; bit 0 is the most significant one of the first byte."""
    bits = bytearray(STATUS_LIST_SIZE // 8)
    for index in indexes:
        bits[index // 8] |= 0x80 >> index % 8
    return sha256(bits).digest()
