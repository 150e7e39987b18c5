"""Organisations and the roles they hold from one day to another."""

from datetime import date, datetime
from typing import NamedTuple, Self
from uuid import UUID

from ledger.domain.base import Created, LedgerAggregate, PublicEvent

PROVIDER, DEVELOPER, SSB = "provider", "developer", "ssb"


class Role(NamedTuple):
    """A role and the days it holds: from `valid_from` to `ended_on`, both included."""

    role: str
    valid_from: date
    ended_on: date | None
    transitional: bool
    basis: str | None

    def on(self, day: date) -> bool:
        """Return whether the role holds on that day."""
        return self.valid_from <= day and (self.ended_on is None or day <= self.ended_on)


class OrganisationRegistered(Created, PublicEvent):
    """An organisation is known here, by its number, a body code, or both."""

    TOPIC = "organisation.registered"
    OPEN = ("number", "body", "kind", "name_en", "name_mi", "valid_from")

    number: int | None
    body: str | None
    kind: str
    name_en: str
    name_mi: str | None
    valid_from: date

    def apply(self, aggregate: "Organisation") -> None:
        """Set who it is; it holds no role yet."""
        aggregate.number = self.number
        aggregate.body = self.body
        aggregate.kind = self.kind
        aggregate.name_en = self.name_en
        aggregate.name_mi = self.name_mi
        aggregate.valid_from = self.valid_from
        aggregate.roles = ()


class OrganisationRoleGranted(PublicEvent):
    """An organisation may act as provider, developer or standard-setting body from a day on.

    transitional: a standard-setting body hosts work-based learning for a while (rule R17's exception).
    """

    TOPIC = "organisation.role_granted"
    OPEN = ("role", "valid_from", "basis", "transitional")

    role: str
    valid_from: date
    basis: str | None
    transitional: bool

    def apply(self, aggregate: "Organisation") -> None:
        """Add the role, open-ended."""
        granted = Role(self.role, self.valid_from, None, self.transitional, self.basis)
        aggregate.roles = (*aggregate.roles, granted)


class OrganisationRoleEnded(PublicEvent):
    """A role held for the last time on `ended_on`."""

    TOPIC = "organisation.role_ended"
    OPEN = ("role", "ended_on", "reason")

    role: str
    ended_on: date
    reason: str | None

    def apply(self, aggregate: "Organisation") -> None:
        """Close every open period of that role."""
        aggregate.roles = tuple(
            held._replace(ended_on=self.ended_on)
            if held.role == self.role and held.ended_on is None
            else held
            for held in aggregate.roles
        )


class Organisation(LedgerAggregate):
    """A body of the system. Stream: `organisation|<number, else body>`."""

    TOPIC = "organisation"
    BEGINS = (OrganisationRegistered,)

    number: int | None
    body: str | None
    kind: str
    name_en: str
    name_mi: str | None
    valid_from: date
    roles: tuple[Role, ...]

    @property
    def label(self) -> str:
        """Return how statements name it: the number as text, else the body code."""
        return str(self.number) if self.number is not None else str(self.body)

    def role_on(self, role: str, day: date) -> Role | None:
        """Return the role in force on that day, or None."""
        for held in self.roles:
            if held.role == role and held.on(day):
                return held
        return None

    def open_role(self, role: str) -> Role | None:
        """Return the role while no end of it is recorded, or None."""
        return next((held for held in self.roles if held.role == role and held.ended_on is None), None)

    @classmethod
    def provisional(cls, stream: UUID, number: int, name: str, timestamp: datetime) -> Self:
        """Return the registrar as the founding names it, before it is registered: no event, no role.

        Whoever signs position 1, and the registration of the registrar itself, acts as this.
        """
        made = cls.__new__(cls)
        made.__base_init__(stream, 0, timestamp)
        made.number, made.body, made.kind = number, None, "nzqa"
        made.name_en, made.name_mi = name, None
        made.valid_from, made.roles = timestamp.date(), ()
        return made
