"""A provider's receipt: proof that the public log holds the record of a statement that was sent.

The provider knows what it signed. From its own statement's leaf and what the receipt opens, the
33 bytes of the log entry are computed again; if the ledger had recorded anything else, they would
be others, and the log would not hold them.

Source: LEDGER.md 3 (records and entries, provider receipt), 5.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from .errors import Malformed, Refused
from .jose import canonical, read_json, unb64url
from .submission import Submission
from .verify.policy import parse_policy
from .verify.tlog import (
    HASH_BYTES,
    LOG_KINDS,
    Checkpoint,
    inclusion_root,
    leaf_hash,
    parse_checkpoint,
    parse_proof,
    parse_vkey,
)

VERSION = 1
_PRIVATE = b"\x01"
_RECORDED_AT_MAX = 2**63
_DIGESTS = ("statement_blind", "open_commit", "claims_commit", "sealed_commit", "ciphertext_hash")
_MEMBERS = frozenset(("v", "topic", "recorded_at", *_DIGESTS))


@dataclass(frozen=True, slots=True)
class ProviderReceipt:
    """What a checked receipt proves.

    topic: type of the recorded statement. position: its place in the log, from 1.
    recorded_at_us: microseconds since 1970. leaf_hash: the one that the acknowledgement named.
    size: number of records under the checkpoint. witnessed: who of the policy's witnesses confirmed
    that, and when, in seconds since 1970 (0: it does not say when); {} without a policy.
    """

    topic: str
    position: int
    recorded_at_us: int
    leaf_hash: bytes
    size: int
    witnessed: Mapping[str, int] = field(default_factory=dict)


def check_receipt(
    text: str,
    submission: Submission,
    row: int,
    *,
    log_vkey: str | Sequence[str],
    policy: str | None = None,
) -> ProviderReceipt:
    """Return what a provider receipt proves about one statement, after checking all of it.

    1. the entry is computed from the statement as it was sent and from what the receipt opens;
    2. the inclusion path leads from that entry to the checkpoint's root;
    3. the checkpoint is signed by the log, with all of its keys;
    4. enough witnesses have confirmed it, where a policy says how many are enough.

    Args:
        text: the C2SP tlog-proof.
        submission: what was sent, for example loaded from where it was saved.
        row: the statement's place in the submission, from 1, as in the answer.
        log_vkey: the log's verifier key, or all that must have signed, from a source you trust; their
            name is the log's origin.
        policy: a C2SP tlog-policy from a source you trust; None: no witness is asked for.

    Raises:
        Malformed: not such a receipt, not such a key, or not a policy.
        Refused: it proves another statement, the log did not sign it, a signature does not hold, or
            too few witnesses have confirmed it (`not-witnessed`).
    """
    if not 1 <= row <= len(submission):
        raise Refused(f"the submission has rows 1 to {len(submission)}")
    proof = parse_proof(text)
    opened = _opened(proof.extra)
    said = _type_of(submission, row)
    if opened["topic"] != said:
        raise Refused(f"the receipt is for another kind of statement than {said}")
    checkpoint = parse_checkpoint(proof.checkpoint)
    leaf = leaf_hash(_entry(opened, submission.leaf(row - 1)))
    if inclusion_root(leaf, proof.index, checkpoint.size, proof.path) != checkpoint.root:
        raise Refused("the receipt does not prove that this statement was recorded as it was sent")
    vkeys = [log_vkey] if isinstance(log_vkey, str) else log_vkey
    if not vkeys:
        raise Refused("without a key of the log nobody can say who signed the receipt")
    for vkey in vkeys:
        _check_signed(checkpoint, vkey)
    witnessed = {} if policy is None else _witnessed(checkpoint, policy)
    return ProviderReceipt(said, proof.index + 1, opened["recorded_at"], leaf, checkpoint.size, witnessed)


def _check_signed(checkpoint: Checkpoint, log_vkey: str) -> None:
    key = parse_vkey(log_vkey)
    if key.kind not in LOG_KINDS:
        raise Refused("the log's key is of a kind that this program cannot check", code="log-key-kind")
    if checkpoint.origin != key.name:
        raise Refused("the receipt is from another log", code="other-log")
    if not key.signed(checkpoint):
        raise Refused("the checkpoint of the receipt is not signed by the log", code="log-signature")


def _witnessed(checkpoint: Checkpoint, text: str) -> dict[str, int]:
    policy = parse_policy(text)
    found = policy.confirmed(checkpoint)
    if not policy.enough(found):
        raise Refused("too few witnesses have confirmed the checkpoint of the receipt", code="not-witnessed")
    return found


def _type_of(submission: Submission, row: int) -> str:
    said = read_json(submission.statements[row - 1].statement)
    kind = said.get("type") if isinstance(said, dict) else None
    if not isinstance(kind, str):
        raise Malformed("the statement of that row names no type")
    return kind


def _opened(extra: bytes) -> dict[str, Any]:
    opened = read_json(extra)
    if not isinstance(opened, dict) or opened.keys() != _MEMBERS or canonical(opened) != extra:
        raise Malformed("this is not a provider's receipt")
    version, recorded_at = opened["v"], opened["recorded_at"]
    if type(version) is not int or version != VERSION or not isinstance(opened["topic"], str):
        raise Malformed("this is not a provider's receipt of version 1")
    if type(recorded_at) is not int or not 0 <= recorded_at < _RECORDED_AT_MAX:
        raise Malformed("the receipt does not say when it was recorded")
    return opened


def _entry(opened: Mapping[str, Any], statement_leaf: bytes) -> bytes:
    """Return the log entry of a record that rests on this statement. Source: LEDGER.md 3."""
    blind, *commits = (_digest(opened[name]) for name in _DIGESTS)
    return _PRIVATE + _hash(
        "entry",
        int(opened["recorded_at"]).to_bytes(8, "big"),
        _hash("statement-commit", blind, statement_leaf),
        *commits,
    )


def _hash(tag: str, *parts: bytes) -> bytes:
    return sha256(f"achievement-ledger/{tag}/v1\0".encode() + b"".join(parts)).digest()


def _digest(value: object) -> bytes:
    data = unb64url(value) if isinstance(value, str) else b""
    if len(data) != HASH_BYTES:
        raise Malformed("a digest of the receipt has 32 bytes")
    return data
