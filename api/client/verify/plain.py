"""Plain words for people: dates, numbers and other people's text, safe to print."""

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
CLOCK_SKEW = timedelta(minutes=5)  # how far two honest clocks may be apart
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NEW_ZEALAND = ZoneInfo("Pacific/Auckland")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_YEARS = (1900, 2999)
_SHOWN_MAX = 300
# Control and format characters (terminal codes, text that runs backwards), and what is no character.
_UNSEEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))


def shown(text: str, most: int = _SHOWN_MAX) -> str:
    """Return somebody else's text as it may be printed: one line, nothing unseen, at most so long."""
    seen = "".join(" " if unicodedata.category(sign) in _UNSEEN else sign for sign in text[: most + 1])
    seen = " ".join(seen.split())
    return seen if len(seen) <= most else f"{seen[: most - 1]}…"


def long_date(day: date) -> str:
    """Return a day in words: `22 November 2026`."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def long_instant(moment: datetime) -> str:
    """Return an instant in words: `22 November 2026, 01:02 UTC`."""
    at = moment.astimezone(UTC)
    return f"{long_date(at.date())}, {at:%H:%M} UTC"


def instant(text: object) -> datetime | None:
    """Return an RFC 3339 instant of the years 1900 to 2999, or None where the text is none."""
    if not isinstance(text, str) or not _INSTANT.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    # At the ends of the calendar another time zone may have no such day.
    return moment if _YEARS[0] <= moment.year <= _YEARS[1] else None


def day(text: object) -> date | None:
    """Return an ISO date, or None where the text is none."""
    if not isinstance(text, str) or not _DAY.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def day_of(text: object) -> date | None:
    """Return the day that an instant names, as written; credentials carry days as midnight instants."""
    return day(text[:10]) if isinstance(text, str) and instant(text) is not None else None


def instant_of_us(now_us: int) -> datetime:
    """Return the instant so many microseconds after 1970."""
    return _EPOCH + timedelta(microseconds=now_us)


def new_zealand_day(moment: datetime) -> date:
    """Return the day it is in New Zealand, by which awards and accreditations are counted."""
    return moment.astimezone(_NEW_ZEALAND).date()


def counted(number: int, thing: str) -> str:
    """Return a number with its noun: `1 award`, `3 awards`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
