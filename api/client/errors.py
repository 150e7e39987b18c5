"""Everything the client kit refuses or fails at, in one small tree.

    ClientError
    ├── Malformed      bytes that cannot be read as what they claim to be
    ├── Refused        readable, but a rule, a signature or the other side says no
    └── Unreachable    no answer yet; trying again with the same bytes is safe

The kit imports nothing of the ledger, so this tree is its own. `code` never changes once
published; a sentence says what, where and what to do, and never carries personal data.
"""


class ClientError(Exception):
    """Root of the tree."""

    code = "client"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class Malformed(ClientError):
    """Bytes that cannot be read as what they claim to be."""

    code = "malformed"


class Refused(ClientError):
    """Readable, but a rule, a signature or the other side says no."""

    code = "refused"


class Unreachable(ClientError):
    """No answer yet; trying again with the same bytes is safe."""

    code = "unreachable"
