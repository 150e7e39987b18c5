"""The 1EdTech profile, and ours within it: whatever is not exactly of it is refused before it is signed."""

import copy
from typing import Any

import pytest

from ledger.errors import Refusal
from projections.exports import profile
from projections.exports.model import Document
from tests.projections.exports.world import a_badge, a_clr, a_provider, a_status_list, the_operator

SUBJECT = "credentialSubject"
ACHIEVEMENT = f"{SUBJECT}.achievement"
# What takes a member away instead of changing it.
AWAY = "away"


def with_change(document: Document, path: str, value: Any) -> Document:
    """Return a copy in which the member at `a.b.0.c` has this value, or is gone."""
    copied = copy.deepcopy(document)
    *steps, last = (int(step) if step.isdigit() else step for step in path.split("."))
    node: Any = copied
    for step in steps:
        node = node[step]
    if value is AWAY:
        del node[last]
    else:
        node[last] = value
    return copied


def refused(document: Document, did: str, match: str) -> None:
    """Expect the profile to refuse the document with these words, and no value of it in the sentence."""
    with pytest.raises(Refusal, match=match) as caught:
        profile.check(document, did)
    assert caught.value.code == "export-profile"
    assert "Hine-Ngāti" not in str(caught.value)


@pytest.mark.parametrize(
    ("document", "did"),
    [(a_badge(), a_provider().did), (a_clr(), the_operator().did), (a_status_list(3), a_provider().did)],
    ids=["badge", "clr", "status list"],
)
def test_our_documents_are_of_the_profile(document: Document, did: str) -> None:
    """What the builders build is signed."""
    profile.check(document, did)


CONTEXTS = a_badge()["@context"]

