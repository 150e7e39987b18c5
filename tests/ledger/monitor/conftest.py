"""A published ledger to watch: made once for each file of tests, copied for each test."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ledgers import House, a_study_ledger, open_house, people


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a published ledger."""
    house = a_study_ledger(tmp_path_factory.mktemp("made") / "ledger")
    house.register(*people(300))
    house.publish()
    house.close()
    return house.files.folder


@pytest.fixture
def house(made: Path, tmp_path: Path) -> Iterator[House]:
    """That ledger, to grow in one test."""
    house = open_house(Path(shutil.copytree(made, tmp_path / "ledger")))
    yield house
    house.close()
