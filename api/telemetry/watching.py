"""One who looks on while a ledger is served: counts steps and rows, and puts spans around steps."""

import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager

from api.telemetry.measures import Measures
from api.telemetry.traces import Tracing
from ledger.watch import Watch


class Telemetry(Watch):
    """The figures and the traces of one process."""

    def __init__(self, tracing: Tracing | None = None) -> None:
        self.measures = Measures()
        self.tracing = tracing or Tracing()

    def step(self, name: str, **numbers: int) -> AbstractContextManager[object]:
        """Return what times a step, and a span around it where traces are collected."""
        return self._timed(name, numbers)

    @contextmanager
    def _timed(self, name: str, numbers: dict[str, int]) -> Iterator[None]:
        started = time.perf_counter()
        try:
            with self.tracing.step(name, numbers):
                yield
        finally:
            self.measures.steps.labels(name).observe(time.perf_counter() - started)

    def decided(self, statuses: Iterable[str], *, done: bool) -> None:
        """Count rows, and submissions that came to their end."""
        self.measures.count_rows(statuses)
        if done:
            self.measures.submissions.inc()

    def failed(self, code: str) -> None:
        """Count a turn of publishing that failed."""
        self.measures.publishing_failures.labels(code).inc()

    def close(self) -> None:
        """Send the last spans."""
        self.tracing.close()
