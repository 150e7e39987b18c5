"""MessagePack as it is stored: one way to write each value, everything else refused."""

import enum
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.encoding.msgpack import DEPTH_MAX, pack, unpack, unpack_canonical
from ledger.errors import Corrupt

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.text(st.characters(exclude_categories=["Cs"])).map(lambda text: unicodedata.normalize("NFC", text)),
    st.binary(max_size=300),
)
VALUES = st.lists(
    st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=20), max_leaves=40), max_size=20
)

# MessagePack specification, the shortest format of each value that is ever stored.
SHORTEST: list[tuple[Any, str]] = [
    (None, "c0"),
    (False, "c2"),
    (True, "c3"),
    (0, "00"),
    (127, "7f"),
    (128, "cc80"),
    (255, "ccff"),
    (256, "cd0100"),
    (65_535, "cdffff"),
    (65_536, "ce00010000"),
    (2**32, "cf0000000100000000"),
    (2**64 - 1, "cfffffffffffffffff"),
    (-1, "ff"),
    (-32, "e0"),
    (-33, "d0df"),
    (-129, "d1ff7f"),
    (-32_769, "d2ffff7fff"),
    (-(2**63), "d38000000000000000"),
    ("", "a0"),
    ("ā", "a2c481"),
    ("x" * 31, "bf" + "78" * 31),
    ("x" * 32, "d920" + "78" * 32),
    ("x" * 256, "da0100" + "78" * 256),
    (b"", "c400"),
    (b"\xff" * 255, "c4ff" + "ff" * 255),
    (b"\xff" * 256, "c50100" + "ff" * 256),
    ([], "90"),
    ([[], [None]], "929091c0"),
    ([0] * 15, "9f" + "00" * 15),
    ([0] * 16, "dc0010" + "00" * 16),
]


@pytest.mark.parametrize(("value", "packed_hex"), SHORTEST)
def test_each_value_takes_its_shortest_form(value, packed_hex):
    """Every value is written as the MessagePack specification's shortest format for it."""
    assert pack([value]).hex() == "91" + packed_hex
    assert unpack_canonical(bytes.fromhex("91" + packed_hex)) == [value]


@given(VALUES)
def test_what_is_packed_comes_back(values):
    """Whatever can be stored is read back equal, and its bytes are found canonical."""
    data = pack(values)

    assert unpack(data) == values
    assert unpack_canonical(data) == values


def test_tuples_are_stored_as_arrays():
    """A tuple is stored like a list; what is read back is a list."""
    assert pack((1, ("a", (b"b",)))) == pack([1, ["a", [b"b"]]])
    assert unpack(pack((1, (2,)))) == [1, [2]]


class Level(enum.IntEnum):
    """Looks like an int and is not one."""

    FOUR = 4


class Text(str):
    """Looks like text and is not it."""

    __slots__ = ()


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        float("nan"),
        {},
        {"a": 1},
        {1},
        date(2026, 11, 24),
        bytearray(b"x"),
        Level.FOUR,
        Text("x"),
        object(),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize(
    "wrap", [lambda value: [value], lambda value: [1, ["x", (value,)]]], ids=["top", "nested"]
)
def test_other_types_are_never_stored(value, wrap):
    """A float, a map, a date, a set or a subclass is our own mistake and stops the work."""
    with pytest.raises(TypeError, match="never stored"):
        pack(wrap(value))


def test_text_is_stored_composed_only():
    """The same name in two Unicode forms would be two values: only NFC is stored."""
    assert unpack(pack(["M\u0101ori"])) == ["Māori"]

    with pytest.raises(TypeError, match="NFC"):
        pack(["Ma\u0304ori"])


def test_numbers_beyond_64_bits_are_never_stored():
    """There is no format for them."""
    with pytest.raises(OverflowError):
        pack([2**64])


def test_a_refused_value_leaves_nothing_behind():
    """What was packed before the value that cannot be is not in the next bytes."""
    with pytest.raises(OverflowError):
        pack([1, "begun", 2**64])

    assert pack([]) == b"\x90"


