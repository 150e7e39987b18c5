"""Verifiable credentials as the ledger knows them: that one was signed, by whom, and which bytes."""

from typing import Any
from uuid import UUID

from ledger.domain.base import Created, LedgerAggregate, PrivateEvent

AWARD, RECORD = "award", "record"


class CredentialIssued(Created, PrivateEvent):
    """A credential was signed: its receipt shows when, so that a stolen key cannot back-date one.

    The ledger records it beside the signature; nobody makes a statement. Signed again, it goes on
    the same stream.

    kind: `award` or `record`. award: the award's id, None for a whole record.
    issuer: DID. kid: RFC 7638 thumbprint of the signing key.
    document_sha256: hexadecimal, over the JCS form of the signed document.

    Source: SPEC.md 5 (`credential.issued`), LEDGER.md 2.
    """

    TOPIC = "credential.issued"
    CONSEQUENCE = True
    OPEN = ("kind", "award", "issuer", "kid")
    SEALED = ("document_sha256",)
    SHOWS = ("document_sha256", "issuer", "kid")

    kind: str
    award: UUID | None
    issuer: str
    kid: str
    document_sha256: str

    def mutate(self, aggregate: Any) -> Any:
        """Begin the stream, or go on with it."""
        return super().mutate(None) if aggregate is None else PrivateEvent.mutate(self, aggregate)

    def apply(self, aggregate: "Credential") -> None:
        """Note who signed last."""
        aggregate.learner = self.subject
        aggregate.kind, aggregate.award = self.kind, self.award
        aggregate.issuer, aggregate.kid = self.issuer, self.kid

    def shown(self) -> tuple[tuple[str, str], ...]:
        """Return the claims as text, in SHOWS order."""
        return tuple(zip(self.SHOWS, (self.document_sha256, self.issuer, self.kid), strict=True))


class Credential(LedgerAggregate):
    """A signed document about one learner. Stream: the credential's own id."""

    TOPIC = "credential"
    BEGINS = (CredentialIssued,)

    learner: UUID
    kind: str
    award: UUID | None
    issuer: str
    kid: str
