"""An award as an Open Badge: the 1EdTech schema accepts it, and it says what the ledger says."""

import unicodedata
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import Refusal
from projections.exports import profile
from projections.exports.model import Developer, OutcomeResult
from projections.exports.open_badge import METHODS, open_badge, receipt_of
from tests.projections.exports import schemas
from tests.projections.exports.world import (
    HOST,
    LEARNER,
    RECEIPT,
    a_badge,
    a_provider,
    a_signed_badge,
    an_award,
    another_signed_badge,
    the_operator,
)

REGISTER = "https://ledger.example/register/6099/v2"


@pytest.mark.parametrize("make", [a_badge, a_signed_badge, another_signed_badge])
def test_the_1edtech_schema_accepts_it(make: Any) -> None:
    """Signed or not, in English or te reo Māori, the schema of Open Badges 3.0 finds no fault."""
    assert schemas.faults(schemas.OPEN_BADGE, make()) == []


def test_the_schema_does_find_faults() -> None:
    """The judge is awake: a badge without criteria, and one with a wrong first context, are faulted."""
    badge = a_badge()
    del badge["credentialSubject"]["achievement"]["criteria"]
    assert schemas.faults(schemas.OPEN_BADGE, badge)

    assert schemas.faults(
        schemas.OPEN_BADGE, {**a_badge(), "@context": ["https://www.w3.org/ns/credentials/v1"]}
    )


def test_what_an_employer_reads() -> None:
    """Who, what, level, size, when, and by whom: each where Open Badges readers look for it."""
    badge = a_badge()
    subject, achievement = badge["credentialSubject"], badge["credentialSubject"]["achievement"]

    assert subject["identifier"] == [
        {"type": "IdentityObject", "hashed": False, "identityHash": LEARNER, "identityType": "name"}
    ]
    assert badge["id"] == "urn:uuid:0192f5c4-7a3e-7cc1-9d1e-000000000001"
    assert badge["name"] == achievement["name"] == "Aquaculture Biosecurity (Micro-credential)"
    assert badge["description"] == "Award of Aquaculture Biosecurity (Micro-credential): Level 4, 10 credits."
    assert badge["issuer"]["otherIdentifier"][0]["identifier"] == "95001"
    assert achievement["id"] == REGISTER
    assert (achievement["humanCode"], achievement["version"]) == ("6099", "2")
    assert achievement["fieldOfStudy"] == "NZSCED 050701 Aquaculture"
    assert subject["creditsEarned"] == achievement["creditsAvailable"] == 10.0
    assert (subject["activityStartDate"], subject["activityEndDate"]) == (
        "2026-07-20T00:00:00Z",
        "2026-10-16T00:00:00Z",
    )
    assert badge["awardedDate"] == "2026-10-30T00:00:00Z"
    assert badge["validFrom"] == "2026-11-02T01:15:00Z"
    assert "validUntil" not in badge


def test_each_outcome_has_its_letter_and_there_is_no_overall_grade() -> None:
    """Per outcome one alignment, one description with the letters allowed, and one result."""
    badge = a_badge()
    subject, achievement = badge["credentialSubject"], badge["credentialSubject"]["achievement"]

    assert [(result["resultDescription"], result["value"]) for result in subject["result"]] == [
        (f"{REGISTER}#lo1-result", "M"),
        (f"{REGISTER}#lo2-result", "A"),
        (f"{REGISTER}#lo3-result", "E"),
    ]
    assert [description["id"] for description in achievement["resultDescription"]] == [
        result["resultDescription"] for result in subject["result"]
    ]
    for description in achievement["resultDescription"]:
        assert description["resultType"] == "LetterGrade"
        assert description["allowedValue"] == ["N", "A", "M", "E"]
        assert description["requiredValue"] == "A"
    outcomes = [node for node in achievement["alignment"] if node["targetType"] == "ext:LearningOutcome"]
    assert [(node["targetCode"], node["targetUrl"]) for node in outcomes] == [
        ("LO1", f"{REGISTER}#lo1"),
        ("LO2", f"{REGISTER}#lo2"),
        ("LO3", f"{REGISTER}#lo3"),
    ]


def test_an_award_on_another_basis_claims_no_accreditation() -> None:
    """A developer that awarded with good reason is not said to have been accredited, and can still sign."""
    badge = a_signed_badge(accredited_from=None)

    kinds = [one["targetType"] for one in badge["credentialSubject"]["achievement"]["alignment"]]

    assert "ext:NZQAConsentToAssess" not in kinds
    assert kinds[:2] == ["ext:NZQCFLevel", "ext:NZQAApproval"]


def test_approval_and_accreditation_as_on_the_day_of_award() -> None:
    """Level, approval and accreditation are named, the last two with the day they are asked for."""
    level, approval, accreditation = a_badge()["credentialSubject"]["achievement"]["alignment"][:3]

    assert (level["targetType"], level["targetCode"]) == ("ext:NZQCFLevel", "4")
    assert approval["targetCode"] == "MC6099-2"
    assert approval["targetName"].endswith("version 2 (listed 2025-12-01, review due 2028-12-01)")
    assert approval["targetUrl"] == f"{REGISTER}/approval?at=2026-10-30"
    assert accreditation["targetCode"] == "95001"
    assert accreditation["targetName"] == "Provider accreditation in force on 2026-10-30 (since 2026-01-15)"
    assert accreditation["targetUrl"] == "https://ledger.example/providers/95001/accreditation?at=2026-10-30"


