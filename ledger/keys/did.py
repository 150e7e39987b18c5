"""did:web identifiers of issuers, and the documents that publish their keys.

Source: did:web method specification; W3C DID Core 1.1, Controlled Identifiers 1.0 §2.2; CREDENTIALS.md 1.
"""

import re
from collections.abc import Sequence
from typing import Any

from ledger.errors import Malformed

_SAFE = re.compile(r"[A-Za-z0-9._-]+")
_UNSAFE = re.compile(r"[^A-Za-z0-9.-]")


def operator_did(host: str) -> str:
    """Return the DID of whoever runs the ledger."""
    return f"did:web:{host}"


def provider_did(host: str, number: int) -> str:
    """Return the DID of the provider with that number."""
    return f"did:web:{host}:providers:{number}"


def body_did(host: str, code: str) -> str:
    """Return the DID of a body with a code: `ISB:FOOD_FIBRE` is written `ISB-FOOD-FIBRE`."""
    return f"did:web:{host}:bodies:{body_segment(code)}"


def body_segment(code: str) -> str:
    """Return a body code as one safe path segment."""
    return _UNSAFE.sub("-", code)


def did_path(did: str) -> str:
    """Return the path at which a did:web document is served: `/providers/95001/did.json`.

    Raises:
        Malformed: not a did:web of ours.
    """
    method, _, rest = did.partition("did:web:")
    host, *segments = rest.split(":")
    if method or not host or not all(_SAFE.fullmatch(segment) for segment in segments):
        raise Malformed("this is not a did:web identifier")
    return "/".join(["", *(segments or [".well-known"]), "did.json"])


def verification_method(did: str, multikey: str) -> str:
    """Return the id of a key in a DID document: its fragment is the key itself."""
    return f"{did}#{multikey}"


def did_document(did: str, multikeys: Sequence[str]) -> dict[str, Any]:
    """Return the DID document with these keys; old keys are never taken out.

    `assertionMethod` lists verification methods by id, as strings.
    """
    ids = [verification_method(did, key) for key in multikeys]
    return {
        "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"],
        "id": did,
        "verificationMethod": [
            {"id": one, "type": "Multikey", "controller": did, "publicKeyMultibase": key}
            for one, key in zip(ids, multikeys, strict=True)
        ],
        "assertionMethod": ids,
    }
