"""Awards: conferred when every outcome is achieved, by who may; revoked by who may.

An award is always somebody's signed statement: the ledger never confers one itself.
"""

from collections.abc import Mapping
from datetime import date

from ledger.commands.base import Decision, Request
from ledger.commands.checks import (
    NONE,
    Findings,
    accredited_on,
    funding_code,
    is_provider,
    known_code,
    listed_value,
    not_allowed,
    not_before,
    not_in_future,
    own_enrolment,
    provider_on,
    right_person,
    rule_set,
)
from ledger.domain.award import REVOKED, Award, AwardRevoked, MicrocredentialAwarded
from ledger.domain.claims import award_claim, slot_claim
from ledger.domain.enrolment import Attempt
from ledger.domain.microcredential import Microcredential
from ledger.ids import award_id
from ledger.policy import law, rules
from ledger.policy.findings import finding
from ledger.policy.framework import LANGUAGES, REVOCATION_REASONS
from ledger.policy.rules import Conferral

ACCREDITED = "accredited"


def confer(request: Request) -> Decision:
    """Decide `microcredential.awarded`.

    `completed_on` selects the rules of eligibility, `conferred_on` those of who may award.
    Source: R10, rules 8 and 18; DOMAIN.md 3.2, 5.9.
    """
    members = request.members
    findings = right_person(request) or known_code(request.register, members["code"], members.get("version"))
    # Who awards as accredited awards what was learned there; the other bases reach further.
    findings = findings or own_enrolment(request, any_provider=members["basis"] != ACCREDITED)
    if findings:
        return Decision(findings)
    enrolment = request.enrolment
    assert enrolment is not None
    listing = request.register.microcredentials[enrolment.code, enrolment.mc_version]
    counting = {outcome: best for outcome in listing.outcome_ids if (best := enrolment.best(outcome))}
    findings = (
        *_once(request),
        *_values(request),
        *_dates(request),
        *_requirements(request, listing, counting),
        *_who_may(request, listing),
    )
    if findings:
        return Decision(findings)
    late = rules.reported_in_time(rule_set(request), members["completed_on"], request.act.decided_on)
    return _award(request, listing, counting, late)


def _once(request: Request) -> Findings:
    held = request.award_in_force
    return NONE if held is None else (finding("E603", code=request.members["code"], award=held),)


def _values(request: Request) -> Findings:
    language = request.members.get("language")
    return (
        *funding_code(request.members["funding"]),
        *(NONE if language is None else listed_value("language", language, LANGUAGES)),
    )


def _dates(request: Request) -> Findings:
    completed_on, conferred_on = request.members["completed_on"], request.members["conferred_on"]
    disorder = finding("E505", date=conferred_on, completed_on=completed_on)
    return (
        *not_in_future(request, "completed_on", completed_on),
        *not_in_future(request, "conferred_on", conferred_on),
        *((disorder,) if conferred_on < completed_on else NONE),
    )


def _requirements(request: Request, listing: Microcredential, counting: Mapping[str, Attempt]) -> Findings:
    """Every outcome achieved, the last by the day of completion, and in time for a discontinued listing."""
    completed_on = request.members["completed_on"]
    refused = rules.before_first_rules(rule_set(request), "completed_on", completed_on)
    refused = refused or rules.r10_every_outcome(
        listing.code, tuple(listing.outcome_ids), {outcome: best.grade for outcome, best in counting.items()}
    )
    if refused:
        return refused
    last = max(best.assessed_on for best in counting.values())
    findings = NONE if completed_on >= last else (finding("E504", date=completed_on, last=last),)
    return (
        *findings,
        *rules.rule_8_award(
            listing.code,
            listing.mc_version,
            discontinued_on=listing.discontinued_on,
            # What a verifier sees is the day of completion: it says when the requirements were met.
            met_on=max(last, completed_on),
        ),
    )


def _who_may(request: Request, listing: Microcredential) -> Findings:
    """Check the basis; an accredited provider was one on both days, completion and conferral."""
    members, actor, register = request.members, request.actor, request.register
    basis, conferred_on, completed_on = members["basis"], members["conferred_on"], members["completed_on"]
    ruleset = law.rules_on(min(conferred_on, request.act.decided_on))
    refused = rules.rule_18_basis(
        ruleset,
        Conferral(
            basis=basis,
            reason=members.get("basis_reason"),
            organisation=actor.label,
            code=listing.code,
            conferred_on=conferred_on,
            # Awards are shown by the number of who confers them: without one, nobody can.
            is_developer=actor.number is not None and listing.developer == actor.label,
            is_provider=is_provider(ruleset, actor, conferred_on),
            is_regulator=register.is_regulator(actor),
        ),
    )
    if refused or basis != ACCREDITED:
        return refused
    return provider_on(ruleset, actor, "conferred_on", conferred_on) or _accredited(
        request, listing, {"completed_on": completed_on, "conferred_on": conferred_on}
    )


def _accredited(request: Request, listing: Microcredential, days: Mapping[str, date]) -> Findings:
    for column, day in days.items():
        refused = accredited_on(request, listing.code, listing.mc_version, column, day)
        if refused:
            return refused
    return NONE


def _award(
    request: Request, listing: Microcredential, counting: Mapping[str, Attempt], findings: Findings
) -> Decision:
    members, person, slot, enrolment = request.members, request.person, request.slot, request.enrolment
    assert person is not None
    assert person.learner is not None
    assert enrolment is not None
    assert slot is not None, "the application draws a slot for every award it asks about"
    assert request.name is not None, "the application unseals the name of every award it asks about"
    number = request.actor.number
    assert number is not None
    award = Award.begin(
        MicrocredentialAwarded,
        award_id(enrolment.id, len(request.awards) + 1),
        request.act,
        subject=person.learner_id,
        enrolment=enrolment.id,
        code=listing.code,
        version=listing.mc_version,
        level=listing.level,
        credits=listing.credits,
        completed_on=members["completed_on"],
        conferred_on=members["conferred_on"],
        awarded_by=number,
        basis=members["basis"],
        language=members.get("language") or enrolment.language,
        funding=members["funding"],
        results=tuple((outcome, best.grade, best.method) for outcome, best in counting.items()),
        status_list=slot.status_list,
        status_index=slot.status_index,
        credential_id=slot.credential_id,
        name=request.name,
        basis_reason=members.get("basis_reason"),
    )
    return Decision(
        findings,
        changed=(award,),
        takes=(
            award_claim(award.learner, award.code),
            slot_claim(number, slot.status_list, slot.status_index),
        ),
        award=award.id,
        reads=(person.learner, enrolment, *request.awards),
    )


def revoke(request: Request) -> Decision:
    """Decide `award.revoked`: by who awarded it, or the regulator. Source: SPEC.md 1."""
    if not request.awards:
        return Decision((finding("E815"),))
    award, members = request.awards[0], request.members
    number = request.actor.number
    if number is None or (award.awarded_by != number and not request.register.is_regulator(request.actor)):
        return Decision(not_allowed(request, "the organisation that awarded it, or the regulator"))
    findings = (
        *listed_value("reason", members["reason"], REVOCATION_REASONS),
        *not_before("effective_on", members["effective_on"], award.conferred_on),
    )
    if award.state == REVOKED:
        assert award.revoked_from is not None
        findings = (*findings, finding("E816", date=award.revoked_from))
    if findings:
        return Decision(findings)
    award.record(
        AwardRevoked,
        request.act,
        subject=award.learner,
        reason=members["reason"],
        effective_on=members["effective_on"],
        revoked_by=number,
    )
    return Decision(changed=(award,), frees=(award_claim(award.learner, award.code),), award=award.id)
