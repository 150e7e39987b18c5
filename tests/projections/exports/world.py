"""Words to build the exports' world with: invented people and bodies, seeded keys, fixed instants."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid5

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ledger.clock import microseconds
from ledger.encoding import multi
from ledger.ids import NAMESPACE
from ledger.keys.did import body_did, operator_did, provider_did
from ledger.keys.signer import MemorySigner, Signer
from projections.exports import jsonld, securing
from projections.exports.clr import clr
from projections.exports.model import (
    AwardDocument,
    Developer,
    Document,
    IssuerProfile,
    OutcomeResult,
    RecordDocument,
    TrustAccreditation,
    TrustFile,
    TrustIssuer,
    TrustKey,
    TrustLogKey,
    TrustMicrocredential,
    TrustOperator,
)
from projections.exports.open_badge import open_badge
from projections.exports.status_list import StatusBits, status_list_credential

HOST = "ledger.example"
SIGNED_AT_US = microseconds(datetime(2026, 11, 2, 1, 15, tzinfo=UTC))
LEARNER = "Hine-Ngāti Sample"
HOLDER = uuid5(NAMESPACE, "test|holder").urn
RECEIPT = "c2sp.org/tlog-proof@v1\nindex 41\n\nledger.example/log\n42\nAAAA=\n\n— ledger.example/log AAAA\n"


def seeded_signer(name: str) -> Signer:
    """Return the Ed25519 signer that belongs to a name: the same in every run."""
    return MemorySigner(Ed25519PrivateKey.from_private_bytes(sha256(name.encode()).digest()))


def a_provider(number: int = 95001, name: str = "Harbourlight Polytechnic (demo)") -> IssuerProfile:
    """Return a provider of the test host with its own key."""
    return IssuerProfile(
        did=provider_did(HOST, number),
        number=number,
        name=name,
        url=f"https://{HOST}/providers/{number}",
        signer=seeded_signer(f"provider {number}"),
    )


def the_operator() -> IssuerProfile:
    """Return the operator of the test host."""
    return IssuerProfile(
        did=operator_did(HOST),
        number=None,
        name="Achievement Ledger (demo)",
        url=f"https://{HOST}/",
        signer=seeded_signer("operator"),
    )


def an_award(**changes: Any) -> AwardDocument:
    """Return an award of a demonstration micro-credential, with changes."""
    award = AwardDocument(
        credential_id=UUID("0192f5c4-7a3e-7cc1-9d1e-000000000001"),
        learner_name=LEARNER,
        holder_id=HOLDER,
        title="Aquaculture Biosecurity (Micro-credential)",
        code="6099",
        version=2,
        level=4,
        credits=10,
        purpose="For people who work on marine or freshwater farms; it recognises that they can find, "
        "manage and report biosecurity risk.",
        assessment="A biosecurity plan for a real site, and two observed inspections.",
        outcomes=(
            OutcomeResult("LO1", "Identify biosecurity hazards on an aquaculture site.", "M", "assessed"),
            OutcomeResult("LO2", "Carry out a farm biosecurity management plan.", "A", "assessed"),
            OutcomeResult("LO3", "Report suspected notifiable organisms.", "E", "rpl"),
        ),
        developer=Developer(body_did(HOST, "ISB:FOOD_FIBRE"), "Demo Industry Skills Board – Food and Fibre"),
        listed_on=date(2025, 12, 1),
        review_due=date(2028, 12, 1),
        accredited_from=date(2026, 1, 15),
        start_on=date(2026, 7, 20),
        completed_on=date(2026, 10, 16),
        conferred_on=date(2026, 10, 30),
        awarded_by=95001,
        language="en",
        status_list=1,
        status_index=88412,
        signed_at_us=SIGNED_AT_US,
        receipt=RECEIPT,
        nzsced="050701",
        field="Aquaculture",
    )
    return replace(award, **changes)


def a_badge(**changes: Any) -> Document:
    """Return the unsigned Open Badge of an award, issued by its provider."""
    award = an_award(**changes)
    return open_badge(award, a_provider(award.awarded_by), HOST)


def a_signed_badge(**changes: Any) -> Document:
    """Return the same, signed by its provider."""
    award = an_award(**changes)
    issuer = a_provider(award.awarded_by)
    return securing.sign_credential(
        open_badge(award, issuer, HOST), issuer.signer, issuer.did, award.signed_at_us
    )


def a_record(*awards: Mapping[str, Any], **changes: Any) -> RecordDocument:
    """Return a record of two awards by two providers, or of the awards given."""
    record = RecordDocument(
        credential_id=UUID("0192f5c4-9999-7cc1-9d1e-000000000001"),
        learner_name=LEARNER,
        holder_id=HOLDER,
        awards=awards or (a_signed_badge(), another_signed_badge()),
        as_at_us=SIGNED_AT_US,
        signed_at_us=SIGNED_AT_US,
    )
    return replace(record, **changes)


def another_signed_badge(**changes: Any) -> Document:
    """Return a second award of the same learner, by another provider, in te reo Māori."""
    return a_signed_badge(
        **{
            "credential_id": UUID("0192f5c4-7a3e-7cc1-9d1e-000000000002"),
            "title": "Te Tiaki Moana (Micro-credential)",
            "code": "6101",
            "version": 1,
            "credits": 20,
            "purpose": "Mō te hunga e mahi ana i te taha moana.",
            "outcomes": (OutcomeResult("LO1", "Ka tiaki i te moana.", "A", "assessed"),),
            "awarded_by": 95004,
            "language": "mi",
            "status_index": 7,
            **changes,
        }
    )


def a_clr(**changes: Any) -> Document:
    """Return an unsigned record of achievement."""
    return clr(a_record(**changes), the_operator(), HOST)


def a_signed_clr(**changes: Any) -> Document:
    """Return the same, signed by the operator."""
    operator = the_operator()
    return securing.sign_credential(a_clr(**changes), operator.signer, operator.did, SIGNED_AT_US)


def proof_holds(document: Mapping[str, Any], canonical: securing.Canonical = jsonld.canonical) -> bool:
    """Return whether the proof's signature covers the document, by the key that it names."""
    unsigned = {name: member for name, member in document.items() if name != "proof"}
    options = {
        name: member for name, member in document["proof"].items() if name not in ("proofValue", "@context")
    }
    key = multi.public_key_of(options["verificationMethod"].rsplit("#", 1)[1])
    signature = multi.from_multibase(document["proof"]["proofValue"])
    assert isinstance(key, Ed25519PublicKey)
    try:
        key.verify(signature, securing.hash_data(unsigned, options, canonical))
    except InvalidSignature:
        return False
    return True


