"""The body of a checkpoint: origin, size, root, three lines and no extensions.

Source: C2SP tlog-checkpoint.
"""

import base64
import binascii
import re
from dataclasses import dataclass

from ledger.errors import Malformed

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
    assert len(checkpoint.root) == 32
    root = base64.b64encode(checkpoint.root).decode()
    return f"{checkpoint.origin}\n{checkpoint.size}\n{root}\n".encode()


def parse_checkpoint(text: bytes) -> Checkpoint:
    """Return the checkpoint of a body; Malformed when it is not exactly three canonical lines."""
    if len(text) > _BODY_MAX_BYTES:
        raise Malformed("a checkpoint body is not that long")
    try:
        origin, size, root, rest = text.decode().split("\n")
        root_hash = base64.b64decode(root, validate=True)
    except (ValueError, binascii.Error) as error:
        raise Malformed("a checkpoint body has three lines") from error
    found_root = base64.b64encode(root_hash).decode() == root and len(root_hash) == 32
    if rest or not origin or not _SIZE.fullmatch(size) or not found_root:
        raise Malformed("a line of the checkpoint body is not in its one form")
    return Checkpoint(origin, int(size), root_hash)
