"""Proofs: the published ones come out byte for byte, ours hold, and a changed document does not."""

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.encoding import multi
from ledger.errors import Malformed, Refusal
from ledger.keys.signer import ES256, MemorySigner
from projections.exports import jsonld, securing
from projections.exports.jsonld import Canonicaliser
from tests.projections.exports.world import (
    SIGNED_AT_US,
    a_badge,
    a_clr,
    a_provider,
    a_signed_badge,
    a_signed_clr,
    a_signed_status_list,
    a_status_list,
    proof_holds,
    the_operator,
)
from tests.support.vectors import published

EDDSA = "vc/vc-di-eddsa/TestVectors"
CITIZENSHIP = "https://w3id.org/citizenship#"
EMPLOYMENT = "EmploymentAuthorizationDocument"
SCHEMA_ORG = "https://schema.org/"
XSD = "http://www.w3.org/2001/XMLSchema#"
# The contexts of the two published credentials, which are no business of the exports: W3C's examples
# vocabulary, and of the citizenship vocabulary the terms that the second one uses.
VECTOR_CONTEXTS: dict[str, Any] = {
    **jsonld.shipped_contexts(),
    "https://www.w3.org/ns/credentials/examples/v2": {
        "@context": {"@vocab": "https://www.w3.org/ns/credentials/examples#"}
    },
    "https://w3id.org/citizenship/v4rc1": {
        "@context": {
            "EmploymentAuthorizationDocumentCredential": f"{CITIZENSHIP}{EMPLOYMENT}Credential",
            "EmploymentAuthorizationDocument": f"{CITIZENSHIP}{EMPLOYMENT}",
            "EmployablePerson": f"{CITIZENSHIP}EmployablePerson",
            "Person": f"{SCHEMA_ORG}Person",
            "image": {"@id": f"{SCHEMA_ORG}image", "@type": "@id"},
            "givenName": f"{SCHEMA_ORG}givenName",
            "additionalName": f"{SCHEMA_ORG}additionalName",
            "familyName": f"{SCHEMA_ORG}familyName",
            "gender": f"{SCHEMA_ORG}gender",
            "birthDate": {"@id": f"{SCHEMA_ORG}birthDate", "@type": f"{XSD}dateTime"},
            "birthCountry": f"{CITIZENSHIP}birthCountry",
            "residentSince": {"@id": f"{CITIZENSHIP}residentSince", "@type": f"{XSD}dateTime"},
            "employmentAuthorizationDocument": f"{CITIZENSHIP}employmentAuthorizationDocument",
            "identifier": f"{SCHEMA_ORG}identifier",
            "lprCategory": f"{CITIZENSHIP}lprCategory",
            "lprNumber": f"{CITIZENSHIP}lprNumber",
        }
    },
}


class Vector:
    """One worked example of Data Integrity EdDSA Cryptosuites, appendix B.1."""

    def __init__(self, folder: str) -> None:
        self._folder = published(f"{EDDSA}/{folder}")
        self.signed = json.loads(self.text("signedDataInt.json"))
        self.unsigned = {name: member for name, member in self.signed.items() if name != "proof"}
        self.options = {name: member for name, member in self.signed["proof"].items() if name != "proofValue"}
        keys = json.loads(published(f"{EDDSA}/keyPair.json").read_text())
        seed = multi.from_multibase(keys["privateKeyMultibase"])[2:]
        self.signer = MemorySigner(Ed25519PrivateKey.from_private_bytes(seed))
        self.public_multikey = keys["publicKeyMultibase"]

    def text(self, name: str) -> str:
        """Return a file of the example, without the line end that an editor may have left."""
        return (self._folder / name).read_text()


@pytest.fixture(params=["eddsa-rdfc-2022", "eddsa-rdfc-2022/employ"])
def vector(request: pytest.FixtureRequest) -> Vector:
    """Give each of the two published examples."""
    return Vector(request.param)


CANONICAL = Canonicaliser(VECTOR_CONTEXTS).canonical


