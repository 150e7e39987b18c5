"""docs/key-ceremonies.md: the blocks that need a hardware module, run as documented on SoftHSM.

The other blocks are run with all documentation (test_readme.py), by the installed wheel, which comes
without the package for modules.
"""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.support.console import console_blocks, run_blocks
from tests.support.hardware import PIN, make_token, softhsm
from tests.support.stranger import environment
from tests.support.tree import ROOT

DOCUMENT = ROOT / "docs" / "key-ceremonies.md"
REASON = "needs a hardware module"
TOKEN = "roa"


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A folder with a PIN file; a token of its own, with a key that was made by other means."""
    module = softhsm()
    (tmp_path / "tokens").mkdir()
    settings = tmp_path / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {tmp_path / 'tokens'}\nlog.level = ERROR\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(settings))
    make_token(module.path, TOKEN)
    _import_key(module.path, tmp_path)
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "pin").write_text(f"{PIN}\n")
    return tmp_path / "work"


def _import_key(module, folder):
    key = folder / "ceremony.pem"
    plain = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    key.write_bytes(plain)
    named = ("--token", TOKEN, "--label", "from the ceremony", "--id", "01", "--pin", PIN)
    util = shutil.which("softhsm2-util")
    subprocess.run([util, "--module", module, "--import", key, *named], check=True, capture_output=True)


def test_the_ceremony_in_a_module_prints_what_it_says(work):
    """A token, keys in it, a ledger founded with them, one adopted, one rotated into it: as documented."""
    blocks = console_blocks(DOCUMENT.name, DOCUMENT.read_text(encoding="utf-8"))
    ours = [replace(block, not_run=None) for block in blocks if (block.not_run or "").startswith(REASON)]
    settings = environment(work, Path(sys.executable).with_name("roa"))
    module = softhsm()

    differences = run_blocks(
        ours,
        work,
        settings | {"MODULE": str(module.path), "SOFTHSM2_CONF": str(work.parent / "softhsm2.conf")},
    )

    assert len(ours) == 3
    assert not differences, "\n\n".join(map(str, differences))
