"""Checks 3, 5, 8 and 9: signatures, dates, issuer, accreditation on the day of award.

Source: CREDENTIALS.md 6; DOMAIN.md 4.1, rule 8.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import TypeAlias

from ..errors import Malformed, Refused
from .facts import Award
from .plain import CLOCK_SKEW, day_of, instant, instant_of_us, long_date, long_instant, new_zealand_day, shown
from .proofs import PURPOSE, Document, Method, Secured, Unsupported, method_of
from .trust import Issuer, Listing, Trust
from .verdict import NO_TRUST, OLD_TRUST, Answer, Result, failed, not_checked, passed, warning

_NOT_ACCREDITED = "not-accredited"
# Reasons not to pass a check; the first one is its answer, and nothing after it is looked at.
Objections: TypeAlias = Iterator[Answer]
_SMALL = re.compile(r"[0-9]{1,9}")


# ------------------------------------------------------------------ 3 signatures


def signatures(secured: Secured | Malformed) -> Answer:
    """Answer check 3: every proof holds, and one of them is the issuer's word (assertionMethod)."""
    if isinstance(secured, Malformed):
        return _BAD_FORM
    return next(
        _signature_objections(secured),
        passed("signature", "The signature holds: nothing was changed since it was signed."),
    )


def _signature_objections(secured: Secured) -> Objections:
    if not any(proof.get("proofPurpose") == PURPOSE for proof in secured.proofs):
        yield failed("unsigned", "It is not signed: anyone could have written it.")
    answers = [_signature_objection(secured, proof) for proof in secured.proofs]
    # A proof that does not hold counts before one that cannot be judged.
    for result in (Result.FAILED, Result.NOT_CHECKED):
        yield from (answer for answer in answers if answer is not None and answer.result is result)


def _signature_objection(secured: Secured, proof: Document) -> Answer | None:
    try:
        secured.verify(proof)
    except Unsupported:
        return not_checked(
            "signature-kind", "It is signed in a way that this program does not know: use a newer one."
        )
    except Refused:
        return failed(
            "signature",
            "The signature does not hold: something was changed after it was signed, or it never was.",
        )
    except Malformed as error:
        if error.code in _OF_THE_SIGNATURE:
            return _BAD_FORM
        return not_checked(
            "signature-uncovered",
            "It holds things that no signature can cover, so its signature says nothing.",
        )
    return None


_BAD_FORM = failed("signature-form", "Its signature is not made as it should be, so it proves nothing.")
# Faults of the proof itself; others are faults of the document, which check 2 names.
_OF_THE_SIGNATURE = frozenset(("multibase", "multikey", "method", "proof-form", "signature-size"))


def signing_method(secured: Secured | Malformed) -> Method | None:
    """Return the method of the first proof with purpose assertionMethod, the one that counts, or None."""
    proofs = () if isinstance(secured, Malformed) else secured.proofs
    counting = next((proof for proof in proofs if proof.get("proofPurpose") == PURPOSE), {})
    try:
        return method_of(counting)
    except Malformed:
        return None


# ------------------------------------------------------------------ 5 dates


def dates(document: Document, award: Award | None, now_us: int) -> Answer:
    """Answer check 5: it counts already, has not expired, and its dates follow each other.

    Args:
        document: the credential.
        award: what it says, where it is an award; None for a record.
        now_us: microseconds since 1970.
    """
    start = instant(document.get("validFrom"))
    if start is None:
        return not_checked("dates-missing", "It does not say from when on it counts.")
    return next(
        _date_objections(document, award, start, instant_of_us(now_us)),
        passed("dates", "Its dates are in order, and it has not expired."),
    )


def _date_objections(document: Document, award: Award | None, start: datetime, now: datetime) -> Objections:
    if start > now + CLOCK_SKEW:
        yield failed("not-yet-valid", f"It counts only from {long_instant(start)} on.")
    until = instant(document.get("validUntil"))
    if until is None and "validUntil" in document:
        yield not_checked("dates-missing", "It does not say clearly until when it counts.")
    if until is not None and until < now:
        yield failed("expired", f"It expired on {long_instant(until)}.")
    proofs = document.get("proof")
    for proof in proofs if isinstance(proofs, list) else [proofs]:
        expires = instant(proof.get("expires")) if isinstance(proof, Mapping) else None
        if expires is not None and expires < now:
            yield failed("signature-expired", f"Its signature expired on {long_instant(expires)}.")
    if award is not None and not _in_order(document, award, new_zealand_day(start)):
        yield failed("dates-order", "Its dates contradict each other.")


