"""An enrolment and the results recorded on it."""

from datetime import date
from typing import NamedTuple
from uuid import UUID

from ledger.domain.base import Created, LedgerAggregate, PrivateEvent
from ledger.policy.framework import GRADE_ORDER, NOT_ACHIEVED


class Attempt(NamedTuple):
    """One result on one outcome; attempts count from 1."""

    attempt: int
    grade: str
    method: str
    assessed_on: date


class LearnerEnrolled(Created, PrivateEvent):
    """A learner began a version of a micro-credential with a provider."""

    TOPIC = "learner.enrolled"
    OPEN = ("provider", "code", "version", "start_on", "planned_end_on", "mode", "language", "funding")

    provider: int
    code: str
    version: int
    start_on: date
    planned_end_on: date | None
    mode: str
    language: str
    funding: str

    def apply(self, aggregate: "Enrolment") -> None:
        """Set who studies what where; no result yet."""
        aggregate.learner = self.subject
        aggregate.provider = self.provider
        aggregate.code = self.code
        aggregate.mc_version = self.version
        aggregate.start_on = self.start_on
        aggregate.planned_end_on = self.planned_end_on
        aggregate.mode = self.mode
        aggregate.language = self.language
        aggregate.funding = self.funding
        aggregate.attempts = {}


class _Assessed(PrivateEvent):
    """A result on one outcome, whatever the grade."""

    OPEN = (
        "provider",
        "code",
        "version",
        "outcome",
        "attempt",
        "grade",
        "method",
        "assessed_on",
        "language",
    )

    provider: int
    code: str
    version: int
    outcome: str
    attempt: int
    grade: str
    method: str
    assessed_on: date
    language: str

    def apply(self, aggregate: "Enrolment") -> None:
        """Keep the attempt; earlier ones stay."""
        result = Attempt(self.attempt, self.grade, self.method, self.assessed_on)
        aggregate.attempts.setdefault(self.outcome, []).append(result)


class AssessmentPassed(_Assessed):
    """An outcome was achieved: grade A, M or E."""

    TOPIC = "assessment.passed"


class AssessmentNotAchieved(_Assessed):
    """An outcome was assessed and not achieved: grade N."""

    TOPIC = "assessment.not_achieved"


class Enrolment(LedgerAggregate):
    """One learner in one version of a micro-credential. Stream: a random id.

    `attempts` maps an outcome to its results in the order they were recorded.
    """

    TOPIC = "enrolment"
    BEGINS = (LearnerEnrolled,)

    learner: UUID
    provider: int
    code: str
    mc_version: int
    start_on: date
    planned_end_on: date | None
    mode: str
    language: str
    funding: str
    attempts: dict[str, list[Attempt]]

    def attempts_made(self, outcome: str) -> int:
        """Return the number of the last attempt on that outcome, 0 before the first."""
        made = self.attempts.get(outcome)
        return made[-1].attempt if made else 0

    def best(self, outcome: str) -> Attempt | None:
        """Return the result that counts: highest grade, earliest of equals; None when none was achieved.

        Source: DOMAIN.md 5.8, best result counts.
        """
        achieved = [result for result in self.attempts.get(outcome, ()) if result.grade != NOT_ACHIEVED]
        return min(
            achieved, key=lambda result: (-GRADE_ORDER[result.grade], result.assessed_on), default=None
        )
