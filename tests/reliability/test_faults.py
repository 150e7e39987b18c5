"""Calls that fail, in short, and that the campaign sees a program that takes a failed commit for done."""

from pathlib import Path

import pytest

from tests.reliability import faults
from tests.reliability.faults import (
    CARELESS,
    EIO,
    HOW,
    CannotTrace,
    Fault,
    calls_of,
    every_fault,
    nursery,
    prepared,
    run,
    run_with,
    strace,
)
from tests.reliability.harness import Setting

TRIALS = 4


@pytest.fixture(autouse=True)
def _strace() -> None:
    """Do not run without strace, and say so; where it is and may not trace, tests fail."""
    try:
        strace()
    except CannotTrace as error:
        pytest.skip(str(error))


def test_a_call_that_fails_loses_nothing(tmp_path: Path) -> None:
    """A few calls of the program in each way: what was answered is there, and the next run succeeds."""
    lines = run(Setting(TRIALS, 0, tmp_path))

    assert [line.times for line in lines] == [TRIALS] * len(HOW)
    assert all(line.ok for line in lines), [line.failures for line in lines]


def test_a_failed_commit_that_is_taken_for_done_is_seen(tmp_path: Path) -> None:
    """A program that does not look whether its commits were flushed is found out by one flush that fails."""
    template = prepared(tmp_path / "template")
    with nursery(CARELESS) as workers:
        flushes = [
            one
            for one in every_fault(calls_of(workers, template, tmp_path / "seen"), EIO)
            if one.call == "fsync"
        ]
        wrong = [
            one
            for place, fault in enumerate(flushes[6:14])
            for one in run_with(workers, template, tmp_path / str(place), fault)
        ]

    assert any("was answered" in one or one.startswith("audit:") for one in wrong), wrong
    assert not [one for one in wrong if "was not made to fail" in one]


def test_a_call_that_was_not_made_to_fail_is_said(tmp_path: Path) -> None:
    """A fault beyond the last call of its kind counts as a trial that did not hold."""
    template = prepared(tmp_path / "template")
    with nursery() as workers:
        wrong = run_with(workers, template, tmp_path / "beyond", Fault("fsync", 60_000, EIO))

    assert wrong == ["fsync 60000 error=EIO was not made to fail"]


def test_a_system_that_forbids_to_trace_fails_the_campaign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where strace may not attach, nothing was tried, and that is no success."""
    refusing = tmp_path / "strace"
    refusing.write_text("#!/bin/sh\necho 'attach: ptrace: Operation not permitted' >&2\nexit 1\n")
    refusing.chmod(0o755)
    monkeypatch.setenv(faults.VARIABLE, str(refusing))

    (line,) = run(Setting(1, 0, tmp_path / "campaign"))

    assert not line.ok
    assert line.times == 0
    assert "Operation not permitted" in line.failures[0]
