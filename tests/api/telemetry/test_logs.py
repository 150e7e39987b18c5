"""A log line has words for what happened, and none for whom it happened to."""

import ast
import io
import logging
import re
import sys
import threading
import warnings

import pytest

from api.telemetry.current import CURRENT, Noted
from api.telemetry.events import EVENTS, EVERYWHERE, KEYS, allowed
from api.telemetry.logs import configure, log, of_error
from ledger.errors import Unavailable
from tests.support.process_settings import put_back
from tests.support.tree import ROOT, package_modules

CANARY = "Canary Brook 9000000001 1999-12-31"


def raised(error):
    """Return an exception as it is caught, with the places it went through."""
    try:
        raise error  # noqa: TRY301 - so that it has been somewhere
    except Exception as caught:  # noqa: BLE001 - whatever the test raises
        return caught


# ------------------------------------------------------------------ the closed set


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("code", "9000000001"),
        ("code", "Ana Brook"),
        ("error", "ana@example.org"),
        ("route", "/me/awards/018F1F52-7A4B"),
        ("route", "/register?name=Ana"),
        ("places", ["Ana Brook:1"]),
        ("places", ["a.py:1"] * 6),
        ("places", "a.py:1"),
        ("status", "200"),
        ("status", True),
        ("bytes", -1),
        ("witness", "9000000001"),
        ("request_id", "9000000001"),
        ("thread", "2001-02-03"),
    ],
)
def test_a_value_of_another_form_is_left_out(key, value):
    """A number that stands for a person, a date, a name, an address: none has the form of anything."""
    event = next((name for name, keys in EVENTS.items() if key in keys), "request")

    assert allowed(event, {key: value}) == ({}, 1)


def test_every_key_of_an_event_has_a_form():
    """And every form belongs to some event."""
    used = frozenset().union(EVERYWHERE, *EVENTS.values())

    assert used == KEYS.keys()


def test_operators_are_told_of_every_event():
    """What to look at when it comes stands in their guide."""
    guide = (ROOT / "docs" / "operators-first-hour.md").read_text(encoding="utf-8")
    told = set(re.findall(r"`([a-z-]+)`", guide)) | {"request"}

    assert told >= EVENTS.keys()


def test_a_key_that_an_event_does_not_have_is_counted_and_not_said(lines):
    """Also one that other events have."""
    log.info("serving", version="0.1.0", records=3, status=200, learner=CANARY)

    assert lines.of("serving") == [
        {"level": "info", "event": "serving", "version": "0.1.0", "records": 3, "dropped": 2}
    ]


def test_an_event_that_nobody_knows_says_only_that_it_was(lines):
    """Whatever it was called, and whatever it would have said."""
    log.error(CANARY, code="storage")

    assert CANARY not in lines.text
    assert [one["event"] for one in lines.said] == ["unraisable"]


def calls_of_the_log():
    """Yield (where, event, keys) of every call of `log` in the source; keys that are spread are left out."""
    for path in package_modules():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in ("debug", "info", "warning", "error", "critical")
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "log"
            ):
                (event,) = node.args
                keys = {one.arg for one in node.keywords if one.arg}
                yield f"{path.name}:{node.lineno}", event, keys


def test_every_line_in_the_source_is_an_event_with_its_keys():
    """What a running server would leave out is found here first."""
    found = list(calls_of_the_log())

    names = {event.value for _, event, _ in found if isinstance(event, ast.Constant)}
    wrong = [
        (where, event.value, keys)
        for where, event, keys in found
        if isinstance(event, ast.Constant) and not keys <= EVENTS.get(event.value, frozenset())
    ]
    assert len(found) > 10
    assert wrong == []
    assert names <= EVENTS.keys()


def test_nobody_else_writes_log_lines():
    """Only `api.telemetry` makes a logger; what is on the floors below would have to go through its table."""
    loggers = re.compile(r"getLogger\((.*?)\)")
    found = {
        (path.parent.name, name)
        for path in package_modules()
        for name in loggers.findall(path.read_text(encoding="utf-8"))
        if name
    }

    assert {name for folder, name in found if folder != "telemetry"} <= {'"ledger"', '"projections"'}


# ------------------------------------------------------------------ what others say


