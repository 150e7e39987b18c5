"""Documentation that cannot drift: `console` blocks of Markdown are run, and their output compared.

A block holds commands after `$ ` and below each what it prints. A command ending in a backslash
goes on in the next line. The blocks of one document run in order in one new folder, each command
by bash with `pipefail`, standard error together with standard output.

    ```console
    $ roa demo --data D --json
    {"posted": 1003, ...}
    ```

What differs from run to run is masked on both sides before they are compared (MASKS). Besides,
`…` in the document stands for any text within a line, and a line of nothing but `…` for any lines.
A command that must fail says so: `$ roa verify bad.json; echo "exit $?"`.

A block that cannot be run, or must not, is opened as ```` ```console no-run: reason ````.
"""

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_S = 240.0
ELLIPSIS = "…"
_FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,})console\b(?P<rest>.*)$")
_WIDTH = re.compile(r"([ ─━═])\1+")
_NO_RUN = re.compile(r"^no-run: *(\S.*)$")
# Times, durations, rates and random values; the order matters, longer shapes come first.
MASKS: Sequence[tuple[str, re.Pattern[str]]] = (
    ("instant", re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d| UTC)?")),
    ("day", re.compile(r"\b\d{4}-\d\d-\d\d\b")),
    ("time of day", re.compile(r"\b\d?\d:\d\d(:\d\d)?\b")),
    ("uuid", re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")),
    ("key or digest", re.compile(r"(?<![\w+/=-])(?=[\w+/-]*\d)(?=[\w+/-]*[A-Za-z])[\w+/-]{20,}={0,2}")),
    ("rate", re.compile(r"\b\d[\d \u202f,.]*(?= ?/s\b)")),
    ("duration", re.compile(r"\b\d[\d \u202f,]*(\.\d+)?(?= ?(µs|ms|s|min|seconds?|minutes?)\b)")),
    ("seconds in JSON", re.compile(r'((?<="seconds":)|(?<="seconds": ))\d+(\.\d+)?')),
    ("port", re.compile(r"(?<=127\.0\.0\.1:)\d+")),
)


class BadBlock(Exception):
    """A block that cannot be read; says document, line and what is wrong."""


@dataclass(frozen=True, slots=True)
class Step:
    """One command, and the lines the document says it prints."""

    number: int  # line of the document, from 1
    command: str
    output: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """One console block. `not_run` says why it is not run; None where it is."""

    number: int
    steps: tuple[Step, ...]
    not_run: str | None


@dataclass(frozen=True, slots=True)
class Difference:
    """A command that printed something else than the document says."""

    step: Step
    printed: str
    code: int

    def __str__(self) -> str:
        """Tell both sides, one below the other."""
        documented = "\n".join(self.step.output)
        return (
            f"line {self.step.number}: $ {self.step.command}\n"
            f"--- documented\n{documented}\n--- printed (exit {self.code})\n{self.printed}"
        )


def console_blocks(name: str, text: str) -> list[Block]:
    """Return the console blocks of a Markdown text, in order.

    Raises:
        BadBlock: a block without end or command, output before a command, `no-run` without a
            reason, or another word after `console`.
    """
    blocks = []
    numbered = iter(enumerate(text.splitlines(), start=1))
    for number, row in numbered:
        fence = _FENCE.match(row)
        if fence is None:
            continue
        body = []
        for at, line in numbered:
            if line.strip() == fence["ticks"]:
                break
            body.append((at, line.removeprefix(fence["indent"])))
        else:
            raise BadBlock(f"{name}:{number}: the block has no end")
        blocks.append(
            Block(number, _steps(name, number, body), _not_run(name, number, fence["rest"].strip()))
        )
    return blocks


def _not_run(name: str, number: int, rest: str) -> str | None:
    if not rest:
        return None
    reason = _NO_RUN.match(rest)
    if reason is None:
        raise BadBlock(f"{name}:{number}: after `console` stands nothing, or `no-run: reason`")
    return reason[1]


def _steps(name: str, number: int, body: Sequence[tuple[int, str]]) -> tuple[Step, ...]:
    steps: list[tuple[int, str, list[str]]] = []
    for at, row in body:
        if steps and not steps[-1][2] and steps[-1][1].endswith("\\"):
            steps[-1] = (steps[-1][0], f"{steps[-1][1]}\n{row}", [])
        elif row.startswith("$ "):
            steps.append((at, row[2:], []))
        elif steps:
            steps[-1][2].append(row)
        else:
            raise BadBlock(f"{name}:{at}: output before any command")
    if not steps:
        raise BadBlock(f"{name}:{number}: no command in the block")
    return tuple(Step(at, command, tuple(output)) for at, command, output in steps)


def run_blocks(blocks: Sequence[Block], folder: Path, environment: Mapping[str, str]) -> list[Difference]:
    """Run the blocks of one document in order; return what printed something else than documented.

    Args:
        blocks: of one document; those marked `no-run` are passed over.
        folder: where the commands run.
        environment: all variables they see.

    A command that fails is a difference too, unless it is the last of a list whose end the
    document shows (`…; echo "exit $?"`).
    """
    bash = shutil.which("bash", path=environment["PATH"])
    assert bash is not None, "documentation is run by bash"
    differences = []
    for step in (step for block in blocks if block.not_run is None for step in block.steps):
        done = subprocess.run(
            [bash, "-c", f"set -o pipefail\n{step.command}"],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TIMEOUT_S,
            check=False,
        )
        printed = done.stdout.decode()
        if done.returncode != 0 or not same_output("\n".join(step.output), printed):
            differences.append(Difference(step, printed, done.returncode))
    return differences


def same_output(documented: str, printed: str) -> bool:
    """Tell whether a command printed what the document says, as far as it can be the same twice.

    Empty lines at both ends do not count, nor how wide a space or a rule between columns is: a
    table is as wide as the values that are masked.
    """
    pattern = "".join(map(_line_pattern, _lines(documented)))
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in _lines(printed))) is not None


def mask(text: str) -> str:
    """Return a text with everything that differs from run to run replaced by `…`."""
    for _, pattern in MASKS:
        text = pattern.sub(ELLIPSIS, text)
    return text


def _line_pattern(line: str) -> str:
    if line.strip() == ELLIPSIS:
        return r"(?:.*\n)*?"
    return ".*?".join(re.escape(part) for part in line.split(ELLIPSIS)) + r"\n"


def _lines(text: str) -> list[str]:
    return [_WIDTH.sub(r"\1", line).rstrip() for line in mask(text).strip("\n").splitlines()]
