"""`roa forget dispose` and `roa statistics`, by exit code and by what they print."""

from pathlib import Path

import pytest

from tests.api.cli.shell import roa
from tests.support.disposal import to_be_cleared
from tests.support.ledgers import PASSPHRASE, a_full_ledger
from tests.support.world import ANA, BEN


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The closed ledger of Ana, who is to be cleared, and Ben."""
    house = a_full_ledger(tmp_path / "ledger", [ANA, BEN])
    to_be_cleared(house, ANA)
    house.files.passphrase.parent.mkdir(parents=True, exist_ok=True)
    house.files.passphrase.write_bytes(PASSPHRASE)
    house.close()
    return house.files.folder


def _numbers(folder: Path) -> dict[str, int]:
    counts = roa("statistics", "--json", "--data", folder).json["counts"]
    found: dict[str, int] = {}
    for one in counts:
        found[one["what"]] = found.get(one["what"], 0) + one["number"]
    return found


def test_what_is_due_is_cleared_and_no_number_changes(folder: Path) -> None:
    """Exit 0: how much was cleared; statistics, views and the audit are what they were."""
    before = _numbers(folder)

    ran = roa("forget", "dispose", "--after-days", 0, "--json", "--data", folder)

    assert ran.code == 0
    position = ran.json.pop("position")
    assert ran.json == {"learners": 1, "records": 5, "position": position, "erased": True}
    assert before == _numbers(folder) == {"learners": 2, "enrolments": 2, "results": 4, "awards": 2}
    audit = roa("audit", "--json", "--data", folder)
    assert (audit.code, audit.json["redacted"], audit.json["findings"]) == (0, 5, [])


def test_the_list_of_requests_shows_those_of_level_2(folder: Path) -> None:
    """Whoever approves or asks looks there: first approved, and cleared when the command has done it."""
    before = roa("forget", "list", "--data", folder)
    roa("forget", "dispose", "--after-days", 0, "--data", folder)

    found = roa("forget", "list", "--json", "--data", folder).json["forgettings"]

    assert "level 2, approved: roa forget dispose clears the streams" in before.out
    assert before.lines[-1] == "2 requests."
    assert [(one["level"], one["state"]) for one in found] == [(1, "effective"), (2, "cleared")]
    assert found[1]["requested_by"] != found[1]["approved_by"]


def test_before_the_period_has_ended_nothing_happens(folder: Path) -> None:
    """Exit 0, and nobody's streams were to be cleared."""
    ran = roa("forget", "dispose", "--after-days", 30, "--data", folder)

    assert (ran.code, ran.out) == (0, "Nobody's streams are to be cleared now.\n")
    assert roa("audit", "--json", "--data", folder).json["redacted"] == 0


def test_a_disposal_says_where_it_is_recorded(folder: Path) -> None:
    """In words: how many records of how many learners, and which record accounts for them."""
    ran = roa("forget", "dispose", "--after-days", 0, "--data", folder)

    assert ran.out.startswith("5 records about 1 learners are cleared: see record ")
    assert "5 cleared" in roa("audit", "--data", folder).out


def test_the_period_has_to_be_said(folder: Path) -> None:
    """Exit 2: there is no period that fits every authority."""
    assert roa("forget", "dispose", "--data", folder).code == 2


def test_statistics_are_exact_for_the_operator(folder: Path) -> None:
    """Whatever is small is there too: a line for each number, and where the views stood."""
    ran = roa("statistics", "--data", folder)

    assert ran.code == 0
    assert "        2 awards       2026 6022 v1 by 95001" in ran.lines
    assert "        4 results      2026 6022 v1 by 95001 A" in ran.lines
    assert ran.lines[-1].startswith("As at position ")