# Each line: where, what is put there, and the words of the refusal.
BADGE_CHANGES = [
    # Contexts by position, pinned, and the extensions never left out.
    ("@context", list(reversed(CONTEXTS)), "@context must be"),
    ("@context", CONTEXTS[:2], "@context must be"),
    ("@context", [*CONTEXTS, "https://example.com/c"], "@context must be"),
    ("@context.0", "https://www.w3.org/2018/credentials/v1", "@context must be"),
    ("@context.1", "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.1.json", "@context must be"),
    # Kinds.
    ("type", ["VerifiableCredential"], "none of the kinds of document"),
    ("type", ["VerifiableCredential", "AchievementCredential"], "none of the kinds"),
    ("type", ["OpenBadgeCredential", "VerifiableCredential"], "none of the kinds"),
    ("type", "OpenBadgeCredential", "none of the kinds"),
    ("type", AWAY, "none of the kinds"),
    ("type", [{}], "none of the kinds"),
    # Identifiers that phone nobody.
    ("id", "https://ledger.example/credentials/1", "id must be a urn:uuid"),
    ("id", "urn:uuid:0192F5C4-7A3E-7CC1-9D1E-000000000001", "id must be a urn:uuid"),
    ("id", AWAY, "id is missing"),
    # Issuer: an object of type Profile.
    ("issuer", "did:web:ledger.example:providers:95001", "issuer must be an object"),
    ("issuer.type", ["Organization"], "issuer.type must be"),
    ("issuer.type", "Profile", "issuer.type must be"),
    ("issuer.url", "harbourlight.example", "issuer.url must be an https URL"),
    ("issuer.url", "http://harbourlight.example", "issuer.url must be an https URL"),
    ("issuer.name", " ", "issuer.name must be text"),
    ("issuer.otherIdentifier", AWAY, "issuer.otherIdentifier is missing"),
    ("issuer.otherIdentifier", [], "issuer.otherIdentifier must be a list"),
    ("issuer.otherIdentifier.0.type", ["IdentifierEntry"], "type must be 'IdentifierEntry'"),
    ("issuer.otherIdentifier.0.identifierType", "ext:other", "identifierType must be"),
    ("issuer.otherIdentifier.0.identifier", "zero", "must be a number written as text"),
    ("issuer.email", "a@b.example", "issuer.email is no member of our profile"),
    # Never emitted.
    ("validUntil", "2036-11-02T01:15:00Z", "validUntil is no member of our profile"),
    ("jti", "urn:uuid:1", "jti is no member"),
    (f"{ACHIEVEMENT}.endorsementJwt", ["a.b.c"], "endorsementJwt is no member"),
    (f"{ACHIEVEMENT}.endorsement", [{}], "endorsement is no member"),
    ("endorsement", [{}], "endorsement is no member"),
    ("proof", {}, "proof is no member"),
    # Dates.
    ("validFrom", "2026-11-02", "validFrom must be an instant"),
    ("validFrom", "2026-11-02T01:15:00+13:00", "validFrom must be an instant"),
    ("validFrom", "2026-13-02T01:15:00Z", "validFrom must be an instant that exists"),
    ("validFrom", "2026-10-29T10:59:59Z", "awardedDate must lie between"),
    ("awardedDate", "2026-10-30T12:00:00Z", "awardedDate must be a day"),
    ("awardedDate", "2026-10-15T00:00:00Z", "awardedDate must lie between"),
    ("awardedDate", "2026-11-03T00:00:00Z", "awardedDate must lie between"),
    (f"{SUBJECT}.activityEndDate", "2026-10-31T00:00:00Z", "awardedDate must lie between"),
    (f"{SUBJECT}.activityStartDate", None, "activityStartDate must be an instant"),
    # The learner: a name as it is, and nothing that can be guessed back.
    (
        f"{SUBJECT}.id",
        "https://ledger.example/learners/1",
        "credentialSubject.id must be a urn:uuid or a DID",
    ),
    (f"{SUBJECT}.type", ["ClrSubject"], "credentialSubject.type must be"),
    (f"{SUBJECT}.identifier", [], "identifier must be a list of 1"),
    (f"{SUBJECT}.identifier", a_badge()[SUBJECT]["identifier"] * 2, "identifier must be a list of 1"),
    (f"{SUBJECT}.identifier.0.hashed", True, "hashed must be False"),
    (f"{SUBJECT}.identifier.0.hashed", 0, "hashed must be False"),
    (f"{SUBJECT}.identifier.0.identityType", "nationalIdentityNumber", "identityType must be 'name'"),
    (f"{SUBJECT}.identifier.0.salt", "x", "salt is no member"),
    (
        f"{SUBJECT}.identifier.0.identityHash",
        "Hine-Nga\u0304ti Sample",
        "identityHash must be in Unicode form NFC",
    ),
    (f"{SUBJECT}.identifier.0.identityHash", "Hine-Ngāti\x00", "identityHash holds a control character"),
    (f"{SUBJECT}.identifier.0.identityHash", "", "identityHash must be text"),
    # Credits.
    (f"{SUBJECT}.creditsEarned", 10, "creditsEarned must be a whole number of credits, as a float"),
    (f"{SUBJECT}.creditsEarned", 10.5, "creditsEarned must be a whole number"),
    (f"{SUBJECT}.creditsEarned", 0.0, "creditsEarned must be a whole number"),
    (f"{SUBJECT}.creditsEarned", float("nan"), "creditsEarned must be a whole number"),
    (f"{SUBJECT}.creditsEarned", 20.0, "creditsEarned differs"),
    # Achievement: criteria and types, and the immutable version.
    (f"{ACHIEVEMENT}", AWAY, "achievement is missing"),
    (f"{ACHIEVEMENT}.criteria", AWAY, "criteria is missing"),
    (f"{ACHIEVEMENT}.criteria.narrative", AWAY, "narrative is missing"),
    (f"{ACHIEVEMENT}.achievementType", "Badge", "achievementType must be 'MicroCredential'"),
    (f"{ACHIEVEMENT}.id", "register/6099/v2", "achievement.id must be an https URL"),
    (f"{ACHIEVEMENT}.version", 2, "version must be a number written as text"),
    (f"{ACHIEVEMENT}.inLanguage", "Māori", "inLanguage must be a language code"),
    (f"{ACHIEVEMENT}.name", {"mi": "x"}, "name must be text"),
    (f"{ACHIEVEMENT}.otherIdentifier.0.identifier", "6100", "otherIdentifier differs from the code"),
    (f"{ACHIEVEMENT}.creator.id", "ISB", "creator.id must be a DID"),
    (f"{ACHIEVEMENT}.creator.id", "did:web:ledger.example:providers:95001", "name differs from another node"),
    # Alignment, description, result: each outcome once in each.
    (f"{ACHIEVEMENT}.alignment.0.type", AWAY, "type is missing"),
    (f"{ACHIEVEMENT}.alignment.0.targetUrl", "levels", "targetUrl must be an https URL"),
    (f"{ACHIEVEMENT}.alignment.0.targetUrl", "https://a.example/ b", "targetUrl must be an https URL"),
    (f"{ACHIEVEMENT}.alignment.0.targetType", "CFItem", "targetType must be one of"),
    (
        f"{ACHIEVEMENT}.alignment.0.targetType",
        "ext:LearningOutcome",
        "must describe each learning outcome once",
    ),
    (
        f"{ACHIEVEMENT}.alignment.1.targetType",
        "ext:NZQCFLevel",
        "must name level, approval and accreditation",
    ),
    (f"{ACHIEVEMENT}.alignment.3", AWAY, "must describe each learning outcome once"),
    (f"{ACHIEVEMENT}.alignment.3.targetCode", "LO2", "must describe each learning outcome once"),
    (f"{ACHIEVEMENT}.resultDescription.0", AWAY, "must describe each learning outcome once"),
    (f"{ACHIEVEMENT}.resultDescription.0.allowedValue", ["A", "M", "E"], "allowedValue must be"),
    (f"{ACHIEVEMENT}.resultDescription.0.resultType", "Status", "resultType must be 'LetterGrade'"),
    (f"{SUBJECT}.result", AWAY, "result is missing"),
    (f"{SUBJECT}.result.0", AWAY, "must hold one result for each learning outcome"),
    (f"{SUBJECT}.result.0.type", AWAY, "type is missing"),
    (f"{SUBJECT}.result.0.value", "N", "value must be one of A, E, M"),
    (f"{SUBJECT}.result.0.value", "Merit", "value must be one of"),
    (f"{SUBJECT}.result.0.status", "Completed", "status is no member"),
    (
        f"{SUBJECT}.result.0.resultDescription",
        "https://ledger.example/register/6099/v2#lo2-result",
        "one result",
    ),
    # Evidence.
    ("evidence", [], "evidence must be a list"),
    ("evidence.0.type", AWAY, "type is missing"),
    ("evidence.0.id", "https://ledger.example/log/receipts/1", "id must be a urn:uuid"),
    ("evidence.0.genre", "Photo", "genre must be one of"),
    # Schema and status.
    ("credentialSchema", [], "credentialSchema must be a list of 1"),
    ("credentialSchema", a_badge()["credentialSchema"] * 2, "credentialSchema must be a list of 1"),
    ("credentialSchema.0.type", "JsonSchema", "type must be '1EdTechJsonSchemaValidator2019'"),
    ("credentialStatus", AWAY, "credentialStatus is missing"),
    ("credentialStatus", [a_badge()["credentialStatus"]], "credentialStatus must be an object"),
    ("credentialStatus.statusListIndex", 88412, "statusListIndex must be a number written as text"),
    ("credentialStatus.statusListIndex", "088412", "statusListIndex must be a number written as text"),
    (
        "credentialStatus.statusListIndex",
        "88413",
        "credentialStatus.id must be the status list and the index",
    ),
    ("credentialStatus.statusPurpose", "suspension", "statusPurpose must be 'revocation'"),
    ("credentialStatus.type", "StatusList2021Entry", "type must be"),
    (
        "credentialStatus.statusListCredential",
        "https://ledger.example/status/95004/1",
        "not a list of the issuer",
    ),
]


