"""Micro-credentials as listed: one stream per code and version."""

from datetime import date
from typing import Any

from ledger.domain.base import Created, LedgerAggregate, PublicEvent

CURRENT, EXPIRING, DISCONTINUED = "current", "expiring", "discontinued"


class MicrocredentialRegistered(Created, PublicEvent):
    """A version of a micro-credential is on the register, status current, from `listed_on`.

    outcomes: ((id, text, ((standard number, version), …)), …) in the order they are listed.
    developer: number or body code as text. support: (outcome, body, date as text) of the
    standard-setting body's answer, None where no rule asked for it.
    review_due: listed_on plus the review period, clamped to the end of the month.
    """

    TOPIC = "microcredential.registered"
    OPEN = (
        "code",
        "version",
        "title",
        "purpose",
        "relevance",
        "level",
        "credits",
        "nzsced",
        "outcomes",
        "assessment",
        "developer",
        "qa_approach",
        "review_months",
        "listed_on",
        "pathways",
        "languages",
        "support",
        "review_due",
    )

    code: str
    version: int
    title: str
    purpose: str
    relevance: str
    level: int
    credits: int
    nzsced: str
    outcomes: tuple[Any, ...]
    assessment: str
    developer: str
    qa_approach: str
    review_months: int
    listed_on: date
    pathways: str | None
    languages: tuple[Any, ...]
    support: tuple[Any, ...] | None
    review_due: date

    def apply(self, aggregate: "Microcredential") -> None:
        """Set the listing as approved."""
        for name in self.OPEN:
            # On an aggregate `version` is the library's: the length of the stream.
            setattr(aggregate, "mc_version" if name == "version" else name, getattr(self, name))
        aggregate.outcome_ids = {outcome[0]: None for outcome in self.outcomes}
        aggregate.expiring_from = None
        aggregate.discontinued_on = None


class MicrocredentialStatusSet(PublicEvent):
    """A listing is expiring, or discontinued, from a day on (that day included)."""

    TOPIC = "microcredential.status_set"
    OPEN = ("status", "effective_from", "cause")

    status: str
    effective_from: date
    cause: str

    def apply(self, aggregate: "Microcredential") -> None:
        """Note the day; the past keeps its status."""
        if self.status == EXPIRING:
            aggregate.expiring_from = self.effective_from
        else:
            aggregate.discontinued_on = self.effective_from


class MicrocredentialReviewed(PublicEvent):
    """A review was accepted; `next_due` is None when the listing is to be replaced or retired."""

    TOPIC = "microcredential.reviewed"
    OPEN = ("reviewed_on", "outcome", "next_due")

    reviewed_on: date
    outcome: str
    next_due: date | None

    def apply(self, aggregate: "Microcredential") -> None:
        """Move the due date; a later rule set never does."""
        aggregate.review_due = self.next_due


class Microcredential(LedgerAggregate):
    """A listed version. Stream: `microcredential|<code>|<version>`."""

    TOPIC = "microcredential"
    BEGINS = (MicrocredentialRegistered,)

    code: str
    mc_version: int
    title: str
    purpose: str
    relevance: str
    level: int
    credits: int
    nzsced: str
    outcomes: tuple[tuple[str, str, tuple[tuple[int, int], ...]], ...]
    assessment: str
    developer: str
    qa_approach: str
    review_months: int
    listed_on: date
    pathways: str | None
    languages: tuple[str, ...]
    support: tuple[str, str, str] | None
    review_due: date | None
    outcome_ids: dict[str, None]  # an ordered set
    expiring_from: date | None
    discontinued_on: date | None

    def status_on(self, day: date) -> str | None:
        """Return current, expiring or discontinued as on that day; None before it was listed.

        Source: DOMAIN.md 4.1, rule 8: from the day a status is assigned.
        """
        if day < self.listed_on:
            return None
        if self.discontinued_on is not None and day >= self.discontinued_on:
            return DISCONTINUED
        if self.expiring_from is not None and day >= self.expiring_from:
            return EXPIRING
        return CURRENT
