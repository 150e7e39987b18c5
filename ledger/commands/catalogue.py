"""Which function decides which statement, and which of its dates selects the rules."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from ledger.commands import (
    accreditations,
    assessments,
    awards,
    enrolments,
    forgetting,
    founding,
    keys,
    learners,
    microcredentials,
    organisations,
)
from ledger.commands.base import Decision, Request

COMMANDS: Mapping[str, Callable[[Request], Decision]] = {
    "ledger.founded": founding.found,
    "organisation.registered": organisations.register,
    "organisation.role_granted": organisations.grant_role,
    "organisation.role_ended": organisations.end_role,
    "key.registered": keys.register,
    "key.retired": keys.retire,
    "key.revoked": keys.revoke,
    "key.reaffirmed": keys.reaffirm,
    "key.annulled": keys.annul,
    "microcredential.registered": microcredentials.register,
    "microcredential.status_set": microcredentials.set_status,
    "microcredential.reviewed": microcredentials.review,
    "accreditation.granted": accreditations.grant,
    "accreditation.ended": accreditations.end,
    "learner.registered": learners.register,
    "learner.enrolled": enrolments.enrol,
    "assessment.passed": assessments.passed,
    "assessment.not_achieved": assessments.not_achieved,
    "microcredential.awarded": awards.confer,
    "award.revoked": awards.revoke,
    "forgetting.requested": forgetting.request_forgetting,
    "forgetting.approved": forgetting.approve_forgetting,
    "forgetting.withdrawn": forgetting.withdraw_forgetting,
}

# Source: DOMAIN.md 3.2, which date selects the rule set. Where a type is not named, the day decided does.
_DOMAIN_DATES: Mapping[str, str] = {
    "organisation.role_granted": "valid_from",
    "microcredential.registered": "listed_on",
    "microcredential.status_set": "from",
    "microcredential.reviewed": "reviewed_on",
    "accreditation.granted": "valid_from",
    "learner.enrolled": "start_on",
    "assessment.passed": "assessed_on",
    "assessment.not_achieved": "assessed_on",
    "microcredential.awarded": "completed_on",
}


def domain_date(statement_type: str, members: Mapping[str, Any]) -> date | None:
    """Return the date that selects the rule set of a statement; None where the day decided does."""
    member = _DOMAIN_DATES.get(statement_type)
    day: date | None = None if member is None else members[member]
    return day
