"""`.ci/uv` on machines that lack something: it gets uv, or says the exact thing to do."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.tree import ROOT

TOOLS = ("sh", "dirname", "rm", "mkdir", "cat", "chmod")

# Answers the questions .ci/uv asks a Python; FAKE_* say what is wrong with it.
PYTHON = """#!/bin/sh
case "$*" in
    *'version_info[:2]'*) echo "${FAKE_VERSION:-3.11}" ;;
    *'< (3, 11)'*) [ "${FAKE_VERSION:-3.11}" != 3.9 ] ;;
    *ensurepip*) [ -z "${FAKE_NO_VENV:-}" ] ;;
    '-m venv '*) mkdir -p "$3/bin" && cat "$0" >"$3/bin/python" && chmod +x "$3/bin/python" ;;
    '-m pip install '*)
        [ -z "${FAKE_NO_REGISTRY:-}" ] || { echo 'no route to host' >&2; exit 1; }
        bin=$(dirname "$0")
        printf '#!/bin/sh\\necho "made uv: $*"\\n' >"$bin/uv" && chmod +x "$bin/uv" ;;
    *) exit 64 ;;
esac
"""
NO_PYTHON = "#!/bin/sh\nexit 127\n"
WORKING_UV = '#!/bin/sh\necho "uv on PATH: $* ${UV_PYTHON:-}"\n'
BROKEN_SHIM = "#!/bin/sh\necho 'pyenv: uv: command not found' >&2\nexit 127\n"


class Machine:
    """A checkout on a machine that has the few tools a shell needs, and what the test puts there."""

    def __init__(self, folder: Path) -> None:
        self.checkout = folder / "checkout"
        self.bin = folder / "bin"
        (self.checkout / ".ci").mkdir(parents=True)
        self.bin.mkdir()
        shutil.copy(ROOT / ".ci" / "uv", self.checkout / ".ci" / "uv")
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool, path=os.defpath + ":/usr/bin:/bin"))

    def has(self, name, text):
        """Put a command on its PATH."""
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def uv(self, *arguments, **variables):
        """Run `.ci/uv` there."""
        return subprocess.run(
            [self.bin / "sh", self.checkout / ".ci" / "uv", *arguments],
            env={"PATH": str(self.bin), **variables},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def machine(tmp_path):
    """Return a machine with neither Python nor uv."""
    return Machine(tmp_path)


def test_uv_on_the_path_is_used(machine):
    """A machine that has uv needs nothing more; an interpreter that is named is passed on to it."""
    machine.has("uv", WORKING_UV)

    assert machine.uv("sync", "--locked").stdout == "uv on PATH: sync --locked \n"
    assert machine.uv("sync", PYTHON="python3.13").stdout == "uv on PATH: sync python3.13\n"
    assert not (machine.checkout / ".uv").exists()


@pytest.mark.parametrize("shim", [None, BROKEN_SHIM], ids=["no uv", "a shim that does not run"])
def test_a_machine_without_uv_gets_one_once(machine, shim):
    """Without a uv that runs, one is made in .uv/ from python3, and the next call finds it there."""
    machine.has("python3", PYTHON)
    if shim:
        machine.has("uv", shim)

    first, second = machine.uv("sync"), machine.uv("run", FAKE_NO_REGISTRY="1")

    assert first.stdout == "made uv: sync\n"
    assert "Installing uv" in first.stderr
    assert (second.stdout, second.stderr) == ("made uv: run\n", "")


@pytest.mark.parametrize(
    ("python", "variables", "sentence"),
    [
        (None, {}, "sudo apt-get install -y python3 python3-venv"),
        (NO_PYTHON, {}, "python3 does not run on this machine"),
        (PYTHON, {"FAKE_VERSION": "3.9"}, "python3 is Python 3.9; this project needs 3.11 or newer."),
        (PYTHON, {"FAKE_NO_VENV": "1"}, "sudo apt-get install -y python3.11-venv"),
        (PYTHON, {"FAKE_NO_REGISTRY": "1"}, "Where the package registry cannot be reached"),
        (PYTHON, {"PYTHON": "python3.99"}, "python3.99 does not run on this machine"),
    ],
)
def test_what_is_missing_is_said(machine, python, variables, sentence):
    """A machine that cannot go on is told the exact thing to do, and no half-made .uv/ stays behind."""
    if python:
        machine.has("python3", python)

    done = machine.uv("sync", **variables)

    assert done.returncode == 1
    assert sentence in done.stderr
    assert not (machine.checkout / ".uv").exists()