@pytest.mark.parametrize(("path", "value", "match"), BADGE_CHANGES, ids=lambda value: str(value)[:40])
def test_a_badge_that_differs_is_refused(path: str, value: Any, match: str) -> None:
    """One change, one refusal, in words that name the place."""
    refused(with_change(a_badge(), path, value), a_provider().did, match)


def test_an_index_beyond_the_list_is_refused() -> None:
    """Entry 131 072 does not exist."""
    refused(a_badge(status_index=131_072), a_provider().did, "statusListIndex is beyond the end")


def test_an_award_may_be_signed_on_the_day_it_is_conferred() -> None:
    """New Zealand's day begins while it is still yesterday in UTC; such an award is not from the future."""
    badge = a_badge()
    badge["validFrom"] = "2026-10-29T11:00:00Z"

    profile.check(badge, a_provider().did)


CLR_CHANGES = [
    ("@context", a_badge()["@context"], "@context must be"),
    ("name", AWAY, "name is missing"),
    ("partial", "false", "partial must be true or false"),
    ("partial", AWAY, "partial is missing"),
    ("issuer.type", AWAY, "type is missing"),
    ("issuer.otherIdentifier", [], "otherIdentifier is no member"),
    ("credentialStatus", a_badge()["credentialStatus"], "credentialStatus is no member"),
    (f"{SUBJECT}.type", ["AchievementSubject"], "credentialSubject.type must be"),
    (f"{SUBJECT}.achievement", [], "achievement is no member"),
    (f"{SUBJECT}.verifiableCredential.0.proof.cryptosuite", "eddsa-jcs-2022", "cryptosuite must be"),
    (f"{SUBJECT}.verifiableCredential.0.proof.proofPurpose", "authentication", "proofPurpose must be"),
    (f"{SUBJECT}.verifiableCredential.0.proof.proofValue", "z1", "proofValue must be an Ed25519 signature"),
    (
        f"{SUBJECT}.verifiableCredential.0.proof.verificationMethod",
        "did:web:x#key-1",
        "verificationMethod must be",
    ),
    (f"{SUBJECT}.verifiableCredential.0.proof.created", AWAY, "created is missing"),
]


