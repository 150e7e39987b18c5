"""What the tests of this room share: the files of a small ledger, and a copy for each test."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.door import Door, copy_of, made_once
from tests.support.ledgers import PASSPHRASE


@pytest.fixture(autouse=True)
def _settings_of_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the developer has set counts for nothing here."""
    for name in ("ROA_DATA", "ROA_PASSPHRASE_FILE", "ROA_ANCHOR", "ROA_PUBLISH_EVERY_S"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a ledger in which Ana and Ben study, its passphrase beside its keys."""
    folder = made_once(tmp_path_factory.mktemp("made") / "ledger")
    (folder / "keys" / "passphrase").write_bytes(PASSPHRASE + b"\n")
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy of these files that nobody has opened."""
    copied = tmp_path / "folder"
    shutil.copytree(made, copied)
    return copied


@pytest.fixture
def door(made: Path, tmp_path: Path) -> Iterator[Door]:
    """A copy of these files behind its doors."""
    opened = copy_of(made, tmp_path / "ledger")
    yield opened
    opened.close()
