"""Listings: what the regulator puts on the register, its status, its reviews."""

from datetime import date
from typing import Any

from ledger.commands.base import Decision, Request
from ledger.commands.checks import (
    NONE,
    Findings,
    listed_value,
    not_before,
    not_in_future,
    only_regulator,
    rule_set,
)
from ledger.domain.microcredential import (
    DISCONTINUED,
    EXPIRING,
    Microcredential,
    MicrocredentialRegistered,
    MicrocredentialReviewed,
    MicrocredentialStatusSet,
)
from ledger.domain.organisation import Organisation
from ledger.ids import public_id
from ledger.policy import rules
from ledger.policy.findings import BLOCK, finding
from ledger.policy.framework import (
    LANGUAGES,
    QA_APPROACHES,
    REVIEW_OUTCOMES,
    STATUS_CAUSES,
    is_code,
    is_ssb,
)

Support = tuple[str, str, date]

_GOES_ON = frozenset({"continue", "change"})
_ANSWERING_KINDS = frozenset({"nzqa", "moe"})  # they set standards too


def register(request: Request) -> Decision:
    """Decide `microcredential.registered`: a new version that the rules of its day allow to list."""
    members = request.members
    developer = request.register.organisation(members["developer"])
    findings = (
        *only_regulator(request),
        *_new_version(request),
        *not_in_future(request, "listed_on", members["listed_on"]),
        *_content(request),
    )
    if developer is None:
        return Decision((*findings, finding("E809", column="developer", organisation=members["developer"])))
    support = _support(members.get("ssb_support"))
    findings = (*findings, *_support_findings(request, developer, support))
    if any(one.severity == BLOCK for one in findings):
        return Decision(findings)
    return Decision(findings, changed=(_listing(request, developer, support),))


def _new_version(request: Request) -> Findings:
    code, version = request.members["code"], request.members["version"]
    if not is_code(code):
        return (finding("E206", code=code),)
    versions = request.register.versions.get(code, ())
    if version in versions:
        return (finding("E812", column="version", what=f"{code} version {version}"),)
    following = (versions[-1] if versions else 0) + 1
    return NONE if version == following else (finding("E823", code=code, version=version, next=following),)


def _content(request: Request) -> Findings:
    members, ruleset = request.members, rule_set(request)
    refused = rules.before_first_rules(ruleset, "listed_on", members["listed_on"])
    if refused:
        return refused
    languages = [one for language in members["languages"] for one in _language(language)]
    return (
        *rules.title_words(ruleset, members["title"]),
        *rules.r01_credits(ruleset, members["credits"]),
        *rules.r03_level(ruleset, members["level"]),
        *rules.r04_hours(ruleset, members["credits"], members.get("hours")),
        *rules.r10_outcomes([(outcome["id"], outcome["text"]) for outcome in members["outcomes"]]),
        *rules.r19_review_period(ruleset, members["review_months"]),
        *listed_value("qa_approach", members["qa_approach"], QA_APPROACHES),
        *languages[:1],
    )


def _language(language: str) -> Findings:
    return listed_value("languages", language, LANGUAGES)


def _support(given: dict[str, Any] | None) -> Support | None:
    """Return the standard-setting body's answer, None where the listing shows none."""
    return None if given is None else (given["outcome"], given["ssb"], given["on"])


def _support_findings(request: Request, developer: Organisation, support: Support | None) -> Findings:
    if support is not None:
        body = request.register.organisation(support[1])
        if body is None:
            return (finding("E809", column="ssb_support", organisation=support[1]),)
        if not is_ssb(body.kind) and body.kind not in _ANSWERING_KINDS:
            return (finding("E805", date=request.members["listed_on"]),)
    return rules.r18_support(rule_set(request), developer.kind, request.members["listed_on"], support)


def _listing(request: Request, developer: Organisation, support: Support | None) -> Microcredential:
    members = request.members
    return Microcredential.begin(
        MicrocredentialRegistered,
        public_id("microcredential", members["code"], members["version"]),
        request.act,
        code=members["code"],
        version=members["version"],
        title=members["title"],
        purpose=members["purpose"],
        relevance=members["relevance"],
        level=members["level"],
        credits=members["credits"],
        nzsced=members["nzsced"],
        outcomes=tuple(_outcome(outcome) for outcome in members["outcomes"]),
        assessment=members["assessment"],
        developer=developer.label,
        qa_approach=members["qa_approach"],
        review_months=members["review_months"],
        listed_on=members["listed_on"],
        pathways=members.get("pathways"),
        languages=tuple(members["languages"]),
        support=None if support is None else (*support[:2], support[2].isoformat()),
        review_due=rules.review_due(members["listed_on"], members["review_months"]),
    )


