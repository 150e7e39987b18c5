"""Enrolments: a learner begins a version of a micro-credential with a provider."""

from ledger.commands.base import Decision, Request
from ledger.commands.checks import (
    NONE,
    Findings,
    accredited_on,
    funding_code,
    known_code,
    latest_version,
    listed_value,
    not_before,
    not_in_future,
    provider_on,
    right_person,
    rule_set,
    version_on,
)
from ledger.domain.enrolment import Enrolment, LearnerEnrolled
from ledger.policy import rules
from ledger.policy.findings import BLOCK
from ledger.policy.framework import LANGUAGES, MODES


def enrol(request: Request) -> Decision:
    """Decide `learner.enrolled`: open to enrol and provider accredited on the day of the start.

    Source: R11, R16; DOMAIN.md 5.7.
    """
    members = request.members
    code, start_on = members["code"], members["start_on"]
    findings = (
        *right_person(request),
        *known_code(request.register, code, members.get("version")),
        *_values(request),
        *not_in_future(request, "start_on", start_on),
        *rules.before_first_rules(rule_set(request), "start_on", start_on),
    )
    if findings:
        return Decision(findings)
    version = members.get("version") or version_on(request.register, code, start_on)
    findings = (*_open(request, version), *_authority(request, version))
    if any(one.severity == BLOCK for one in findings):
        return Decision(findings)
    return _enrolled(request, version, findings)


def _values(request: Request) -> Findings:
    members = request.members
    planned = members.get("planned_end_on")
    return (
        *listed_value("mode", members["mode"], MODES),
        *listed_value("language", members["language"], LANGUAGES),
        *funding_code(members["funding"]),
        *(NONE if planned is None else not_before("planned_end_on", planned, members["start_on"])),
    )


def _open(request: Request, version: int) -> Findings:
    code, start_on = request.members["code"], request.members["start_on"]
    listing = request.register.microcredentials[code, version]
    closed = rules.r11_open_to_enrol(
        code,
        version,
        listed_on=listing.listed_on,
        expiring_from=listing.expiring_from,
        discontinued_on=listing.discontinued_on,
        start_on=start_on,
    )
    return closed or latest_version(request.register, code, version, start_on)


def _authority(request: Request, version: int) -> Findings:
    code, start_on = request.members["code"], request.members["start_on"]
    return provider_on(rule_set(request), request.actor, "start_on", start_on) or accredited_on(
        request, code, version, "start_on", start_on
    )


def _enrolled(request: Request, version: int, findings: Findings) -> Decision:
    members, person = request.members, request.person
    assert person is not None, "right_person refused it otherwise"
    assert request.new_id is not None, "the application gives an id to what may begin"
    assert request.actor.number is not None, "a provider has a number: accreditations name it"
    enrolment = Enrolment.begin(
        LearnerEnrolled,
        request.new_id,
        request.act,
        subject=person.learner_id,
        provider=request.actor.number,
        code=members["code"],
        version=version,
        start_on=members["start_on"],
        planned_end_on=members.get("planned_end_on"),
        mode=members["mode"],
        language=members["language"],
        funding=members["funding"],
    )
    assert person.learner is not None, "right_person refused it otherwise"
    return Decision(findings, changed=(enrolment,), reads=(person.learner,))
