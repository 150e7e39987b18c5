"""Credentials about learners: signed once, kept, and recorded, so that a stolen key cannot back-date one.

The order is: sign, keep sealed, record `credential.issued`, keep its position. A stop anywhere in
between leaves a document that the next request records; nothing is signed twice for one state of
things unless its key was declared stolen.

Source: SPEC.md 5; CREDENTIALS.md 1, 3; LEDGER.md 2.
"""

import json
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from hashlib import sha256
from uuid import UUID

from ledger.application import Consequence, Ledger
from ledger.deciding.rows import display_name
from ledger.domain.credential import AWARD, RECORD, CredentialIssued
from ledger.errors import Absent, Refusal, Unavailable
from ledger.ids import uuid7, uuid8
from ledger.keys.keyring import ANNULLED, REAFFIRMED, SUSPECT, VALID
from ledger.mapper import LedgerMapper
from ledger.privacy.commitments import tag
from ledger.privacy.sealing import SubjectKey, keyed
from ledger.publisher import Publisher
from ledger.receipts import Proven, award_receipt, prove
from ledger.store.cosignatures import PUBLISHED, WITNESSED, newest, newest_witnessed
from projections.catalogue import Views
from projections.exports.clr import clr
from projections.exports.model import (
    AwardDocument,
    Document,
    IssuerProfile,
    OutcomeResult,
    RecordDocument,
)
from projections.exports.open_badge import open_badge
from projections.exports.securing import document_bytes, sign_credential
from projections.issuers import Issuers
from projections.kept_documents import Kept, KeptDocuments
from projections.record_of_achievement import HeldAward, HeldRecord

_HOLDER = tag("holder")
_FORM = 1  # of the documents: raised when the same facts are to be set out in another way


