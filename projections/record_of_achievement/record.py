"""The Record of Achievement as its learner reads it: what is held, in the words of the register.

Made when it is asked for and kept nowhere: name and NSN are unsealed for it.

Source: DOMAIN.md 6.2 (what the learner needs), 6.3 (the JSON: members that no event can fill yet
are left out).
"""

import base64
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from ledger.clock import civil_date, rfc3339
from ledger.deciding.rows import display_name
from ledger.domain.microcredential import DISCONTINUED
from ledger.policy.framework import notional_hours
from projections.record_of_achievement.facts import Listing, Outcome, RegisterFacts, Unseal
from projections.record_of_achievement.view import Attempt, HeldAward, HeldEnrolment, HeldRecord

AUDIENCE, LANGUAGE = "learner", "en"
MIXED = "mixed"
NSN_SHOWN_DIGITS = 3
NOTES = (
    "A level says how demanding the learning is, from 1 to 10. A credit stands for about ten hours of it.",
    "Credits are counted once: nothing here is counted again inside something else.",
    "Only micro-credentials are shown here. Statements about the equivalence of other learning are not.",
)
NOTE_DISCONTINUED = (
    "A micro-credential marked as discontinued is no longer offered. An award of it remains valid."
)
NOTE_REVOKED = (
    "An award marked as revoked counts no longer. It stays here so that you can see what became of it."
)


@dataclass(frozen=True, slots=True)
class TreeState:
    """The newest checkpoint when a record is made: everything up to `size` can be proven.

    root: 32 bytes, shown as in the checkpoint. host: the did:web host, which URLs begin with.
    """

    size: int
    root: bytes
    host: str


@dataclass(frozen=True, slots=True)
class LearnerShown:
    """Who the learner is; every field None once the learner was forgotten."""

    legal_name: str | None
    nsn_masked: str | None

    def as_json(self) -> dict[str, Any]:
        """Return the member `learner`."""
        return {
            "display_name": self.legal_name,
            "legal_name": self.legal_name,
            "nsn_masked": self.nsn_masked,
        }


@dataclass(frozen=True, slots=True)
class OutcomeShown:
    """One outcome and how it was met; grade and method None while it was not achieved."""

    id: str
    text: str
    standards: tuple[tuple[int, int], ...]
    grade: str | None
    method: str | None
    attempts: tuple[Attempt, ...]

    def as_json(self) -> dict[str, Any]:
        """Return one entry of `outcomes`."""
        return {
            "id": self.id,
            "text": {"en": self.text},
            "standards": [{"no": number, "version": version} for number, version in self.standards],
            "grade": self.grade,
            "method": self.method,
            "attempts": [_attempt(one) for one in self.attempts],
        }


@dataclass(frozen=True, slots=True)
class AwardShown:
    """One award, in the words of the register.

    status_now, status_at_completion: of the listing; a discontinued listing does not lessen an award.
    """

    held: HeldAward
    title: str
    outcomes: tuple[OutcomeShown, ...]
    provider_name: str
    developer_name: str
    quality_assured_by: str
    qa_approach: str
    pathways: str | None
    status_now: str | None
    status_at_completion: str | None
    status_list: str

    @property
    def notional_hours(self) -> int:
        """Hours of learning that its credits stand for."""
        return notional_hours(self.held.credits)

    @property
    def method_summary(self) -> str:
        """How it was achieved: `assessed`, `rpl`, or `mixed`."""
        methods = {method for _, _, method in self.held.results}
        return methods.pop() if len(methods) == 1 else MIXED

    def as_json(self) -> dict[str, Any]:
        """Return one entry of `micro_credentials`."""
        held, revocation = self.held, self.held.revocation
        return {
            "award_id": str(held.award_id),
            "code": held.code,
            "version": held.version,
            "title": {"en": self.title},
            "level": held.level,
            "credits": held.credits,
            "notional_hours": self.notional_hours,
            "completed_on": held.completed_on.isoformat(),
            "conferred_on": held.conferred_on.isoformat(),
            "awarding_provider": {"name": self.provider_name, "edumis": held.awarded_by},
            "developer": {"name": self.developer_name},
            "quality_assured_by": self.quality_assured_by,
            "qa_approach": self.qa_approach,
            "listing_status_now": self.status_now,
            "listing_status_at_completion": self.status_at_completion,
            "outcomes": [outcome.as_json() for outcome in self.outcomes],
            "method_summary": self.method_summary,
            "assessment_language": held.language,
            "pathways": _text(self.pathways),
            "state": held.state,
            "state_since": held.state_since.isoformat(),
            "public_reason": None if revocation is None else revocation.reason,
            "credential": {
                "id": held.credential_id.urn,
                "status_list": self.status_list,
                "status_index": held.status_index,
            },
            "recorded_at": rfc3339(held.recorded_at_us),
            "rule_set": held.ruleset_id,
            "proof": {"position": held.position, "leaf_index": held.position - 1},
        }


