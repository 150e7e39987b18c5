"""Two threads, two processes, a kill at any step: one log never gets two histories cosigned.

Source: C2SP tlog-witness (the race that check and persist must not have).
"""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ledger.clock import FixedClock
from ledger.log.note import parse_note
from ledger.witness import open_witness
from ledger.witness.store import WitnessStore
from tests.ledger.witness.logs import NOON, ORIGIN, PASSPHRASE, ALog, a_witness, seen_size
from tests.support.tree import ROOT

LOG = ALog(mldsa=False)
STEPS = ("judged", "persisted")


def reopened(folder: Path):
    """Open the witness in a folder as another process would."""
    return open_witness(folder / "witness", PASSPHRASE, clock=FixedClock(NOON))


@pytest.mark.parametrize("own_files", [False, True])
def test_of_many_forks_asked_for_at_once_one_is_cosigned(tmp_path, own_files):
    """Eight histories of one size, each in a thread of its own, to one open witness or each to its own."""
    first = a_witness(tmp_path, LOG)
    first.add_checkpoint(LOG.request(0, 4))
    forks = [LOG.forked(at=at) for at in range(4, 12)]
    witnesses = [reopened(tmp_path) if own_files else first for _ in forks]
    answers: dict[int, int] = {}
    together = threading.Barrier(len(forks))

    def ask(place: int) -> None:
        together.wait()
        answers[place] = witnesses[place].add_checkpoint(forks[place].request(4, 12)).status

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(len(forks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers.values()) == [200] + [409] * 7
    (place,) = [place for place, status in answers.items() if status == 200]
    (log,) = first.logs()
    assert log.seen.root == forks[place].tree.root(12)
    assert {one.kind for one in first.evidence()} == {"split"}
    assert len(first.evidence()) == 7
    for witness in {id(one): one for one in (first, *witnesses)}.values():
        witness.close()


def test_sizes_asked_for_at_once_never_go_back(tmp_path):
    """Each size from 1 to 12 in a thread that tries until it is cosigned or overtaken."""
    witness = a_witness(tmp_path, LOG)
    cosigned: list[int] = []

    def ask(size: int) -> None:
        old = 0
        while True:
            answer = witness.add_checkpoint(LOG.request(old, size))
            if answer.status == 200:
                cosigned.append(size)
                return
            old = int(answer.body)
            if old >= size:
                return

    threads = [threading.Thread(target=ask, args=(size,)) for size in range(1, 13)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert seen_size(witness) == 12
    assert 12 in cosigned
    witness.close()


def test_two_processes_on_one_folder_cosign_one_history(tmp_path):
    """Each shows its own history to the same files; whoever comes second is told that the size is taken."""
    a_witness(tmp_path, LOG).close()
    children = [_child(tmp_path, at, "none") for at in (3, 5, 7)]
    outputs = [child.communicate(timeout=120) for child in children]

    assert all(child.returncode == 0 for child in children), outputs
    statuses = sorted(int(out) for out, _ in outputs)
    assert statuses == [200, 409, 409]


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_a_step_it_has_cosigned_nothing_that_it_forgot(tmp_path, step):
    """Before the commit nothing is remembered, after it everything; either way the log is served on."""
    a_witness(tmp_path, LOG).close()

    child = _child(tmp_path, 12, step)
    out, err = child.communicate(timeout=120)

    assert child.returncode == -signal.SIGKILL, err
    assert out == ""
    witness = reopened(tmp_path)
    size = seen_size(witness)
    assert size == (0 if step == "judged" else 12)
    assert witness.add_checkpoint(LOG.request(size, 12)).status == 200
    witness.close()


def test_what_was_seen_is_known_after_a_restart(tmp_path):
    """The same name, keys, logs, sizes and cosignatures."""
    before = a_witness(tmp_path, LOG)
    answer = before.add_checkpoint(LOG.request(0, 7))
    state = (before.name, before.vkeys, before.logs())
    before.close()

    after = reopened(tmp_path)

    assert (after.name, after.vkeys, after.logs()) == state
    assert after.add_checkpoint(LOG.request(0, 9)).body == b"7\n"
    assert after.add_checkpoint(LOG.request(7, 7)) == answer
    assert len(parse_note((after.logs()[0].seen.note + answer.body.decode()).encode()).signatures) == 3
    after.close()


def test_the_database_flushes_what_it_remembers(tmp_path):
    """synchronous=FULL, and a write-ahead log."""
    a_witness(tmp_path, LOG).close()

    store = WitnessStore(tmp_path / "witness" / "witness.sqlite")
    with store.turn() as connection:
        levels = [
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "journal_mode")
        ]
    store.close()

    assert levels == [2, "wal"]


def _child(folder: Path, at: int, step: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.ledger.witness.test_races", folder, at, step]
    return subprocess.Popen(
        list(map(str, command)), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def main(folder: str, at: str, step: str) -> None:
    """Show the history that differs from entry `at` on; die at a step, or print what was answered."""

    def at_step(name: str) -> None:
        if name == step:
            os.kill(os.getpid(), signal.SIGKILL)

    witness = reopened(Path(folder))
    witness.at_step = at_step
    answer = witness.add_checkpoint(LOG.forked(at=int(at)).request(0, 12))
    print(answer.status)  # noqa: T201


if __name__ == "__main__":
    assert LOG.origin == ORIGIN
    main(*sys.argv[1:])
