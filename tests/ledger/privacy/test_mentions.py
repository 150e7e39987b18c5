"""A number is found however it is written, and another number is not taken for it."""

import json

import pytest

from ledger.privacy.mentions import Mentions

NSN, SHORT = "9000000015", "0123456782"


@pytest.mark.parametrize(
    "text",
    [
        "9000000015",
        "nsn,name\r\n9000000015,Brook\r\n",
        '"9000000015"',
        "'9000000015",
        "900 000 0015",
        "900\u00a0000\u00a00015",
        "900-000-0015",
        "900.000.0015",
        "9000000015.0",
        "009000000015",
        "900 000 0015 2024",
        "12 9000000015",
        "NSN9000000015x",
        json.dumps({"who": json.dumps({"nsn": NSN})}),
        '{"nsn": "\\u0039000000015"}',
        json.dumps({"who": '{"nsn": "9\\u0030\\u0030\\u0030000015"}'}),
    ],
)
def test_a_number_is_found_however_it_is_written(text: str) -> None:
    """Grouped, quoted, escaped once or twice, in UTF-8 and UTF-16."""
    assert Mentions([NSN]).in_text(text.encode())
    assert Mentions([SHORT, NSN]).in_text(text.encode("utf-16"))


@pytest.mark.parametrize("text", ["0123456782", "123456782", "123 456 782", "0 123456782", "00123456782"])
def test_leading_zeros_do_not_count(text: str) -> None:
    """Spreadsheets like to drop them."""
    assert Mentions([SHORT]).in_text(text.encode())


@pytest.mark.parametrize(
    "text", ["", "90000000150", "19000000015", "900000001", "9000000016", "90000\n00015", "{}", "\udcff"]
)
def test_another_number_is_not_taken_for_it(text: str) -> None:
    """Within a longer number it is another one; two lines are two numbers."""
    assert not Mentions([NSN]).in_text(text.encode("utf-8", "surrogateescape"))


def test_nobody_is_found_where_nobody_is_sought() -> None:
    """An empty list matches nothing, not everything."""
    assert not Mentions([]).in_text(b"9000000015")
