"""Issuers' DIDs and the documents under them."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger.encoding.multi import multikey, public_key_of
from ledger.errors import Malformed
from ledger.keys.did import (
    body_did,
    body_segment,
    did_document,
    did_path,
    operator_did,
    provider_did,
    verification_method,
)
from ledger.keys.signer import MemorySigner

HOST = "ledger.example"


# did:web Method Specification, Read (Resolve).
@pytest.mark.parametrize(
    ("did", "path"),
    [
        (operator_did(HOST), "/.well-known/did.json"),
        (provider_did(HOST, 95001), "/providers/95001/did.json"),
        (body_did(HOST, "ISB:FOOD_FIBRE"), "/bodies/ISB-FOOD_FIBRE/did.json"),
        (provider_did("localhost:8000", 7), "/providers/7/did.json"),
        ("did:web:w3c-ccg.github.io", "/.well-known/did.json"),
        ("did:web:w3c-ccg.github.io:user:alice", "/user/alice/did.json"),
        ("did:web:example.com%3A3000:user:alice", "/user/alice/did.json"),
    ],
)
def test_where_a_did_document_lies(did, path):
    """The operator's document lies under .well-known, an issuer's under its own path, as did:web has it."""
    assert did_path(did) == path


def test_dids_are_as_published():
    """The DIDs that credentials carry."""
    assert operator_did(HOST) == "did:web:ledger.example"
    assert operator_did("localhost:8000") == "did:web:localhost%3A8000"
    assert provider_did(HOST, 95001) == "did:web:ledger.example:providers:95001"
    assert body_did(HOST, "ISB:FOOD_FIBRE") == "did:web:ledger.example:bodies:ISB-FOOD_FIBRE"


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=64))
@example("ISB~FOOD")
@example("Tāmaki %2F/\n")
@example("...")
def test_every_body_code_has_a_path_of_its_own_or_none(code):
    """Any code makes one path segment; a code of dots alone, which would lead elsewhere, makes none."""
    did = body_did(HOST, code)

    if set(code) == {"."}:
        with pytest.raises(Malformed):
            did_path(did)
    else:
        assert did_path(did) == f"/bodies/{body_segment(code)}/did.json"
        assert did_path(did).count("/") == 3


@given(st.lists(st.text("AB:-_.~%2D/", min_size=1, max_size=5), min_size=2, max_size=2, unique=True))
@example(["ISB:FOOD", "ISB-FOOD"])
@example(["ISB:FOOD", "ISB_FOOD"])
@example(["A-B", "A%2DB"])
def test_two_bodies_never_share_a_did(codes):
    """Codes that differ only in a separator still have two DIDs."""
    first, second = codes

    assert body_did(HOST, first) != body_did(HOST, second)


@pytest.mark.parametrize(
    "did",
    [
        "",
        "did:web:",
        "did:key:z6Mk",
        "did:Web:ledger.example",
        "xdid:web:ledger.example",
        "did:web:ledger.example:",
        "did:web:ledger.example::95001",
        "did:web:ledger.example:providers:..",
        "did:web:ledger.example:..:..:etc",
        "did:web:ledger.example:.",
        "did:web:ledger.example:a/b",
        "did:web:ledger.example/a",
        "did:web:ledger.example:a%2",
        "did:web:ledger.example:a%2f",
        "did:web:ledger.example:a b",
        "did:web:ledger.example:ā",
        "did:web:ledger.example:a\n",
        "did:web:ledger.example%2Fa",
        "did:web:user@ledger.example",
        "did:web:ledger.example#key",
        "did:web:ledger.example?x=1",
    ],
)
def test_what_is_no_did_web_is_refused(did):
    """Other methods, empty parts, and parts that would lead to another path are refused."""
    with pytest.raises(Malformed):
        did_path(did)


def test_a_did_document_lists_every_key():
    """Each key is its own verification method, listed by id for assertions, the old beside the new."""
    did = provider_did(HOST, 95001)
    keys = [multikey(MemorySigner.generate(alg).public_key()) for alg in ("Ed25519", "ES256")]

    document = did_document(did, keys)

    assert document["id"] == did
    assert document["assertionMethod"] == [f"{did}#{key}" for key in keys]
    assert document["assertionMethod"] == [verification_method(did, key) for key in keys]
    assert [method["id"] for method in document["verificationMethod"]] == document["assertionMethod"]
    for method, key in zip(document["verificationMethod"], keys, strict=True):
        assert method == {
            "id": f"{did}#{key}",
            "type": "Multikey",
            "controller": did,
            "publicKeyMultibase": key,
        }
        assert multikey(public_key_of(method["publicKeyMultibase"])) == key


def test_a_did_document_without_keys_is_one():
    """An issuer whose key is not made yet has a document all the same."""
    document = did_document(operator_did(HOST), [])

    assert (document["verificationMethod"], document["assertionMethod"]) == ([], [])
