"""The body of a checkpoint: origin, size, root, three lines and no extensions.

Source: C2SP tlog-checkpoint.
"""

import re
from dataclasses import dataclass

from ledger.encoding.strict_json import b64, unb64
from ledger.errors import Malformed
from ledger.log.merkle import HASH_BYTES

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_BODY_MAX_BYTES = 2048


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log says of itself at one size."""

    origin: str
    size: int
    root: bytes  # 32 bytes


def format_checkpoint(checkpoint: Checkpoint) -> bytes:
    """Return the three lines, each ended by a newline."""
    assert _is_origin(checkpoint.origin), checkpoint.origin
    assert checkpoint.size >= 0, checkpoint.size
    assert len(checkpoint.root) == HASH_BYTES, "a root is 32 bytes"
    return f"{checkpoint.origin}\n{checkpoint.size}\n{b64(checkpoint.root)}\n".encode()


def parse_checkpoint(text: bytes) -> Checkpoint:
    """Return the checkpoint of a body; Malformed when it is not exactly three canonical lines."""
    if len(text) > _BODY_MAX_BYTES:
        raise Malformed("a checkpoint body is not that long", code="checkpoint-too-long")
    try:
        origin, size, root_b64, rest = text.decode().split("\n")
    except ValueError as error:
        raise Malformed("a checkpoint body is three lines of UTF-8", code="checkpoint-lines") from error
    if rest:
        raise Malformed("a checkpoint body has three lines and no extensions", code="checkpoint-lines")
    if not _is_origin(origin):
        raise Malformed("the first line of a checkpoint body names its log", code="checkpoint-origin")
    if not _SIZE.fullmatch(size):
        raise Malformed("the size of a checkpoint is a decimal number", code="checkpoint-size")
    root = unb64(root_b64, code="checkpoint-root")
    if len(root) != HASH_BYTES:
        raise Malformed("the root of a checkpoint is 32 bytes", code="checkpoint-root")
    return Checkpoint(origin, int(size), root)


def _is_origin(origin: str) -> bool:
    return bool(origin) and not any(sign < " " for sign in origin)
