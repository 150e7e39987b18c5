"""The few pieces of JOSE and JSON that the kit needs, each in its strictest form.

JSON is read with duplicate keys, NaN and trailing bytes refused; written as JCS (RFC 8785).
Signatures are compact JWS whose header holds `alg`, `kid` and `typ`, nothing else, and whose
algorithm is fixed by the key, never by the header.

Source: LEDGER.md 2.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from .errors import Malformed, Refused

HEADER_MEMBERS = frozenset(("alg", "kid", "typ"))
ALG_ALIASES = {"Ed25519": ("Ed25519", "EdDSA"), "ES256": ("ES256",)}
JWS_SIZE_MAX_BYTES = 32 * 1024 * 1024  # an acknowledgement of 100 000 rows is about 10 MB
_COORDINATE_BYTES = 32
_JWS_PARTS = 3

PublicKey: TypeAlias = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey


class Signer(Protocol):
    """Something that signs for one registered key; `keys.ProviderKey` is one."""

    @property
    def alg(self) -> str:
        """`Ed25519` or `ES256`."""
        ...

    @property
    def thumbprint(self) -> str:
        """RFC 7638 thumbprint of the public key, the `kid` of everything signed."""
        ...

    def sign(self, data: bytes) -> bytes:
        """Return the raw signature, 64 bytes (ES256: r || s)."""
        ...


# ------------------------------------------------------------------ base64url and JSON


def b64url(data: bytes) -> str:
    """Return unpadded base64url."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def unb64url(text: str) -> bytes:
    """Return the bytes of unpadded base64url; padding, other signs and loose last bits are refused.

    Raises:
        Malformed: the text is not the one spelling of some bytes.
    """
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error) as error:
        raise Malformed("this is not base64url") from error
    if b64url(data) != text:
        raise Malformed("this is not unpadded base64url in its one spelling")
    return data


def canonical(value: Any) -> bytes:
    """Return the JCS form (RFC 8785) of a JSON value, UTF-8.

    Raises:
        Malformed: the value has no such form (a lone surrogate, an integer past 2**53, NaN).
    """
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, RecursionError) as error:
        raise Malformed("this value has no canonical JSON form") from error


def read_json(data: bytes | str) -> Any:
    """Return the value of one JSON text; duplicate keys, NaN, infinity, trailing data are refused.

    Raises:
        Malformed: not UTF-8, not JSON, or JSON that two readers could read differently.
    """
    try:
        text = data if isinstance(data, str) else data.decode("utf-8")
        return json.loads(text, object_pairs_hook=_members, parse_constant=_no_constant)
    except Malformed:
        raise
    except (ValueError, RecursionError) as error:
        raise Malformed("this is not JSON") from error


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Malformed("a JSON object names one member twice")
    return members


def _no_constant(name: str) -> Any:
    raise Malformed(f"{name} is not JSON")


# ------------------------------------------------------------------ keys


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """Return the RFC 7638 thumbprint of a public key: base64url of SHA-256 over its required members.

    Raises:
        Malformed: not an Ed25519 or P-256 public key.
    """
    members = ("crv", "kty", "x") if alg_of(jwk) == "Ed25519" else ("crv", "kty", "x", "y")
    return b64url(hashlib.sha256(canonical({name: jwk[name] for name in members})).digest())


def alg_of(jwk: Mapping[str, Any]) -> str:
    """Return the one algorithm a public key may be used with: `Ed25519` or `ES256`.

    Raises:
        Malformed: another kind of key, or a private one where a public one belongs.
    """
    if "d" in jwk:
        raise Malformed("this is a private key; a public key is needed here")
    kind = (jwk.get("kty"), jwk.get("crv"))
    if kind == ("OKP", "Ed25519") and isinstance(jwk.get("x"), str):
        return "Ed25519"
    if kind == ("EC", "P-256") and isinstance(jwk.get("x"), str) and isinstance(jwk.get("y"), str):
        return "ES256"
    raise Malformed("this is not an Ed25519 or P-256 public key")


