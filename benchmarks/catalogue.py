"""Every measurement there is, in the order of the table."""

from benchmarks import log
from benchmarks.harness import Benchmark

BENCHMARKS: tuple[Benchmark, ...] = (*log.BENCHMARKS,)
BY_NAME = {benchmark.name: benchmark for benchmark in BENCHMARKS}
