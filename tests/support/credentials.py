"""A ledger's papers made a second time, by hand: keys, log, receipts, credentials, lists, trust file.

Nothing of ours is used, only cryptography, PyLD and hashlib, written from LEDGER.md, CREDENTIALS.md
and the standards. So what the verifier accepts here was not made by the code it is compared with.

    world = World()
    award = world.award()
    badge = world.badge(award)
    trust = world.trust()

Everything can be bent before it is signed: `world.badge(award, edit=changes)` is a well-signed
document with a fault in it; changing what `badge` returned is tampering.
"""

import io
import json
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from tests.support.handmade import (
    CLR,
    EXT,
    HOST,
    OB,
    ORIGIN,
    SIGNED_AT,
    V2,
    Document,
    Edit,
    Key,
    Log,
    MldsaKey,
    Witness,
    b64url,
    jcs,
    midnight,
    rfc3339,
    sha256,
    signed,
    sorted_json,
    tagged,
)

OPERATOR = f"did:web:{HOST}"
PROVIDER = f"did:web:{HOST}:providers:95001"
HOLDER = "urn:uuid:0192f5c4-0000-7cc1-9d1e-000000000042"
NOW = datetime(2026, 11, 23, tzinfo=UTC)
NOW_US = int(NOW.timestamp()) * 1_000_000
STATUS_URL = f"https://{HOST}/status/95001/1"
LIST_BITS = 131_072


# ------------------------------------------------------------------ awards


@dataclass(frozen=True)
class Award:
    """An award as the ledger recorded it."""

    name: str = "Ana Sample"
    code: str = "6022"
    version: int = 1
    level: int = 4
    credits: int = 20
    title: str = "Aquaculture Biosecurity"
    began_on: date = date(2026, 7, 20)
    completed_on: date = date(2026, 10, 16)
    conferred_on: date = date(2026, 10, 30)
    provider: int = 95001
    language: str = "en"
    outcomes: tuple[tuple[str, str, str], ...] = (
        ("LO1", "Identify biosecurity hazards on a site", "M"),
        ("LO2", "Carry out a biosecurity plan", "A"),
    )
    credential: int = 1
    index: int = 0  # in the log
    status_index: int = 88_412

    def claims(self) -> list[tuple[str, str]]:
        """What its record shows, in its order."""
        return [
            ("micro_credential", self.code),
            ("version", str(self.version)),
            ("level", str(self.level)),
            ("credits", str(self.credits)),
            ("completed_on", self.completed_on.isoformat()),
            ("conferred_on", self.conferred_on.isoformat()),
            ("awarded_by", str(self.provider)),
            ("language", self.language),
            ("name", self.name),
        ]


@dataclass(frozen=True)
class Signing:
    """The signing of a document as the ledger recorded it."""

    document_sha256: str
    issuer: str
    kid: str
    index: int = 0  # in the log

    @property
    def position(self) -> int:
        """Its place in the log, from 1."""
        return self.index + 1

    def claims(self) -> list[tuple[str, str]]:
        """What its record shows, in its order."""
        return [("document_sha256", self.document_sha256), ("issuer", self.issuer), ("kid", self.kid)]


Fact = Award | Signing


@dataclass(frozen=True)
class Recorded:
    """What the ledger keeps of a private record besides its claims: digests, and when."""

    topic: str = "microcredential.awarded"
    recorded_at: int = 1_793_000_000_000_000

    def digests(self, award: Fact) -> dict[str, bytes]:
        """Return stand-ins for the commitments that a receipt gives and does not open."""
        names = ("statement_commit", "open_commit", "sealed_commit", "ciphertext_hash")
        return {name: sha256(name.encode(), repr(award).encode()) for name in names}

    def salts(self, award: Fact) -> list[bytes]:
        """Return one salt of 16 bytes for each claim."""
        content_salt = sha256(b"content", repr(award).encode())
        return [
            tagged("claim-salt", content_salt, i.to_bytes(2, "big"))[:16] for i in range(len(award.claims()))
        ]

    def entry(self, award: Fact) -> bytes:
        """Return the 33 bytes of the log. Source: LEDGER.md 3."""
        claims = [
            tagged("claim", salt, bytes([len(name)]), name.encode(), value.encode())
            for (name, value), salt in zip(award.claims(), self.salts(award), strict=True)
        ]
        topic, number = self.topic.encode(), len(claims).to_bytes(2, "big")
        claims_commit = tagged("claims", len(topic).to_bytes(2, "big"), topic, number, *claims)
        statement, opened, sealed, ciphertext = self.digests(award).values()
        recorded_at = self.recorded_at.to_bytes(8, "big")
        return b"\x01" + tagged("entry", recorded_at, statement, opened, claims_commit, sealed, ciphertext)

    def opened(self, award: Fact) -> Document:
        """Return what a receipt of the award opens."""
        return {
            "v": 1,
            "topic": self.topic,
            "recorded_at": self.recorded_at,
            "claims": [
                [name, value, b64url(salt)]
                for (name, value), salt in zip(award.claims(), self.salts(award), strict=True)
            ],
            **{name: b64url(digest) for name, digest in self.digests(award).items()},
        }


