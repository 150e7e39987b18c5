"""One row of the access log: what it says, its bytes, its leaf, and under what it is found.

```
row bytes   = JCS {v, at, who, by?, learner?, what, why}      at: µs since 1970 · learner: random id
leaf        = H(0x00 || T(access) || salt[32] || row bytes)
sealed      = seal(salt || row bytes)                         key of the learner; AAD = T(access-row) || leaf
found by    = HMAC(data key, T(access-own | access-others))[:16]
```
What it is found by is made with the learner's own key: it outlives a turn of the epoch, and nobody can
tell whose it was once that key is destroyed. Reads by the learner and reads by others are found apart,
because what people want to know is who else.

A row about everybody has no learner. It is not sealed: whoever holds the file may know it.

Source: LEDGER.md 4 (no digest of personal content without a key), 5.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

from ledger.encoding.strict_json import canonical, parse
from ledger.errors import Corrupt, Malformed
from ledger.ids import random_bytes
from ledger.privacy.commitments import tag
from ledger.privacy.sealing import SubjectKey, keyed

VERSION = 1
SALT_BYTES, FOUND_BY_BYTES = 32, 16
ROW_MAX_BYTES = 1_000

LEARNER, OPERATOR, ORGANISATION, SYSTEM = "learner", "operator", "organisation", "system"
WHO = (LEARNER, OPERATOR, ORGANISATION, SYSTEM)

NAME, NUMBER, ACCESS_LOG, RECEIPT, EVERYTHING = "name", "nsn", "access_log", "receipt", "everything"
RECORD_PAGE, RECORD_JSON = "record_page", "record_json"
RECORD_CLR, RECORD_BUNDLE = "record_clr", "record_bundle"
AWARD_BADGE, AWARD_BUNDLE = "award_badge", "award_bundle"
WHAT = (
    RECORD_PAGE,
    RECORD_JSON,
    RECORD_CLR,
    RECORD_BUNDLE,
    AWARD_BADGE,
    AWARD_BUNDLE,
    RECEIPT,
    NAME,
    NUMBER,
    ACCESS_LOG,
    EVERYTHING,
)

OWN_RECORD, OWN_STATEMENT, DEMONSTRATION = "own_record", "own_statement", "demonstration"
LEARNER_REQUEST, CORRECTION, SUPPORT = "learner_request", "correction", "support"
LEGAL, FORGETTING, INTEGRITY, UNSTATED = "legal", "forgetting", "integrity", "unstated"
WHY = (
    OWN_RECORD,
    OWN_STATEMENT,
    LEARNER_REQUEST,
    CORRECTION,
    SUPPORT,
    LEGAL,
    FORGETTING,
    INTEGRITY,
    DEMONSTRATION,
    UNSTATED,
)
# What an officer at the command line may give as the reason; the last stands where none was given.
STATED = (LEARNER_REQUEST, CORRECTION, SUPPORT, LEGAL, UNSTATED)

EVERYBODY = bytes(FOUND_BY_BYTES)
_ACCESS, _ROW = tag("access"), tag("access-row")
_OWN, _OTHERS = tag("access-own"), tag("access-others")
_MEMBERS = frozenset(("v", "at", "who", "what", "why"))


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads, and why: every door that opens a learner's record has to say.

    who: one of WHO. why: one of WHY. by: id of the organisation, where it is one.
    """

    who: str
    why: str
    by: UUID | None = None

    def __post_init__(self) -> None:
        """Refuse what has no words: a mistake of ours."""
        assert self.who in WHO, self.who
        assert self.why in WHY, self.why

    @property
    def is_learner(self) -> bool:
        """Whether the learners read about themselves."""
        return self.who == LEARNER


OWN = Reader(LEARNER, OWN_RECORD)
ON_DEMONSTRATION = Reader(SYSTEM, DEMONSTRATION)
AUDITOR = Reader(OPERATOR, INTEGRITY)


