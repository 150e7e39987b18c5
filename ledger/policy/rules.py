"""The rules as dated data, and the checks that read them.

A rule set is a file. A change of law is a new file: an act is judged by the set in force on the
date of the act, for ever (DOMAIN.md 3). The checks are pure: they are given the rule set and the
public facts of one act, and return findings, none when all is well.
"""

import calendar
import re
import tomllib
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

from ledger.policy.findings import Finding, finding
from ledger.policy.framework import (
    AWARD_BASES,
    GOOD_REASON_BASES,
    GRADES_ACHIEVED,
    HOURS_PER_CREDIT,
    SUPPORT_OUTCOMES,
    is_ssb,
)

# ------------------------------------------------------------------ the data


@dataclass(frozen=True, slots=True)
class Range:
    """Whole numbers from `min` to `max`, both included."""

    min: int
    max: int

    def __contains__(self, number: int) -> bool:
        """Return whether the number lies in the range."""
        return self.min <= number <= self.max


@dataclass(frozen=True, slots=True)
class Framework:
    """What the framework is called, and whether micro-credentials are on it."""

    name: str
    listed: bool


@dataclass(frozen=True, slots=True)
class SsbKind:
    """A kind of standard-setting body and the days within the rule set on which it sets standards.

    may_host: it may be a provider for a while, by a transitional role (the exception of R17).
    """

    kind: str
    from_: date | None
    until: date | None
    may_host: bool

    def on(self, day: date) -> bool:
        """Return whether that kind of body sets standards on that day."""
        return (self.from_ is None or self.from_ <= day) and (self.until is None or day <= self.until)


@dataclass(frozen=True, slots=True)
class SsbSupport:
    """Whether a provider that develops must bring a standard-setting body's answer: none or must_seek."""

    outcome: str
    reply_working_days: int | None


@dataclass(frozen=True, slots=True)
class Equivalence:
    """The equivalence service: applications open or closed, the register none, open or archived."""

    applications: str
    applications_from: date | None
    applications_until: date | None
    register: str


@dataclass(frozen=True, slots=True)
class Pilot:
    """Pilots that may be imported as history, never listed."""

    credits_max: int
    from_: date
    until: date


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The parameters in force from a day on.

    effective_from: None for the set before the first.
    date_certainty: exact, approximate (the source gives no day) or open (no beginning).
    micro_credentials: False before the type existed: nothing may be listed, studied or awarded.
    review_months: periods a listing may have. award_bases: who may award, rule 18.
    title_forbidden: matches a forbidden word as a whole word, in any case; None where there is none.
    report_within_months: completions are due within so many months; None where no rule says.
    """

    id: str
    effective_from: date | None
    date_certainty: str
    changes: tuple[str, ...]
    sources: tuple[str, ...]
    micro_credentials: bool
    credits: Range | None
    level: Range
    hours_per_credit: int
    review_months: tuple[int, ...]
    developer_kinds: frozenset[str]
    provider_kinds: frozenset[str]
    third_party_accreditation: bool
    award_bases: tuple[str, ...]
    pathways: tuple[str, ...]
    framework: Framework
    duplication: str
    title_forbidden_words: tuple[str, ...]
    title_forbidden: re.Pattern[str] | None
    expiring_months_typical: int | None
    report_within_months: int | None
    training_scheme_new: bool
    ssb_support: SsbSupport
    equivalence: Equivalence
    pilot: Pilot | None
    ssb: tuple[SsbKind, ...]

    def may_host(self, kind: str, day: date) -> bool:
        """Return whether a standard-setting body of that kind may be a provider for a while on that day."""
        return any(ssb.kind == kind and ssb.may_host and ssb.on(day) for ssb in self.ssb)


@cache
def rule_sets() -> tuple[RuleSet, ...]:
    """Return every rule set, oldest first; read once from the package's data files."""
    folder = resources.files("ledger.policy") / "rulesets"
    texts = [entry.read_text(encoding="utf-8") for entry in folder.iterdir() if entry.name.endswith(".toml")]
    found = [read_rule_set(tomllib.loads(text)) for text in texts]
    return tuple(sorted(found, key=lambda rules: rules.effective_from or date.min))