class World:
    """One ledger, one provider, one operator, and the papers they hand out."""

    def __init__(self) -> None:
        self.provider, self.operator, self.stranger = Key("provider"), Key("operator"), Key("stranger")
        self.log = Log(Key("log"), MldsaKey("log"))
        self.recorded, self.signings = Recorded(), Recorded("credential.issued", 1_793_100_000_000_000)
        for number in range(7):
            self.log.append(b"\x02" + str(number).encode())
        self.awards = 0

    def award(self, **facts: Any) -> Award:
        """Record an award and a few things after it."""
        self.awards += 1
        facts = {"status_index": 88_411 + self.awards, **facts}
        award = Award(index=len(self.log.entries), credential=self.awards, **facts)
        self.log.append(self.recorded.entry(award))
        for number in range(3):
            self.log.append(b"\x02after" + str(number).encode())
        return award

    def later(self, records: int = 3) -> int:
        """Let other things be recorded, and return the position of the newest."""
        for number in range(records):
            self.log.append(b"\x02later" + str(number).encode())
        return self.size

    def issue(self, document: Document, key: Key | None = None, did: str = PROVIDER, **facts: Any) -> Signing:
        """Record that a document was signed, with anything about it set otherwise by `facts`."""
        signing = Signing(
            **{
                "document_sha256": sha256(jcs(document)).hex(),
                "issuer": did,
                "kid": (key or self.provider).thumbprint,
                "index": self.size,
                **facts,
            }
        )
        self.log.append(self.signings.entry(signing))
        return signing

    @property
    def size(self) -> int:
        """How many entries the log has."""
        return len(self.log.entries)

    def receipt(
        self,
        award: Award,
        edit: Edit | None = None,
        *,
        size: int | None = None,
        witnesses: Mapping[Witness, int] | None = None,
    ) -> str:
        """Return the receipt of an award; `edit` bends what it opens."""
        return self._receipt(self.recorded, award, edit, size, witnesses)

    def issued(
        self,
        signing: Signing,
        edit: Edit | None = None,
        *,
        size: int | None = None,
        witnesses: Mapping[Witness, int] | None = None,
    ) -> bytes:
        """Return the receipt of a signing; `edit` bends what it opens."""
        return self._receipt(self.signings, signing, edit, size, witnesses).encode()

    def _receipt(
        self,
        recorded: Recorded,
        fact: Fact,
        edit: Edit | None,
        size: int | None,
        witnesses: Mapping[Witness, int] | None,
    ) -> str:
        extra = recorded.opened(fact)
        if edit is not None:
            edit(extra)
        at = size or self.size
        note = self.log.checkpoint(at, witnesses=witnesses)
        return self.log.proof(fact.index, sorted_json(extra), size=at, checkpoint=note)

    def badge(
        self,
        award: Award,
        edit: Edit | None = None,
        *,
        key: Key | None = None,
        did: str = PROVIDER,
        proof: Edit | None = None,
        receipt: str | None = None,
    ) -> Document:
        """Return an award's signed Open Badge; `edit` bends it, `proof` its proof, before it is signed."""
        document = open_badge(award, self.receipt(award) if receipt is None else receipt)
        if edit is not None:
            edit(document)
        return signed(document, key or self.provider, did, proof)

    def record(
        self, badges: Sequence[Document], edit: Edit | None = None, *, key: Key | None = None
    ) -> Document:
        """Return the signed record with these awards inside."""
        document = learner_record(badges)
        if edit is not None:
            edit(document)
        return signed(document, key or self.operator, OPERATOR)

    def status_list(
        self,
        revoked: Iterable[int] = (),
        edit: Edit | None = None,
        *,
        key: Key | None = None,
        did: str = PROVIDER,
        at: datetime = SIGNED_AT,
    ) -> Document:
        """Return the provider's signed status list."""
        document = revocations(encoded_list(revoked), did, at)
        if edit is not None:
            edit(document)
        return signed(document, key or self.provider, did)

    def trust_content(self) -> Document:
        """Return what the trust file says."""
        return {
            "format": "achievement-ledger/trust/v1",
            "made_at": "2026-11-22T01:02:03Z",
            "as_at_position": self.size,
            "origin": ORIGIN,
            "founding_entry_hash": b64url(sha256(b"\0", self.log.entries[0])),
            "log_keys": [
                {"vkey": key.vkey(ORIGIN), "from": 1, "to": None, "must_verify": True}
                for key in (self.log.key, self.log.mldsa)
            ],
            "witness_policy": f"log {self.log.key.vkey(ORIGIN)}\nquorum none\n",
            "operator": {
                "did": OPERATOR,
                "name": "Achievement Ledger (demo)",
                "keys": [_credential_key(self.operator, 1)],
            },
            "issuers": [
                {
                    "did": PROVIDER,
                    "number": 95001,
                    "name": "Harbourlight Polytechnic (demo)",
                    "keys": [_credential_key(self.provider, 3)],
                    "accreditations": [{"code": "6022", "versions": [1], "from": "2020-06-22", "to": None}],
                }
            ],
            "microcredentials": [
                {
                    "code": "6022",
                    "version": 1,
                    "title": "Aquaculture Biosecurity",
                    "level": 4,
                    "credits": 20,
                    "outcomes": [{"id": name, "text": text} for name, text, _ in Award().outcomes],
                    "listed_on": "2020-06-01",
                    "expiring_from": None,
                    "discontinued_on": None,
                }
            ],
        }

    def trust(self, edit: Edit | None = None) -> bytes:
        """Return the bytes of the trust file; `edit` bends what it says."""
        content = self.trust_content()
        if edit is not None:
            edit(content)
        return sorted_json(content)

    def trust_signature(
        self, trust: bytes, key: Key | None = None, typ: str = "achievement-trust+jws"
    ) -> bytes:
        """Return the detached JWS of a trust file. Source: RFC 7515 appendix F."""
        signer = key or self.operator
        header = b64url(sorted_json({"alg": "Ed25519", "kid": signer.thumbprint, "typ": typ}))
        signature = signer.private.sign(f"{header}.{b64url(trust)}".encode())
        return f"{header}..{b64url(signature)}".encode()

    def bundle(
        self, credential: Document, lists: Sequence[Document] = (), more: Mapping[str, bytes] | None = None
    ) -> bytes:
        """Return an offline bundle."""
        members = {
            "credential.json": file_of(credential),
            "did.json": file_of(did_document(PROVIDER, self.provider)),
        }
        for number, listed in enumerate(lists, 1):
            members["status-list.json" if number == 1 else f"status-list-{number}.json"] = file_of(listed)
        trust = self.trust()
        members |= {
            "trust.json": trust,
            "trust.json.jws": self.trust_signature(trust),
            "HOW-TO-CHECK.txt": b"Ask.\n",
        }
        return zipped({**members, **(more or {})})