@dataclass(frozen=True, slots=True)
class Issued:
    """A signed document and the position of the record that says so."""

    document: Document
    position: int


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A document that is asked for: where it is kept, what it is made from, how it is made."""

    slot: UUID
    kind: str
    award: UUID | None
    facts: AwardDocument | RecordDocument
    issuer: IssuerProfile
    make: Callable[[int], tuple[UUID, Document]]  # given the instant: its id and the unsigned document
    proven: str = ""  # `published` or `witnessed`: one whose receipt was only published is signed once more

    @property
    def basis(self) -> bytes:
        """Digest of everything but the moment: another one asks for another document."""
        return self._basis(self.proven)

    def is_met_by(self, basis: bytes) -> bool:
        """Whether a document of that basis is the one asked for, or only has a better receipt."""
        return basis == self.basis or (self.proven == PUBLISHED and basis == self._basis(WITNESSED))

    def _basis(self, proven: str) -> bytes:
        issuer = self.issuer
        content = [_FORM, self.kind, proven, issuer.did, issuer.name, issuer.url, asdict(self.facts)]
        return sha256(json.dumps(content, default=str, sort_keys=True).encode()).digest()


class Credentials:
    """Issues the credentials of one ledger."""

    def __init__(self, ledger: Ledger, publisher: Publisher, views: Views, issuers: Issuers) -> None:
        self._ledger, self._publisher, self._views, self._issuers = ledger, publisher, views, issuers
        self._kept = KeptDocuments(ledger.files.documents)
        self._mapper = LedgerMapper.for_reading()
        self._turn = threading.Lock()  # two requests for one document sign it once

    def award(self, held: HeldRecord, award: HeldAward) -> Issued:
        """Return the signed Open Badge of an award.

        Raises:
            Unavailable: the award is not published yet, so that it has no receipt; or its issuer's
                key ended while it was signed.
            Refusal: (annulled, suspect) its provider has not said it, or that is not settled.
        """
        self._check_standing([award])
        key = self.key(held.learner_id)
        return self._issued(held, key, self._wanted_awards(held, key, [award]))[0]

    def record(self, held: HeldRecord) -> tuple[Issued, list[Issued]]:
        """Return the signed record of everything in force, and the awards in it as their issuers signed them.

        Raises:
            Unavailable: an award is not published yet.
            Refusal: an award is suspect: it has to be settled first.
        """
        standings = self._ledger.standings().of([award.position for award in held.awards])
        in_force = [
            award
            for award in held.awards
            if award.revocation is None and standings[award.position] != ANNULLED
        ]
        self._check_standing(in_force)
        key = self.key(held.learner_id)
        awards = self._issued(held, key, self._wanted_awards(held, key, in_force))
        wanted = self._wanted_record(held, key, tuple(one.document for one in awards))
        return self._issued(held, key, [wanted])[0], awards

    def receipt(self, held: HeldRecord, issued: Issued) -> str | None:
        """Return the receipt of a document's issuing, None while it is not published."""
        if not self.is_published(issued):
            return None
        return award_receipt(self._proven(issued.position), self.key(held.learner_id), self._mapper)

    def is_published(self, issued: Issued) -> bool:
        """Whether a checkpoint covers the record of an issuing."""
        return self._publisher.served(size_at_least=issued.position) is not None

    def _proven(self, position: int) -> Proven:
        return prove(self._ledger.store, self._publisher.tree, position, self._publisher.policy)

    def key(self, learner_id: UUID) -> SubjectKey:
        """Return a learner's key; Absent when it is destroyed."""
        key = self._ledger.vault.keys([learner_id]).get(learner_id)
        if key is None:
            raise Absent("this learner's record can no longer be opened")
        return key

    def destroy(self, slots: Iterable[UUID]) -> bool:
        """Destroy what is kept of a learner who is forgotten; see `KeptDocuments.destroy`."""
        return self._kept.destroy(slots)

    def truncate_wal(self) -> bool:
        """Empty the file in which destroyed documents linger; see `KeptDocuments.truncate_wal`."""
        return self._kept.truncate_wal()

    def close(self) -> None:
        """Close the file of kept documents."""
        self._kept.close()

    def _check_standing(self, awards: Sequence[HeldAward]) -> None:
        standings = self._ledger.standings().of([award.position for award in awards])
        if ANNULLED in standings.values():
            raise Refusal("this award was annulled: its provider never made it", code="annulled")
        if SUSPECT in standings.values():
            raise Refusal(
                "the key that this award was made with was declared stolen: its provider has to settle it",
                code="suspect",
            )

    # -------------------------------------------------------------- signing once

    def _issued(self, held: HeldRecord, key: SubjectKey, wanted: Sequence[_Wanted]) -> list[Issued]:
        with self._turn:
            kept = [self._found_or_signed(one, key) for one in wanted]
            fresh = [at for at, one in enumerate(kept) if one.position is None]
            if fresh:
                consequences = [self._consequence(held, wanted[at], kept[at]) for at in fresh]
                for at, position in zip(fresh, self._ledger.note(consequences), strict=True):
                    before, kept[at] = kept[at], replace(kept[at], position=position)
                    # Another process may have recorded the same document, or a newer one, meanwhile.
                    self._kept.keep(wanted[at].slot, kept[at], key, instead_of=before)
                    if not self._counts(kept[at]):
                        raise Unavailable("the key that signs this ended a moment ago: ask again")
        return [Issued(one.document, one.position or 0) for one in kept]

    def _found_or_signed(self, wanted: _Wanted, key: SubjectKey) -> Kept:
        """Return the kept document if it is the one that is wanted, else a new one, kept and not recorded."""
        while True:
            found = self._kept.find(wanted.slot, key)
            if found is not None and self._is_wanted(found, wanted):
                return found
            signed = self._signed(wanted)
            if self._kept.keep(wanted.slot, signed, key, instead_of=found):
                # From here this is the document: a stop before its record is written leaves that to the
                # next request. Where another process was first, what we signed never leaves this loop.
                return signed

    def _is_wanted(self, kept: Kept, wanted: _Wanted) -> bool:
        """Whether a kept document is still the one that is wanted, and its signature still counts."""
        if not wanted.is_met_by(kept.basis):
            return False
        if kept.position is None:
            return kept.kid == wanted.issuer.signer.thumbprint
        return self._counts(kept)

    def _counts(self, kept: Kept) -> bool:
        """Whether the key of a recorded document counted where its record stands."""
        signed_with = self._ledger.keyring().get(kept.kid)
        assert kept.position is not None, "only what is recorded counts or does not"
        return signed_with is not None and signed_with.standing(kept.position) in (VALID, REAFFIRMED)

    def _signed(self, wanted: _Wanted) -> Kept:
        signed_at_us, issuer = self._ledger.clock.now_us(), wanted.issuer
        credential_id, unsigned = wanted.make(signed_at_us)
        document = sign_credential(unsigned, issuer.signer, issuer.did, signed_at_us)
        return Kept(credential_id, wanted.basis, issuer.signer.thumbprint, document)

    def _consequence(self, held: HeldRecord, wanted: _Wanted, kept: Kept) -> Consequence:
        fields = {
            "subject": held.learner_id,
            "kind": wanted.kind,
            "award": wanted.award,
            "issuer": wanted.issuer.did,
            "kid": kept.kid,
            "document_sha256": sha256(document_bytes(kept.document)).hexdigest(),
        }
        return Consequence(kept.credential_id, CredentialIssued, fields)

    # -------------------------------------------------------------- what goes into a document

    def _wanted_awards(self, held: HeldRecord, key: SubjectKey, awards: Sequence[HeldAward]) -> list[_Wanted]:
        """Return what is asked for, with one look at names and checkpoints for all of them."""
        positions = [award.position for award in awards]
        states, opened = self._states(positions), self._views.unsealer(held.learner_id, positions)
        return [
            self._wanted_award(held, key, award, str(opened[award.position]["name"]), states[award.position])
            for award in awards
        ]

    def _states(self, positions: Sequence[int]) -> dict[int, str]:
        """Return PUBLISHED or WITNESSED for each record; Unavailable where one is only durable."""
        connection, policy = self._ledger.store.database.reader, self._publisher.policy
        published, witnessed = newest(connection, policy), newest_witnessed(connection, policy)
        published_size = published.size if published else 0
        witnessed_size = witnessed.size if witnessed else 0
        if max(positions, default=0) > published_size:
            raise Unavailable(
                "an award is durable and not published yet: ask again shortly", code="unpublished"
            )
        return {at: WITNESSED if at <= witnessed_size else PUBLISHED for at in positions}

    def _wanted_award(
        self, held: HeldRecord, key: SubjectKey, award: HeldAward, name: str, state: str
    ) -> _Wanted:
        issuer = self._issuers.provider(award.awarded_by)
        facts = self._award_facts(held, award, _holder(key), name)

        def make(signed_at_us: int) -> tuple[UUID, Document]:
            # The path is worked out only here: most of the time the document is kept already.
            receipt = award_receipt(self._proven(award.position), key, self._mapper)
            document = replace(facts, signed_at_us=signed_at_us, receipt=receipt)
            return award.credential_id, open_badge(document, issuer, self._issuers.host)

        return _Wanted(award.credential_id, AWARD, award.award_id, facts, issuer, make, state)

    def _wanted_record(self, held: HeldRecord, key: SubjectKey, awards: tuple[Document, ...]) -> _Wanted:
        issuer = self._issuers.operator()
        facts = RecordDocument(
            credential_id=held.learner_id,  # in its place until it is signed
            learner_name=self._name(held),
            holder_id=_holder(key),
            awards=awards,
            as_at_us=0,
            signed_at_us=0,
        )

        def make(signed_at_us: int) -> tuple[UUID, Document]:
            credential_id = uuid7(signed_at_us)
            document = replace(
                facts, credential_id=credential_id, as_at_us=signed_at_us, signed_at_us=signed_at_us
            )
            return credential_id, clr(document, issuer, self._issuers.host)

        return _Wanted(held.learner_id, RECORD, None, facts, issuer, make)

    def _award_facts(self, held: HeldRecord, award: HeldAward, holder_id: str, name: str) -> AwardDocument:
        """Return what an award's credential says, without the moment it is signed and its receipt."""
        listing = self._ledger.register().microcredentials[award.code, award.version]
        enrolment = held.enrolment(award.enrolment_id)
        assert enrolment is not None, "an award follows an enrolment"
        texts = {outcome: text for outcome, text, _ in listing.outcomes}
        return AwardDocument(
            credential_id=award.credential_id,
            learner_name=name,
            holder_id=holder_id,
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
            developer=self._issuers.developer(listing.developer),
            listed_on=listing.listed_on,
            accredited_from=self._accredited_from(award),
            start_on=min(enrolment.start_on, award.completed_on),
            completed_on=award.completed_on,
            conferred_on=award.conferred_on,
            awarded_by=award.awarded_by,
            language=award.language,
            status_list=award.status_list,
            status_index=award.status_index,
            signed_at_us=0,
            receipt=None,
            review_due=listing.review_due,
            nzsced=listing.nzsced,
        )

    def _name(self, held: HeldRecord) -> str:
        fields = self._views.unsealer(held.learner_id, [held.registered_at])[held.registered_at]
        return display_name(fields)

    def _accredited_from(self, award: HeldAward) -> date | None:
        """Return since when the provider was accredited; None where it awarded on another basis."""
        accreditation = self._ledger.register().accreditations.get((award.awarded_by, award.code))
        grants = accreditation.grants if accreditation else ()
        days = [
            one.valid_from for one in grants if one.on(award.conferred_on) and award.version in one.versions
        ]
        return min(days, default=None)


def _holder(key: SubjectKey) -> str:
    """Return who holds a learner's documents: random to everybody, the same in all of them."""
    return f"urn:uuid:{uuid8(keyed(key.data_key, _HOLDER))}"
