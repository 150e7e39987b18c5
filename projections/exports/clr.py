"""The Record of Achievement as a Comprehensive Learner Record 2.0, not yet signed."""

from copy import deepcopy

from ledger.clock import civil_date, rfc3339
from ledger.errors import Refusal
from ledger.keys.did import operator_did
from projections.exports.jsonld import CLR, CREDENTIALS_V2, OPEN_BADGES, OPEN_BADGES_EXTENSIONS
from projections.exports.model import Document, IssuerProfile, RecordDocument
from projections.exports.open_badge import SCHEMA_TYPE, issuer_node, learner_identity

CONTEXTS = (CREDENTIALS_V2, CLR, OPEN_BADGES, OPEN_BADGES_EXTENSIONS)
SCHEMA = "https://purl.imsglobal.org/spec/clr/v2p0/schema/json/clr_v2p0_clrcredential_schema.json"


def clr(record: RecordDocument, issuer: IssuerProfile, host: str) -> Document:
    """Return the unsigned record: the awards stand in it exactly as their providers signed them.

    Args:
        record: at least one signed Open Badge.
        issuer: the operator of the ledger.
        host: the did:web host of the ledger.

    Returns:
        A new document; it shares nothing with `record`. It carries no status entry: it says how the
        record stood at one instant, and every award in it has its own.

    Raises:
        Refusal: the issuer is not the operator of this host.

    Source: CLR 2.0; CREDENTIALS.md 1 to 3. The profile is checked when it is signed.
    """
    if issuer.did != operator_did(host):
        raise Refusal("a record of achievement is signed by the operator of the ledger", code="export-issuer")
    as_at = civil_date(record.as_at_us).isoformat()
    subject: Document = {
        "id": record.holder_id,
        "type": ["ClrSubject"],
        "identifier": learner_identity(record.learner_name),
        "verifiableCredential": [deepcopy(dict(award)) for award in record.awards],
    }
    if record.associations:
        subject["association"] = [
            {
                "type": "Association",
                "associationType": association.kind,
                "sourceId": association.source_id,
                "targetId": association.target_id,
            }
            for association in record.associations
        ]
    return {
        "@context": list(CONTEXTS),
        "id": record.credential_id.urn,
        "type": ["VerifiableCredential", "ClrCredential"],
        "name": "Record of Achievement",
        "description": f"Record of achievement as held in the ledger on {as_at}.",
        "issuer": issuer_node(issuer),
        "validFrom": rfc3339(record.signed_at_us),
        "awardedDate": rfc3339(record.as_at_us),
        "partial": record.partial,
        "credentialSubject": subject,
        "credentialSchema": [{"id": SCHEMA, "type": SCHEMA_TYPE}],
    }
