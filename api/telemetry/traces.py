"""Traces for an operator who collects them: a span for each request and for each step of the ledger's work.

Off until the extra `otel` is installed and OTEL_EXPORTER_OTLP_ENDPOINT is set: nothing that anybody
sends can make the ledger call an address. A span carries the names below and no others; no exception is
recorded with its text.

A `traceparent` that comes with a request is not read, nor are `tracestate` and `baggage`: a stranger neither
chooses the ids of our traces, nor whether they are kept, nor 24 bytes of what stands in them.

Source: W3C Trace Context §6 (restarting a trace at a trust boundary).
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext

from opentelemetry.trace import SpanKind, StatusCode, Tracer, TracerProvider
from opentelemetry.trace.span import Span

from ledger.errors import Refusal

SERVICE = "achievement-ledger"
ATTRIBUTES = frozenset(
    (
        "http.request.method",
        "http.route",
        "http.response.status_code",
        "error.type",
        "roa.code",
        "roa.request_id",
        "roa.bytes",
        "roa.rows",
        "roa.records",
    )
)
ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
Value = str | int


class Tracing:
    """Makes spans with a tracer, or none without one."""

    def __init__(self, provider: TracerProvider | None = None) -> None:
        self._provider = provider
        self._tracer: Tracer | None = None if provider is None else provider.get_tracer(SERVICE)

    @property
    def is_on(self) -> bool:
        """Whether anybody collects spans."""
        return self._tracer is not None

    def step(self, name: str, numbers: Mapping[str, int]) -> AbstractContextManager[object]:
        """Return a span around a step; its numbers become attributes."""
        if self._tracer is None:
            return nullcontext()
        return self._span(name, SpanKind.INTERNAL, {f"roa.{key}": one for key, one in numbers.items()})

    def request(self, request_id: str) -> AbstractContextManager[Span | None]:
        """Return a span around a request, which is told its name and its end by `ended`."""
        if self._tracer is None:
            return nullcontext()
        return self._span("request", SpanKind.SERVER, {"roa.request_id": request_id})

    @contextmanager
    def _span(self, name: str, kind: SpanKind, attributes: Mapping[str, Value]) -> Iterator[Span]:
        assert self._tracer is not None
        with self._tracer.start_as_current_span(
            name,
            kind=kind,
            attributes=permitted(attributes),
            # Both would write down what an exception says.
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield span
            except BaseException as error:
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(StatusCode.ERROR)
                raise

    def close(self) -> None:
        """Send what is left, for as long as the exporter's own limit allows."""
        shutdown = getattr(self._provider, "shutdown", None)
        if shutdown is not None:
            shutdown()


def ended(span: Span | None, name: str, attributes: Mapping[str, Value | None], *, failed: bool) -> None:
    """Say at the end of a request what it was, which is known only then."""
    if span is None:
        return
    span.update_name(name)
    span.set_attributes(permitted({key: one for key, one in attributes.items() if one is not None}))
    if failed:
        span.set_status(StatusCode.ERROR)


def permitted(attributes: Mapping[str, Value]) -> dict[str, Value]:
    """Return those attributes that a span may carry."""
    return {name: value for name, value in attributes.items() if name in ATTRIBUTES}


def tracing_of_environment() -> Tracing:
    """Return what the operator set up: an exporter of OTLP over HTTP, or nothing.

    Raises:
        Refusal: (code `telemetry`) an address is set, and the extra `otel` is not installed.
    """
    if not any(os.environ.get(name) for name in ENDPOINTS):
        return Tracing()
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider as Provider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError as error:
        raise Refusal(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, and what sends traces is not installed: "
            "install achievement-ledger[otel], or unset it",
            code="telemetry",
        ) from error
    provider = Provider(resource=Resource.create({"service.name": SERVICE}))
    # Its queue is bounded, and spans beyond it are dropped: a collector that is down stops nobody.
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Tracing(provider)
