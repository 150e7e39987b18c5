"""Status lists: one bit each, the published encoding, and a plain twin that agrees."""

import base64
import gzip
import hashlib
import json
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import Malformed, Refusal
from projections.exports.status_list import ENTRIES, StatusBits, status_list_credential
from tests.projections.exports.world import (
    HOST,
    SIGNED_AT_US,
    a_provider,
    a_signed_status_list,
    a_status_list,
    proof_holds,
    the_operator,
)
from tests.support.vectors import published

indexes = st.integers(0, ENTRIES - 1)


def test_published_encoding_of_an_empty_list() -> None:
    """A list with no bit set has the encoding that the standard prints (Bitstring Status List v1.0)."""
    expected = json.loads(published("vc/bitstring/zero-131072.json").read_text())["encodedList"]

    assert StatusBits().encoded() == expected
    assert StatusBits.decoded(expected) == StatusBits()


def test_the_first_entry_is_the_leftmost_bit() -> None:
    """Index 0 is the most significant bit of the first byte, index 8 that of the second."""
    packed = base64.urlsafe_b64decode(StatusBits([0, 8, 15]).encoded()[1:] + "==")

    assert gzip.decompress(packed)[:3] == bytes([0b1000_0000, 0b1000_0001, 0])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(indexes, st.booleans()), max_size=60))
def test_agrees_with_a_plain_twin(changes: list[tuple[int, bool]]) -> None:
    """After any changes the list says what a set of numbers says, also when written and read back."""
    bits, twin = StatusBits(), set[int]()

    for index, revoked in changes:
        bits.set(index, revoked=revoked)
        (twin.add if revoked else twin.discard)(index)

    read = StatusBits.decoded(bits.encoded())
    assert read == bits == StatusBits(twin)
    assert bits.count() == len(twin)
    touched = {index for index, _ in changes} | {0, ENTRIES - 1}
    assert {index for index in touched if read.get(index)} == twin


@given(st.sets(indexes, max_size=20))
def test_same_bits_same_text_whatever_the_order(revoked: set[int]) -> None:
    """The text depends on the bits and on nothing else."""
    forwards, backwards = StatusBits(sorted(revoked)), StatusBits(sorted(revoked, reverse=True))

    assert forwards.encoded() == backwards.encoded()
    assert forwards.digest() == backwards.digest()


def test_the_digest_is_over_the_plain_bits() -> None:
    """The digest that the ledger records does not depend on any compression."""
    assert StatusBits().digest() == hashlib.sha256(bytes(16_384)).digest()
    assert StatusBits([5]).digest() == hashlib.sha256(b"\x04" + bytes(16_383)).digest()


def test_a_list_that_changes_cannot_be_a_key() -> None:
    """Two lists equal now may differ later: they have no hash."""
    with pytest.raises(TypeError):
        hash(StatusBits())
    assert StatusBits() != "u"


@pytest.mark.parametrize("index", [-1, ENTRIES, 2**40])
def test_entries_that_do_not_exist_are_refused(index: int) -> None:
    """There is no entry before the first or after the last."""
    for act in (StatusBits().get, StatusBits().set):
        with pytest.raises(Refusal, match="entries 0 to 131071") as caught:
            act(index)
        assert caught.value.code == "status-index"


def packed(data: bytes) -> str:
    """Return bytes as an encoded list, whatever their number."""
    return "u" + base64.urlsafe_b64encode(gzip.compress(data, mtime=0)).decode().rstrip("=")


GOOD = StatusBits([1]).encoded()


@pytest.mark.parametrize(
    "text",
    [
        "",
        GOOD[1:],
        "z" + GOOD[1:],
        GOOD + "=",
        GOOD[:-8],
        GOOD[:40],
        "u",
        "u!!!!",
        packed(bytes(16_383)),
        packed(bytes(16_385)),
        packed(bytes(50_000_000)),
        "u" + base64.urlsafe_b64encode(zlib.compress(bytes(16_384))).decode().rstrip("="),
        "u" + base64.urlsafe_b64encode(gzip.compress(bytes(16_384)) + b"more").decode().rstrip("="),
        "u"
        + base64.urlsafe_b64encode(gzip.compress(bytes(16_384))[:-8] + struct.pack("<II", 1, 16_384))
        .decode()
        .rstrip("="),
    ],
    ids=[
        "empty",
        "no-multibase-sign",
        "another-multibase",
        "padded",
        "truncated-trailer",
        "truncated",
        "nothing",
        "no-base64",
        "too-short",
        "too-long",
        "bomb",
        "zlib-not-gzip",
        "more-behind",
        "wrong-checksum",
    ],
)
def test_what_is_no_list_is_refused(text: str) -> None:
    """Anything but one gzip stream of exactly 16 384 bytes is refused, and no bomb is inflated."""
    with pytest.raises(Malformed):
        StatusBits.decoded(text)


def test_the_credential_says_whose_list_it_is_and_for_how_long() -> None:
    """Same issuer as the badges, its own address, good for 48 hours."""
    listed = a_status_list(7, number=3)

    assert listed["id"] == "https://ledger.example/status/95001/3"
    assert listed["issuer"] == a_provider().did
    assert (listed["validFrom"], listed["validUntil"]) == ("2026-11-02T01:15:00Z", "2026-11-04T01:15:00Z")
    assert listed["credentialSubject"]["id"] == "https://ledger.example/status/95001/3#list"
    assert StatusBits.decoded(listed["credentialSubject"]["encodedList"]).get(7)


def test_revoking_changes_what_is_signed() -> None:
    """A list with one more bit is another document, and the old proof does not hold over it."""
    before, after = a_signed_status_list(), a_signed_status_list(88412)

    assert proof_holds(before)
    assert proof_holds(after)
    assert not proof_holds({**after, "proof": before["proof"]})


def test_only_numbered_organisations_have_lists() -> None:
    """The operator awards nothing, and has no status list."""
    with pytest.raises(Refusal, match="with a number") as caught:
        status_list_credential(StatusBits(), the_operator(), HOST, 1, SIGNED_AT_US)

    assert caught.value.code == "export-issuer"
