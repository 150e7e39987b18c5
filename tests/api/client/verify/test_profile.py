"""Our model of an award and a record, judged by the JSON Schemas of 1EdTech and by samples of others."""

import json
from functools import cache

import jsonschema_rs
import pytest

from api.client.errors import Malformed
from api.client.verify import shapes
from api.client.verify.jsonld import pinned
from api.client.verify.profile import award_faults, record_faults, status_list_faults
from tests.api.client.verify.words import BADGE, LIST, RECORDS, drop, edited, places, put
from tests.support.vectors import published, published_cases

OPEN_BADGE = "ob_v3p0_achievementcredential_schema.json"
CLR = "clr_v2p0_clrcredential_schema.json"


@cache
def schema(name):
    """Return a validator of a published schema."""
    return jsonschema_rs.validator_for(
        json.loads(published(f"../schemas/{name}").read_text()), validate_formats=True
    )


def test_what_we_accept_the_schemas_accept():
    """The award and the record of these tests have no fault by our model nor by 1EdTech's."""
    assert list(award_faults(BADGE)) == []
    assert list(record_faults(RECORDS[0])) == []
    assert list(status_list_faults(LIST)) == []
    assert [error.message for error in schema(OPEN_BADGE).iter_errors(BADGE)] == []
    assert [error.message for error in schema(CLR).iter_errors(RECORDS[0])] == []


@pytest.mark.parametrize(
    "path", sorted({path[:depth] for path, _ in places(BADGE) for depth in range(1, len(path) + 1)}, key=str)
)
def test_what_the_schema_misses_our_model_misses_too(path):
    """Every member that the Open Badges schema asks for, our model (or the contexts) asks for."""
    without = edited(BADGE, drop(*path))

    if not schema(OPEN_BADGE).is_valid(without):
        assert list(award_faults(without)) or _undefined(without)


def _undefined(document):
    """Return whether the contexts leave something in a document undefined."""
    try:
        pinned().canonical({name: value for name, value in document.items() if name != "proof"})
    except Malformed:
        return True
    return False


@pytest.mark.parametrize(
    "path",
    published_cases("vc/1edtech-validator-samples/inspector-vc/src/test/resources/ob30", "simple-err-*.json"),
)
def test_bad_samples_of_others_are_not_awards_here(path):
    """None of the invalid badges of 1EdTech's validator passes for an award of this ledger."""
    assert list(award_faults(json.loads(path.read_text(encoding="utf-8"))))


@pytest.mark.parametrize("value", [None, 5, "text", [], {}, [{}], True])
@pytest.mark.parametrize("faults", [award_faults, record_faults, status_list_faults])
def test_any_json_has_faults_and_no_errors(faults, value):
    """Rules answer about every value; they never break."""
    for document in ({}, {"credentialSubject": value}, {"issuer": value, "proof": value, "type": value}):
        assert list(faults(document))
    assert list(faults({"credentialSubject": {"result": value, "verifiableCredential": value}}))


def test_faults_name_the_place():
    """A fault says where it is."""
    badge = edited(BADGE, put("credentialSubject", "achievement", "alignment", 1, "targetUrl", "no address"))

    assert list(award_faults(badge)) == [
        "credential.credentialSubject.achievement.alignment[1].targetUrl has another form than it should"
    ]


def test_a_type_may_be_written_alone():
    """One type may stand without a list."""
    assert shapes.types({"type": "A"}) == ("A",)
    assert shapes.types({"type": ["A", 5, "B"]}) == ("A", "B")
    assert shapes.types({}) == shapes.types(5) == ()
