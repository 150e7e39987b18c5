"""The record as a CLR: the 1EdTech schema accepts it, and awards stand in it as they were signed."""

import copy
from typing import Any
from uuid import UUID

import pytest

from ledger.errors import Refusal
from projections.exports import profile, securing
from projections.exports.clr import clr
from projections.exports.model import Association
from tests.projections.exports import schemas
from tests.projections.exports.world import (
    HOLDER,
    HOST,
    LEARNER,
    SIGNED_AT_US,
    a_clr,
    a_provider,
    a_record,
    a_signed_badge,
    a_signed_clr,
    another_signed_badge,
    proof_holds,
    the_operator,
)

OLD = "urn:uuid:0192f5c4-7a3e-7cc1-9d1e-000000000009"
REPLACED = Association("replacedBy", OLD, a_signed_badge()["id"])


@pytest.mark.parametrize("make", [a_clr, a_signed_clr])
@pytest.mark.parametrize("changes", [{}, {"partial": True}, {"associations": (REPLACED,)}], ids=str)
def test_the_1edtech_schema_accepts_it(make: Any, changes: dict[str, Any]) -> None:
    """Signed or not, whole or partial, with or without associations, the schema of CLR 2.0 finds no fault."""
    assert schemas.faults(schemas.CLR, make(**changes)) == []


def test_the_schema_does_find_faults() -> None:
    """The judge is awake: a record without a name, and one whose contexts are turned, are faulted."""
    record = a_clr()
    turned = {**record, "@context": list(reversed(record["@context"]))}
    del record["name"]

    assert schemas.faults(schemas.CLR, record)
    assert schemas.faults(schemas.CLR, turned)


def test_who_what_and_as_at() -> None:
    """The operator says what the record held at one instant, and whether all of it is shown."""
    record = a_clr(partial=True)

    assert record["issuer"]["id"] == "did:web:ledger.example"
    assert "otherIdentifier" not in record["issuer"]
    assert record["partial"] is True
    assert record["awardedDate"] == record["validFrom"] == "2026-11-02T01:15:00Z"
    assert record["description"] == "Record of achievement as held in the ledger on 2026-11-02."
    assert record["credentialSubject"]["id"] == HOLDER
    assert record["credentialSubject"]["identifier"][0]["identityHash"] == LEARNER


def test_the_day_is_new_zealands() -> None:
    """Late evening UTC is already the next day in the description."""
    late = SIGNED_AT_US + 11 * 3_600_000_000

    assert "on 2026-11-03." in a_clr(as_at_us=late, signed_at_us=late)["description"]


def test_awards_stand_as_they_were_signed() -> None:
    """Every award is in the record in the order given, unchanged, and its own proof holds."""
    first, second = a_signed_badge(), another_signed_badge()

    record = clr(a_record(second, first), the_operator(), HOST)

    assert record["credentialSubject"]["verifiableCredential"] == [second, first]
    assert all(proof_holds(award) for award in record["credentialSubject"]["verifiableCredential"])


def test_the_record_shares_nothing_with_its_input() -> None:
    """Changing the document afterwards does not reach the awards it was made of."""
    badge = a_signed_badge()
    before = copy.deepcopy(badge)

    record = clr(a_record(badge), the_operator(), HOST)
    record["credentialSubject"]["verifiableCredential"][0]["name"] = "changed"

    assert badge == before


def test_many_awards_of_one_provider_and_learner() -> None:
    """Twelve awards, with the many alike nodes that they bring, are signed and hold."""
    awards = [
        another_signed_badge(credential_id=uuid_of(number), code=str(6200 + number)) for number in range(12)
    ]
    operator = the_operator()

    signed = securing.sign_credential(
        clr(a_record(*awards), operator, HOST), operator.signer, operator.did, SIGNED_AT_US
    )

    assert proof_holds(signed)
    assert schemas.faults(schemas.CLR, signed) == []


def uuid_of(number: int) -> UUID:
    """Return a credential id for each number."""
    return UUID(int=0x0192F5C47A3E7CC19D1E000000000100 + number)


def test_only_the_operator_issues() -> None:
    """A record is the operator's to sign, under its own host."""
    for issuer, host in ((a_provider(), HOST), (the_operator(), "elsewhere.example")):
        with pytest.raises(Refusal, match="signed by the operator") as caught:
            clr(a_record(), issuer, host)
        assert caught.value.code == "export-issuer"


def refused(record: dict[str, Any], match: str) -> None:
    """Expect the profile to refuse the record with these words."""
    with pytest.raises(Refusal, match=match) as caught:
        profile.check(record, the_operator().did)
    assert caught.value.code == "export-profile"


def test_a_record_of_nothing_is_refused() -> None:
    """CLR 2.0 asks for at least one credential; a record without awards has nothing to export."""
    record = a_clr()
    record["credentialSubject"]["verifiableCredential"] = []

    refused(record, "verifiableCredential must be a list of at least 1")


def test_an_unsigned_award_is_refused() -> None:
    """What is not signed by its provider does not go into a record."""
    record = a_clr()
    del record["credentialSubject"]["verifiableCredential"][1]["proof"]

    refused(record, r"verifiableCredential\[1\].proof is missing")


def test_an_award_of_another_learner_is_refused() -> None:
    """A record is one learner's."""
    other = another_signed_badge(holder_id="urn:uuid:0192f5c4-0000-7000-8000-000000000000")

    refused(
        clr(a_record(a_signed_badge(), other), the_operator(), HOST),
        r"\[1\].credentialSubject.id is not the learner",
    )


def test_an_award_signed_with_anothers_key_is_refused() -> None:
    """The key inside is the inner issuer's."""
    record = a_clr()
    first, second = record["credentialSubject"]["verifiableCredential"]
    first["proof"] = second["proof"]

    refused(record, r"verifiableCredential\[0\].proof.verificationMethod is not the issuer's")


def test_an_award_twice_is_refused() -> None:
    """No award counts twice."""
    refused(
        clr(a_record(a_signed_badge(), a_signed_badge()), the_operator(), HOST), "holds a credential twice"
    )


def test_a_record_signed_before_it_stood_is_refused() -> None:
    """`as at` is not after the signature."""
    refused(a_clr(as_at_us=SIGNED_AT_US + 1_000_000), "awardedDate is after the record was signed")


def test_an_award_inside_is_held_to_the_profile() -> None:
    """What holds for an award alone holds for it inside a record."""
    record = a_clr()
    record["credentialSubject"]["verifiableCredential"][0]["credentialSubject"]["creditsEarned"] = 11.0

    refused(record, "creditsEarned differs from the credits of the achievement")


def test_an_association_with_itself_is_refused() -> None:
    """Nothing replaces itself."""
    loop = Association("replacedBy", REPLACED.target_id, REPLACED.target_id)

    refused(a_clr(associations=(loop,)), r"association\[0\] joins a thing to itself")
    refused(
        a_clr(associations=(Association("betterThan", "urn:a", "urn:b"),)), "associationType must be one of"
    )


def test_two_names_are_refused() -> None:
    """One learner has one name in a record."""
    record = a_clr()
    record["credentialSubject"]["identifier"] *= 2

    refused(record, "identifier must be a list of 1")
