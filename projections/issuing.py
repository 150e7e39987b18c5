"""Documents that leave: views, register and receipts put together, signed, and written out.

Issues from what is recorded and nothing else: an award's issuer is the provider that awarded it,
with its credential key in custody here; a record's issuer is the operator.

Source: CREDENTIALS.md 1, 3, 5; SPEC.md 5, 6.
"""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any
from uuid import UUID

from ledger.application import Ledger
from ledger.authority import OPERATOR_BODY
from ledger.deciding.rows import display_name
from ledger.domain.microcredential import Microcredential
from ledger.domain.organisation import Organisation
from ledger.errors import Absent, Unavailable
from ledger.files import write_private
from ledger.founding import CREDENTIAL
from ledger.ids import public_id, uuid7, uuid8
from ledger.keys.did import body_did, body_segment, did_document, operator_did, provider_did
from ledger.keys.keystore import custody_label
from ledger.mapper import LedgerMapper
from ledger.privacy.commitments import tag
from ledger.privacy.sealing import SubjectKey, keyed
from ledger.publisher import Publisher, latest
from ledger.receipts import award_receipt, prove
from projections.catalogue import Views
from projections.exports.bundle import TrustCopy, bundle
from projections.exports.clr import clr
from projections.exports.model import (
    AwardDocument,
    Developer,
    Document,
    IssuerProfile,
    OutcomeResult,
    RecordDocument,
)
from projections.exports.open_badge import open_badge
from projections.exports.securing import document_bytes, sign_credential
from projections.exports.status_list import VALID_FOR, StatusBits, status_list_credential
from projections.exports.trust import trust_file, trust_signature
from projections.record_of_achievement import HeldAward, HeldRecord, RecordOfAchievement
from projections.trust_facts import credential_keys, log_policy, multikey_of_key, trust_facts

EXPORT_FORMATS = ("json", "clr", "ob3", "bundle")
_HOLDER = tag("holder")
_VALID_FOR_US = VALID_FOR.total_seconds() * 1_000_000


@dataclass(frozen=True, slots=True)
class Made:
    """A document ready to be handed out."""

    name: str
    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class _SignedList:
    """A status list as signed last: signed again when its bits change, or half its life is over."""

    digest: bytes
    signed_at_us: int
    data: bytes


