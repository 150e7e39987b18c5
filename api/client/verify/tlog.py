"""The transparency log as a verifier sees it: tlog-proof, signed note, checkpoint, keys, inclusion.

Written a second time, from the specifications: the ledger's own reading of them is not used here.
Three kinds of keys sign checkpoints: Ed25519 (0x01) the plain text, Ed25519 (0x04) the text with a
time before it, ML-DSA-44 (0x06) a structure with time, cosigner and tree in it. Logs use the
first and the third, witnesses the second and the third.

Source: C2SP tlog-proof, signed-note, tlog-checkpoint, tlog-cosignature; RFC 6962 §2.1; RFC 9162
§2.1.3.2; FIPS 204; LEDGER.md 5.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from ..errors import Malformed, Refused
from .multikey import is_weak, standard_base64

HASH_BYTES = 32
PROOF_SIZE_MAX = 256 * 1024
SIGNATURES_MAX = 64
ED25519, ED25519_COSIGNATURE, MLDSA44 = 0x01, 0x04, 0x06
LOG_KINDS = frozenset((ED25519, MLDSA44))
WITNESS_KINDS = frozenset((ED25519_COSIGNATURE, MLDSA44))
_ED25519_KINDS = frozenset((ED25519, ED25519_COSIGNATURE))
_FIRST_LINE = "c2sp.org/tlog-proof@v1"
_PATH_MAX = 63
_LINES = 3  # origin, size, root
_TEXT_MAX = 2048  # of those lines; longer names than that are no log's
_KEY_ID_BYTES = 4
_KEY_BYTES = {ED25519: 32, ED25519_COSIGNATURE: 32, MLDSA44: 1312}
_TIMESTAMP_BYTES = 8
_TIMESTAMP_MAX = 2**63 - 1
_NAME_MAX_BYTES = 255
_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_NAME = re.compile(r"[^\s+]+")
_SIGNATURE = re.compile(r"— ([^\s+]+) (\S+)")


@dataclass(frozen=True, slots=True)
class Proof:
    """A tlog-proof, taken apart; nothing in it is checked yet.

    Attributes:
        extra: opaque bytes of the application; empty where there are none.
        index: place of the entry in the log, from 0.
        path: sibling hashes of 32 bytes, leaf first.
        checkpoint: the signed note, verbatim.
    """

    extra: bytes
    index: int
    path: tuple[bytes, ...]
    checkpoint: str


def parse_proof(text: str) -> Proof:
    """Read a C2SP tlog-proof.

    Raises:
        Malformed: not one.
    """
    head, blank, checkpoint = text.partition("\n\n")
    lines = head.split("\n")
    if len(text) > PROOF_SIZE_MAX or not blank or lines.pop(0) != _FIRST_LINE:
        raise Malformed("this is not a tlog-proof", code="proof-form")
    extra = b""
    if lines and lines[0].startswith("extra "):
        extra = standard_base64(lines.pop(0).removeprefix("extra "))
    if not lines or not lines[0].startswith("index "):
        raise Malformed("this tlog-proof gives no index", code="proof-form")
    index = _number(lines.pop(0).removeprefix("index "))
    if len(lines) > _PATH_MAX:
        raise Malformed("this tlog-proof has a path longer than any tree", code="proof-form")
    return Proof(extra, index, tuple(map(_hash, lines)), checkpoint)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A signed tree head: the note's text and what it says, and the signatures beside it.

    Attributes:
        text: what is signed, final line feed included.
        signatures: (key name, 4 bytes of key id, signature).
    """

    text: str
    origin: str
    size: int
    root: bytes
    signatures: tuple[tuple[str, bytes, bytes], ...]


def parse_checkpoint(note: str) -> Checkpoint:
    """Read a checkpoint of three lines, as our log writes it: no extension lines.

    Raises:
        Malformed: not one.
    """
    text, blank, signed = note.rpartition("\n\n")
    lines = text.split("\n")
    odd = len(lines) != _LINES or len(text) > _TEXT_MAX or _CONTROL.search(note)
    if not blank or odd or not signed.endswith("\n"):
        raise Malformed("this is not a checkpoint", code="checkpoint-form")
    origin, size, root = lines
    if not origin:
        raise Malformed("this checkpoint names no log", code="checkpoint-form")
    signatures = tuple(map(_signature, signed.removesuffix("\n").split("\n")))
    if len(signatures) > SIGNATURES_MAX:
        raise Malformed("this checkpoint has too many signatures", code="checkpoint-form")
    return Checkpoint(f"{text}\n", origin, _number(size), _hash(root), signatures)


def _signature(line: str) -> tuple[str, bytes, bytes]:
    found = _SIGNATURE.fullmatch(line)
    if found is None:
        raise Malformed("this checkpoint has a line that is no signature", code="checkpoint-form")
    name, data = found[1], standard_base64(found[2])
    if len(data) <= _KEY_ID_BYTES:
        raise Malformed("this checkpoint has an empty signature", code="checkpoint-form")
    return name, data[:_KEY_ID_BYTES], data[_KEY_ID_BYTES:]


