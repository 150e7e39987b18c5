"""Keys that lie in a hardware module: used there, never seen here.

What lies beside the other keys is a pointer: a small file that says in which token the key is, under
which label and id, and what its public key is. So a ledger knows its keys while the module is away,
and notices when the module holds another one. The module itself and the PIN come from whoever runs the
ledger (settings), never from a file that a pointer names.

Source: LEDGER.md 2 (a hardware module behind `Signer`), 4; PKCS #11 v3.0; docs/key-ceremonies.md.
"""

import secrets
import threading
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger.encoding.multi import PublicKey
from ledger.encoding.strict_json import b64url, canonical, parse
from ledger.errors import BadSignature, Corrupt, Malformed, Refusal, Unavailable
from ledger.keys.signer import ED25519, ES256, public_key_of_jwk, thumbprint, verify

if TYPE_CHECKING:
    from ledger.keys.cryptoki import ModuleKey, Token

POINTER_MAX_BYTES = 4096
_ID_BYTES_MAX = 64
_LABEL_MAX, _TOKEN_MAX = 128, 32  # A token's label has 32 bytes by the standard.
_P256_BYTES, _UNCOMPRESSED = 65, 4
# How modules wrap EC_POINT: DER of an OCTET STRING, or of a BIT STRING, over a point of so many bytes.
_WRAPPINGS = ((b"\x04\x20", 32), (b"\x03\x21\x00", 32), (b"\x04\x41", _P256_BYTES))


@dataclass(frozen=True, slots=True)
class Pkcs11Module:
    """Which module this machine has, and where the PIN of its user is; both set by the operator.

    path: the module, a shared library.
    pin_file: holds the PIN and nothing else. It is read at each login and kept nowhere.
    """

    path: Path
    pin_file: Path


@dataclass(frozen=True, slots=True)
class KeyPointer:
    """Where in a module a key lies, and what its public key is.

    token: label of the token.
    label, key_id: CKA_LABEL and CKA_ID of the key pair.
    jwk: the public key, required members only.
    """

    token: str
    label: str
    key_id: bytes
    jwk: dict[str, str]

    @property
    def alg(self) -> str:
        """`Ed25519` or `ES256`."""
        return _alg_of(public_key_of_jwk(self.jwk))

    def to_bytes(self) -> bytes:
        """Return the file that keeps this pointer: JSON in canonical form."""
        members = {
            "v": 1,
            "token": self.token,
            "label": self.label,
            "id": self.key_id.hex(),
            "alg": self.alg,
            "jwk": self.jwk,
        }
        return canonical(members) + b"\n"

    @classmethod
    def from_bytes(cls, data: bytes, name: str) -> Self:
        """Read a pointer; Corrupt, with the file's name, when it is none."""
        try:
            members = parse(data, size_max_bytes=POINTER_MAX_BYTES, depth_max=2)
            token, label, key_id = (str(members[member]) for member in ("token", "label", "id"))
            pointer = cls(token, label, bytes.fromhex(key_id), dict(members["jwk"]))
            # Written by us and read by us: there is one spelling of it.
            same = pointer.to_bytes() == data and 1 <= len(pointer.key_id) <= _ID_BYTES_MAX
        except (Malformed, KeyError, TypeError, ValueError) as error:
            raise Corrupt(f"{name} does not say where in a module a key lies") from error
        if not same:
            raise Corrupt(f"{name} does not say where in a module a key lies")
        return pointer


