"""Exact bytes: canonical JSON, salted leaves and the tree over them."""

import hashlib
import json
import unicodedata

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from api.client.errors import Malformed, Refused
from api.client.jose import b64url
from api.client.statements import Statement, flat, line, root_of, statement_bytes, statement_leaf, who_digest

words = st.text(st.characters(exclude_categories=("Cs",)), max_size=30).map(
    lambda word: unicodedata.normalize("NFC", word)
)
names = st.text(st.characters(max_codepoint=127), max_size=8)
numbers = st.integers(-(2**53) + 1, 2**53 - 1)


@given(st.dictionaries(names, words | numbers, max_size=8))
def test_flat_objects_are_written_as_jcs_writes_them(value: dict[str, str | int]):
    """The fast way and the reference implementation of RFC 8785 give the same bytes."""
    assert flat(value)
    assert statement_bytes(value) == rfc8785.dumps(value)


@given(
    st.dictionaries(
        words,
        st.recursive(words | numbers | st.booleans() | st.none(), lambda inner: st.lists(inner, max_size=3)),
        max_size=5,
    )
)
def test_everything_else_goes_to_the_reference_implementation(value: dict[str, object]):
    """Whatever the members hold, the bytes are those of RFC 8785, and NFC."""
    try:
        expected = rfc8785.dumps(value)
    except rfc8785.CanonicalizationError:
        with pytest.raises(Malformed):
            statement_bytes(value)
        return

    # Names sorted into place can only meet inside quotes, so NFC parts make an NFC whole.
    assert statement_bytes(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": "b", "c": 1}, True),
        ({"a": True}, False),
        ({"a": None}, False),
        ({"a": 1.5}, False),
        ({"a": ["b"]}, False),
        ({"ā": "b"}, False),
        ({"a": 2**53}, False),
    ],
)
def test_flat_is_only_what_was_proved_equal(value: dict[str, object], expected: object):
    """Booleans, nothing, fractions, nests, other names and large numbers go the slow way."""
    assert flat(value) is expected


@pytest.mark.parametrize("value", [{"a": "e\u0301"}, {"a": "\ud800"}, {"a": ["\ud800"]}, {"a": 2**53}])
def test_text_without_exact_bytes_is_refused(value: dict[str, object]):
    """Text that is not NFC, half characters and numbers past 2**53 are refused."""
    with pytest.raises(Malformed):
        statement_bytes(value)


def test_statement_has_a_largest_size():
    """16 KiB is taken, one byte more is not."""
    room = 16 * 1024 - len('{"a":""}')

    assert len(statement_bytes({"a": "x" * room})) == 16 * 1024
    with pytest.raises(Refused, match="16384 bytes"):
        statement_bytes({"a": "x" * (room + 1)})


def test_line_binds_the_person_by_a_salted_digest():
    """The statement carries the digest of the identity columns, which travel beside it."""
    salt, who_salt = bytes(range(32)), bytes(range(32, 64))
    said, who = {"type": "assessment.passed", "v": 1, "grade": "A"}, {"nsn": "9000000001"}

    made = line(Statement(said, who), salt, who_salt)

    assert made.who == b'{"nsn":"9000000001"}'
    digest = hashlib.sha256(b"achievement-ledger/who/v1\x00" + who_salt + made.who).digest()
    assert who_digest(made.who, who_salt) == digest
    assert json.loads(made.statement) == {**said, "who": b64url(digest)}
    leaf = hashlib.sha256(b"\x00" + b"achievement-ledger/statement/v1\x00" + salt + made.statement).digest()
    assert statement_leaf(made.statement, made.salt) == leaf


def test_public_line_has_no_person():
    """A statement about no person carries neither digest nor identity columns."""
    made = line(Statement({"type": "organisation.registered", "v": 1}), b"s" * 32, b"w" * 32)

    assert made.statement == b'{"type":"organisation.registered","v":1}'
    assert (made.who, made.who_salt) == (None, None)


def slow_root(leaves: list[bytes]) -> bytes:
    """Follow RFC 9162 §2.1.1 word by word: split at the largest power of two below the size."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + slow_root(leaves[:split]) + slow_root(leaves[split:])).digest()


@given(st.integers(1, 300))
def test_root_agrees_with_the_definition(size: int):
    """Pairing level by level gives the tree that the recursive definition gives."""
    leaves = [hashlib.sha256(bytes([i % 256, i // 256])).digest() for i in range(size)]

    assert root_of(leaves) == slow_root(leaves)
