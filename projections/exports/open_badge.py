"""One award as an Open Badge 3.0 on the Verifiable Credentials Data Model 2.0, not yet signed."""

from datetime import date
from typing import Any
from uuid import UUID, uuid5

from ledger.clock import rfc3339
from ledger.errors import Refusal
from ledger.keys.did import provider_did
from projections.exports.jsonld import CREDENTIALS_V2, OPEN_BADGES, OPEN_BADGES_EXTENSIONS
from projections.exports.model import AwardDocument, Document, IssuerProfile, OutcomeResult

CONTEXTS = (CREDENTIALS_V2, OPEN_BADGES, OPEN_BADGES_EXTENSIONS)
SCHEMA = "https://purl.imsglobal.org/spec/ob/v3p0/schema/json/ob_v3p0_achievementcredential_schema.json"
SCHEMA_TYPE = "1EdTechJsonSchemaValidator2019"
RECEIPT_GENRE = "TransparencyReceipt"
METHOD_GENRE = "AssessmentMethod"
FRAMEWORK = "New Zealand Qualifications and Credentials Framework"
# Not achieved stands among the values a result may take, though an award never shows it.
GRADES = ("N", "A", "M", "E")
PASSING_GRADE = "A"
METHODS = {
    "assessed": "assessed",
    "rpl": "recognition of prior learning",
    "crt": "credit recognition and transfer",
}


def open_badge(award: AwardDocument, issuer: IssuerProfile, host: str) -> Document:
    """Return the unsigned credential of one award.

    Args:
        award: what is to be said; texts in NFC.
        issuer: the provider that awarded it.
        host: the did:web host of the ledger, which all URLs begin with; not where a server happens to run.

    Returns:
        A new document; the same arguments give the same one.

    Raises:
        Refusal: the issuer is not the provider of this host that awarded it, or a method is not one we know.

    Source: Open Badges 3.0; CREDENTIALS.md 2 and 3. `validFrom` is when it is signed, `awardedDate`
    the day it was conferred. The profile is checked when it is signed (`securing.sign_credential`).
    """
    if issuer.number != award.awarded_by or issuer.did != provider_did(host, award.awarded_by):
        raise Refusal(
            "an award is signed by the provider that awarded it, and by no other", code="export-issuer"
        )
    status_list = f"https://{host}/status/{issuer.number}/{award.status_list}"
    return {
        "@context": list(CONTEXTS),
        "id": award.credential_id.urn,
        "type": ["VerifiableCredential", "OpenBadgeCredential"],
        "name": award.title,
        "description": f"Award of {award.title}: Level {award.level}, {_credits(award.credits)}.",
        "issuer": issuer_node(issuer),
        "validFrom": rfc3339(award.signed_at_us),
        "awardedDate": _day(award.conferred_on),
        "credentialSubject": _subject(award, host),
        "evidence": _evidence(award),
        "credentialSchema": [{"id": SCHEMA, "type": SCHEMA_TYPE}],
        "credentialStatus": {
            "id": f"{status_list}#{award.status_index}",
            "type": "BitstringStatusListEntry",
            "statusPurpose": "revocation",
            "statusListIndex": str(award.status_index),
            "statusListCredential": status_list,
        },
    }


def issuer_node(issuer: IssuerProfile) -> Document:
    """Return the issuer as an Open Badges Profile, with its number where it has one."""
    node: Document = {"id": issuer.did, "type": ["Profile"], "name": issuer.name, "url": issuer.url}
    if issuer.number is not None:
        node["otherIdentifier"] = [_identifier(str(issuer.number), "ext:nzqaProviderNumber")]
    return node


def learner_identity(name: str) -> list[Document]:
    """Return the learner's name as it is, never hashed; nothing else identifies the learner in an export.

    Source: CREDENTIALS.md 3: a hashed NSN or birth date is found by trying them all.
    """
    return [{"type": "IdentityObject", "hashed": False, "identityHash": name, "identityType": "name"}]


def receipt_of(badge: Any) -> str | None:
    """Return the C2SP tlog-proof text that an Open Badge carries, or None where it was not yet published."""
    for evidence in badge.get("evidence", []):
        if evidence.get("genre") == RECEIPT_GENRE:
            return str(evidence["narrative"])
    return None


def _subject(award: AwardDocument, host: str) -> Document:
    register = f"https://{host}/register/{award.code}/v{award.version}"
    return {
        "id": award.holder_id,
        "type": ["AchievementSubject"],
        "identifier": learner_identity(award.learner_name),
        "activityStartDate": _day(award.start_on),
        "activityEndDate": _day(award.completed_on),
        "creditsEarned": float(award.credits),
        "achievement": _achievement(award, host, register),
        "result": [
            {
                "type": ["Result"],
                "resultDescription": _result_id(register, outcome),
                "value": outcome.grade,
            }
            for outcome in award.outcomes
        ],
    }


