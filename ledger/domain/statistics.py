"""What statistics count: how often something was recorded, with no person in it.

The same rows are kept by a view and frozen by a disposal, so that no figure changes when the records
behind it are cleared.

Source: LEDGER.md 4 (statistics are frozen before).
"""

from typing import Any, NamedTuple

from ledger.domain.award import AwardRevoked, MicrocredentialAwarded
from ledger.domain.base import PrivateEvent
from ledger.domain.enrolment import AssessmentNotAchieved, AssessmentPassed, LearnerEnrolled
from ledger.domain.learner import LearnerRegistered

LEARNERS, ENROLMENTS, RESULTS = "learners", "enrolments", "results"
AWARDS, REVOCATIONS = "awards", "revocations"


class Count(NamedTuple):
    """How often something was recorded.

    what: `learners`, `enrolments`, `results`, `awards` or `revocations`. What does not apply is 0 or "".
    provider: number. code, version: of the micro-credential. grade: of a result.
    year: of the act: the enrolment's start, the assessment, the conferral, the day a revocation takes
        effect, the day on which a learner was registered.
    """

    what: str
    provider: int
    code: str
    version: int
    year: int
    grade: str
    number: int


def counts_of(event: PrivateEvent) -> tuple[Count, ...]:
    """Return what a record adds to statistics; a revocation adds `revocation_of` its award instead."""
    one: Any = event
    if isinstance(event, LearnerRegistered):
        return (Count(LEARNERS, 0, "", 0, event.decided_on.year, "", 1),)
    if isinstance(event, LearnerEnrolled):
        return (Count(ENROLMENTS, one.provider, one.code, one.version, one.start_on.year, "", 1),)
    if isinstance(event, AssessmentPassed | AssessmentNotAchieved):
        place = one.provider, one.code, one.version, one.assessed_on.year
        return (Count(RESULTS, *place, one.grade, 1),)
    if isinstance(event, MicrocredentialAwarded):
        return (Count(AWARDS, one.awarded_by, one.code, one.version, one.conferred_on.year, "", 1),)
    return ()


def revocation_of(award: MicrocredentialAwarded, event: AwardRevoked) -> Count:
    """Return what the revocation of an award adds to statistics: it counts with the award's provider."""
    place = award.awarded_by, award.code, award.version, event.effective_on.year
    return Count(REVOCATIONS, *place, "", 1)
