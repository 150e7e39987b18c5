"""Wycheproof and CCTV: the library does what we count on, called the way we call it."""

import json
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.encoding.multi import ed25519_public_key
from ledger.encoding.strict_json import b64url
from ledger.errors import BadSignature, Corrupt, Malformed
from ledger.keys.signer import public_key_of_jwk, verify
from ledger.privacy.sealing import NONCE_BYTES, SubjectKey, keyed
from tests.support.vectors import published


def _groups(name: str):
    return json.loads((published("tlog/wycheproof") / f"{name}.json").read_text())["testGroups"]


def _holds(key, signature: bytes, data: bytes) -> bool:
    try:
        verify(key, signature, data)
    except BadSignature:
        return False
    return True


def _jwk(group) -> dict[str, str]:
    if "publicKeyJwk" in group:
        return {name: value for name, value in group["publicKeyJwk"].items() if name != "kid"}
    point = bytes.fromhex(group["publicKey"]["uncompressed"])
    return {"kty": "EC", "crv": "P-256", "x": b64url(point[1:33]), "y": b64url(point[33:])}


@pytest.mark.parametrize(
    ("name", "number"), [("ed25519_test", 151), ("ecdsa_secp256r1_sha256_p1363_test", 262)]
)
def test_wycheproof_signatures(name, number):
    """Every Ed25519 and raw P-256 signature of Wycheproof holds or does not, as published."""
    seen, wrong = 0, []
    for group in _groups(name):
        key = public_key_of_jwk(_jwk(group))
        for case in group["tests"]:
            seen += 1
            held = _holds(key, bytes.fromhex(case["sig"]), bytes.fromhex(case["msg"]))
            if held != (case["result"] == "valid"):
                wrong.append((case["tcId"], case["comment"]))

    assert wrong == []
    assert seen == number


def test_wycheproof_aes_gcm():
    """Sealed bytes open under AES-256-GCM exactly where Wycheproof says so, nonce before and tag behind."""
    groups = [
        group
        for group in _groups("aes_gcm_test")
        if (group["ivSize"], group["keySize"], group["tagSize"]) == (8 * NONCE_BYTES, 256, 128)
    ]
    seen = 0
    for group in groups:
        for case in group["tests"]:
            seen += 1
            key = SubjectKey(UUID(int=0), bytes(32))
            key._aead = AESGCM(bytes.fromhex(case["key"]))
            sealed, aad = bytes.fromhex(case["iv"] + case["ct"] + case["tag"]), bytes.fromhex(case["aad"])
            if case["result"] == "valid":
                assert key.unseal(sealed, aad) == bytes.fromhex(case["msg"]), case["tcId"]
            else:
                with pytest.raises(Corrupt):
                    key.unseal(sealed, aad)
    assert seen == 66


def test_wycheproof_hmac():
    """Keyed digests are HMAC-SHA-256, whole or cut to 16 bytes, as published."""
    seen = 0
    for group in _groups("hmac_sha256_test"):
        for case in group["tests"]:
            seen += 1
            digest = keyed(bytes.fromhex(case["key"]), bytes.fromhex(case["msg"]))[: group["tagSize"] // 8]
            assert (digest.hex() == case["tag"]) == (case["result"] == "valid"), case["tcId"]
    assert seen == 174


# The points of small order, and the field elements at or past 2**255 - 19, are no keys of ours.
KEY_FLAGS = {"low_order_A", "non_canonical_A"}
# Without the cofactor, and comparing the bytes of R: these are what RFC 8032 lets a verifier refuse
# and the library refuses.
SIGNATURE_FLAGS = {"low_order_residue", "non_canonical_R"}


def test_cctv_corner_cases():
    """Where Ed25519 verifiers differ, we are on one side: no cofactor, one spelling of R, no weak keys.

    A weak key would let its owner show one signature for many messages, and deny them all.
    """
    cases = json.loads(published("tlog/cctv/ed25519/ed25519vectors.json").read_text())
    wrong = []
    for case in cases:
        flags, key = set(case["flags"] or ()), bytes.fromhex(case["key"])
        try:
            held = _holds(ed25519_public_key(key), bytes.fromhex(case["sig"]), case["msg"].encode())
            weak = False
        except Malformed:
            held, weak = False, True
        if weak != bool(flags & KEY_FLAGS) or held != (not flags & (KEY_FLAGS | SIGNATURE_FLAGS)):
            wrong.append((case["number"], sorted(flags), weak, held))

    assert wrong == []
    assert len(cases) == 914
