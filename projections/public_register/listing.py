"""What the register says about one version of a micro-credential, as plain values."""

from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from ledger.domain.microcredential import CURRENT, DISCONTINUED, EXPIRING
from ledger.policy.framework import level_sentence, notional_hours


@dataclass(frozen=True, slots=True)
class Organisation:
    """A body as the register names it; `stream` is its id."""

    stream: UUID
    position: int
    number: int | None
    body: str | None
    kind: str
    name_en: str
    name_mi: str | None

    def as_json(self) -> dict[str, Any]:
        """Return it as the register's JSON names bodies."""
        named = (
            {"name": self.name_en}
            if self.name_mi is None
            else {"name": self.name_en, "name_mi": self.name_mi}
        )
        return {"number": self.number, "body": self.body, **named}


class Outcome(NamedTuple):
    """A learning outcome: its id, what the learner can do, and (number, version) of standards behind it."""

    id: str
    text: str
    standards: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class StatusChange:
    """A status that was set: from `effective_from` on, that day included. cause: why."""

    stream: UUID
    position: int
    status: str
    effective_from: date
    cause: str


@dataclass(frozen=True, slots=True)
class Review:
    """A review that was accepted; `next_due` None when the listing is to be replaced or retired."""

    stream: UUID
    position: int
    reviewed_on: date
    outcome: str
    next_due: date | None


@dataclass(frozen=True, slots=True)
class Accreditation:
    """A provider may deliver a version, from `valid_from` to `ended_on`, both included."""

    position: int
    version: int
    stream: UUID
    provider: int
    code: str
    valid_from: date
    conditions: str | None
    ended_on: date | None
    ended_for: str | None
    provider_name: str

    def on(self, day: date) -> bool:
        """Return whether it holds on that day."""
        return self.valid_from <= day and (self.ended_on is None or day <= self.ended_on)


@dataclass(frozen=True, slots=True)
class Listing:
    """A version of a micro-credential with everything the register says about it.

    position: of the record that listed it. review_due: None when no further review is due.
    expiring_from, discontinued_on: as set last. support: (outcome, body, date as text) of the
    standard-setting body's answer.
    """

    position: int
    stream: UUID
    code: str
    version: int
    title: str
    purpose: str
    relevance: str
    level: int
    credits: int
    nzsced: str
    outcomes: tuple[Outcome, ...]
    assessment: str
    developer: str
    qa_approach: str
    review_months: int
    listed_on: date
    pathways: str | None
    languages: tuple[str, ...]
    support: tuple[str, ...] | None
    review_due: date | None
    expiring_from: date | None
    discontinued_on: date | None
    developer_name: str = ""
    versions: tuple[int, ...] = ()
    statuses: tuple[StatusChange, ...] = ()
    reviews: tuple[Review, ...] = ()
    accreditations: tuple[Accreditation, ...] = ()

    @property
    def notional_hours(self) -> int:
        """Hours of learning that its credits stand for."""
        return notional_hours(self.credits)

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

    def providers_on(self, day: date) -> tuple[Accreditation, ...]:
        """Return who may deliver it on that day, by number; of several grants to one the earliest."""
        held: dict[int, Accreditation] = {}
        for one in self.accreditations:
            if one.on(day):
                held.setdefault(one.provider, one)
        return tuple(held[number] for number in sorted(held))

    def as_json(self, on: date) -> dict[str, Any]:
        """Return the listing as it stands on a day."""
        return {
            "code": self.code,
            "version": self.version,
            "versions": list(self.versions),
            "title": self.title,
            "status": self.status_on(on),
            "as_on": on.isoformat(),
            "level": self.level,
            "level_means": level_sentence(self.level),
            "credits": self.credits,
            "notional_hours": self.notional_hours,
            "nzsced": self.nzsced,
            "purpose": self.purpose,
            "relevance": self.relevance,
            "outcomes": [
                {
                    "id": one.id,
                    "text": one.text,
                    "standards": [{"no": number, "version": version} for number, version in one.standards],
                }
                for one in self.outcomes
            ],
            "assessment": self.assessment,
            "developer": {"reference": self.developer, "name": self.developer_name},
            "qa_approach": self.qa_approach,
            "languages": list(self.languages),
            "pathways": self.pathways,
            "listed_on": self.listed_on.isoformat(),
            "expiring_from": _day(self.expiring_from),
            "discontinued_on": _day(self.discontinued_on),
            "review_due": _day(self.review_due),
            "reviews": [
                {
                    "reviewed_on": one.reviewed_on.isoformat(),
                    "outcome": one.outcome,
                    "next_due": _day(one.next_due),
                }
                for one in self.reviews
            ],
            "providers": [
                {
                    "number": one.provider,
                    "name": one.provider_name,
                    "since": one.valid_from.isoformat(),
                    "until": _day(one.ended_on),
                    "conditions": one.conditions,
                }
                for one in self.providers_on(on)
            ],
            "position": self.position,
        }


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
