"""What left the ledger once leaves it again with the same bytes."""

import pytest

from tests.projections.exports.golden_files import FOLDER, golden_files

GOLDEN = golden_files()


def test_every_golden_file_is_known() -> None:
    """The folder holds the files of `golden_files` and no others."""
    assert {path.name for path in FOLDER.iterdir()} == set(GOLDEN)


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_bytes_are_frozen(name: str) -> None:
    """Same input, same keys: the same bytes as when the file was frozen."""
    assert GOLDEN[name] == (FOLDER / name).read_bytes()


def test_same_input_same_bytes() -> None:
    """Nothing of the moment or of the process enters a document."""
    assert golden_files() == GOLDEN
