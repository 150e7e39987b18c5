"""The rules as checks: given a rule set and the public facts of one act, they say what is wrong with it.

Pure: they return findings, none when all is well. Source: DOMAIN.md 2 and 3.
"""

import calendar
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from ledger.policy.findings import Finding, finding
from ledger.policy.framework import (
    GOOD_REASON_BASES,
    GRADES_ACHIEVED,
    SUPPORT_OUTCOMES,
    is_ssb,
)
from ledger.policy.law import RuleSet, first_rules_from, rule_sets

# ------------------------------------------------------------------ dates


def add_months(day: date, months: int) -> date:
    """Return the same day of the month so many months later, clamped to the end of that month.

    Source: DOMAIN.md 3.2, civil dates.
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def review_due(listed_on: date, months: int) -> date:
    """Return when the review of a listing is due. Source: R19."""
    return add_months(listed_on, months)


# ------------------------------------------------------------------ checks: listings


def before_first_rules(rules: RuleSet, column: str, day: date) -> tuple[Finding, ...]:
    """Refuse an act dated before there were rules for micro-credentials. Source: SPEC.md 3."""
    if rules.micro_credentials:
        return ()
    return (finding("E819", column=column, date=day, first=first_rules_from()),)


def r01_credits(rules: RuleSet, credit_value: int) -> tuple[Finding, ...]:
    """A micro-credential has a size the rules allow."""
    allowed = rules.credits
    if allowed is None or credit_value in allowed:
        return ()
    return (finding("E801", credits=credit_value, min=allowed.min, max=allowed.max, ruleset=rules.id),)


def r03_level(rules: RuleSet, level: int) -> tuple[Finding, ...]:
    """Any level of the framework, and no other."""
    if level in rules.level:
        return ()
    return (finding("E802", level=level, min=rules.level.min, max=rules.level.max),)


def r04_hours(rules: RuleSet, credit_value: int, hours: int | None) -> tuple[Finding, ...]:
    """Hours are ten times the credits; a supplied figure may only agree."""
    expected = credit_value * rules.hours_per_credit
    if hours is None or hours == expected:
        return ()
    return (finding("E821", hours=hours, credits=credit_value, expected=expected),)


def r10_outcomes(outcomes: Sequence[tuple[str, str]]) -> tuple[Finding, ...]:
    """A listing names what is assessed: at least one outcome, each with its own id and a text.

    Args:
        outcomes: (id, text) pairs.
    """
    ids = [outcome_id for outcome_id, _ in outcomes]
    if (
        ids
        and len(set(ids)) == len(ids)
        and all(outcome_id and text.strip() for outcome_id, text in outcomes)
    ):
        return ()
    return (finding("E822"),)


def title_words(rules: RuleSet, title: str) -> tuple[Finding, ...]:
    """A title does not read like a qualification's: whole words only. Source: rule 6.2, R27."""
    found = rules.title_forbidden.search(title) if rules.title_forbidden else None
    return () if found is None else (finding("E803", word=found.group(1)),)


def r18_support(
    rules: RuleSet, developer_kind: str, listed_on: date, support: tuple[str, str, date] | None
) -> tuple[Finding, ...]:
    """A provider that develops has asked a standard-setting body first; its "no" does not block.

    Args:
        rules: the set in force when listed.
        developer_kind: kind of the organisation that developed it.
        listed_on: the answer must be no younger.
        support: (outcome, body, date of the answer), None when the listing shows none.
    """
    asked = rules.ssb_support.outcome == "must_seek" and developer_kind in rules.provider_kinds
    usable = support is not None and support[0] in SUPPORT_OUTCOMES and support[2] <= listed_on
    if not usable:
        # An answer that cannot count is refused even where none was needed: it would be public for ever.
        return (finding("E805", date=listed_on),) if asked or support is not None else ()
    assert support is not None
    return (finding("I806", ssb=support[1], date=support[2]),) if support[0] == "declined" else ()


def r19_review_period(rules: RuleSet, months: int) -> tuple[Finding, ...]:
    """A listing is reviewed as often as the rules say."""
    if months in rules.review_months:
        return ()
    allowed = ", ".join(map(str, rules.review_months))
    return (finding("E804", months=months, ruleset=rules.id, allowed=allowed),)


# ------------------------------------------------------------------ checks: authority


def counts_as_provider(rules: RuleSet, kind: str, day: date, *, transitional: bool | None) -> bool:
    """Return whether an organisation counts as a provider on a day.

    Args:
        rules: the set in force that day.
        kind: kind of the organisation.
        day: the day asked about.
        transitional: whether its provider role of that day is transitional; None without a role.

    Source: R16, and R17 with its exception.
    """
    if transitional is None:
        return False
    return not is_ssb(kind) or (transitional and rules.may_host(kind, day))


def r16_provider(
    rules: RuleSet, organisation: str, kind: str, day: date, *, column: str, transitional: bool | None
) -> tuple[Finding, ...]:
    """Only a provider delivers, assesses and awards; arguments as in `counts_as_provider`."""
    if counts_as_provider(rules, kind, day, transitional=transitional):
        return ()
    return (finding("E301", column=column, organisation=organisation, date=day),)


