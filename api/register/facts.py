"""What the register's JSON says: the same facts that its pages show.

Source: INTERFACES.md 5; CREDENTIALS.md 3 (the addresses that credentials name).
"""

from datetime import date
from typing import Any, NamedTuple

from api.web import words
from ledger.keys.did import provider_did
from projections.directory import Granted, Organisation
from projections.public_register import Listing, PublicRegisterView


class Happened(NamedTuple):
    """One line of a listing's history."""

    on: date
    what: str
    position: int


def history(listing: Listing) -> list[Happened]:
    """Return what became of a version, oldest first."""
    told = [Happened(listing.listed_on, "Listed, current", listing.position)]
    for change in listing.statuses:
        why = words.said(words.CAUSES, change.cause)
        status = words.said(words.STATUSES, change.status)
        told.append(Happened(change.effective_from, f"{status}: {why}", change.position))
    for review in listing.reviews:
        outcome = words.said(words.REVIEW_OUTCOMES, review.outcome)
        told.append(Happened(review.reviewed_on, f"Reviewed: {outcome}", review.position))
    return sorted(told, key=lambda one: (one.on, one.position))


def approval(listing: Listing, regulator: str, on: date) -> dict[str, Any]:
    """Return what the regulator had approved about a version, as on a day."""
    return {
        "code": listing.code,
        "version": listing.version,
        "title": listing.title,
        "as_on": on.isoformat(),
        "approved": listing.status_on(on) is not None,
        "status": listing.status_on(on),
        "approved_by": regulator,
        "listed_on": listing.listed_on.isoformat(),
        "review_due": _day(listing.review_due),
        "qa_approach": listing.qa_approach,
        "support": _support(listing),
        "position": listing.position,
    }


def provider(member: Organisation, host: str, on: date) -> dict[str, Any]:
    """Return who an organisation is and what it may do, as on a day."""
    assert member.number is not None, "providers have numbers"
    return {
        "number": member.number,
        "name": member.name_en,
        "name_mi": member.name_mi,
        "kind": member.kind,
        "did": provider_did(host, member.number),
        "as_on": on.isoformat(),
        "roles": [
            {"role": held.role, "since": held.valid_from.isoformat(), "until": _day(held.ended_on)}
            for held in member.roles
        ],
        "position": member.position,
    }


def accreditation(
    member: Organisation, register: PublicRegisterView, on: date, *, ever: bool = False
) -> dict[str, Any]:
    """Return what a provider may deliver on a day, or with `ever` what it ever might, by code."""
    granted = sorted(
        (one for one in member.accreditations if ever or _holds(one, on)),
        key=lambda one: (one.code, one.valid_from),
    )
    return {
        "number": member.number,
        "name": member.name_en,
        "as_on": on.isoformat(),
        "accreditations": [_granted(one, register, on) for one in granted],
    }


def _granted(one: Granted, register: PublicRegisterView, on: date) -> dict[str, Any]:
    newest = register.listing(one.code, max(one.versions))
    return {
        "code": one.code,
        "versions": list(one.versions),
        "title": one.code if newest is None else newest.title,
        "level": None if newest is None else newest.level,
        "credits": None if newest is None else newest.credits,
        "since": one.valid_from.isoformat(),
        "until": _day(one.ended_on),
        "in_force": _holds(one, on),
        "conditions": one.conditions,
        "position": one.position,
    }


def _holds(one: Granted, on: date) -> bool:
    return one.valid_from <= on and (one.ended_on is None or on <= one.ended_on)


def _support(listing: Listing) -> dict[str, str] | None:
    if listing.support is None:
        return None
    outcome, body, answered_on = listing.support
    return {"outcome": outcome, "body": body, "on": answered_on}


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