@pytest.mark.parametrize(("path", "value", "match"), CLR_CHANGES, ids=lambda value: str(value)[:40])
def test_a_record_that_differs_is_refused(path: str, value: Any, match: str) -> None:
    """One change, one refusal, in the record as in its awards."""
    refused(with_change(a_clr(), path, value), the_operator().did, match)


STATUS_LIST_CHANGES = [
    ("@context", [], "@context must be"),
    ("id", "status/95001/1", "id must be an https URL"),
    ("issuer", {"id": a_provider().did}, "issuer must be a DID"),
    ("validUntil", AWAY, "validUntil is missing"),
    ("validUntil", "2026-11-04T01:15:01Z", "by 48 hours at most"),
    ("validUntil", "2026-11-02T01:15:00Z", "validUntil must be after validFrom"),
    (f"{SUBJECT}.id", "https://ledger.example/status/95001/1", "and #list"),
    (f"{SUBJECT}.type", "StatusList2021", "type must be"),
    (f"{SUBJECT}.statusPurpose", "message", "statusPurpose must be 'revocation'"),
    (f"{SUBJECT}.encodedList", "H4sIAAAA", "encodedList must be a multibase base64url text"),
    (f"{SUBJECT}.ttl", "3600000", "ttl must be"),
    ("name", "x", "name is no member"),
]


@pytest.mark.parametrize(("path", "value", "match"), STATUS_LIST_CHANGES, ids=lambda value: str(value)[:40])
def test_a_status_list_that_differs_is_refused(path: str, value: Any, match: str) -> None:
    """One change, one refusal."""
    refused(with_change(a_status_list(1), path, value), a_provider().did, match)


def members(value: Any, path: str = "") -> list[str]:
    """Return the path of every member of every object in a document."""
    if isinstance(value, list):
        return [found for index, item in enumerate(value) for found in members(item, f"{path}.{index}")]
    if not isinstance(value, dict):
        return []
    own = [f"{path}.{name}".lstrip(".") for name in value]
    return own + [found for name, member in value.items() for found in members(member, f"{path}.{name}")]


OPTIONAL = (
    f"{ACHIEVEMENT}.fieldOfStudy",
    f"{ACHIEVEMENT}.tag",
    f"{ACHIEVEMENT}.alignment.0.targetFramework",
    "evidence.0.description",
)


@pytest.mark.parametrize("path", sorted(set(members(a_badge())) - set(OPTIONAL)))
def test_no_member_may_be_missing(path: str) -> None:
    """Everything a badge says it must say; the few exceptions are named above."""
    refused(with_change(a_badge(), path, AWAY), a_provider().did, "is missing|none of the kinds")


@pytest.mark.parametrize(
    "path", sorted({"", *(path.rsplit(".", 1)[0] for path in members(a_badge()) if "." in path)})
)
def test_no_member_may_be_added(path: str) -> None:
    """A member that the profile does not name is refused in every node, known to JSON-LD or not."""
    refused(
        with_change(a_badge(), f"{path}.image".lstrip("."), "https://a.example/i.png"),
        a_provider().did,
        "image is",
    )


def test_optional_members_may_be_missing() -> None:
    """What the profile does not insist on may be left out."""
    badge = a_badge()
    for path in OPTIONAL:
        badge = with_change(badge, path, AWAY)

    profile.check(badge, a_provider().did)