class Issuer:
    """Makes the documents of one ledger."""

    def __init__(self, ledger: Ledger, publisher: Publisher, views: Views) -> None:
        self._ledger, self._publisher, self._views = ledger, publisher, views
        self._mapper = LedgerMapper.for_reading()
        self._lists: dict[tuple[int, int], _SignedList] = {}
        self._trust: tuple[int, bytes, str] | None = None
        self._lock = threading.Lock()

    @property
    def host(self) -> str:
        """Host of the did:web identifiers."""
        return self._ledger.founding.host

    # -------------------------------------------------------------- a learner's documents

    def record(self, learner_id: UUID) -> RecordOfAchievement:
        """Return a learner's record as it stands; Absent when the learner is not known here."""
        return self._views.record(learner_id)

    def export(self, learner_id: UUID, format: str, award_id: UUID | None = None) -> Made:  # noqa: A002
        """Return a learner's record, or one award of it, in one of EXPORT_FORMATS.

        Raises:
            Absent: no such learner, or the award is not this learner's.
            Unavailable: the award is not published yet, so that it has no receipt.
            Refusal: there is nothing to put into a record.
        """
        held = self._held(learner_id)
        if format == "json":
            text = json.dumps(self.record(learner_id).as_json(), ensure_ascii=False, indent=1)
            return Made("record-of-achievement.json", "application/json", text.encode() + b"\n")
        if award_id is None and format != "ob3":
            document, name = self._record_credential(held), "record-of-achievement"
        else:
            award = self._award(held, award_id)
            document, name = self._badge(held, award), f"award-{award.code}-{award.conferred_on.isoformat()}"
        if format == "bundle":
            return Made(f"{name}.zip", "application/zip", self._bundle(document))
        return Made(f"{name}.json", "application/vc", document_bytes(document))

    def _held(self, learner_id: UUID) -> HeldRecord:
        held = self._views.record_of_achievement.held(learner_id)
        if held is None:
            raise Absent("no such learner is known here")
        return held

    @staticmethod
    def _award(held: HeldRecord, award_id: UUID | None) -> HeldAward:
        for award in held.awards:
            if award_id is None or award.award_id == award_id:
                return award
        raise Absent("this record holds no such award")

    def _badge(self, held: HeldRecord, award: HeldAward) -> Document:
        """Return the signed Open Badge of an award."""
        signed_at_us = self._ledger.clock.now_us()
        key = self._key(held.learner_id)
        issuer = self._issuer(award.awarded_by)
        document = open_badge(self._award_document(held, award, key, signed_at_us), issuer, self.host)
        return sign_credential(document, issuer.signer, issuer.did, signed_at_us)

    def _record_credential(self, held: HeldRecord) -> Document:
        """Return the signed Comprehensive Learner Record: every award in force, as its issuer signs it."""
        awards = tuple(self._badge(held, award) for award in held.awards if award.revocation is None)
        signed_at_us = self._ledger.clock.now_us()
        issuer = self._operator()
        document = RecordDocument(
            credential_id=uuid7(signed_at_us),
            learner_name=self._name(held),
            holder_id=self._holder(self._key(held.learner_id)),
            awards=awards,
            as_at_us=signed_at_us,
            signed_at_us=signed_at_us,
        )
        return sign_credential(clr(document, issuer, self.host), issuer.signer, issuer.did, signed_at_us)

    def _award_document(
        self, held: HeldRecord, award: HeldAward, key: SubjectKey, signed_at_us: int
    ) -> AwardDocument:
        listing = self._listing(award)
        enrolment = held.enrolment(award.enrolment_id)
        assert enrolment is not None, "an award follows an enrolment"
        proven = prove(self._ledger.store, self._publisher.tree, award.position)
        texts = {outcome: text for outcome, text, _ in listing.outcomes}
        return AwardDocument(
            credential_id=award.credential_id,
            learner_name=str(self._views.unsealer(held.learner_id, [award.position])[award.position]["name"]),
            holder_id=self._holder(key),
            title=listing.title,
            code=award.code,
            version=award.version,
            level=award.level,
            credits=award.credits,
            purpose=listing.purpose,
            assessment=listing.assessment,
            outcomes=tuple(
                OutcomeResult(outcome, texts[outcome], grade, method)
                for outcome, grade, method in award.results
            ),
            developer=self._developer(listing),
            listed_on=listing.listed_on,
            accredited_from=self._accredited_from(award),
            start_on=min(enrolment.start_on, award.completed_on),
            completed_on=award.completed_on,
            conferred_on=award.conferred_on,
            awarded_by=award.awarded_by,
            language=award.language,
            status_list=award.status_list,
            status_index=award.status_index,
            signed_at_us=signed_at_us,
            receipt=award_receipt(proven, key, self._mapper),
            review_due=listing.review_due,
            nzsced=listing.nzsced,
        )

    def _name(self, held: HeldRecord) -> str:
        fields = self._views.unsealer(held.learner_id, [held.registered_at])[held.registered_at]
        return display_name(fields)

    def _key(self, learner_id: UUID) -> SubjectKey:
        key = self._ledger.vault.keys([learner_id]).get(learner_id)
        if key is None:
            raise Absent("this learner's record can no longer be opened")
        return key

    @staticmethod
    def _holder(key: SubjectKey) -> str:
        """Return who holds a learner's documents: random to everybody, the same in all of them."""
        return f"urn:uuid:{uuid8(keyed(key.data_key, _HOLDER))}"

    def _listing(self, award: HeldAward) -> Microcredential:
        return self._ledger.register().microcredentials[award.code, award.version]

    def _developer(self, listing: Microcredential) -> Developer:
        organisation = self._ledger.register().organisation(listing.developer)
        if organisation is None:
            return Developer(body_did(self.host, listing.developer), listing.developer)
        return Developer(self._did(organisation), organisation.name_en)

    def _accredited_from(self, award: HeldAward) -> date | None:
        """Return since when the provider was accredited; None where it awarded on another basis."""
        accreditation = self._ledger.register().accreditations.get((award.awarded_by, award.code))
        grants = accreditation.grants if accreditation else ()
        days = [
            one.valid_from for one in grants if one.on(award.conferred_on) and award.version in one.versions
        ]
        return min(days, default=None)

    # -------------------------------------------------------------- issuers

    def _issuer(self, number: int) -> IssuerProfile:
        organisation = self._ledger.register().organisation(number)
        assert organisation is not None, "whoever awarded is on the register"
        return IssuerProfile(
            did=provider_did(self.host, number),
            number=number,
            name=organisation.name_en,
            url=f"https://{self.host}/providers/{number}",
            signer=self._ledger.keystore.get(custody_label(number, "credential")),
        )

    def _did(self, organisation: Organisation) -> str:
        if organisation.number is not None:
            return provider_did(self.host, organisation.number)
        return body_did(self.host, str(organisation.body))

    def _operator(self) -> IssuerProfile:
        return IssuerProfile(
            did=operator_did(self.host),
            number=None,
            name=self._ledger.founding.operator_name,
            url=f"https://{self.host}/",
            signer=self._ledger.keystore.get(CREDENTIAL),
        )

    def did_document(self, segment: str | None = None) -> dict[str, Any] | None:
        """Return the DID document of a provider (its number), a body (its code's segment) or the operator.

        Old keys stay in it; None when nobody has that identifier or a key.
        """
        register, keyring = self._ledger.register(), self._ledger.keyring()
        if segment is None:
            organisation, did = public_id("organisation", OPERATOR_BODY), operator_did(self.host)
        else:
            found = next((one for one in register.organisations.values() if _segment(one) == segment), None)
            if found is None:
                return None
            organisation, did = found.id, self._did(found)
        keys = [multikey_of_key(key) for key in credential_keys(keyring, organisation)]
        return did_document(did, keys) if keys else None

    # -------------------------------------------------------------- status lists

    def status_list(self, number: int, status_list: int) -> bytes | None:
        """Return the signed status list of an issuer, None when it has none of that number."""
        # Read inside the lock: bits that were read before a revocation must not be signed after it.
        with self._lock:
            revoked = self._views.status.revoked(number, status_list)
            if revoked is None:
                return None
            bits = StatusBits(revoked)
            now_us, digest = self._ledger.clock.now_us(), bits.digest()
            signed = self._lists.get((number, status_list))
            fresh = signed is not None and now_us - signed.signed_at_us < _VALID_FOR_US / 2
            if signed is None or signed.digest != digest or not fresh:
                issuer = self._issuer(number)
                document = status_list_credential(bits, issuer, self.host, status_list, now_us)
                data = document_bytes(sign_credential(document, issuer.signer, issuer.did, now_us))
                signed = self._lists[number, status_list] = _SignedList(digest, now_us, data)
            return signed.data

    # -------------------------------------------------------------- trust

    def trust_file(self) -> tuple[bytes, str]:
        """Return the trust file as at the newest checkpoint, and the operator's signature over it."""
        published = latest(self._ledger.store.database.reader)
        if published is None:
            raise Unavailable("nothing has been published yet", code="unpublished")
        with self._lock:
            if self._trust is None or self._trust[0] != published.size:
                content = trust_file(trust_facts(self._ledger, published))
                signature = trust_signature(content, self._ledger.keystore.get(CREDENTIAL))
                self._trust = (published.size, content, signature)
            return self._trust[1:]

    def trust_fingerprint(self) -> str:
        """Return the SHA-256 of the trust file, hexadecimal: what two people compare."""
        return sha256(self.trust_file()[0]).hexdigest()

    def write_trust(self) -> None:
        """Keep the trust file and its signature in the ledger's folder."""
        content, signature = self.trust_file()
        target = self._ledger.files.trust
        write_private(target, content)
        write_private(target.with_name(target.name + ".jws"), signature.encode())

    def log_policy(self) -> str:
        """Return the C2SP tlog-policy of the log."""
        return log_policy(self._ledger)

    # -------------------------------------------------------------- bundles

    def _bundle(self, document: Mapping[str, Any]) -> bytes:
        subject = document["credentialSubject"]
        awards = subject.get("verifiableCredential", [document])
        lists = {award["credentialStatus"]["statusListCredential"] for award in awards}
        issuers = {one["issuer"]["id"] for one in (document, *awards)}
        content, signature = self.trust_file()
        return bundle(
            document,
            [json.loads(self._list_at(url)) for url in sorted(lists)],
            [self._document_of(did) for did in sorted(issuers)],
            TrustCopy(content, signature),
            self.host,
        )

    def _list_at(self, url: str) -> bytes:
        number, status_list = url.rsplit("/", 2)[-2:]
        data = self.status_list(int(number), int(status_list))
        assert data is not None, "an award's status list is there"
        return data

    def _document_of(self, did: str) -> dict[str, Any]:
        segment = None if did == operator_did(self.host) else did.rsplit(":", 1)[-1]
        document = self.did_document(segment)
        assert document is not None, "an issuer that signed has a DID document"
        return document


def _segment(organisation: Organisation) -> str:
    """Return the last segment of an organisation's DID, which is also that of its document's address."""
    number = organisation.number
    return str(number) if number is not None else body_segment(str(organisation.body))
