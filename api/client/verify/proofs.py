"""Data Integrity proofs over a document: `eddsa-rdfc-2022`, and `eddsa-jcs-2022` beside it.

The key is in the credential: a verification method is `<DID>#<Multikey>`, so no network is needed
to find it. Whether that key is the issuer's is another question, which the trust file answers.

Source: Data Integrity EdDSA Cryptosuites v1.0 §3.2, §3.3; CREDENTIALS.md 1, 2.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature

from ..errors import Malformed, Refused
from ..jose import canonical as jcs
from .multikey import base58_bytes, ed25519_key

Document = Mapping[str, Any]
Canonical = Callable[[Document], bytes]

RDFC, JCS = "eddsa-rdfc-2022", "eddsa-jcs-2022"
PURPOSE = "assertionMethod"
PROOFS_MAX = 4
_SIGNATURE_BYTES = 64
_PROOF = "DataIntegrityProof"


class Unsupported(Refused):
    """A proof made in a way that this program does not know: neither good nor bad."""

    code = "unsupported-proof"


@dataclass(frozen=True)
class Method:
    """A verification method.

    Attributes:
        controller: the DID whose key it is said to be.
        multikey: the key itself.
    """

    controller: str
    multikey: str


class Secured:
    """A document taken apart into what is signed and the proofs over it.

    Canonical forms are made once: a document with two proofs, or one looked at twice, costs one.
    """

    def __init__(self, document: Document, canonical: Canonical) -> None:
        """Take a document apart.

        Raises:
            Malformed: its proofs are not objects, or too many.
        """
        self.unsecured = {name: value for name, value in document.items() if name != "proof"}
        self.proofs = _proofs(document.get("proof"))
        self._canonical = canonical
        self._digests: dict[str, bytes] = {}

    def prepare(self) -> None:
        """Make the canonical forms that the proofs are over.

        Raises:
            Malformed: the document or a proof holds something no signature covers.
        """
        self._digest(RDFC)
        for proof in self.proofs:
            self._configuration(proof, RDFC)

    def verify(self, proof: Document) -> None:
        """Check one proof over this document.

        Raises:
            Unsupported: it is of another kind than this program knows.
            Malformed: it is not a proof, or the document has no canonical form.
            Refused: the signature does not hold.
        """
        if (
            proof.get("type") != _PROOF
            or proof.get("cryptosuite") not in (RDFC, JCS)
            or "previousProof" in proof
        ):
            raise Unsupported("its signature is of a kind that this program does not know")
        signature = base58_bytes(_text(proof, "proofValue"))
        key = ed25519_key(method_of(proof).multikey)
        if len(signature) != _SIGNATURE_BYTES:
            raise Malformed("an Ed25519 signature has 64 bytes", code="signature-size")
        try:
            key.verify(signature, self.hash_data(proof))
        except InvalidSignature as error:
            raise Refused("the signature does not hold", code="signature") from error

    def hash_data(self, proof: Document) -> bytes:
        """Return the 64 bytes that a proof signs: the digest of its options, then the document's."""
        suite = _text(proof, "cryptosuite")
        return self._configuration(proof, suite) + self._digest(suite)

    def _digest(self, suite: str) -> bytes:
        if suite not in self._digests:
            self._digests[suite] = hashlib.sha256(self._form(self.unsecured, suite)).digest()
        return self._digests[suite]

    def _configuration(self, proof: Document, suite: str) -> bytes:
        options = {name: value for name, value in proof.items() if name != "proofValue"}
        options["@context"] = self.unsecured.get("@context")
        return hashlib.sha256(self._form(options, suite)).digest()

    def _form(self, document: Document, suite: str) -> bytes:
        return jcs(document) if suite == JCS else self._canonical(document)


def method_of(proof: Document) -> Method:
    """Return the verification method of a proof: what stands before and after the `#`.

    Raises:
        Malformed: it names none.
    """
    controller, mark, multikey = _text(proof, "verificationMethod").partition("#")
    if not controller or not mark or not multikey:
        raise Malformed("the signature does not name the key it was made with", code="method")
    return Method(controller, multikey)


def _proofs(member: Any) -> tuple[Document, ...]:
    proofs = member if isinstance(member, list) else [] if member is None else [member]
    if len(proofs) > PROOFS_MAX or not all(isinstance(proof, Mapping) for proof in proofs):
        raise Malformed("its signatures are not set out as they should be", code="proof-form")
    return tuple(proofs)


def _text(proof: Document, name: str) -> str:
    value = proof.get(name)
    if not isinstance(value, str):
        raise Malformed("a part of the signature is missing", code="proof-form")
    return value
