"""Cosignatures of both kinds: those that others made hold, ours round-trip, and nothing else does."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import BadSignature, Malformed, Unauthorised
from ledger.keys.mldsa import MldsaSigner, mldsa_public_key, verify_mldsa
from ledger.keys.signer import MemorySigner
from ledger.log.checkpoint import Checkpoint, format_checkpoint, parse_checkpoint
from ledger.log.cosignature import Ed25519Cosigner, MldsaCosigner, mldsa_message, verify_signed
from ledger.log.note import Note, Signature, VerifierKey, format_note, parse_note, parse_vkey
from tests.support.vectors import published, published_cases

NAME = "witness.example/w1"
ED25519 = Ed25519Cosigner(NAME, MemorySigner(Ed25519PrivateKey.from_private_bytes(bytes(range(32)))))
MLDSA = MldsaCosigner(NAME, MldsaSigner(MLDSA44PrivateKey.from_seed_bytes(bytes(range(32)))))
COSIGNERS = {"ed25519": ED25519, "mldsa": MLDSA}

SIZES = st.integers(0, 2**63 - 1)
TIMES = st.integers(0, 2**63 - 1)
CHECKPOINTS = st.builds(Checkpoint, st.just("ledger.example/log"), SIZES, st.binary(min_size=32, max_size=32))


# ------------------------------------------------------------------ published signatures


def _interop() -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(published("tlog/generated/go-interop.json").read_text())[
        "Signed"
    ]
    return found


def test_notes_that_others_signed_hold():
    """Ed25519 without a time, with one, and ML-DSA-44: each made by others, three keys each."""
    signed = _interop()

    times = [
        (one["Alg"], verify_signed(parse_note(one["Note"].encode()), parse_vkey(one["Vkey"])))
        for one in signed
    ]

    assert {kind for kind, _ in times} == {"ed25519", "cosig-ed25519", "cosig-mldsa44"}
    assert all((time is None) == (kind == "ed25519") for kind, time in times)
    assert len(times) == 9


def test_a_published_note_is_nobody_elses():
    """No key but its own verifies a published note."""
    signed = _interop()
    for one in signed:
        for other in signed:
            if (one["Alg"], one["Vkey"]) != (other["Alg"], other["Vkey"]):
                with pytest.raises(Unauthorised):
                    verify_signed(parse_note(one["Note"].encode()), parse_vkey(other["Vkey"]))


@pytest.mark.parametrize("path", published_cases("tlog/sunlight", "*/witness.v0.json"))
def test_checkpoints_that_another_witness_cosigned_hold(path: Path) -> None:
    """A published witness's cosignatures of type 0x04 hold, beside a log's signature of a type not ours."""
    (vkey,) = map(parse_vkey, json.loads(path.read_text())["verifier_keys"])
    notes = list(path.parent.glob("*[0-9a-f]/checkpoint"))

    assert notes
    for note in notes:
        times = verify_signed(parse_note(note.read_bytes()), vkey)
        assert times == 1_767_139_200


def test_a_signature_type_of_others_is_left_alone():
    """The static log of another kind is signed with type 0x05: read, and refused as a key of ours."""
    note = parse_note(published("tlog/sunlight/tree/checkpoint").read_bytes())
    (signature,) = note.signatures
    assert parse_checkpoint(note.text.encode()).size == 300
    key = VerifierKey(signature.name, 5, bytes(32))
    mine = Note(note.text, (Signature(key.name, key.key_id, signature.blob),))

    with pytest.raises(Malformed) as refused:
        verify_signed(mine, key)
    assert refused.value.code == "vkey-type"


def test_wycheproof_mldsa_signatures():
    """Every ML-DSA-44 signature holds or does not, as published; one with a context never does here."""
    groups = json.loads(published("tlog/wycheproof/mldsa_44_verify_test.json").read_text())["testGroups"]
    seen, wrong = 0, []
    for group in groups:
        for case in group["tests"]:
            seen += 1
            valid = case["result"] == "valid" and not case.get("ctx")
            try:
                key = mldsa_public_key(bytes.fromhex(group["publicKey"]))
                verify_mldsa(key, bytes.fromhex(case["sig"]), bytes.fromhex(case["msg"]))
                held = True
            except (BadSignature, Malformed):
                held = False
            if held != valid:
                wrong.append((case["tcId"], case["comment"]))

    assert wrong == []
    assert seen == 180


def test_wycheproof_mldsa_keys_of_seeds():
    """A seed makes the published key, under which the published signatures and our own hold."""
    groups = json.loads(published("tlog/wycheproof/mldsa_44_sign_seed_test.json").read_text())["testGroups"]
    seen = 0
    for group in groups:
        seed = bytes.fromhex(group["privateSeed"])
        if len(seed) != 32:
            continue
        signer = MldsaSigner(MLDSA44PrivateKey.from_seed_bytes(seed))
        assert signer.public_bytes.hex() == group["publicKey"]
        key = mldsa_public_key(signer.public_bytes)
        for case in group["tests"]:
            if case["result"] == "valid" and not case.get("ctx") and "msg" in case:
                seen += 1
                message = bytes.fromhex(case["msg"])
                verify_mldsa(key, bytes.fromhex(case["sig"]), message)
                verify_mldsa(key, signer.sign(message), message)
    assert seen > 50


# ------------------------------------------------------------------ our own


def _noted(checkpoint: Checkpoint, *signatures: Signature) -> Note:
    return parse_note(format_note(Note(format_checkpoint(checkpoint).decode(), signatures)))


@pytest.mark.parametrize("kind", COSIGNERS)
@given(checkpoint=CHECKPOINTS, time_s=TIMES)
def test_what_is_cosigned_holds_with_its_time(kind, checkpoint, time_s):
    """Any checkpoint, at any time: the cosignature holds, and says when."""
    cosigner = COSIGNERS[kind]

    note = _noted(checkpoint, cosigner.cosign(format_checkpoint(checkpoint), time_s))

    assert verify_signed(note, cosigner.vkey) == time_s


@pytest.mark.parametrize("kind", COSIGNERS)
@given(checkpoint=CHECKPOINTS, time_s=TIMES, at=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_one_changed_bit_is_enough(kind, checkpoint, time_s, at, bit):
    """No bit of time or signature can be changed, nor anything of the checkpoint."""
    cosigner = COSIGNERS[kind]
    good = cosigner.cosign(format_checkpoint(checkpoint), time_s)
    blob = bytearray(good.blob)
    blob[at % len(blob)] ^= 1 << bit
    root = bytearray(checkpoint.root)
    root[at % 32] ^= 1 << bit
    other = Checkpoint(checkpoint.origin, checkpoint.size ^ 1, checkpoint.root)

    for note in (
        _noted(checkpoint, Signature(good.name, good.key_id, bytes(blob))),
        _noted(Checkpoint(checkpoint.origin, checkpoint.size, bytes(root)), good),
        _noted(other, good),
    ):
        with pytest.raises((BadSignature, Malformed)):
            verify_signed(note, cosigner.vkey)


def test_the_earliest_of_several_times_counts():
    """Whoever cosigned twice had seen it by the first time; one that does not hold spoils both."""
    checkpoint = Checkpoint("ledger.example/log", 1, bytes(32))
    text = format_checkpoint(checkpoint)
    first, second = ED25519.cosign(text, 100), ED25519.cosign(text, 50)

    assert verify_signed(_noted(checkpoint, first, second), ED25519.vkey) == 50
    with pytest.raises(BadSignature):
        verify_signed(_noted(checkpoint, first, Signature(NAME, second.key_id, bytes(72))), ED25519.vkey)


def test_the_structure_that_mldsa_signs_is_the_published_one():
    """Label, names with their lengths, time, start, end, root: byte for byte, whatever the text says."""
    message = mldsa_message("w", 0x0102030405060708, Checkpoint("log", 0x10, b"\xaa" * 32))

    assert message.hex() == (
        "737562747265652f76310a00"  # subtree/v1, newline, zero
        "0177"
        "0102030405060708"
        "036c6f67"
        "0000000000000000"
        "0000000000000010" + "aa" * 32
    )


def test_a_name_of_255_bytes_is_the_longest():
    """Lengths have one byte."""
    assert mldsa_message("n" * 255, 0, Checkpoint("log", 1, bytes(32)))
    for name, origin in (("n" * 256, "log"), ("n", "o" * 256), ("ā" * 128, "log")):
        with pytest.raises(Malformed):
            mldsa_message(name, 0, Checkpoint(origin, 1, bytes(32)))
