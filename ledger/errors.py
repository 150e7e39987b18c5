"""Everything the ledger refuses or fails at, in one tree.

    LedgerError
    ├── Refusal        the rules, or the shape of what was sent, say no
    │   ├── Malformed          bytes that cannot be read as what they claim to be
    │   ├── Unauthorised       a key or a token that does not count here
    │   │   └── BadSignature       a signature that does not hold
    │   ├── Absent             what was asked for is not here
    │   └── ProofShapeError    a proof that cannot belong to this index and size
    ├── Conflict       someone was first
    │   ├── Stale              the decision rests on something that has moved: reload, decide again
    │   ├── Reused             the same submission id with other content
    │   └── Taken              a value that may be held once is held
    ├── Corrupt        what we hold does not check
    │   ├── Rollback           the database is behind its anchor
    │   └── Split              the database and its anchor are two histories
    └── Unavailable    try again later

`code` never changes once published; a sentence says what, where and what to do, and never
carries personal data. `api.problems` maps each kind to one HTTP status.
"""


class LedgerError(Exception):
    """Root of the tree."""

    code = "internal"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class Refusal(LedgerError):
    """The rules, or the shape of what was sent, say no."""

    code = "refused"


class Malformed(Refusal):
    """Bytes that cannot be read as what they claim to be."""

    code = "malformed"


class Unauthorised(Refusal):
    """A key or a token that does not count here."""

    code = "unauthorised"


class BadSignature(Unauthorised):
    """A signature that does not hold."""

    code = "signature"


class Absent(Refusal):
    """What was asked for is not here."""

    code = "not-found"


class ProofShapeError(Refusal):
    """A proof that cannot belong to this index and size."""

    code = "proof-shape"


class Conflict(LedgerError):
    """Someone was first."""

    code = "conflict"


class Stale(Conflict):
    """The decision rests on something that has moved: reload and decide again."""

    code = "stale"


class Reused(Conflict):
    """The same submission id was used before with other content."""

    code = "E908"


class Taken(Conflict):
    """A value that may be held once is held already."""

    code = "taken"


class Corrupt(LedgerError):
    """What we hold does not check."""

    code = "corrupt"


class Rollback(Corrupt):
    """The database is behind its anchor: an old copy was put back."""

    code = "rollback"


class Split(Corrupt):
    """The database and its anchor are two histories of one log."""

    code = "split"


class Unavailable(LedgerError):
    """Try again later."""

    code = "unavailable"
