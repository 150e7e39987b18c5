"""Keys of organisations. They count by the position of their records, never by a clock."""

from datetime import date, datetime
from typing import Any, Self
from uuid import UUID

from ledger.domain.base import Created, LedgerAggregate, PublicEvent

Ranges = tuple[tuple[int, int], ...]  # first and last position, both included; ascending and apart


class KeyRegistered(Created, PublicEvent):
    """An organisation's key may be used for these purposes by records after this one.

    kid: RFC 7638 thumbprint. jwk: the public key as JCS text. custody: `own` or `delegated`.
    not_before: a date for people; validity counts by position.
    """

    TOPIC = "key.registered"
    OPEN = ("kid", "organisation", "jwk", "purposes", "custody", "not_before")

    kid: str
    organisation: UUID
    jwk: str
    purposes: tuple[Any, ...]
    custody: str
    not_before: date

    def apply(self, aggregate: "Key") -> None:
        """Set what the key is and whose."""
        aggregate.kid = self.kid
        aggregate.organisation = self.organisation
        aggregate.jwk = self.jwk
        aggregate.purposes = frozenset(self.purposes)
        aggregate.custody = self.custody
        aggregate.not_before = self.not_before
        aggregate.retired_from = None
        aggregate.revoked_for = None
        aggregate.suspected_from = None
        aggregate.reaffirmed = ()
        aggregate.annulled = ()


class KeyRetired(PublicEvent):
    """A key is used no longer; what it signed before stays valid for ever."""

    TOPIC = "key.retired"
    OPEN = ("retired_from",)

    retired_from: date

    def apply(self, aggregate: "Key") -> None:
        """Mark the key as retired."""
        aggregate.retired_from = self.retired_from


class KeyRevoked(PublicEvent):
    """A key counts no longer; once more for the same key, it moves the suspicion to an earlier position.

    suspected_from: position from which on somebody else may have used it; what it signed there and
        later is suspect until it is reaffirmed or annulled. None where nobody else had it.
    """

    TOPIC = "key.revoked"
    OPEN = ("reason", "suspected_from")

    reason: str
    suspected_from: int | None

    def apply(self, aggregate: "Key") -> None:
        """Mark the key as revoked."""
        aggregate.revoked_for = self.reason
        aggregate.suspected_from = self.suspected_from


class KeyReaffirmed(PublicEvent):
    """What a suspected key signed at positions `first` to `last`, both included, was its own."""

    TOPIC = "key.reaffirmed"
    OPEN = ("first", "last")

    first: int
    last: int

    def apply(self, aggregate: "Key") -> None:
        """Note the positions; what was annulled among them is no longer."""
        aggregate.reaffirmed = _with(aggregate.reaffirmed, self.first, self.last)
        aggregate.annulled = _without(aggregate.annulled, self.first, self.last)


class KeyAnnulled(PublicEvent):
    """What a suspected key signed at positions `first` to `last`, both included, its organisation never said.

    The records stay where they are; they count for nothing.
    """

    TOPIC = "key.annulled"
    OPEN = ("first", "last")

    first: int
    last: int

    def apply(self, aggregate: "Key") -> None:
        """Note the positions; what was reaffirmed among them is no longer."""
        aggregate.annulled = _with(aggregate.annulled, self.first, self.last)
        aggregate.reaffirmed = _without(aggregate.reaffirmed, self.first, self.last)


def _with(ranges: Ranges, first: int, last: int) -> Ranges:
    return tuple(sorted((*_without(ranges, first, last), (first, last))))


def _without(ranges: Ranges, first: int, last: int) -> Ranges:
    """Return what is left of ranges of positions, both ends included, when another is taken out."""
    left = [(begin, min(end, first - 1)) for begin, end in ranges if begin < first]
    right = [(max(begin, last + 1), end) for begin, end in ranges if end > last]
    return tuple(sorted({*left, *right}))


class Key(LedgerAggregate):
    """A registered public key. Stream: `key|<thumbprint>`."""

    TOPIC = "key"
    BEGINS = (KeyRegistered,)

    kid: str
    organisation: UUID
    jwk: str
    purposes: frozenset[str]
    custody: str
    not_before: date
    retired_from: date | None
    revoked_for: str | None
    suspected_from: int | None
    reaffirmed: Ranges
    annulled: Ranges

    @classmethod
    def of_founding(
        cls,
        stream: UUID,
        named: tuple[str, str],
        organisation: UUID,
        purposes: tuple[str, ...],
        founded: datetime,
    ) -> Self:
        """Return a key that the founding itself registered: its stream begins with its first change.

        `named`: its thumbprint, and its JWK as JCS text.
        """
        made = cls.__new__(cls)
        made.__base_init__(stream, 0, founded)
        made.organisation, (made.kid, made.jwk) = organisation, named
        made.purposes, made.custody, made.not_before = frozenset(purposes), "own", founded.date()
        made.retired_from = made.revoked_for = made.suspected_from = None
        made.reaffirmed = made.annulled = ()
        return made

    @property
    def ended(self) -> bool:
        """Return whether the key was retired or revoked."""
        return self.retired_from is not None or self.revoked_for is not None
