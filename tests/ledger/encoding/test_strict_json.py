"""JSON read strictly and written canonically; base64 in one spelling."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.encoding.strict_json import b64, b64url, canonical, canonical_plain, parse, unb64, unb64url
from ledger.errors import Malformed
from tests.support.vectors import published, published_cases

SIZE_MAX = 1_000_000
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1)
PLAIN_KEYS = st.text(st.characters(max_codepoint=0x7F))


def _json(scalars, keys):
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=5) | st.dictionaries(keys, inner, max_size=5),
        max_leaves=20,
    )


PLAIN = _json(st.none() | st.booleans() | NUMBERS | TEXT, PLAIN_KEYS)
# JCS writes a larger whole float without a fraction, and readers then take it for a whole number.
FLOATS = st.floats(-(2**53) + 1, 2**53 - 1)
JSON = _json(st.none() | st.booleans() | NUMBERS | FLOATS | TEXT, TEXT)


# ------------------------------------------------------------------ canonical form


@pytest.mark.parametrize("path", published_cases("vc/rfc8785-cyberphone/testdata/input", "*.json"))
def test_jcs_vectors(path):
    """The published inputs of RFC 8785 give the published bytes."""
    folder = published("vc/rfc8785-cyberphone/testdata")
    written = canonical(parse(path.read_bytes(), size_max_bytes=SIZE_MAX))

    assert written == (folder / "output" / path.name).read_bytes()
    assert written == bytes.fromhex((folder / "outhex" / path.with_suffix(".txt").name).read_text())


@given(JSON)
def test_canonical_bytes_are_read_back(value):
    """What is written canonically is read back equal, and writes to the same bytes again."""
    written = canonical(value)
    again = parse(written, size_max_bytes=SIZE_MAX)

    assert again == value
    assert canonical(again) == written


@given(PLAIN)
def test_the_fast_form_is_the_canonical_form(value):
    """On text, whole numbers and ASCII keys the fast writer and the JCS library agree byte for byte."""
    assert canonical_plain(value) == canonical(value)


@pytest.mark.parametrize(
    "value",
    [2**53, -(2**53), float("nan"), float("inf"), "\ud800", {"\udfff": 1}, {1: 2}, b"bytes", {"a": {2}}],
    ids=repr,
)
def test_a_value_without_a_canonical_form_is_refused(value):
    """Numbers past 2**53, NaN, lone surrogates and what is not JSON have no canonical bytes."""
    with pytest.raises(Malformed, match="no canonical"):
        canonical([value])


# ------------------------------------------------------------------ reading


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "{",
        "[1,]",
        '{"a":1,}',
        "{'a':1}",
        "nul",
        "01",
        "1.",
        ".5",
        "+1",
        "0x10",
        "NaN",
        "Infinity",
        "-Infinity",
        "[NaN]",
        '{"a":Infinity}',
        "1e400",
        "[-1e999]",
        "1 2",
        "{} {}",
        "[1]]",
        '{"a":1}x',
        '"a',
        '"tab\there"',
        '"\\x41"',
        '"\\ud800"',
        '"\\uDFFF tail"',
        '{"\\ud800": 1}',
        '"\\udc00\\ud800"',
        '{"a":1,"a":1}',
        '{"a":1,"\\u0061":2}',
        '[{"b":{"c":1,"c":null}}]',
        "\ufeff{}",
        "1" * 5000,
    ],
)
def test_what_two_readers_could_read_differently_is_refused(text):
    """Duplicate keys, numbers without a value, trailing data, lone surrogates, as text or as bytes."""
    with pytest.raises(Malformed):
        parse(text, size_max_bytes=SIZE_MAX)
    with pytest.raises(Malformed):
        parse(text.encode(), size_max_bytes=SIZE_MAX)


@pytest.mark.parametrize(
    "data",
    [b"\xff", b'"\xff"', b'"\xc0\x80"', b'"\xed\xa0\x80"', '"a"'.encode("utf-16"), '"é"'.encode("latin-1")],
)
def test_bytes_that_are_not_utf8_are_refused(data):
    """Broken, overlong, surrogate or foreign encodings are not guessed at."""
    with pytest.raises(Malformed):
        parse(data, size_max_bytes=SIZE_MAX)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("null", None),
        (" [1, 2.5, true] \n", [1, 2.5, True]),
        ('{"a":{"a":1}}', {"a": {"a": 1}}),
        ('"\\ud83d\\ude00"', "😀"),
        ('"\\\\ud800"', "\\ud800"),
        ('"Ma\u0304ori"', "Ma\u0304ori"),
    ],
)
def test_plain_json_is_read(text, value):
    """Ordinary JSON comes back as it is; text is not normalised here."""
    assert parse(text, size_max_bytes=SIZE_MAX) == value
    assert parse(text.encode(), size_max_bytes=SIZE_MAX) == value


def test_size_is_limited_in_bytes():
    """The limit counts bytes of UTF-8, also when the text is already decoded."""
    assert parse('"āā"', size_max_bytes=6) == "āā"

    for data in ('"āā"', '"āā"'.encode()):
        with pytest.raises(Malformed, match="more than 5 bytes"):
            parse(data, size_max_bytes=5)


@pytest.mark.parametrize(("start", "end"), ["[]", ('{"a":', "}")])
def test_depth_is_limited(start, end):
    """Nesting stops at the limit; brackets inside text do not count."""
    inner = '"' + "[{" * 100 + '\\"]}"'

    assert parse(start * 31 + inner + end * 31, size_max_bytes=SIZE_MAX, depth_max=31)
    with pytest.raises(Malformed, match="nested"):
        parse(start * 32 + inner + end * 32, size_max_bytes=SIZE_MAX, depth_max=31)


def test_depth_without_end_is_refused():
    """A hundred thousand brackets cost a refusal, not the process."""
    with pytest.raises(Malformed):
        parse("[" * 100_000, size_max_bytes=SIZE_MAX)


@given(st.text() | st.binary())
def test_any_input_is_read_or_malformed(data):
    """Nothing from outside leaks another exception; what is read was JSON for the library too."""
    try:
        value = parse(data, size_max_bytes=SIZE_MAX)
    except Malformed:
        return
    assert value == json.loads(data)


# ------------------------------------------------------------------ base64


@given(st.binary())
def test_base64_round_trips(data):
    """Both alphabets give back what they were given; base64url carries no padding."""
    assert unb64url(b64url(data)) == data
    assert unb64(b64(data)) == data
    assert "=" not in b64url(data)
    assert b64(data) == base64.b64encode(data).decode()


# RFC 4648 §10.
@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        (b"f", "Zg=="),
        (b"fo", "Zm8="),
        (b"foo", "Zm9v"),
        (b"foob", "Zm9vYg=="),
        (b"fooba", "Zm9vYmE="),
        (b"foobar", "Zm9vYmFy"),
    ],
)
def test_base64_of_the_standard(data, text):
    """The examples of RFC 4648, with padding and, in base64url, without."""
    assert (b64(data), b64url(data)) == (text, text.rstrip("="))
    assert unb64(text) == unb64url(text.rstrip("=")) == data


@pytest.mark.parametrize(
    "text", ["Zg==", "Zg=", "Zh", "Zm9", "Z", "Zm9v Zg", "Zm9v\n", "-_+/", "Zgā", "=", "Zg\u00a0"]
)
def test_base64url_has_one_spelling(text):
    """Padding, loose last bits, spaces and the other alphabet are refused."""
    with pytest.raises(Malformed):
        unb64url(text)


@pytest.mark.parametrize(
    "text", ["Zg", "Zg=", "Zh==", "Zm9=", "Z===", "Zm9v Zg==", "Zm9v\n", "-_-_", "Zg==Zg==", "=", "Zgā="]
)
def test_base64_has_one_spelling(text):
    """Missing padding, loose last bits, spaces and the other alphabet are refused."""
    with pytest.raises(Malformed):
        unb64(text)
