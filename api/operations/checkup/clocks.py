"""The clock: against the newest record, against the world, and the days of New Zealand."""

import ctypes
import ctypes.util
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from api.operations.checkup.findings import Check, ok, problem, warning
from ledger.clock import CIVIL_ZONE
from ledger.store.recorder import CLOCK_BACK_MAX_US

_TIMEX_BYTES, _UNSYNCHRONISED = 512, 5
SUMMER, WINTER = timedelta(hours=13), timedelta(hours=12)


def look_at_clock(
    now_us: int, newest_us: int | None, root: Path, kernel: Callable[[], bool | None] | None = None
) -> Iterator[Check]:
    """Yield what there is to say of the clock.

    Args:
        now_us: what it says, microseconds since 1970.
        newest_us: when the newest record was recorded; None where there is none.
        root: of the file system, for what a time service leaves there.
        kernel: whether the kernel holds its clock to be synchronised; None where it does not say.
    """
    yield _against_records(now_us, newest_us)
    synchronised = (root / "run" / "systemd" / "timesync" / "synchronized").exists() or (
        kernel or kernel_is_synchronised
    )()
    name = "time service"
    if synchronised:
        yield ok(name, "the clock is held to the world's")
    else:
        seen = "unknown" if synchronised is None else "the kernel's clock is not synchronised"
        means = "Records carry this clock, and witnesses refuse what is minutes off."
        yield warning(name, seen, means, "Run chrony or systemd-timesyncd.")
    yield _zone()


def _against_records(now_us: int, newest_us: int | None) -> Check:
    name = "clock"
    if newest_us is None:
        return ok(name, "nothing is recorded that it could be behind")
    behind_us = newest_us - now_us
    if behind_us > CLOCK_BACK_MAX_US:
        seen = f"{behind_us / 1e6:.0f} s before the newest record"
        means = (
            "It has gone back, or a record was made with a wrong one: nothing is recorded until it is past."
        )
        return problem(name, seen, means, "Set it right. If it is right, wait: records are never earlier.")
    return ok(name, "not before the newest record")


def _zone() -> Check:
    offsets = [datetime(2026, month, 1, tzinfo=UTC).astimezone(CIVIL_ZONE).utcoffset() for month in (1, 7)]
    if offsets != [SUMMER, WINTER]:
        means = "Days of decisions are days in New Zealand."
        return problem("time zones", "not those of New Zealand", means, "Install the package tzdata anew.")
    return ok("time zones", "Pacific/Auckland, summer and winter")


def kernel_is_synchronised() -> bool | None:
    """Whether the kernel holds its clock to be synchronised; None where it cannot be asked.

    Source: adjtimex(2): called with no modes it changes nothing; TIME_ERROR says unsynchronised.
    """
    try:
        library = ctypes.CDLL(ctypes.util.find_library("c"), use_errno=True)
        state = library.adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (OSError, AttributeError, TypeError):
        return None
    return None if state < 0 else state != _UNSYNCHRONISED
