"""Every measurement there is, in the order of the table."""

from benchmarks import append, auditing, documents, http, log, memory, mixed, signatures, submissions, views
from benchmarks.harness import Benchmark

BENCHMARKS: tuple[Benchmark, ...] = (
    *submissions.BENCHMARKS,
    *http.BENCHMARKS,
    *memory.BENCHMARKS,
    *mixed.BENCHMARKS,
    *append.BENCHMARKS,
    *auditing.BENCHMARKS,
    *views.BENCHMARKS,
    *documents.BENCHMARKS,
    *log.BENCHMARKS,
    *signatures.BENCHMARKS,
)
BY_NAME = {benchmark.name: benchmark for benchmark in BENCHMARKS}
