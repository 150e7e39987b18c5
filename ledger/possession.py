"""Proof that whoever registers a key holds it.

A JWS by the new key itself over (thumbprint, organisation, origin): copied from another ledger or
for another organisation, it does not hold.

Source: LEDGER.md 2 (genesis), SPEC.md 1.
"""

from typing import Any
from uuid import UUID

from ledger.domain.register import Register
from ledger.encoding.strict_json import canonical, parse
from ledger.errors import Malformed, Refusal, Unauthorised
from ledger.ids import public_id
from ledger.keys.signer import Signer, jws_sign, jws_verify, thumbprint

POSSESSION_TYP = "key-possession+jws"
_PAYLOAD_MAX_BYTES = 1024


def prove_possession(signer: Signer, organisation: UUID, origin: str) -> str:
    """Return the compact JWS by which a key shows that it is held for that organisation and ledger."""
    return jws_sign(signer, canonical(_claim(signer.thumbprint, organisation, origin)), POSSESSION_TYP)


def verify_possession(token: str, jwk: dict[str, str], organisation: UUID, origin: str) -> None:
    """Check a possession proof.

    Raises:
        Refusal: (E817) it is not by this key, or is for another organisation or ledger.
    """
    try:
        payload = parse(jws_verify(token, jwk, POSSESSION_TYP), size_max_bytes=_PAYLOAD_MAX_BYTES)
    except (Malformed, Unauthorised) as error:
        raise Refusal("the possession proof is not a signature by the key itself", code="E817") from error
    if payload != _claim(thumbprint(jwk), organisation, origin):
        raise Refusal("the possession proof is for another organisation or ledger", code="E817")


def check_possession(members: dict[str, Any], register: Register, origin: str) -> None:
    """Check the proof that a `key.registered` statement carries; unknown organisations are the command's."""
    organisation = register.organisation(members["organisation"])
    stream = organisation.id if organisation else public_id("organisation", members["organisation"])
    verify_possession(members["possession"], members["jwk"], stream, origin)


def _claim(kid: str, organisation: UUID, origin: str) -> dict[str, str]:
    return {"organisation": str(organisation), "origin": origin, "thumbprint": kid}
