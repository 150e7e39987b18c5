"""The figures that this process counts itself: requests, steps, rows, and answers that say "not now".

They begin at 0 with the process and are this process's own: with several processes on one ledger each
is asked, and whoever asks adds them up. What is read from the ledger when somebody asks is elsewhere
(`api.operations.gauges`). Labels have few values each: templates of routes, classes of statuses, codes.

Source: docs/metrics.md is the table; a test holds one to the other.
"""

from collections import Counter as Counted
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

from ledger.watch import STEPS

_REQUEST_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_STEP_S = (0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
STATUSES = ("accepted", "accepted_with_warnings", "unchanged", "held", "rejected")
NONE = "none"  # the status class of a request that went away before it was answered


class Measures:
    """Counters of one process, in a registry of their own."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a third more lines, which say when each counter was made
        self.registry = CollectorRegistry(auto_describe=True)
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.requests = Histogram(
            "roa_http_request_duration_seconds",
            "Time from a request's head to the end of its answer.",
            ("method", "route", "status"),
            buckets=_REQUEST_S,
            registry=self.registry,
        )
        self.in_progress = Gauge(
            "roa_http_requests_in_progress", "Requests that are being answered.", registry=self.registry
        )
        self.unavailable = Counter(
            "roa_http_unavailable",
            "Answers 503, by the code of the problem.",
            ("code",),
            registry=self.registry,
        )
        self.rows = Counter(
            "roa_rows_decided", "Rows decided, by what became of them.", ("status",), registry=self.registry
        )
        self.submissions = Counter(
            "roa_submissions_decided", "Submissions decided to the end.", registry=self.registry
        )
        self.steps = Histogram(
            "roa_step_duration_seconds",
            "Time of a step: of a chunk of a submission, or of a turn of publishing.",
            ("step",),
            buckets=_STEP_S,
            registry=self.registry,
        )
        self.publishing_failures = Counter(
            "roa_publishing_failures",
            "Turns of publishing and folding that failed.",
            ("code",),
            registry=self.registry,
        )
        # There from the start, so that a rate over them is 0 and not absent.
        for status in STATUSES:
            self.rows.labels(status)
        for step in STEPS:
            self.steps.labels(step)

    def count_rows(self, statuses: Iterable[str]) -> None:
        """Count rows by what became of them."""
        for status, number in Counted(statuses).items():
            self.rows.labels(status).inc(number)


def status_class(status: int | None) -> str:
    """Return `2xx` for 204, and so on."""
    return NONE if status is None else f"{status // 100}xx"
