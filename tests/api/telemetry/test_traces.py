"""Spans for whoever collects them: of requests and of steps, with a few attributes, and off by default."""

import subprocess
import sys

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from starlette.testclient import TestClient

from api.app import create_app
from api.telemetry.traces import ATTRIBUTES, ENDPOINTS, Tracing, tracing_of_environment
from api.telemetry.watching import Telemetry
from ledger.errors import Refusal
from tests.api.door import Door, results_csv
from tests.support.world import ANA, BEN

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def spans() -> InMemorySpanExporter:
    """Where spans end up."""
    return InMemorySpanExporter()


@pytest.fixture
def traced(door: Door, spans: InMemorySpanExporter) -> Door:
    """A ledger behind doors that are traced."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    app = create_app(door.house, telemetry=Telemetry(Tracing(provider)))
    door.__dict__["client"] = TestClient(app, follow_redirects=False, raise_server_exceptions=False)
    return door


def named(spans: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    """Return the spans of that name."""
    return [one for one in spans.get_finished_spans() if one.name == name]


def test_a_submission_is_a_span_with_its_steps_below_it(traced, spans):
    """One for each step of a chunk, however many rows it has, and nothing in them but numbers."""
    rows = [(who, outcome, "A") for who in (ANA, BEN) for outcome in ("LO1", "LO2")]

    traced.post_csv(results_csv(rows))

    (request,) = named(spans, "POST /v1/submissions")
    (decide,), (save,) = named(spans, "decide"), named(spans, "save")
    assert request.kind is SpanKind.SERVER
    assert request.parent is None
    assert {one.parent.span_id for one in (decide, save)} == {request.context.span_id}
    assert (dict(decide.attributes), dict(save.attributes)) == ({"roa.rows": 4}, {"roa.records": 4})
    assert request.attributes["http.response.status_code"] == 200
    assert all(one.attributes.keys() <= ATTRIBUTES for one in spans.get_finished_spans())
    assert all(one.events == () for one in spans.get_finished_spans())


def test_publishing_is_a_span_for_each_of_its_steps(traced, spans):
    """Folding, publishing, and folding what followed from it."""
    traced.house.catch_up()

    assert [one.name for one in spans.get_finished_spans()] == ["fold", "publish", "fold"]


def test_a_request_that_fails_is_an_error_without_its_text(traced, spans, monkeypatch):
    """The class of the exception and the code of the answer; no event with a message or a stack."""

    def failing(*_: object) -> None:
        raise KeyError(ANA.nsn)

    monkeypatch.setattr(traced.house.publisher, "served", failing)
    traced.get("/log/checkpoint")

    (span,) = named(spans, "GET /log/checkpoint")
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description is None
    assert span.attributes["error.type"] == "KeyError"
    assert span.attributes["roa.code"] == "internal"
    assert ANA.nsn not in span.to_json()


def test_a_step_that_fails_is_an_error_without_its_text(spans):
    """And the exception goes on."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    telemetry = Telemetry(Tracing(provider))

    with pytest.raises(KeyError), telemetry.step("save", records=1, learners=2):
        raise KeyError(ANA.nsn)

    (span,) = spans.get_finished_spans()
    assert dict(span.attributes) == {"roa.records": 1, "error.type": "KeyError"}
    assert ANA.nsn not in span.to_json()


# ------------------------------------------------------------------ whose trace


def test_a_strangers_trace_is_not_ours(traced, spans):
    """They choose neither the ids of our traces nor whether they are kept; nothing that they name is read."""
    headers = {"traceparent": PARENT, "tracestate": "a=b", "baggage": "name=Ana"}
    traced.client.get("/readyz", headers=headers)
    traced.client.get("/readyz", headers={"traceparent": PARENT[:-1] + "0"})

    first, second = named(spans, "GET /readyz")
    assert (first.parent, second.parent) == (None, None)
    assert (first.links, second.links) == ((), ())
    assert all(
        part not in first.to_json() + second.to_json() for part in (PARENT[3:35], PARENT[36:52], "Ana")
    )


# ------------------------------------------------------------------ on and off


def test_traces_are_off_until_an_operator_names_a_collector(monkeypatch):
    """Nothing that is sent can set these."""
    for name in ENDPOINTS:
        monkeypatch.delenv(name, raising=False)

    assert not tracing_of_environment().is_on


def test_traces_are_on_where_a_collector_is_named(monkeypatch):
    """The exporter is made, and nothing is sent before there is a span."""
    monkeypatch.setenv(ENDPOINTS[1], "http://127.0.0.1:9")

    tracing = tracing_of_environment()

    assert tracing.is_on
    tracing.close()


def test_a_collector_without_the_extra_is_said(monkeypatch):
    """Rather than traces that silently never come."""
    monkeypatch.setenv(ENDPOINTS[0], "http://127.0.0.1:9")
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)

    with pytest.raises(Refusal, match=r"achievement-ledger\[otel\]"):
        tracing_of_environment()


def test_the_sdk_is_not_even_loaded_while_traces_are_off():
    """A module counted in a process of its own."""
    program = (
        "import sys; import api.app; from api.telemetry.traces import tracing_of_environment as t; t();"
        "print(sorted(one for one in sys.modules if one.startswith('opentelemetry.sdk')))"
    )

    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert ran.stdout.strip() == "[]"