@dataclass(frozen=True, slots=True)
class EnrolmentShown:
    """An enrolment that has led to no award yet."""

    held: HeldEnrolment
    title: str
    level: int
    credits: int
    outcomes: tuple[OutcomeShown, ...]
    provider_name: str

    @property
    def achieved(self) -> int:
        """How many outcomes are achieved."""
        return sum(outcome.grade is not None for outcome in self.outcomes)

    def as_json(self) -> dict[str, Any]:
        """Return one entry of `in_progress`."""
        held = self.held
        return {
            "code": held.code,
            "version": held.version,
            "title": {"en": self.title},
            "level": self.level,
            "credits": self.credits,
            "provider": {"name": self.provider_name, "edumis": held.provider},
            "start_on": held.start_on.isoformat(),
            "planned_end_on": None if held.planned_end_on is None else held.planned_end_on.isoformat(),
            "mode": held.mode,
            "language": held.language,
            "outcomes_achieved": self.achieved,
            "outcomes": [outcome.as_json() for outcome in self.outcomes],
        }


@dataclass(frozen=True, slots=True)
class Summary:
    """What the awards in force come to. credits_by_level: (level, credits), lowest level first."""

    credits_by_level: tuple[tuple[int, int], ...]
    in_force: int
    first_awarded: date | None
    last_awarded: date | None

    def as_json(self) -> dict[str, Any]:
        """Return the member `summary`."""
        return {
            "credits_by_level": [
                # One award in force for each code: no credit is counted twice.
                {"level": level, "micro_credentials": total, "unduplicated_total": total}
                for level, total in self.credits_by_level
            ],
            "micro_credentials_in_force": self.in_force,
            "first_awarded": None if self.first_awarded is None else self.first_awarded.isoformat(),
            "last_awarded": None if self.last_awarded is None else self.last_awarded.isoformat(),
        }


