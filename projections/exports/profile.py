"""Our own model of the documents we sign: a document that is not exactly of it is not signed.

Every member of every node is named here with what it may hold; a member that is not named is
refused, so nothing reaches a signature by accident. Behind the shapes stand the rules that
consumers enforce (CREDENTIALS.md 2): contexts by position, the issuer as a Profile object, one
status entry whose index is a string, the learner's name and no other identity, never `jti`,
`endorsementJwt` or an end of validity on an award. The 1EdTech JSON Schemas judge this in tests.
"""

import re
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NoReturn

from ledger.clock import CIVIL_ZONE
from ledger.errors import Refusal
from projections.exports import clr, open_badge, status_list
from projections.exports.jsonld import CREDENTIALS_V2

Check = Callable[[Any, str], None]


def check(document: Mapping[str, Any], did: str) -> None:
    """Refuse an unsigned document that is not of the profile, or not the signer's to sign.

    Args:
        document: an Open Badge, a CLR or a status list credential, without proof.
        did: the DID whose key is about to sign.

    Raises:
        Refusal: the sentence names the place (never the value) and what belongs there.
    """
    types = document.get("type")
    kind = _KINDS.get(tuple(map(str, types)) if isinstance(types, list) else ())
    if kind is None:
        _refuse("type", "is none of the kinds of document that are signed here")
    shape, agrees = kind
    shape(document, "")
    issuer = document["issuer"]
    if (issuer if isinstance(issuer, str) else issuer["id"]) != did:
        _refuse("issuer", "is not the DID whose key signs")
    agrees(document)


@dataclass(frozen=True)
class Node:
    """The shape of a JSON object: which members it must have, may have, and nothing else."""

    required: Mapping[str, Check]
    optional: Mapping[str, Check] = field(default_factory=dict)

    def __call__(self, value: Any, path: str) -> None:
        """Refuse a value at that path that is not of this shape."""
        if not isinstance(value, Mapping):
            _refuse(path, "must be an object")
        for name in value:
            if name not in self.required and name not in self.optional:
                _refuse(_at(path, name), "is no member of our profile")
        for name, member in self.required.items():
            if name not in value:
                _refuse(_at(path, name), "is missing")
            member(value[name], _at(path, name))
        for name, member in self.optional.items():
            if name in value:
                member(value[name], _at(path, name))


def _refuse(path: str, why: str) -> NoReturn:
    raise Refusal(f"{path or 'the document'} {why}: it is not signed", code="export-profile")


