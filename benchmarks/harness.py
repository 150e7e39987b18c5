"""Measuring fairly on a machine that is also doing something else.

Each measurement runs in a process of its own with an empty folder of its own, so that its memory is
its own. Several rounds go through all of them in turn, so that what slows the machine for a moment
slows neighbours alike; the best round counts. A figure says little by itself: it is given beside
the measurement it is compared with, as a ratio within the run, and with the share of a core that it
got: where that is low it waited, for the disk, for another process of its own, or for a neighbour.
"""

import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

ROUNDS = 3
RSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024


class Stopwatch:
    """Runs while its `with` block does; what is prepared before it is not counted."""

    def __init__(self) -> None:
        self.seconds = 0.0
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
    beside: name of the measurement that its ratio is taken to; None for one that stands alone.
    aim: what we promise, for people to read, such as "≥ 5 000/s" or "≥ 1 ×".
    """

    name: str
    unit: str
    work: Work
    beside: str | None = None
    aim: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """What one round of a measurement gave."""

    count: int
    seconds: float
    cpu_seconds: float
    memory_max_bytes: int

    @property
    def rate(self) -> float:
        """Things done per second."""
        return self.count / self.seconds


def measure(benchmarks: Sequence[Benchmark], rounds: int = ROUNDS) -> dict[str, Figure]:
    """Return the best figure of each measurement, by name, in the order given."""
    best: dict[str, Figure] = {}
    for _ in range(rounds):
        for benchmark in benchmarks:
            figure = _in_child(benchmark.name)
            if benchmark.name not in best or figure.rate > best[benchmark.name].rate:
                best[benchmark.name] = figure
    return best


def run_here(benchmark: Benchmark, folder: Path) -> tuple[int, float, float]:
    """Do the work of one measurement in this process; return how much was done, seconds, CPU seconds."""
    watch = Stopwatch()
    count = benchmark.work(folder, watch)
    assert count * watch.seconds > 0, f"{benchmark.name} measured nothing"
    return count, watch.seconds, watch.cpu_seconds


def _in_child(name: str) -> Figure:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks", name, "--here", folder]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: S603 - ourselves
            assert process.stdout is not None
            printed = process.stdout.read()
            # wait4 tells the memory of this child alone; RUSAGE_CHILDREN only that of the largest so far.
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{name} failed with exit {process.returncode}; its message stands above")
    count, seconds, cpu_seconds = json.loads(printed)
    return Figure(count, seconds, cpu_seconds, usage.ru_maxrss * RSS_UNIT_BYTES)


def table(benchmarks: Sequence[Benchmark], figures: Mapping[str, Figure]) -> list[tuple[str, ...]]:
    """Return name, rate, ratio to the one beside it, share of a core, memory and aim of each, as text."""
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
        f"{figure.rate:,.0f} {benchmark.unit}/s".replace(",", " "),
        "" if times is None else f"{times:.2f} × {benchmark.beside}",
        f"{figure.cpu_seconds / figure.seconds:.0%}",
        f"{figure.memory_max_bytes / 2**20:.0f} MiB",
        benchmark.aim,
    )