def test_threads_pack_beside_each_other():
    """Every thread gets its own bytes, whatever the others pack."""
    values = [[number, "x" * number, [bytes(number)]] for number in range(200)]
    expected = [pack(value) for value in values]

    with ThreadPoolExecutor(8) as pool:
        packed = list(pool.map(lambda at: pack(values[at % 200]), range(4_000)))

    assert packed == expected * 20


def nested(depth: int) -> list[Any]:
    """Return arrays inside one another, `depth` of them."""
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


def test_depth_is_limited():
    """Sixteen arrays inside one another are stored and read; seventeen are neither."""
    data = pack(nested(DEPTH_MAX))

    assert unpack(data) == nested(DEPTH_MAX)
    with pytest.raises(TypeError, match="deep"):
        pack(nested(DEPTH_MAX + 1))
    with pytest.raises(Corrupt):
        unpack(b"\x91" + data)


@pytest.mark.parametrize(
    "packed_hex",
    [
        pytest.param("", id="nothing"),
        pytest.param("01", id="a-number-alone"),
        pytest.param("a161", id="text-alone"),
        pytest.param("80", id="a-map-alone"),
        pytest.param("9180", id="an-empty-map"),
        pytest.param("9181a16101", id="a-map"),
        pytest.param("91de0000", id="a-long-map"),
        pytest.param("91ca3f800000", id="a-float"),
        pytest.param("91cb3ff0000000000000", id="a-double"),
        pytest.param("919191ca3f800000", id="a-float-inside"),
        pytest.param("91d40100", id="an-extension"),
        pytest.param("91d6ff00000000", id="a-timestamp"),
        pytest.param("91c70001", id="an-empty-extension"),
        pytest.param("91c1", id="the-byte-that-means-nothing"),
        pytest.param("9000", id="a-byte-too-many"),
        pytest.param("9090", id="two-arrays"),
        pytest.param("9201", id="a-value-too-few"),
        pytest.param("91a261", id="text-cut-off"),
        pytest.param("91c402ff", id="bytes-cut-off"),
        pytest.param("dd7fffffff", id="an-array-that-promises-too-much"),
        pytest.param("91a1ff", id="not-utf-8"),
        pytest.param("91a3eda080", id="a-lone-surrogate"),
        pytest.param("91a2c080", id="utf-8-too-long"),
        pytest.param("91a361cc84", id="text-that-is-not-nfc"),
        pytest.param("91" * 2000 + "90", id="two-thousand-arrays-deep"),
    ],
)
def test_what_is_never_stored_is_never_read(packed_hex):
    """Bytes that no `pack` ever made are reported as corrupt, whatever they are."""
    with pytest.raises(Corrupt):
        unpack(bytes.fromhex(packed_hex))


@pytest.mark.parametrize(
    "packed_hex",
    [
        pytest.param("91cc01", id="a-small-number-in-two-bytes"),
        pytest.param("91cd0080", id="a-number-in-three-bytes"),
        pytest.param("91d001", id="a-positive-number-as-signed"),
        pytest.param("91d0ff", id="minus-one-in-two-bytes"),
        pytest.param("91d90161", id="short-text-as-str-8"),
        pytest.param("91da000161", id="short-text-as-str-16"),
        pytest.param("91c50001ff", id="short-bytes-as-bin-16"),
        pytest.param("dc000101", id="a-short-array-as-array-16"),
        pytest.param("dd0000000101", id="a-short-array-as-array-32"),
        pytest.param("91dc0000", id="an-empty-array-inside-as-array-16"),
    ],
)
def test_a_second_way_to_write_a_value_is_found(packed_hex):
    """A value that could be written shorter is readable, and audit finds that nobody here wrote it."""
    data = bytes.fromhex(packed_hex)

    assert pack(unpack(data)) != data
    with pytest.raises(Corrupt, match="canonical"):
        unpack_canonical(data)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_corrupt(data):
    """Garbage in a column is a finding, never another exception; what is canonical packs to itself."""
    try:
        values = unpack_canonical(data)
    except Corrupt:
        return
    assert pack(values) == data
