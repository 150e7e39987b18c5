"""What the tests of this room share: a log of more than two full tiles, and a ledger of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.door import Door, a_door, copy_of, made_once
from tests.support.ledgers import people


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a ledger in which Ana and Ben study; nothing is published."""
    return made_once(tmp_path_factory.mktemp("made") / "ledger")


@pytest.fixture
def door(made: Path, tmp_path: Path) -> Iterator[Door]:
    """That ledger behind its doors, for one test."""
    opened = copy_of(made, tmp_path / "ledger")
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A published log of more than 600 records, with 160 more that are durable and not published.

    Tests only look at it.
    """
    opened = a_door(tmp_path_factory.mktemp("log") / "ledger")
    opened.ledger.register(*people(600))
    opened.house.catch_up()
    opened.ledger.register(*people(160, first=1000))
    yield opened
    opened.close()
