"""Measuring fairly on a machine that is also doing something else.

Each measurement runs in a process of its own with an empty folder of its own, so that its memory is
its own. Several rounds go through all of them in turn, so that what slows the machine for a moment
slows neighbours alike; the best round counts. A figure says little by itself: it is given beside
the measurement it is compared with, as a ratio within the run, and with the share of a core that it
got: where that is low it waited, for the disk, for another process of its own, or for a neighbour.
"""

import gc
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.documents import spaced

ROUNDS = 3
SMALL = 10.0  # below it a note has a decimal
RSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024


class Stopwatch:
    """Runs while its `with` block does; what is prepared before it is not counted.

    notes: what else was measured, by a name that ends in its unit, such as `p99_ms`.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.notes: dict[str, float] = {}
        self.cpu_seconds = 0.0  # of this process: less than `seconds` where it waits for a disk or a turn

    def __enter__(self) -> Self:
        """Start."""
        if not self.seconds:
            gc.collect()  # what preparing left behind is not cleared away on this time
        self._started, self._cpu_started = time.perf_counter(), time.process_time()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, and add to what was counted before."""
        self.seconds += time.perf_counter() - self._started
        self.cpu_seconds += time.process_time() - self._cpu_started


# Does the work in an empty folder, times the part that counts, returns how many things it did.
Work = Callable[[Path, Stopwatch], int]


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One measurement.

    unit: what is counted, per second: `records`, `rows`.
    once: it takes minutes, so one round has to do.
    beside: name of the measurement that its ratio is taken to; None for one that stands alone.
    aim: what we promise, for people to read, such as "≥ 5 000/s" or "≥ 1 ×".
    """

    name: str
    unit: str
    work: Work
    beside: str | None = None
    aim: str = ""
    once: bool = False


@dataclass(frozen=True, slots=True)
class Figure:
    """What one round of a measurement gave."""

    count: int
    seconds: float
    cpu_seconds: float
    memory_max_bytes: int
    notes: Mapping[str, float] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Things done per second."""
        return self.count / self.seconds


def measure(benchmarks: Sequence[Benchmark], rounds: int = ROUNDS) -> dict[str, Figure]:
    """Return the best figure of each measurement, by name, in the order given."""
    best: dict[str, Figure] = {}
    for round_ in range(rounds):
        for benchmark in benchmarks:
            if benchmark.once and round_:
                continue
            figure = _in_child(benchmark.name)
            if benchmark.name not in best or figure.rate > best[benchmark.name].rate:
                best[benchmark.name] = figure
    return best


def run_here(benchmark: Benchmark, folder: Path) -> tuple[int, float, float, dict[str, float]]:
    """Do the work of one measurement here; return how much was done, seconds, CPU seconds, notes."""
    watch = Stopwatch()
    count = benchmark.work(folder, watch)
    assert count * watch.seconds > 0, f"{benchmark.name} measured nothing"
    return count, watch.seconds, watch.cpu_seconds, watch.notes


def _in_child(name: str) -> Figure:
    with tempfile.TemporaryDirectory() as folder:
        printed, memory_max_bytes = run_child([sys.executable, "-m", "benchmarks", name, "--here", folder])
    count, seconds, cpu_seconds, notes = json.loads(printed)
    return Figure(count, seconds, cpu_seconds, memory_max_bytes, notes)


def run_child(command: Sequence[str]) -> tuple[bytes, int]:
    """Run a command of ours; return what it printed, and the most memory in bytes that it held.

    Raises:
        SystemExit: it failed, and has said why.
    """
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: S603 - ourselves
        assert process.stdout is not None
        printed = process.stdout.read()
        # wait4 tells the memory of this child alone; RUSAGE_CHILDREN only that of the largest so far.
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{command[-2:]} failed with exit {process.returncode}; its message stands above")
    return printed, usage.ru_maxrss * RSS_UNIT_BYTES


def table(benchmarks: Sequence[Benchmark], figures: Mapping[str, Figure]) -> list[tuple[str, ...]]:
    """Return name, rate, ratio to the one beside it, notes, share of a core, memory and aim, as text."""
    return [_row(benchmark, figures) for benchmark in benchmarks]


def ratio(benchmark: Benchmark, figures: Mapping[str, Figure]) -> float | None:
    """Return how many times as fast it is as the one beside it; None where there is none."""
    if benchmark.beside is None or benchmark.beside not in figures:
        return None
    return figures[benchmark.name].rate / figures[benchmark.beside].rate


def _row(benchmark: Benchmark, figures: Mapping[str, Figure]) -> tuple[str, ...]:
    figure = figures[benchmark.name]
    times = ratio(benchmark, figures)
    return (
        benchmark.name,
        f"{spaced(figure.rate)} {benchmark.unit}/s",
        "" if times is None else f"{times:.2f} × {benchmark.beside}",
        "\n".join(_note(name, value) for name, value in figure.notes.items()),
        f"{figure.cpu_seconds / figure.seconds:.0%}",
        f"{figure.memory_max_bytes / 2**20:.0f} MiB",
        benchmark.aim,
    )


def _note(name: str, value: float) -> str:
    what, unit = name.rsplit("_", 1)
    number = spaced(value) if value >= SMALL else f"{value:.1f}"
    return f"{what.replace('_', ' ')} {number} {unit}"


def percentiles(seconds: Sequence[float], name: str = "") -> dict[str, float]:
    """Return notes of how long things took: p50 and p99 in milliseconds, the nearest-rank way."""
    ordered = sorted(seconds)
    prefix = f"{name}_" if name else ""
    return {
        f"{prefix}p{share}_ms": ordered[max(0, math.ceil(len(ordered) * share / 100) - 1)] * 1000
        for share in (50, 99)
    }
