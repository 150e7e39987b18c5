r"""Statements as exact bytes: canonical JSON, salted leaves, and the one root that is signed for all.

    who digest = SHA-256("achievement-ledger/who/v1\\0" || who_salt || who bytes)
    leaf       = SHA-256(0x00 || "achievement-ledger/statement/v1\\0" || salt || statement bytes)
    root       = RFC 6962 tree over the leaves

Source: LEDGER.md 2, SPEC.md 1.
"""

import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from .errors import Malformed, Refused
from .jose import b64url, canonical

SALT_BYTES = 32
STATEMENT_SIZE_MAX_BYTES = 16 * 1024

_WHO_TAG = b"achievement-ledger/who/v1\0"
_LEAF_TAG = b"\x00achievement-ledger/statement/v1\0"
_SAFE_INTEGER_MAX = 2**53 - 1

# The same bytes as JCS for flat objects: see `flat`. The encoder is kept, it is dear to make.
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


@dataclass(frozen=True, slots=True)
class Statement:
    """What is said and, where a person is concerned, about whom; the member `who` of `said` is made here."""

    said: Mapping[str, Any]
    who: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One statement as it travels: exact bytes and the salts that hide them."""

    statement: bytes
    salt: bytes
    who: bytes | None = None
    who_salt: bytes | None = None


def statement_bytes(value: Mapping[str, Any]) -> bytes:
    """Return the JCS form of a statement or of its identity columns.

    Raises:
        Malformed: text that is not NFC, or a value without a canonical form.
        Refused: more than 16 KiB.
    """
    data = _flat_bytes(value) if flat(value) else canonical(value)
    if len(data) > STATEMENT_SIZE_MAX_BYTES:
        raise Refused(f"a statement has at most {STATEMENT_SIZE_MAX_BYTES} bytes")
    if not data.isascii() and not unicodedata.is_normalized("NFC", data.decode()):
        raise Malformed("the text of a statement must be in Unicode form NFC")
    return data


def flat(value: Mapping[str, Any]) -> bool:
    """Whether plain `json` writes this object as JCS does: ASCII names, values text or safe whole numbers.

    Sorting by code point is sorting by UTF-16 unit where all names are ASCII, both escape the
    same signs in the same way, and no number needs ECMAScript's spelling.
    """
    for name, item in value.items():
        kind = type(item)
        if kind is int:
            if not -_SAFE_INTEGER_MAX <= item <= _SAFE_INTEGER_MAX:
                return False
        elif kind is not str:
            return False
        if not name.isascii():
            return False
    return True


def _flat_bytes(value: Mapping[str, Any]) -> bytes:
    try:
        return _encode(value).encode()
    except UnicodeEncodeError as error:
        raise Malformed("this value has no canonical JSON form") from error


def line(statement: Statement, salt: bytes, who_salt: bytes) -> Line:
    """Return a statement as it travels; `who_salt` is used only where a person is concerned.

    Raises:
        Malformed, Refused: as `statement_bytes`.
    """
    if statement.who is None:
        return Line(statement_bytes(statement.said), salt)
    who = statement_bytes(statement.who)
    said = {**statement.said, "who": b64url(who_digest(who, who_salt))}
    return Line(statement_bytes(said), salt, who, who_salt)


def who_digest(who: bytes, who_salt: bytes) -> bytes:
    """Return the 32 bytes that stand for a person in a signed statement."""
    return sha256(_WHO_TAG + who_salt + who).digest()


def statement_leaf(statement: bytes, salt: bytes) -> bytes:
    """Return the leaf of a statement in its submission's tree."""
    return sha256(_LEAF_TAG + salt + statement).digest()


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Return the RFC 6962 root over leaves that are already hashed; at least one.

    Pairing neighbours and carrying an odd last one up gives the tree of RFC 9162 §2.1.1.
    """
    level = list(leaves)
    while len(level) > 1:
        pairs = [sha256(b"\x01" + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)]
        level = pairs + level[len(pairs) * 2 :]
    return level[0]
