"""Keys in a module are tested where SoftHSM is; what is missing is said, by the script and by the tests."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.hardware import NOT_RUN, find_softhsm
from tests.support.tree import ROOT

SCRIPT = ROOT / ".ci" / "install-softhsm"
TOOLS = ("sh", "printf", "id")
# Installs a module where FAKE_MODULE says, unless the network is away.
APT_GET = """#!/bin/sh
echo "apt-get $*" >>"$FAKE_LOG"
[ -z "${FAKE_NO_NETWORK:-}" ] || { echo 'Could not resolve' >&2; exit 100; }
case "$1" in install) [ -z "${FAKE_MODULE:-}" ] || : >"$FAKE_MODULE" ;; esac
"""


@pytest.fixture
def machine(tmp_path):
    """Return a function that runs the script on a machine with few tools and no SoftHSM."""
    for tool in TOOLS:
        (tmp_path / tool).symlink_to(shutil.which(tool, path=os.defpath + ":/usr/bin:/bin"))
    # The same script, looking for modules in this test's folder instead of the system's.
    (tmp_path / "apt").symlink_to(SCRIPT.with_name("apt"))
    script = tmp_path / "install-softhsm"
    script.write_text(SCRIPT.read_text().replace("/usr/lib", f"{tmp_path}/lib"))

    def run(*, root=True, apt=True, arguments=(), **variables):
        id_ = tmp_path / "id"
        id_.unlink()
        id_.write_text(f"#!/bin/sh\necho {0 if root else 1000}\n")
        id_.chmod(0o755)
        if apt:
            (tmp_path / "apt-get").write_text(APT_GET)
            (tmp_path / "apt-get").chmod(0o755)
        return subprocess.run(
            [tmp_path / "sh", script, *arguments],
            env={"PATH": str(tmp_path), "FAKE_LOG": str(tmp_path / "log"), **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    (tmp_path / "lib" / "softhsm").mkdir(parents=True)
    run.folder = tmp_path
    run.module = tmp_path / "lib" / "softhsm" / "libsofthsm2.so"
    return run


def test_a_module_that_is_there_is_printed(machine):
    """Nothing is installed where SoftHSM is, in a usual place or where the variable says."""
    machine.module.write_bytes(b"")
    elsewhere = machine.folder / "elsewhere.so"
    elsewhere.write_bytes(b"")

    found, named = machine(), machine(ROA_SOFTHSM=str(elsewhere))

    assert (found.stdout, named.stdout) == (f"{machine.module}\n", f"{elsewhere}\n")
    assert not (machine.folder / "log").exists()


def test_root_gets_it_installed(machine):
    """As root the package is fetched, and the module's path is all that standard output holds."""
    done = machine(FAKE_MODULE=str(machine.module))

    assert (done.returncode, done.stdout) == (0, f"{machine.module}\n")
    assert "install" in (machine.folder / "log").read_text().splitlines()[-1]
    assert "softhsm2" in (machine.folder / "log").read_text().splitlines()[-1]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"root": False},
            "sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends softhsm2'",
        ),
        ({"apt": False}, "this script knows Debian and Ubuntu only"),
        ({"FAKE_NO_NETWORK": "1"}, "SoftHSM could not be installed: the reason stands above."),
        ({}, "its module is in none of the usual places: set ROA_SOFTHSM"),
        (
            {"ROA_SOFTHSM": "/nowhere/libsofthsm2.so"},
            "ROA_SOFTHSM names /nowhere/libsofthsm2.so, which is not",
        ),
    ],
    ids=["not-root", "no-apt", "no-network", "installed-elsewhere", "a-mistyped-variable"],
)
def test_what_is_missing_is_said(machine, options, sentence):
    """A machine that cannot go on is told the exact thing to do, and gets no path to go on with."""
    done = machine(**options)

    assert (done.returncode, done.stdout) == (1, "")
    assert sentence in done.stderr


def test_the_tests_look_where_the_script_looks(tmp_path):
    """The first place that holds a module counts; a variable that names nothing is an error."""
    here = tmp_path / "libsofthsm2.so"
    here.write_bytes(b"")

    assert find_softhsm({}, [str(tmp_path / "not"), str(here)]) == here
    assert find_softhsm({"ROA_SOFTHSM": str(here)}, []) == here
    assert find_softhsm({}, [str(tmp_path / "not")]) is None
    with pytest.raises(FileNotFoundError, match="correct the variable, or unset it"):
        find_softhsm({"ROA_SOFTHSM": str(tmp_path / "not")}, [str(here)])


def test_tests_without_a_module_are_counted(tmp_path):
    """Where SoftHSM is missing its tests do not run, and the end of the run says how many and why."""
    (tmp_path / "test_example.py").write_text(
        "import pytest\n"
        "from tests.support import hardware\n"
        "hardware.find_softhsm = lambda environment: None\n"
        "@pytest.mark.parametrize('at', range(3))\n"
        "def test_signs(at):\n"
        "    assert hardware.softhsm()\n"
    )

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.conftest", "--rootdir", tmp_path, tmp_path],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert f"    3 × {NOT_RUN}" in done.stdout
    assert Path(SCRIPT).stat().st_mode & 0o111, "the script is executable"
