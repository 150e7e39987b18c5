"""Two processes append to one file: no gap, no double, one tree."""

import subprocess
import sys
from pathlib import Path

from ledger.clock import SystemClock
from ledger.log.merkle import leaf_hash, root_of
from ledger.store.sqlite import LedgerRecorder
from tests.support.tree import ROOT

WRITES, WIDTH, PROCESSES = 60, 7, 2


def _child(folder: Path, first: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.ledger.store.append_many", folder, first, WRITES, WIDTH]
    child = subprocess.Popen(
        list(map(str, command)), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def test_two_processes_interleave_without_gaps(tmp_path: Path) -> None:
    """Every write keeps its positions together, all positions are there once, and the tree is theirs."""
    children = [_child(tmp_path, number * 1_000_000) for number in range(PROCESSES)]
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()

    answers = [child.communicate(timeout=120)[0] for child in children]

    writes = [tuple(map(int, line.split())) for answer in answers for line in answer.splitlines()]
    assert [child.returncode for child in children] == [0] * PROCESSES
    assert sorted(writes) == [
        tuple(range(first, first + WIDTH)) for first in range(1, PROCESSES * WRITES * WIDTH, WIDTH)
    ]
    recorder = LedgerRecorder(tmp_path / "ledger.sqlite", clock=SystemClock())
    rows = recorder.database.reader.execute(
        "SELECT entry, recorded_at_us FROM record ORDER BY position"
    ).fetchall()
    head = recorder.head()
    recorder.close()
    assert (head.size, head.root) == (len(rows), root_of([leaf_hash(entry) for entry, _ in rows]))
    assert [at for _, at in rows] == sorted(at for _, at in rows)
