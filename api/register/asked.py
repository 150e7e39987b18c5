"""What is asked of the register, read from an address: lenient about empty fields, strict about the rest.

A form without script sends every field, empty ones too: an empty field asks for nothing.
"""

from collections.abc import Mapping
from datetime import date
from urllib.parse import urlencode

from api.problems import Problem
from ledger.policy.framework import LEVELS
from projections.public_register import Search

STATUSES = ("current", "expiring", "discontinued")
FIELDS = ("q", "provider", "level", "field", "status", "credits_min", "credits_max", "at")
TEXT_MAX = 200
CREDITS_MAX = 1_000
FIELD_DIGITS_MAX = 6


def search_of(query: Mapping[str, str], today: date) -> Search:
    """Return what a query asks for; Problem (400) where a field cannot be read."""
    credits_of = range(CREDITS_MAX + 1)
    return Search(
        on=day_of(query, today),
        words=_text(query, "q") or "",
        organisation=_text(query, "provider"),
        level=_number(query, "level", LEVELS),
        field=_field(query),
        status=_one_of(query, "status", STATUSES),
        credits_min=_number(query, "credits_min", credits_of),
        credits_max=_number(query, "credits_max", credits_of),
        after=query.get("after") or None,
    )


def day_of(query: Mapping[str, str], today: date) -> date:
    """Return the day `at` which the register is asked for: today when it does not say."""
    text = _text(query, "at")
    if text is None:
        return today
    try:
        found = date.fromisoformat(text)
    except ValueError as error:
        raise _unreadable("at", "a day such as 2026-03-31") from error
    if found.isoformat() != text or found > today:
        raise _unreadable("at", f"a day such as 2026-03-31, not after today, {today.isoformat()}")
    return found


def next_address(path: str, query: Mapping[str, str], after: str) -> str:
    """Return the address of the next page of the same search."""
    return f"{path}?{urlencode({**_kept(query), 'after': after})}"


def first_address(path: str, query: Mapping[str, str]) -> str:
    """Return the address of the first page of the same search."""
    return f"{path}?{urlencode(_kept(query))}".rstrip("?")


def _kept(query: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in query.items() if name in (*FIELDS, "format") and value}


def _text(query: Mapping[str, str], name: str) -> str | None:
    text = query.get(name, "").strip()
    if len(text) > TEXT_MAX or "\0" in text:
        raise _unreadable(name, f"a text of at most {TEXT_MAX} characters")
    return text or None


def _number(query: Mapping[str, str], name: str, allowed: range) -> int | None:
    text = _text(query, name)
    if text is None:
        return None
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(CREDITS_MAX)) else -1
    if number not in allowed:
        raise _unreadable(name, f"a whole number from {allowed[0]} to {allowed[-1]}")
    return number


def _field(query: Mapping[str, str]) -> str | None:
    text = _text(query, "field")
    if text is not None and not (text.isascii() and text.isdigit() and len(text) <= FIELD_DIGITS_MAX):
        raise _unreadable("field", "the first digits of an NZSCED code, such as 04")
    return text


def _one_of(query: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str | None:
    text = _text(query, name)
    if text is not None and text not in allowed:
        raise _unreadable(name, f"one of {', '.join(allowed)}")
    return text


def _unreadable(name: str, wanted: str) -> Problem:
    return Problem(400, "search", f"The field “{name}” cannot be read: it takes {wanted}.")