def _credential_key(key: Key, start: int) -> Document:
    return {"multibase": key.multikey, "purpose": "credential", "from": start, "to": None}


# ------------------------------------------------------------------ documents


def open_badge(award: Award, receipt: str) -> Document:
    """Return the unsigned Open Badge of an award."""
    register = f"https://{HOST}/register/{award.code}/v{award.version}"
    uuid = f"urn:uuid:0192f5c4-7a3e-7cc1-9d1e-{award.credential:012x}"
    number = str(award.provider)
    return {
        "@context": [V2, OB, EXT],
        "id": uuid,
        "type": ["VerifiableCredential", "OpenBadgeCredential"],
        "name": award.title,
        "description": f"Award of {award.title}, Level {award.level}, {award.credits} credits.",
        "issuer": {
            "id": PROVIDER,
            "type": ["Profile"],
            "name": "Harbourlight Polytechnic (demo)",
            "url": "https://harbourlight.example",
            "otherIdentifier": [_identifier(number, "ext:nzqaProviderNumber")],
        },
        "awardedDate": midnight(award.conferred_on),
        "validFrom": rfc3339(SIGNED_AT),
        "credentialSubject": {
            "id": HOLDER,
            "type": ["AchievementSubject"],
            "identifier": [_learner(award.name)],
            "activityStartDate": midnight(award.began_on),
            "activityEndDate": midnight(award.completed_on),
            "creditsEarned": float(award.credits),
            "achievement": {
                "id": register,
                "type": ["Achievement"],
                "achievementType": "MicroCredential",
                "name": award.title,
                "humanCode": award.code,
                "version": str(award.version),
                "inLanguage": award.language,
                "description": "To recognise the skills needed to manage biosecurity on a farm.",
                "criteria": {"id": f"{register}#assessment", "narrative": "Achieve all learning outcomes."},
                "creator": {
                    "id": f"did:web:{HOST}:bodies:ISB-FOOD_FIBRE",
                    "type": ["Profile"],
                    "name": "Demo Industry Skills Board (demo)",
                },
                "creditsAvailable": float(award.credits),
                "otherIdentifier": [_identifier(award.code, "ext:nzqaMicroCredentialNumber")],
                "alignment": [
                    _alignment(
                        "ext:NZQCFLevel", str(award.level), f"Level {award.level}", f"https://{HOST}/levels"
                    ),
                    *(
                        _alignment("ext:LearningOutcome", name, text, f"{register}#{name.lower()}")
                        for name, text, _ in award.outcomes
                    ),
                    _alignment(
                        "ext:NZQAConsentToAssess",
                        "95001",
                        "Provider accreditation",
                        f"https://{HOST}/providers",
                    ),
                ],
                "resultDescription": [
                    {
                        "id": f"{register}#{name.lower()}-result",
                        "type": ["ResultDescription"],
                        "name": name,
                        "resultType": "LetterGrade",
                        "allowedValue": ["N", "A", "M", "E"],
                        "requiredValue": "A",
                    }
                    for name, _, _ in award.outcomes
                ],
            },
            "result": [
                {"type": ["Result"], "resultDescription": f"{register}#{name.lower()}-result", "value": grade}
                for name, _, grade in award.outcomes
            ],
        },
        "evidence": [
            {
                "id": f"urn:uuid:0192f5c4-7a3e-7cc1-9d1f-{award.credential:012x}",
                "type": ["Evidence"],
                "name": "Ledger transparency receipt",
                "genre": "TransparencyReceipt",
                "narrative": receipt,
            }
        ],
        "credentialSchema": [
            {
                "id": "https://purl.imsglobal.org/spec/ob/v3p0/schema/json/ob_v3p0_achievementcredential_schema.json",
                "type": "1EdTechJsonSchemaValidator2019",
            }
        ],
        "credentialStatus": {
            "id": f"{STATUS_URL}#{award.status_index}",
            "type": "BitstringStatusListEntry",
            "statusPurpose": "revocation",
            "statusListIndex": str(award.status_index),
            "statusListCredential": STATUS_URL,
        },
    }


