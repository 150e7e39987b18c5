"""Timestamped signatures over checkpoints, of two kinds: what witnesses give, and the log's own second one.

A cosignature says: as of this time, this is the largest consistent tree that I have seen of that
log. Ed25519 (type 0x04) signs the text of the checkpoint; ML-DSA-44 (type 0x06) signs a structure
with the cosigner's name in it, never the text. The log signs its own checkpoints in the second way
too, under its origin as the name.

Source: C2SP tlog-cosignature; LEDGER.md 5.
"""

from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from ledger.errors import Malformed, Unauthorised
from ledger.keys.mldsa import MldsaSigner, mldsa_public_key, verify_mldsa
from ledger.keys.signer import Signer, verify
from ledger.log.checkpoint import Checkpoint, parse_checkpoint
from ledger.log.note import ED25519_TYPE, Note, Signature, VerifierKey, ed25519_of

ED25519_COSIGNATURE_TYPE = 0x04
MLDSA44_TYPE = 0x06
NAME_MAX_BYTES = 255  # of cosigner and log, where ML-DSA-44 signs
_LABEL = b"subtree/v1\n\x00"
_TIMESTAMP_BYTES = 8
_TIMESTAMP_MAX = 2**63 - 1


class Cosigner(Protocol):
    """A named key that cosigns checkpoints: an Ed25519 or an ML-DSA-44 one."""

    @property
    def vkey(self) -> VerifierKey:
        """The key as verifiers are told it."""
        ...

    def cosign(self, text: bytes, timestamp_s: int) -> Signature:
        """Return the cosignature over a checkpoint's text (its body, without signatures)."""
        ...


class Ed25519Cosigner:
    """Cosigns in the older way, which every witness network reads."""

    def __init__(self, name: str, signer: Signer) -> None:
        key = signer.public_key()
        assert isinstance(key, Ed25519PublicKey), "a cosignature of type 0x04 needs an Ed25519 key"
        self._signer = signer
        self.vkey = VerifierKey(name, ED25519_COSIGNATURE_TYPE, key.public_bytes_raw())

    def cosign(self, text: bytes, timestamp_s: int) -> Signature:
        """Return the cosignature over a checkpoint's text."""
        return _signature(self.vkey, timestamp_s, self._signer.sign(_ed25519_message(text, timestamp_s)))


class MldsaCosigner:
    """Cosigns in the way that is asked of new deployments."""

    def __init__(self, name: str, signer: MldsaSigner) -> None:
        self._signer = signer
        self.vkey = VerifierKey(name, MLDSA44_TYPE, signer.public_bytes)

    def cosign(self, text: bytes, timestamp_s: int) -> Signature:
        """Return the cosignature over a checkpoint's text."""
        message = mldsa_message(self.vkey.name, timestamp_s, parse_checkpoint(text))
        return _signature(self.vkey, timestamp_s, self._signer.sign(message))


def _signature(vkey: VerifierKey, timestamp_s: int, signature: bytes) -> Signature:
    return Signature(vkey.name, vkey.key_id, timestamp_s.to_bytes(_TIMESTAMP_BYTES, "big") + signature)


def _ed25519_message(text: bytes, timestamp_s: int) -> bytes:
    return f"cosignature/v1\ntime {timestamp_s}\n".encode() + text


def mldsa_message(cosigner: str, timestamp_s: int, checkpoint: Checkpoint) -> bytes:
    """Return the structure `cosigned_message` for a whole checkpoint.

    Raises:
        Malformed: cosigner or origin have more than 255 bytes.
    """
    name, origin = cosigner.encode(), checkpoint.origin.encode()
    if len(name) > NAME_MAX_BYTES or len(origin) > NAME_MAX_BYTES:
        raise Malformed(
            "an ML-DSA-44 cosignature names cosigner and log in at most 255 bytes each",
            code="cosignature-name",
        )
    return b"".join(
        (
            _LABEL,
            bytes([len(name)]),
            name,
            timestamp_s.to_bytes(8, "big"),
            bytes([len(origin)]),
            origin,
            bytes(8),  # start: a checkpoint begins with the first leaf
            checkpoint.size.to_bytes(8, "big"),
            checkpoint.root,
        )
    )


def verify_signed(note: Note, key: VerifierKey) -> int | None:
    """Check that a key signed a checkpoint, in the way its type says.

    Returns:
        Seconds since 1970 where the signature carries a time (the earliest, of several), None for type 0x01.

    Raises:
        Unauthorised: the key has not signed this note, or one of its signatures does not hold.
        Malformed: a type that is not checked here, or a signature without its shape.
    """
    mine = [one for one in note.signatures if (one.name, one.key_id) == (key.name, key.key_id)]
    if not mine:
        raise Unauthorised(f"{key.name} has not signed this note", code="unsigned")
    if key.type == ED25519_TYPE:
        public_key = ed25519_of(key)
        for one in mine:
            verify(public_key, one.blob, note.text.encode())
        return None
    return min(_cosigned_at(note, key, one) for one in mine)


def is_signed_by(note: Note, key: VerifierKey) -> bool:
    """Return whether a key signed a checkpoint, and all its signatures hold: see `verify_signed`."""
    try:
        verify_signed(note, key)
    except (Malformed, Unauthorised):
        return False
    return True


def _cosigned_at(note: Note, key: VerifierKey, one: Signature) -> int:
    timestamp_s = int.from_bytes(one.blob[:_TIMESTAMP_BYTES], "big")
    signature, text = one.blob[_TIMESTAMP_BYTES:], note.text.encode()
    if len(one.blob) <= _TIMESTAMP_BYTES or timestamp_s > _TIMESTAMP_MAX:
        raise Malformed("a cosignature begins with a time", code="cosignature-time")
    if key.type == ED25519_COSIGNATURE_TYPE:
        verify(ed25519_of(key), signature, _ed25519_message(text, timestamp_s))
    elif key.type == MLDSA44_TYPE:
        message = mldsa_message(key.name, timestamp_s, parse_checkpoint(text))
        verify_mldsa(_mldsa_of(key), signature, message)
    else:
        raise Malformed(f"signatures of type {key.type:#04x} are not checked here", code="vkey-type")
    return timestamp_s


def _mldsa_of(key: VerifierKey) -> MLDSA44PublicKey:
    try:
        return mldsa_public_key(key.key)
    except Malformed as error:
        raise Malformed(f"the verifier key of {key.name} is no ML-DSA-44 key", code="vkey-key") from error
