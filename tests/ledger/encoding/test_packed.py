"""Lines come back as they were added, in little memory, however they were cut."""

import random

import pytest

from ledger.encoding.packed import PACKED_FROM_BYTES, Packed

LINE = b'{"statement":"the same again and again","salt":"%d"}'
LIMIT = 64 * 1024
MANY = [LINE % number for number in range(PACKED_FROM_BYTES // 20)]


def in_parts(data: bytes, seed: int) -> list[bytes]:
    """Return bytes cut anywhere."""
    chance, parts = random.Random(seed), []
    while data:
        width = chance.choice([1, 7, 1000, 100_000])
        parts.append(data[:width])
        data = data[width:]
    return parts


@pytest.mark.parametrize("number", [0, 1, 3, len(MANY)])
@pytest.mark.parametrize("end", [b"", b"\n"], ids=["without an end", "with an end"])
def test_what_was_added_is_read(number: int, end: bytes) -> None:
    """Few lines or many, cut anywhere, read twice, stored and read again."""
    data = b"\n".join(MANY[:number]) + (end if number else b"")

    packed = Packed(*in_parts(data, number))

    assert packed.size == len(data)
    assert packed.whole() == data
    assert list(packed.lines(LIMIT)) == MANY[:number]
    assert list(Packed.of_stored(packed.stored()).lines(LIMIT)) == MANY[:number]


def test_many_lines_take_little_memory() -> None:
    """What says the same again and again is kept once."""
    data = b"\n".join(MANY)

    assert len(Packed(data).stored()) * 4 < len(data)


def test_what_was_stored_before_there_was_packing_is_read() -> None:
    """It begins as JSON does, which nothing packed does."""
    assert list(Packed.of_stored(b"\n".join(MANY[:2])).lines(LIMIT)) == MANY[:2]


def test_what_was_cut_off_is_told() -> None:
    """A stream that ends too early is not taken for a short one."""
    stored = Packed(b"\n".join(MANY)).stored()

    with pytest.raises(ValueError, match="end too early"):
        list(Packed.of_stored(stored[:-10]).lines(LIMIT))


def test_a_line_without_end_is_not_gathered() -> None:
    """It comes in pieces, each above the limit, so whoever reads lines refuses the first."""
    pieces = list(Packed(*[b"x" * 1000] * 1000).lines(LIMIT))

    assert b"".join(pieces) == b"x" * 1_000_000
    assert LIMIT < len(pieces[0]) < 3 * LIMIT
