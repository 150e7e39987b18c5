"""A learner who was forgotten: what pages still show, what cannot be had any more, what goes on proving."""

from base64 import b64decode
from collections.abc import Iterator
from uuid import UUID

import pytest

from tests.api.web.html import read
from tests.api.web.site import Site, a_site
from tests.support.forgetting import approved, officers, requested
from tests.support.ledgers import PROVIDER_KEY, statement
from tests.support.world import ANA, BEN


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site whose learner ANA took her bundle along, and was forgotten."""
    made = a_site(tmp_path_factory.mktemp("site") / "ledger")
    made.bundle = made.get("/me?format=bundle", who=ANA).content  # type: ignore[attr-defined]
    officers(made.ledger)
    approved(made.ledger, requested(made.ledger, ANA))
    made.house.forget_approved()
    made.house.catch_up()
    yield made
    made.close()


def test_the_record_stays_without_a_name(site):
    """Level 1 leaves what is open: what was achieved, by nobody who is named."""
    page = site.get("/me", who=ANA)

    assert page.status_code == 200
    assert "Name no longer kept" in read(page.text).text
    assert ANA.nsn not in page.text
    assert "Brook" not in page.text
    assert site.json("/me", who=ANA)["learner"]["legal_name"] is None


@pytest.mark.parametrize("path", ["/me?format=clr", "/me?format=bundle", "/me/awards/{award}?format=ob3"])
def test_no_document_is_signed_any_more(site, path):
    """It would name somebody, and nobody knows whom."""
    answer = site.get(path.format(award=site.awards[ANA.nsn]), "application/json", who=ANA)

    assert answer.status_code == 404
    assert "can no longer be opened" in answer.json()["detail"]


def test_others_have_what_they_had(site):
    """One learner's key is not another's."""
    assert site.json("/me", who=BEN)["learner"]["legal_name"] == "Ben Cliff"


def test_the_list_of_personas_goes_on(site):
    """Whom to be: one of them without a name."""
    assert "Name no longer kept" in read(site.get("/demo/persona").text).text


def test_a_bundle_from_before_still_verifies(site):
    """It is in other hands, and stays valid: intended, and said."""
    answer = site.client.post(
        "/v1/verify", files={"file": ("bundle.zip", site.bundle)}, headers={"Accept": "application/json"}
    )

    assert answer.status_code == 200, answer.text
    assert answer.json()["headline"].startswith("Verified"), answer.text


def test_a_false_award_of_hers_can_still_be_revoked(site):
    """And the bundle that is out there then says so."""
    said = statement(
        "award.revoked",
        award=UUID(str(site.awards[ANA.nsn])),
        reason="issued_in_error",
        effective_on="2026-11-22",
    )
    site.ledger.must(PROVIDER_KEY, [said])
    site.house.catch_up()

    (award,) = site.json("/me", who=ANA)["micro_credentials"]
    assert award["state"] == "revoked"
    assert site.ledger.audit().faults == []


def test_anybody_may_prove_the_count(site):
    """One learner, and how many records: the public record of it is proven like every other."""
    (record,) = site.ledger.ledger.store.select_notifications(1, 10, topics=("forgetting.counted",))

    proven = site.json(f"/v1/receipts/{record.id}")

    entry = b64decode(proven["entry"])
    assert b"forgetting.counted" in entry
    assert site.learners[ANA.nsn].bytes not in entry