@dataclass(frozen=True, slots=True)
class RecordOfAchievement:
    """A learner's record at one moment.

    version: position of the newest record about this learner; the same version, the same facts.
    awards: in force first, each kind newest first. in_progress: newest first.
    """

    version: int
    as_at_us: int
    tree: TreeState
    learner: LearnerShown
    summary: Summary
    awards: tuple[AwardShown, ...]
    in_progress: tuple[EnrolmentShown, ...]
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the record as the learner gets it, failed attempts included. Source: DOMAIN.md 6.3."""
        return {
            "roa_version": self.version,
            "as_at": rfc3339(self.as_at_us),
            "tree_size": self.tree.size,
            "root": base64.b64encode(self.tree.root).decode(),
            "audience": AUDIENCE,
            "language": LANGUAGE,
            "learner": self.learner.as_json(),
            "summary": self.summary.as_json(),
            "micro_credentials": [award.as_json() for award in self.awards],
            "in_progress": [enrolment.as_json() for enrolment in self.in_progress],
            "corrections": [],
            "notes": list(self.notes),
        }


def record_of(
    held: HeldRecord, register: RegisterFacts, unseal: Unseal, tree: TreeState, as_at_us: int
) -> RecordOfAchievement:
    """Return a learner's record.

    Args:
        held: what is recorded about the learner.
        register: the register as at the same position.
        unseal: opens the record that holds name and NSN.
        tree: the newest checkpoint.
        as_at_us: microseconds since 1970; which day "now" is.
    """
    today = civil_date(as_at_us)
    awards = tuple(_award(held, award, register, tree.host, today) for award in held.awards)
    return RecordOfAchievement(
        version=held.newest,
        as_at_us=as_at_us,
        tree=tree,
        learner=_learner(unseal(held.learner_id, (held.registered_at,)).get(held.registered_at)),
        summary=_summary(held.awards),
        awards=awards,
        in_progress=tuple(_in_progress(enrolment, register) for enrolment in held.in_progress),
        notes=_notes(awards),
    )


def masked(nsn: str) -> str:
    """Return an NSN with its last three digits alone to be seen; how many are hidden is not shown."""
    return f"•••••• {nsn[-NSN_SHOWN_DIGITS:]}"


def _learner(fields: Mapping[str, Any] | None) -> LearnerShown:
    return (
        LearnerShown(None, None)
        if fields is None
        else LearnerShown(display_name(dict(fields)), masked(fields["nsn"]))
    )


def _award(
    record: HeldRecord, held: HeldAward, register: RegisterFacts, host: str, today: date
) -> AwardShown:
    listing = _listing(register, held.code, held.version)
    enrolment = record.enrolment(held.enrolment_id)
    counted = {outcome: (grade, method) for outcome, grade, method in held.results}
    return AwardShown(
        held=held,
        title=listing.title,
        outcomes=tuple(_outcome(one, counted.get(one.id), enrolment) for one in listing.outcomes),
        provider_name=register.organisation_name(held.awarded_by),
        developer_name=listing.developer_name,
        quality_assured_by=register.regulator_name(),
        qa_approach=listing.qa_approach,
        pathways=listing.pathways,
        status_now=listing.status_on(today),
        status_at_completion=listing.status_on(held.completed_on),
        status_list=f"https://{host}/status/{held.awarded_by}/{held.status_list}",
    )


def _in_progress(held: HeldEnrolment, register: RegisterFacts) -> EnrolmentShown:
    listing = _listing(register, held.code, held.version)
    best = {one.id: held.best(one.id) for one in listing.outcomes}
    counted = {name: (one.grade, one.method) for name, one in best.items() if one is not None}
    return EnrolmentShown(
        held=held,
        title=listing.title,
        level=listing.level,
        credits=listing.credits,
        outcomes=tuple(_outcome(one, counted.get(one.id), held) for one in listing.outcomes),
        provider_name=register.organisation_name(held.provider),
    )


def _listing(register: RegisterFacts, code: str, version: int) -> Listing:
    listing = register.listing(code, version)
    assert listing is not None, "nobody is enrolled in what was never listed"
    return listing


def _outcome(
    outcome: Outcome, counted: tuple[str, str] | None, enrolment: HeldEnrolment | None
) -> OutcomeShown:
    grade, method = counted or (None, None)
    return OutcomeShown(
        id=outcome.id,
        text=outcome.text,
        standards=tuple(outcome.standards),
        grade=grade,
        method=method,
        attempts=() if enrolment is None else enrolment.attempts_at(outcome.id),
    )


def _summary(awards: Iterable[HeldAward]) -> Summary:
    in_force = [award for award in awards if award.revocation is None]
    totals: defaultdict[int, int] = defaultdict(int)
    for award in in_force:
        totals[award.level] += award.credits
    days = [award.conferred_on for award in in_force]
    return Summary(
        tuple(sorted(totals.items())), len(in_force), min(days, default=None), max(days, default=None)
    )


def _notes(awards: Iterable[AwardShown]) -> tuple[str, ...]:
    shown = list(awards)
    discontinued = any(award.status_now == DISCONTINUED for award in shown)
    revoked = any(award.held.revocation is not None for award in shown)
    return (*NOTES, *((NOTE_DISCONTINUED,) * discontinued), *((NOTE_REVOKED,) * revoked))


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "attempt": attempt.attempt,
        "grade": attempt.grade,
        "method": attempt.method,
        "assessed_on": attempt.assessed_on.isoformat(),
        "language": attempt.language,
        "recorded_at": rfc3339(attempt.recorded_at_us),
        "rule_set": attempt.ruleset_id,
        "position": attempt.position,
    }


def _text(text: str | None) -> dict[str, str] | None:
    return None if text is None else {"en": text}
