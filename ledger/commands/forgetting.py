"""Forgetting a learner: the regulator's officers ask for it and approve it, never the same key twice.

That the key is one for forgetting, the application has checked before.

Source: LEDGER.md 4 (two people, legal basis, disposal authority).
"""

from uuid import UUID

from ledger.commands.base import Decision, Request
from ledger.commands.checks import NONE, Findings, listed_value, only_regulator
from ledger.domain.claims import forgetting_claims
from ledger.domain.forgetting import (
    LEVEL_STREAMS,
    REQUESTED,
    Forgetting,
    ForgettingApproved,
    ForgettingRequested,
    ForgettingWithdrawn,
)
from ledger.ids import public_id
from ledger.policy.findings import finding
from ledger.policy.framework import FORGETTING_BASES
from ledger.statements import names_somebody


def request_forgetting(request: Request) -> Decision:
    """Decide `forgetting.requested`: a learner who is known, and for whom nobody asked yet."""
    members, learner = request.members, request.learner
    findings = (
        *only_regulator(request),
        *listed_value("basis", members["basis"], FORGETTING_BASES),
        *_names_nobody("authority", members["authority"]),
        *_can_be_forgotten(request),
    )
    if findings:
        return Decision(findings)
    assert learner is not None, "who is not known is refused"
    assert request.new_id is not None, "the application gives an id to what may begin"
    forgetting = Forgetting.begin(
        ForgettingRequested,
        request.new_id,
        request.act,
        subject=_subject(request),
        learner=learner.id,
        level=members["level"],
        kid=request.kid,
        basis=members["basis"],
        authority=members["authority"],
    )
    takes = forgetting_claims(learner.id, forgetting.level)
    return Decision(changed=(forgetting,), takes=takes, reads=(learner,))


def _names_nobody(column: str, text: str) -> Findings:
    """Refuse what would bring back the person: this record is readable when theirs are not any more."""
    return (finding("E848", column=column),) if names_somebody(text) else NONE


def _can_be_forgotten(request: Request) -> Findings:
    learner = request.learner
    if learner is None:
        return (finding("E841"),)
    if request.members["level"] == LEVEL_STREAMS:
        # Only streams of which nothing sealed can be opened any more are cleared.
        return (finding("E849"),) if learner.forgotten_by is None else NONE
    if learner.forgotten_by is not None:
        return (finding("E842"),)
    return NONE if request.forgetting is None else (finding("E843", forgetting=request.forgetting.id),)


def approve_forgetting(request: Request) -> Decision:
    """Decide `forgetting.approved`: a request that waits, approved by another key than made it."""
    refused, forgetting = _waiting(request)
    if forgetting is None:
        return Decision(refused)
    if forgetting.requested_by == request.kid:
        return Decision((finding("E844"),))
    asking = request.register.key(forgetting.requested_by)
    if asking is None or asking.revoked_for is not None:
        # Whoever has one stolen key needs only one more person to sign in good faith.
        return Decision((finding("E847"),))
    forgetting.record(ForgettingApproved, request.act, subject=_subject(request), kid=request.kid)
    return Decision(changed=(forgetting,))


def withdraw_forgetting(request: Request) -> Decision:
    """Decide `forgetting.withdrawn`: a request that waits, taken back by any officer's key."""
    refused, forgetting = _waiting(request)
    if forgetting is None:
        return Decision(refused)
    forgetting.record(
        ForgettingWithdrawn,
        request.act,
        subject=_subject(request),
        learner=forgetting.learner,
        level=forgetting.level,
        kid=request.kid,
    )
    return Decision(changed=(forgetting,), frees=forgetting_claims(forgetting.learner, forgetting.level))


def _waiting(request: Request) -> tuple[Findings, Forgetting | None]:
    """Return the request that a statement names, to change it, or why it cannot be changed."""
    refused = only_regulator(request)
    forgetting = request.forgetting
    if forgetting is None:
        return (*refused, finding("E845")), None
    if forgetting.state != REQUESTED:
        return (*refused, finding("E846", state=forgetting.state)), None
    return (refused, None) if refused else (NONE, forgetting)


def _subject(request: Request) -> UUID:
    """Return the ledger itself: its key outlives the learner's."""
    founding = request.register.founding
    assert founding is not None, "nothing but the founding is decided before it"
    return public_id("ledger", founding.origin)
