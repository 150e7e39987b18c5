"""What the framework fixes for every rule set."""

import pytest

from ledger.policy import framework


def test_ten_levels_each_in_plain_words() -> None:
    """Every level has a sentence of its own."""
    sentences = [framework.level_sentence(level) for level in framework.LEVELS]

    assert len(set(sentences)) == 10
    assert all(text.startswith("Can ") and text.endswith(".") for text in sentences)


def test_a_credit_is_ten_hours() -> None:
    """Hours are worked out when shown."""
    assert framework.notional_hours(20) == 200


def test_every_grade_has_a_place_and_a_name() -> None:
    """Not achieved is the lowest; three grades are achieved."""
    assert sorted(framework.GRADE_ORDER, key=framework.GRADE_ORDER.__getitem__) == ["N", "A", "M", "E"]
    assert framework.GRADE_NAMES.keys() == framework.GRADE_ORDER.keys()
    assert framework.GRADE_ORDER.keys() - {framework.NOT_ACHIEVED} == framework.GRADES_ACHIEVED


@pytest.mark.parametrize(
    ("text", "shaped"),
    [("6022", True), ("602", False), ("60221", False), ("EQ12", False), ("\uff16\uff10\uff12\uff12", False)],
)
def test_a_code_has_four_digits(text: str, *, shaped: bool) -> None:
    """Digits of other scripts are none."""
    assert framework.is_code(text) is shaped


@pytest.mark.parametrize(
    ("code", "known"), [("employer", True), ("tec_dqf", True), ("tec_", False), ("lottery", False)]
)
def test_funding_codes(code: str, *, known: bool) -> None:
    """A listed one, or the funder's prefix and a fund."""
    assert framework.is_funding(code) is known