@cache
def _dates_and_ids() -> tuple[list[date], dict[str, RuleSet]]:
    sets = rule_sets()
    dates = [rules.effective_from for rules in sets if rules.effective_from is not None]
    assert len(dates) == len(sets) - 1, "exactly one rule set, the oldest, has no beginning"
    assert len(set(dates)) == len(dates), "two rule sets begin on the same day"
    return dates, {rules.id: rules for rules in sets}


def rules_on(day: date) -> RuleSet:
    """Return the rule set in force on that day.

    Before the first set of rules for micro-credentials this is `PRE-2018`, by which every act that
    needs one is refused (E819): see `before_first_rules`.
    """
    return rule_sets()[bisect_right(_dates_and_ids()[0], day)]


def by_id(ruleset_id: str) -> RuleSet:
    """Return the rule set with that id, for example `MC-2026`."""
    return _dates_and_ids()[1][ruleset_id]


def first_rules_from() -> date:
    """Return the day from which there are rules for micro-credentials."""
    return _dates_and_ids()[0][0]


def read_rule_set(data: Mapping[str, Any]) -> RuleSet:
    """Return the rule set of a parsed data file; a file that says more, or less, is our own mistake."""
    given = dict(data)
    params = dict(given.pop("params"))
    words = tuple(params.pop("title_forbidden_words"))
    support, equivalence = params.pop("ssb_support"), params.pop("equivalence")
    read = RuleSet(
        id=given.pop("id"),
        effective_from=given.pop("effective_from", None),
        date_certainty=given.pop("date_certainty"),
        changes=tuple(given.pop("changes")),
        sources=tuple(given.pop("sources")),
        micro_credentials=params.pop("micro_credentials"),
        credits=Range(**params.pop("credits")) if "credits" in params else None,
        level=Range(**params.pop("level")),
        hours_per_credit=params.pop("hours_per_credit"),
        review_months=tuple(params.pop("review_months")),
        developer_kinds=frozenset(params.pop("developer_kinds")),
        provider_kinds=frozenset(params.pop("provider_kinds")),
        third_party_accreditation=params.pop("third_party_accreditation"),
        award_bases=tuple(params.pop("award_bases")),
        pathways=tuple(params.pop("pathways")),
        framework=Framework(**params.pop("framework")),
        duplication=params.pop("duplication"),
        title_forbidden_words=words,
        title_forbidden=_whole_words(words),
        expiring_months_typical=params.pop("expiring_months_typical", None),
        report_within_months=params.pop("report_within_months", None),
        training_scheme_new=params.pop("training_scheme_new"),
        ssb_support=SsbSupport(support.pop("outcome"), support.pop("reply_working_days", None)),
        equivalence=Equivalence(
            equivalence.pop("applications"),
            equivalence.pop("applications_from", None),
            equivalence.pop("applications_until", None),
            equivalence.pop("register"),
        ),
        pilot=_pilot(params.pop("pilot", None)),
        ssb=tuple(_ssb_kind(entry) for entry in params.pop("ssb", ())),
    )
    left = {**given, **params, **support, **equivalence}
    assert not left, f"{read.id}: unknown entries {sorted(left)}"
    assert read.hours_per_credit == HOURS_PER_CREDIT, f"{read.id}: a credit is ten hours in every rule set"
    assert set(read.award_bases) <= set(AWARD_BASES), read.id
    return read


def _pilot(entry: Mapping[str, Any] | None) -> Pilot | None:
    return None if entry is None else Pilot(entry["credits_max"], entry["from"], entry["until"])


def _ssb_kind(entry: Mapping[str, Any]) -> SsbKind:
    return SsbKind(entry["kind"], entry.get("from"), entry.get("until"), entry["may_host"])


def _whole_words(words: Sequence[str]) -> re.Pattern[str] | None:
    """Return the pattern of DOMAIN.md Appendix B for these words: spaces may vary, hyphens may be missing."""
    if not words:
        return None
    either = "|".join(re.escape(word).replace(r"\ ", r"\s+").replace(r"\-", r"[-\s]?") for word in words)
    return re.compile(rf"(?<!\w)({either})(?!\w)", re.IGNORECASE)


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
    code: str, version: int, *, discontinued_on: date | None, last_result_on: date
) -> tuple[Finding, ...]:
    """After discontinuation, only those are awarded who had met every requirement by that day."""
    if discontinued_on is None or last_result_on <= discontinued_on:
        return ()
    return (
        finding(
            "E308",
            column="completed_on",
            code=code,
            version=version,
            discontinued_on=discontinued_on,
            date=last_result_on,
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