def learner_record(badges: Sequence[Document]) -> Document:
    """Return the unsigned record (CLR) with these awards inside."""
    return {
        "@context": [V2, CLR, OB, EXT],
        "id": "urn:uuid:0192f5c4-9999-7cc1-9d1e-000000000001",
        "type": ["VerifiableCredential", "ClrCredential"],
        "name": "Record of Achievement",
        "description": "The record as held in the ledger.",
        "partial": False,
        "awardedDate": rfc3339(SIGNED_AT),
        "issuer": {
            "id": OPERATOR,
            "type": ["Profile"],
            "name": "Achievement Ledger (demo)",
            "url": f"https://{HOST}",
        },
        "validFrom": rfc3339(SIGNED_AT),
        "credentialSubject": {
            "id": HOLDER,
            "type": ["ClrSubject"],
            "identifier": [_learner("Ana Sample")],
            "verifiableCredential": list(badges),
        },
        "credentialSchema": [
            {
                "id": "https://purl.imsglobal.org/spec/clr/v2p0/schema/json/clr_v2p0_clrcredential_schema.json",
                "type": "1EdTechJsonSchemaValidator2019",
            }
        ],
    }


def encoded_list(revoked: Iterable[int], bits: int = LIST_BITS) -> str:
    """Return the `encodedList` of a status list."""
    data = bytearray(bits // 8)
    for index in revoked:
        data[index // 8] |= 0x80 >> index % 8
    squeezer = zlib.compressobj(wbits=31)
    return "u" + b64url(squeezer.compress(bytes(data)) + squeezer.flush())


def revocations(encoded: str, did: str = PROVIDER, at: datetime = SIGNED_AT) -> Document:
    """Return an unsigned status list credential."""
    return {
        "@context": [V2],
        "id": STATUS_URL,
        "type": ["VerifiableCredential", "BitstringStatusListCredential"],
        "issuer": did,
        "validFrom": rfc3339(at),
        "validUntil": rfc3339(at + timedelta(hours=48)),
        "credentialSubject": {
            "id": f"{STATUS_URL}#list",
            "type": "BitstringStatusList",
            "statusPurpose": "revocation",
            "encodedList": encoded,
            "ttl": 3_600_000,
        },
    }


def did_document(did: str, key: Key) -> Document:
    """Return the DID document that names one key."""
    method = f"{did}#{key.multikey}"
    return {"id": did, "assertionMethod": [method]}


def file_of(document: Mapping[str, Any]) -> bytes:
    """Return a document as a file."""
    return json.dumps(document, ensure_ascii=False, indent=1).encode()


def zipped(members: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """Return a ZIP with these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, compression)
    return buffer.getvalue()


def _identifier(identifier: str, kind: str) -> Document:
    return {"type": "IdentifierEntry", "identifier": identifier, "identifierType": kind}


def _learner(name: str) -> Document:
    return {"type": "IdentityObject", "hashed": False, "identityHash": name, "identityType": "name"}


def _alignment(kind: str, code: str, name: str, url: str) -> Document:
    return {
        "type": ["Alignment"],
        "targetType": kind,
        "targetCode": code,
        "targetName": name,
        "targetUrl": url,
    }
