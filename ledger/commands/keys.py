"""Keys: registered, retired and revoked by their organisation, or by the registrar for anybody.

That the private key is held, and that the signing key has the purpose `keys`, the application has
checked before.
"""

from datetime import date

from ledger.commands.base import Decision, Request
from ledger.commands.checks import NONE, Findings, listed_value, not_allowed
from ledger.domain.key import Key, KeyRegistered, KeyRetired, KeyRevoked
from ledger.domain.organisation import Organisation
from ledger.domain.register import Register
from ledger.errors import Malformed
from ledger.ids import public_id
from ledger.keys.signer import jwk_text, public_key_of_jwk, thumbprint
from ledger.policy.findings import finding
from ledger.policy.framework import CUSTODIES, KEY_PURPOSES


def register(request: Request) -> Decision:
    """Decide `key.registered`: a usable public key that no organisation registered before."""
    members = request.members
    organisation = request.register.organisation(members["organisation"])
    if organisation is None:
        return Decision((finding("E809", organisation=members["organisation"]),))
    kid = usable_kid(members["jwk"])
    findings = (
        *_own_or_registrar(request, organisation),
        *listed_value("custody", members["custody"], CUSTODIES),
        *_purposes(members["purposes"]),
    )
    if kid is None or _is_registered(request.register, kid, members["jwk"]):
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


def _is_registered(held: Register, kid: str, jwk: dict[str, str]) -> bool:
    """Whether a key is on the register already; those of the founding are, without a record of their own."""
    founded = held.founding.key_texts() if held.founding else ()
    return kid in held.keys or jwk_text(jwk) in founded


def usable_kid(jwk: dict[str, str]) -> str | None:
    """Return the thumbprint of a public key, None when it is no key that can be used here."""
    try:
        public_key_of_jwk(jwk)
    except Malformed:
        return None
    return thumbprint(jwk)


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
    retired_from: date = request.members["from"]
    key.record(KeyRetired, request.act, retired_from=retired_from)
    return Decision(changed=(key,))


def revoke(request: Request) -> Decision:
    """Decide `key.revoked`: the key counts no longer, and perhaps had stopped to earlier."""
    refused, key = _live_key(request)
    if key is None:
        return Decision(refused)
    key.record(
        KeyRevoked,
        request.act,
        reason=request.members["reason"],
        suspected_from=request.members.get("suspected_from"),
    )
    return Decision(changed=(key,))


def _live_key(request: Request) -> tuple[Findings, Key | None]:
    """Return a copy to change of the key a statement names, or why it cannot be changed."""
    members, register = request.members, request.register
    organisation = register.organisation(members["organisation"])
    if organisation is None:
        return (finding("E809", organisation=members["organisation"]),), None
    refused = _own_or_registrar(request, organisation)
    key = register.keys.get(members["kid"])
    if key is None or key.organisation != organisation.id or key.ended:
        refused = (*refused, finding("E826"))
    return (refused, None) if refused else (NONE, register.edit_key(members["kid"]))