def a_status_list(*revoked: int, number: int = 1, signed_at_us: int = SIGNED_AT_US) -> Document:
    """Return the provider's unsigned status list with these entries revoked."""
    return status_list_credential(StatusBits(revoked), a_provider(), HOST, number, signed_at_us)


def a_signed_status_list(*revoked: int, issuer: IssuerProfile | None = None) -> Document:
    """Return a provider's first status list, signed."""
    issuer = issuer or a_provider()
    listed = status_list_credential(StatusBits(revoked), issuer, HOST, 1, SIGNED_AT_US)
    return securing.sign_credential(listed, issuer.signer, issuer.did, SIGNED_AT_US)


def a_trust_file(**changes: Any) -> TrustFile:
    """Return what a verifier trusts in the test world, with changes."""
    operator, provider, other = (
        the_operator(),
        a_provider(),
        a_provider(95004, "Te Whare Ako o Raumoa (demo)"),
    )
    trust = TrustFile(
        made_at_us=SIGNED_AT_US,
        as_at_position=918,
        origin=f"{HOST}/log",
        founding_entry_hash=sha256(b"founding").digest(),
        log_keys=(TrustLogKey(f"{HOST}/log+00000000+AQ==", 1, None, must_verify=True),),
        witness_policy=f"log {HOST}/log+00000000+AQ==\nquorum none\n",
        operator=TrustOperator(operator.did, operator.name, (a_trust_key(operator),)),
        issuers=(
            TrustIssuer(other.did, 95004, other.name, (a_trust_key(other, 12),), ()),
            TrustIssuer(
                provider.did,
                95001,
                provider.name,
                (a_trust_key(provider, 11),),
                (TrustAccreditation("6099", (2, 1), date(2026, 1, 15), None),),
            ),
        ),
        microcredentials=(
            TrustMicrocredential(
                code="6099",
                version=2,
                title="Aquaculture Biosecurity (Micro-credential)",
                level=4,
                credits=10,
                outcomes=(("LO1", "Identify biosecurity hazards on an aquaculture site."),),
                listed_on=date(2025, 12, 1),
                expiring_from=None,
                discontinued_on=None,
            ),
        ),
    )
    return replace(trust, **changes)


def a_trust_key(issuer: IssuerProfile, position: int = 1, to_position: int | None = None) -> TrustKey:
    """Return the issuer's credential key as a trust file names it."""
    return TrustKey(securing.multikey_of(issuer.signer), "credential", position, to_position)
