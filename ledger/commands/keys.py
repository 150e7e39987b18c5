"""Keys: registered, retired and revoked by their organisation, or by the registrar for anybody.

What a stolen key signed is settled by the registrar alone.

That the private key is held, and that the signing key has the purpose `keys`, the application has
checked before.
"""

from datetime import date

from ledger.commands.base import Decision, Request
from ledger.commands.checks import NONE, Findings, listed_value, not_allowed, only_regulator
from ledger.domain.base import PublicEvent
from ledger.domain.founding import CHECKPOINT, REGISTRAR_PURPOSES
from ledger.domain.key import Key, KeyAnnulled, KeyReaffirmed, KeyRegistered, KeyRetired, KeyRevoked
from ledger.domain.organisation import Organisation
from ledger.domain.register import Register
from ledger.errors import Malformed
from ledger.ids import public_id
from ledger.keys.mldsa import is_mldsa_jwk, mldsa_thumbprint
from ledger.keys.signer import jwk_text, public_key_of_jwk, thumbprint
from ledger.log_keys import OPERATOR, ends_last_ed25519
from ledger.policy.findings import finding
from ledger.policy.framework import CUSTODIES, KEY_END_REASONS, KEY_PURPOSES


def register(request: Request) -> Decision:
    """Decide `key.registered`: a usable public key that no organisation registered before."""
    members = request.members
    organisation = request.register.organisation(members["organisation"])
    if organisation is None:
        return Decision((finding("E809", organisation=members["organisation"]),))
    kid = _kid_for(organisation, members["jwk"], members["purposes"])
    findings = (
        *_own_or_registrar(request, organisation),
        *listed_value("custody", members["custody"], CUSTODIES),
        *_purposes(members["purposes"]),
    )
    if kid is None or request.register.key(kid) is not None:
        findings = (*findings, finding("E817"))
    if kid is None or findings:
        return Decision(findings)
    key = Key.begin(
        KeyRegistered,
        public_id("key", kid),
        request.act,
        kid=kid,
        organisation=organisation.id,
        jwk=jwk_text(members["jwk"]),
        purposes=tuple(sorted(members["purposes"])),
        custody=members["custody"],
        not_before=members["not_before"],
    )
    return Decision(changed=(key,))


def usable_kid(jwk: dict[str, str]) -> str | None:
    """Return the thumbprint of a public key, None when it is no key that can be used here."""
    try:
        public_key_of_jwk(jwk)
    except Malformed:
        return None
    return thumbprint(jwk)


def _kid_for(organisation: Organisation, jwk: dict[str, str], purposes: list[str]) -> str | None:
    """Return the thumbprint of a key that may be registered for these purposes, None where it may not.

    Checkpoints are the operator's to sign, by a key for nothing else, Ed25519 or ML-DSA-44; and an
    ML-DSA-44 key signs nothing but them.

    Source: LEDGER.md 2 (separate keys per purpose), 5.
    """
    if organisation.id == OPERATOR and CHECKPOINT in purposes:
        if purposes != [CHECKPOINT]:
            return None
        if is_mldsa_jwk(jwk):
            return _usable_mldsa_kid(jwk)
        return usable_kid(jwk) if jwk["kty"] == "OKP" else None
    return None if is_mldsa_jwk(jwk) else usable_kid(jwk)


def _usable_mldsa_kid(jwk: dict[str, str]) -> str | None:
    try:
        return mldsa_thumbprint(jwk)
    except Malformed:
        return None


def _own_or_registrar(request: Request, organisation: Organisation) -> Findings:
    if request.actor.id == organisation.id or request.register.is_regulator(request.actor):
        return NONE
    return not_allowed(request, f"{organisation.label} or the registrar")


def _purposes(purposes: list[str]) -> Findings:
    wrong = [purpose for purpose in purposes if purpose not in KEY_PURPOSES]
    if not wrong and purposes and len(set(purposes)) == len(purposes):
        return NONE
    return listed_value("purposes", None, KEY_PURPOSES)


def retire(request: Request) -> Decision:
    """Decide `key.retired`: the key signs nothing after this record."""
    refused, key = _live_key(request)
    if key is None:
        return Decision(refused)
    last = _last_of_its_kind(request, key)
    if last:
        return Decision(last)
    retired_from: date = request.members["from"]
    key.record(KeyRetired, request.act, retired_from=retired_from)
    return Decision(changed=(key,))


