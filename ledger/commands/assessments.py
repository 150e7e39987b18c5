"""Results: what a learner was assessed on, when, and how it went.

This is the hot path: thousands of rows a second go through here, so nothing is compiled, copied
or searched for twice.
"""

from ledger.commands.base import Decision, Request
from ledger.commands.checks import (
    NONE,
    Findings,
    accredited_on,
    known_code,
    listed_value,
    not_in_future,
    own_enrolment,
    provider_on,
    right_person,
    rule_set,
)
from ledger.domain.award import IN_FORCE
from ledger.domain.base import PrivateEvent
from ledger.domain.enrolment import AssessmentNotAchieved, AssessmentPassed, Enrolment
from ledger.policy import rules
from ledger.policy.findings import finding
from ledger.policy.framework import GRADES_ACHIEVED, LANGUAGES, METHODS, NOT_ACHIEVED

_ACHIEVED, _NOT = frozenset(GRADES_ACHIEVED), frozenset(NOT_ACHIEVED)


def passed(request: Request) -> Decision:
    """Decide `assessment.passed`: grades A, M and E."""
    return _assess(request, AssessmentPassed, _ACHIEVED)


def not_achieved(request: Request) -> Decision:
    """Decide `assessment.not_achieved`: grade N."""
    return _assess(request, AssessmentNotAchieved, _NOT)


def _assess(request: Request, event_class: type[PrivateEvent], grades: frozenset[str]) -> Decision:
    members = request.members
    findings = right_person(request) or known_code(request.register, members["code"], members.get("version"))
    if findings:
        return Decision(findings)
    findings = own_enrolment(request)
    if findings:
        return Decision(findings)
    enrolment, person, provider = request.enrolment, request.person, request.actor.number
    assert enrolment is not None
    assert person is not None
    assert person.learner is not None
    findings = (
        *_result(request, enrolment, grades),
        *_dates(request, enrolment),
        *_authority(request, enrolment),
    )
    if findings:
        return Decision(findings)
    outcome = members["outcome"]
    enrolment.record(
        event_class,
        request.act,
        subject=person.learner_id,
        provider=provider,
        code=enrolment.code,
        version=enrolment.mc_version,
        outcome=outcome,
        attempt=enrolment.attempts_made(outcome) + 1,
        grade=members["grade"],
        method=members["method"],
        assessed_on=members["assessed_on"],
        language=members.get("language") or enrolment.language,
    )
    return Decision(changed=(enrolment,), reads=(person.learner,))


def _result(request: Request, enrolment: Enrolment, grades: frozenset[str]) -> Findings:
    members = request.members
    outcome, grade, language = members["outcome"], members["grade"], members.get("language")
    listing = request.register.microcredentials[enrolment.code, enrolment.mc_version]
    findings = NONE
    if outcome not in listing.outcome_ids:
        known = ", ".join(listing.outcome_ids)
        named = {"outcome": outcome, "code": listing.code, "version": listing.mc_version}
        findings = (finding("E203", **named, outcomes=known),)
    if grade not in grades:
        findings = (*findings, finding("E401", grade=grade, allowed=", ".join(sorted(grades))))
    if members["method"] not in METHODS:
        findings = (*findings, *listed_value("method", members["method"], METHODS))
    if language is not None and language not in LANGUAGES:
        findings = (*findings, *listed_value("language", language, LANGUAGES))
    attempt = members.get("attempt")
    if attempt is not None and attempt != enrolment.attempts_made(outcome) + 1:
        following = enrolment.attempts_made(outcome) + 1
        findings = (*findings, finding("E402", attempt=attempt, outcome=outcome, next=following))
    return findings


def _dates(request: Request, enrolment: Enrolment) -> Findings:
    assessed_on = request.members["assessed_on"]
    if assessed_on > request.act.decided_on:
        return not_in_future(request, "assessed_on", assessed_on)
    if assessed_on < enrolment.start_on and request.members["method"] != "rpl":
        return (finding("E503", date=assessed_on, start_on=enrolment.start_on),)
    for award in request.awards:
        if award.state == IN_FORCE and assessed_on > award.completed_on:
            return (finding("E311", completed_on=award.completed_on, date=assessed_on),)
    return NONE


def _authority(request: Request, enrolment: Enrolment) -> Findings:
    """Judge the provider as at the day of assessment, not of posting. Source: DOMAIN.md 0.2."""
    ruleset, assessed_on = rule_set(request), request.members["assessed_on"]
    return (
        rules.before_first_rules(ruleset, "assessed_on", assessed_on)
        or provider_on(ruleset, request.actor, "assessed_on", assessed_on)
        or accredited_on(request, enrolment.code, enrolment.mc_version, "assessed_on", assessed_on)
    )
