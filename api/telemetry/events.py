"""Everything that a log line may say: a closed set of events, and of what each may tell.

A name that is not here is not logged, and a value that is not of the form its name stands for is left
out and counted. So a learner's name, number or address cannot come into a log by a slip of ours or of
a library: there is no word for it. Numbers of people have digits only, so what is text begins with a
letter; ids are the ledger's own.

Source: INTERFACES.md 5, 9.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

Check = Callable[[Any], bool]

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"))
OTHER_METHOD = "other"
UNMATCHED = "unmatched"  # the route of an address that leads nowhere
PLACES_MAX = 5
_COUNT_MAX = 2**63


def _of_form(pattern: str) -> Check:
    form = re.compile(pattern, re.ASCII)
    return lambda value: isinstance(value, str) and form.fullmatch(value) is not None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _COUNT_MAX


def _are_places(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= PLACES_MAX and all(map(_is_place, value))


_is_place = _of_form(r"[A-Za-z_<][A-Za-z0-9_.<>-]{0,60}:\d{1,6}")
_is_word = _of_form(r"[A-Za-z][A-Za-z_-]{0,39}")

# What each value has to look like, and what it is.
KEYS: Mapping[str, Check] = {
    "request_id": _of_form(r"[0-9a-f]{32}"),  # made here, never what a request brings
    "method": lambda value: value in METHODS or value == OTHER_METHOD,
    "route": _of_form(r"/[a-z0-9_.{}:/-]{0,100}|unmatched"),  # a template, with names for what varies
    "status": _is_number,
    "bytes": _is_number,  # of the answer's body
    "duration_ms": _is_number,
    "code": _of_form(r"[a-z][a-z0-9-]{0,39}|[EHWN]\d{3}"),  # of ledger/errors.py or of a finding
    "error": _of_form(r"[A-Za-z_][A-Za-z0-9_]{0,60}"),  # the class of an exception
    "places": _are_places,  # where it went through, the innermost last
    "witness": _of_form(r"[A-Za-z][A-Za-z0-9._/+, -]{0,199}"),  # as the operator's policy calls it
    "state": _is_word,
    "detail": _of_form(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}"),
    "thread": _of_form(r"[A-Za-z][A-Za-z _-]{0,39}"),
    "library": _of_form(r"[A-Za-z_][A-Za-z0-9_.]{0,60}"),  # a logger's name
    "place": _is_place,
    "category": _of_form(r"[A-Za-z_][A-Za-z0-9_]{0,60}"),
    "signal": _is_word,
    "phase": _is_word,
    "seconds": _is_number,
    "records": _is_number,
    "epoch": _is_number,
    "file": _of_form(r"[a-z]{1,20}\.sqlite"),
    "version": _of_form(r"\d{1,3}(\.\d{1,3}){1,2}"),
}

_WRONG = frozenset(("code", "error", "places"))
# What each event may say besides its level, its time, and the id of the request it belongs to.
EVENTS: Mapping[str, frozenset[str]] = {
    "request": frozenset(("method", "route", "status", "bytes", "duration_ms")) | _WRONG,
    "unforeseen": frozenset(("error", "places")),
    "serving": frozenset(("version", "records")),
    "stopping": frozenset(("signal", "seconds")),
    "stopped": frozenset(("phase", "seconds")),
    "stop-abandoned": frozenset(("phase", "seconds")),
    "writing-stopped": frozenset(("code",)),
    "publishing-failed": _WRONG,
    "destroying-failed": _WRONG,
    "forgetting-failed": _WRONG,
    "access-day-not-closed": _WRONG,
    "epoch-turned": frozenset(("epoch",)),
    "epoch-not-turned": _WRONG,
    "wal-not-emptied": frozenset(("file",)),
    "background-failed": _WRONG | {"thread"},
    "submission-not-resumed": _WRONG,
    "submission-waits": _WRONG,
    "submissions-wait": _WRONG,
    "witness-missing": frozenset(("witness", "state", "detail")),
    "metrics-incomplete": frozenset(("error", "places")),
    "thread-died": frozenset(("thread", "error", "places")),
    "unraisable": frozenset(("error", "places")),
    "warning": frozenset(("category", "place")),
    "library": frozenset(("library", "place", "error", "places")),
}
EVERYWHERE = frozenset(("request_id",))


def allowed(event: str, said: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """Return what may be said of an event, and how many values were left out."""
    keys = EVENTS.get(event, frozenset()) | EVERYWHERE
    kept = {name: value for name, value in said.items() if name in keys and KEYS[name](value)}
    return kept, len(said) - len(kept)
