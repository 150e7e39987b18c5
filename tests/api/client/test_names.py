"""The name code beside an NSN: the rule, and the ledger's own working of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.client.names import name_id
from ledger.privacy import matching

parts = st.none() | st.text(max_size=12)


@pytest.mark.parametrize(
    ("family", "given_name", "whole", "code"),
    [
        ("Smith", "Jane", None, "SMITJ"),
        ("Ng", "Wei", None, "NG  W"),
        ("Tāmati", "Ānaru", None, "TĀMAĀ"),
        ("Ta\u0304mati", "A\u0304naru", None, "TĀMAĀ"),
        ("O'Neil", "Sean", None, "ONEIS"),
        ("O\u2019Neil", "Sean", None, "ONEIS"),
        ("van der Berg", "Pim", None, "VANDP"),
        ("Smith-Jones", "Al", None, "SMITA"),
        ("Li-Wu", "Al", None, "LIWUA"),
        ("Smithers", None, None, "SMITH"),
        (None, None, "Tallulah", "TALLU"),
        (None, None, "Bo", "BO   "),
    ],
)
def test_name_code(family: str | None, given_name: str | None, whole: str | None, code: str):
    """Letters of the family name and one initial; marks stay, other signs go."""
    assert name_id(family, given_name, whole) == code


@given(parts, parts, parts)
def test_the_ledger_works_it_out_alike(family: str | None, given_name: str | None, whole: str | None):
    """The kit and the ledger have each their own function and agree on every name."""
    assert name_id(family, given_name, whole) == matching.name_id(
        family=family, given=given_name, whole=whole
    )
