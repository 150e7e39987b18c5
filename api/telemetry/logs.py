"""Log lines: JSON for programs, a line of words on a terminal, and only what `events` has a word for.

Everything that is logged in this process goes through one handler. What a library logs is named by the
place in its source where it does, never by its text: that may repeat what somebody sent. The same for
warnings, and for exceptions that end a thread.

The lower floors know only the standard `logging`: a line of theirs is an event of the table with a
mapping of what it says, `logging.getLogger("ledger").error("publishing-failed", {"code": "storage"})`.
"""

import json
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any, TextIO

import structlog
from structlog.stdlib import BoundLogger, filter_by_level

from api.telemetry.current import CURRENT, places_of
from api.telemetry.events import EVENTS, allowed

_OWN = "roa"
OURS = (_OWN, "ledger", "projections")  # loggers whose lines are events of the table
_UNLOGGABLE = json.dumps({"level": "error", "event": "unraisable"}) + "\n"

Said = MutableMapping[str, Any]


def _closed(_logger: Any, _method: str, said: Said) -> Said:
    """Let through what the table of events has a word for, and count the rest."""
    event = said.pop("event", None)
    if not isinstance(event, str) or event not in EVENTS:
        # A mistake of ours that a test of the source finds; a running server says that it made one.
        return {"event": "unraisable", "dropped": len(said) + 1}
    kept, dropped = allowed(event, said)
    return {"event": event, **kept, **({"dropped": dropped} if dropped else {})}


def _of_the_request(_logger: Any, _method: str, said: Said) -> Said:
    noted = CURRENT.get()
    if noted is not None:
        said["request_id"] = noted.request_id
    return said


def _as_message(_logger: Any, _method: str, said: Said) -> tuple[tuple[Said], dict[str, Any]]:
    """Hand an event on as the message of a record: it is rendered where it is written."""
    return (said,), {}


log: BoundLogger = structlog.wrap_logger(
    logging.getLogger(_OWN),
    processors=[filter_by_level, _of_the_request, _closed, _as_message],
    wrapper_class=BoundLogger,
)


def of_error(error: BaseException) -> dict[str, Any]:
    """Return what may be said of an exception: its code where it is one of ours, else class and places."""
    code = getattr(error, "code", None)
    if isinstance(code, str):
        return {"code": code}
    return {"error": type(error).__name__, "places": places_of(error)}


def _foreign(record: logging.LogRecord) -> Said:
    """Return what may be said of a line that came through the standard `logging`; its text is not used."""
    line: dict[str, Any] = {
        "event": "library",
        "library": record.name,
        "place": f"{record.filename}:{record.lineno}",
    }
    if record.name.partition(".")[0] in OURS and record.msg in EVENTS:
        line = {"event": record.msg, **(record.args if isinstance(record.args, Mapping) else {})}
    raised = record.exc_info[1] if record.exc_info else None
    if raised is not None:
        line |= {"error": type(raised).__name__, "places": places_of(raised)}
    return _closed(None, "", _of_the_request(None, "", line))


def _is_wanted(record: logging.LogRecord) -> bool:
    """Whether a line is ours, or a library warns of something: what it merely tells has no words here."""
    return record.levelno >= logging.WARNING or record.name.partition(".")[0] in OURS


class _Formatter(logging.Formatter):
    """Writes a record as one line, with its level and its time; no text of a foreign one is put together."""

    def __init__(self, render: Callable[[Any, str, dict[str, Any]], str | bytes]) -> None:
        super().__init__()
        self._render = render

    def format(self, record: logging.LogRecord) -> str:
        is_own = record.name == _OWN and isinstance(record.msg, dict)
        said: Mapping[str, Any] = record.msg if is_own else _foreign(record)  # type: ignore[assignment]
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"at": at.replace("+00:00", "Z"), "level": record.levelname.lower(), **said}
        return str(self._render(None, line["level"], line))


class _Lines(logging.StreamHandler[TextIO]):
    """Writes lines; one that cannot be formatted is not shown with its text, as the library would."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        del record
        self.stream.write(_UNLOGGABLE)


def configure(stream: TextIO | None = None, *, level: int = logging.INFO) -> None:
    """Send every log line of this process to a stream, standard error when left out.

    Also what would write there by itself: warnings, and exceptions that end a thread or cannot be raised.
    """
    stream = stream or sys.stderr
    renderer: Any = structlog.processors.JSONRenderer(ensure_ascii=False)
    if stream.isatty():
        renderer = structlog.dev.ConsoleRenderer(colors=True)
    handler = _Lines(stream)
    handler.addFilter(_is_wanted)
    handler.setFormatter(_Formatter(renderer))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    warnings.showwarning = _show_warning
    threading.excepthook = _thread_died
    sys.unraisablehook = _unraisable


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Log the kind and the place of a warning. The arguments are those of `warnings.showwarning`."""
    del message, file, line
    name = filename.replace("\\", "/").rpartition("/")[2]
    log.warning("warning", category=category.__name__, place=f"{name}:{lineno}")


def _thread_died(died: "threading.ExceptHookArgs") -> None:
    if died.exc_value is not None:
        name = "unnamed" if died.thread is None else died.thread.name.rstrip("0123456789-_ ()")
        log.error("thread-died", thread=name, error=died.exc_type.__name__, places=places_of(died.exc_value))


def _unraisable(raised: "sys.UnraisableHookArgs") -> None:
    if raised.exc_value is not None:
        error: BaseException = raised.exc_value
        log.error("unraisable", error=raised.exc_type.__name__, places=places_of(error))