def _achievement(award: AwardDocument, host: str, register: str) -> Document:
    node: Document = {
        "id": register,
        "type": ["Achievement"],
        "achievementType": "MicroCredential",
        "name": award.title,
        "humanCode": award.code,
        "version": str(award.version),
        "inLanguage": award.language,
        "description": award.purpose,
        "criteria": {"id": f"{register}#assessment", "narrative": award.assessment},
        "creator": {"id": award.developer.did, "type": ["Profile"], "name": award.developer.name},
        "creditsAvailable": float(award.credits),
        "otherIdentifier": [_identifier(award.code, "ext:nzqaMicroCredentialNumber")],
        "alignment": [
            *_framework_alignments(award, host, register),
            *(_outcome_alignment(outcome, register) for outcome in award.outcomes),
        ],
        "resultDescription": [_result_description(outcome, register) for outcome in award.outcomes],
    }
    if award.nzsced is not None:
        node["fieldOfStudy"] = f"NZSCED {award.nzsced} {award.field or ''}".rstrip()
    if award.field is not None:
        node["tag"] = [award.field]
    return node


def _framework_alignments(award: AwardDocument, host: str, register: str) -> list[Document]:
    """Return level, approval and accreditation: the last two as they stood on the day of award."""
    at = award.conferred_on.isoformat()
    listed = f"listed {award.listed_on.isoformat()}"
    due = "" if award.review_due is None else f", review due {award.review_due.isoformat()}"
    alignments = [
        _alignment(
            "ext:NZQCFLevel",
            str(award.level),
            f"NZQCF Level {award.level}",
            f"https://{host}/framework/levels",
            framework=FRAMEWORK,
        ),
        _alignment(
            "ext:NZQAApproval",
            f"MC{award.code}-{award.version}",
            f"Micro-credential approval, version {award.version} ({listed}{due})",
            f"{register}/approval?at={at}",
        ),
    ]
    if award.accredited_from is not None:
        alignments.append(
            _alignment(
                "ext:NZQAConsentToAssess",
                str(award.awarded_by),
                f"Provider accreditation in force on {at} (since {award.accredited_from.isoformat()})",
                f"https://{host}/providers/{award.awarded_by}/accreditation?at={at}",
            )
        )
    return alignments


def _outcome_alignment(outcome: OutcomeResult, register: str) -> Document:
    return _alignment("ext:LearningOutcome", outcome.id, outcome.text, f"{register}#{outcome.id.lower()}")


def _alignment(kind: str, code: str, name: str, url: str, *, framework: str | None = None) -> Document:
    node: Document = {"type": ["Alignment"], "targetType": kind}
    if framework is not None:
        node["targetFramework"] = framework
    return {**node, "targetCode": code, "targetName": name, "targetUrl": url}


def _result_description(outcome: OutcomeResult, register: str) -> Document:
    return {
        "id": _result_id(register, outcome),
        "type": ["ResultDescription"],
        "name": outcome.id,
        "resultType": "LetterGrade",
        "allowedValue": list(GRADES),
        "requiredValue": PASSING_GRADE,
    }


def _result_id(register: str, outcome: OutcomeResult) -> str:
    return f"{register}#{outcome.id.lower()}-result"


def _evidence(award: AwardDocument) -> list[Document]:
    """Return how the outcomes were assessed, after the receipt where the award has one."""
    methods = {
        "id": _own_id(award.credential_id, "assessment-method"),
        "type": ["Evidence"],
        "name": "How the learning outcomes were assessed",
        "genre": METHOD_GENRE,
        "narrative": "\n".join(f"{outcome.id}: {_method(outcome)}" for outcome in award.outcomes),
    }
    if award.receipt is None:
        return [methods]
    receipt = {
        "id": _own_id(award.credential_id, "receipt"),
        "type": ["Evidence"],
        "name": "Receipt of the transparency log",
        "description": "Proof that the award is recorded in the ledger's public log (C2SP tlog-proof).",
        "genre": RECEIPT_GENRE,
        "narrative": award.receipt,
    }
    return [receipt, methods]


def _method(outcome: OutcomeResult) -> str:
    if outcome.method not in METHODS:
        known = ", ".join(METHODS)
        raise Refusal(
            f"outcome {outcome.id}: the method of assessment is none of {known}", code="export-method"
        )
    return METHODS[outcome.method]


def _own_id(credential_id: UUID, part: str) -> str:
    """Return an id for a part of this credential: derived, so that the same award gives the same bytes."""
    return uuid5(credential_id, part).urn


def _identifier(identifier: str, kind: str) -> Document:
    return {"type": "IdentifierEntry", "identifier": identifier, "identifierType": kind}


def _credits(number: int) -> str:
    return "1 credit" if number == 1 else f"{number} credits"


def _day(day: date) -> str:
    """Return a civil date in the date-time form that the Open Badges schema asks for."""
    return f"{day.isoformat()}T00:00:00Z"
