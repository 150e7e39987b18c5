"""Time comes in from outside: what instant it is, and what day that is in New Zealand."""

import time
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Protocol
from zoneinfo import ZoneInfo

CIVIL_ZONE = ZoneInfo("Pacific/Auckland")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """Tells the instant as whole microseconds since 1970, UTC."""

    def now_us(self) -> int:
        """Return microseconds since 1970-01-01T00:00:00Z."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_us(self) -> int:
        """Return microseconds since 1970-01-01T00:00:00Z."""
        return time.time_ns() // 1000


class FixedClock:
    """A clock for tests and demonstrations: stands still unless told to move."""

    def __init__(self, instant: datetime) -> None:
        self._now_us = microseconds(instant)

    def now_us(self) -> int:
        """Return the instant it was set to."""
        return self._now_us

    def advance(self, step: timedelta) -> None:
        """Move by `step`, which may be negative: tests of a clock that went back use that."""
        self._now_us += step // timedelta(microseconds=1)


def microseconds(instant: datetime) -> int:
    """Return whole microseconds since 1970 of a timezone-aware instant."""
    return (instant - _EPOCH) // timedelta(microseconds=1)


@lru_cache(maxsize=1024)  # the records of one transaction share it
def instant(now_us: int) -> datetime:
    """Return the UTC datetime of microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=now_us)


def civil_date(now_us: int) -> date:
    """Return the date in Pacific/Auckland at that instant.

    Source: DOMAIN.md 3.2: civil dates are Pacific/Auckland dates, instants are UTC.
    """
    return instant(now_us).astimezone(CIVIL_ZONE).date()


def rfc3339(now_us: int) -> str:
    """Return `2026-11-22T01:02:03Z`: UTC, whole seconds."""
    return instant(now_us).strftime("%Y-%m-%dT%H:%M:%SZ")
