"""The receipts of a bundle that say when its documents were signed, matched to them by their digest.

Whenever the ledger signs a document it records the SHA-256 of the whole signed document, issuer and
key (`credential.issued`). The place of that record in the log is the latest at which the document
can have been signed, which a thief of the key cannot set back: it would take another history.

Source: SPEC.md 5 (`credential.issued`); LEDGER.md 2, 3.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from ..errors import Malformed
from ..jose import canonical, thumbprint
from .multikey import ed25519_jwk
from .opened import Kind, Receipt, open_receipt
from .proofs import Method
from .published import Witnessed, publication
from .trust import Trust
from .verdict import Answer, failed, not_checked, passed, worst_of

CLAIMS = ("document_sha256", "issuer", "kid")
ISSUED = Kind("credential.issued", frozenset(CLAIMS), "issued", "The receipt of its signing")
_NOT_WITNESSED = f"{ISSUED.code}-not-witnessed"


@dataclass(frozen=True, slots=True)
class Issuance:
    """What receipts say of when one document was signed.

    Attributes:
        answer: theirs to check 7; None without a receipt for it.
        position: of the earliest record of its signing that is proven, from 1; None without.
        witnessed: who has confirmed that record; None where too few have.
    """

    answer: Answer | None = None
    position: int | None = None
    witnessed: Witnessed | None = None


class Issuances:
    """The receipts of signing that came in one bundle.

    Attributes:
        stray: why one of them belongs to no document of the bundle; None where all do.
    """

    def __init__(
        self,
        papers: Iterable[bytes],
        documents: Iterable[Mapping[str, Any]],
        trust: Trust | None,
        now_us: int,
    ) -> None:
        """Read the receipts and match them.

        Args:
            papers: tlog-proofs, in any order.
            documents: the outer document and those inside it, each with its proofs.
            trust: whose log keys and witnesses count, or None.
            now_us: microseconds since 1970.
        """
        self._trust, self._now_us = trust, now_us
        self._receipts: dict[str, list[Receipt]] = {}
        self.stray: Answer | None = None
        unique = tuple(dict.fromkeys(papers))
        known = {_digest(document) for document in documents} if unique else set()
        for paper in unique:
            receipt = _read(paper, known)
            if isinstance(receipt, Answer):
                self.stray = self.stray or receipt
            else:
                self._receipts.setdefault(receipt.claims["document_sha256"], []).append(receipt)

    def of(self, document: Mapping[str, Any], method: Method | None, issuer: str | None) -> Issuance:
        """Return what the receipts say of when a document was signed.

        Args:
            document: with its proofs.
            method: how it was signed; None where that is not known.
            issuer: the DID of who is said to have signed it.
        """
        receipts = self._receipts.get(_digest(document) or "", []) if self._receipts else []
        if not receipts:
            return Issuance()
        found = [(receipt.position, self._judged(receipt, method, issuer)) for receipt in receipts]
        answer = worst_of([_answer(judged) for _, judged in found])
        proven = [(at, judged) for at, judged in found if _is_proven(judged)]
        if not proven:
            return Issuance(answer)
        at, judged = min(proven, key=lambda one: one[0])
        return Issuance(answer, at, judged if isinstance(judged, Witnessed) else None)

    def _judged(self, receipt: Receipt, method: Method | None, issuer: str | None) -> Answer | Witnessed:
        if receipt.claims["issuer"] != issuer:
            return failed("issued-issuer", "The receipt of its signing names another issuer.")
        kid = _kid(method)
        if kid is None:
            return not_checked(
                "issued-key-kind", "It is signed with a kind of key that this program does not know."
            )
        if receipt.claims["kid"] != kid:
            return failed(
                "issued-key", "The receipt of its signing names another key than it is signed with."
            )
        return publication(receipt, ISSUED, self._trust, self._now_us)


def _read(paper: bytes, known: set[str | None]) -> Receipt | Answer:
    """Return a receipt of one of the documents with these digests, or why it is none."""
    try:
        receipt = open_receipt(paper.decode("utf-8"), ISSUED)
    except (Malformed, UnicodeDecodeError):
        return failed("issued-unreadable", "A receipt of signing in the bundle cannot be read.")
    if not receipt.shows_all(ISSUED):
        return failed(
            "issued-incomplete", "A receipt of signing in the bundle does not show all that it should."
        )
    if receipt.claims["document_sha256"] not in known:
        return failed("issued-other-document", "A receipt of signing in the bundle is for another document.")
    return receipt


def _is_proven(judged: Answer | Witnessed) -> bool:
    # Published and not yet witnessed is a place in the log too: check 7 says what it lacks.
    return isinstance(judged, Witnessed) or judged.code == _NOT_WITNESSED


def _answer(judged: Answer | Witnessed) -> Answer:
    if isinstance(judged, Answer):
        return judged
    sentence = "The signing of this very document is on record there"
    return passed(ISSUED.code, f"{sentence}, {judged.words}." if judged.count else f"{sentence}.")


def _digest(document: Mapping[str, Any]) -> str | None:
    """Return the hexadecimal SHA-256 of a document's JCS form, None where it has no such form."""
    try:
        return sha256(canonical(document)).hexdigest()
    except Malformed:
        return None


def _kid(method: Method | None) -> str | None:
    try:
        return None if method is None else thumbprint(ed25519_jwk(method.multikey))
    except Malformed:
        return None
