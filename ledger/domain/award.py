"""A learner's holding of a micro-credential: in force, or revoked."""

from datetime import date
from typing import Any
from uuid import UUID

from ledger.domain.base import Created, LedgerAggregate, PrivateEvent

IN_FORCE, REVOKED = "in_force", "revoked"


class MicrocredentialAwarded(Created, PrivateEvent):
    """An organisation conferred a micro-credential on a learner.

    results: ((outcome, grade, method), …), the ones that counted, in listed order.
    name: the learner's, as on record that day; the ledger vouches for it, not the provider.
    """

    TOPIC = "microcredential.awarded"
    OPEN = (
        "enrolment",
        "code",
        "version",
        "level",
        "credits",
        "completed_on",
        "conferred_on",
        "awarded_by",
        "basis",
        "language",
        "funding",
        "results",
        "status_list",
        "status_index",
        "credential_id",
    )
    SEALED = ("name", "basis_reason")
    SHOWS = (
        "micro_credential",
        "version",
        "level",
        "credits",
        "completed_on",
        "conferred_on",
        "awarded_by",
        "language",
        "name",
    )

    enrolment: UUID
    code: str
    version: int
    level: int
    credits: int
    completed_on: date
    conferred_on: date
    awarded_by: int
    basis: str
    language: str
    funding: str
    results: tuple[Any, ...]
    status_list: int
    status_index: int
    credential_id: UUID
    name: str
    basis_reason: str | None

    def apply(self, aggregate: "Award") -> None:
        """Set what was awarded; the name stays sealed."""
        aggregate.learner = self.subject
        for field in self.OPEN:
            # On an aggregate `version` is the library's: the length of the stream.
            setattr(aggregate, "mc_version" if field == "version" else field, getattr(self, field))
        aggregate.state = IN_FORCE
        aggregate.revoked_from = None

    def shown(self) -> tuple[tuple[str, str], ...]:
        """Return the claims of LEDGER.md 3, as text, in SHOWS order."""
        texts = (
            self.code,
            str(self.version),
            str(self.level),
            str(self.credits),
            self.completed_on.isoformat(),
            self.conferred_on.isoformat(),
            str(self.awarded_by),
            self.language,
            self.name,
        )
        return tuple(zip(self.SHOWS, texts, strict=True))


class AwardRevoked(PrivateEvent):
    """An award counts no longer from `effective_on`."""

    TOPIC = "award.revoked"
    OPEN = ("reason", "effective_on", "revoked_by")

    reason: str
    effective_on: date
    revoked_by: int

    def apply(self, aggregate: "Award") -> None:
        """Mark the award as revoked; it stays on record."""
        aggregate.state = REVOKED
        aggregate.revoked_from = self.effective_on


class Award(LedgerAggregate):
    """One conferral. Stream: uuid5(enrolment, `award|<ordinal>`), see `ids.award_id`."""

    TOPIC = "award"
    BEGINS = (MicrocredentialAwarded,)

    learner: UUID
    enrolment: UUID
    code: str
    mc_version: int
    level: int
    credits: int
    completed_on: date
    conferred_on: date
    awarded_by: int
    basis: str
    language: str
    funding: str
    results: tuple[tuple[str, str, str], ...]
    status_list: int
    status_index: int
    credential_id: UUID
    state: str
    revoked_from: date | None
