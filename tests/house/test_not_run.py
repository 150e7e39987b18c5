"""Nothing is left out silently, and nothing leaves the machine."""

import os
import subprocess
import sys

import pytest

from tests.support.tree import ROOT

TESTS = """
import socket
import pytest
from tests.support.vectors import published, published_cases

def test_reads_vectors():
    assert published("tlog/merkle").is_dir()

@pytest.mark.parametrize("path", published_cases("tlog/merkle", "*.json"))
def test_reads_every_file(path):
    assert path.read_text() == "{}"

def test_gives_another_reason():
    pytest.skip("there is no moon tonight")

def test_calls_out():
    socket.create_connection(("192.0.2.1", 443), timeout=1)
"""


@pytest.fixture
def run(tmp_path):
    """Run the tests above with the hooks of tests/conftest.py, and return what pytest printed."""
    (tmp_path / "test_example.py").write_text(TESTS)

    def run_pytest(vectors):
        variables = {name: value for name, value in os.environ.items() if name != "ROA_VECTORS"}
        if vectors:
            variables["ROA_VECTORS"] = str(vectors)
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-rfE", "--rootdir", tmp_path, tmp_path],
            cwd=tmp_path,
            env=variables | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout

    return run_pytest


def test_vectors_that_are_not_there_are_counted(run):
    """Without the vectors folder its tests do not run; the end says how many, and every other reason."""
    printed = run(None)

    assert "    2 × published vectors: ROA_VECTORS does not name their folder" in printed
    assert "    1 × there is no moon tonight" in printed
    assert "1 failed, 3 skipped" in printed


def test_vectors_that_are_there_are_read(run, tmp_path):
    """With the folder every file of the set is a test of its own."""
    folder = tmp_path / "vectors" / "tlog" / "merkle"
    folder.mkdir(parents=True)
    for name in ("a.json", "b.json"):
        (folder / name).write_text("{}")

    printed = run(tmp_path / "vectors")

    assert "published vectors" not in printed
    assert "1 failed, 3 passed, 1 skipped" in printed


def test_a_folder_without_the_vectors_is_an_error(run, tmp_path):
    """A mistyped folder does not look like a clean run."""
    (tmp_path / "empty").mkdir()

    printed = run(tmp_path / "empty")

    assert "holds no tlog/merkle: correct the variable, or unset it" in printed
    assert "1 error" in printed


def test_no_test_leaves_the_machine(run):
    """A connection to another machine fails the test that tried, and says where to."""
    assert "a test tried to reach 192.0.2.1:443; tests stay on this machine" in run(None)
