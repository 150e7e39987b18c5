"""One interface to private keys, and compact JWS with nothing left open.

The algorithm is fixed by the registered key, never by the header: `none`, HMAC, RSA, and headers
that bring their own key are refused before anything is verified.

Source: LEDGER.md 2; RFC 7515 (JWS), RFC 7638 (thumbprint), RFC 8037 and RFC 9864 (Ed25519),
RFC 7518 §3.4 (ES256).
"""

import json
import os
import secrets
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from ledger.encoding.multi import PublicKey, ed25519_public_key
from ledger.encoding.strict_json import b64url, canonical, parse, unb64url
from ledger.errors import BadSignature, Malformed, Unauthorised
from ledger.files import flush_folder

ED25519, ES256 = "Ed25519", "ES256"
_HEADER_MAX_BYTES = 512
_TOKEN_MAX_CHARS = 64 * 1024
_JWS_PARTS = 3
_SIGNATURE_BYTES = 64
_COORDINATE_BYTES = 32
_ECDSA = ec.ECDSA(hashes.SHA256())
PrivateKey = Ed25519PrivateKey | ec.EllipticCurvePrivateKey


class Signer(Protocol):
    """A private key that can be used and not taken: a file today, a hardware module tomorrow."""

    @property
    def alg(self) -> str:
        """`Ed25519` or `ES256`."""
        ...

    @property
    def thumbprint(self) -> str:
        """RFC 7638 thumbprint of the public key, base64url: its `kid`."""
        ...

    def public_key(self) -> PublicKey:
        """Return the public key."""
        ...

    def public_key_jwk(self) -> dict[str, str]:
        """Return the public key as a JWK with its required members only."""
        ...

    def sign(self, data: bytes) -> bytes:
        """Return 64 bytes: an Ed25519 signature, or r || s for P-256."""
        ...


class MemorySigner:
    """A signer over a private key in memory."""

    def __init__(self, key: PrivateKey) -> None:
        self._key = key
        self._jwk = jwk_of(key.public_key())
        self._thumbprint = thumbprint(self._jwk)

    @classmethod
    def generate(cls, alg: str = ED25519) -> Self:
        """Return a signer over a new random key."""
        return cls(_generate(alg))

    @property
    def alg(self) -> str:
        """`Ed25519` or `ES256`."""
        return ED25519 if isinstance(self._key, Ed25519PrivateKey) else ES256

    @property
    def thumbprint(self) -> str:
        """RFC 7638 thumbprint of the public key."""
        return self._thumbprint

    def public_key(self) -> PublicKey:
        """Return the public key."""
        return self._key.public_key()

    def public_key_jwk(self) -> dict[str, str]:
        """Return the public key as a JWK."""
        return dict(self._jwk)

    def sign(self, data: bytes) -> bytes:
        """Return a signature of 64 bytes."""
        if isinstance(self._key, Ed25519PrivateKey):
            return self._key.sign(data)
        r, s = decode_dss_signature(self._key.sign(data, _ECDSA))
        return r.to_bytes(_COORDINATE_BYTES, "big") + s.to_bytes(_COORDINATE_BYTES, "big")


class FileSigner(MemorySigner):
    """A signer over a PKCS#8 file, encrypted under a passphrase."""

    @classmethod
    def create(cls, path: Path, alg: str, passphrase: bytes) -> Self:
        """Make a new key in a new file of mode 0600, flushed; FileExistsError when there is one."""
        key = _generate(alg)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase))
        write_key_file(path, pem)
        return cls(key)

    @classmethod
    def load(cls, path: Path, passphrase: bytes) -> Self:
        """Open a key file.

        Raises:
            Unauthorised: the passphrase is wrong, or the file holds no key of ours.
        """
        key = open_key_file(path, passphrase)
        if isinstance(key, Ed25519PrivateKey):
            return cls(key)
        if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
            return cls(key)
        raise Unauthorised(f"{path.name} holds neither an Ed25519 nor a P-256 key")


