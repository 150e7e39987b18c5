"""The hashes by which a private record can be proven without being shown.

Every digest here is over something that carries at least 32 random bytes, or is keyed: an
unkeyed digest of a grade and a standard is a guessing oracle.

Source: LEDGER.md 2 (statements), 3 (records and entries). `H` is SHA-256, integers big-endian.
"""

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

from ledger.errors import Malformed

PRIVATE_ENTRY, PUBLIC_ENTRY = b"\x01", b"\x02"
NO_STATEMENT = bytes(32)
PUBLIC_ENTRY_MAX_BYTES = 65_535
_FIXED_BYTES = 8 + 16 + 4 + 2  # instant, stream, version, length of the topic


def tag(name: str) -> bytes:
    """Return the domain-separation prefix of a digest: `achievement-ledger/<name>/v1` and a zero byte."""
    return b"achievement-ledger/" + name.encode() + b"/v1\x00"


_WHO, _STATEMENT = tag("who"), tag("statement")
_COMMIT, _BLIND = tag("statement-commit"), tag("statement-blind")
_OPEN, _SEALED, _CIPHERTEXT, _ENTRY = tag("open"), tag("sealed"), tag("ciphertext"), tag("entry")
_CLAIM_SALT, _CLAIM, _CLAIMS = tag("claim-salt"), tag("claim"), tag("claims")


def who_digest(who_salt: bytes, who: bytes) -> bytes:
    """Return the digest that stands for the identity columns inside a signed statement."""
    return sha256(_WHO + who_salt + who).digest()


def statement_leaf(salt: bytes, statement: bytes) -> bytes:
    """Return the leaf of one statement in the tree that a submission signs."""
    return sha256(b"\x00" + _STATEMENT + salt + statement).digest()


def statement_blind(open_salt: bytes) -> bytes:
    """Return what hides which statement a record rests on from those without its open part."""
    return sha256(_BLIND + open_salt).digest()


def statement_commit(blind: bytes, leaf: bytes | None) -> bytes:
    """Return the commitment to the statement; 32 zero bytes where there is none."""
    return NO_STATEMENT if leaf is None else sha256(_COMMIT + blind + leaf).digest()


def open_commit(stream: UUID, version: int, topic: str, open_bytes: bytes) -> bytes:
    """Return the commitment to a record's open part and its place in its stream."""
    place = stream.bytes + version.to_bytes(4, "big")
    return sha256(b"".join((_OPEN, place, _named(topic), open_bytes))).digest()


def claim_salt(content_salt: bytes, index: int) -> bytes:
    """Return the 16 bytes that blind claim `index`, counted from 0 in SHOWS order."""
    return sha256(_CLAIM_SALT + content_salt + index.to_bytes(2, "big")).digest()[:16]


def claim_digest(salt: bytes, name: str, value: str) -> bytes:
    """Return the commitment to one claim that a credential may show."""
    key = name.encode()
    text = unicodedata.normalize("NFC", value).encode()
    return sha256(b"".join((_CLAIM, salt, len(key).to_bytes(1, "big"), key, text))).digest()


def claims_commit(topic: str, digests: Sequence[bytes]) -> bytes:
    """Return the commitment to all claims of a record; n = 0 where a topic shows nothing."""
    head = (_CLAIMS, _named(topic), len(digests).to_bytes(2, "big"))
    return sha256(b"".join((*head, *digests))).digest()


def sealed_commit(sealed_plaintext: bytes) -> bytes:
    """Return the commitment to the plaintext of the sealed part (it begins with a random salt)."""
    return sha256(_SEALED + sealed_plaintext).digest()


def ciphertext_hash(sealed_bytes: bytes) -> bytes:
    """Return the digest of the sealed part as stored."""
    return sha256(_CIPHERTEXT + sealed_bytes).digest()


def private_entry(recorded_at_us: int, commitments: Sequence[bytes]) -> bytes:
    """Return the 33 opaque bytes the public log carries for a private record.

    Args:
        recorded_at_us: microseconds since 1970.
        commitments: statement, open, claims, sealed commitment and ciphertext hash, 32 bytes each.
    """
    return (
        PRIVATE_ENTRY + sha256(b"".join((_ENTRY, recorded_at_us.to_bytes(8, "big"), *commitments))).digest()
    )


def public_entry(recorded_at_us: int, stream: UUID, version: int, topic: str, state: bytes) -> bytes:
    """Return the bytes the public log carries for a public record: all of it."""
    return b"".join(
        (
            PUBLIC_ENTRY,
            recorded_at_us.to_bytes(8, "big"),
            stream.bytes,
            version.to_bytes(4, "big"),
            _named(topic),
            state,
        )
    )


class PublicEntry(NamedTuple):
    """What a public entry says of its record: as much as the ledger itself keeps of it."""

    recorded_at_us: int
    stream: UUID
    version: int
    topic: str
    state: bytes


def read_public_entry(entry: bytes) -> PublicEntry:
    """Return the parts of a public entry; Malformed when it is none. `state` is whatever follows."""
    topic_at = len(PUBLIC_ENTRY) + _FIXED_BYTES
    state_at = topic_at + int.from_bytes(entry[topic_at - 2 : topic_at], "big")
    if not entry.startswith(PUBLIC_ENTRY) or len(entry) < state_at or len(entry) < topic_at:
        raise Malformed("this is not the entry of a public record")
    recorded_at, stream, version = entry[1:9], entry[9:25], entry[25:29]
    try:
        topic = entry[topic_at:state_at].decode()
    except UnicodeDecodeError as error:
        raise Malformed("the topic of a public entry is UTF-8") from error
    return PublicEntry(
        int.from_bytes(recorded_at, "big"),
        UUID(bytes=stream),
        int.from_bytes(version, "big"),
        topic,
        entry[state_at:],
    )


@lru_cache(maxsize=256)  # there are fewer topics of ours than that
def _named(topic: str) -> bytes:
    """Return u16 length || topic."""
    name = topic.encode()
    return len(name).to_bytes(2, "big") + name
