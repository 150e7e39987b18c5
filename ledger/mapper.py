"""Domain event to stored record and back; the only place that seals and opens the registry."""

from dataclasses import dataclass

from eventsourcing.persistence import Notification, StoredEvent


@dataclass(frozen=True)
class LedgerStoredEvent(StoredEvent):
    """A record on its way to the store, or back from it.

    On the way in the mapper fills `public`, `authority`, the five commitments (private records only),
    `row` (the statement's place in its submission) and leaves `recorded_at_us` None.
    On the way out the recorder fills `recorded_at_us`; commitments are not read back.
    """

    recorded_at_us: int | None = None
    public: bool = False
    authority: bool = False
    row: int | None = None
    statement_commit: bytes = b""
    open_commit: bytes = b""
    claims_commit: bytes = b""
    sealed_commit: bytes = b""
    ciphertext_hash: bytes = b""


@dataclass(frozen=True)
class LedgerNotification(Notification):
    """A stored record with its position (`id`)."""

    recorded_at_us: int = 0
