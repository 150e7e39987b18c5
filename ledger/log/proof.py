"""A proof that travels by itself: index, inclusion path and the checkpoint it leads to.

Source: C2SP tlog-proof.
"""

import re
from dataclasses import dataclass

from ledger.encoding.strict_json import b64, unb64
from ledger.errors import Malformed
from ledger.log.checkpoint import parse_checkpoint
from ledger.log.merkle import HASH_BYTES
from ledger.log.note import parse_note

HEADER = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})", re.ASCII)
_PROOF_MAX_CHARS = 2_000_000
_PATH_MAX = 63  # a tree of 2**63 leaves


@dataclass(frozen=True, slots=True)
class TlogProof:
    """What a tlog-proof holds; the checkpoint is the whole signed note."""

    extra: bytes | None
    index: int  # leaf_index, from 0
    path: tuple[bytes, ...]
    checkpoint_note: str


def format_proof(proof: TlogProof) -> str:
    """Return the text of a proof."""
    lines = [HEADER]
    if proof.extra is not None:
        lines.append("extra " + b64(proof.extra))
    lines.append(f"index {proof.index}")
    lines += map(b64, proof.path)
    return "\n".join(lines) + "\n\n" + proof.checkpoint_note


def parse_proof(text: str) -> TlogProof:
    """Return the proof of a text; whether it leads anywhere is another question.

    Raises:
        Malformed: a line is not in its place and its one form, in the proof or in its checkpoint.
    """
    head, blank, note = text.partition("\n\n")
    lines = head.split("\n")
    if len(text) > _PROOF_MAX_CHARS:
        raise Malformed("a tlog-proof is not that long", code="proof-too-long")
    if not blank or not note:
        raise Malformed("a tlog-proof has a blank line, and its checkpoint below", code="proof-parts")
    if lines.pop(0) != HEADER:
        raise Malformed("this is not a tlog-proof", code="proof-header")
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = unb64(lines.pop(0).removeprefix("extra "), code="proof-extra")
    found = _INDEX.fullmatch(lines.pop(0)) if lines else None
    if found is None:
        raise Malformed("a tlog-proof has an index", code="proof-index")
    if len(lines) > _PATH_MAX:
        raise Malformed("a tlog-proof does not have so many hashes", code="proof-path")
    path = tuple(unb64(line, code="proof-hash") for line in lines)
    if any(len(node) != HASH_BYTES for node in path):
        raise Malformed("a hash of the path is not 32 bytes", code="proof-hash")
    parse_checkpoint(parse_note(note.encode()).text.encode())
    return TlogProof(extra, int(found[1]), path, note)