def write_key_file(path: Path, data: bytes) -> None:
    """Write a new file of mode 0600, durable when it returns; FileExistsError when there is one.

    It has its name only when it is whole: nobody reads half a key, and a power cut leaves none behind.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)  # Refuses where the name is taken, which a rename does not.
    finally:
        draft.unlink()
    # A key that signed and then is gone after a power cut would orphan what it signed.
    flush_folder(path.parent)


def open_key_file(path: Path, passphrase: bytes) -> PrivateKeyTypes:
    """Return the private key of a PKCS#8 file; Unauthorised when it does not open."""
    try:
        return load_pem_private_key(path.read_bytes(), passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Unauthorised(f"{path.name} does not open: wrong passphrase, or not a key file") from error


def _generate(alg: str) -> PrivateKey:
    if alg == ED25519:
        return Ed25519PrivateKey.generate()
    assert alg == ES256, alg
    return ec.generate_private_key(ec.SECP256R1())


# ------------------------------------------------------------------ public keys as JWK


def jwk_of(key: PublicKey) -> dict[str, str]:
    """Return the JWK of a public key with its required members only."""
    if isinstance(key, Ed25519PublicKey):
        return {"kty": "OKP", "crv": "Ed25519", "x": b64url(key.public_bytes_raw())}
    numbers = key.public_numbers()
    x, y = (b64url(value.to_bytes(_COORDINATE_BYTES, "big")) for value in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y}


def public_key_of_jwk(jwk: dict[str, Any]) -> PublicKey:
    """Return the public key of a JWK.

    Raises:
        Malformed: not an Ed25519 or P-256 key with exactly its required members, or not a point.
    """
    try:
        if jwk.keys() == {"kty", "crv", "x"} and (jwk["kty"], jwk["crv"]) == ("OKP", "Ed25519"):
            return ed25519_public_key(unb64url(jwk["x"]))
        if jwk.keys() == {"kty", "crv", "x", "y"} and (jwk["kty"], jwk["crv"]) == ("EC", "P-256"):
            x, y = unb64url(jwk["x"]), unb64url(jwk["y"])
            if len(x) == len(y) == _COORDINATE_BYTES:
                return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + x + y)
    except (ValueError, TypeError) as error:
        raise Malformed("this JWK does not hold a valid public key") from error
    raise Malformed("a key is an Ed25519 or P-256 JWK with its required members only")


def thumbprint(jwk: dict[str, Any]) -> str:
    """Return the RFC 7638 thumbprint of a public key, base64url.

    Raises:
        Malformed: not an Ed25519 or P-256 key with exactly its required members, or not a point.
    """
    public_key_of_jwk(jwk)
    return b64url(sha256(canonical(jwk)).digest())


def verify(key: PublicKey, signature: bytes, data: bytes) -> None:
    """Check a raw signature of 64 bytes; Unauthorised when it does not hold."""
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, data)
            return
        if len(signature) != _SIGNATURE_BYTES:
            raise BadSignature("a P-256 signature has 64 bytes")
        halves = signature[:_COORDINATE_BYTES], signature[_COORDINATE_BYTES:]
        r, s = (int.from_bytes(half, "big") for half in halves)
        key.verify(encode_dss_signature(r, s), data, _ECDSA)
    except InvalidSignature as error:
        raise BadSignature("the signature does not hold") from error


# ------------------------------------------------------------------ compact JWS


@dataclass(frozen=True, slots=True)
class Jws:
    """A compact JWS that was read; whether its signature holds is another question."""

    header: dict[str, str]
    payload: bytes
    signing_input: bytes
    signature: bytes


def jws_sign(signer: Signer, payload: bytes, typ: str) -> str:
    """Return the compact JWS over a payload, its header exactly alg, kid and typ."""
    header = canonical({"alg": signer.alg, "kid": signer.thumbprint, "typ": typ})
    signing_input = f"{b64url(header)}.{b64url(payload)}"
    return f"{signing_input}.{b64url(signer.sign(signing_input.encode()))}"


def jws_read(token: str) -> Jws:
    """Read a compact JWS.

    Raises:
        Malformed: not three parts of base64url, or a header with other members or algorithms than ours.
    """
    parts = token.split(".") if len(token) <= _TOKEN_MAX_CHARS else []
    if len(parts) != _JWS_PARTS:
        raise Malformed("this is not a compact JWS")
    head, body, tail = parts
    header = parse(unb64url(head), size_max_bytes=_HEADER_MAX_BYTES, depth_max=2)
    if not isinstance(header, dict) or header.keys() != {"alg", "kid", "typ"}:
        raise Malformed("the header has members other than alg, kid and typ", code="E909")
    if not all(isinstance(value, str) for value in header.values()):
        raise Malformed("the header's members are text", code="E909")
    if header["alg"] not in (ED25519, "EdDSA", ES256):
        raise Malformed("the algorithm is neither Ed25519 nor ES256", code="E909")
    return Jws(header, unb64url(body), f"{head}.{body}".encode(), unb64url(tail))


def jws_verify(token: str, jwk: dict[str, Any], typ: str) -> bytes:
    """Return the payload of a JWS that the given key signed.

    Raises:
        Malformed: it cannot be read.
        Unauthorised: another type, another algorithm than the key's, another key, or no valid signature.
    """
    jws = jws_read(token)
    key = public_key_of_jwk(jwk)
    algs = (ED25519, "EdDSA") if isinstance(key, Ed25519PublicKey) else (ES256,)
    if jws.header["typ"] != typ:
        raise Unauthorised(f"the signature is not over a {typ}", code="E909")
    if jws.header["alg"] not in algs or jws.header["kid"] != thumbprint(jwk):
        raise Unauthorised("the header names another algorithm or key than the registered one", code="E909")
    verify(key, jws.signature, jws.signing_input)
    return jws.payload


def jwk_text(jwk: dict[str, str]) -> str:
    """Return a JWK as JCS text, the form in which records hold it."""
    return canonical(jwk).decode()


def jwk_from_text(text: str) -> dict[str, str]:
    """Return the JWK that a record holds."""
    found: dict[str, str] = json.loads(text)
    return found
