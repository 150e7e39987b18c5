"""A reader of C2SP static logs that was not written here accepts ours, and finds what was changed in it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.ledgers import a_study_ledger, people

READER = os.environ.get("ROA_FOREIGN")
pytestmark = pytest.mark.skipif(
    READER is None, reason="the foreign reader is not installed: ROA_FOREIGN does not name its folder"
)
# Runs apart from our process, so that nothing of ours can help it.
PROGRAM = """
import json, sys
import aics_tlog
place, note, vkey = sys.argv[1:]
parsed = aics_tlog.parse_note(open(note, "rb").read())
seen = aics_tlog.verify_checkpoint(parsed, aics_tlog.parse_vkey(vkey))
body = aics_tlog.parse_checkpoint(parsed.text)
reader = aics_tlog.FileSystemTileReader(place)
aics_tlog.audit_tiles(reader, body.size, body.root)
print(json.dumps({"log_ok": seen.log_ok, "size": body.size}))
"""


def judged(place: Path, note: str, vkey: str, scratch: Path) -> subprocess.CompletedProcess[str]:
    """Return what the foreign reader says of a static log and a checkpoint."""
    (scratch / "checkpoint").write_text(note)
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(place), str(scratch / "checkpoint"), vkey],
        env={"PYTHONPATH": str(READER), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("learners", [0, 1, 246, 600])
def test_every_tile_and_entry_is_accepted(tmp_path: Path, learners: int) -> None:
    """The anchor's static log and the signed checkpoint hold, around and beyond a full tile."""
    house = a_study_ledger(tmp_path / "ledger")
    if learners:
        house.register(*people(learners))
    published = house.publish()
    assert published is not None
    (vkey,) = house.ledger.founding.log_keys

    answer = judged(house.files.anchor, published.note, vkey, tmp_path)

    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout) == {"log_ok": True, "size": published.size}
    house.close()


def test_a_changed_entry_is_found(tmp_path: Path) -> None:
    """One flipped bit in an entry bundle is enough: the reader does look."""
    house = a_study_ledger(tmp_path / "ledger")
    house.register(*people(300))
    published = house.publish()
    assert published is not None
    (vkey,) = house.ledger.founding.log_keys
    bundle = house.files.anchor / "tile/entries/000"
    data = bytearray(bundle.read_bytes())
    data[-1] ^= 1
    bundle.write_bytes(data)

    answer = judged(house.files.anchor, published.note, vkey, tmp_path)

    assert answer.returncode != 0
    house.close()
