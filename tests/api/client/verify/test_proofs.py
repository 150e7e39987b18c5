"""Data Integrity proofs against the standard's test vectors and signed samples of 1EdTech.

Source: W3C vc-di-eddsa test vectors (B.1 eddsa-rdfc-2022, B.3 eddsa-jcs-2022, proof sets);
1EdTech digital credentials validator, test resources.
"""

import hashlib
import json

import pytest

from api.client.errors import Malformed, Refused
from api.client.verify import contexts
from api.client.verify.jsonld import Canonicaliser, pinned
from api.client.verify.multikey import base58_bytes, base64_bytes, ed25519_bytes, ed25519_jwk
from api.client.verify.proofs import Secured, Unsupported, method_of
from tests.api.client.verify.words import BADGE, edited, put
from tests.support.handmade import Key, base58
from tests.support.vectors import published

EDDSA = "vc/vc-di-eddsa/TestVectors"
SAMPLES = "vc/1edtech-validator-samples"
OB30 = f"{SAMPLES}/inspector-vc/src/test/resources/ob30"
# What the vectors are signed under besides the pinned contexts: one is a single line in the
# standard (VC Data Model 2.0 §B.1), the other is cut down to the terms of the one sample.
EXAMPLES = {"@context": {"@vocab": "https://www.w3.org/ns/credentials/examples#"}}
_CITIZENSHIP, _SCHEMA = "https://w3id.org/citizenship#", "https://schema.org/"
_CREDENTIAL = "EmploymentAuthorizationDocumentCredential"
_INSTANT = "http://www.w3.org/2001/XMLSchema#dateTime"
CITIZENSHIP = {
    "@context": {
        "@protected": True,
        "id": "@id",
        "type": "@type",
        _CREDENTIAL: f"{_CITIZENSHIP}{_CREDENTIAL}",
        "Person": {
            "@id": f"{_SCHEMA}Person",
            "@context": {
                "@protected": True,
                "additionalName": f"{_SCHEMA}additionalName",
                "birthCountry": f"{_CITIZENSHIP}birthCountry",
                "birthDate": {"@id": f"{_SCHEMA}birthDate", "@type": _INSTANT},
                "familyName": f"{_SCHEMA}familyName",
                "gender": f"{_SCHEMA}gender",
                "givenName": f"{_SCHEMA}givenName",
            },
        },
        "EmployablePerson": {
            "@id": f"{_CITIZENSHIP}EmployablePerson",
            "@context": {
                "@protected": True,
                "employmentAuthorizationDocument": {
                    "@id": f"{_CITIZENSHIP}employmentAuthorizationDocument",
                    "@type": "@id",
                },
                "residentSince": {"@id": f"{_CITIZENSHIP}residentSince", "@type": _INSTANT},
            },
        },
        "EmploymentAuthorizationDocument": {
            "@id": f"{_CITIZENSHIP}EmploymentAuthorizationDocument",
            "@context": {
                "@protected": True,
                "identifier": f"{_SCHEMA}identifier",
                "lprCategory": f"{_CITIZENSHIP}lprCategory",
                "lprNumber": f"{_CITIZENSHIP}lprNumber",
            },
        },
        "image": {"@id": f"{_SCHEMA}image", "@type": "@id"},
    }
}
WIDER = Canonicaliser(
    contexts.load()
    | {
        "https://www.w3.org/ns/credentials/examples/v2": EXAMPLES,
        "https://w3id.org/citizenship/v4rc1": CITIZENSHIP,
    }
)


def read(relative):
    """Return a published JSON document."""
    return json.loads(published(relative).read_text(encoding="utf-8"))


@pytest.mark.parametrize("folder", ["eddsa-rdfc-2022", "eddsa-rdfc-2022/employ"])
def test_the_standards_vectors_step_by_step(folder):
    """Canonical forms, digests and signature of eddsa-rdfc-2022 are those of the standard."""
    document = read(f"{EDDSA}/{folder}/signedDataInt.json")
    canonical = published(f"{EDDSA}/{folder}/canonDocDataInt.txt").read_bytes()
    combined = published(f"{EDDSA}/{folder}/combinedHashDataInt.txt").read_text().strip()
    secured = Secured(document, WIDER.canonical)

    assert WIDER.canonical(secured.unsecured) == canonical
    assert secured.hash_data(secured.proofs[0]).hex() == combined
    secured.prepare()
    secured.verify(secured.proofs[0])


def test_the_standards_vector_of_the_jcs_suite():
    """eddsa-jcs-2022, which may stand beside the first proof, verifies too."""
    secured = Secured(read(f"{EDDSA}/eddsa-jcs-2022/signedJCS.json"), WIDER.canonical)
    combined = published(f"{EDDSA}/eddsa-jcs-2022/combinedHashJCS.txt").read_text().strip()

    assert secured.hash_data(secured.proofs[0]).hex() == combined
    secured.verify(secured.proofs[0])