def revoke(request: Request) -> Decision:
    """Decide `key.revoked`: the key counts no longer, and perhaps had stopped to earlier.

    A key that was retired can be revoked too, and one that was revoked once more with an earlier
    suspicion: that it was stolen, and since when, may come to light later.
    """
    refused, key = _known_key(request)
    if key is None:
        return Decision(refused)
    since = request.members.get("suspected_from")
    if key.revoked_for is not None and not _is_earlier(since, key.suspected_from):
        return Decision((finding("E826"),))
    findings = (
        *_last_of_its_kind(request, key),
        *listed_value("reason", request.members["reason"], KEY_END_REASONS),
        *_can_be_suspect(request, key, since),
    )
    if findings:
        return Decision(findings)
    key.record(KeyRevoked, request.act, reason=request.members["reason"], suspected_from=since)
    return Decision(changed=(key,))


def _is_earlier(since: int | None, known: int | None) -> bool:
    return since is not None and (known is None or since < known)


def _last_of_its_kind(request: Request, key: Key) -> Findings:
    """Refuse to end a key without which the log, or the registrar, could not go on."""
    if key.ended:
        return NONE
    if ends_last_ed25519(request.register, key.kid):
        return (finding("E830"),)
    return (finding("E829"),) if _is_registrars_last(request.register, key) else NONE


def _is_registrars_last(register: Register, key: Key) -> bool:
    founding = register.founding
    if founding is None or key.organisation != public_id("organisation", founding.registrar_number):
        return False
    kids = {*register.keys, *(kid for _, kid, _, _ in founding.first_keys())} - {key.kid}
    others = [other for kid in kids if (other := register.key(kid)) and not other.ended]
    left = [other.purposes for other in others if other.organisation == key.organisation]
    return not all(any(purpose in purposes for purposes in left) for purpose in REGISTRAR_PURPOSES)


def _can_be_suspect(request: Request, key: Key, since: int | None) -> Findings:
    """Refuse a suspicion from before the key was on record, after it ended, or still to come."""
    if since is None:
        return NONE
    at = request.register.positions_of(key.kid)  # none while it is registered in this same submission
    until = min(request.act.as_of + 1, (at and at.ended_at) or request.act.as_of + 1)
    if at is not None and at.registered_at < since <= until:
        return NONE
    return (finding("E828", column="suspected_from", first=since, last=until),)


def reaffirm(request: Request) -> Decision:
    """Decide `key.reaffirmed`: what a suspected key signed at these positions was its organisation's own."""
    return _settle(request, KeyReaffirmed)


def annul(request: Request) -> Decision:
    """Decide `key.annulled`: what a suspected key signed at these positions its organisation never said."""
    return _settle(request, KeyAnnulled)


def _settle(request: Request, event_class: type[PublicEvent]) -> Decision:
    """Decide what becomes of positions at which a key is suspect: the registrar says it, and may mend it.

    An organisation does not settle by itself: whoever has stolen one of its keys may have another, and
    would clear his own records, or take away those of years.
    """
    refused, key = _known_key(request)
    refused = (*refused, *only_regulator(request))
    if key is None or refused:
        return Decision(refused)
    first, last = request.members["first"], request.members["last"]
    at = request.register.positions_of(key.kid)
    since, until = key.suspected_from, at and at.ended_at
    if since is None or until is None or not since <= first <= last <= until:
        return Decision((finding("E828", first=first, last=last),))
    key.record(event_class, request.act, first=first, last=last)
    return Decision(changed=(key,))


def _live_key(request: Request) -> tuple[Findings, Key | None]:
    """Return a copy to change of a key that is in force, or why it cannot be changed."""
    refused, key = _known_key(request)
    if key is not None and key.ended:
        return (finding("E826"),), None
    return refused, key


def _known_key(request: Request) -> tuple[Findings, Key | None]:
    """Return a copy to change of the key a statement names, or why it cannot be changed."""
    members, register = request.members, request.register
    organisation = register.organisation(members["organisation"])
    if organisation is None:
        return (finding("E809", organisation=members["organisation"]),), None
    refused = _own_or_registrar(request, organisation)
    key = register.key(members["kid"])
    if key is None or key.organisation != organisation.id:
        refused = (*refused, finding("E826"))
    return (refused, None) if refused else (NONE, register.edit_key(members["kid"]))