class Pkcs11Signer:
    """A signer over a private key that lies in a module.

    Nothing is loaded before it first signs. Every signature is checked under the public key that the
    pointer names before it is handed out: a module that was exchanged, or errs, signs nothing for us.
    """

    def __init__(self, pointer: KeyPointer, module: Pkcs11Module | None) -> None:
        """Name a key; without a module it says what it is, and does not sign."""
        self.pointer = pointer
        self._key = public_key_of_jwk(pointer.jwk)
        self._thumbprint = thumbprint(pointer.jwk)
        self._module = module
        self._token: Token | None = None
        self._opening = threading.Lock()

    @classmethod
    def create(cls, module: Pkcs11Module | None, token: str, label: str, alg: str = ED25519) -> Self:
        """Make a key pair in a token, under `label` and a random id; it never leaves the module.

        Raises:
            Refusal: the token's or the key's label is too long, or empty.
            Unavailable: module, token or login cannot be had.
        """
        _check_labels(token, label)
        desk = _open(module, token)
        return cls._of(desk.generate(label, alg), module, token, desk)

    @classmethod
    def adopt(cls, module: Pkcs11Module | None, token: str, label: str, key_id: bytes | None = None) -> Self:
        """Find a key pair that somebody made in a token: by its label, and by its id where one is given.

        Raises:
            Refusal: none is there, several are, or it is neither Ed25519 nor P-256.
            Unavailable: module, token or login cannot be had.
        """
        _check_labels(token, label)
        desk = _open(module, token)
        found = [one for one in desk.public_keys(label) if key_id is None or one.key_id == key_id]
        if len(found) != 1:
            which = f"{len(found)} public keys" if found else "no public key"
            raise Refusal(f"the token {token} holds {which} labelled {label}: name the id of one")
        signer = cls._of(found[0], module, token, desk)
        # The pair is one only if it signs; what is signed here cannot be taken for anything else.
        signer.sign(b"achievement-ledger/adopt/v1\0" + secrets.token_bytes(32))
        return signer

    @classmethod
    def _of(cls, key: "ModuleKey", module: Pkcs11Module | None, token: str, desk: "Token") -> Self:
        signer = cls(KeyPointer(token, key.label, key.key_id, _jwk_of(key)), module)
        signer._token = desk
        return signer

    @property
    def alg(self) -> str:
        """`Ed25519` or `ES256`."""
        return _alg_of(self._key)

    @property
    def thumbprint(self) -> str:
        """RFC 7638 thumbprint of the public key."""
        return self._thumbprint

    def public_key(self) -> PublicKey:
        """Return the public key."""
        return self._key

    def public_key_jwk(self) -> dict[str, str]:
        """Return the public key as a JWK."""
        return dict(self.pointer.jwk)

    def sign(self, data: bytes) -> bytes:
        """Return a signature of 64 bytes.

        Raises:
            Unavailable: no module is named, or module, token or login cannot be had.
            Unauthorised: (custody) the token does not hold the key.
            Corrupt: the token holds another key under its label and id.
        """
        desk = self._desk()
        signature = desk.sign((self.pointer.label, self.pointer.key_id), self.alg, data)
        try:
            verify(self._key, signature, data)
        except BadSignature as error:
            raise Corrupt(self._another_key()) from error
        return signature

    def discard(self) -> None:
        """Destroy the key pair in the module for ever: one that was just made and could not be kept."""
        self._desk().destroy((self.pointer.label, self.pointer.key_id))

    def _desk(self) -> "Token":
        with self._opening:
            if self._token is None:
                desk = _open(self._module, self.pointer.token)
                for key in desk.public_keys(self.pointer.label):
                    if key.key_id == self.pointer.key_id and not self._is(key):
                        raise Corrupt(self._another_key())
                self._token = desk
            return self._token

    def _is(self, key: "ModuleKey") -> bool:
        return key.alg == self.alg and _jwk_of(key) == self.pointer.jwk

    def _another_key(self) -> str:
        where = f"the token {self.pointer.token}, under {self.pointer.label},"
        return f"{where} holds another key than the one in use here (kid {self._thumbprint})"


def module_keys(module: Pkcs11Module, token: str) -> list[KeyPointer]:
    """Return where the keys of a token lie that could sign here, by label and id."""
    keys = [key for key in _open(module, token).public_keys() if key.alg is not None]
    found = [KeyPointer(token, key.label, key.key_id, _jwk_of(key)) for key in keys]
    return sorted(found, key=lambda one: (one.label, one.key_id))


def _open(module: Pkcs11Module | None, token: str) -> "Token":
    if module is None:
        raise Unavailable(
            f"the token {token} lies in a hardware module: name the module and the file with its PIN"
            " (ROA_PKCS11_MODULE, ROA_PKCS11_PIN_FILE)",
            code="hsm",
        )
    try:
        cryptoki = import_module("ledger.keys.cryptoki")
    except ImportError as error:
        raise Unavailable(
            "keys in a hardware module need the package python-pkcs11: install achievement-ledger[hsm]",
            code="hsm",
        ) from error
    desk: Token = cryptoki.Token(module.path, module.pin_file, token)
    return desk


def _check_labels(token: str, label: str) -> None:
    if not 1 <= len(token.encode()) <= _TOKEN_MAX or not 1 <= len(label.encode()) <= _LABEL_MAX:
        raise Refusal(f"a token's label has at most {_TOKEN_MAX} bytes, and a key's {_LABEL_MAX}")


def _alg_of(key: PublicKey) -> str:
    return ED25519 if isinstance(key, Ed25519PublicKey) else ES256


def _jwk_of(key: "ModuleKey") -> dict[str, str]:
    """Return the JWK of a key as a module holds it; Refusal when it is of a kind that is not ours.

    The point comes plain, or wrapped in an OCTET STRING or (Ed25519) a BIT STRING in DER.
    """
    members: dict[str, str] = {}
    point = _unwrapped(key.point)
    if key.alg == ED25519:
        members = {"kty": "OKP", "crv": "Ed25519", "x": b64url(point)}
    elif key.alg == ES256 and len(point) == _P256_BYTES and point[0] == _UNCOMPRESSED:
        members = {"kty": "EC", "crv": "P-256", "x": b64url(point[1:33]), "y": b64url(point[33:])}
    try:
        public_key_of_jwk(members)
    except Malformed as error:
        raise Refusal(f"the key {key.label} in the module is neither Ed25519 nor P-256") from error
    return members


def _unwrapped(point: bytes) -> bytes:
    for prefix, size_bytes in _WRAPPINGS:
        if point.startswith(prefix) and len(point) == len(prefix) + size_bytes:
            return point[len(prefix) :]
    return point
