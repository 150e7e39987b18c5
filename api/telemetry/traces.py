"""Traces for an operator who collects them: a span for each request and for each step of the ledger's work.

Off until the extra `otel` is installed and OTEL_EXPORTER_OTLP_ENDPOINT is set: nothing that anybody
sends can make the ledger call an address. A span carries the names below and no others; no exception is
recorded with its text.

A `traceparent` that comes with a request is taken for a link, never for the parent: a stranger neither
chooses the ids of our traces nor whether they are kept. `tracestate` and `baggage` are not read at all.

Source: W3C Trace Context §3.2 (the header), §6 (restarting a trace at a trust boundary).
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext

from opentelemetry.trace import Link, SpanContext, SpanKind, StatusCode, TraceFlags, Tracer, TracerProvider
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

_PARENT = re.compile(rb"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


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
        return self._span(name, SpanKind.INTERNAL, (), {f"roa.{key}": one for key, one in numbers.items()})

    def request(self, parent: SpanContext | None, request_id: str) -> AbstractContextManager[Span | None]:
        """Return a span around a request, which is told its name and its end by `ended`."""
        if self._tracer is None:
            return nullcontext()
        links = () if parent is None else (Link(parent),)
        return self._span("request", SpanKind.SERVER, links, {"roa.request_id": request_id})

    @contextmanager
    def _span(
        self, name: str, kind: SpanKind, links: Iterable[Link], attributes: Mapping[str, Value]
    ) -> Iterator[Span]:
        assert self._tracer is not None
        with self._tracer.start_as_current_span(
            name,
            kind=kind,
            links=tuple(links),
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


def linked(headers: Iterable[tuple[bytes, bytes]]) -> SpanContext | None:
    """Return the span that a request says it belongs to; None where it says none, or not well-formed."""
    named = [value for name, value in headers if name == b"traceparent"]
    found = _PARENT.fullmatch(named[0]) if len(named) == 1 else None
    if found is None:
        return None
    context = SpanContext(int(found[1], 16), int(found[2], 16), True, TraceFlags(int(found[3], 16) & 1))  # noqa: FBT003
    return context if context.is_valid else None


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
