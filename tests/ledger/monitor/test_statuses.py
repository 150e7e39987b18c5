"""Status lists are held to the log by what they say, not by how they spell it."""

from pathlib import Path

import pytest

from ledger.monitor.findings import Findings
from ledger.monitor.state import MOMENTS_MAX, Memory
from ledger.monitor.statuses import Served, judge

LIST = (95001, 1)
A, B = b"a" * 32, b"b" * 32


def judged(memory: Memory, moment: str, digest: bytes) -> list[str]:
    """Judge one served list, whose bits may be any; return the codes that were found."""
    findings = Findings()
    judge(LIST, Served(moment, digest), {A, B}, memory, findings)
    return [one.code for one in findings.found]


@pytest.mark.parametrize(
    "spelled",
    [
        "2026-11-22T00:00:00Z",
        "2026-11-22T00:00:00.000Z",
        "2026-11-22T00:00:00+00:00",
        "2026-11-22T13:00:00+13:00",
    ],
)
def test_one_moment_is_one_however_it_is_spelled(tmp_path: Path, spelled: str) -> None:
    """Two lists for one moment are found where the second gives it in another zone, or with fractions."""
    memory = Memory(tmp_path / "state.json")
    assert judged(memory, "2026-11-22T00:00:00Z", A) == []

    found = judged(memory, spelled, B)

    assert found == ["status-moment"]


def test_the_oldest_moment_is_forgotten_and_not_the_first_in_the_alphabet(tmp_path: Path) -> None:
    """A zone that sorts late does not keep an old moment, nor push out a newer one."""
    memory = Memory(tmp_path / "state.json")
    for second in range(MOMENTS_MAX):
        assert judged(memory, f"2026-11-22T00:{second // 60:02}:{second % 60:02}Z", A) == []
    assert judged(memory, "2026-11-22T12:59:59+13:00", A) == []

    found = judged(memory, "2026-11-22T00:00:00Z", B)

    assert found == ["status-moment"]
    assert len(memory.state.moments["95001/1"]) == MOMENTS_MAX


@pytest.mark.parametrize(
    "moment", ["2026-11-22", "2026-11-22T00:00:00", "now", "", "0001-01-01T00:00:00+13:00"]
)
def test_a_moment_that_is_none_is_found(tmp_path: Path, moment: str) -> None:
    """A list that does not say when it was signed cannot be held to anything."""
    assert judged(Memory(tmp_path / "state.json"), moment, A) == ["status-form"]