def _at(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


# What a value may be.


def _exactly(expected: Any) -> Check:
    def check_exact(value: Any, path: str) -> None:
        if value != expected or type(value) is not type(expected):
            _refuse(path, f"must be {expected!r}")

    return check_exact


def _one_of(allowed: Collection[str]) -> Check:
    def check_choice(value: Any, path: str) -> None:
        if not isinstance(value, str) or value not in allowed:
            _refuse(path, f"must be one of {', '.join(sorted(allowed))}")

    return check_choice


def _like(pattern: str, words: str) -> Check:
    compiled = re.compile(pattern, re.ASCII)

    def check_pattern(value: Any, path: str) -> None:
        if not isinstance(value, str) or not compiled.fullmatch(value):
            _refuse(path, f"must be {words}")

    return check_pattern


def _list_of(item: Check, *, least: int = 1, most: int | None = None) -> Check:
    number = str(least) if most == least else f"at least {least}"

    def check_list(value: Any, path: str) -> None:
        if not isinstance(value, list) or len(value) < least or (most is not None and len(value) > most):
            _refuse(path, f"must be a list of {number}")
        for index, member in enumerate(value):
            item(member, f"{path}[{index}]")

    return check_list


def _one(item: Check) -> Check:
    return _list_of(item, most=1)


def _text(value: Any, path: str) -> None:
    """Words for people: NFC, not empty, no control character but line ends."""
    if not isinstance(value, str) or not value.strip():
        _refuse(path, "must be text")
    if not unicodedata.is_normalized("NFC", value):
        _refuse(path, "must be in Unicode form NFC")
    if any(unicodedata.category(character) in {"Cc", "Cs"} and character != "\n" for character in value):
        _refuse(path, "holds a control character")


_CREDITS_END = 1000.0


def _credits(value: Any, path: str) -> None:
    if not isinstance(value, float) or not 0 < value < _CREDITS_END or value != int(value):
        _refuse(path, "must be a whole number of credits, as a float")


def _instant(value: Any, path: str) -> None:
    _like(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", "an instant in UTC, in whole seconds")(value, path)
    try:
        datetime.fromisoformat(value)
    except ValueError:
        _refuse(path, "must be an instant that exists")


def _day(value: Any, path: str) -> None:
    _instant(value, path)
    if not value.endswith("T00:00:00Z"):
        _refuse(path, "must be a day")


def _boolean(value: Any, path: str) -> None:
    if not isinstance(value, bool):
        _refuse(path, "must be true or false")


_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_URN_UUID = _like(f"urn:uuid:{_UUID}", "a urn:uuid")
_DID_PATTERN = r"did:[a-z0-9]+:[A-Za-z0-9._%:-]*[A-Za-z0-9._-]"
_DID = _like(_DID_PATTERN, "a DID")
_HOLDER = _like(f"urn:uuid:{_UUID}|{_DID_PATTERN}", "a urn:uuid or a DID")
_URL = _like(
    r"https://[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9._~/%-]*)?(\?[A-Za-z0-9._~=&%-]+)?(#[A-Za-z0-9._~-]+)?",
    "an https URL",
)
_DIGITS = _like(r"0|[1-9][0-9]*", "a number written as text")
_LANGUAGE = _like(r"[a-z]{2,4}(-[A-Z]{2})?", "a language code")
_EXTENSION_CODE = _like(r"[A-Za-z0-9][A-Za-z0-9._-]*", "a code")


def _node(
    types: Sequence[str], required: Mapping[str, Check], optional: Mapping[str, Check] | None = None
) -> Node:
    """Return the shape of a typed node whose `type` is a list, as Open Badges writes most of them."""
    return Node({"type": _exactly(list(types)), **required}, optional or {})


def _identifier(kind: str, code: Check) -> Node:
    return Node({"type": _exactly("IdentifierEntry"), "identifier": code, "identifierType": _exactly(kind)})


def _schema(address: str) -> Node:
    return Node({"id": _exactly(address), "type": _exactly(open_badge.SCHEMA_TYPE)})


# Open Badge.

_PROVIDER = _node(
    ["Profile"],
    {
        "id": _DID,
        "name": _text,
        "url": _URL,
        "otherIdentifier": _one(_identifier("ext:nzqaProviderNumber", _DIGITS)),
    },
)
_OPERATOR = _node(["Profile"], {"id": _DID, "name": _text, "url": _URL})
_IDENTITY = Node(
    {
        "type": _exactly("IdentityObject"),
        "hashed": _exactly(expected=False),
        "identityHash": _text,
        "identityType": _exactly("name"),
    }
)
_ALIGNMENT = _node(
    ["Alignment"],
    {
        "targetType": _one_of(
            {"ext:NZQCFLevel", "ext:NZQAApproval", "ext:NZQAConsentToAssess", "ext:LearningOutcome"}
        ),
        "targetCode": _EXTENSION_CODE,
        "targetName": _text,
        "targetUrl": _URL,
    },
    {"targetFramework": _text},
)
_RESULT_DESCRIPTION = _node(
    ["ResultDescription"],
    {
        "id": _URL,
        "name": _text,
        "resultType": _exactly("LetterGrade"),
        "allowedValue": _exactly(list(open_badge.GRADES)),
        "requiredValue": _exactly(open_badge.PASSING_GRADE),
    },
)
_RESULT = _node(["Result"], {"resultDescription": _URL, "value": _one_of(set(open_badge.GRADES) - {"N"})})
_ACHIEVEMENT = _node(
    ["Achievement"],
    {
        "id": _URL,
        "achievementType": _exactly("MicroCredential"),
        "name": _text,
        "humanCode": _EXTENSION_CODE,
        "version": _DIGITS,
        "inLanguage": _LANGUAGE,
        "description": _text,
        "criteria": Node({"id": _URL, "narrative": _text}),
        "creator": _node(["Profile"], {"id": _DID, "name": _text}),
        "creditsAvailable": _credits,
        "otherIdentifier": _one(_identifier("ext:nzqaMicroCredentialNumber", _EXTENSION_CODE)),
        "alignment": _list_of(_ALIGNMENT, least=4),
        "resultDescription": _list_of(_RESULT_DESCRIPTION),
    },
    {"fieldOfStudy": _text, "tag": _list_of(_text)},
)
_BADGE_SUBJECT = _node(
    ["AchievementSubject"],
    {
        "id": _HOLDER,
        "identifier": _one(_IDENTITY),
        "activityStartDate": _day,
        "activityEndDate": _day,
        "creditsEarned": _credits,
        "achievement": _ACHIEVEMENT,
        "result": _list_of(_RESULT),
    },
)
_EVIDENCE = _node(
    ["Evidence"],
    {
        "id": _URN_UUID,
        "name": _text,
        "genre": _one_of({open_badge.RECEIPT_GENRE, open_badge.METHOD_GENRE}),
        "narrative": _text,
    },
    {"description": _text},
)
_STATUS = Node(
    {
        "id": _URL,
        "type": _exactly("BitstringStatusListEntry"),
        "statusPurpose": _exactly("revocation"),
        "statusListIndex": _DIGITS,
        "statusListCredential": _URL,
    }
)
_BADGE_MEMBERS: Mapping[str, Check] = {
    "@context": _exactly(list(open_badge.CONTEXTS)),
    "id": _URN_UUID,
    "name": _text,
    "description": _text,
    "issuer": _PROVIDER,
    "validFrom": _instant,
    "awardedDate": _day,
    "credentialSubject": _BADGE_SUBJECT,
    "evidence": _list_of(_EVIDENCE),
    "credentialSchema": _one(_schema(open_badge.SCHEMA)),
    "credentialStatus": _STATUS,
}
_BADGE_TYPES = ["VerifiableCredential", "OpenBadgeCredential"]
_BADGE = _node(_BADGE_TYPES, _BADGE_MEMBERS)
_PROOF = Node(
    {
        "type": _exactly("DataIntegrityProof"),
        "cryptosuite": _exactly("eddsa-rdfc-2022"),
        "created": _instant,
        "verificationMethod": _like(
            rf"{_DID_PATTERN}#z6Mk[1-9A-HJ-NP-Za-km-z]+", "a DID with the Multikey of an Ed25519 key"
        ),
        "proofPurpose": _exactly("assertionMethod"),
        "proofValue": _like(r"z[1-9A-HJ-NP-Za-km-z]{80,90}", "an Ed25519 signature in base58"),
    }
)
_SIGNED_BADGE = _node(_BADGE_TYPES, {**_BADGE_MEMBERS, "proof": _PROOF})

# Comprehensive Learner Record.

_ASSOCIATION = Node(
    {
        "type": _exactly("Association"),
        "associationType": _one_of({"replacedBy", "isPartOf", "isChildOf", "isParentOf", "precedes"}),
        "sourceId": _HOLDER,
        "targetId": _HOLDER,
    }
)
_CLR_TYPES = ["VerifiableCredential", "ClrCredential"]
_CLR = _node(
    _CLR_TYPES,
    {
        "@context": _exactly(list(clr.CONTEXTS)),
        "id": _URN_UUID,
        "name": _text,
        "description": _text,
        "issuer": _OPERATOR,
        "validFrom": _instant,
        "awardedDate": _instant,
        "partial": _boolean,
        "credentialSubject": _node(
            ["ClrSubject"],
            {
                "id": _HOLDER,
                "identifier": _one(_IDENTITY),
                "verifiableCredential": _list_of(_SIGNED_BADGE),
            },
            {"association": _list_of(_ASSOCIATION)},
        ),
        "credentialSchema": _one(_schema(clr.SCHEMA)),
    },
)

# Status list.

_STATUS_LIST_TYPES = ["VerifiableCredential", "BitstringStatusListCredential"]
_STATUS_LIST = _node(
    _STATUS_LIST_TYPES,
    {
        "@context": _exactly([CREDENTIALS_V2]),
        "id": _URL,
        "issuer": _DID,
        "validFrom": _instant,
        "validUntil": _instant,
        "credentialSubject": Node(
            {
                "id": _URL,
                "type": _exactly("BitstringStatusList"),
                "statusPurpose": _exactly("revocation"),
                "encodedList": _like(r"u[A-Za-z0-9_-]+", "a multibase base64url text"),
                "ttl": _exactly(status_list.TTL_MS),
            }
        ),
    },
)


# What the members of a document must say of each other.


def _badge_agrees(badge: Mapping[str, Any]) -> None:
    _nodes_agree(badge)
    subject = badge["credentialSubject"]
    achievement = subject["achievement"]
    _status_agrees(badge["credentialStatus"], badge["issuer"]["otherIdentifier"][0]["identifier"])
    if subject["creditsEarned"] != achievement["creditsAvailable"]:
        _refuse("credentialSubject.creditsEarned", "differs from the credits of the achievement")
    if achievement["otherIdentifier"][0]["identifier"] != achievement["humanCode"]:
        _refuse("credentialSubject.achievement.otherIdentifier", "differs from the code of the achievement")
    # Days are New Zealand's, the signature's instant is UTC: the day it was signed on is compared.
    signed_on = datetime.fromisoformat(badge["validFrom"]).astimezone(CIVIL_ZONE).date().isoformat()
    if not subject["activityEndDate"][:10] <= badge["awardedDate"][:10] <= signed_on:
        _refuse("awardedDate", "must lie between the end of the activity and the signature")
    _outcomes_agree(achievement, subject["result"])


def _outcomes_agree(achievement: Mapping[str, Any], results: Sequence[Mapping[str, Any]]) -> None:
    """Every outcome has one alignment, one description and one result, in the same order."""
    alignments = achievement["alignment"]
    codes = [node["targetCode"] for node in alignments if node["targetType"] == "ext:LearningOutcome"]
    descriptions = achievement["resultDescription"]
    if codes != [node["name"] for node in descriptions] or len(set(codes)) != len(codes):
        _refuse("credentialSubject.achievement", "must describe each learning outcome once")
    ids = [node["id"] for node in descriptions]
    if ids != [node["resultDescription"] for node in results] or len(set(ids)) != len(ids):
        _refuse("credentialSubject.result", "must hold one result for each learning outcome")
    kinds = [node["targetType"] for node in alignments if node["targetType"] != "ext:LearningOutcome"]
    accredited = ["ext:NZQCFLevel", "ext:NZQAApproval", "ext:NZQAConsentToAssess"]
    if kinds not in (accredited, accredited[:2]):
        _refuse(
            "credentialSubject.achievement.alignment", "must name level, approval and accreditation once each"
        )


def _status_agrees(status: Mapping[str, Any], issuer_number: str) -> None:
    if status["statusListCredential"].split("/")[3:5] != ["status", issuer_number]:
        _refuse("credentialStatus.statusListCredential", "is not a list of the issuer")
    if status["id"] != f"{status['statusListCredential']}#{status['statusListIndex']}":
        _refuse("credentialStatus.id", "must be the status list and the index in it")
    if int(status["statusListIndex"]) >= status_list.ENTRIES:
        _refuse("credentialStatus.statusListIndex", "is beyond the end of a status list")


def _nodes_agree(badge: Mapping[str, Any]) -> None:
    """Two nodes with one id are one node in RDF: refuse them where they say different things.

    Were they allowed, their values could change places and the signature would still hold.
    """
    seen: dict[str, dict[str, Any]] = {}

    def visit(value: Any, path: str) -> None:
        if isinstance(value, list):
            for index, item in enumerate(value):
                visit(item, f"{path}[{index}]")
        elif isinstance(value, Mapping):
            known = seen.setdefault(value["id"], {}) if "id" in value else {}
            for name, member in value.items():
                if known.setdefault(name, member) != member:
                    _refuse(_at(path, name), "differs from another node with the same id")
                visit(member, _at(path, name))

    visit(badge, "")


def _clr_agrees(record: Mapping[str, Any]) -> None:
    subject = record["credentialSubject"]
    if record["awardedDate"] > record["validFrom"]:
        _refuse("awardedDate", "is after the record was signed")
    ids = [record["id"]]
    for index, badge in enumerate(subject["verifiableCredential"]):
        path = f"credentialSubject.verifiableCredential[{index}]"
        unsigned = {name: member for name, member in badge.items() if name != "proof"}
        _badge_agrees(unsigned)
        if badge["credentialSubject"]["id"] != subject["id"]:
            _refuse(f"{path}.credentialSubject.id", "is not the learner of the record")
        if badge["proof"]["verificationMethod"].split("#")[0] != badge["issuer"]["id"]:
            _refuse(f"{path}.proof.verificationMethod", "is not the issuer's")
        ids.append(badge["id"])
    if len(set(ids)) != len(ids):
        _refuse("credentialSubject.verifiableCredential", "holds a credential twice")
    for index, association in enumerate(subject.get("association", [])):
        if association["sourceId"] == association["targetId"]:
            _refuse(f"credentialSubject.association[{index}]", "joins a thing to itself")


def _status_list_agrees(listed: Mapping[str, Any]) -> None:
    if listed["credentialSubject"]["id"] != f"{listed['id']}#list":
        _refuse("credentialSubject.id", "must be the address of the list, and #list")
    valid_for = datetime.fromisoformat(listed["validUntil"]) - datetime.fromisoformat(listed["validFrom"])
    if not timedelta(0) < valid_for <= status_list.VALID_FOR:
        _refuse("validUntil", "must be after validFrom, and by 48 hours at most")


_KINDS: Mapping[tuple[str, ...], tuple[Node, Callable[[Mapping[str, Any]], None]]] = {
    tuple(_BADGE_TYPES): (_BADGE, _badge_agrees),
    tuple(_CLR_TYPES): (_CLR, _clr_agrees),
    tuple(_STATUS_LIST_TYPES): (_STATUS_LIST, _status_list_agrees),
}
