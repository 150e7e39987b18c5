"""Every script in this folder, run with the command under test in a folder of its own."""

from pathlib import Path

import pytest

from tests.scripts.language import read_script
from tests.scripts.runner import ScriptFailed, run_script
from tests.support.stranger import roa_command

SCRIPTS = sorted(Path(__file__).parent.glob("*.txt"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_script(path: Path, tmp_path: Path) -> None:
    """Every line of the script holds, from the first to the last."""
    failure = ""
    try:
        run_script(read_script(path), tmp_path, roa_command())
    except ScriptFailed as failed:
        failure = str(failed)

    if failure:
        pytest.fail(failure, pytrace=False)  # the script's line matters, not the runner's
