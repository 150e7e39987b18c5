"""The same cases, judged by the ledger's own code: what is accepted, or the code it is refused with."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from ledger.encoding.multi import ed25519_public_key
from ledger.encoding.strict_json import b64, unb64
from ledger.errors import LedgerError, Malformed, Refusal
from ledger.keys.mldsa import mldsa_public_key, verify_mldsa
from ledger.keys.signer import verify
from ledger.log.checkpoint import parse_checkpoint
from ledger.log.cosignature import verify_signed
from ledger.log.merkle import leaf_hash, verify_consistency, verify_inclusion
from ledger.log.note import Note, parse_note, parse_vkey
from ledger.log.policy import parse_policy
from ledger.log.proof import parse_proof
from tests.support.tree import ROOT

Key = TypeVar("Key")
VECTORS = ROOT / "tests" / "vectors" / "formats"


def resolved(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is given, with files read: text and bytes as bytes, JSON as it is."""
    return {name: _content(value) for name, value in given.items()}


def _content(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, dict):
        if "base64" in value:
            return unb64(value["base64"])
        if "text_of" in value:
            return _file(value["text_of"])
        if "json_of" in value:
            return json.loads(_file(value["json_of"]))
    return value


def _file(name: str) -> bytes:
    return Path(VECTORS, name).read_bytes()


def judge(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return {"gives": …} or {"code": …}, as the files have it."""
    try:
        return {"gives": KINDS[kind](resolved(given))}
    except LedgerError as error:
        return {"code": error.code}


def _signed(given: Mapping[str, Any]) -> dict[str, Any]:
    key = parse_vkey(given["vkey"].decode())
    return {"time": verify_signed(parse_note(given["note"]), key)}


def _checkpoint(given: Mapping[str, Any]) -> dict[str, Any]:
    found = parse_checkpoint(given["text"])
    return {"origin": found.origin, "size": found.size, "root": b64(found.root)}


def _policy(given: Mapping[str, Any]) -> dict[str, Any]:
    met = parse_policy(given["policy"]).check(parse_note(given["note"]))
    # A name is any bytes: JSON gets one character for each, as the other side writes it.
    names = {name.encode("utf-8", "surrogateescape").decode("latin-1"): time for name, time in met.items()}
    return {"witnesses": names}


def _policy_text(given: Mapping[str, Any]) -> dict[str, Any]:
    parse_policy(given["policy"])
    return {}


def _proof(given: Mapping[str, Any]) -> dict[str, Any]:
    proof = parse_proof(_text(given["proof"]))
    note = parse_note(proof.checkpoint_note.encode())
    checkpoint = parse_checkpoint(note.text.encode())
    verify_inclusion(leaf_hash(given["entry"]), proof.index, checkpoint.size, proof.path, checkpoint.root)
    _trusted(note, checkpoint.origin, given["trust"])
    return {"index": proof.index, "size": checkpoint.size}


def _trusted(note: Note, origin: str, trust: Mapping[str, Any]) -> None:
    if origin != trust["origin"]:
        raise Refusal("of another log", code="other-log")
    if not trust["log_keys"]:
        raise Refusal("no key", code="no-keys")
    for vkey in trust["log_keys"]:
        verify_signed(note, parse_vkey(vkey))
    if "witness_policy" in trust:
        parse_policy(trust["witness_policy"]).check(note)


def _inclusion(given: Mapping[str, Any]) -> dict[str, Any]:
    leaf, root, *path = map(_bytes, (given["leaf"], given["root"], *given["path"]))
    verify_inclusion(leaf, given["index"], given["size"], path, root)
    return {}


def _consistency(given: Mapping[str, Any]) -> dict[str, Any]:
    old_root, new_root, *path = map(_bytes, (given["old_root"], given["new_root"], *given["path"]))
    verify_consistency(given["old_size"], given["new_size"], old_root, new_root, path)
    return {}


def _ed25519(given: Mapping[str, Any]) -> dict[str, Any]:
    key, signature, message = map(_bytes, (given["key"], given["signature"], given["message"]))
    verify(_key(ed25519_public_key, key), signature, message)
    return {}


def _mldsa44(given: Mapping[str, Any]) -> dict[str, Any]:
    key, signature, message = map(_bytes, (given["key"], given["signature"], given["message"]))
    verify_mldsa(_key(mldsa_public_key, key), signature, message)
    return {}


def _key(read: Callable[[bytes], Key], data: bytes) -> Key:
    try:
        return read(data)
    except Malformed as error:
        raise Malformed("no key to rely on", code="vkey-key") from error


def _bytes(coded: str | bytes) -> bytes:
    return unb64(coded.decode() if isinstance(coded, bytes) else coded)


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Malformed("this is not UTF-8", code="proof-utf8") from error


KINDS: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "signed": _signed,
    "checkpoint": _checkpoint,
    "policy": _policy,
    "policy-text": _policy_text,
    "proof": _proof,
    "inclusion": _inclusion,
    "consistency": _consistency,
    "ed25519": _ed25519,
    "mldsa44": _mldsa44,
}
