"""LEDGER.md 3 written down a second time, as plainly as it reads, with nothing of the ledger's code.

Only hashlib, msgpack and, for the one cipher, AES-GCM. What this computes from the inputs of a
golden vector must be what stands in it.
"""

import hashlib
import hmac
from typing import Any

import msgpack
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def H(*parts: bytes) -> bytes:  # noqa: N802 - its name in LEDGER.md
    """SHA-256 of the parts, one after the other."""
    return hashlib.sha256(b"".join(parts)).digest()


def T(name: str) -> bytes:  # noqa: N802 - its name in LEDGER.md
    """The tag that begins every hash."""
    return f"achievement-ledger/{name}/v1\0".encode()


def u(bits: int, number: int) -> bytes:
    """A whole number, big-endian."""
    return number.to_bytes(bits // 8, "big")


def pack(values: Any) -> bytes:
    """MessagePack, arrays only."""
    return bytes(msgpack.packb(values, use_bin_type=True))


def statement_leaf(salt: bytes, statement: bytes) -> bytes:
    """The leaf of a statement in the tree that a submission signs."""
    return H(b"\x00", T("statement"), salt, statement)


def private_record(case: dict[str, Any]) -> dict[str, bytes | None]:
    """Every byte of a private record from what it was made of."""
    stream, version, topic = case["stream"], case["version"], case["topic"].encode()
    open_salt, content_salt, nonce = case["open_salt"], case["content_salt"], case["nonce"]

    open_bytes = open_salt + pack(case["open"])
    said = case["statement"]
    names = ("submission", "row", "salt", "statement", "who_salt", "who")
    behind = None if said is None else [said[name] for name in names]
    plaintext = content_salt + pack([behind, *case["sealed"]])
    aes_key = hmac.digest(case["data_key"], T("seal"), "sha256")
    aad = stream + u(32, version) + topic
    sealed = nonce + AESGCM(aes_key).encrypt(nonce, plaintext, aad)

    leaf, statement_commit = None, bytes(32)
    if said is not None:
        leaf = statement_leaf(said["salt"], said["statement"])
        statement_commit = H(T("statement-commit"), H(T("statement-blind"), open_salt), leaf)
    open_commit = H(T("open"), stream, u(32, version), u(16, len(topic)), topic, open_bytes)
    claims = []
    for i, (name, value) in enumerate(case["shows"]):
        salt = H(T("claim-salt"), content_salt, u(16, i))[:16]
        claims.append(H(T("claim"), salt, u(8, len(name)), name.encode(), value.encode()))
    claims_commit = H(T("claims"), u(16, len(topic)), topic, u(16, len(claims)), *claims)
    sealed_commit = H(T("sealed"), plaintext)
    ciphertext_hash = H(T("ciphertext"), sealed)
    entry = b"\x01" + H(
        T("entry"),
        u(64, case["recorded_at_us"]),
        statement_commit,
        open_commit,
        claims_commit,
        sealed_commit,
        ciphertext_hash,
    )
    return {
        "open_bytes": open_bytes,
        "sealed_plaintext": plaintext,
        "sealed_bytes": sealed,
        "statement_leaf": leaf,
        "statement_commit": statement_commit,
        "open_commit": open_commit,
        "claims_commit": claims_commit,
        "sealed_commit": sealed_commit,
        "ciphertext_hash": ciphertext_hash,
        "state": pack([open_bytes, claims_commit, sealed_commit, sealed]),
        "entry": entry,
        "leaf": H(b"\x00", entry),
    }


def public_record(case: dict[str, Any]) -> dict[str, bytes | None]:
    """Every byte of a public record from what it was made of."""
    topic, said = case["topic"].encode(), case["statement"]
    names = ("jws", "i", "n", "path", "salt", "statement")
    state = pack([case["open"], None if said is None else [said[name] for name in names]])
    entry = (
        b"\x02"
        + u(64, case["recorded_at_us"])
        + case["stream"]
        + u(32, case["version"])
        + u(16, len(topic))
        + topic
        + state
    )
    return {
        "statement_leaf": None if said is None else statement_leaf(said["salt"], said["statement"]),
        "state": state,
        "entry": entry,
        "leaf": H(b"\x00", entry),
    }


def root_of_path(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root that an inclusion path leads to (RFC 9162 §2.1.3.2)."""
    place, last, root = index, size - 1, leaf
    for sibling in path:
        if place % 2 or place == last:
            root = H(b"\x01", sibling, root)
            while place % 2 == 0 and place:
                place, last = place // 2, last // 2
        else:
            root = H(b"\x01", root, sibling)
        place, last = place // 2, last // 2
    assert last == 0
    return root