def test_a_line_of_a_library_is_named_by_its_place(lines):
    """Its text may repeat what somebody sent, so it is not put together at all."""
    logging.getLogger("uvicorn.error").error("broken: %s", CANARY)
    logging.getLogger("asyncio").warning(CANARY)
    logging.getLogger("httpx2").info(CANARY)  # no warning: nobody needs it

    (first, second) = lines.of("library")
    assert CANARY not in lines.text
    assert (first["library"], first["level"]) == ("uvicorn.error", "error")
    assert re.fullmatch(r"test_logs\.py:\d+", first["place"])
    assert second["library"] == "asyncio"


def test_an_exception_of_a_library_is_its_class_and_its_places(lines):
    """No message, no cause, no source line."""
    error = raised(KeyError(CANARY))
    logging.getLogger("asyncio").error("Task failed", exc_info=error, stack_info=True)

    (said,) = lines.of("library")
    assert CANARY not in lines.text
    assert said["error"] == "KeyError"
    assert said["places"][-1].startswith("test_logs.py:")


def test_a_line_that_cannot_be_formatted_shows_nothing(lines, capsys):
    """The standard library would print the arguments to the error stream."""
    record = logging.LogRecord("asyncio", logging.ERROR, "a.py", 1, "%d and %d", (CANARY,), None)
    logging.getLogger().handlers[0].handle(record)

    assert CANARY not in lines.text + capsys.readouterr().err


def test_a_line_of_a_lower_floor_is_an_event_of_the_table(lines):
    """They know the standard `logging` only; what the event has no word for is counted."""
    said = {"code": "storage", "name": CANARY}
    logging.getLogger("ledger").error("publishing-failed", said)  # noqa: PLE1205 - the table's form
    logging.getLogger("ledger").error("free words about %s", CANARY)

    assert CANARY not in lines.text
    assert lines.of("publishing-failed") == [
        {"level": "error", "event": "publishing-failed", "code": "storage", "dropped": 1}
    ]
    assert [one["library"] for one in lines.of("library")] == ["ledger"]


def test_a_warning_is_its_kind_and_its_place(lines):
    """Not its text."""
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        configure(lines.stream)
        warnings.warn(CANARY, ResourceWarning, stacklevel=1)

    (said,) = lines.of("warning")
    assert CANARY not in lines.text
    assert said["category"] == "ResourceWarning"
    assert said["place"].startswith("test_logs.py:")


def test_an_exception_that_ends_a_thread_is_told_without_its_text(lines, capsys):
    """Python would print it with its text to the error stream."""
    error = raised(ValueError(CANARY))
    thread = threading.Thread(name="publisher")
    threading.excepthook(threading.ExceptHookArgs((type(error), error, error.__traceback__, thread)))

    (said,) = lines.of("thread-died")
    assert CANARY not in lines.text + capsys.readouterr().err
    assert (said["thread"], said["error"]) == ("publisher", "ValueError")


def test_an_exception_that_cannot_be_raised_is_told_without_its_text(lines, capsys):
    """One in a destructor."""

    class Unraisable:
        exc_value = raised(ValueError(CANARY))
        exc_type = ValueError

    sys.unraisablehook(Unraisable)

    assert [one["error"] for one in lines.of("unraisable")] == ["ValueError"]
    assert CANARY not in lines.text + capsys.readouterr().err


# ------------------------------------------------------------------ how it is written


def test_an_error_of_ours_is_its_code_and_another_its_class():
    """The sentence of either stays where it is."""
    of_ours, other = of_error(Unavailable(CANARY, code="storage")), of_error(raised(OSError(CANARY)))

    assert of_ours == {"code": "storage"}
    assert other["error"] == "OSError"
    assert CANARY not in str(other)


def test_a_line_names_the_request_that_it_belongs_to(lines):
    """Without anybody passing the id along."""
    token = CURRENT.set(Noted("0" * 32))
    log.error("unforeseen", error="KeyError", places=["a.py:1"])
    CURRENT.reset(token)
    log.error("unforeseen", error="KeyError", places=["a.py:1"])

    assert [one.get("request_id") for one in lines.said] == ["0" * 32, None]


def test_on_a_terminal_a_line_is_for_people():
    """No JSON, the same words."""

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    with put_back():
        configure(terminal)
        log.info("serving", version="0.1.0", records=3, learner=CANARY)

    said = terminal.getvalue()
    assert "serving" in said
    assert "0.1.0" in said
    assert not said.startswith("{")
    assert CANARY not in said