def test_every_proof_of_a_set_verifies_and_chains_are_not_known():
    """Proofs beside each other are each over the document; a proof over another proof is not known here."""
    pair = Secured(read(f"{EDDSA}/proof-set-chain/signedProofSet2.json"), WIDER.canonical)
    for proof in pair.proofs:
        pair.verify(proof)
    chain = Secured(read(f"{EDDSA}/proof-set-chain/signedProofChain2.json"), WIDER.canonical)

    assert len(pair.proofs) == 2
    with pytest.raises(Unsupported):
        chain.verify(chain.proofs[-1])


@pytest.mark.parametrize(
    "name",
    [
        f"{OB30}/complete.json",
        f"{OB30}/simple.json",
        f"{OB30}/simple-did-web-method.json",
        f"{OB30}/endorsement-valid.json",
        f"{OB30}/bit-string-list/credential-status-revoked.json",
        f"{OB30}/bit-string-list/credential-status-revoked-blank-nodes.json",
        f"{SAMPLES}/inspector-clr/src/test/resources/clr20/simple.json",
    ],
)
def test_samples_that_others_signed_verify(name):
    """Badges and a record signed by other software, under the contexts we pin, verify here."""
    secured = Secured(read(name), pinned().canonical)

    secured.prepare()
    secured.verify(secured.proofs[0])


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("simple-err-proof-value", Refused),
        ("simple-err-proof-method", Malformed),
        ("simple-err-type", Malformed),
        ("simple-err-issuer-type", Malformed),
        ("simple-err-evidence-type", Malformed),
        ("simple-err-credential-subject-type", Malformed),
        ("simple-err-credential-subject-identifier-type", Malformed),
        ("simple-err-credential-subject-result-type", Malformed),
        ("simple-err-credential-subject-achievement-result-description-type", Malformed),
        ("sd/derivedcredential", Unsupported),
    ],
)
def test_bad_samples_of_others_do_not_verify(name, error):
    """A changed signature, another kind of signature, and types that no context defines."""
    secured = Secured(read(f"{OB30}/{name}.json"), pinned().canonical)

    with pytest.raises(error):
        secured.prepare() or secured.verify(secured.proofs[0])


@pytest.mark.parametrize("kind", ["obv3p0", "clrv2p0"])
def test_canonical_samples_of_the_implementation_guide(kind):
    """The canonical proof of the guide is what we make of the proof it describes."""
    folder = f"vc/ob3-impl/ob_v3p0/impl/test-vectors/{kind}"
    lines = published(f"{folder}/proof-canon.txt").read_bytes()
    proof = {
        "@context": BADGE["@context"],
        "type": "DataIntegrityProof",
        "created": "2010-01-01T19:23:24Z",
        "verificationMethod": "https://example.edu/issuers/565049#z6MkjZRZv3aez3r18pB1RBFJR1kwUVJ5jHt92JmQwXbd5hwi",
        "cryptosuite": "eddsa-rdfc-2022",
        "proofPurpose": "assertionMethod",
    }

    assert pinned().canonical(proof).splitlines() == sorted(line for line in lines.splitlines() if line)


def test_canonical_forms_are_made_once():
    """Two proofs over one document cost one canonical form of it, and verifying twice no more."""
    made = []

    def counted(document):
        made.append(document)
        return pinned().canonical(document)

    secured = Secured({**BADGE, "proof": [BADGE["proof"], BADGE["proof"]]}, counted)
    for proof in (*secured.proofs, *secured.proofs):
        secured.verify(proof)

    assert sum("credentialSubject" in document for document in made) == 1


def test_a_signature_is_over_the_proofs_own_members_too():
    """Changing when a proof says it was made breaks it."""
    secured = Secured(edited(BADGE, put("proof", "created", "2026-11-22T01:15:01Z")), pinned().canonical)

    with pytest.raises(Refused):
        secured.verify(secured.proofs[0])


@pytest.mark.parametrize("text", ["", "abc", "z0", "zI", "zl", "z" + "1" * 300, "u"])
def test_what_is_not_base58_is_refused(text):
    """Letters that look alike are not in the alphabet; nothing longer than a key is decoded."""
    with pytest.raises(Malformed):
        base58_bytes(text)


@pytest.mark.parametrize("text", ["", "zAAAA", "uAAA=", "uA", "uAB"])
def test_what_is_not_multibase_base64url_is_refused(text):
    """Unpadded, in its one spelling, under its sign."""
    with pytest.raises(Malformed):
        base64_bytes(text)


def test_base58_keeps_leading_zeros():
    """Each leading zero byte is a leading 1."""
    for data in (b"", b"\0", b"\0\0\x01", b"hello", hashlib.sha256(b"x").digest()):
        assert base58_bytes(base58(data)) == data


def test_a_multikey_of_another_kind_is_refused():
    """Only Ed25519 keys sign credentials here; a key of another length is none."""
    p256 = base58(b"\x80\x24" + bytes(33))

    for text in (p256, base58(b"\xed\x01" + bytes(31)), base58(b"")):
        with pytest.raises(Malformed):
            ed25519_bytes(text)
    assert ed25519_jwk(Key("a").multikey)["crv"] == "Ed25519"


@pytest.mark.parametrize("method", ["", "did:web:x", "did:web:x#", "#z6Mk", None])
def test_a_proof_names_its_key(method):
    """Without controller or key there is no verification method."""
    with pytest.raises(Malformed):
        method_of({"verificationMethod": method})
