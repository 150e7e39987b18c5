"""What rooms of doors share: a ledger of their own behind them, and log lines read back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from api.telemetry.logs import configure
from tests.api.door import Door, copy_of, made_once
from tests.support.log_lines import Lines
from tests.support.process_settings import put_back


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


@pytest.fixture
def lines() -> Iterator[Lines]:
    """Log lines as a served ledger writes them; everything is as it was afterwards."""
    with put_back():
        written = Lines()
        configure(written.stream)
        yield written
