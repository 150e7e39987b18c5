"""Every call that writes fails once: EIO, ENOSPC, and SIGKILL, put in by `strace`.

A small program works on a ledger. First it is only watched, to count its calls; then for the first, second,
third … call of each kind it is run again with that one failing. What it said was answered has to be there,
nothing half, the next run has to succeed, and what it met has to be told as `Unavailable` (a 503), never as
a trace.

`strace` lies in the package of that name (`.ci/install-strace`). Where the system does not let it trace,
the campaign fails and says so.

Source: LEDGER.md 9, P1, P3, P10.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import IO

from api.client.submission import Submission
from ledger.clock import FixedClock
from ledger.errors import LedgerError
from ledger.founding import REGISTRAR
from projections.catalogue import Views
from tests.reliability.fault_child import SAID
from tests.reliability.harness import Campaign, Line, Setting, Trials
from tests.reliability.power import faults, recorded
from tests.support.documents import spaced
from tests.support.ledgers import PROVIDER_KEY, House, a_study_ledger, open_house, people, statement
from tests.support.tree import ROOT
from tests.support.world import MIDDAY, a_result, an_enrolment, identity

EIO, ENOSPC, KILL = "error=EIO", "error=ENOSPC", "signal=KILL"
HOW = {EIO: "the disk fails (EIO)", ENOSPC: "the disk is full (ENOSPC)", KILL: "the process is killed"}
CALLS = (
    "write,pwrite64,pwritev,fsync,fdatasync,ftruncate,fallocate,rename,renameat,renameat2,unlink,unlinkat,"
    "mkdir,mkdirat,link,linkat,rmdir"
)
VARIABLE = "ROA_STRACE"  # names strace where it is not on PATH; `.ci/install-strace` prints it
MISSING = "calls that fail: strace is not on this machine (.ci/install-strace)"
PROGRAM, CARELESS = "tests.reliability.fault_child", "tests.reliability.careless_child"
REFUSED = (
    "strace cannot trace here, so no call was made to fail: in a container allow it with"
    " --cap-add SYS_PTRACE, or a seccomp profile that permits ptrace"
)
_CALL = re.compile(r"^(?:\d+ +)?(\w+)\(", re.MULTILINE)
_TIMEOUT_S = 60


class CannotTrace(Exception):
    """strace is not here, or the system does not let it do its work."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One call that fails: the `nth` of its kind, counted from 1."""

    call: str
    nth: int
    how: str

    @property
    def words(self) -> str:
        """How it is named."""
        return f"{self.call} {self.nth} {self.how}"


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of the program: how it ended, what it said, and what strace saw of it."""

    end: str
    said: list[list[object]]
    trace: str

    def of(self, kind: str) -> list[list[object]]:
        """Return what it said of one kind."""
        return [one[1:] for one in self.said if one[0] == kind]


# ------------------------------------------------------------------ the program under strace


class Nursery:
    """Runs the program on one ledger after another; its modules are loaded once."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, folder: Path, *, fault: Fault | None = None) -> Ran:
        """Run it on the ledger in `folder / "ledger"`, traced, with a call that fails.

        Raises:
            CannotTrace: strace is missing, or may not trace.
        """
        log = folder / "trace"
        child = self._ask(str(folder / "ledger"))
        how = ["-e", f"trace={CALLS}"]
        if fault is not None:
            how += ["-e", f"inject={fault.call}:{fault.how}:when={fault.nth}"]
        command = [strace(), "-f", "-o", str(log), *how, "-p", child]
        traced = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
        if not log.exists() or (traced.returncode and not log.read_text()):
            raise CannotTrace(f"{REFUSED}\n{traced.stderr}")
        end = self._read()
        lines = (folder / SAID).read_text(encoding="utf-8").splitlines()
        return Ran(end, [json.loads(line) for line in lines], log.read_text(encoding="utf-8"))

    def _ask(self, line: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> str:
        stdout: IO[str] | None = self._process.stdout
        assert stdout is not None
        line = stdout.readline()
        assert line, "the program that makes children is gone: its reason stands above"
        return line.strip()


def strace() -> str:
    """Return where strace is; CannotTrace where it is not."""
    found = os.environ.get(VARIABLE) or shutil.which("strace")
    if not found:
        raise CannotTrace(MISSING)
    return found


@contextmanager
def nursery(program: str = PROGRAM) -> Iterator[Nursery]:
    """Load the program."""
    command = [sys.executable, "-m", program]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Nursery(process)
        finally:
            process.kill()


# ------------------------------------------------------------------ one fault


def prepared(folder: Path) -> Path:
    """Make the ledger that every run begins with, and what is posted to it; return where both lie."""
    house = a_study_ledger(folder / "ledger")
    house.publish()
    house.clock.advance(timedelta(minutes=30))
    house.register(*people(1))
    views = Views(house.ledger)
    views.catch_up()
    views.close()
    one, *more = people(3, first=500)
    house.build(REGISTRAR, [statement("learner.registered", who=identity(who)) for who in (one, *more)]).save(
        folder / "1.submission"
    )
    said = [
        statement("learner.enrolled", **an_enrolment(one)),
        statement("assessment.passed", **a_result(one)),
    ]
    house.build(PROVIDER_KEY, said).save(folder / "2.submission")
    house.close()
    return folder


def run_with(workers: Nursery, template: Path, folder: Path, fault: Fault) -> list[str]:
    """Let one call fail in a copy of the ledger; return what is wrong afterwards."""
    shutil.copytree(template, folder)
    ran = workers.run(folder, fault=fault)
    wrong = [*_told(ran, fault), *_found(folder, ran)]
    shutil.rmtree(folder)
    return wrong


def _told(ran: Ran, fault: Fault) -> Iterator[str]:
    if "(INJECTED)" not in ran.trace and "killed by SIGKILL" not in ran.trace:
        yield f"{fault.words} was not made to fail"
    raised = ran.of("raised")
    if raised:
        yield f"{fault.words}: {raised[0][0]} was raised\n{raised[0][1]}"
    wanted = "signal 9" if fault.how == KILL else "exit 0"
    if ran.end != wanted and not raised:
        yield f"{fault.words}: the program ended with {ran.end}"


def _found(folder: Path, ran: Ran) -> Iterator[str]:
    """Open the ledger as the next start does, yield what is not as it was answered, and finish the work."""
    clock = FixedClock(MIDDAY + timedelta(hours=2))
    try:
        house = open_house(folder / "ledger", clock)
    except LedgerError as error:
        yield f"does not open afterwards: {error.code}"
        return
    try:
        for name, outcomes in ran.of("answered"):
            yield from _as_answered(house, folder / str(name), outcomes)
        yield from faults(house, with_keys=False)
        for file in sorted(folder.glob("*.submission")):
            outcomes = house.send(Submission.load(file))
            if any(not one.status.startswith("accepted") for one in outcomes):
                yield f"{file.name} posted again: {outcomes}"
        house.publish()
        views = Views(house.ledger)
        views.catch_up()
        if differences := views.differences():
            yield f"views differ from a rebuild: {differences[:3]}"
        views.close()
        yield from faults(house)
    except LedgerError as error:
        yield f"does not go on: {error.code}"
    finally:
        house.close()


def _as_answered(house: House, file: Path, outcomes: object) -> Iterator[str]:
    assert isinstance(outcomes, list)
    found = recorded(house, Submission.load(file))
    for row, status, position in outcomes:
        if not status.startswith("accepted") or found.get(row) != position:
            yield f"{file.name} row {row} was answered {status} at {position}, and is at {found.get(row)}"


# ------------------------------------------------------------------ the campaign


def calls_of(workers: Nursery, template: Path, folder: Path) -> list[str]:
    """Return the calls that the program makes when nothing fails, in their order."""
    shutil.copytree(template, folder)
    ran = workers.run(folder)
    assert ran.end == "exit 0", (ran.end, ran.said)
    assert not list(_found(folder, ran))
    shutil.rmtree(folder)
    return _CALL.findall(ran.trace)


def every_fault(calls: Sequence[str], how: str) -> list[Fault]:
    """Return one fault for each of these calls."""
    kinds = sorted(set(calls))
    return [Fault(kind, nth, how) for kind in kinds for nth in range(1, calls.count(kind) + 1)]


def run(setting: Setting) -> list[Line]:
    """Let each call fail in each way; with fewer trials than calls, so many of them, drawn by the seed."""
    lines = []
    setting.folder.mkdir(parents=True, exist_ok=True)
    template = prepared(setting.folder / "template")
    try:
        with nursery() as workers:
            calls = calls_of(workers, template, setting.folder / "watched")
            for how, words in HOW.items():
                trials, wanted = Trials("faults"), every_fault(calls, how)
                if setting.trials < len(wanted):
                    wanted = Random(setting.seed).sample(wanted, setting.trials)
                for place, fault in enumerate(wanted):
                    trials.add(
                        setting.seed, run_with(workers, template, setting.folder / f"{how}-{place}", fault)
                    )
                seen = "nothing answered lost, nothing half, told as unavailable, the next run completes it"
                kinds = f"{spaced(len(calls))} calls of {len(set(calls))} kinds"
                lines.append(trials.line(f"{words} at a call that writes ({kinds})", seen))
    except CannotTrace as error:
        return [
            Line(
                "a call that writes fails",
                0,
                "not tried: strace cannot trace here",
                ok=False,
                failures=(str(error),),
            )
        ]
    return lines


FAULTS = Campaign("faults", "P1, P3, P10", run, trials=1_000)
