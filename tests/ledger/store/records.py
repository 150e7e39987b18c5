"""Bare records for tests of the store: what they say does not matter, where they stand does."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from ledger.clock import FixedClock
from ledger.mapper import LedgerStoredEvent
from ledger.store.recorder import Submission, Write
from ledger.store.sqlite import LedgerRecorder
from tests.support.world import MIDDAY

ISS, JTI = UUID(int=1), UUID(int=2)


@contextmanager
def a_recorder(folder: Path, clock: FixedClock | None = None) -> Iterator[LedgerRecorder]:
    """Return a recorder over `folder`, closed at the end."""
    recorder = LedgerRecorder(folder / "ledger.sqlite", clock=clock or FixedClock(MIDDAY))
    try:
        yield recorder
    finally:
        recorder.close()


def stream(number: int) -> UUID:
    """Return the same stream id for the same number."""
    return UUID(int=number + 1)


def a_record(number: int, version: int = 1, **options: Any) -> LedgerStoredEvent:
    """Return a record of stream `number`; `row`, `authority` as options."""
    state = b"state of %d/%d" % (number, version)
    return LedgerStoredEvent(
        stream(number), version, "organisation.registered", state, public=True, **options
    )


def a_submission(rows: int = 10, jws: str = "signed once") -> Submission:
    """Return a submission of that many rows."""
    return Submission(ISS, JTI, jws, bytes(32 * rows))


def said_by(submission: Submission, **options: Any) -> Write:
    """Return a write whose records rest on a submission."""
    return Write(submission=submission, **options)
