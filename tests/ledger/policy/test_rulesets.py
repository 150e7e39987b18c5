"""The rule sets as data: complete, frozen, chosen by date."""

import json
import tomllib
from datetime import date, timedelta
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from ledger.policy import law

FROZEN = Path(__file__).with_name("frozen_rulesets.json")


def _files() -> dict[str, bytes]:
    folder = resources.files("ledger.policy") / "rulesets"
    return {entry.name: entry.read_bytes() for entry in folder.iterdir() if entry.name.endswith(".toml")}


def _data() -> dict[str, Any]:
    return tomllib.loads(_files()["MC-2026.toml"].decode())


def test_no_rule_set_is_ever_edited() -> None:
    """Every file has the digest it was frozen with: a change of law is a new file, and a new line here."""
    frozen = json.loads(FROZEN.read_text())

    digests = {name: sha256(data).hexdigest() for name, data in sorted(_files().items())}

    assert digests == frozen


def test_all_eight_are_there_oldest_first() -> None:
    """The rows of DOMAIN.md 3.1, in the order in which they came into force."""
    ids = [ruleset.id for ruleset in law.rule_sets()]

    assert ids == ["PRE-2018", "MC-2018", "MC-2020", "MC-2022", "MC-2023", "MC-2025", "MC-2026", "MC-2026B"]


@pytest.mark.parametrize(
    ("day", "ruleset"),
    [
        (date(1990, 1, 1), "PRE-2018"),
        (date(2018, 8, 21), "PRE-2018"),
        (date(2018, 8, 22), "MC-2018"),
        (date(2020, 4, 22), "MC-2018"),
        (date(2020, 4, 23), "MC-2020"),
        (date(2022, 7, 31), "MC-2020"),
        (date(2022, 8, 1), "MC-2022"),
        (date(2023, 1, 15), "MC-2022"),
        (date(2023, 1, 16), "MC-2023"),
        (date(2025, 6, 30), "MC-2023"),
        (date(2025, 7, 1), "MC-2025"),
        (date(2026, 1, 18), "MC-2025"),
        (date(2026, 1, 19), "MC-2026"),
        (date(2026, 12, 30), "MC-2026"),
        (date(2026, 12, 31), "MC-2026B"),
        (date(2050, 1, 1), "MC-2026B"),
    ],
)
def test_a_day_selects_the_set_in_force_on_it(day: date, ruleset: str) -> None:
    """The first day of a set is its own; the day before belongs to the one before it."""
    assert law.rules_on(day).id == ruleset
    assert law.by_id(ruleset) is law.rules_on(day)


def test_every_set_says_where_it_comes_from() -> None:
    """Sources are named, and a date that no source gives exactly is not passed off as exact."""
    for ruleset in law.rule_sets():
        assert ruleset.sources, ruleset.id
        assert ruleset.changes, ruleset.id
    certainty = {ruleset.id: ruleset.date_certainty for ruleset in law.rule_sets()}

    assert certainty["MC-2023"] == "approximate"
    assert certainty["PRE-2018"] == "open"
    assert set(certainty.values()) == {"exact", "approximate", "open"}


def test_what_changed_when() -> None:
    """The parameters that DOMAIN.md 3.1 says differ, at a glance."""
    sizes = {one.id: (one.credits.min, one.credits.max) for one in law.rule_sets() if one.credits}
    reviews = {one.id: one.review_months for one in law.rule_sets()}

    assert sizes == {
        "MC-2018": (5, 40),
        "MC-2020": (5, 40),
        "MC-2022": (5, 40),
        "MC-2023": (1, 40),
        "MC-2025": (1, 40),
        "MC-2026": (1, 40),
        "MC-2026B": (1, 40),
    }
    assert reviews["MC-2022"] == (12,)
    assert reviews["MC-2023"] == (12, 24, 36)
    assert not law.by_id("MC-2020").third_party_accreditation
    assert law.by_id("MC-2022").third_party_accreditation
    assert law.by_id("MC-2022").report_within_months is None
    assert law.by_id("MC-2026").report_within_months == 3
    assert law.by_id("MC-2026").equivalence.register == "open"
    assert law.by_id("MC-2026B").equivalence.register == "archived"
    assert law.by_id("MC-2018").equivalence.applications_from == date(2018, 10, 31)
    assert law.by_id("MC-2025").equivalence.applications_until == date(2025, 12, 31)
    pilot = law.by_id("PRE-2018").pilot
    assert pilot is not None
    assert pilot.credits_max == 60


@pytest.mark.parametrize(
    ("kind", "day", "may"),
    [
        ("ssb_wdc", date(2024, 3, 1), False),
        ("ssb_isb", date(2025, 12, 31), False),
        ("ssb_isb", date(2026, 1, 1), True),
        ("ssb_isb", date(2026, 3, 1), True),
        ("pte", date(2026, 3, 1), False),
    ],
)
def test_boards_may_host_from_the_day_they_exist(kind: str, day: date, *, may: bool) -> None:
    """Industry skills boards exist from 1 January 2026, within a rule set that began before."""
    assert law.rules_on(day).may_host(kind, day) is may


@pytest.mark.parametrize(
    ("kind", "on", "after"), [("ssb_wdc", date(2025, 12, 31), False), ("ssb_isb", date(2026, 1, 1), True)]
)
def test_councils_end_as_boards_begin(kind: str, on: date, *, after: bool) -> None:
    """The last day of the one is the day before the first of the other."""
    (ssb,) = (one for one in law.by_id("MC-2025").ssb if one.kind == kind)

    assert ssb.on(on)
    assert ssb.on(on + timedelta(days=1)) is after
    assert ssb.on(on - timedelta(days=1)) is not after


def test_a_data_file_that_says_more_is_our_mistake() -> None:
    """A parameter that nothing reads stops the work: it would look like law and be none."""
    data = _data()
    data["params"]["credit_limit"] = 50

    with pytest.raises(AssertionError, match="credit_limit"):
        law.read_rule_set(data)
