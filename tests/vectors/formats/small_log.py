"""A log of twelve entries with seeded keys, so that any mutation of it can still be signed in ten years.

Entries are `entry-0` … `entry-11`. The log signs with Ed25519 and ML-DSA-44; witnesses `one` and
`three` cosign with Ed25519, `two` with ML-DSA-44. Only ML-DSA-44 signatures differ each time.
"""

from functools import cache
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from ledger.keys.mldsa import MldsaSigner
from ledger.keys.signer import MemorySigner
from ledger.log.checkpoint import Checkpoint, format_checkpoint
from ledger.log.cosignature import Cosigner, Ed25519Cosigner, MldsaCosigner
from ledger.log.merkle import MemoryTree, leaf_hash
from ledger.log.note import Note, Signature, VerifierKey, format_note, note_signature, parse_note, parse_vkey
from ledger.log.proof import TlogProof, format_proof
from ledger.log.signing import LogSigner

ORIGIN = "ledger.example/log"
SIGNED_AT_S = 1_795_312_800  # 2026-11-22T02:00:00Z
ENTRIES = [f"entry-{place}".encode() for place in range(12)]
PROVEN = 5


def seed(word: str) -> bytes:
    """Return the 32 bytes that a key is made from."""
    return sha256(word.encode()).digest()


def ed25519(word: str) -> MemorySigner:
    """Return the Ed25519 key of a word."""
    return MemorySigner(Ed25519PrivateKey.from_private_bytes(seed(word)))


@cache
def mldsa(word: str) -> MldsaSigner:
    """Return the ML-DSA-44 key of a word."""
    return MldsaSigner(MLDSA44PrivateKey.from_seed_bytes(seed(word)))


LOG = LogSigner(ORIGIN, ed25519("log"))
VKEY = parse_vkey(LOG.vkeys[0])
LOG_OF_BOTH = LogSigner(ORIGIN, ed25519("log"), mldsa("log"))
WITNESSES: dict[str, Cosigner] = {
    "one": Ed25519Cosigner("witness.example/one", ed25519("one")),
    "two": MldsaCosigner("witness.example/two", mldsa("two")),
    "three": Ed25519Cosigner("witness.example/three", ed25519("three")),
}


def checkpoint(size: int = len(ENTRIES)) -> Checkpoint:
    """Return the head of the tree of the first `size` entries."""
    tree = MemoryTree(map(leaf_hash, ENTRIES[:size]))
    return Checkpoint(ORIGIN, size, tree.root())


def text_of(size: int = len(ENTRIES)) -> str:
    """Return the text that is signed for a size."""
    return format_checkpoint(checkpoint(size)).decode()


def note_of(*signatures: Signature, text: str | None = None) -> str:
    """Return a note with these signatures under it."""
    return format_note(Note(text_of() if text is None else text, signatures)).decode()


def log_signature(text: str | None = None, word: str = "log") -> Signature:
    """Return the Ed25519 signature of the log (or of another key that claims its name)."""
    return note_signature(text_of() if text is None else text, ORIGIN, ed25519(word))


def cosigned(*names: str, time_s: int = SIGNED_AT_S) -> str:
    """Return the log's note with these witnesses' cosignatures under it, in that order."""
    note = parse_note(LOG.sign(checkpoint(), SIGNED_AT_S).encode())
    lines = [WITNESSES[name].cosign(note.text.encode(), time_s) for name in names]
    return format_note(Note(note.text, (*note.signatures, *lines))).decode()


def proof(index: int = PROVEN, *, note: str | None = None, extra: bytes | None = None) -> str:
    """Return the tlog-proof of an entry in the whole tree."""
    tree = MemoryTree(map(leaf_hash, ENTRIES))
    held = LOG.sign(checkpoint(), SIGNED_AT_S) if note is None else note
    return format_proof(TlogProof(extra, index, tuple(tree.inclusion_path(index)), held))


def signature_by(key: VerifierKey, blob: bytes) -> Signature:
    """Return any bytes as a signature of that key."""
    return Signature(key.name, key.key_id, blob)
