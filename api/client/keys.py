"""An organisation's own key: made, kept in a file, shown as a JWK, proved to be in hand.

Source: LEDGER.md 2 (keys), BUILD contract 9 (possession).
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from .errors import Malformed, Refused
from .jose import canonical, jwk_of, sign_jws, thumbprint

TYP_POSSESSION = "key-possession+jws"
ALGS = ("Ed25519", "ES256")
_COORDINATE_BYTES = 32

PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class ProviderKey:
    """A private key in memory, with the public names that it goes by."""

    private: PrivateKey
    alg: str
    jwk: dict[str, str]
    thumbprint: str

    def sign(self, data: bytes) -> bytes:
        """Return the raw signature, 64 bytes (ES256: r || s)."""
        if isinstance(self.private, ed25519.Ed25519PrivateKey):
            return self.private.sign(data)
        r, s = decode_dss_signature(self.private.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(_COORDINATE_BYTES, "big") + s.to_bytes(_COORDINATE_BYTES, "big")

    def __repr__(self) -> str:
        """Show the public name only."""
        return f"ProviderKey({self.alg}, {self.thumbprint})"


def generate(alg: str = "Ed25519") -> ProviderKey:
    """Return a new key.

    Raises:
        Refused: an algorithm that the ledger does not take.
    """
    if alg not in ALGS:
        raise Refused("a key is Ed25519 or ES256")
    return _key(
        ed25519.Ed25519PrivateKey.generate() if alg == "Ed25519" else ec.generate_private_key(ec.SECP256R1())
    )


def create(path: Path, *, alg: str = "Ed25519", passphrase: str | None = None) -> ProviderKey:
    """Make a key and write it to a new file (PKCS#8 PEM, readable by its owner only).

    Raises:
        Refused: there is such a file already: a key is never written over.
    """
    key = generate(alg)
    lock = (
        serialization.BestAvailableEncryption(passphrase.encode())
        if passphrase
        else serialization.NoEncryption()
    )
    pem = key.private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise Refused(f"{path} exists already; a key is never written over") from error
    with os.fdopen(handle, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    return key


def load(path: Path, *, passphrase: str | None = None) -> ProviderKey:
    """Return the key in a PKCS#8 PEM file.

    Raises:
        Refused: the passphrase is missing or wrong.
        Malformed: the file holds no Ed25519 or P-256 private key.
    """
    data = path.read_bytes()
    try:
        private = serialization.load_pem_private_key(data, passphrase.encode() if passphrase else None)
    except TypeError as error:
        wanted = (
            "needs a passphrase: name its file with --passphrase-file"
            if passphrase is None
            else "is not protected by a passphrase"
        )
        raise Refused(f"the key in {path} {wanted}") from error
    except ValueError as error:
        if passphrase is not None and b"ENCRYPTED" in data:
            raise Refused(f"the passphrase does not open {path}") from error
        raise Malformed(f"{path} holds no private key (PKCS#8 PEM)") from error
    return _key(private)


def _key(private: object) -> ProviderKey:
    if isinstance(private, ed25519.Ed25519PrivateKey):
        jwk = jwk_of(private.public_key())
        return ProviderKey(private, "Ed25519", jwk, thumbprint(jwk))
    if isinstance(private, ec.EllipticCurvePrivateKey) and isinstance(private.curve, ec.SECP256R1):
        jwk = jwk_of(private.public_key())
        return ProviderKey(private, "ES256", jwk, thumbprint(jwk))
    raise Malformed("a key is Ed25519 or P-256")


def possession(key: ProviderKey, *, organisation_id: UUID, origin: str) -> str:
    """Return the proof that whoever registers this key has it: a JWS by the key over whose it will be."""
    payload = {"organisation": str(organisation_id), "origin": origin, "thumbprint": key.thumbprint}
    return sign_jws(key, canonical(payload), TYP_POSSESSION)


def key_registered(
    key: ProviderKey,
    *,
    organisation: int | str,
    organisation_id: UUID,
    origin: str,
    not_before: str,
    purposes: Sequence[str] = ("submission", "keys"),
    custody: str = "own",
) -> dict[str, Any]:
    """Return the statement that registers a key; the organisation or the registrar signs and posts it.

    Args:
        key: the key to be registered.
        organisation: its number or body code.
        organisation_id: its id, see `submission.organisation_id`.
        origin: name of the log that the key will be used with.
        not_before: first day of use, YYYY-MM-DD.
        purposes: what it may sign: submission, keys, credential and so on.
        custody: `own`, or `delegated` when the ledger keeps it for the organisation.

    Source: SPEC.md 1, `key.registered`.
    """
    return {
        "type": "key.registered",
        "v": 1,
        "organisation": organisation,
        "jwk": dict(key.jwk),
        "purposes": list(purposes),
        "custody": custody,
        "not_before": not_before,
        "possession": possession(key, organisation_id=organisation_id, origin=origin),
    }
