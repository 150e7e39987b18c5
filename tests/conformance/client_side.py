"""The same cases, judged by the kit's verifier (`api.client.verify`): accepted, or the code of its answer."""

import json
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from api.client.errors import ClientError, Refused
from api.client.verify.facts import Award
from api.client.verify.issued import Issuances
from api.client.verify.policy import parse_policy
from api.client.verify.proofs import Method
from api.client.verify.reading import read_json
from api.client.verify.receipt import check, read_receipt
from api.client.verify.tlog import inclusion_root, leaf_hash, parse_checkpoint, parse_proof, parse_vkey
from api.client.verify.trust import Trust
from api.client.verify.verdict import Answer, Result
from ledger.encoding.strict_json import b64url
from tests.conformance.ledger_side import resolved
from tests.support.handmade import Key

# Long after every witness of the vectors.
NOW_US = 1_900_000_000_000_000
DOCUMENT_SIZE_MAX = 4_000_000
ACCEPTED = "accepted"


def judge(kind: str, given: Mapping[str, Any]) -> str:
    """Return `accepted`, or the code that the kit refuses with."""
    try:
        return KINDS[kind](resolved(given))
    except UnicodeDecodeError:
        return "not-text"
    except ClientError as error:
        return error.code


def _signed(given: Mapping[str, Any]) -> str:
    key, checkpoint = parse_vkey(given["vkey"].decode()), parse_checkpoint(given["note"].decode())
    if not key.checkable:
        return "not-checked"
    return ACCEPTED if key.signed(checkpoint) else "unsigned"


def _checkpoint(given: Mapping[str, Any]) -> str:
    parse_checkpoint(given["text"].decode() + "\n— a.key AAAAAAAA\n")
    return ACCEPTED


def _policy(given: Mapping[str, Any]) -> str:
    policy, checkpoint = parse_policy(given["policy"].decode()), parse_checkpoint(given["note"].decode())
    if policy.logs and not any(_has_signed(log, checkpoint) for log in policy.logs):
        return "policy-log"
    return ACCEPTED if policy.enough(policy.confirmed(checkpoint)) else "quorum"


def _has_signed(key: Any, checkpoint: Any) -> bool:
    try:
        return bool(key.signed(checkpoint))
    except Refused:
        return False


def _proof(given: Mapping[str, Any]) -> str:
    proof = parse_proof(given["proof"].decode())
    checkpoint = parse_checkpoint(proof.checkpoint)
    root = inclusion_root(leaf_hash(given["entry"]), proof.index, checkpoint.size, proof.path)
    trust = _trust(given["trust"])
    signed = [use.key.signed(checkpoint) for use in trust.log_keys]
    if root != checkpoint.root or checkpoint.origin != trust.origin or not signed or not all(signed):
        return "refused"
    return ACCEPTED if trust.policy.enough(trust.policy.confirmed(checkpoint)) else "quorum"


def _award_receipt(given: Mapping[str, Any]) -> str:
    try:
        receipt: Any = read_receipt(given["receipt"].decode())
    except ClientError as error:
        receipt = error
    return _code(check(receipt, _award(given["facts"]), None, _trust(given["trust"]), NOW_US))


def _award(facts: Mapping[str, str]) -> Award:
    said = dict.fromkeys(Award.__dataclass_fields__)
    said |= {"code": facts["micro_credential"], "credits": int(facts["credits"])}
    said |= {name: facts[name] for name in ("version", "level", "language", "name")}
    said |= {"completed_on": date.fromisoformat(facts["completed_on"]), "issuer_number": facts["awarded_by"]}
    said |= {"awarded_on": date.fromisoformat(facts["conferred_on"]), "outcomes": ()}
    return Award(**said)


def _issued_receipt(given: Mapping[str, Any]) -> str:
    document = read_json(given["document"], DOCUMENT_SIZE_MAX)
    trust, receipt = _trust(given["trust"]), given["receipt"]
    issuances = Issuances([receipt], [document], trust, NOW_US)
    if issuances.stray is not None:
        return issuances.stray.code
    issuance = issuances.of(document, _method(document, given["kid"]), given["issuer"].decode())
    assert issuance.answer is not None
    return _code(issuance.answer)


def _method(document: Mapping[str, Any], kid: bytes) -> Method:
    """Return how the document is signed; another key where the vector gives another kid."""
    method = str(document["proof"]["verificationMethod"]) if "proof" in document else "#"
    controller, _, multikey = method.partition("#")
    found = Method(controller, multikey)
    return found if kid.decode() == KID else Method(controller, Key("another").multikey)


KID = resolved({"facts": {"json_of": "examples/issued-facts.json"}})["facts"]["kid"]


def _trust(trust: Mapping[str, Any]) -> Trust:
    """Return a trust file that says nothing but what a vector says of the log."""
    keys = [{"vkey": vkey, "from": 1, "to": None, "must_verify": True} for vkey in trust["log_keys"]]
    content = {
        "format": "achievement-ledger/trust/v1",
        "made_at": "2026-11-22T00:00:00Z",
        "as_at_position": 1,
        "origin": trust["origin"],
        "founding_entry_hash": b64url(bytes(32)),
        "log_keys": keys,
        "witness_policy": trust.get("witness_policy", "quorum none\n"),
        "operator": {"did": "did:web:ledger.example", "name": "Operator (demo)", "keys": []},
        "issuers": [],
        "microcredentials": [],
    }
    return Trust.parse(json.dumps(content).encode())


def _code(answer: Answer) -> str:
    return ACCEPTED if answer.result is Result.PASSED else answer.code


KINDS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "signed": _signed,
    "checkpoint": _checkpoint,
    "policy": _policy,
    "proof": _proof,
    "award-receipt": _award_receipt,
    "issued-receipt": _issued_receipt,
}