@dataclass(frozen=True, slots=True)
class LogKey:
    """A key of a log or a witness, read from a C2SP vkey (`name+id+base64(type || key)`)."""

    name: str
    key_id: bytes
    kind: int
    key: bytes

    @property
    def checkable(self) -> bool:
        """Whether this program knows its kind of signature."""
        return self.kind in _KEY_BYTES

    def signed(self, checkpoint: Checkpoint) -> bool:
        """Return whether this key signed a checkpoint, in the way of its kind.

        Raises:
            Refused: there is a signature under its name and id, and it does not hold.
        """
        return bool(self._times(checkpoint))

    def signed_at(self, checkpoint: Checkpoint) -> int | None:
        """Return when this key first signed a checkpoint, in seconds since 1970.

        0 where its signature gives no time (kind 0x06 may say 0), None where it did not sign.

        Raises:
            Refused: there is a signature under its name and id, and it does not hold.
        """
        assert self.kind in WITNESS_KINDS
        return min(self._times(checkpoint), default=None)

    def _times(self, checkpoint: Checkpoint) -> list[int]:
        """Return one time for each of its signatures, after checking them all."""
        return [
            self._time(checkpoint, signature)
            for name, key_id, signature in checkpoint.signatures
            if (name, key_id) == (self.name, self.key_id)
        ]

    def _time(self, checkpoint: Checkpoint, signature: bytes) -> int:
        assert self.checkable
        time_s = 0
        if self.kind in WITNESS_KINDS:
            time_s = int.from_bytes(signature[:_TIMESTAMP_BYTES], "big")
            signature = signature[_TIMESTAMP_BYTES:]
        if time_s > _TIMESTAMP_MAX or not self._holds(signature, self._message(checkpoint, time_s)):
            raise Refused(f"a signature of {self.name} does not hold", code="checkpoint-signature")
        return time_s

    def _message(self, checkpoint: Checkpoint, time_s: int) -> bytes:
        if self.kind == ED25519:
            return checkpoint.text.encode()
        if self.kind == ED25519_COSIGNATURE:
            return f"cosignature/v1\ntime {time_s}\n{checkpoint.text}".encode()
        return _cosigned_message(self.name, time_s, checkpoint)

    def _holds(self, signature: bytes, message: bytes) -> bool:
        key: Ed25519PublicKey | MLDSA44PublicKey
        try:
            if self.kind == MLDSA44:
                key = MLDSA44PublicKey.from_public_bytes(self.key)
            else:
                key = Ed25519PublicKey.from_public_bytes(self.key)
            key.verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


def _cosigned_message(cosigner: str, time_s: int, checkpoint: Checkpoint) -> bytes:
    """Return what an ML-DSA-44 key signs of a whole tree. Source: C2SP tlog-cosignature."""
    names = []
    for name in (cosigner.encode(), checkpoint.origin.encode()):
        if len(name) > _NAME_MAX_BYTES:
            raise Refused("no signature of this kind has a name so long", code="checkpoint-signature")
        names.append(bytes([len(name)]) + name)
    return b"".join(
        (
            b"subtree/v1\n\0",
            names[0],
            time_s.to_bytes(8, "big"),
            names[1],
            bytes(8),  # where the subtree starts: at the first leaf, since it is the whole tree
            checkpoint.size.to_bytes(8, "big"),
            checkpoint.root,
        )
    )


def parse_vkey(vkey: str) -> LogKey:
    """Read a C2SP verifier key; kinds that this program cannot check are read and left to the caller.

    Raises:
        Malformed: not one, or its id is not that of its key, or its key is too short, too long or weak.
    """
    name, _, rest = vkey.partition("+")
    key_id_hex, _, blob = rest.partition("+")
    data = standard_base64(blob)
    if not _NAME.fullmatch(name) or not re.fullmatch(r"[0-9a-f]{8}", key_id_hex) or not data:
        raise Malformed("this is not a verifier key", code="vkey")
    kind, key, key_id = data[0], data[1:], bytes.fromhex(key_id_hex)
    if hashlib.sha256(f"{name}\n".encode() + data).digest()[:_KEY_ID_BYTES] != key_id:
        raise Malformed("the id of a verifier key is not that of its key", code="vkey")
    if len(key) != _KEY_BYTES.get(kind, len(key)):
        raise Malformed("a verifier key is not as long as its kind says", code="vkey")
    if kind in _ED25519_KINDS and is_weak(key):
        raise Malformed("this is no verifier key to rely on", code="vkey")
    return LogKey(name, key_id, kind, key)


def inclusion_root(leaf_hash: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """Return the tree root that an inclusion path leads to.

    Args:
        leaf_hash: 32 bytes; the leaf already hashed under prefix 0x00.
        index: place of the leaf, from 0; below size.
        size: number of leaves.
        path: sibling hashes of 32 bytes, leaf first, root last.

    Raises:
        Malformed: the path cannot belong to this index and size.

    Source: RFC 9162 §2.1.3.2.
    """
    if not 0 <= index < size or any(len(one) != HASH_BYTES for one in (leaf_hash, *path)):
        raise Malformed("the entry lies outside the tree", code="inclusion")
    node, last, root = index, size - 1, leaf_hash
    for sibling in path:
        if last == 0:
            raise Malformed("the inclusion path is too long", code="inclusion")
        if node & 1 or node == last:
            root = _node_hash(sibling, root)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            root = _node_hash(root, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise Malformed("the inclusion path is too short", code="inclusion")
    return root


def leaf_hash(entry: bytes) -> bytes:
    """Return the RFC 6962 hash of a log entry."""
    return hashlib.sha256(b"\x00" + entry).digest()


def _node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise Malformed("this is not a number without leading zeros", code="number")
    return int(text)


def _hash(text: str) -> bytes:
    data = standard_base64(text)
    if len(data) != HASH_BYTES:
        raise Malformed("a hash has 32 bytes", code="hash")
    return data
