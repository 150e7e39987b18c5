"""The closed list of what can be recorded: a topic that is not here does not exist."""

from ledger.domain.access import AccessDayClosed
from ledger.domain.accreditation import AccreditationEnded, AccreditationGranted
from ledger.domain.award import AwardRevoked, MicrocredentialAwarded
from ledger.domain.base import LedgerEvent
from ledger.domain.credential import CredentialIssued
from ledger.domain.disposal import StreamsDisposed
from ledger.domain.enrolment import AssessmentNotAchieved, AssessmentPassed, LearnerEnrolled
from ledger.domain.forgetting import (
    ForgettingApproved,
    ForgettingCounted,
    ForgettingRequested,
    ForgettingWithdrawn,
    LearnerForgotten,
)
from ledger.domain.founding import LedgerFounded
from ledger.domain.key import KeyAnnulled, KeyReaffirmed, KeyRegistered, KeyRetired, KeyRevoked
from ledger.domain.learner import LearnerRegistered
from ledger.domain.microcredential import (
    MicrocredentialRegistered,
    MicrocredentialReviewed,
    MicrocredentialStatusSet,
)
from ledger.domain.organisation import OrganisationRegistered, OrganisationRoleEnded, OrganisationRoleGranted
from ledger.domain.status_list import StatusListChanged
from ledger.domain.tail import TailLost

_CLASSES: tuple[type[LedgerEvent], ...] = (
    LedgerFounded,
    OrganisationRegistered,
    OrganisationRoleGranted,
    OrganisationRoleEnded,
    KeyRegistered,
    KeyRetired,
    KeyRevoked,
    KeyReaffirmed,
    KeyAnnulled,
    MicrocredentialRegistered,
    MicrocredentialStatusSet,
    MicrocredentialReviewed,
    AccreditationGranted,
    AccreditationEnded,
    LearnerRegistered,
    LearnerEnrolled,
    AssessmentPassed,
    AssessmentNotAchieved,
    MicrocredentialAwarded,
    AwardRevoked,
    CredentialIssued,
    StatusListChanged,
    TailLost,
    ForgettingRequested,
    ForgettingApproved,
    ForgettingWithdrawn,
    LearnerForgotten,
    ForgettingCounted,
    StreamsDisposed,
    AccessDayClosed,
)

EVENTS: dict[str, type[LedgerEvent]] = {cls.TOPIC: cls for cls in _CLASSES}
