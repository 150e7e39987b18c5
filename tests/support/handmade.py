"""Bytes, keys, signatures and a log made by hand, with cryptography, PyLD and hashlib alone.

The second implementation that the verifier is tested with; `credentials.py` makes papers of it.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from pyld import jsonld

Document = dict[str, Any]
Edit = Callable[[Document], object]

V2 = "https://www.w3.org/ns/credentials/v2"
OB = "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json"
EXT = "https://purl.imsglobal.org/spec/ob/v3p0/extensions.json"
CLR = "https://purl.imsglobal.org/spec/clr/v2p0/context-2.0.1.json"
_FILES = {
    V2: "credentials-v2.json",
    OB: "open-badges-3.0.3.json",
    EXT: "open-badges-extensions.json",
    CLR: "clr-2.0.1.json",
}

HOST = "ledger.example"
ORIGIN = f"{HOST}/log"
SIGNED_AT = datetime(2026, 11, 22, 1, 15, tzinfo=UTC)
_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


# ------------------------------------------------------------------ bytes


def b64url(data: bytes) -> str:
    """Return unpadded base64url."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def b64(data: bytes) -> str:
    """Return standard base64."""
    return base64.b64encode(data).decode()


def base58(data: bytes) -> str:
    """Return multibase base58btc."""
    number, digits = int.from_bytes(data, "big"), ""
    while number:
        number, rest = divmod(number, 58)
        digits = _ALPHABET[rest] + digits
    return "z" + "1" * (len(data) - len(data.lstrip(b"\0"))) + digits


def sha256(*parts: bytes) -> bytes:
    """Return the SHA-256 of the parts, one after the other."""
    return hashlib.sha256(b"".join(parts)).digest()


def tagged(tag: str, *parts: bytes) -> bytes:
    """Return H(T(tag) || parts) of LEDGER.md."""
    return sha256(f"achievement-ledger/{tag}/v1\0".encode(), *parts)


def sorted_json(value: Any) -> bytes:
    """Return JCS for values without fractions and with names of ASCII only."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def jcs(value: Any) -> bytes:
    """Return JCS for values whose fractions are whole numbers and whose names are ASCII."""
    return sorted_json(_whole(value))


def _whole(value: Any) -> Any:
    if isinstance(value, float):
        assert value == int(value), value
        return int(value)
    if isinstance(value, Mapping):
        return {name: _whole(one) for name, one in value.items()}
    return [_whole(one) for one in value] if isinstance(value, (list, tuple)) else value


def rfc3339(moment: datetime) -> str:
    """Return an instant as a credential writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def midnight(day: date) -> str:
    """Return a day in the form of an instant, as Open Badges wants it."""
    return f"{day.isoformat()}T00:00:00Z"


# ------------------------------------------------------------------ keys and proofs


class Key:
    """An Ed25519 key made from a word: the same word, the same key."""

    def __init__(self, word: str) -> None:
        self.private = Ed25519PrivateKey.from_private_bytes(sha256(word.encode()))
        self.public = self.private.public_key().public_bytes_raw()
        self.multikey = base58(b"\xed\x01" + self.public)

    @property
    def thumbprint(self) -> str:
        """Its RFC 7638 thumbprint."""
        return b64url(sha256(sorted_json({"crv": "Ed25519", "kty": "OKP", "x": b64url(self.public)})))

    def vkey(self, name: str) -> str:
        """Its C2SP verifier key under a name."""
        return "+".join([name, self.note_id(name).hex(), b64(b"\x01" + self.public)])

    def note_id(self, name: str) -> bytes:
        """Its C2SP key id under a name: 4 bytes."""
        return sha256(name.encode(), b"\n\x01", self.public)[:4]

    def note_line(self, name: str, text: str) -> str:
        """Its signature line under a note."""
        return _line(name, self.note_id(name), self.private.sign(text.encode()))


class MldsaKey:
    """An ML-DSA-44 key made from a word; its signatures are random. Source: C2SP tlog-cosignature."""

    def __init__(self, word: str) -> None:
        self.private = MLDSA44PrivateKey.from_seed_bytes(sha256(word.encode()))
        self.public = self.private.public_key().public_bytes_raw()

    def vkey(self, name: str) -> str:
        """Its C2SP verifier key under a name."""
        return "+".join([name, self.note_id(name).hex(), b64(b"\x06" + self.public)])

    def note_id(self, name: str) -> bytes:
        """Its C2SP key id under a name: 4 bytes."""
        return sha256(name.encode(), b"\n\x06", self.public)[:4]

    def note_line(self, name: str, text: str, at_s: int = 1_794_000_000) -> str:
        """Its signature line under a checkpoint, with a time."""
        origin, size, root = text.splitlines()
        message = b"".join(
            [
                b"subtree/v1\n\0",
                len(name.encode()).to_bytes(1, "big") + name.encode(),
                at_s.to_bytes(8, "big"),
                len(origin.encode()).to_bytes(1, "big") + origin.encode(),
                (0).to_bytes(8, "big") + int(size).to_bytes(8, "big") + base64.b64decode(root),
            ]
        )
        return _line(name, self.note_id(name), at_s.to_bytes(8, "big") + self.private.sign(message))


