"""One record of every kind, the same bytes every time: fixed keys, chance and clock."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.clock import FixedClock
from ledger.domain import base
from ledger.domain.base import PUBLIC, Act, LedgerEvent, Said, _event
from ledger.domain.registry import EVENTS
from ledger.encoding.strict_json import b64url, canonical
from ledger.ids import award_id, public_id
from ledger.keys.signer import MemorySigner, jws_sign
from ledger.log.merkle import MemoryTree
from ledger.mapper import LedgerStoredEvent, store_private, store_public
from ledger.privacy.commitments import statement_leaf, who_digest
from ledger.privacy.sealing import SubjectKey
from ledger.schemas import KINDS as KINDS_SAID
from ledger.statements import SUBMISSION_TYP
from ledger.store.recorder import Submission, Write
from ledger.store.sqlite import LedgerRecorder
from tests.support.world import MIDDAY, ORIGIN

LEARNER = UUID("01941f29-7c00-7000-8000-0000000000a1")
ENROLMENT = UUID("01941f29-7c00-7000-8000-0000000000e1")
AWARD = award_id(ENROLMENT, 1)
CREDENTIAL = UUID("01941f29-7c00-7000-8000-0000000000c1")
FORGETTING = UUID("01941f29-7c00-7000-8000-0000000000f1")
DATA_KEY = bytes(range(32))
PROVIDER = public_id("organisation", 95001)
JWK = '{"crv":"Ed25519","kty":"OKP","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}'  # RFC 8037 A.2
KID = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"  # RFC 8037 A.3
OTHER_KID = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"  # RFC 7638 §3.1
NSN = "9000000015"

# By topic: the stream it stands in, the version there, its own fields.
KINDS: dict[str, tuple[UUID, int, dict[str, Any]]] = {
    "ledger.founded": (
        public_id("ledger", ORIGIN),
        1,
        {
            "origin": ORIGIN,
            "host": "ledger.example",
            "log_keys": ("ledger.example/log+f3b25649+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea",),
            "registrar": (95000, "Demo Qualifications Authority (demo)", JWK),
            "operator": ("Operator (demo)", ("checkpoint", JWK), ("receipt", JWK), ("credential", JWK)),
            "made_at": "2026-11-22T00:00:00Z",
        },
    ),
    "organisation.registered": (
        PROVIDER,
        1,
        {
            "number": 95001,
            "body": None,
            "kind": "polytechnic",
            "name_en": "Harbourlight Polytechnic (demo)",
            "name_mi": "Te Pū Mārama (demo)",
            "valid_from": date(2018, 1, 1),
        },
    ),
    "organisation.role_granted": (
        PROVIDER,
        2,
        {"role": "provider", "valid_from": date(2018, 8, 22), "basis": "registration", "transitional": True},
    ),
    "organisation.role_ended": (
        PROVIDER,
        3,
        {"role": "provider", "ended_on": date(2026, 6, 30), "reason": None},
    ),
    "key.registered": (
        public_id("key", KID),
        1,
        {
            "kid": KID,
            "organisation": PROVIDER,
            "jwk": JWK,
            "purposes": ("submission", "credential"),
            "custody": "own",
            "not_before": date(2026, 1, 1),
        },
    ),
    "key.retired": (public_id("key", KID), 2, {"retired_from": date(2026, 11, 22)}),
    "key.revoked": (
        public_id("key", KID),
        3,
        {"reason": "lost", "suspected_from": 7},
    ),
    "microcredential.registered": (
        public_id("microcredential", "6022", 1),
        1,
        {
            "code": "6022",
            "version": 1,
            "title": "Modular Building Assembly (Micro-credential)",
            "purpose": "For people who assemble modular buildings.",
            "relevance": "Builders asked for it.",
            "level": 4,
            "credits": 20,
            "nzsced": "040399",
            "outcomes": (("LO1", "Assemble a wall.", ((90001, 1),)), ("LO2", "Check a joint.", ())),
            "assessment": "Observed on site.",
            "developer": "95001",
            "qa_approach": "standard",
            "review_months": 12,
            "listed_on": date(2023, 3, 1),
            "pathways": None,
            "languages": ("en", "mi"),
            "support": ("supported", "BCITO", "2023-02-01"),
            "review_due": date(2024, 3, 1),
        },
    ),
    "microcredential.status_set": (
        public_id("microcredential", "6022", 1),
        2,
        {"status": "expiring", "effective_from": date(2026, 12, 31), "cause": "replaced"},
    ),
    "microcredential.reviewed": (
        public_id("microcredential", "6022", 1),
        3,
        {"reviewed_on": date(2024, 2, 1), "outcome": "continue", "next_due": date(2025, 3, 1)},
    ),
    "accreditation.granted": (
        public_id("accreditation", 95001, "6022"),
        1,
        {
            "provider": 95001,
            "code": "6022",
            "versions": (1, 2),
            "valid_from": date(2023, 3, 1),
            "conditions": "Only on the Harbourlight site.",
        },
    ),
    "accreditation.ended": (
        public_id("accreditation", 95001, "6022"),
        2,
        {"ended_on": date(2026, 6, 30), "reason": "withdrawn"},
    ),
    "learner.registered": (
        LEARNER,
        1,
        {"nsn": NSN, "family": "Brook", "given": "Āna", "whole": None, "date_of_birth": date(2001, 2, 3)},
    ),
    "learner.enrolled": (
        ENROLMENT,
        1,
        {
            "provider": 95001,
            "code": "6022",
            "version": 1,
            "start_on": date(2026, 1, 12),
            "planned_end_on": None,
            "mode": "workplace",
            "language": "en",
            "funding": "employer",
        },
    ),
    "assessment.passed": (
        ENROLMENT,
        3,
        {
            "provider": 95001,
            "code": "6022",
            "version": 1,
            "outcome": "LO1",
            "attempt": 2,
            "grade": "M",
            "method": "assessed",
            "assessed_on": date(2026, 3, 2),
            "language": "mi",
        },
    ),
    "assessment.not_achieved": (
        ENROLMENT,
        2,
        {
            "provider": 95001,
            "code": "6022",
            "version": 1,
            "outcome": "LO1",
            "attempt": 1,
            "grade": "N",
            "method": "assessed",
            "assessed_on": date(2026, 2, 2),
            "language": "en",
        },
    ),
    "microcredential.awarded": (
        AWARD,
        1,
        {
            "enrolment": ENROLMENT,
            "code": "6022",
            "version": 1,
            "level": 4,
            "credits": 20,
            "completed_on": date(2026, 9, 29),
            "conferred_on": date(2026, 9, 30),
            "awarded_by": 95001,
            "basis": "accredited",
            "language": "en",
            "funding": "employer",
            "results": (("LO1", "M", "assessed"), ("LO2", "A", "assessed")),
            "status_list": 1,
            "status_index": 70_000,
            "credential_id": CREDENTIAL,
            "name": "Āna Brook",
            "basis_reason": None,
        },
    ),
    "award.revoked": (
        AWARD,
        2,
        {"reason": "issued_in_error", "effective_on": date(2026, 11, 22), "revoked_by": 95001},
    ),
}


# Kinds that came later: their statements make a submission of their own, so that the first stays as it is.
LATER: dict[str, tuple[UUID, int, dict[str, Any]]] = {
    "key.reaffirmed": (public_id("key", KID), 4, {"first": 7, "last": 8}),
    "key.annulled": (public_id("key", KID), 5, {"first": 9, "last": 9}),
    "status_list.changed": (
        public_id("status_list", 95001, 1),
        1,
        {"issuer": 95001, "status_list": 1, "bits_sha256": bytes(range(32)), "as_at": 18},
    ),
    "tail.lost": (
        public_id("tail", 17, 19),
        1,
        {"first": 17, "last": 19, "root": bytes(range(1, 33)), "lost": 2},
    ),
    "credential.issued": (
        CREDENTIAL,
        1,
        {
            "kind": "award",
            "award": AWARD,
            "issuer": "did:web:ledger.example:providers:95001",
            "kid": KID,
            "document_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        },
    ),
    "forgetting.requested": (
        FORGETTING,
        1,
        {
            "learner": LEARNER,
            "level": 1,
            "kid": KID,
            "basis": "privacy_act_2020",
            "authority": "Disposal authority DA700 (demo), class 3.2",
        },
    ),
    "forgetting.approved": (FORGETTING, 2, {"kid": OTHER_KID}),
    "forgetting.withdrawn": (FORGETTING, 3, {"learner": LEARNER, "level": 1, "kid": KID}),
    "learner.forgotten": (LEARNER, 2, {"forgetting": FORGETTING}),
    "forgetting.counted": (
        public_id("forgetting", 1),
        1,
        {"level": 1, "learners": 1, "records": 7},
    ),
    "streams.disposed": (
        UUID("01941f29-7c00-7000-8000-0000000000d1"),
        1,
        {
            "part": 1,
            "parts": 1,
            "learners": 1,
            "positions": (8, 1, 3, 3),  # 8, 11, 12 and 13
            "slots": ((95001, 1, 70_000, 13), (95001, 1, 70_001, None)),
            "counts": (("awards", 95001, "6022", 1, 2026, "", 2), ("learners", 0, "", 0, 2026, "", 1)),
            "authorities": ("Disposal authority DA700 (demo), class 3.2",),
            "forgettings": (FORGETTING.bytes,),
        },
    ),
    "access.day_closed": (
        public_id("access", date(2026, 11, 21)),
        1,
        {"day": date(2026, 11, 21), "rows": 3, "root": bytes(range(2, 34))},
    ),
}
ALL = {**KINDS, **LATER}


def salt_for(*names: object) -> bytes:
    """Return 32 bytes that stand for chance, the same for the same names."""
    return hashlib.sha256(b"golden vector, " + "|".join(map(str, names)).encode()).digest()


class Chance:
    """Stands for the pool of random bytes: one stream, however it is drawn from."""

    def __init__(self, name: str) -> None:
        self._stream = b"".join(salt_for(name, number) for number in range(8))

    def __call__(self, size: int) -> bytes:
        """Return the next `size` bytes."""
        given, self._stream = self._stream[:size], self._stream[size:]
        assert len(given) == size, "more chance is needed than before"
        return given


@dataclass(frozen=True)
class Golden:
    """A record with what it was made from."""

    event: LedgerEvent
    stored: LedgerStoredEvent


def signer() -> MemorySigner:
    """Return the one key that signs submissions, checkpoints and receipts here."""
    return MemorySigner(Ed25519PrivateKey.from_private_bytes(bytes(range(100, 132))))


def subject_key() -> SubjectKey:
    """Return the learner's key."""
    return SubjectKey(LEARNER, DATA_KEY)


