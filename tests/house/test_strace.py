"""Calls are made to fail where strace is and may trace; what is missing is said."""

import os
import shutil
import subprocess

import pytest

from tests.support.tree import ROOT

SCRIPT = ROOT / ".ci" / "install-strace"
TOOLS = ("sh", "printf", "id", "true")
TRACES, REFUSED = "#!/bin/sh\nexit 0\n", "#!/bin/sh\necho 'Operation not permitted' >&2\nexit 1\n"
# Installs a strace beside itself, unless the network is away.
APT_GET = """#!/bin/sh
[ -z "${FAKE_NO_NETWORK:-}" ] || { echo 'Could not resolve' >&2; exit 100; }
case "$1" in install) printf '#!/bin/sh\\nexit 0\\n' >"${0%/*}/strace"; chmod +x "${0%/*}/strace" ;; esac
"""


@pytest.fixture
def machine(tmp_path):
    """Return a function that runs the script on a machine with few tools, and the strace that it is given."""
    for tool in TOOLS:
        (tmp_path / tool).symlink_to(shutil.which(tool, path=os.defpath + ":/usr/bin:/bin"))
    (tmp_path / "chmod").symlink_to(shutil.which("chmod"))

    def program(name, text):
        path = tmp_path / name
        path.unlink(missing_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path

    def run(*, strace=None, root=True, apt=True, **variables):
        program("id", f"#!/bin/sh\necho {0 if root else 1000}\n")
        if apt:
            program("apt-get", APT_GET)
        if strace is not None:
            program("strace", strace)
        return subprocess.run(
            [tmp_path / "sh", SCRIPT],
            env={"PATH": str(tmp_path), **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    run.folder, run.program = tmp_path, program
    return run


def test_a_strace_that_traces_is_printed(machine):
    """Nothing is installed where it is, on PATH or where the variable says."""
    named = machine.program("elsewhere", TRACES)

    found = machine(strace=TRACES, apt=False)
    by_name = machine(apt=False, ROA_STRACE=str(named))

    assert (found.returncode, found.stdout) == (0, f"{machine.folder / 'strace'}\n")
    assert (by_name.returncode, by_name.stdout) == (0, f"{named}\n")


def test_one_that_may_not_trace_stops_the_run(machine):
    """In a container that forbids it the run ends there, and says how to allow it."""
    ran = machine(strace=REFUSED)

    assert (ran.returncode, ran.stdout) == (1, "")
    assert "cannot trace here" in ran.stderr
    assert "SYS_PTRACE" in ran.stderr


def test_a_missing_one_is_installed(machine):
    """As root on Debian, and then it is the one that is printed."""
    ran = machine()

    assert (ran.returncode, ran.stdout) == (0, f"{machine.folder / 'strace'}\n")


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"root": False}, "takes root"),
        ({"apt": False}, "Debian and Ubuntu only"),
        ({"FAKE_NO_NETWORK": "1"}, "could not be installed"),
        ({"ROA_STRACE": "/nowhere/strace"}, "is not there"),
    ],
)
def test_what_cannot_be_had_is_said(machine, how, said):
    """Exit 1, with what to do."""
    ran = machine(**how)

    assert (ran.returncode, ran.stdout) == (1, "")
    assert said in ran.stderr