def test_published_proofs_step_by_step(vector: Vector) -> None:
    """Canonical document and proof, both hashes, signature and signed document are the published ones."""
    configuration = {"@context": vector.unsigned["@context"], **vector.options}
    assert CANONICAL(vector.unsigned).decode().strip() == vector.text("canonDocDataInt.txt").strip()
    assert CANONICAL(configuration).decode().strip() == vector.text("proofCanonDataInt.txt").strip()

    hashed = securing.hash_data(vector.unsigned, vector.options, CANONICAL)
    assert hashed.hex() == vector.text("combinedHashDataInt.txt").strip()
    assert hashed.hex()[:64] == vector.text("proofHashDataInt.txt").strip()
    assert hashed.hex()[64:] == vector.text("docHashDataInt.txt").strip()

    signed = securing.add_proof(vector.unsigned, vector.options, vector.signer, CANONICAL)
    assert (
        multi.from_multibase(signed["proof"]["proofValue"]).hex() == vector.text("sigHexDataInt.txt").strip()
    )
    assert signed["proof"]["proofValue"] == vector.text("sigBTC58DataInt.txt").strip()
    assert signed == vector.signed


def test_published_key_has_the_published_multikey(vector: Vector) -> None:
    """The Multikey of the published key pair is the published one."""
    assert securing.multikey_of(vector.signer) == vector.public_multikey


SAMPLES = "vc/1edtech-validator-samples"


@pytest.mark.parametrize(
    "sample",
    [
        "inspector-clr/src/test/resources/clr20/simple.json",
        "inspector-vc/src/test/resources/ob30/complete.json",
        "inspector-vc/src/test/resources/ob30/endorsement-valid.json",
        "inspector-vc/src/test/resources/ob30/simple-did-web-method.json",
    ],
)
def test_foreign_proofs_hold(sample: str) -> None:
    """Proofs that others made over Open Badges and a CLR hold under our contexts, so the quads are theirs."""
    document = json.loads(published(f"{SAMPLES}/{sample}").read_text())
    proofs = document["proof"] if isinstance(document["proof"], list) else [document["proof"]]

    for proof in proofs:
        assert proof_holds({**document, "proof": proof})


def test_foreign_proof_inside_a_clr_holds() -> None:
    """The Open Badge inside 1EdTech's CLR sample keeps its own proof, and it holds."""
    record = json.loads(
        published(f"{SAMPLES}/inspector-clr/src/test/resources/clr20/simple.json").read_text()
    )
    (inner,) = record["credentialSubject"]["verifiableCredential"]

    assert proof_holds({**inner, "proof": inner["proof"][0]})


@pytest.mark.parametrize("make", [a_signed_badge, a_signed_clr, a_signed_status_list])
def test_what_we_sign_holds(make: Any) -> None:
    """The proof of every kind of document holds, by the key that its verification method names."""
    document = make()
    issuer = document["issuer"] if isinstance(document["issuer"], str) else document["issuer"]["id"]

    assert proof_holds(document)
    assert list(document)[-1] == "proof"
    assert document["proof"]["verificationMethod"].startswith(f"{issuer}#z6Mk")
    assert document["proof"]["created"] == "2026-11-02T01:15:00Z"