def public_key_of(jwk: Mapping[str, Any]) -> PublicKey:
    """Return the key that a public JWK describes.

    Raises:
        Malformed: not an Ed25519 or P-256 public key, or not a point on the curve.
    """
    alg = alg_of(jwk)
    try:
        if alg == "Ed25519":
            return ed25519.Ed25519PublicKey.from_public_bytes(unb64url(jwk["x"]))
        x, y = unb64url(jwk["x"]), unb64url(jwk["y"])
        if len(x) != _COORDINATE_BYTES or len(y) != _COORDINATE_BYTES:
            raise Malformed("a P-256 coordinate has 32 bytes")
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + x + y)
    except ValueError as error:
        raise Malformed("this is not a public key") from error


def jwk_of(key: PublicKey) -> dict[str, str]:
    """Return the public JWK of a key, required members only."""
    if isinstance(key, ed25519.Ed25519PublicKey):
        return {"crv": "Ed25519", "kty": "OKP", "x": b64url(key.public_bytes_raw())}
    numbers = key.public_numbers()
    x, y = (number.to_bytes(_COORDINATE_BYTES, "big") for number in (numbers.x, numbers.y))
    return {"crv": "P-256", "kty": "EC", "x": b64url(x), "y": b64url(y)}


# ------------------------------------------------------------------ JWS


def sign_jws(signer: Signer, payload: bytes, typ: str) -> str:
    """Return a compact JWS with the header {alg, kid, typ} and nothing else."""
    header = canonical({"alg": signer.alg, "kid": signer.thumbprint, "typ": typ})
    signing_input = f"{b64url(header)}.{b64url(payload)}"
    return f"{signing_input}.{b64url(signer.sign(signing_input.encode('ascii')))}"


def open_jws(token: str, jwk: Mapping[str, Any], typ: str) -> bytes:
    """Return the payload of a compact JWS after checking it against one public key.

    Raises:
        Malformed: not a compact JWS with exactly the header {alg, kid, typ}, or a bad key.
        Refused: another key, algorithm or kind of token, or the signature is not valid.
    """
    header, payload, signing_input, signature = read_jws(token)
    if header["typ"] != typ:
        raise Refused(f"the signed token is not a {typ}")
    if header["alg"] not in ALG_ALIASES[alg_of(jwk)]:
        raise Refused("the signed token names an algorithm that its key does not have")
    if header["kid"] != thumbprint(jwk):
        raise Refused("the signed token names another key")
    if not _valid(public_key_of(jwk), signing_input, signature):
        raise Refused("the signature is not valid")
    return payload


def read_jws(token: str) -> tuple[dict[str, str], bytes, bytes, bytes]:
    """Return (header, payload, signing input, signature) of a compact JWS; checks no signature.

    Raises:
        Malformed: not a compact JWS with exactly the header {alg, kid, typ}, all text.
    """
    parts = token.split(".")
    if len(parts) != _JWS_PARTS or len(token) > JWS_SIZE_MAX_BYTES:
        raise Malformed("a signed token has three parts")
    header = read_json(unb64url(parts[0]))
    if not isinstance(header, dict) or header.keys() != HEADER_MEMBERS:
        raise Malformed("the header of a signed token has exactly alg, kid and typ")
    if not all(isinstance(value, str) for value in header.values()):
        raise Malformed("the header of a signed token holds text")
    payload, signature = unb64url(parts[1]), unb64url(parts[2])
    return header, payload, f"{parts[0]}.{parts[1]}".encode("ascii"), signature


def _valid(key: PublicKey, data: bytes, signature: bytes) -> bool:
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, data)
            return True
        if len(signature) != 2 * _COORDINATE_BYTES:
            return False
        r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
        key.verify(encode_dss_signature(r, s), data, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True
