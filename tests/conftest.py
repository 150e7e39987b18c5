"""What holds for every test: nothing reaches beyond this machine, and nothing is left out silently."""

import socket
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

from tests.support.vectors import NOT_RUN

LOOPBACK = ("127.", "::1", "localhost")
ID_CHARACTERS_MAX = 80

# The same examples every time, and no deadline: other work on the machine must not fail a test.
# To look further: pytest --hypothesis-profile=explore
settings.register_profile("house", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=5_000)
settings.load_profile("house")


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Iterator[None]:
    """Refuse every connection that would leave the machine.

    Session-wide, so that servers started by wider fixtures are held to it too. Processes that a
    test spawns are not: scripts give them an environment without proxies and credentials.
    """
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def guarded(self: socket.socket, address: Any) -> None:
        _check_stays_here(self, address)
        connect(self, address)

    def guarded_ex(self: socket.socket, address: Any) -> int:
        _check_stays_here(self, address)
        return connect_ex(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        patch.setattr(socket.socket, "connect_ex", guarded_ex)
        yield


def _check_stays_here(used: socket.socket, address: Any) -> None:
    if used.family in (socket.AF_INET, socket.AF_INET6) and not str(address[0]).startswith(LOOPBACK):
        pytest.fail(f"a test tried to reach {address[0]}:{address[1]}; tests stay on this machine")


def pytest_make_parametrize_id(val: Any, argname: str) -> str | None:
    """Number a case whose value is long, such as a token: its name stays readable and the same everywhere."""
    if isinstance(val, str | bytes) and len(val) > ID_CHARACTERS_MAX:
        return argname
    return None


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Count what did not run, and say why: one line per reason, published vectors in one."""
    reasons = Counter(_reason(report) for report in terminalreporter.stats.get("skipped", ()))
    if not reasons:
        return
    terminalreporter.section("not run")
    for reason, number in sorted(reasons.items()):
        terminalreporter.write_line(f"{number:5} × {reason}")


def _reason(report: Any) -> str:
    # A skip is reported as (file, line, "Skipped: reason"); an expected failure as text.
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    reason = text.removeprefix("Skipped: ")
    if reason.startswith(NOT_RUN):
        return f"{NOT_RUN}: ROA_VECTORS does not name their folder (tests/support/vectors.py)"
    return reason
