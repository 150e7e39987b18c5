"""Check 2: our own model of an award (Open Badges 3.0), a record (CLR 2.0) and a status list.

Source: Open Badges 3.0 §B, CLR 2.0 §B, Bitstring Status List v1.0 §2; CREDENTIALS.md 2. The JSON
Schemas of 1EdTech judge it in the tests.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..errors import Malformed
from .contexts import CLR, CREDENTIALS, EXTENSIONS, OPEN_BADGES
from .plain import shown
from .proofs import RDFC, Secured
from .shapes import Faults, Rule, either, exactly, flag, items, moment, number, text, thing, types
from .verdict import Answer, failed, passed

CLR_TYPE = "ClrCredential"
NAME = "name"
LEVEL, OUTCOME = "ext:NZQCFLevel", "ext:LearningOutcome"
ACCREDITATION = "ext:NZQAConsentToAssess"
PROVIDER_NUMBER, PRODUCT_NUMBER = "ext:nzqaProviderNumber", "ext:nzqaMicroCredentialNumber"
RECEIPT = "TransparencyReceipt"
PROOF_MEMBERS = frozenset(
    ("type", "cryptosuite", "created", "expires", "verificationMethod", "proofPurpose", "proofValue", "id")
)

_DID = text(r"did:[a-z0-9]+:[A-Za-z0-9._:%-]+")
_ADDRESS = text(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")
_URN = text(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_IDENTIFIER = thing(["IdentifierEntry"], {"identifier": text(), "identifierType": text()})
_IDENTITY = thing(["IdentityObject"], {"hashed": flag, "identityHash": text(), "identityType": text()})
_PROFILE = thing(
    ["Profile"], {"id": _DID, "name": text()}, {"url": _ADDRESS, "otherIdentifier": items(_IDENTIFIER)}
)
_SCHEMAS = items(thing(must={"id": _ADDRESS, "type": text()}))
_EVIDENCE = items(
    thing(
        ["Evidence"],
        may={"id": _ADDRESS, "name": text(), "genre": text(), "narrative": text(), "description": text()},
    )
)
_STATUS = thing(
    ["BitstringStatusListEntry"],
    {
        "statusPurpose": exactly("revocation"),
        "statusListIndex": text(r"0|[1-9][0-9]{0,8}"),
        "statusListCredential": text(r"https?://\S+"),
    },
    never=["statusSize", "statusMessage"],  # one bit for each credential
)
_ALIGNMENT = thing(
    ["Alignment"],
    {"targetName": text(), "targetUrl": _ADDRESS},
    {"targetCode": text(), "targetType": text(), "targetFramework": text(), "targetDescription": text()},
)
_RESULT_DESCRIPTION = thing(
    ["ResultDescription"],
    {"id": _ADDRESS, "name": text(), "resultType": text()},
    {"allowedValue": items(text()), "requiredValue": text()},
)
_ACHIEVEMENT = thing(
    ["Achievement"],
    {
        "id": _ADDRESS,
        "achievementType": exactly("MicroCredential"),
        "name": text(),
        "humanCode": text(),
        "version": text(),
        "description": text(),
        "criteria": thing(must={"narrative": text()}),
        "creditsAvailable": number,
        "alignment": items(_ALIGNMENT),
        "inLanguage": text(),
        "resultDescription": items(_RESULT_DESCRIPTION),
    },
    {
        "creator": _PROFILE,
        "otherIdentifier": items(_IDENTIFIER),
        "tag": items(text()),
        "fieldOfStudy": text(),
        "specialization": text(),
    },
)
_AWARD_SUBJECT = thing(
    ["AchievementSubject"],
    {
        "id": _ADDRESS,
        "identifier": items(_IDENTITY),
        "activityEndDate": moment,
        "creditsEarned": number,
        "achievement": _ACHIEVEMENT,
        "result": items(thing(["Result"], {"resultDescription": _ADDRESS, "value": text()})),
    },
    {"activityStartDate": moment},
)
_CREDENTIAL: dict[str, Rule] = {"id": _URN, "name": text(), "issuer": _PROFILE, "validFrom": moment}
_CREDENTIAL_MAY: dict[str, Rule] = {"validUntil": moment, "description": text(), "credentialSchema": _SCHEMAS}
_AWARD = thing(
    ["VerifiableCredential", "OpenBadgeCredential"],
    _CREDENTIAL | {"awardedDate": moment, "credentialSubject": _AWARD_SUBJECT, "credentialStatus": _STATUS},
    _CREDENTIAL_MAY | {"evidence": _EVIDENCE},
)
_RECORD = thing(
    ["VerifiableCredential", CLR_TYPE],
    _CREDENTIAL
    | {
        "credentialSubject": thing(
            ["ClrSubject"],
            {"id": _ADDRESS, "verifiableCredential": items(thing())},
            {
                "identifier": items(_IDENTITY),
                "association": items(
                    thing(
                        ["Association"],
                        {"associationType": text(), "sourceId": _ADDRESS, "targetId": _ADDRESS},
                    )
                ),
            },
        )
    },
    _CREDENTIAL_MAY | {"awardedDate": moment, "partial": flag, "credentialStatus": _STATUS},
)
_STATUS_LIST = thing(
    ["VerifiableCredential", "BitstringStatusListCredential"],
    {
        "id": text(r"https?://\S+"),
        "issuer": either(_DID, thing(must={"id": _DID})),
        "validFrom": moment,
        "credentialSubject": thing(
            ["BitstringStatusList"],
            {"statusPurpose": text(), "encodedList": text(r"u[A-Za-z0-9_-]+")},
            {"ttl": number},
        ),
    },
    {"validUntil": moment},
)
_PROOF = thing(
    ["DataIntegrityProof"],
    {
        "cryptosuite": text(),
        "created": moment,
        "verificationMethod": _ADDRESS,
        "proofPurpose": exactly("assertionMethod"),
        "proofValue": text(r"z\S+"),
    },
    {"expires": moment},
)


def check(secured: Secured | Malformed, faults: Faults) -> Answer:
    """Answer check 2 for one credential; the awards inside a record are checked one by one.

    Args:
        secured: the credential taken apart, or why it could not be.
        faults: what our model finds wrong with it.
    """
    try:
        if isinstance(secured, Malformed):
            raise secured
        secured.prepare()
    except Malformed as error:
        return failed(error.code, f"The credential is not made as it should be: {error}.")
    fault = next(faults, None)
    if fault is not None:
        return failed("profile", f"The credential is not set out as it should be: {shown(fault)}.")
    return passed(
        "profile", "It is set out as it should be, and holds nothing that its signature does not cover."
    )


def is_record(document: Mapping[str, Any]) -> bool:
    """Return whether a credential says that it is a record of achievement (CLR)."""
    return CLR_TYPE in types(document)


def award_faults(document: Mapping[str, Any]) -> Faults:
    """Yield what is wrong with an award."""
    yield from _contexts(document, (CREDENTIALS, OPEN_BADGES), (EXTENSIONS,))
    yield from _AWARD(document, "credential")
    yield from _common_faults(document)
    yield from _one_meaning(document)


def record_faults(document: Mapping[str, Any]) -> Faults:
    """Yield what is wrong with a record, apart from the awards inside."""
    yield from _contexts(document, (CREDENTIALS, CLR, OPEN_BADGES), (EXTENSIONS,))
    yield from _RECORD(document, "credential")
    yield from _common_faults(document)
    about = subject_id(document)
    if any(subject_id(award) != about for award in inner_credentials(document)):
        yield "credentialSubject.verifiableCredential holds an award of somebody else"


def status_list_faults(document: Mapping[str, Any]) -> Faults:
    """Yield what is wrong with a status list credential."""
    yield from _contexts(document, (CREDENTIALS,), ())
    yield from _STATUS_LIST(document, "status list")
    yield from _common_faults(document)


def _common_faults(document: Mapping[str, Any]) -> Faults:
    yield from _proof_faults(document)
    yield from _named_twice(document)


def _contexts(document: Mapping[str, Any], first: tuple[str, ...], then: tuple[str, ...]) -> Faults:
    """Contexts stand in a fixed order, and in one place: what they define must not shift inside."""
    if document.get("@context") not in ([*first], [*first, *then]):
        yield "credential.@context does not name the vocabularies it should, in their order"
    if any("@context" in inner for inner in _objects(document) if inner is not document):
        yield "credential has a second @context inside"


def _proof_faults(document: Mapping[str, Any]) -> Faults:
    """The first proof is of the kind we sign with; all hold what we know and nothing else, by the issuer."""
    member = document.get("proof", [])
    issuer, proofs = issuer_of(document), member if isinstance(member, list) else [member]
    if proofs and isinstance(proofs[0], Mapping) and proofs[0].get("cryptosuite") != RDFC:
        yield f"proof is not one of {RDFC}"
    for proof in proofs:
        yield from _PROOF(proof, "proof")
        if isinstance(proof, Mapping):
            if not proof.keys() <= PROOF_MEMBERS:
                yield "proof holds a member that does not belong there"
            controller = str(proof.get("verificationMethod")).partition("#")[0]
            if controller != issuer:
                yield "proof names a key of somebody else than the issuer"


def _named_twice(document: Mapping[str, Any]) -> Faults:
    """One id stands on one object: JSON-LD would merge two, and parts could be moved from one to the other.

    Organisations may stand twice, as issuer and as creator: what counts of them is their id.
    """
    ids = Counter(
        one["id"]
        for one in _objects(document)
        if isinstance(one.get("id"), str) and len(one) > 1 and "Profile" not in types(one)
    )
    if any(times > 1 for times in ids.values()):
        yield "credential describes two things under one id"


def _one_meaning(award: Mapping[str, Any]) -> Faults:
    """What a reader looks up by kind stands there once; every result is one that its description allows."""
    if any(_AWARD(award, "")):
        return  # said already, and not safe to look into
    subject = award["credentialSubject"]
    achievement = subject["achievement"]
    levels = [one for one in achievement["alignment"] if one.get("targetType") == LEVEL]
    outcomes = Counter(
        one.get("targetCode") for one in achievement["alignment"] if one.get("targetType") == OUTCOME
    )
    if len(levels) != 1 or max(outcomes.values(), default=1) > 1:
        yield "credentialSubject.achievement.alignment does not give one level, and each outcome once"
    if sum(one.get("genre") == RECEIPT for one in award.get("evidence", ())) > 1:
        yield "credential.evidence holds two receipts"
    names = Counter(identity["identityType"] for identity in subject["identifier"])
    if names[NAME] != 1 or any(identity["hashed"] for identity in subject["identifier"]):
        yield "credentialSubject.identifier does not give exactly one name, readable"
    if subject["creditsEarned"] != achievement["creditsAvailable"]:
        yield "credentialSubject.creditsEarned is not what the micro-credential carries"
    yield from _results(subject["result"], achievement["resultDescription"])


def _results(results: Iterable[Mapping[str, Any]], descriptions: Iterable[Mapping[str, Any]]) -> Faults:
    allowed = {one["id"]: one.get("allowedValue", ()) for one in descriptions}
    seen = set()
    for result in results:
        described = result["resultDescription"]
        if result["value"] not in allowed.get(described, ()):
            yield "credentialSubject.result holds a value that its description does not allow"
        if described in seen:
            yield "credentialSubject.result holds two values for one thing"
        seen.add(described)


def issuer_of(document: Mapping[str, Any]) -> str | None:
    """Return the DID of the issuer, written alone or as an object."""
    issuer = document.get("issuer")
    did = issuer.get("id") if isinstance(issuer, Mapping) else issuer
    return did if isinstance(did, str) else None


def subject_id(document: Any) -> str | None:
    """Return the id of whom a credential is about."""
    subject = document.get("credentialSubject") if isinstance(document, Mapping) else None
    about = subject.get("id") if isinstance(subject, Mapping) else None
    return about if isinstance(about, str) else None


def inner_credentials(document: Mapping[str, Any]) -> list[Any]:
    """Return the awards inside a record, as they stand there; [] for anything else."""
    subject = document.get("credentialSubject")
    inner = subject.get("verifiableCredential") if isinstance(subject, Mapping) else None
    return inner if isinstance(inner, list) and is_record(document) else []


def _objects(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the objects of a credential, itself first; awards inside a record are their own documents."""
    inner = {id(award) for award in inner_credentials(document)}
    waiting: list[Any] = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping):
            yield value
            waiting += [member for member in value.values() if id(member) not in inner]
        elif isinstance(value, list):
            waiting += [item for item in value if id(item) not in inner]
