"""The law as dated data: one rule set a file, oldest first.

A change of law is a new file: an act is judged by the set in force on the date of the act, for
ever.

Source: DOMAIN.md 3.
"""

import re
import tomllib
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

from ledger.policy.framework import AWARD_BASES, HOURS_PER_CREDIT


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
