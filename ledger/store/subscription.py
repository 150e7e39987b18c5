"""Following the log: woken by writes of this process, and polling for those of others.

The library's own subscriptions wait without a time limit; a lost wake-up would wait for ever.

Source: LEDGER.md 6, trap 2.
"""

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from eventsourcing.persistence import Notification, Subscription

if TYPE_CHECKING:
    from eventsourcing.persistence import ApplicationRecorder

POLL_S = 0.25
BATCH = 500


class Signal:
    """Wakes every subscription of this process; each has its own event, so none steals another's."""

    def __init__(self) -> None:
        self._listeners: set[threading.Event] = set()
        self._lock = threading.Lock()

    def listen(self) -> threading.Event:
        """Return an event that `set` will set."""
        event = threading.Event()
        with self._lock:
            self._listeners.add(event)
        return event

    def forget(self, event: threading.Event) -> None:
        """Stop waking this event."""
        with self._lock:
            self._listeners.discard(event)

    def set(self) -> None:
        """Wake everybody."""
        with self._lock:
            for event in self._listeners:
                event.set()


class LogSubscription(Subscription["ApplicationRecorder"]):
    """Iterates over records after a position, in order, for ever, until stopped."""

    def __init__(
        self,
        recorder: "ApplicationRecorder",
        signal: Signal,
        *,
        gt: int | None = None,
        topics: Sequence[str] = (),
    ) -> None:
        super().__init__(recorder, gt, topics)
        self._log_signal = signal
        self._woken = signal.listen()
        self._pending: list[Notification] = []

    def stop(self) -> None:
        """End the iteration; safe from any thread."""
        super().stop()
        self._woken.set()
        self._log_signal.forget(self._woken)

    def next_batch(self, limit: int = BATCH) -> list[Notification]:
        """Return up to `limit` records that are already there, without waiting; [] when there are none."""
        self._woken.clear()
        batch = self._recorder.select_notifications(
            start=self._last_notification_id, limit=limit, topics=self._topics, inclusive_of_start=False
        )
        if batch:
            self._last_notification_id = batch[-1].id
        return list(batch)

    def wait(self, timeout_s: float = POLL_S) -> None:
        """Sleep until something was written here since the last wait, or the poll interval is over."""
        self._woken.wait(timeout_s)
        # Whoever only waits, and reads elsewhere, would never sleep again.
        self._woken.clear()

    def __next__(self) -> Notification:
        """Return the next record, waiting for it; after `stop` none, not even those fetched already."""
        while not self._has_been_stopped:
            if not self._pending:
                self._pending = self.next_batch()[::-1]
            if self._pending:
                return self._pending.pop()
            self.wait()
        raise StopIteration