def golden_records() -> dict[str, Golden]:
    """Return a record of every kind, by topic: those of `KINDS`, first the public ones, then the later."""
    return first_records() | {
        topic: _golden(topic, said) for topic, said in (*_later_said(), *_consequences())
    }


def first_records() -> dict[str, Golden]:
    """Return the records of `KINDS`, which make the golden log."""
    found: dict[str, Golden] = {}
    for public in (True, False):
        topics = _topics(public=public)
        submission = _Submission(topics)
        for row, topic in enumerate(topics):
            found[topic] = _golden(topic, submission.said(row, public=public))
    return found


def _later_said() -> list[tuple[str, Said | None]]:
    found: list[tuple[str, Said | None]] = []
    for public in (True, False):
        topics = [
            topic
            for topic in LATER
            if not EVENTS[topic].CONSEQUENCE and (EVENTS[topic].PRIVACY is PUBLIC) is public
        ]
        submission = _Submission(topics)
        found += [(topic, submission.said(row, public=public)) for row, topic in enumerate(topics)]
    return found


def _consequences() -> list[tuple[str, Said | None]]:
    return [(topic, None) for topic in LATER if EVENTS[topic].CONSEQUENCE]


def _golden(topic: str, said: Said | None) -> Golden:
    stream, version, fields = ALL[topic]
    event_class = EVENTS[topic]
    of_learner = event_class.SUBJECT == base.LEARNER  # only there a row has a key that it is known by
    act = Act(
        as_of=7,
        ruleset_id="MC-2026",
        decided_on=date(2026, 11, 22),
        timestamp=MIDDAY,
        said=said,
        row_key=salt_for("row key", topic)[:16] if said and of_learner else None,
        row_mac=salt_for("row mac", topic)[:16] if said and of_learner else None,
    )
    subject = LEARNER if of_learner else public_id("ledger", ORIGIN)
    given = dict(fields) if event_class.PRIVACY is PUBLIC else {**fields, "subject": subject}
    event = _event(event_class, stream, version, act, given)
    if event_class.PRIVACY is PUBLIC:
        return Golden(event, store_public(event))
    chance = Chance(topic)
    with (
        mock.patch("ledger.mapper.random_bytes", chance),
        mock.patch("ledger.privacy.sealing.random_bytes", chance),
    ):
        return Golden(event, store_private(event, subject_key()))


