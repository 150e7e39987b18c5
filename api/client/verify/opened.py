"""A receipt that opens what the log holds only as a digest, read, and its log entry recomputed.

A receipt opens some claims of a private record and gives digests of the rest. From them the 33
bytes of the log entry are computed again: if one claim differed, or the kind of record, the entry
would be another, and the log does not hold it.

Source: LEDGER.md 3 (records and entries, award receipt); C2SP tlog-proof.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import Malformed
from ..jose import canonical as jcs
from ..jose import unb64url
from .tlog import HASH_BYTES, Checkpoint, inclusion_root, leaf_hash, parse_checkpoint, parse_proof

VERSION = 1
_PRIVATE = b"\x01"
_SALT_BYTES = 16
_NAME_MAX = 0xFF
_RECORDED_AT_MAX = 2**63
_MEMBERS = frozenset(
    (
        "v",
        "topic",
        "recorded_at",
        "claims",
        "statement_commit",
        "open_commit",
        "sealed_commit",
        "ciphertext_hash",
    )
)
_OPENED, _HIDDEN = 3, 1  # [name, value, salt] or [digest]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of record that receipts open.

    Attributes:
        topic: of the record.
        claims: what it shows.
        code: how the codes of answers about such a receipt begin.
        it: such a receipt, at the beginning of a sentence.
    """

    topic: str
    claims: frozenset[str]
    code: str
    it: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt, read and recomputed; whether the log signed it is not checked yet.

    Attributes:
        claims: opened claims, name to value.
        hidden: how many claims are given as digests only.
        entry: the 33 bytes of the log.
        index: its place, from 0.
        path: the inclusion path.
        checkpoint: the one it leads to.
    """

    claims: Mapping[str, str]
    hidden: int
    entry: bytes
    index: int
    path: tuple[bytes, ...]
    checkpoint: Checkpoint

    @property
    def position(self) -> int:
        """Its place in the log, from 1, as keys count them."""
        return self.index + 1

    def shows_all(self, kind: Kind) -> bool:
        """Return whether every claim of such a record is opened, and no other."""
        return not self.hidden and self.claims.keys() == kind.claims

    def is_included(self) -> bool:
        """Return whether the path leads from the entry to the root of the checkpoint."""
        try:
            root = inclusion_root(leaf_hash(self.entry), self.index, self.checkpoint.size, self.path)
        except Malformed:
            return False
        return root == self.checkpoint.root


def open_receipt(text: str, kind: Kind) -> Receipt:
    """Return a receipt with its entry recomputed.

    Raises:
        Malformed: not the receipt of such a record.
    """
    proof = parse_proof(text)
    extra = _extra(proof.extra, kind)
    claims, digests = _claims(extra["claims"])
    return Receipt(
        claims=claims,
        hidden=len(digests) - len(claims),
        entry=_entry(extra, digests),
        index=proof.index,
        path=proof.path,
        checkpoint=parse_checkpoint(proof.checkpoint),
    )


def _extra(data: bytes, kind: Kind) -> dict[str, Any]:
    try:
        extra: Any = json.loads(data)
        exact = isinstance(extra, dict) and jcs(extra) == data
    except (ValueError, RecursionError) as error:
        raise Malformed("the receipt does not say what it opens", code="receipt-form") from error
    if not exact or extra.keys() != _MEMBERS:
        raise Malformed("the receipt does not say what it opens", code="receipt-form")
    recorded_at = extra["recorded_at"]
    if type(extra["v"]) is not int or extra["v"] != VERSION or extra["topic"] != kind.topic:
        raise Malformed(f"the receipt is not one of {kind.topic}", code="receipt-form")
    if type(recorded_at) is not int or not 0 <= recorded_at < _RECORDED_AT_MAX:
        raise Malformed("the receipt does not say when it was recorded", code="receipt-form")
    return dict(extra)


def _claims(listed: Any) -> tuple[dict[str, str], list[bytes]]:
    """Return the opened claims, and the digests of all claims in their order."""
    if not isinstance(listed, list):
        raise Malformed("the receipt lists no claims", code="receipt-form")
    opened: dict[str, str] = {}
    digests = []
    for claim in listed:
        if not isinstance(claim, list) or not all(isinstance(part, str) for part in claim):
            raise Malformed("the receipt lists a claim that is none", code="receipt-form")
        if len(claim) == _HIDDEN:
            digests.append(_bytes(claim[0], HASH_BYTES))
        elif len(claim) == _OPENED and claim[0] not in opened:
            name, value, salt = claim
            opened[name] = value
            digests.append(_claim_digest(_bytes(salt, _SALT_BYTES), name, value))
        else:
            raise Malformed("the receipt lists a claim that is none", code="receipt-form")
    return opened, digests


def _claim_digest(salt: bytes, name: str, value: str) -> bytes:
    encoded = name.encode()
    if len(encoded) > _NAME_MAX:
        raise Malformed("the receipt names a claim that is none", code="receipt-form")
    return _hash("claim", salt, bytes([len(encoded)]), encoded, value.encode())


def _entry(extra: Mapping[str, Any], digests: list[bytes]) -> bytes:
    topic = str(extra["topic"]).encode()
    claims_commit = _hash("claims", _u16(len(topic)), topic, _u16(len(digests)), *digests)
    return _PRIVATE + _hash(
        "entry",
        int(extra["recorded_at"]).to_bytes(8, "big"),
        _bytes(extra["statement_commit"], HASH_BYTES),
        _bytes(extra["open_commit"], HASH_BYTES),
        claims_commit,
        _bytes(extra["sealed_commit"], HASH_BYTES),
        _bytes(extra["ciphertext_hash"], HASH_BYTES),
    )


def _hash(tag: str, *parts: bytes) -> bytes:
    return hashlib.sha256(f"achievement-ledger/{tag}/v1\0".encode() + b"".join(parts)).digest()


def _u16(number: int) -> bytes:
    return number.to_bytes(2, "big")


def _bytes(value: Any, size: int) -> bytes:
    data = unb64url(value) if isinstance(value, str) else b""
    if len(data) != size:
        raise Malformed("the receipt holds a digest that is none", code="receipt-form")
    return data
