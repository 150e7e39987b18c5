"""What goes on while the process serves: publishing, and folding records into views.

Source: SPEC.md 6 (publisher and projection runner are threads of the serving process).
"""

import logging
import threading
import time

from api.house import House
from ledger.errors import LedgerError, Rollback, Split

log = logging.getLogger("roa")

WAKE_S = 0.25
DESTROY_EVERY_S = 3600.0


class Background:
    """One thread that publishes what is stored and folds it, and destroys what was kept long enough."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Finish what is in hand and stop."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        subscription = self._house.ledger.store.subscribe()
        published_at = -self._house.settings.publish_every_s
        destroyed_at = -DESTROY_EVERY_S
        with subscription:
            while not self._stopping.is_set():
                if time.monotonic() - published_at >= self._house.settings.publish_every_s:
                    published_at = time.monotonic()
                    self._turn()
                if time.monotonic() - destroyed_at >= DESTROY_EVERY_S:
                    destroyed_at = time.monotonic()
                    self._destroy_old()
                subscription.wait(WAKE_S)

    def _destroy_old(self) -> None:
        """Destroy bodies and outcomes that are older than their 30 days. Source: LEDGER.md 2."""
        try:
            self._house.ledger.jobs.destroy_old(self._house.ledger.clock.now_us())
        except LedgerError as error:
            log.error("old submissions are not destroyed yet: %s", error.code)

    def _turn(self) -> None:
        try:
            if self._house.fault is None:
                self._house.publisher.publish()
            self._house.views.catch_up()
        except (Rollback, Split) as error:
            # Reads go on, writes stop: the operator has to look.
            self._house.fault = error
            log.error("writing has stopped: %s", error.code)
        except LedgerError as error:
            # Tried again at the next turn: what is stored stays stored.
            log.error("publishing failed: %s", error.code)
        except Exception as error:  # noqa: BLE001 - this thread gone, the ledger would serve and never publish
            log.error("publishing failed: %s", type(error).__name__)
