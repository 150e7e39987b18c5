"""Learners: registered once, by the regulator as the registry."""

from datetime import date

from ledger.commands.base import Decision, Request
from ledger.commands.checks import NONE, Findings, is_forgotten, only_regulator
from ledger.domain.learner import Learner, LearnerRegistered
from ledger.policy.findings import finding
from ledger.policy.rules import add_months

AGE_MIN_YEARS, AGE_MAX_YEARS = 5, 110  # DOMAIN.md 7.3, E106


def register(request: Request) -> Decision:
    """Decide `learner.registered`: a person whose number nobody holds.

    The same data again is answered "unchanged" before it comes here.
    """
    who = request.who
    findings = (
        *only_regulator(request),
        *_name(who["name"]),
        *_age(who["date_of_birth"], request.act.decided_on),
        *_unknown(request),
    )
    if findings:
        return Decision(findings)
    stream = request.new_id
    assert stream is not None, "the application reserves an id for everybody who may be registered"
    learner = Learner.begin(
        LearnerRegistered,
        stream,
        request.act,
        subject=stream,
        nsn=who["nsn"],
        family=who["name"].get("family"),
        given=who["name"].get("given"),
        whole=who["name"].get("whole"),
        date_of_birth=who["date_of_birth"],
    )
    return Decision(changed=(learner,))


def _name(name: dict[str, str]) -> Findings:
    """Some name is given: a whole one, or parts."""
    return NONE if any(name.values()) else (finding("E904", column="name"),)


def _age(born: date, today: date) -> Findings:
    # Who is not born yet has no birthday to look for, perhaps beyond the last year there is.
    if born <= today:
        youngest, oldest = add_months(born, AGE_MIN_YEARS * 12), add_months(born, AGE_MAX_YEARS * 12)
        if youngest <= today < oldest:
            return NONE
    return (finding("E106", youngest=AGE_MIN_YEARS, oldest=AGE_MAX_YEARS),)


def _unknown(request: Request) -> Findings:
    if is_forgotten(request):
        return (finding("E111"),)  # or a monthly file would bring the person back
    known = request.person is not None and request.person.learner is not None
    return (finding("E818"),) if known else NONE