def _in_order(document: Document, award: Award, signed_on: date) -> bool:
    """Begin, complete, award, sign: each not before the one before it, where they are given."""
    subject = document.get("credentialSubject")
    began_on = day_of(subject.get("activityStartDate")) if isinstance(subject, Mapping) else None
    days = [one for one in (began_on, award.completed_on, award.awarded_on, signed_on) if one is not None]
    return days == sorted(days)


# ------------------------------------------------------------------ 8 issuer


def provider_recognised(award: Award, size: int | None, trust: Trust | None) -> Answer:
    """Answer check 8 for an award: the trust file knows its issuer as a provider, by number and name."""
    if trust is None:
        return not_checked(NO_TRUST, "Without a trust file it could not be checked who issued it.")
    known = trust.issuers.get(award.issuer or "")
    if known is None and trust.older_than(size):
        return OLD_TRUST
    if known is None:
        return failed(
            "issuer-unknown", "Its issuer is not among the providers that the trust file recognises."
        )
    if award.issuer_number != str(known.number):
        return failed("issuer-number", "Its issuer goes by another provider number than the trust file has.")
    return _named(award.issuer_name, known, "a provider")


def operator_recognised(issuer: str | None, name: str | None, trust: Trust | None) -> Answer:
    """Answer check 8 for a record: it is issued by whoever runs the ledger, and by nobody else."""
    if trust is None:
        return not_checked(NO_TRUST, "Without a trust file it could not be checked who issued it.")
    if issuer != trust.operator.did:
        return failed("issuer-not-operator", "It is not issued by whoever runs the ledger that you trust.")
    return _named(name, trust.operator, "the ledger")


def _named(name: str | None, known: Issuer, what: str) -> Answer:
    registered = shown(known.name, 80)
    if name != known.name:
        return warning("issuer-name", f"Its issuer is recognised, but under another name: {registered}.")
    return passed("issuer", f"{registered} is recognised as {what} by your trust file.")


# ------------------------------------------------------------------ 9 accreditation


def accredited(award: Award, size: int | None, now_us: int, trust: Trust | None) -> Answer:
    """Answer check 9: on the day of award the provider was accredited, and the micro-credential listed."""
    if trust is None:
        return not_checked(NO_TRUST, "Without a trust file it could not be checked who may award it.")
    known, on, version = trust.issuers.get(award.issuer or ""), award.awarded_on, _version(award)
    if known is None or on is None or award.code is None or version is None:
        return not_checked("award-unclear", "It could not be checked who awarded what, and when.")
    listing = trust.listings.get((award.code, version))
    if listing is None and trust.older_than(size):
        return OLD_TRUST
    if listing is None:
        return failed("not-listed", "The register does not list this version of the micro-credential.")
    today = new_zealand_day(instant_of_us(now_us))
    objection = next(_award_objections(award, known, listing, on), None)
    if objection is not None and objection.code == _NOT_ACCREDITED and trust.older_than(size):
        return OLD_TRUST
    return objection or _today(listing, known, today, long_date(on))


def _award_objections(award: Award, known: Issuer, listing: Listing, on: date) -> Objections:
    day = long_date(on)
    if on < listing.listed_on:
        yield failed("not-yet-listed", f"The micro-credential was listed only after the day of award, {day}.")
    if _too_late(listing, award, on):
        yield failed("discontinued", f"The micro-credential was discontinued before the day of award, {day}.")
    if not any(one.covers(listing.code, listing.version, on) for one in known.accreditations):
        name = shown(known.name, 80)
        if award.accreditation is None:
            # A developer, or the regulator, may award with good reason: the log took it.
            sentence = f"{name} was not accredited on {day}; it awarded on another ground."
            yield warning("other-ground", sentence)
        yield failed(_NOT_ACCREDITED, f"{name} was not accredited to award it on {day}.")


def _too_late(listing: Listing, award: Award, on: date) -> bool:
    """After it is discontinued, only those are awarded who had met every requirement by that day."""
    ended = listing.discontinued_on
    return ended is not None and on >= ended and (award.completed_on is None or award.completed_on > ended)


def _today(listing: Listing, known: Issuer, today: date, day: str) -> Answer:
    """What ended since is a note, not a fault."""
    name = shown(known.name, 80)
    then = f"On the day of award, {day}, {name} was accredited to award it, and it was listed in the register"
    if not any(one.covers(listing.code, listing.version, today) for one in known.accreditations):
        return warning("no-longer-accredited", f"{then}; since then the accreditation has ended.")
    if listing.discontinued_on is not None and today >= listing.discontinued_on:
        return warning("no-longer-listed", f"{then}; since then the micro-credential was discontinued.")
    return passed("accredited", f"{then}.")


def _version(award: Award) -> int | None:
    return int(award.version) if award.version and _SMALL.fullmatch(award.version) else None
