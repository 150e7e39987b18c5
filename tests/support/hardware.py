"""A hardware module in software, SoftHSM, with tokens of its own for these tests.

`.ci/install-softhsm` puts it on a machine; ROA_SOFTHSM names its module where it lies in an unusual place.
Where it is missing, a test that asks for it does not run, says so, and is counted at the end of the run
(`tests/conftest.py`). A module that is named and is not there is an error.
"""

import atexit
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import pytest

from ledger.keys.pkcs11 import Pkcs11Module

VARIABLE = "ROA_SOFTHSM"
NOT_RUN = "keys in a hardware module: SoftHSM is not on this machine (.ci/install-softhsm)"
TOKEN, SPARE_TOKEN = "roa-tests", "roa-tests-spare"
PIN = "a PIN of one test run"
_PLACES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    *(str(path) for path in Path("/usr/lib").glob("*/softhsm/libsofthsm2.so")),
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/lib/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
)


def find_softhsm(environment: Mapping[str, str], places: Iterable[str] = _PLACES) -> Path | None:
    """Return where SoftHSM's module is, None where it is in none of the usual places.

    Raises:
        FileNotFoundError: ROA_SOFTHSM names it, and it is not there.
    """
    named = environment.get(VARIABLE)
    if named:
        if not Path(named).is_file():
            raise FileNotFoundError(f"{VARIABLE}={named} is not there: correct the variable, or unset it")
        return Path(named)
    return next((Path(place) for place in places if Path(place).is_file()), None)


def softhsm() -> Pkcs11Module:
    """Return the module with two tokens, TOKEN and SPARE_TOKEN, or do not run this test."""
    path = find_softhsm(os.environ)
    if path is None or shutil.which("softhsm2-util") is None:
        pytest.skip(NOT_RUN)
    return Pkcs11Module(path, _tokens(path) / "pin")


@cache
def _tokens(path: Path) -> Path:
    """Make the tokens of this process, once: a module reads its settings when it is loaded."""
    folder = Path(tempfile.mkdtemp(prefix="roa-softhsm-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "tokens").mkdir()
    settings = folder / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(settings)
    (folder / "pin").write_text(f"{PIN}\n")
    for token in (TOKEN, SPARE_TOKEN):
        make_token(path, token)
    return folder


def make_token(path: Path, label: str) -> None:
    """Make a token. A module that is loaded sees it after a restart."""
    util = shutil.which("softhsm2-util") or "softhsm2-util"
    pins = ("--so-pin", "12345678", "--pin", PIN)
    subprocess.run(
        [util, "--module", str(path), "--init-token", "--free", "--label", label, *pins],
        check=True,
        capture_output=True,
        timeout=60,
    )
