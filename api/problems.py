"""Every error an HTTP client can meet, as problem+json with a stable code, or as a page for a person.

Source: RFC 9457; SPEC.md 6 (which status means what).
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.telemetry.current import note_code, note_error, places_of
from api.telemetry.logs import log
from api.telemetry.requests import note_route_of
from ledger import errors
from ledger.database import OperationalError

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 2

# The most particular class first.
STATUSES: tuple[tuple[type[errors.LedgerError], int], ...] = (
    (errors.BadSignature, 401),
    (errors.Unauthorised, 403),
    (errors.Absent, 404),
    (errors.Malformed, 400),
    (errors.Refusal, 422),
    (errors.Conflict, 409),
    (errors.Rollback, 503),
    (errors.Split, 503),
    (errors.Unavailable, 503),
    (errors.LedgerError, 500),
)


class Problem(Exception):
    """An answer that a door itself gives: a missing token, a body too large, an unknown page."""

    def __init__(self, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.headers = dict(headers or {})


def problem(
    status: int, code: str, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any
) -> JSONResponse:
    """Return a problem document. `detail` says what, where and what to do, never about whom."""
    body = _document(status, code, detail) | members
    return JSONResponse(body, status_code=status, media_type=MEDIA_TYPE, headers=dict(headers or {}))


def _document(status: int, code: str, detail: str) -> dict[str, Any]:
    note_code(code)
    return {
        "type": f"/problems#{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
    }


def answer(
    request: Request, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a problem to whoever asked: a page with the same code and sentence where a person did.

    The application's state may hold `problem_page(request, document, headers)`, which returns the page,
    or None where JSON is the better answer (`api.web.pages`).
    """
    page: Callable[..., Response | None] | None = getattr(request.app.state, "problem_page", None)
    shown = page(request, _document(status, code, detail), headers or {}) if page else None
    return shown or problem(status, code, detail, headers=headers)


def status_of(error: errors.LedgerError) -> int:
    """Return the HTTP status of an error of ours."""
    return next(status for kind, status in STATUSES if isinstance(error, kind))


def add_handlers(app: FastAPI) -> None:
    """Answer every error of an application with a problem document."""
    app.add_exception_handler(errors.LedgerError, _ledger_error)
    app.add_exception_handler(OperationalError, _storage)
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(HTTPException, _http_exception)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_middleware(LastResort)


# What the web framework itself refuses: its phrases differ between versions, codes must not.
_OF_THE_FRAMEWORK = {
    400: ("malformed", "The request cannot be read."),
    404: ("not-found", "There is nothing at this address."),
    405: ("method-not-allowed", "This address does not answer to that method."),
    406: (
        "not-acceptable",
        "What is here does not come in the form you accept. Ask for text/html or application/json.",
    ),
    413: ("too-large", "The body is larger than this address takes."),
}


async def _ledger_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.LedgerError)
    status = status_of(error)
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    detail = str(error)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        detail = "the ledger holds something that does not check; its operator is told"
    return answer(request, status, error.code, detail, headers)


async def _storage(request: Request, error: Exception) -> Response:
    """Answer where a database could not even be read: a disk is full, does not answer, or a file is held."""
    note_error(error)
    headers = {"Retry-After": str(RETRY_AFTER_S)}
    return answer(request, 503, "storage", "The disk does not answer as it should. Try again later.", headers)


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return answer(request, error.status, error.code, error.detail, error.headers)


async def _http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code, detail = _OF_THE_FRAMEWORK.get(
        error.status_code, ("refused", "The request cannot be answered as it is.")
    )
    return answer(request, error.status_code, code, detail, error.headers)


async def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    # The values are not repeated: they may be somebody's.
    names = sorted({".".join(map(str, one["loc"])) for one in error.errors()})
    return answer(
        request, 400, "malformed", f"These parts of the request cannot be read: {', '.join(names)}."
    )


class LastResort:
    """Answers what nobody foresaw with 500, and logs where it happened, never what was in it.

    The framework would log the exception's text, which may be somebody's data. It is the innermost layer,
    so it also notes which route the request took.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; answer for it when nothing has answered yet."""
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect as error:
            # Whoever asked went away before all of the request was here: there is nobody to answer.
            note_error(error)
        except Exception as error:
            if scope["type"] != "http":
                raise
            note_error(error)
            log.error("unforeseen", error=type(error).__name__, places=places_of(error))
            if not started:
                await _unexpected(Request(scope))(scope, receive, send)
        finally:
            note_route_of(scope)


def _unexpected(request: Request) -> Response:
    return answer(
        request,
        500,
        "internal",
        "Something went wrong here. Nothing half-done was recorded; try again later.",
    )
