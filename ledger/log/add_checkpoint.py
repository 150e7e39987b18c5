"""What a log sends a witness: the size it was seen at last, a consistency proof, and its checkpoint.

    old 20852014
    PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
    …

    example.com/behind-the-sofa
    20852163
    …

Source: C2SP tlog-witness (add-checkpoint).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ledger.encoding.strict_json import b64, unb64
from ledger.errors import Malformed
from ledger.log.checkpoint import Checkpoint, parse_checkpoint
from ledger.log.merkle import HASH_BYTES
from ledger.log.note import Note, parse_note

PATH = "add-checkpoint"
BODY_MAX_BYTES = 128 * 1024  # 16 signatures of the largest kind there is, and a whole proof
PROOF_LINES_MAX = 63
SIZE_MAX = 2**63 - 1
SIZE_TYPE = "text/x.tlog.size"  # of an answer that says at which size the witness has seen the log
_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})", re.ASCII)
_SIZE_LINE = re.compile(rb"(0|[1-9][0-9]{0,18})\n")


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A request that was read; whether anything in it holds is another question."""

    old_size: int
    proof: tuple[bytes, ...]
    note: Note
    checkpoint: Checkpoint  # the text of the note


def format_add_checkpoint(old_size: int, proof: Sequence[bytes], note: str) -> bytes:
    """Return the body of a request; `note` is a signed checkpoint."""
    lines = [f"old {old_size}", *map(b64, proof)]
    return ("\n".join(lines) + "\n\n" + note).encode()


def parse_add_checkpoint(body: bytes) -> AddCheckpoint:
    """Return the request of a body.

    Raises:
        Malformed: too long, a line that is not in its place and its one form, more than 63 lines of
            proof, or no signed checkpoint of three lines after them; with codes `add-checkpoint-…`, and
            those of notes and checkpoints.
    """
    if len(body) > BODY_MAX_BYTES:
        raise Malformed("a request to a witness is not that long", code="add-checkpoint-too-long")
    head, blank, rest = body.partition(b"\n\n")
    try:
        old, *lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise Malformed("the lines before the checkpoint are ASCII", code="add-checkpoint-ascii") from error
    found = _OLD.fullmatch(old)
    if not blank or found is None:
        raise Malformed(
            "a request begins with the old size, and an empty line stands before the checkpoint",
            code="add-checkpoint-old",
        )
    if len(lines) > PROOF_LINES_MAX:
        raise Malformed(
            f"a consistency proof has at most {PROOF_LINES_MAX} lines", code="add-checkpoint-proof-lines"
        )
    proof = tuple(unb64(line, code="add-checkpoint-hash") for line in lines)
    if any(len(one) != HASH_BYTES for one in proof):
        raise Malformed("a hash of the consistency proof is not 32 bytes", code="add-checkpoint-hash")
    note = parse_note(rest)
    checkpoint = parse_checkpoint(note.text.encode())
    if max(checkpoint.size, int(found[1])) > SIZE_MAX:
        raise Malformed("no log is that large", code="add-checkpoint-size")
    return AddCheckpoint(int(found[1]), proof, note, checkpoint)


def format_size(size: int) -> bytes:
    """Return the body that says at which size a witness has seen a log."""
    return b"%d\n" % size


def parse_size(body: bytes) -> int:
    """Return the size that a witness says; Malformed when that is not a number and a newline."""
    found = _SIZE_LINE.fullmatch(body)
    if found is None or int(found[1]) > SIZE_MAX:
        raise Malformed("a size is a decimal number and a newline", code="witness-size")
    return int(found[1])
