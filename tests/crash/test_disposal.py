"""Killed at each step of a disposal: it happened or it did not, and the next start cleans the file.

Source: LEDGER.md 4 (level 2); the steps are those of `ledger.disposal`.
"""

from pathlib import Path

import pytest

from ledger.disposal import dispose, due, redo
from projections.catalogue import Views
from tests.crash.steps import DISPOSE_STEPS, killed_at
from tests.support.disposal import cleared, to_be_cleared
from tests.support.ledgers import House, a_full_ledger, open_house
from tests.support.world import ANA, BEN

RECORDS = 5


def _states(house: House) -> dict[int, bytes]:
    query = "SELECT position, state FROM record WHERE state IS NOT NULL"
    return dict(house.ledger.store.database.reader.execute(query).fetchall())


@pytest.mark.parametrize("step", DISPOSE_STEPS)
def test_a_killed_disposal_is_completed_by_the_next(tmp_path: Path, step: str) -> None:
    """Everything of the learner is cleared once, accounted for once, and nothing of it is in the file."""
    house = a_full_ledger(tmp_path / "ledger", [ANA, BEN])
    to_be_cleared(house, ANA)
    Views(house.ledger).close()
    states, size = _states(house), house.size()

    assert killed_at("dispose", house, step, tmp_path / "unused") == []

    house = open_house(house.files.folder, house.clock)
    happened = step in ("committed", "erased")
    assert house.size() == size + (2 if happened else 0)
    assert redo(house.ledger)
    assert cleared(house).records == (0 if happened else RECORDS)
    assert house.audit().faults == []
    assert house.audit().redacted == RECORDS
    views = Views(house.ledger)
    assert views.differences() == []
    views.close()
    gone = [states[at] for at in states.keys() - _states(house).keys()]
    house.close()
    assert len(gone) == RECORDS
    data = house.files.ledger.read_bytes()
    assert not any(state[-32:] in data for state in gone)


def test_a_disposal_without_a_kill_takes_every_step(tmp_path: Path) -> None:
    """The steps above are all there are, in their order."""
    house = a_full_ledger(tmp_path, [ANA])
    to_be_cleared(house, ANA)
    taken: list[str] = []

    dispose(house.ledger, due(house.ledger, 0), at_step=taken.append)

    assert tuple(taken) == DISPOSE_STEPS
    house.close()
