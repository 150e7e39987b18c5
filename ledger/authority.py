"""Who may say what: the keys of a register, by position, and the purpose each statement needs.

Source: LEDGER.md 2 (genesis, keys count by log position), SPEC.md 1.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from ledger.domain.organisation import Organisation
from ledger.domain.register import Register
from ledger.domain.registry import EVENTS
from ledger.errors import Unauthorised
from ledger.ids import public_id
from ledger.keys.keyring import Keyring, RegisteredKey
from ledger.keys.signer import jwk_from_text, jwk_text, thumbprint
from ledger.possession import verify_possession
from ledger.statements import Claims

_PURPOSES = {"key": "keys", "forgetting": "forgetting"}  # by what the type begins with
AUTHORITY_TOPICS = tuple(topic for topic, event_class in EVENTS.items() if event_class.AUTHORITY)


def purpose_of(statement_type: str) -> str:
    """Return the key purpose that a statement type needs."""
    return _PURPOSES.get(statement_type.partition(".")[0], "submission")


def founder(iss: UUID, number: int, name: str, timestamp: datetime) -> Organisation | None:
    """Return the regulator as the founding names it, until it is registered; None for others."""
    if iss != public_id("organisation", number):
        return None
    return Organisation.provisional(iss, number, name, timestamp)


def registrar_key(members: Mapping[str, Any], claims: Claims) -> RegisteredKey:
    """Return the registrar's key as the statement `ledger.founded` brings it: it signs itself in.

    Raises:
        Refusal: (E817) the possession proof does not hold, or is for another organisation or origin.
        Unauthorised: (E909) somebody else says it, or it is said to another log.
    """
    registrar = members["registrar"]
    organisation = public_id("organisation", registrar["number"])
    verify_possession(registrar["possession"], registrar["jwk"], organisation, members["origin"])
    if claims.aud != members["origin"] or claims.iss != organisation:
        raise Unauthorised(
            "the founding is said by the registrar that it names, to the log that it names", code="E909"
        )
    kid = thumbprint(registrar["jwk"])
    return _founding_key(kid, jwk_text(registrar["jwk"]), organisation, ("keys", "submission"))


def keyring_of(register: Register) -> Keyring:
    """Return the keys of a register with their validity by position, the founding's own among them."""
    keys = []
    founding = register.founding
    if founding is not None:
        keys += [
            _founding_key(kid, jwk, public_id("organisation", label), purposes)
            for label, kid, purposes, jwk in founding.first_keys()
        ]
    # After those of the founding, which may have been changed since.
    for kid, key in register.keys.items():
        at = register.key_positions[kid]
        keys.append(
            RegisteredKey(
                kid=kid,
                organisation=key.organisation,
                jwk=jwk_from_text(key.jwk),
                purposes=frozenset(key.purposes),
                custody=key.custody,
                registered_at=at.registered_at,
                retired_at=at.retired_at,
                revoked_at=at.revoked_at,
                suspected_from=key.suspected_from,
                reaffirmed=key.reaffirmed,
                annulled=key.annulled,
            )
        )
    return Keyring(keys)


def _founding_key(kid: str, jwk: str, organisation: UUID, purposes: Iterable[str]) -> RegisteredKey:
    return RegisteredKey(
        kid=kid,
        organisation=organisation,
        jwk=jwk_from_text(jwk),
        purposes=frozenset(purposes),
        custody="own",
        registered_at=1,
        retired_at=None,
        revoked_at=None,
        suspected_from=None,
    )
