"""Every request has an id, one line with the template of its route, and its place in the figures."""

import re

import pytest
from fastapi import FastAPI
from starlette.responses import Response, StreamingResponse
from starlette.testclient import TestClient

from api.problems import Problem, add_handlers
from api.security.headers import HeadAsGet
from api.telemetry.ids import HEADER
from api.telemetry.requests import Requests
from api.telemetry.watching import Telemetry

MADE = re.compile(r"[0-9a-f]{32}")


@pytest.fixture
def telemetry() -> Telemetry:
    """The figures of one process."""
    return Telemetry()


@pytest.fixture
def client(telemetry: Telemetry) -> TestClient:
    """A few addresses, put together as the real ones are."""
    app = FastAPI(telemetry={"tracing": False, "metrics": False, "logs": False})

    @app.get("/things/{name}")
    def thing(name: str):
        return {"name": name}

    @app.get("/later")
    def later():
        raise Problem(503, "busy", "come back")

    @app.get("/broken")
    def broken():
        raise KeyError("words")

    @app.get("/halves")
    def halves():
        return StreamingResponse(iter([b"12345", b"678"]))

    @app.get("/own-id")
    def own_id():
        return Response(headers={HEADER: "mine"})

    add_handlers(app)
    app.add_middleware(HeadAsGet)
    app.add_middleware(Requests, telemetry=telemetry)
    return TestClient(app, raise_server_exceptions=False)


def figure(telemetry: Telemetry, name: str, **labels: str) -> float | None:
    """Return one figure."""
    return telemetry.measures.registry.get_sample_value(name, labels)


# ------------------------------------------------------------------ the id


@pytest.mark.parametrize(
    "given",
    [
        "",
        "9000000001",
        "00000000-0000-0000-0000-009000000010",  # a number of a person, in the form of an id
        "0" * 22 + "9000000010",
        "0123456789abcdef0123456789abcdef",
        "018f1f52-7a4b-7c3d-9e1f-0a1b2c3d4e5f",
        "ā" * 32,
    ],
)
def test_an_id_that_a_request_brings_is_nowhere(client, lines, given):
    """Whatever it looks like: it may be somebody's number. The one that was made is in the answer."""
    answer = client.get("/things/1", headers={HEADER: given.encode(), "X-Request-Id": given.encode()})

    assert MADE.fullmatch(answer.headers[HEADER])
    assert answer.headers[HEADER] != given
    assert [one["request_id"] for one in lines.of("request")] == [answer.headers[HEADER]]
    assert not given or given not in lines.text + str(answer.headers)


def test_every_answer_has_another_id_of_its_own(client):
    """Errors and missing addresses too; an address cannot put another in its place."""
    paths = ("/things/1", "/broken", "/nowhere", "/later", "/own-id", "/own-id")

    ids = [client.get(path).headers.get_list(HEADER) for path in paths]

    assert all(len(one) == 1 and MADE.fullmatch(one[0]) for one in ids)
    assert len({one[0] for one in ids}) == len(paths)


# ------------------------------------------------------------------ the line


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/things/9000000001?a=b", ("GET", "/things/{name}", 200, 21, None)),
        ("HEAD", "/things/9000000001", ("HEAD", "/things/{name}", 200, 0, None)),
        ("POST", "/things/9000000001", ("POST", "/things/{name}", 405, None, "method-not-allowed")),
        ("BREW", "/things/9000000001", ("other", "/things/{name}", 405, None, "method-not-allowed")),
        ("GET", "/9000000001", ("GET", "unmatched", 404, None, "not-found")),
        ("GET", "/later", ("GET", "/later", 503, None, "busy")),
        ("GET", "/halves", ("GET", "/halves", 200, 8, None)),
    ],
)
def test_a_line_tells_what_was_asked_and_answered(client, lines, method, path, expected):
    """The template, never the path; the method where it is one; the code of the problem."""
    client.request(method, path)

    (said,) = lines.of("request")
    size = said["bytes"] if expected[3] is not None else None
    assert (said["method"], said["route"], said["status"], size, said.get("code")) == expected
    assert said["level"] == "info"
    assert said["duration_ms"] >= 0
    assert "9000000001" not in lines.text


def test_what_nobody_foresaw_is_told_with_its_places(client, lines):
    """An error, with the class and the places of the exception, and the id that the answer carries."""
    answer = client.get("/broken")

    (said,) = lines.of("request")
    assert (said["level"], said["status"], said["code"], said["error"]) == (
        "error",
        500,
        "internal",
        "KeyError",
    )
    assert said["places"][-1].startswith("test_requests.py:")
    assert {one["request_id"] for one in lines.said} == {answer.headers[HEADER]}


# ------------------------------------------------------------------ the figures


def test_requests_are_counted_by_template_method_and_class(client, telemetry):
    """And answers 503 by their code."""
    for path in ("/things/1", "/things/2", "/nowhere", "/later"):
        client.get(path)

    counted = {
        (route, status): figure(
            telemetry, "roa_http_request_duration_seconds_count", method="GET", route=route, status=status
        )
        for route, status in (("/things/{name}", "2xx"), ("unmatched", "4xx"), ("/later", "5xx"))
    }
    assert list(counted.values()) == [2, 1, 1]
    assert figure(telemetry, "roa_http_unavailable_total", code="busy") == 1
    assert figure(telemetry, "roa_http_requests_in_progress") == 0