def test_status_entry_points_into_the_providers_list() -> None:
    """One status entry, its index a text, its list the issuer's own."""
    assert a_badge()["credentialStatus"] == {
        "id": "https://ledger.example/status/95001/1#88412",
        "type": "BitstringStatusListEntry",
        "statusPurpose": "revocation",
        "statusListIndex": "88412",
        "statusListCredential": "https://ledger.example/status/95001/1",
    }


def test_the_receipt_travels_in_the_evidence() -> None:
    """The tlog-proof text is in the badge as it is, and is found again."""
    badge = a_badge()

    assert badge["evidence"][0]["genre"] == "TransparencyReceipt"
    assert receipt_of(badge) == RECEIPT


def test_an_award_not_yet_published_has_no_receipt() -> None:
    """Before the next checkpoint an award can leave, without the receipt."""
    badge = a_badge(receipt=None)

    assert receipt_of(badge) is None
    assert schemas.faults(schemas.OPEN_BADGE, badge) == []
    assert [evidence["genre"] for evidence in badge["evidence"]] == ["AssessmentMethod"]


def test_how_outcomes_were_assessed_is_said_in_words() -> None:
    """A provider that recognises prior learning can see which outcomes were recognised that way."""
    assert a_badge()["evidence"][1]["narrative"] == (
        "LO1: assessed\nLO2: assessed\nLO3: recognition of prior learning"
    )


def test_optional_facts_may_be_absent() -> None:
    """No review date, no field of study: nothing empty is written in their place."""
    badge = a_badge(review_due=None, nzsced=None, field=None)
    achievement = badge["credentialSubject"]["achievement"]

    assert "fieldOfStudy" not in achievement
    assert "tag" not in achievement
    assert achievement["alignment"][1]["targetName"].endswith("(listed 2025-12-01)")
    assert a_badge(field=None)["credentialSubject"]["achievement"]["fieldOfStudy"] == "NZSCED 050701"
    assert a_badge(credits=1)["description"].endswith("Level 4, 1 credit.")


def test_te_reo_is_plain_text_with_its_language() -> None:
    """Te reo Māori is written as it is, with macrons; the language stands beside it."""
    achievement = another_signed_badge()["credentialSubject"]["achievement"]

    assert achievement["inLanguage"] == "mi"
    assert achievement["description"] == "Mō te hunga e mahi ana i te taha moana."


def test_only_the_awarding_provider_issues() -> None:
    """An award is never issued by another provider, by the operator, or under another host."""
    for issuer in (a_provider(95004), the_operator()):
        with pytest.raises(Refusal, match="the provider that awarded it") as caught:
            open_badge(an_award(), issuer, HOST)
        assert caught.value.code == "export-issuer"
    with pytest.raises(Refusal, match="the provider that awarded it"):
        open_badge(an_award(), a_provider(), "elsewhere.example")


def test_an_unknown_method_is_refused() -> None:
    """A method that has no words is not passed over."""
    with pytest.raises(Refusal, match="outcome LO1: the method of assessment is none of"):
        a_badge(outcomes=(OutcomeResult("LO1", "Do a thing.", "A", "guessed"),))


texts = st.text(
    alphabet=st.characters(categories=["L", "N", "P", "S"]) | st.sampled_from(' āēīōūĀĒĪŌŪʻ"\\\n'), min_size=1
).filter(lambda text: text.strip() != "")
nfc_texts = texts.map(lambda text: unicodedata.normalize("NFC", text))


@settings(max_examples=25, deadline=None)
@given(
    facts=st.fixed_dictionaries(
        {
            "credential_id": st.uuids(),
            "learner_name": nfc_texts,
            "title": nfc_texts,
            "purpose": nfc_texts,
            "level": st.integers(1, 10),
            "credits": st.integers(1, 120),
            "status_index": st.integers(0, 131_071),
            "language": st.sampled_from(["en", "mi", "nzsl"]),
        }
    ),
    grades=st.lists(st.sampled_from("AME"), min_size=1, max_size=6),
    method=st.sampled_from(sorted(METHODS)),
)
def test_every_award_makes_a_badge_of_the_profile(
    facts: dict[str, Any], grades: list[str], method: str
) -> None:
    """Whatever the ledger may record, the badge passes our profile, and the schema of 1EdTech."""
    badge = a_badge(
        **facts,
        outcomes=tuple(
            OutcomeResult(f"LO{number}", f"Outcome {number}.", grade, method)
            for number, grade in enumerate(grades, 1)
        ),
        developer=Developer(a_provider().did, a_provider().name),
        conferred_on=date(2026, 11, 2),
    )

    profile.check(badge, a_provider().did)
    assert schemas.faults(schemas.OPEN_BADGE, badge) == []