class Witness:
    """Somebody who cosigns checkpoints with an Ed25519 key. Source: C2SP tlog-cosignature."""

    def __init__(self, name: str) -> None:
        self.name, self.key = name, Key(name)

    @property
    def vkey(self) -> str:
        """The C2SP verifier key."""
        return "+".join([self.name, self.note_id.hex(), b64(b"\x04" + self.key.public)])

    @property
    def note_id(self) -> bytes:
        """The C2SP key id: 4 bytes."""
        return sha256(self.name.encode(), b"\n\x04", self.key.public)[:4]

    def line(self, text: str, at_s: int) -> str:
        """Return the cosignature line for a checkpoint's text."""
        signature = self.key.private.sign(f"cosignature/v1\ntime {at_s}\n".encode() + text.encode())
        return _line(self.name, self.note_id, at_s.to_bytes(8, "big") + signature)


def _line(name: str, key_id: bytes, signature: bytes) -> str:
    return f"— {name} {b64(key_id + signature)}\n"


@cache
def context(address: str) -> Any:
    """Return a context by its address."""
    folder = files("api.client.verify.contexts")
    return json.loads(folder.joinpath(_FILES[address]).read_bytes())


def nquads(document: Mapping[str, Any]) -> bytes:
    """Return the canonical N-Quads of a document, by PyLD alone."""

    def load(address: str, _options: Any) -> Document:
        return {"contextUrl": None, "documentUrl": address, "document": context(address), "tag": "static"}

    options = {"algorithm": "URDNA2015", "format": "application/n-quads", "documentLoader": load}
    return str(jsonld.normalize(dict(document), options)).encode()


def signed(document: Mapping[str, Any], key: Key, did: str, edit: Edit | None = None) -> Document:
    """Return a document with an `eddsa-rdfc-2022` proof; `edit` bends the proof before it is made."""
    options: Document = {
        "type": "DataIntegrityProof",
        "cryptosuite": "eddsa-rdfc-2022",
        "created": rfc3339(SIGNED_AT),
        "verificationMethod": f"{did}#{key.multikey}",
        "proofPurpose": "assertionMethod",
    }
    if edit is not None:
        edit(options)
    digest = sha256(nquads({"@context": document["@context"], **options})) + sha256(nquads(document))
    return {**document, "proof": {**options, "proofValue": base58(key.private.sign(digest))}}


# ------------------------------------------------------------------ the log


def tree_root(leaves: Sequence[bytes]) -> bytes:
    """Return the RFC 6962 root of hashed leaves, straight from the definition."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256()
    left = _split(len(leaves))
    return sha256(b"\x01", tree_root(leaves[:left]), tree_root(leaves[left:]))


def tree_path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the RFC 6962 audit path of a leaf, straight from the definition."""
    if len(leaves) < 2:
        return []
    left = _split(len(leaves))
    if index < left:
        return [*tree_path(leaves[:left], index), tree_root(leaves[left:])]
    return [*tree_path(leaves[left:], index - left), tree_root(leaves[:left])]


def _split(size: int) -> int:
    return 1 << (size - 1).bit_length() - 1


@dataclass
class Log:
    """A log of entries and the keys it signs with: all of them."""

    key: Key
    mldsa: MldsaKey
    entries: list[bytes] = field(default_factory=list)
    origin: str = ORIGIN

    def append(self, entry: bytes) -> int:
        """Add an entry and return its index."""
        self.entries.append(entry)
        return len(self.entries) - 1

    @property
    def leaves(self) -> list[bytes]:
        """The hashed leaves."""
        return [sha256(b"\0", entry) for entry in self.entries]

    def text(self, size: int) -> str:
        """Return what is signed of the tree of that size."""
        return f"{self.origin}\n{size}\n{b64(tree_root(self.leaves[:size]))}\n"

    def checkpoint(
        self,
        size: int,
        keys: Sequence[Key | MldsaKey] = (),
        witnesses: Mapping[Witness, int] | None = None,
    ) -> str:
        """Return the signed note of the tree of that size, cosigned by witnesses at these times."""
        text = self.text(size)
        lines = [key.note_line(self.origin, text) for key in keys or (self.key, self.mldsa)]
        lines += [witness.line(text, at_s) for witness, at_s in (witnesses or {}).items()]
        return f"{text}\n{''.join(lines)}"

    def proof(self, index: int, extra: bytes, *, size: int, checkpoint: str | None = None) -> str:
        """Return the C2SP tlog-proof of an entry in the tree of that size."""
        path = tree_path(self.leaves[:size], index)
        return "\n".join(
            [
                "c2sp.org/tlog-proof@v1",
                f"extra {b64(extra)}",
                f"index {index}",
                *map(b64, path),
                "",
                self.checkpoint(size) if checkpoint is None else checkpoint,
            ]
        )
