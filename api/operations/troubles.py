"""What can be wrong with a ledger that runs, in words: what it means for others, and what its operator does.

Source: LEDGER.md 5 (start-up), 9 (P6, P10).
"""

import shutil
from dataclasses import dataclass
from typing import Any

from api.house import House
from ledger.database import DatabaseError
from ledger.errors import LedgerError
from ledger.receipts import PUBLISH_WITHIN_US
from ledger.store.recorder import CLOCK_BACK_MAX_US

ROOM_MIN_BYTES = 16 << 20  # of a disk: what the largest group of records takes, and what is kept of it
FAILURES_MAX = 3  # turns in a row that may fail before it is said
_AT_ONCE = frozenset(("clock", "storage"))  # codes that are said after the first
_LATE, _THREAD, _STOPPING = "unpublished", "thread", "stopping"

_WORDS = {
    "rollback": (
        "The database is older than what was published: an old copy was put back.",
        "Put a newer copy back, or run `roa restore`, which says what would be lost.",
    ),
    "split": (
        "The database and the published log are two histories of one ledger.",
        "Stop every server of this ledger, and put the database back that belongs to the published log.",
    ),
    "anchor": (
        "What vouches for the database, the anchor, is missing or damaged.",
        "Put the anchor’s folder back as it was, or set ROA_ANCHOR to where it is; then start again.",
    ),
    "clock": (
        "The clock of the server has gone back, so nothing is written or signed.",
        "Set the clock right. Everything goes on by itself then.",
    ),
    "storage": (
        "A disk is full or does not answer.",
        "Make room on the disks of the database and of the anchor, and look at their health.",
    ),
    "receipt-key": (
        "What is posted could not be acknowledged, so nothing is taken in.",
        "Put the key named receipt back, or make another: `roa keys rotate OPERATOR receipt`.",
    ),
    "views": (
        "Pages and documents do not follow the records any more.",
        "Run `roa rebuild`.",
    ),
    _LATE: (
        "What was recorded has not been published in the time that was promised.",
        "Look at the log lines of the server, and at the disk of the anchor.",
    ),
    _THREAD: (
        "A part of the server that works by itself has ended before its time.",
        "Start the server again, and report its log lines.",
    ),
    _STOPPING: (
        "The server was told to stop, and finishes what it has in hand.",
        "Nothing: it starts again when whoever stopped it says so.",
    ),
    "internal": (
        "Publishing fails, for a reason that nobody foresaw.",
        "Report the log lines of the server.",
    ),
}
_OTHER = (
    "Publishing fails: something that is stored does not check.",
    "Run `roa audit`, which says what and where.",
)


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong: `code` is stable, `sentence` is for everybody, `advice` for the operator."""

    code: str
    sentence: str
    advice: str
    writing_stopped: bool

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {"code": self.code, "sentence": self.sentence, "advice": self.advice}


def trouble(code: str, *, writing_stopped: bool = False) -> Trouble:
    """Return the trouble of a code in words."""
    return Trouble(code, *_WORDS.get(code, _OTHER), writing_stopped=writing_stopped)


def trouble_of(house: House) -> Trouble | None:
    """Return what is wrong with a ledger now, the worst first; None when it works as it should."""
    if house.fault is not None:
        return trouble(house.fault.code, writing_stopped=True)
    if house.stopping:
        return trouble(_STOPPING)
    if not all(is_alive() for is_alive in list(house.threads.values())):
        return trouble(_THREAD)
    try:
        return _of_room(house) or _of_receipts(house) or _of_clock_and_publishing(house)
    except DatabaseError:
        return trouble("storage", writing_stopped=True)


def _of_room(house: House) -> Trouble | None:
    """Say that a disk is full before anybody finds out by posting: nothing fails as long as nobody writes."""
    files = house.ledger.files
    try:
        free = min(shutil.disk_usage(place).free for place in (files.folder, files.anchor))
    except OSError:
        return trouble("storage", writing_stopped=True)
    return trouble("storage", writing_stopped=True) if free < ROOM_MIN_BYTES else None


def _of_receipts(house: House) -> Trouble | None:
    """Say that what is posted could not be acknowledged, so that nothing is taken in."""
    if not house.ledger.store.head().size:
        return None  # nothing is founded here yet
    try:
        house.check_taking()
    except LedgerError as error:
        return trouble(error.code, writing_stopped=True)
    return None


def _of_clock_and_publishing(house: House) -> Trouble | None:
    head, publishing = house.ledger.store.head(), house.publishing
    if house.ledger.clock.now_us() < head.recorded_at_us - CLOCK_BACK_MAX_US:
        return trouble("clock", writing_stopped=True)
    if publishing.code is not None and (publishing.failures >= FAILURES_MAX or publishing.code in _AT_ONCE):
        return trouble(publishing.code)
    return trouble(_LATE) if _is_late(house, head.size) else None


def _is_late(house: House, size: int) -> bool:
    """Whether a record waits longer to be published than was promised, or than so many turns take."""
    served = house.publisher.served()
    first_waiting = (served.size if served else 0) + 1
    if first_waiting > size:
        return False
    _, recorded_at_us = house.ledger.store.leaves_at([first_waiting])[first_waiting]
    wait_us = max(PUBLISH_WITHIN_US, int(FAILURES_MAX * house.settings.publish_every_s * 1_000_000))
    return house.ledger.clock.now_us() - recorded_at_us > wait_us
