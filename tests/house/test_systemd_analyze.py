"""Units are judged by systemd's own tool; where it is missing it is installed, or the run says why not."""

import shutil
import subprocess

import pytest

from tests.support.tree import ROOT

SCRIPT = ROOT / ".ci" / "install-systemd-analyze"
NOTHING = "#!/bin/sh\nexit 0\n"
APT_GET = f"""#!/bin/sh
[ -z "${{FAKE_NO_NETWORK:-}}" ] || {{ echo 'Could not resolve' >&2; exit 100; }}
printf '{NOTHING.encode("unicode_escape").decode()}' >"${{0%/*}}/systemd-analyze"
chmod +x "${{0%/*}}/systemd-analyze"
"""


@pytest.fixture
def run(tmp_path):
    """Return a function that runs the script on a machine with few tools, as root."""
    for tool in ("sh", "printf", "chmod"):
        (tmp_path / tool).symlink_to(shutil.which(tool))
    for name, text in (("id", "#!/bin/sh\necho 0\n"), ("apt-get", APT_GET)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)

    def ran(**variables):
        return subprocess.run(
            [tmp_path / "sh", SCRIPT],
            env={"PATH": str(tmp_path), **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    return ran


def test_a_missing_one_is_installed(run, tmp_path):
    """And then it is the one that is printed, by this run and by the next."""
    first, again = run(), run(FAKE_NO_NETWORK="1")

    assert (first.returncode, first.stdout) == (0, f"{tmp_path / 'systemd-analyze'}\n")
    assert (again.returncode, again.stdout) == (0, first.stdout)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"FAKE_NO_NETWORK": "1"}, "could not be installed"),
        ({"ROA_SYSTEMD_ANALYZE": "/nowhere/systemd-analyze"}, "which is not there"),
    ],
)
def test_one_that_cannot_be_had_stops_the_run(run, variables, said):
    """Tests of units are never left out in silence."""
    ran = run(**variables)

    assert (ran.returncode, ran.stdout) == (1, "")
    assert said in ran.stderr
