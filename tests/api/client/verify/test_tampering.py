"""A signed credential that was changed, however little, is not valid; no file can stop the verifier."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.client.verify.verdict import NOT_VALID
from tests.api.client.verify.words import (
    AWARD,
    BADGE,
    LIST,
    WORLD,
    codes,
    drop,
    edited,
    judged,
    places,
    put,
    results,
)
from tests.support.credentials import Award, World

SUBJECT = ("credentialSubject",)
ACHIEVEMENT = (*SUBJECT, "achievement")
OTHER_VALUE = BADGE["proof"]["proofValue"][:-1] + ("2" if BADGE["proof"]["proofValue"][-1] != "2" else "3")


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(put(*ACHIEVEMENT, "alignment", 0, "targetCode", "5"), id="level"),
        pytest.param(put(*ACHIEVEMENT, "name", "Rocket Science"), id="title"),
        pytest.param(put(*ACHIEVEMENT, "humanCode", "6023"), id="code"),
        pytest.param(put(*ACHIEVEMENT, "alignment", 1, "targetName", "Everything"), id="outcome"),
        pytest.param(put(*SUBJECT, "identifier", 0, "identityHash", "Ben Sample"), id="name"),
        pytest.param(put(*SUBJECT, "result", 1, "value", "E"), id="grade"),
        pytest.param(put("awardedDate", "2026-10-29T00:00:00Z"), id="day-of-award"),
        pytest.param(put("issuer", "name", "Another Polytechnic (demo)"), id="issuer-name"),
        pytest.param(put("credentialStatus", "statusListIndex", "5"), id="status-index"),
        pytest.param(put("evidence", 0, "narrative", "no receipt"), id="receipt"),
        pytest.param(put("proof", "proofValue", OTHER_VALUE), id="proof-value"),
        pytest.param(put("proof", "created", "2026-11-22T01:15:01Z"), id="proof-created"),
        pytest.param(put("validUntil", "2099-01-01T00:00:00Z"), id="added-expiry"),
        pytest.param(drop(*SUBJECT, "result", 1), id="dropped-result"),
        pytest.param(put(*ACHIEVEMENT, "tag", ["added"]), id="added-tag"),
    ],
)
def test_a_changed_award_is_not_valid(edit):
    """Each change breaks the signature; what comes after it is not looked at."""
    verdict = judged(edited(BADGE, edit))

    assert verdict.headline == NOT_VALID
    assert codes(verdict)[3] == ("failed", "signature")
    assert {results(verdict)[number] for number in range(4, 10)} == {"not_checked"}
    assert verdict.credential["state"] == "not known"


def changed(value, chance):
    """Return another value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    at = chance.randrange(len(value))
    return value[:at] + ("x" if value[at] != "x" else "y") + value[at + 1 :]


@pytest.mark.parametrize(
    "path", [pytest.param(path, id=".".join(map(str, path))) for path, _ in places(BADGE)]
)
def test_no_value_in_an_award_can_be_changed(path):
    """Every single value, changed by one sign, makes the award not valid."""
    value = dict(places(BADGE))[path]

    verdict = judged(edited(BADGE, put(*path, changed(value, random.Random(str(path))))))

    assert verdict.headline == NOT_VALID


@pytest.mark.parametrize(
    "path", [pytest.param(path, id=".".join(map(str, path))) for path, _ in places(BADGE)]
)
def test_no_value_in_an_award_can_be_left_out(path):
    """Every single value, left out, makes the award not valid."""
    assert judged(edited(BADGE, drop(*path))).headline == NOT_VALID


def test_an_award_resigned_by_a_stranger_is_not_valid():
    """A thief without the key can sign with another: the key is not the issuer's."""
    forged = WORLD.badge(Award(name="Ben Sample", index=AWARD.index), key=WORLD.stranger)

    verdict = judged(forged)

    assert verdict.headline == NOT_VALID
    assert codes(verdict)[4] == ("failed", "key-not-registered")


def test_the_receipt_of_another_award_cannot_be_used():
    """A genuine receipt moved into somebody else's award is found out by the name."""
    world = World()
    hers, his = world.award(), world.award(name="Ben Sample")
    moved = world.badge(his, receipt=world.receipt(hers))

    assert codes(judged(moved))[7] == ("failed", "receipt-name")


def test_a_list_cannot_be_moved_under_another_address():
    """The list of one address does not answer for another."""
    verdict = judged(
        BADGE, fetch=lambda _url, /: json.dumps(edited(LIST, put("id", "https://ledger.example/x"))).encode()
    )

    assert codes(verdict) == {6: ("failed", "status-list-issuer")}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)
EVERYWHERE = sorted({path[:depth] for path, _ in places(BADGE) for depth in range(1, len(path) + 1)}, key=str)


@settings(max_examples=150)
@given(path=st.sampled_from(EVERYWHERE), value=JSON)
def test_no_value_anywhere_stops_the_verifier(path, value):
    """Any JSON in any place gives a verdict of nine checks, and never a good one by chance."""
    verdict = judged(edited(BADGE, put(*path, value)))

    assert len(verdict.checks) == 9
    assert verdict.headline == NOT_VALID or edited(BADGE, put(*path, value)) == BADGE
    assert verdict.text()
    json.dumps(verdict.as_json())


@settings(max_examples=60)
@given(path=st.sampled_from(EVERYWHERE), value=JSON)
def test_no_value_anywhere_in_a_signed_record_stops_the_verifier(path, value):
    """The same inside a record."""
    record = edited(RECORD, put("credentialSubject", "verifiableCredential", 0, *path, value))

    assert len(judged(record).checks) == 9
    assert judged(record).text()


RECORD = WORLD.record([BADGE])


@settings(max_examples=200)
@given(
    st.binary(max_size=300)
    | st.text(max_size=200).map(str.encode)
    | JSON.map(lambda value: json.dumps(value).encode())
)
def test_no_bytes_stop_the_verifier(data):
    """Whatever is handed in, there is a verdict."""
    verdict = judged(data)

    assert verdict.headline == NOT_VALID
    assert len(verdict.checks) == 9


@settings(max_examples=150)
@given(data=st.data())
def test_no_damaged_bundle_stops_the_verifier(data):
    """A bundle with some bytes changed or cut off gives a verdict."""
    damaged = bytearray(BUNDLE[: data.draw(st.integers(1, len(BUNDLE)))])
    for at, value in data.draw(
        st.lists(st.tuples(st.integers(0, len(damaged) - 1), st.integers(0, 255)), max_size=5)
    ):
        damaged[at] = value

    assert len(judged(bytes(damaged)).checks) == 9


BUNDLE = WORLD.bundle(BADGE, [LIST])
