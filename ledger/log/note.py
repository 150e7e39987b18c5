"""Signed notes: a text and the signatures under it, each by a named key.

Signature types other than Ed25519 (0x01) are read and left alone: what must verify is for the
caller to say, by verifier key.

Source: C2SP signed-note.
"""

import re
from dataclasses import dataclass
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger.encoding.multi import ed25519_public_key
from ledger.encoding.strict_json import b64, unb64
from ledger.errors import Malformed
from ledger.keys.signer import Signer

ED25519_TYPE = 0x01
_SIGNATURE = re.compile(r"— (\S+) (\S+)")
_KEY_HASH = re.compile(r"[0-9a-f]{8}", re.ASCII)
_NOTE_MAX_BYTES = 1_000_000
_SIGNATURES_MAX = 100  # the standard asks for 16 or more
_KEY_ID_BYTES = 4


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: key name, key id of 4 bytes, and the bytes after it."""

    name: str
    key_id: bytes
    blob: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A text that ends in a newline, and its signatures in order."""

    text: str
    signatures: tuple[Signature, ...]


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A key as verifiers are told it: name, signature type, public key bytes."""

    name: str
    type: int
    key: bytes

    @property
    def key_id(self) -> bytes:
        """First 4 bytes of H(name || newline || type || key)."""
        return sha256(self.name.encode() + b"\n" + bytes([self.type]) + self.key).digest()[:_KEY_ID_BYTES]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{b64(bytes([self.type]) + self.key)}"


def parse_vkey(text: str) -> VerifierKey:
    """Return the key of a vkey text; Malformed when its hash is not that of its parts."""
    name, _, rest = text.partition("+")
    key_hash, _, coded = rest.partition("+")  # base64 may hold a plus itself
    if not _is_name(name) or not _KEY_HASH.fullmatch(key_hash):
        raise Malformed("a verifier key is name+hash+base64", code="vkey-shape")
    data = unb64(coded, code="vkey-base64")
    if not data[1:]:
        raise Malformed("a verifier key has a type and a key", code="vkey-empty")
    found = VerifierKey(name, data[0], data[1:])
    if found.key_id.hex() != key_hash:
        raise Malformed("the hash of this verifier key is not that of its name and key", code="vkey-hash")
    return found


def ed25519_of(key: VerifierKey) -> Ed25519PublicKey:
    """Return the public key of an Ed25519 verifier key; Malformed when its bytes are none to rely on."""
    try:
        return ed25519_public_key(key.key)
    except Malformed as error:
        raise Malformed(f"the verifier key of {key.name} is no Ed25519 key", code="vkey-key") from error


def vkey_of_signer(name: str, signer: Signer) -> VerifierKey:
    """Return the key of whoever signs notes of type 0x01."""
    key = signer.public_key()
    assert isinstance(key, Ed25519PublicKey), "a note of type 0x01 needs an Ed25519 key"
    return VerifierKey(name, ED25519_TYPE, key.public_bytes_raw())


def note_signature(text: str, name: str, signer: Signer) -> Signature:
    """Return the Ed25519 signature over `text`, which ends in a newline."""
    assert text.endswith("\n"), "the text of a note ends in a newline"
    assert _is_name(name), name
    return Signature(name, vkey_of_signer(name, signer).key_id, signer.sign(text.encode()))


def format_note(note: Note) -> bytes:
    """Return the bytes of a note."""
    return f"{note.text}\n{''.join(map(format_signature, note.signatures))}".encode()


def format_signature(one: Signature) -> str:
    """Return one signature line, its newline included."""
    return f"— {one.name} {b64(one.key_id + one.blob)}\n"


def parse_note(data: bytes) -> Note:
    """Return the note; Malformed when the bytes are not a text, a blank line and signature lines."""
    if len(data) > _NOTE_MAX_BYTES:
        raise Malformed("a note is not that long", code="note-too-long")
    try:
        whole = data.decode()
    except UnicodeDecodeError as error:
        raise Malformed("a note is UTF-8", code="note-utf8") from error
    if any(sign < " " and sign != "\n" for sign in whole):
        raise Malformed("a note has no control characters but newlines", code="note-control")
    text, blank, tail = whole.rpartition("\n\n")
    if not blank or not text or not tail.endswith("\n"):
        raise Malformed("a note has a text, a blank line and signatures", code="note-shape")
    lines = tail[:-1].split("\n")
    if len(lines) > _SIGNATURES_MAX:
        raise Malformed("a note does not have that many signatures", code="note-signatures")
    return Note(text + "\n", tuple(map(_signature, lines)))


def _signature(line: str) -> Signature:
    found = _SIGNATURE.fullmatch(line)
    if found is None or not _is_name(found[1]):
        raise Malformed("a signature line is a dash, a key name and base64", code="signature-line")
    data = unb64(found[2], code="signature-base64")
    if not data[_KEY_ID_BYTES:]:
        raise Malformed("a signature has a key id and some bytes", code="signature-empty")
    return Signature(found[1], data[:_KEY_ID_BYTES], data[_KEY_ID_BYTES:])


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(sign.isspace() for sign in name)