class _Submission:
    """The statements behind some records, signed once."""

    def __init__(self, topics: list[str]) -> None:
        self._topics = topics
        self.leaves = [statement_leaf(self._salt(topic), self._statement(topic)) for topic in topics]
        self._tree = MemoryTree(self.leaves)
        self.jti = UUID(f"01941f29-7c00-7000-8000-{len(topics):012x}")
        payload = {
            "v": 1,
            "iss": str(PROVIDER),
            "aud": ORIGIN,
            "jti": str(self.jti),
            "iat": 1_795_305_600,
            "mode": "row_by_row",
            "n": len(topics),
            "root": b64url(self._tree.root()),
        }
        self.jws = jws_sign(signer(), canonical(payload), SUBMISSION_TYP)

    def _salt(self, topic: str) -> bytes:
        return salt_for("salt", topic)

    def _who(self, topic: str) -> bytes | None:
        if not KINDS_SAID[topic].who:
            return None
        return canonical({"nsn": NSN, "name_id": "BROOĀ", "enrolment_ref": "E1"})

    def _statement(self, topic: str) -> bytes:
        who = self._who(topic)
        digest = {} if who is None else {"who": b64url(who_digest(salt_for("who salt", topic), who))}
        return canonical({"type": topic, "v": 1, "code": "6022", **digest})

    def said(self, row: int, *, public: bool) -> Said:
        """Return the statement behind a record: with its proof where it is public, with the person else."""
        topic = self._topics[row]
        salt, statement = self._salt(topic), self._statement(topic)
        if public:
            path = tuple(self._tree.inclusion_path(row))
            return Said(self.jti, row, salt, statement, jws=self.jws, size=len(self._topics), path=path)
        who = self._who(topic)
        return Said(self.jti, row, salt, statement, None if who is None else salt_for("who salt", topic), who)

    def kept(self) -> Submission:
        """Return what the table of submissions keeps."""
        return Submission(PROVIDER, self.jti, self.jws, b"".join(self.leaves))


def _topics(*, public: bool) -> list[str]:
    return [topic for topic in KINDS if (EVENTS[topic].PRIVACY is PUBLIC) is public]


def private_submission() -> tuple[list[str], Submission]:
    """Return the topics behind the rows of the private submission, and what is kept of it."""
    topics = _topics(public=False)
    return topics, _Submission(topics).kept()


def recorded(folder: Path, records: Mapping[str, Golden]) -> LedgerRecorder:
    """Return a recorder that holds these records, written at one instant."""
    recorder = LedgerRecorder(folder / "ledger.sqlite", clock=FixedClock(MIDDAY), first_version=1)
    # The kinds are samples, not a history: a key is revoked after it was retired, results come in any order.
    by_stream = sorted(records.values(), key=lambda one: one.stored.originator_version)
    for public in (True, False):
        topics = _topics(public=public)
        batch = [one.stored for one in by_stream if one.stored.topic in topics]
        recorder.insert_events(batch, write=Write(submission=_Submission(topics).kept()))
    return recorder
