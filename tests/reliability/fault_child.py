"""A small program that says what it did, run again and again under `strace`, which lets its calls fail.

Read on standard input: one folder of a ledger a line. For each a child of this process is made; it waits
until somebody traces it, works on the ledger there, and writes to `said` beside it, one JSON value a line.
Printed: the child's number when it waits, and `exit N` or `signal N` when it is gone.

What it says goes out by `writev`, which nothing else here uses, so that it is never what fails.

Work: found people, enrol them, let them pass, publish, fold the views, turn the epoch. What is unavailable
is tried again, as a provider or a timer does; anything else that is raised ends the program with a trace.
"""

import ctypes
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from api.client.submission import Submission
from ledger.clock import FixedClock
from ledger.errors import Unavailable
from ledger.turning import turn
from projections.catalogue import Views
from tests.support.ledgers import House, open_house
from tests.support.world import MIDDAY

TRIES = 4
SAID = "said"
_ANYBODY, _PR_SET_PTRACER = 2**64 - 1, 0x59616D61
_LOOK_S = 0.001


def main() -> None:
    """Make a child for each line."""
    parent = os.getpid()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _work_traced(Path(line.strip()), parent)
        _print(str(child))
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        _print(f"exit {code}" if code >= 0 else f"signal {-code}")


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _work_traced(folder: Path, parent: int) -> None:
    said = os.open(folder.parent / SAID, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        _wait_for_a_tracer(parent)
        work(folder, lambda *what: os.writev(said, [json.dumps(what).encode() + b"\n"]))
    except BaseException as error:  # noqa: BLE001 - whatever it was, it has to be told
        os.writev(
            said, [json.dumps(["raised", type(error).__name__, traceback.format_exc()[-1500:]]).encode()]
        )
        os._exit(1)
    os._exit(0)


def _wait_for_a_tracer(parent: int) -> None:
    # Where only a parent may trace (Yama), this process lets anybody of its own user.
    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, ctypes.c_ulong(_ANYBODY), 0, 0, 0)
    while "TracerPid:\t0" in Path("/proc/self/status").read_text(encoding="ascii"):
        if os.getppid() != parent:
            os._exit(1)  # nobody will come any more
        time.sleep(_LOOK_S)


# ------------------------------------------------------------------ the work


def work(folder: Path, say: Callable[..., Any]) -> None:
    """Do it all on the ledger in a folder, saying what was answered."""
    clock = FixedClock(MIDDAY + timedelta(hours=1))
    house = _tried(lambda: open_house(folder, clock), say)
    for file in sorted(folder.parent.glob("*.submission")):
        submission = Submission.load(file)
        outcomes = _tried(partial(house.send, submission), say)
        say("answered", file.name, [[one.row, one.status, one.position] for one in outcomes])
        clock.advance(timedelta(seconds=1))
    published = _tried(house.publish, say)
    say("published", published.size)
    say("folded", _tried(lambda: _folded(house), say))
    say("turned", _tried(lambda: turn(house.ledger), say).epoch)
    house.close()


def _folded(house: House) -> int:
    views = Views(house.ledger)
    try:
        return views.catch_up()
    finally:
        views.close()


def _tried(attempt: Callable[[], Any], say: Callable[..., Any]) -> Any:
    for _ in range(TRIES - 1):
        try:
            return attempt()
        except Unavailable as error:
            say("unavailable", error.code)
    return attempt()


if __name__ == "__main__":
    main()
