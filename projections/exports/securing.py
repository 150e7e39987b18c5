"""Data Integrity proofs `eddsa-rdfc-2022`: the profile is checked, then the document is signed."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from ledger.clock import rfc3339
from ledger.encoding import multi, strict_json
from ledger.errors import Refusal
from ledger.keys.did import verification_method
from ledger.keys.signer import ED25519, Signer
from projections.exports import jsonld, profile
from projections.exports.model import Document

SUITE = "eddsa-rdfc-2022"
SIGNATURE_BYTES = 64

Canonical = Callable[[Mapping[str, Any]], bytes]


def sign_credential(document: Mapping[str, Any], signer: Signer, did: str, created_us: int) -> Document:
    """Return the document with the issuer's proof.

    Args:
        document: an unsigned Open Badge, CLR or status list credential.
        signer: the issuer's credential key, Ed25519.
        did: the issuer's DID; the key's Multikey is the fragment of the verification method.
        created_us: microseconds since 1970.

    Returns:
        A new object, `proof` last. Ed25519 is deterministic: the same arguments give the same bytes.

    Raises:
        Refusal: the document is not of our profile, or the key is not an Ed25519 key.
        Malformed: the document holds something that a proof would not cover.
    """
    profile.check(document, did)
    return add_proof(document, proof_options(signer, did, created_us), signer)


def proof_options(signer: Signer, did: str, created_us: int) -> Document:
    """Return the proof as it is before it has a value."""
    return {
        "type": "DataIntegrityProof",
        "cryptosuite": SUITE,
        "created": rfc3339(created_us),
        "verificationMethod": verification_method(did, multikey_of(signer)),
        "proofPurpose": "assertionMethod",
    }


def add_proof(
    document: Mapping[str, Any],
    options: Mapping[str, Any],
    signer: Signer,
    canonical: Canonical = jsonld.canonical,
) -> Document:
    """Return the document with a proof of these options, whatever kind of document it is.

    Raises:
        Refusal: the document has a proof already, or the signature is not one of Ed25519.

    Source: Data Integrity EdDSA Cryptosuites v1.0 §3.2.1.
    """
    if "proof" in document:
        raise Refusal("the document carries a proof already", code="export-proof")
    signature = signer.sign(hash_data(document, options, canonical))
    if len(signature) != SIGNATURE_BYTES:
        raise Refusal("an Ed25519 signature has 64 bytes", code="export-key")
    return {**document, "proof": {**options, "proofValue": multi.multibase(signature)}}


def hash_data(
    document: Mapping[str, Any], options: Mapping[str, Any], canonical: Canonical = jsonld.canonical
) -> bytes:
    """Return the 64 bytes that are signed: the proof's digest, then the document's.

    Args:
        document: without `proof`.
        options: the proof without `proofValue`; it is read under the document's contexts.
        canonical: to canonical N-Quads.

    Source: Data Integrity EdDSA Cryptosuites v1.0 §3.2.3 to §3.2.5.
    """
    configuration = {"@context": document["@context"], **options}
    return hashlib.sha256(canonical(configuration)).digest() + hashlib.sha256(canonical(document)).digest()


def multikey_of(signer: Signer) -> str:
    """Return the Multikey of an Ed25519 signer.

    Raises:
        Refusal: the key is of another kind, which this suite does not know.
    """
    if signer.alg != ED25519:
        raise Refusal(f"{SUITE} signs with Ed25519 keys only", code="export-key")
    return multi.multikey(signer.public_key())


def document_bytes(document: Mapping[str, Any]) -> bytes:
    """Return the one text form in which a document leaves: JCS, UTF-8; the same document, the same bytes."""
    return strict_json.canonical(document)
