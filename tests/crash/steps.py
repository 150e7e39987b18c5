"""Where the process is killed, and how that is done from a test."""

import signal
import subprocess
import sys
from pathlib import Path

from tests.support.ledgers import House
from tests.support.tree import ROOT

# As the modules that call them name them, in order: ledger/store/sqlite.py, ledger/publisher.py,
# ledger/restore/run.py, ledger/disposal.py, ledger/outcomes.py, ledger/privacy/vault_file.py,
# ledger/privacy/epoch.py, ledger/forgetting/carrying_out.py, ledger/backup/taking.py and
# ledger/backup/placing.py.
WRITE_STEPS = ("begun", "checked", "inserted", "committed")
PUBLISH_STEPS = ("read_back", "anchor_written", "anchor_swapped", "inserted", "cosigned", "served")
RESTORE_STEPS = (
    "verified",
    "receipts_listed",
    "answers_lost",
    "views_dropped",
    "put_back",
    "told",
    "committed",
)
JOBS_KEY_STEPS = ("key_replaced", "sealed_anew", "keys_destroyed")
TURN_STEPS = ("begun", "next_written", "rewritten", "committed", "old_kept", "renamed", "destroyed")
DISPOSE_STEPS = ("scanned", "begun", "cleared", "told", "committed", "erased")
FORGET_STEPS = ("recorded", "bodies", "elsewhere", "keys", "after", "numbers")
BACKUP_STEPS = ("jobs.sqlite", "vault.sqlite", "checked", "signed", "named")
PLACE_STEPS = ("copied", "checked", "keyed", "placed")
CHUNK_ROWS = 4  # so that a small submission has several chunks


def killed_at(action: str, house: House, step: str, file: Path, *, nth: int = 1) -> list[int]:
    """Close the ledger, run the child on it until it kills itself, and return what that had acknowledged."""
    house.close()
    ledger, now_us = house.files.folder, house.clock.now_us()
    command = [sys.executable, "-m", "tests.crash.child", action, ledger, now_us, step, nth, file]
    child = subprocess.run(
        list(map(str, command)), cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert child.returncode == -signal.SIGKILL, (child.returncode, child.stderr[-2000:])
    return list(map(int, child.stdout.split()))
