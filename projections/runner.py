"""Following the log: records in batches into every view, in one transaction with their positions.

Views that are served move together: a batch goes into all of them or into none, so whoever reads
two of them in one snapshot reads them as at one position. Another process may fold too; whoever
comes second sees that the position has moved, and goes on from there.

A disposal is not folded into what is served: records before it are gone, and what was folded of them
cannot be taken back. Everything is then built anew, past it, and swapped in at once. Whether a batch
lacks records is only known when it was read, so that is looked up after it.

The steps of a batch, in order: `begun`, `folded` (once for each view), `committed`. `at_step` is
called with each name; crash tests stop the process there.

Source: LEDGER.md 6 (trap 2), EVENTSOURCING.md 7 (BatchRunner).
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence

from eventsourcing.persistence import Notification, Tracking

from ledger.database import Connection, Database
from ledger.domain.base import LedgerEvent
from ledger.domain.disposal import StreamsDisposed
from ledger.errors import Corrupt, Unavailable
from ledger.mapper import LedgerMapper
from ledger.store.sqlite import LedgerRecorder
from ledger.store.subscription import LogSubscription
from projections.base import APPLICATION, ViewProjection, snapshot

BATCH = 500
POLL_S = 0.25

# For each projection the events that it wants, with their positions.
Wanted = list[list[tuple[int, LedgerEvent]]]


class Fold:
    """Projections that move together, over generations that stand at the same position."""

    def __init__(self, projections: Sequence[ViewProjection]) -> None:
        self.projections = tuple(projections)
        self.at_step: Callable[[str], None] = _no_step
        self._mapper = LedgerMapper.for_reading()
        self._places: dict[str, list[int]] = {}
        for place, projection in enumerate(self.projections):
            for topic in projection.topics:
                self._places.setdefault(topic, []).append(place)

    def position(self, connection: Connection) -> int:
        """Return the position of all of them; Corrupt when they do not stand at one."""
        positions = {projection.view.position(connection) for projection in self.projections}
        if len(positions) != 1:
            raise Corrupt("the views do not stand at one position: run `roa rebuild`", code="views")
        return positions.pop()

    def read(self, records: Iterable[Notification]) -> Wanted:
        """Return the events of records that somebody wants; the others are not even unpacked."""
        wanted: Wanted = [[] for _ in self.projections]
        for record in records:
            places = self._places.get(record.topic)
            if places is None:
                continue
            event = self._mapper.to_domain_event(record)
            for place in places:
                wanted[place].append((record.id, event))
        return wanted

    def write(self, connection: Connection, wanted: Wanted, upto: int) -> None:
        """Fold events into every view, all of which then stand at `upto`, inside a transaction."""
        self.at_step("begun")
        tracking = Tracking(APPLICATION, upto)
        for projection, events in zip(self.projections, wanted, strict=True):
            projection.fold(connection, events, tracking)
            self.at_step("folded")


def build(store: LedgerRecorder, views: Database, fold: Fold, upto: int, *, batch: int = BATCH) -> None:
    """Fold the records up to a position into generations that are not served."""
    with snapshot(views) as connection:
        position = fold.position(connection)
    while position < upto:
        records = store.select_notifications(position + 1, batch, stop=upto)
        position = records[-1].id if len(records) == batch else upto
        wanted = fold.read(records)
        with views.writing() as connection:
            fold.write(connection, wanted, position)


class BatchRunner:
    """Keeps the served views up with the log."""

    def __init__(
        self,
        store: LedgerRecorder,
        views: Database,
        fold: Fold,
        rebuild: Callable[[], object],
        *,
        batch: int = BATCH,
    ) -> None:
        """Follow nothing yet; `rebuild` builds every view anew past the disposals that were recorded."""
        self._store, self._views, self._fold, self._batch = store, views, fold, batch
        self._rebuild = rebuild
        self._looked_upto = 0  # no disposal stands between what is served and this position
        self._turn = threading.Lock()
        self._moved = threading.Condition()
        self._subscription: LogSubscription | None = None
        self._position = 0
        self.fault: Exception | None = None  # what stopped `run_forever`

    def position(self) -> int:
        """Return the position at which every view is served."""
        with snapshot(self._views) as connection:
            return self._fold.position(connection)

    def run_once(self) -> int:
        """Fold everything that is stored, and return the position reached."""
        with self._turn:
            while self._step(self._subscription or self._follow(self.position())):
                pass
            return self._position

    def run_forever(self, stop: threading.Event) -> None:
        """Fold what is stored as it comes, until told to stop.

        A full disk or a busy file is tried again. Anything else ends it: `fault` holds what, and
        whoever waits for a position is told.
        """
        while not stop.is_set():
            try:
                self.run_once()
            except Unavailable:
                stop.wait(POLL_S)
            except Exception as error:
                self.fault = error
                self._tell()
                raise
            subscription = self._subscription
            if subscription is not None:
                subscription.wait(POLL_S)

    def wait_for(self, position: int, timeout_s: float) -> None:
        """Return when every view takes that record into account, whichever process folds.

        Raises:
            Unavailable: it took too long, or folding has stopped.
        """
        deadline = time.monotonic() + timeout_s
        while self.position() < position:
            if self.fault is not None:
                raise Unavailable("the views have stopped following the ledger", code="views") from self.fault
            remaining_s = deadline - time.monotonic()
            if remaining_s <= 0:
                raise Unavailable("the views have not caught up yet: ask again shortly", code="views")
            with self._moved:
                self._moved.wait(min(remaining_s, POLL_S))

    def close(self) -> None:
        """Stop following."""
        with self._turn:
            self._unfollow()

    # -------------------------------------------------------------- one batch

    def _follow(self, position: int) -> LogSubscription:
        self._unfollow()
        self._position = position
        self._subscription = self._store.subscribe(gt=position)
        return self._subscription

    def _unfollow(self) -> None:
        if self._subscription is not None:
            self._subscription.stop()
            self._subscription = None

    def _step(self, subscription: LogSubscription) -> bool:
        """Fold one batch; return whether there may be more."""
        # Read first: a position up to here that is not among the records has nothing left to show.
        size = self._store.head().size
        records = subscription.next_batch(self._batch)
        newest = records[-1].id if records else 0
        upto = newest if len(records) == self._batch else max(newest, size)
        if upto <= self._position:
            return False
        if self._is_disposal_ahead():
            self._unfollow()
            self._rebuild()
            self._follow(self.position())
            self._tell()
            return True
        try:
            self._write(self._fold.read(records), upto)
        except BaseException:
            # The transaction took everything back: begin again where the views stand.
            self._unfollow()
            raise
        self._fold.at_step("committed")
        self._tell()
        return True

    def _is_disposal_ahead(self) -> bool:
        """Whether records that were read since the position of the views may lack some that were cleared."""
        size = self._store.head().size
        if self._store.has_topic(StreamsDisposed.TOPIC, max(self._looked_upto, self._position), size):
            return True
        self._looked_upto = size  # every record is looked at once, however far behind the views are
        return False

    def _write(self, wanted: Wanted, upto: int) -> None:
        with self._views.writing() as connection:
            standing = self._fold.position(connection)
            if standing == self._position:
                self._fold.write(connection, wanted, upto)
        if standing == self._position:
            self._position = upto
        else:
            self._follow(standing)  # somebody else has folded these

    def _tell(self) -> None:
        with self._moved:
            self._moved.notify_all()


def _no_step(_name: str) -> None:
    """Crash tests put their own here."""
