"""Status lists as the public log knows them: the digest of their bits, whenever those change."""

from typing import Any

from ledger.domain.base import Created, LedgerAggregate, PublicEvent


class StatusListChanged(Created, PublicEvent):
    """The bits of an issuer's status list are others than before; a list that is opened begins here.

    The ledger records it; nobody makes a statement. Two lists for one moment with other bits than
    these are a fault that anybody can show.

    issuer: number of the provider. status_list: number of the list, from 1.
    bits_sha256: 32 bytes, SHA-256 of the list's bits, not compressed.
    as_at: position of the newest record that the bits take in.

    Source: LEDGER.md 5 (status digests), CREDENTIALS.md 5.
    """

    TOPIC = "status_list.changed"
    AUTHORITY = False  # no decision rests on it
    CONSEQUENCE = True
    OPEN = ("issuer", "status_list", "bits_sha256", "as_at")

    issuer: int
    status_list: int
    bits_sha256: bytes
    as_at: int

    def mutate(self, aggregate: Any) -> Any:
        """Begin the stream, or go on with it."""
        return super().mutate(None) if aggregate is None else PublicEvent.mutate(self, aggregate)

    def apply(self, aggregate: "StatusList") -> None:
        """Set the bits' digest."""
        aggregate.issuer, aggregate.status_list = self.issuer, self.status_list
        aggregate.bits_sha256, aggregate.as_at = self.bits_sha256, self.as_at


class StatusList(LedgerAggregate):
    """One status list. Stream: `status_list|<issuer number>|<list number>`."""

    TOPIC = "status_list"
    BEGINS = (StatusListChanged,)

    issuer: int
    status_list: int
    bits_sha256: bytes
    as_at: int
