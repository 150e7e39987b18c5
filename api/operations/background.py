"""What goes on while the process serves: publishing, and folding records into views.

Where several processes serve one ledger, one of them leads and does all of it. The others look whether
database and anchor agree, stop writing where they do not, and lead when the first is gone. That saves work;
nothing rests on it: each step may be done by several processes at once.

Source: SPEC.md 6 (publisher and projection runner are threads of the serving process).
"""

import threading
import time

from api.house import House, stops_writing
from api.operations.nightly import NightlyTurn
from api.telemetry.logs import log, of_error
from ledger import disposal
from ledger.errors import LedgerError
from ledger.store.subscription import LogSubscription
from ledger.turns import Lead

WAKE_S = 0.25
DESTROY_EVERY_S = 3600.0
WAIT_MORE_S = 5.0  # a document's receipt is waited for that long after the next publication is due


class Background:
    """One thread that publishes what is stored and folds it, and destroys what was kept long enough."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self._lead = Lead(house.ledger.files.keys)
        self._witnesses: list[tuple[str, str, str]] = []  # (names, state, detail) as logged last

    def start(self) -> None:
        """Begin."""
        self._house.issuer.await_published = self._await_published
        self._thread.start()
        self._house.threads[self._thread.name] = self._thread.is_alive

    def stop(self) -> None:
        """Finish what is in hand, publish once more, and stop: nothing that was acknowledged waits then."""
        self._house.threads.pop(self._thread.name, None)
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
            # Whoever leads may have taken its last turn before this process recorded its last.
            self._turn()
        self._lead.give_up()

    def _await_published(self, position: int) -> None:
        """Wait for the turn that publishes a position; give up a while after it should have come."""
        publisher, until = self._house.publisher, self._house.settings.publish_every_s + WAIT_MORE_S
        started = time.monotonic()
        while time.monotonic() - started < until and not self._stopping.is_set():
            if publisher.served(size_at_least=position) is not None:
                return
            self._stopping.wait(WAKE_S)

    def _run(self) -> None:
        subscription = self._house.ledger.store.subscribe()
        published_at = -self._house.settings.publish_every_s
        destroyed_at = -DESTROY_EVERY_S
        nightly = NightlyTurn(self._house)
        with subscription:
            while not self._stopping.is_set():
                leads = self._lead.take()
                if time.monotonic() - published_at >= self._house.settings.publish_every_s:
                    published_at = time.monotonic()
                    if leads:
                        self._forget()
                        self._close_days()
                        self._turn()
                    else:
                        self._look()
                if not leads:
                    self._stopping.wait(WAKE_S)
                    continue
                if time.monotonic() - destroyed_at >= DESTROY_EVERY_S:
                    destroyed_at = time.monotonic()
                    self._destroy_old()
                nightly.look()
                self._wait(subscription)

    def _forget(self) -> None:
        """Carry out forgettings that were approved, at once: the promise is not a nightly one."""
        try:
            self._house.forget_approved()
        except Exception as error:  # noqa: BLE001 - the next turn tries again; publishing must go on
            log.error("forgetting-failed", **of_error(error))

    def _close_days(self) -> None:
        """Record the roots of the access log's days that are over; what a stop left out is made up first."""
        try:
            self._house.close_days()
        except Exception as error:  # noqa: BLE001 - the next turn tries again; publishing must go on
            log.error("access-day-not-closed", **of_error(error))

    def _destroy_old(self) -> None:
        """Destroy bodies and outcomes after their 30 days, accesses after their years. Source: LEDGER.md 2.

        What was destroyed here or by another process lingers in a WAL as long as somebody reads it: each
        hour all of them are emptied.
        """
        ledger = self._house.ledger
        try:
            ledger.jobs.destroy_old(ledger.clock.now_us())
            disposal.redo(ledger)
            self._house.issuer.accesses.destroy_old()
            for path, truncate_wal in self._house.deleting():
                if not truncate_wal():
                    log.warning("wal-not-emptied", file=path.name)
        except Exception as error:  # noqa: BLE001 - the next hour tries again; publishing must go on
            log.error("destroying-failed", **of_error(error))

    def _wait(self, subscription: LogSubscription) -> None:
        """Wait for records, a moment at most, whatever the disk does meanwhile."""
        try:
            subscription.wait(WAKE_S)
        except Exception as error:  # noqa: BLE001 - see `_turn`
            log.error("background-failed", thread=self._thread.name, **of_error(error))
            self._stopping.wait(WAKE_S)

    def _note_witnesses(self) -> None:
        """Log which witnesses do not cosign, when that changes: publishing goes on without them."""
        cosigning = self._house.publisher.cosigning
        states = cosigning.states() if cosigning else []
        now = [(", ".join(one.names), one.state, one.detail) for one in states if one.is_missing]
        for names, state, detail in now:
            if (names, state, detail) not in self._witnesses:
                told = {"detail": detail} if detail else {}
                log.warning("witness-missing", witness=names, state=state, **told)
        self._witnesses = now

    def _look(self) -> None:
        """Stop writing where whoever leads would: of a rollback or a split it tells nobody."""
        try:
            self._house.publisher.check()
        except LedgerError as error:
            self._failed(error)
        except Exception as error:  # noqa: BLE001 - this thread gone, nobody would lead after the one that does
            log.error("background-failed", thread=self._thread.name, **of_error(error))
        else:
            self._house.publishing.went_well()

    def _turn(self) -> None:
        try:
            self._house.catch_up()
        except LedgerError as error:
            self._failed(error)
        except Exception as error:  # noqa: BLE001 - this thread gone, the ledger would serve and never publish
            self._note_failure(LedgerError.code)
            log.error("publishing-failed", **of_error(error))
        else:
            self._house.publishing.went_well()
        self._note_witnesses()

    def _note_failure(self, code: str) -> None:
        self._house.publishing.failed(code)
        self._house.ledger.watch.failed(code)

    def _failed(self, error: LedgerError) -> None:
        if stops_writing(error):
            # Reads go on, writes stop: the operator has to look.
            self._house.fault = error
            log.error("writing-stopped", code=error.code)
        else:
            # Tried again at the next turn: what is stored stays stored.
            self._note_failure(error.code)
            log.error("publishing-failed", code=error.code)
