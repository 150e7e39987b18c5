"""Around every request: its id, one log line, its figures and its span; the outermost of all layers.

What is said of a request is the template of its route, never its path or query: those carry ids of
awards and whatever somebody typed.
"""

import time
from collections.abc import Callable, Iterable

from opentelemetry.trace.span import Span
from starlette.datastructures import MutableHeaders
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.telemetry.current import CURRENT, Noted, note_route, places_of
from api.telemetry.events import METHODS, OTHER_METHOD, UNMATCHED
from api.telemetry.ids import HEADER, request_id
from api.telemetry.logs import log
from api.telemetry.measures import status_class
from api.telemetry.traces import ended
from api.telemetry.watching import Telemetry

_FAULT, _UNAVAILABLE = 500, 503
UNNAMED = "other"  # the code of an answer that carries none


class _Answer:
    """What went out for one request: its status, None before, and the bytes of its body."""

    __slots__ = ("bytes", "status")

    def __init__(self) -> None:
        self.status: int | None = None
        self.bytes = 0


class Requests:
    """Follows every request to its end."""

    def __init__(self, app: ASGIApp, telemetry: Telemetry) -> None:
        self._app, self._telemetry = app, telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its answer back with the id of the request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        noted = Noted(request_id())
        token = CURRENT.set(noted)
        measures = self._telemetry.measures
        measures.in_progress.inc()
        answer, started = _Answer(), time.perf_counter()
        try:
            with self._telemetry.tracing.request(noted.request_id) as span:
                try:
                    await self._app(scope, receive, _watched(send, noted, answer))
                finally:
                    self._ended(scope["method"], noted, answer, time.perf_counter() - started, span)
        finally:
            measures.in_progress.dec()
            CURRENT.reset(token)

    def _ended(self, method: str, noted: Noted, answer: _Answer, seconds: float, span: Span | None) -> None:
        method = method if method in METHODS else OTHER_METHOD
        route, measures, status = noted.route or UNMATCHED, self._telemetry.measures, answer.status
        measures.requests.labels(method, route, status_class(status)).observe(seconds)
        if status == _UNAVAILABLE:
            measures.unavailable.labels(noted.code or UNNAMED).inc()
        failed = status is None or status >= _FAULT
        said = {
            "method": method,
            "route": route,
            **({} if status is None else {"status": status}),
            "bytes": answer.bytes,
            "duration_ms": round(seconds * 1000, 2),
            **({} if noted.code is None else {"code": noted.code}),
            **_raised(noted.error),
        }
        (log.error if failed and status != _UNAVAILABLE else log.info)("request", **said)
        ended(
            span,
            f"{method} {route}",
            {
                "http.request.method": method,
                "http.route": route,
                "http.response.status_code": status,
                "roa.code": noted.code,
                "error.type": None if noted.error is None else type(noted.error).__name__,
            },
            failed=failed,
        )


def _raised(error: BaseException | None) -> dict[str, object]:
    return {} if error is None else {"error": type(error).__name__, "places": places_of(error)}


def _watched(send: Send, noted: Noted, answer: _Answer) -> Send:
    async def watched(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            MutableHeaders(scope=message)[HEADER] = noted.request_id
        elif message["type"] == "http.response.body":
            answer.bytes += len(message.get("body", b""))
        await send(message)

    return watched


def note_route_of(scope: Scope) -> None:
    """Note which route a request took, from what the router left in the scope that it was given."""
    route = scope.get("route")
    if route is None and "endpoint" in scope:
        # A route of the lower framework leaves only its function behind.
        route = _with_endpoint(scope["app"].router.routes, scope["endpoint"])
    note_route(getattr(route, "path", None))


def _with_endpoint(routes: Iterable[object], endpoint: Callable[..., object]) -> Route | None:
    return next((one for one in routes if isinstance(one, Route) and one.endpoint == endpoint), None)
