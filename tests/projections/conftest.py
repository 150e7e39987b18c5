"""A ledger in which two learners hold awards: made once for each file of tests, copied for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.projections.office import Office, an_office, office_copied


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a ledger in which Ana and Ben hold awards, published and folded."""
    folder = tmp_path_factory.mktemp("made") / "ledger"
    an_office(folder).close()
    return folder


@pytest.fixture
def office(made: Path, tmp_path: Path) -> Iterator[Office]:
    """A ledger of one's own."""
    opened = office_copied(made, tmp_path / "ledger")
    yield opened
    opened.close()