def test_a_signed_document_read_back_from_its_bytes_holds() -> None:
    """Writing, reading and writing again keeps the bytes and the proof."""
    written = securing.document_bytes(a_signed_badge())

    read = json.loads(written)

    assert proof_holds(read)
    assert securing.document_bytes(read) == written


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Give the path of every scalar in a document."""
    if isinstance(value, Mapping):
        for name, member in value.items():
            yield from leaves(member, (*path, name))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from leaves(member, (*path, index))
    else:
        yield path


def changed(document: Any, path: tuple[Any, ...]) -> Any:
    """Return a copy with the scalar at that path changed into another of its kind."""
    copied = copy.deepcopy(document)
    node = copied
    for step in path[:-1]:
        node = node[step]
    value = node[path[-1]]
    if isinstance(value, bool):
        node[path[-1]] = not value
    elif isinstance(value, int | float):
        node[path[-1]] = value + 1
    else:
        node[path[-1]] = value[:-1] + ("1" if value[-1] != "1" else "2")
    return copied


SIGNED = a_signed_badge()
RECORD = a_signed_clr()


@pytest.mark.parametrize("path", list(leaves(SIGNED)), ids=lambda path: ".".join(map(str, path)))
def test_no_value_can_be_changed(path: tuple[Any, ...]) -> None:
    """Each single value of a signed Open Badge is under its signature: changed, the proof fails."""
    tampered = changed(SIGNED, path)

    try:
        holds = proof_holds(tampered)
    except Malformed:
        holds = False
    assert not holds


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(list(leaves(RECORD))))
def test_no_value_of_a_record_can_be_changed(path: tuple[Any, ...]) -> None:
    """Nor any value of a record, those inside its awards included."""
    tampered = changed(RECORD, path)

    try:
        holds = proof_holds(tampered)
    except Malformed:
        holds = False
    assert not holds


def test_awards_inside_a_record_keep_their_own_proofs() -> None:
    """An award is in the record exactly as its provider signed it."""
    for award in RECORD["credentialSubject"]["verifiableCredential"]:
        assert proof_holds(award)


def test_values_cannot_change_places_between_awards() -> None:
    """In a record's quads both awards are about one learner: that each keeps its own is in its own proof."""
    record = copy.deepcopy(RECORD)
    first, second = record["credentialSubject"]["verifiableCredential"]
    earned = first["credentialSubject"]["creditsEarned"], second["credentialSubject"]["creditsEarned"]

    second["credentialSubject"]["creditsEarned"], first["credentialSubject"]["creditsEarned"] = earned

    assert earned[0] != earned[1]
    assert not proof_holds(first)
    assert not proof_holds(second)


# Refusals.


def sign(document: Mapping[str, Any]) -> Any:
    """Sign as the provider of the test world."""
    provider = a_provider()
    return securing.sign_credential(document, provider.signer, provider.did, SIGNED_AT_US)


def test_only_ed25519_keys() -> None:
    """A P-256 key would need another suite: refused before anything is signed."""
    with pytest.raises(Refusal, match="Ed25519 keys only") as caught:
        securing.sign_credential(a_badge(), MemorySigner.generate(ES256), a_provider().did, SIGNED_AT_US)

    assert caught.value.code == "export-key"


def test_a_signer_that_answers_with_something_else_is_refused() -> None:
    """A key store that gives a signature of another length is broken, and its answer is not handed on."""

    class Short(MemorySigner):
        def sign(self, data: bytes) -> bytes:
            return super().sign(data)[:-1]

    with pytest.raises(Refusal, match="64 bytes"):
        securing.sign_credential(a_badge(), Short.generate(), a_provider().did, SIGNED_AT_US)


def test_a_signed_document_is_not_signed_again() -> None:
    """A document has one proof."""
    with pytest.raises(Refusal, match="proof is no member of our profile"):
        sign(a_signed_badge())
    with pytest.raises(Refusal, match="carries a proof already"):
        securing.add_proof(a_signed_badge(), {}, a_provider().signer)


def test_only_the_issuer_signs() -> None:
    """The key that signs is the issuer's: controller and issuer are one DID."""
    operator = the_operator()
    with pytest.raises(Refusal, match="not the DID whose key signs"):
        securing.sign_credential(a_badge(), operator.signer, operator.did, SIGNED_AT_US)
    with pytest.raises(Refusal, match="not the DID whose key signs"):
        securing.sign_credential(a_status_list(), operator.signer, operator.did, SIGNED_AT_US)
    with pytest.raises(Refusal, match="not the DID whose key signs"):
        sign(a_clr())


def test_nothing_is_signed_that_is_not_of_the_profile() -> None:
    """The key is not used before the profile was checked."""

    class Unused(MemorySigner):
        def sign(self, data: bytes) -> bytes:
            raise AssertionError(f"the key was used on {len(data)} bytes")

    document = {**a_badge(), "evidence": []}
    with pytest.raises(Refusal):
        securing.sign_credential(document, Unused.generate(), a_provider().did, SIGNED_AT_US)


def test_when_it_was_signed_is_under_the_signature() -> None:
    """`created` is what the caller says, and part of what is signed."""
    provider = a_provider()
    later = SIGNED_AT_US + 60_000_000

    first = sign(a_badge())
    second = securing.sign_credential(a_badge(), provider.signer, provider.did, later)

    assert second["proof"]["created"] == "2026-11-02T01:16:00Z"
    assert second["proof"]["proofValue"] != first["proof"]["proofValue"]
