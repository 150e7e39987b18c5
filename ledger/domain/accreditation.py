"""A provider's permission to deliver, assess and award one micro-credential."""

from datetime import date
from typing import Any, NamedTuple

from ledger.domain.base import Created, LedgerAggregate, PublicEvent


class Grant(NamedTuple):
    """The versions a grant covers and its days: `valid_from` to `ended_on`, both included."""

    versions: tuple[int, ...]
    valid_from: date
    ended_on: date | None
    conditions: str | None

    def on(self, day: date) -> bool:
        """Return whether the grant holds on that day."""
        return self.valid_from <= day and (self.ended_on is None or day <= self.ended_on)


class AccreditationGranted(Created, PublicEvent):
    """A provider may deliver these versions from a day on.

    The first grant begins the stream; more versions, or a return after an end, follow on it.
    """

    TOPIC = "accreditation.granted"
    OPEN = ("provider", "code", "versions", "valid_from", "conditions")

    provider: int
    code: str
    versions: tuple[Any, ...]
    valid_from: date
    conditions: str | None

    def mutate(self, aggregate: Any) -> Any:
        """Begin the stream, or go on with it."""
        return super().mutate(None) if aggregate is None else PublicEvent.mutate(self, aggregate)

    def apply(self, aggregate: "Accreditation") -> None:
        """Add the grant to those before it."""
        aggregate.provider = self.provider
        aggregate.code = self.code
        before: tuple[Grant, ...] = getattr(aggregate, "grants", ())
        aggregate.grants = (*before, Grant(self.versions, self.valid_from, None, self.conditions))


class AccreditationEnded(PublicEvent):
    """A provider's permission held for the last time on `ended_on`, for every version."""

    TOPIC = "accreditation.ended"
    OPEN = ("ended_on", "reason")

    ended_on: date
    reason: str

    def apply(self, aggregate: "Accreditation") -> None:
        """Close every grant that was open."""
        aggregate.grants = tuple(
            grant._replace(ended_on=self.ended_on) if grant.ended_on is None else grant
            for grant in aggregate.grants
        )


class Accreditation(LedgerAggregate):
    """What one provider was ever granted for one code. Stream: `accreditation|<provider>|<code>`."""

    TOPIC = "accreditation"
    BEGINS = (AccreditationGranted,)

    provider: int
    code: str
    grants: tuple[Grant, ...]

    def covers(self, version: int, day: date) -> bool:
        """Return whether that version might be delivered on that day."""
        return any(version in grant.versions and grant.on(day) for grant in self.grants)

    def open_versions(self) -> frozenset[int]:
        """Return the versions whose grant has no end recorded."""
        return frozenset(v for grant in self.grants if grant.ended_on is None for v in grant.versions)
