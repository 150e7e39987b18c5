"""How a stranger checks each thing that the log publishes, put together from the room's own parts."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ledger.keys.signer import Signer
from ledger.log.checkpoint import Checkpoint, parse_checkpoint
from ledger.log.cosignature import verify_signed
from ledger.log.merkle import leaf_hash, verify_consistency, verify_inclusion
from ledger.log.note import Note, ed25519_of, format_note, note_signature, parse_note, parse_vkey
from ledger.log.policy import parse_policy
from ledger.log.proof import parse_proof

MUTATIONS = Path(__file__).parent / "mutations"

# The log of the files in mutations/: twelve entries, `entry-0` … `entry-11`, signed by a key whose
# seed is the bytes 0 to 31.
VKEY = "ledger.example/log+11639dd4+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
PROVEN_ENTRY = b"entry-5"
# A witness of it: its Ed25519 key has the seed 32 … 63, its ML-DSA-44 key the seed 96 … 127.
WITNESS = "witness.example/w1+20324abe+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X"
MLDSA_WITNESS = (MUTATIONS / "mldsa-witness.vkey").read_text().strip()


def signed_note(text: str, name: str, signer: Signer) -> str:
    """Return the note with one Ed25519 signature over `text`, which ends in a newline."""
    return format_note(Note(text, (note_signature(text, name, signer),))).decode()


def check_note(data: bytes) -> None:
    """Read a note and check the log's signature on it."""
    verify_signed(parse_note(data), parse_vkey(VKEY))


def check_checkpoint(data: bytes) -> None:
    """Read the body of a checkpoint."""
    parse_checkpoint(data)


def open_checkpoint(data: bytes, vkey: str) -> Checkpoint:
    """Return a checkpoint that the key of `vkey` signed."""
    note = parse_note(data)
    verify_signed(note, parse_vkey(vkey))
    return parse_checkpoint(note.text.encode())


def check_proof(data: bytes) -> None:
    """Check that a tlog-proof proves the sixth entry of the log."""
    prove(data.decode(), PROVEN_ENTRY, VKEY)


def prove(text: str, entry: bytes, vkey: str) -> None:
    """Check that a tlog-proof leads from an entry to a checkpoint that the key of `vkey` signed."""
    proof = parse_proof(text)
    checkpoint = open_checkpoint(proof.checkpoint_note.encode(), vkey)
    verify_inclusion(leaf_hash(entry), proof.index, checkpoint.size, proof.path, checkpoint.root)


def check_consistency(data: bytes) -> None:
    """Check the consistency proof of a JSON file."""
    case: dict[str, Any] = json.loads(data)
    old_root, new_root, *path = map(base64.b64decode, (case["old_root"], case["new_root"], *case["path"]))
    verify_consistency(case["old_size"], case["new_size"], old_root, new_root, path)


def check_vkey(data: bytes) -> None:
    """Check the log's own note with the verifier key of a file."""
    key = parse_vkey(data.decode())
    ed25519_of(key)
    verify_signed(parse_note((MUTATIONS / "note" / "good.txt").read_bytes()), key)


def check_cosignature(data: bytes) -> None:
    """Check the witness's cosignature of the older kind under a note."""
    verify_signed(parse_note(data), parse_vkey(WITNESS))


def check_mldsa_cosignature(data: bytes) -> None:
    """Check the witness's ML-DSA-44 cosignature under a note."""
    verify_signed(parse_note(data), parse_vkey(MLDSA_WITNESS))


def check_policy(data: bytes) -> None:
    """Read a policy."""
    parse_policy(data)


CHECKS: dict[str, Callable[[bytes], None]] = {
    "note": check_note,
    "vkey": check_vkey,
    "checkpoint": check_checkpoint,
    "proof": check_proof,
    "consistency": check_consistency,
    "cosignature": check_cosignature,
    "mldsa-cosignature": check_mldsa_cosignature,
    "policy": check_policy,
}
