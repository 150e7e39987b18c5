"""What several commands ask: who may say it, about whom, dated when, from which list.

Every check returns findings, none when all is well.
"""

from collections.abc import Collection
from datetime import date
from typing import Any

from ledger.commands.base import Request
from ledger.domain import learner
from ledger.domain.accreditation import Accreditation
from ledger.domain.microcredential import CURRENT
from ledger.domain.organisation import PROVIDER, Organisation
from ledger.domain.register import Register
from ledger.policy import law, rules
from ledger.policy.findings import Finding, finding
from ledger.policy.framework import FUNDING, FUNDING_PREFIX, is_code, is_funding
from ledger.policy.law import RuleSet
from ledger.privacy.matching import same_name

Findings = tuple[Finding, ...]

NONE: Findings = ()


# ------------------------------------------------------------------ who may say it, and when


def rule_set(request: Request) -> RuleSet:
    """Return the rule set the act is judged by."""
    return law.by_id(request.act.ruleset_id)


def only_regulator(request: Request) -> Findings:
    """Refuse anybody but the organisation that the founding names as registrar."""
    if request.register.is_regulator(request.actor):
        return NONE
    return not_allowed(request, "the regulator")


def not_allowed(request: Request, allowed: str) -> Findings:
    """Say who may."""
    return (finding("E811", organisation=request.actor.label, allowed=allowed),)


def not_in_future(request: Request, column: str, day: date) -> Findings:
    """Refuse a fact that has not happened yet."""
    today = request.act.decided_on
    return NONE if day <= today else (finding("E502", column=column, date=day, today=today),)


def not_before(column: str, day: date, earliest: date) -> Findings:
    """Refuse a date before that of the fact it ends or changes."""
    return NONE if day >= earliest else (finding("E824", column=column, date=day, earliest=earliest),)


def listed_value(column: str, value: object, allowed: Collection[str]) -> Findings:
    """Refuse a value that is not in its code list."""
    return NONE if value in allowed else (_not_listed(column, allowed),)


def funding_code(value: str) -> Findings:
    """Refuse an unknown funding code; funds of the funder are open-ended."""
    if is_funding(value):
        return NONE
    return (_not_listed("funding", {*FUNDING, f"{FUNDING_PREFIX}…"}),)


def _not_listed(column: str, allowed: Collection[str]) -> Finding:
    return finding("E911", column=column, allowed=", ".join(sorted(allowed)))


# ------------------------------------------------------------------ about whom


def right_person(request: Request) -> Findings:
    """Compare what a row says about the learner with what is known.

    All that is given differs: another person. One of two differs: a human has to look.
    Source: DOMAIN.md 7.2 (nsn, name_id, date_of_birth), SPEC.md 2.
    """
    person, who = request.person, request.who
    if is_forgotten(request):
        return (finding("E111"),)
    if person is None or person.learner is None:
        return (finding("E102"),)
    name, born = who.get("name_id"), who.get("date_of_birth")
    name_agrees = None if name is None else _same_name(name, person.name_ids)
    born_agrees = None if born is None else born == person.date_of_birth
    answers = {name_agrees, born_agrees} - {None}
    if answers == {True}:
        return NONE
    if not answers:
        return (finding("E904", column="name_id"),)
    if answers == {False}:
        return (finding("E103"),)
    return (finding("E104", column="date_of_birth" if name_agrees else "name_id"),)


def is_forgotten(request: Request) -> bool:
    """Return whether a row is about somebody who was forgotten, though the key may still be there."""
    person = request.person
    return request.forgotten or (person is not None and learner.is_forgotten(person.learner))


def _same_name(sent: str, held: tuple[str, ...]) -> bool:
    return sent in held or any(same_name(sent, name) for name in held)


def own_enrolment(request: Request, *, any_provider: bool = False) -> Findings:
    """Refuse a reference that does not lead to this learner's enrolment in this code and version.

    Args:
        request: its person is known.
        any_provider: whether an enrolment with another provider will do, for those who award with
            good reason what was learned elsewhere.
    """
    enrolment, person, members = request.enrolment, request.person, request.members
    assert person is not None
    version = members.get("version")
    if (
        enrolment is not None
        and enrolment.learner == person.learner_id
        and (any_provider or enrolment.provider == request.actor.number)
        and enrolment.code == members["code"]
        and version in (None, enrolment.mc_version)
    ):
        return NONE
    shown = "" if version is None else f" version {version}"
    return (finding("E310", code=members["code"], version=shown),)


# ------------------------------------------------------------------ about what


def known_code(register: Register, code: str, version: int | None) -> Findings:
    """Refuse what is not a listed micro-credential, or not a version of it."""
    if code not in register.versions:
        return (finding("E201" if is_code(code) else "E206", code=code),)
    if version is not None and (code, version) not in register.microcredentials:
        return (finding("E202", code=code, version=version),)
    return NONE


def version_on(register: Register, code: str, day: date) -> int:
    """Return the version that a row without one means: the latest that was current on that day.

    When none was current, the latest that was listed by then; when none was, the first: the
    checks then say why it cannot be used. The code is known.
    """
    versions = register.versions[code]
    listed = [v for v in versions if register.microcredentials[code, v].status_on(day) is not None]
    current = [v for v in listed if register.microcredentials[code, v].status_on(day) == CURRENT]
    return (current or listed or versions[:1])[-1]


def latest_version(register: Register, code: str, version: int, day: date) -> Findings:
    """Warn about a version that was not the latest on that day."""
    listed = [
        v for v in register.versions[code] if register.microcredentials[code, v].status_on(day) is not None
    ]
    if not listed or version >= listed[-1]:
        return NONE
    return (finding("W208", code=code, version=version, latest=listed[-1], date=day),)


# ------------------------------------------------------------------ by whose authority


def is_provider(ruleset: RuleSet, organisation: Organisation, day: date) -> bool:
    """Return whether an organisation counts as a provider on a day."""
    role = organisation.role_on(PROVIDER, day)
    transitional = None if role is None else role.transitional
    return rules.counts_as_provider(ruleset, organisation.kind, day, transitional=transitional)


def provider_on(ruleset: RuleSet, organisation: Organisation, column: str, day: date) -> Findings:
    """Refuse an organisation that is not a provider on that day. Source: R16."""
    role = organisation.role_on(PROVIDER, day)
    return rules.r16_provider(
        ruleset,
        organisation.label,
        organisation.kind,
        day,
        column=column,
        transitional=None if role is None else role.transitional,
    )


def accredited_on(request: Request, code: str, version: int, column: str, day: date) -> Findings:
    """Refuse a provider without accreditation for that version on that day. Source: R16, DOMAIN.md 0.2."""
    provider: Any = request.actor.number
    accreditation = request.register.accreditations.get((provider, code))
    if accreditation is not None and accreditation.covers(version, day):
        return NONE
    return (
        finding(
            "E303",
            column=column,
            organisation=request.actor.label,
            code=code,
            version=version,
            date=day,
            standing=_standing(accreditation, version, day),
        ),
    )


def _standing(accreditation: Accreditation | None, version: int, day: date) -> str:
    """Return why an accreditation does not hold, as the end of a sentence."""
    grants = () if accreditation is None else accreditation.grants
    covering = [grant for grant in grants if version in grant.versions]
    ended = [grant.ended_on for grant in covering if grant.ended_on is not None and grant.ended_on < day]
    if ended:
        return f": the accreditation ended on {max(ended)}"
    if covering:
        return f": the accreditation begins on {min(grant.valid_from for grant in covering)}"
    return ": the accreditation does not cover that version" if grants else ": none is on record"
