"""What is known of the request that is being answered, for whoever notes something about it further down.

Set by `api.telemetry.requests` for the time of one request; threads that work for it share the object.
"""

from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from traceback import extract_tb

from api.telemetry.events import PLACES_MAX


@dataclass(slots=True)
class Noted:
    """One request: its id, the route it took, and the code and the exception of what went wrong."""

    request_id: str
    route: str | None = None
    code: str | None = None
    error: BaseException | None = None


CURRENT: ContextVar[Noted | None] = ContextVar("request", default=None)


def note_code(code: str) -> None:
    """Note the code of the problem that the request at hand is answered with."""
    noted = CURRENT.get()
    if noted is not None:
        noted.code = code


def note_route(route: str | None) -> None:
    """Note the template of the route that the request at hand took; None changes nothing."""
    noted = CURRENT.get()
    if noted is not None and route is not None:
        noted.route = route


def note_error(error: BaseException) -> None:
    """Note an exception that nobody foresaw."""
    noted = CURRENT.get()
    if noted is not None:
        noted.error = error


def places_of(error: BaseException) -> list[str]:
    """Return where an exception went through, as `file:line`, the innermost last; never what it says."""
    return places(extract_tb(error.__traceback__))


def places(frames: Sequence[object]) -> list[str]:
    """Return the innermost frames as `file:line`."""
    return [
        f"{Path(str(getattr(one, 'filename', '?'))).name}:{getattr(one, 'lineno', 0) or 0}"
        for one in frames[-PLACES_MAX:]
    ]
