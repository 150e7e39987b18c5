"""Who signs documents: the provider that awarded, the operator for whole records; and their DID documents.

Keys are in custody here. The newest that the register accepts signs; older ones stay in the DID
document, because what they signed stays valid.

Source: CREDENTIALS.md 1; LEDGER.md 2.
"""

from typing import Any
from uuid import UUID

from ledger.application import Ledger
from ledger.domain.organisation import Organisation
from ledger.founding import CREDENTIAL
from ledger.keys.did import body_did, body_segment, did_document, operator_did, provider_did
from ledger.keys.keystore import current_signer, custody_label
from ledger.keys.signer import Signer
from ledger.log_keys import OPERATOR
from projections.exports.model import Developer, IssuerProfile
from projections.trust_facts import credential_keys, keyring_as_at, multikey_of_key


class Issuers:
    """The issuers of one ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @property
    def host(self) -> str:
        """Host of the did:web identifiers."""
        return self._ledger.founding.host

    def provider(self, number: int) -> IssuerProfile:
        """Return a provider with the key that signs for it now; Unauthorised when none is in custody here."""
        organisation = self._ledger.register().organisation(number)
        assert organisation is not None, "whoever awarded is on the register"
        return IssuerProfile(
            did=provider_did(self.host, number),
            number=number,
            name=organisation.name_en,
            url=f"https://{self.host}/providers/{number}",
            signer=self._ledger.signer(custody_label(number, CREDENTIAL), organisation.id, CREDENTIAL),
        )

    def operator(self) -> IssuerProfile:
        """Return whoever runs the ledger, with the key that signs for it now."""
        return IssuerProfile(
            did=operator_did(self.host),
            number=None,
            name=self._ledger.founding.operator_name,
            url=f"https://{self.host}/",
            signer=self.operator_signer(),
        )

    def operator_signer(self, as_at: int | None = None) -> Signer:
        """Return the key that signs records now, or the trust file as at a size: one that the file names."""
        if as_at is None:
            return self._ledger.signer(CREDENTIAL, OPERATOR, CREDENTIAL)
        keystore, keyring = self._ledger.keystore, keyring_as_at(self._ledger, as_at)
        return current_signer(keystore, CREDENTIAL, keyring, OPERATOR, CREDENTIAL, as_at + 1)

    def developer(self, label: str) -> Developer:
        """Return the developer of a micro-credential by its number or body code."""
        organisation = self._ledger.register().organisation(label)
        if organisation is None:
            return Developer(body_did(self.host, label), label)
        return Developer(self._did(organisation), organisation.name_en)

    def did_document(self, segment: str | None = None) -> dict[str, Any] | None:
        """Return the DID document of a provider (its number), a body (its code's segment) or the operator.

        Old keys stay in it; None when nobody has that identifier or a key.
        """
        organisation, did = self._identified(segment)
        if organisation is None:
            return None
        keys = [multikey_of_key(key) for key in credential_keys(self._ledger.keyring(), organisation)]
        return did_document(did, keys) if keys else None

    def _identified(self, segment: str | None) -> tuple[UUID | None, str]:
        if segment is None:
            return OPERATOR, operator_did(self.host)
        organisations = self._ledger.register().organisations.values()
        found = next((one for one in organisations if _segment(one) == segment), None)
        return (None, "") if found is None else (found.id, self._did(found))

    def _did(self, organisation: Organisation) -> str:
        if organisation.number is not None:
            return provider_did(self.host, organisation.number)
        return body_did(self.host, str(organisation.body))


def _segment(organisation: Organisation) -> str:
    """Return the last segment of an organisation's DID, which is also that of its document's address."""
    number = organisation.number
    return str(number) if number is not None else body_segment(str(organisation.body))
