"""What rooms of doors share: a ledger of their own behind them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.door import Door, copy_of, made_once


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
