"""What deciding needs of the store."""

from collections.abc import Iterable, Sequence
from typing import Protocol
from uuid import UUID

from eventsourcing.persistence import StoredEvent

from ledger.mapper import LedgerNotification


class Loads(Protocol):
    """What deciding needs of the store."""

    def select_streams(self, streams: Iterable[UUID]) -> dict[UUID, list[StoredEvent]]:
        """Return the records of many streams, each oldest first."""
        ...

    def taken(self, kind: str, keys: Sequence[bytes]) -> dict[bytes, LedgerNotification]:
        """Return which record holds each of these values."""
        ...

    def taken_count(self, kind: str, prefix: bytes) -> int:
        """Return how many values of a kind begin with `prefix`."""
        ...
