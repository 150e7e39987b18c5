"""Proofs that travel by themselves."""

import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import Malformed, ProofShapeError, Unauthorised
from ledger.keys.signer import MemorySigner
from ledger.log.checkpoint import Checkpoint, format_checkpoint
from ledger.log.merkle import MemoryTree, leaf_hash
from ledger.log.note import vkey_of_signer
from ledger.log.proof import TlogProof, format_proof, parse_proof
from tests.ledger.log.checks import MUTATIONS, open_checkpoint, prove, signed_note
from tests.ledger.log.plain_tree import PlainTree, leaves
from tests.support.vectors import published

NAME = "ledger.example/log"
SIGNER = MemorySigner(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
VKEY = str(vkey_of_signer(NAME, SIGNER))
NOTE = signed_note(format_checkpoint(Checkpoint(NAME, 1, bytes(32))).decode(), NAME, SIGNER)
HASHES = st.binary(min_size=32, max_size=32)


def test_a_proof_of_another_implementation_is_read():
    """The tlog-proof that Go made has the path of its leaf, is signed by Go's key, and is written back alike.

    Its checkpoint holds the root of the standard's example, to which no path of its own log leads.
    """
    vectors = json.loads(published("tlog/generated/go-interop.json").read_text())
    text, vkey = vectors["TlogProof"], vectors["Signed"][0]["Vkey"]

    proof = parse_proof(text)

    assert (proof.extra, proof.index) == (b"x", 3)
    assert list(proof.path) == PlainTree(leaves(12)).path(3, 0, 12)
    assert open_checkpoint(proof.checkpoint_note.encode(), vkey).size == 12
    assert format_proof(proof) == text
    with pytest.raises(ProofShapeError, match="another root"):
        prove(text, b"leaf-3", vkey)


@given(st.none() | st.binary(max_size=300), st.integers(0, 10**19 - 1), st.lists(HASHES, max_size=63))
def test_proofs_round_trip(extra, index, path):
    """Extra data, index, path and checkpoint come back as they were; empty extra data is not none."""
    proof = TlogProof(extra, index, tuple(path), NOTE)

    assert parse_proof(format_proof(proof)) == proof


@given(st.integers(1, 40), st.data())
def test_every_entry_can_be_proven(size, data):
    """A proof made for an entry proves it, and no entry beside it."""
    index = data.draw(st.integers(0, size - 1))
    entries = [f"entry-{number}".encode() for number in range(size)]
    tree = MemoryTree(map(leaf_hash, entries))
    note = signed_note(format_checkpoint(Checkpoint(NAME, size, tree.root())).decode(), NAME, SIGNER)

    text = format_proof(TlogProof(None, index, tuple(tree.inclusion_path(index)), note))

    prove(text, entries[index], VKEY)
    for other in (entries[index] + b"x", entries[index - 1] if size > 1 else b"", b"\x00" + entries[index]):
        with pytest.raises(ProofShapeError):
            prove(text, other, VKEY)


GOOD = (MUTATIONS / "proof" / "good.txt").read_text()


def _holds(text: str) -> bool:
    try:
        prove(text, b"entry-5", VKEY)
    except (Malformed, ProofShapeError, Unauthorised):
        return False
    return True


def test_a_proof_with_one_sign_changed_proves_nothing_else():
    """Whichever sign of a proof is replaced, it is refused, or the change is in the extra data alone."""
    good = parse_proof(GOOD)
    texts = {GOOD[:at] + sign + GOOD[at + 1 :] for at in range(len(GOOD)) for sign in "Ab0+ \n"} - {GOOD}

    holding = [parse_proof(text) for text in texts if _holds(text)]

    assert holding
    assert all(proof.extra != good.extra for proof in holding)
    assert {replace(proof, extra=good.extra) for proof in holding} == {good}


@given(st.text(max_size=100))
def test_any_text_is_a_proof_or_malformed(text):
    """Nothing from outside leaks another exception."""
    with pytest.raises(Malformed):
        parse_proof(text)
