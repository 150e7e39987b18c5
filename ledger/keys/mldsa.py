"""The log's second key: ML-DSA-44, which a quantum computer does not break.

It signs checkpoints only, as a C2SP cosignature of type 0x06, and lies in a file of its own beside
the other keys. The one thing else that it signs is the proof that it is held, when it is registered.

Source: FIPS 204; C2SP tlog-cosignature; RFC 9964 (JWK, JWS); LEDGER.md 5.
"""

from hashlib import sha256
from pathlib import Path
from typing import Any, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from ledger.encoding.strict_json import b64url, canonical, unb64url
from ledger.errors import BadSignature, Malformed, Unauthorised
from ledger.keys.signer import open_key_file, write_key_file

MLDSA44 = "ML-DSA-44"
PUBLIC_KEY_BYTES = 1312
SIGNATURE_BYTES = 2420


class MldsaSigner:
    """A signer over an ML-DSA-44 private key."""

    def __init__(self, key: MLDSA44PrivateKey) -> None:
        self._key = key
        self._public = key.public_key().public_bytes_raw()

    @classmethod
    def generate(cls) -> Self:
        """Return a signer over a new random key."""
        return cls(MLDSA44PrivateKey.generate())

    @classmethod
    def create(cls, path: Path, passphrase: bytes) -> Self:
        """Make a new key in a new file of mode 0600, flushed; FileExistsError when there is one."""
        key = MLDSA44PrivateKey.generate()
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase))
        write_key_file(path, pem)
        return cls(key)

    @classmethod
    def load(cls, path: Path, passphrase: bytes) -> Self:
        """Open a key file; Unauthorised when the passphrase is wrong, or it holds no such key."""
        key = open_key_file(path, passphrase)
        if not isinstance(key, MLDSA44PrivateKey):
            raise Unauthorised(f"{path.name} holds no ML-DSA-44 key")
        return cls(key)

    @property
    def alg(self) -> str:
        """`ML-DSA-44`."""
        return MLDSA44

    @property
    def thumbprint(self) -> str:
        """RFC 7638 thumbprint of the public key, base64url: its `kid`."""
        return mldsa_thumbprint(self.public_key_jwk())

    def public_key_jwk(self) -> dict[str, str]:
        """Return the public key as a JWK with its required members only."""
        return mldsa_jwk(self._public)

    @property
    def public_bytes(self) -> bytes:
        """The public key, 1312 bytes."""
        return self._public

    def sign(self, data: bytes) -> bytes:
        """Return a signature of 2420 bytes over `data`, with an empty context; random each time."""
        return self._key.sign(data)


def mldsa_public_key(data: bytes) -> MLDSA44PublicKey:
    """Return the public key of its 1312 bytes; Malformed when they are none."""
    try:
        return MLDSA44PublicKey.from_public_bytes(data)
    except ValueError as error:
        raise Malformed("an ML-DSA-44 public key has 1312 bytes") from error


def verify_mldsa(key: MLDSA44PublicKey, signature: bytes, data: bytes) -> None:
    """Check a signature with an empty context; BadSignature when it does not hold."""
    try:
        key.verify(signature, data)
    except (InvalidSignature, ValueError) as error:
        raise BadSignature("the signature does not hold") from error


# ------------------------------------------------------------------ public keys as JWK


def mldsa_jwk(public: bytes) -> dict[str, str]:
    """Return the JWK of a public key of 1312 bytes. Source: RFC 9964 (AKP key pairs)."""
    return {"kty": "AKP", "alg": MLDSA44, "pub": b64url(public)}


def is_mldsa_jwk(jwk: dict[str, Any]) -> bool:
    """Whether a JWK says that it is such a key; whether it is one, `mldsa_key_of_jwk` says."""
    return jwk.get("kty") == "AKP"


def mldsa_key_of_jwk(jwk: dict[str, Any]) -> MLDSA44PublicKey:
    """Return the public key of a JWK; Malformed when it is none with exactly its required members."""
    if jwk.keys() != {"kty", "alg", "pub"} or (jwk["kty"], jwk["alg"]) != ("AKP", MLDSA44):
        raise Malformed("an ML-DSA-44 key is a JWK with its required members only")
    return mldsa_public_key(unb64url(jwk["pub"]))


def mldsa_thumbprint(jwk: dict[str, Any]) -> str:
    """Return the RFC 7638 thumbprint of a public key, base64url; Malformed when the JWK holds none."""
    mldsa_key_of_jwk(jwk)
    return b64url(sha256(canonical(jwk)).digest())
