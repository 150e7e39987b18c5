"""Killed at each step of a backup, and of putting one in place: whole under its name, or not there.

Source: LEDGER.md 9 (P1); the steps are those of `ledger.backup`.
"""

from pathlib import Path

import pytest

from ledger.backup import shelf
from tests.crash.steps import BACKUP_STEPS, PLACE_STEPS, killed_at
from tests.support.backups import placed, put_back_from, taken
from tests.support.ledgers import House, a_full_ledger, open_house, people
from tests.support.world import ORIGIN


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A published ledger where two learners hold an award each."""
    return a_full_ledger(tmp_path / "ledger", people(2))


@pytest.mark.parametrize("step", BACKUP_STEPS)
def test_a_killed_backup_is_none_until_it_has_its_name(house: House, tmp_path: Path, step: str) -> None:
    """What is left is on no list, and goes with the next one, which is whole."""
    place = tmp_path / "backups"

    assert killed_at("backup", house, step, place) == []

    found = shelf(place, ORIGIN)
    assert len(found) == (1 if step == "named" else 0)
    house = open_house(house.files.folder, house.clock)
    done = taken(house, place)
    assert [one.name for one in place.iterdir() if one.name.startswith(".")] == []
    for number, one in enumerate([*(one.folder for one in found), done.folder]):
        other = put_back_from(one, house, tmp_path / f"new{number}")
        assert other.audit().faults == []
        other.close()
    house.close()


@pytest.mark.parametrize("step", PLACE_STEPS)
def test_a_killed_restore_has_its_place_only_when_it_is_whole(
    house: House, tmp_path: Path, step: str
) -> None:
    """Before that the folder is not there, and doing it again does it; keys are left at one step only."""
    done = taken(house, tmp_path / "backups")

    assert killed_at("place", house, step, done.folder) == []

    house = open_house(house.files.folder, house.clock)
    target = done.folder.with_name("new")
    assert target.exists() is (step == "placed")
    assert (target.with_name(".new.restoring") / "keys").exists() is (step == "keyed")
    if step != "placed":
        placed(done.folder, house.files.keys, target)
    assert [one.name for one in target.parent.iterdir() if one.name.startswith(".")] == []
    other = open_house(target, house.clock)
    assert other.size() == done.manifest.size
    other.close()
    house.close()
