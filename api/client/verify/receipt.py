"""Check 7: the receipt in an award recomputes the entry of the public log from what the award shows.

A receipt opens some claims of the record "micro-credential awarded" and gives digests of the rest.
From them the 33 bytes of the log entry are computed again. If one claim differed, the entry would
be another, and the log does not hold it; and each claim must be what the credential itself says,
the learner's name included, so a receipt cannot be moved to another person's award.

Source: LEDGER.md 3 (records and entries, award receipt), 5.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import Malformed, Refused
from ..jose import canonical as jcs
from ..jose import unb64url
from .facts import Award
from .plain import shown
from .tlog import HASH_BYTES, Checkpoint, inclusion_root, leaf_hash, parse_checkpoint, parse_proof
from .trust import LogKeyUse, Trust
from .verdict import Answer, failed, not_checked, passed

TOPIC = "microcredential.awarded"
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

# What an award record of version 1 shows, in its order, and where the credential says the same.
CLAIMS: dict[str, tuple[str, Callable[[Award], str | None]]] = {
    "micro_credential": ("the micro-credential", lambda award: award.code),
    "version": ("the version", lambda award: award.version),
    "level": ("the level", lambda award: award.level),
    "credits": ("the credits", lambda award: None if award.credits is None else str(award.credits)),
    "completed_on": ("the day of completion", lambda award: _iso(award.completed_on)),
    "conferred_on": ("the day of award", lambda award: _iso(award.awarded_on)),
    "awarded_by": ("the awarding provider", lambda award: award.issuer_number),
    "language": ("the language", lambda award: award.language),
    "name": ("the learner's name", lambda award: award.name),
}


@dataclass(frozen=True, slots=True)
class Receipt:
    """An award receipt, read and recomputed; whether the log signed it is not checked yet.

    Attributes:
        claims: opened claims, name to value.
        hidden: how many claims are given as digests only.
        entry: the 33 bytes of the log.
        index: its place, from 0.
        path: the inclusion path.
        checkpoint: the tree head it leads to.
    """

    claims: Mapping[str, str]
    hidden: int
    entry: bytes
    index: int
    path: tuple[bytes, ...]
    checkpoint: Checkpoint


def read_receipt(text: str) -> Receipt:
    """Return an award receipt with its entry recomputed.

    Raises:
        Malformed: not the receipt of an award.
    """
    proof = parse_proof(text)
    extra = _extra(proof.extra)
    claims, digests = _claims(extra["claims"])
    return Receipt(
        claims=claims,
        hidden=len(digests) - len(claims),
        entry=_entry(extra, digests),
        index=proof.index,
        path=proof.path,
        checkpoint=parse_checkpoint(proof.checkpoint),
    )


def check(
    receipt: Receipt | Malformed | None, award: Award, product_number: str | None, trust: Trust | None
) -> Answer:
    """Answer check 7 for one award.

    Args:
        receipt: the one it carries; why it cannot be read; None where it carries none.
        award: what it says.
        product_number: the second place where an award names its micro-credential; None where it does not.
        trust: whose log keys count; None: everything but the log's signature is checked.
    """
    if receipt is None:
        return not_checked(
            "receipt-missing",
            "It carries no receipt of the public ledger: it was made before the award was published there.",
        )
    if isinstance(receipt, Malformed):
        return failed("receipt-unreadable", "Its receipt of the public ledger cannot be read.")
    differing = _differing(receipt, award, product_number)
    if differing is not None:
        return differing
    try:
        root = inclusion_root(leaf_hash(receipt.entry), receipt.index, receipt.checkpoint.size, receipt.path)
    except Malformed:
        root = b""
    if root != receipt.checkpoint.root:
        return failed(
            "receipt-inclusion",
            "The public ledger does not hold this award as shown: its receipt leads elsewhere.",
        )
    return _signed(receipt.checkpoint, trust)


def _differing(receipt: Receipt, award: Award, product_number: str | None) -> Answer | None:
    """Compare every claim with the credential. Values are the learner's own: the name is never repeated."""
    if receipt.hidden or receipt.claims.keys() != CLAIMS.keys():
        return failed(
            "receipt-incomplete", "Its receipt of the public ledger does not show all that it should."
        )
    for name, (words, said) in CLAIMS.items():
        recorded, shown_there = receipt.claims[name], said(award)
        if recorded != shown_there:
            if name == "name":
                return failed(
                    "receipt-name", "The public ledger records this award for somebody with another name."
                )
            return failed(
                f"receipt-{name.replace('_', '-')}",
                f"It differs from the public ledger in {words}: the ledger says “{shown(recorded, 60)}”.",
            )
    if product_number is not None and product_number != award.code:
        return failed("receipt-micro-credential", "The credential names its micro-credential by two numbers.")
    return None


def _signed(checkpoint: Checkpoint, trust: Trust | None) -> Answer:
    """Check that every log key that must have signed this tree head did."""
    if trust is None:
        return not_checked(
            "no-trust-file",
            "Every detail agrees with its receipt, but without a trust file nobody can say who signed that.",
        )
    if checkpoint.origin != trust.origin:
        return failed("receipt-other-log", "Its receipt is from another ledger than the one you trust.")
    needed = trust.log_keys_at(checkpoint.size)
    if trust.needs_witnesses or not all(use.checkable for use in needed):
        return not_checked(
            "receipt-signature-kind",
            "The public ledger signs in a way that this program cannot check: use a newer one.",
        )
    if not needed or not all(_signed_by(use, checkpoint) for use in needed):
        return failed("receipt-signature", "Its receipt is not signed by the public ledger that you trust.")
    return passed(
        "receipt",
        "The award is in the public ledger, and every detail agrees with it, the learner's name included.",
    )


def _signed_by(use: LogKeyUse, checkpoint: Checkpoint) -> bool:
    try:
        return use.key.signed(checkpoint)
    except Refused:
        return False


# ------------------------------------------------------------------ recomputing the entry


def _extra(data: bytes) -> dict[str, Any]:
    try:
        extra: Any = json.loads(data)
        exact = isinstance(extra, dict) and jcs(extra) == data
    except (ValueError, RecursionError) as error:
        raise Malformed("the receipt does not say what it opens", code="receipt-form") from error
    if not exact or extra.keys() != _MEMBERS:
        raise Malformed("the receipt does not say what it opens", code="receipt-form")
    recorded_at = extra["recorded_at"]
    if type(extra["v"]) is not int or extra["v"] != VERSION or extra["topic"] != TOPIC:
        raise Malformed("the receipt is not that of an award", code="receipt-form")
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
    topic = TOPIC.encode()
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


def _iso(day: Any) -> str | None:
    return None if day is None else str(day.isoformat())
