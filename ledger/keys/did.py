"""did:web identifiers of issuers, and the documents that publish their keys.

Source: did:web method specification; W3C DID Core 1.1, Controlled Identifiers 1.0 §2.2; CREDENTIALS.md 1.
"""

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from ledger.errors import Malformed

_HOST = re.compile(r"[A-Za-z0-9.-]+(%3A[0-9]+)?")
_SEGMENT = re.compile(r"(?!\.+$)([A-Za-z0-9._-]|%[0-9A-F]{2})+")


def operator_did(host: str) -> str:
    """Return the DID of whoever runs the ledger; a port in `host` is written as did:web wants it."""
    return "did:web:" + host.replace(":", "%3A")


def provider_did(host: str, number: int) -> str:
    """Return the DID of the provider with that number."""
    return f"{operator_did(host)}:providers:{number}"


def body_did(host: str, code: str) -> str:
    """Return the DID of a body with a code: `ISB:FOOD_FIBRE` is written `ISB-FOOD_FIBRE`."""
    return f"{operator_did(host)}:bodies:{body_segment(code)}"


def body_segment(code: str) -> str:
    """Return a body code as one path segment; two codes never share one."""
    coded = quote(code, safe=":").replace("-", "%2D").replace("~", "%7E")
    return coded.replace(":", "-")


def did_path(did: str) -> str:
    """Return the path at which a did:web document is served: `/providers/95001/did.json`.

    Raises:
        Malformed: not a did:web, or one whose path would lead elsewhere.
    """
    method, _, rest = did.partition("did:web:")
    host, *segments = rest.split(":")
    if method or not _HOST.fullmatch(host) or not all(map(_SEGMENT.fullmatch, segments)):
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