def _outcome(outcome: dict[str, Any]) -> tuple[str, str, tuple[tuple[int, int], ...]]:
    standards = tuple((one["no"], one["version"]) for one in outcome.get("standards", ()))
    return outcome["id"], outcome["text"], standards


def set_status(request: Request) -> Decision:
    """Decide `microcredential.status_set`: current, expiring, discontinued, in that order.

    Source: DOMAIN.md 0.4; 4.1, rule 8.
    """
    members = request.members
    findings = (*only_regulator(request), *listed_value("cause", members["cause"], STATUS_CAUSES))
    listing = request.register.microcredentials.get((members["code"], members["version"]))
    if listing is None:
        return Decision((*findings, _not_listed(request)))
    status, effective_from = members["status"], members["from"]
    findings = (
        *findings,
        *listed_value("status", status, (EXPIRING, DISCONTINUED)),
        *_next_status(listing, status),
        *not_before("from", effective_from, listing.expiring_from or listing.listed_on),
    )
    if findings:
        return Decision(findings)
    changed = request.register.edit_microcredential(listing.code, listing.mc_version)
    changed.record(
        MicrocredentialStatusSet,
        request.act,
        status=status,
        effective_from=effective_from,
        cause=members["cause"],
    )
    return Decision(changed=(changed,))


def _next_status(listing: Microcredential, wanted: str) -> Findings:
    status, following = "current", EXPIRING
    if listing.discontinued_on is not None:
        status, following = DISCONTINUED, ""
    elif listing.expiring_from is not None:
        status, following = EXPIRING, DISCONTINUED
    if wanted == following:
        return NONE
    return (finding("E813", code=listing.code, version=listing.mc_version, status=status, wanted=wanted),)


def review(request: Request) -> Decision:
    """Decide `microcredential.reviewed`: when the next review is due, unless there is to be none.

    Source: R19; DOMAIN.md 3.2, review due.
    """
    members = request.members
    findings = (
        *only_regulator(request),
        *listed_value("outcome", members["outcome"], REVIEW_OUTCOMES),
        *not_in_future(request, "reviewed_on", members["reviewed_on"]),
    )
    listing = request.register.microcredentials.get((members["code"], members["version"]))
    if listing is None:
        return Decision((*findings, _not_listed(request)))
    reviewed_on, next_due = members["reviewed_on"], members.get("next_due")
    findings = (
        *findings,
        *not_before("reviewed_on", reviewed_on, listing.listed_on),
        *_next_review(request, listing, next_due),
    )
    if findings:
        return Decision(findings)
    if next_due is None and members["outcome"] in _GOES_ON:
        next_due = rules.review_due(reviewed_on, listing.review_months)
    changed = request.register.edit_microcredential(listing.code, listing.mc_version)
    changed.record(
        MicrocredentialReviewed,
        request.act,
        reviewed_on=reviewed_on,
        outcome=members["outcome"],
        next_due=next_due,
    )
    return Decision(changed=(changed,))


def _next_review(request: Request, listing: Microcredential, next_due: date | None) -> Findings:
    """A given date lies after the review, and no further off than the longest period allowed.

    The period counts from the review, or from the day it was due: an early review loses no time.
    """
    reviewed_on = request.members["reviewed_on"]
    if next_due is None or reviewed_on > request.act.decided_on:  # a review to come is refused already
        return NONE
    if next_due <= reviewed_on:
        return (finding("E824", column="next_due", date=next_due, earliest=reviewed_on),)
    ruleset, counted_from = rule_set(request), max(reviewed_on, listing.review_due or reviewed_on)
    longest = max(ruleset.review_months, default=0)
    if next_due <= rules.review_due(counted_from, longest):
        return NONE
    months = (next_due.year - counted_from.year) * 12 + next_due.month - counted_from.month
    allowed = ", ".join(map(str, ruleset.review_months))
    return (finding("E804", column="next_due", months=months, ruleset=ruleset.id, allowed=allowed),)


def _not_listed(request: Request) -> Any:
    return finding("E814", code=request.members["code"], version=request.members["version"])