def r17_accreditable(
    rules: RuleSet, organisation: str, kind: str, day: date, *, transitional: bool | None
) -> tuple[Finding, ...]:
    """A body that sets standards is not accredited, unless it hosts learning for a while."""
    if not is_ssb(kind) or counts_as_provider(rules, kind, day, transitional=transitional):
        return ()
    return (finding("E807", organisation=organisation, date=day),)


def r30_owner_delivers(rules: RuleSet, code: str, provider: str, developer: str) -> tuple[Finding, ...]:
    """While approval and delivery were one act, only the owner could be accredited."""
    if rules.third_party_accreditation or provider == developer:
        return ()
    possible = next(
        later.effective_from
        for later in rule_sets()
        if later.third_party_accreditation and later.effective_from is not None
    )
    return (finding("E808", ruleset=rules.id, developer=developer, code=code, possible_from=possible),)


def role_possible(
    rules: RuleSet, kind: str, role: str, valid_from: date, *, transitional: bool
) -> tuple[Finding, ...]:
    """A role fits the kind of organisation: providers teach, standard-setting bodies set standards."""
    if role == "provider":
        fits = kind in rules.provider_kinds and not transitional
        fits = fits or (transitional and rules.may_host(kind, valid_from))
    elif role == "ssb":
        fits = is_ssb(kind) or kind in {"nzqa", "moe"}
    else:
        fits = True
    return () if fits else (finding("E820", kind=kind, role=role, date=valid_from),)


# ------------------------------------------------------------------ checks: enrolment and award


def r11_open_to_enrol(
    code: str,
    version: int,
    *,
    listed_on: date,
    expiring_from: date | None,
    discontinued_on: date | None,
    start_on: date,
) -> tuple[Finding, ...]:
    """A learner begins only what is listed and current on the day of the start. Source: R11, rule 8."""
    if start_on < listed_on:
        return (finding("E306", code=code, version=version, date=start_on, listed_on=listed_on),)
    if discontinued_on is not None and start_on >= discontinued_on:
        return (finding("E308", code=code, version=version, discontinued_on=discontinued_on, date=start_on),)
    if expiring_from is not None and start_on >= expiring_from:
        return (finding("E307", code=code, version=version, expiring_from=expiring_from, date=start_on),)
    return ()


def r10_every_outcome(code: str, outcomes: Sequence[str], grades: Mapping[str, str]) -> tuple[Finding, ...]:
    """Every outcome has a result that satisfies before anything is awarded.

    Args:
        code: the micro-credential.
        outcomes: ids of its outcomes, in listed order.
        grades: best grade by outcome.
    """
    missing = [outcome for outcome in outcomes if grades.get(outcome) not in GRADES_ACHIEVED]
    return (finding("E601", code=code, outcomes=", ".join(missing)),) if missing else ()


def rule_8_award(
    code: str, version: int, *, discontinued_on: date | None, met_on: date
) -> tuple[Finding, ...]:
    """After discontinuation, only those are awarded who had met every requirement by that day."""
    if discontinued_on is None or met_on <= discontinued_on:
        return ()
    return (
        finding(
            "E308",
            column="completed_on",
            code=code,
            version=version,
            discontinued_on=discontinued_on,
            date=met_on,
        ),
    )


@dataclass(frozen=True, slots=True)
class Conferral:
    """What rule 18 asks about an award: on which basis, why, and what the organisation is to it."""

    basis: str
    reason: str | None
    organisation: str
    code: str
    conferred_on: date
    is_developer: bool
    is_provider: bool
    is_regulator: bool


def rule_18_basis(rules: RuleSet, conferral: Conferral) -> tuple[Finding, ...]:
    """Who may award: approval holder, accredited provider, developer or regulator with good reason.

    That an accredited provider is accredited is checked apart (E303), with its dates.
    """
    holds = {
        "approval_holder": conferral.is_developer and conferral.is_provider,
        "accredited": True,
        "developer_good_reason": conferral.is_developer,
        "nzqa_good_reason": conferral.is_regulator,
    }
    basis = conferral.basis
    if basis not in rules.award_bases or not holds[basis]:
        return (
            finding(
                "E604",
                organisation=conferral.organisation,
                code=conferral.code,
                basis=basis,
                date=conferral.conferred_on,
                allowed=", ".join(rules.award_bases),
            ),
        )
    if basis in GOOD_REASON_BASES and not (conferral.reason and conferral.reason.strip()):
        return (finding("E602", basis=basis),)
    return ()


def reported_in_time(rules: RuleSet, completed_on: date, reported_on: date) -> tuple[Finding, ...]:
    """Completions are due within some months; late ones are accepted and said to be late."""
    months = rules.report_within_months
    if months is None:
        return ()
    due = add_months(completed_on, months)
    return () if reported_on <= due else (finding("W506", date=completed_on, due=due, months=months),)