@dataclass(frozen=True, slots=True)
class Access:
    """One read. at_us: microseconds since 1970. learner: None where it was everybody. what: one of WHAT."""

    at_us: int
    reader: Reader
    what: str
    learner: UUID | None

    def row_bytes(self) -> bytes:
        """Return its one form: canonical JSON, absent members left out."""
        row: dict[str, Any] = {
            "v": VERSION,
            "at": self.at_us,
            "who": self.reader.who,
            "what": self.what,
            "why": self.reader.why,
        }
        if self.reader.by is not None:
            row["by"] = str(self.reader.by)
        if self.learner is not None:
            row["learner"] = str(self.learner)
        return canonical(row)


class Row(NamedTuple):
    """A row as the file has it; `sealed` is open where `found_by` is EVERYBODY."""

    leaf: bytes
    found_by: bytes
    sealed: bytes


class Opened(NamedTuple):
    """A row that was opened: its exact bytes, the salt of its leaf, and what it says."""

    salt: bytes
    row: bytes
    access: Access


def leaf_of(salt: bytes, row: bytes) -> bytes:
    """Return the leaf of a row in the tree of its day."""
    return sha256(b"\x00" + _ACCESS + salt + row).digest()


def found_by_own(key: SubjectKey) -> bytes:
    """Return under what a learner's own reads are found."""
    return keyed(key.data_key, _OWN)[:FOUND_BY_BYTES]


def found_by_others(key: SubjectKey) -> bytes:
    """Return under what the reads of others are found."""
    return keyed(key.data_key, _OTHERS)[:FOUND_BY_BYTES]


def sealed_row(access: Access, key: SubjectKey) -> Row:
    """Return a read as it is kept, under the key of the learner whom it is about."""
    salt, row = random_bytes(SALT_BYTES), access.row_bytes()
    leaf = leaf_of(salt, row)
    found_by = found_by_own(key) if access.reader.is_learner else found_by_others(key)
    return Row(leaf, found_by, key.seal(salt + row, _ROW + leaf))


def open_row(access: Access) -> Row:
    """Return a read of everybody as it is kept: not sealed, because nobody is in it."""
    assert access.learner is None, "what is about somebody is sealed"
    salt, row = random_bytes(SALT_BYTES), access.row_bytes()
    return Row(leaf_of(salt, row), EVERYBODY, salt + row)


def opened(row: Row, key: SubjectKey | None) -> Opened:
    """Return what a row says.

    Args:
        row: as it is kept.
        key: of its learner; None for a row about everybody.

    Raises:
        Corrupt: it does not open, is not what its leaf stands for, or is not of our form.
    """
    content = row.sealed if key is None else key.unseal(row.sealed, _ROW + row.leaf)
    salt, data = content[:SALT_BYTES], content[SALT_BYTES:]
    if leaf_of(salt, data) != row.leaf:
        raise Corrupt("an access is not what its leaf stands for", code="access")
    return Opened(salt, data, read_access(data))


def read_access(row: bytes) -> Access:
    """Return what the bytes of a row say; Corrupt where they are not its one form."""
    try:
        found = parse(row, size_max_bytes=ROW_MAX_BYTES)
        if not isinstance(found, dict) or not found.keys() >= _MEMBERS:
            raise Corrupt("an access lacks members", code="access")
        by, learner = found.get("by"), found.get("learner")
        if found["who"] not in WHO or found["why"] not in WHY or found["what"] not in WHAT:
            raise Corrupt("an access says what there are no words for", code="access")
        reader = Reader(found["who"], found["why"], None if by is None else UUID(by))
        access = Access(found["at"], reader, found["what"], None if learner is None else UUID(learner))
        if access.row_bytes() != row:
            raise Corrupt("an access is not in its one form", code="access")
    except (Malformed, ValueError, TypeError, AttributeError) as error:
        raise Corrupt("an access cannot be read", code="access") from error
    return access
