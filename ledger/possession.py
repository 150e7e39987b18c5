"""Proof that whoever registers a key holds it.

A JWS by the new key itself over (thumbprint, organisation, origin): copied from another ledger or
for another organisation, it does not hold. An ML-DSA-44 key, which signs checkpoints and nothing
else, proves itself so too; no other JWS may be by one.

Source: LEDGER.md 2 (genesis), SPEC.md 1; RFC 9964 (ML-DSA-44 in a JWS).
"""

from typing import Any
from uuid import UUID

from ledger.domain.register import Register
from ledger.encoding.strict_json import b64url, canonical, parse, unb64url
from ledger.errors import Malformed, Refusal, Unauthorised
from ledger.ids import public_id
from ledger.keys.mldsa import (
    MLDSA44,
    MldsaSigner,
    is_mldsa_jwk,
    mldsa_key_of_jwk,
    mldsa_thumbprint,
    verify_mldsa,
)
from ledger.keys.signer import Signer, jws_sign, jws_verify, thumbprint

POSSESSION_TYP = "key-possession+jws"
_PAYLOAD_MAX_BYTES = 1024
_HEADER_MAX_BYTES = 512
_TOKEN_MAX_CHARS = 8 * 1024
_JWS_PARTS = 3


def prove_possession(signer: Signer | MldsaSigner, organisation: UUID, origin: str) -> str:
    """Return the compact JWS by which a key shows that it is held for that organisation and ledger."""
    claim = canonical(_claim(signer.thumbprint, organisation, origin))
    if isinstance(signer, MldsaSigner):
        signed = f"{b64url(canonical(_mldsa_header(signer.thumbprint)))}.{b64url(claim)}"
        return f"{signed}.{b64url(signer.sign(signed.encode()))}"
    return jws_sign(signer, claim, POSSESSION_TYP)


def verify_possession(token: str, jwk: dict[str, str], organisation: UUID, origin: str) -> None:
    """Check a possession proof.

    Raises:
        Refusal: (E817) it is not by this key, or is for another organisation or ledger.
    """
    try:
        opened, kid = _opened(token, jwk)
        payload = parse(opened, size_max_bytes=_PAYLOAD_MAX_BYTES)
    except (Malformed, Unauthorised) as error:
        raise Refusal("the possession proof is not a signature by the key itself", code="E817") from error
    if payload != _claim(kid, organisation, origin):
        raise Refusal("the possession proof is for another organisation or ledger", code="E817")


def check_possession(members: dict[str, Any], register: Register, origin: str) -> None:
    """Check the proof that a `key.registered` statement carries; unknown organisations are the command's."""
    organisation = register.organisation(members["organisation"])
    stream = organisation.id if organisation else public_id("organisation", members["organisation"])
    verify_possession(members["possession"], members["jwk"], stream, origin)


def _opened(token: str, jwk: dict[str, str]) -> tuple[bytes, str]:
    """Return the payload of a proof that the key in `jwk` signed, and the key's thumbprint."""
    if not is_mldsa_jwk(jwk):
        return jws_verify(token, jwk, POSSESSION_TYP), thumbprint(jwk)
    key, kid = mldsa_key_of_jwk(jwk), mldsa_thumbprint(jwk)
    parts = token.split(".") if len(token) <= _TOKEN_MAX_CHARS else []
    if len(parts) != _JWS_PARTS:
        raise Malformed("this is not a compact JWS")
    head, body, tail = parts
    if parse(unb64url(head), size_max_bytes=_HEADER_MAX_BYTES, depth_max=2) != _mldsa_header(kid):
        raise Malformed("the header is not exactly alg, kid and typ of this key")
    verify_mldsa(key, unb64url(tail), f"{head}.{body}".encode())
    return unb64url(body), kid


def _mldsa_header(kid: str) -> dict[str, str]:
    return {"alg": MLDSA44, "kid": kid, "typ": POSSESSION_TYP}


def _claim(kid: str, organisation: UUID, origin: str) -> dict[str, str]:
    return {"organisation": str(organisation), "origin": origin, "thumbprint": kid}
