"""Every measurement there is, in the order of the table."""

from benchmarks import log, submissions
from benchmarks.harness import Benchmark

BENCHMARKS: tuple[Benchmark, ...] = (*submissions.BENCHMARKS, *log.BENCHMARKS)
BY_NAME = {benchmark.name: benchmark for benchmark in BENCHMARKS}
