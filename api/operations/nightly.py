"""The epoch turns at night, where something was destroyed since it last did.

While the rows of the vault are rewritten whoever writes to it waits, so it is done when few do.

Source: LEDGER.md 4 (the epoch turns on schedule: nightly if anything was destroyed).
"""

from datetime import timedelta

from api.house import House
from api.telemetry.logs import log, of_error
from ledger.clock import CIVIL_ZONE, instant, microseconds
from ledger.turning import turn

_DAY_US, _HOUR_US = 86_400_000_000, 3_600_000_000


class NightlyTurn:
    """Knows when the epoch is to turn, and turns it. For one thread."""

    def __init__(self, house: House) -> None:
        """Begin with the night to come; or at once, where the last turn is longer ago than a day and a night.

        So a server that is never up at night turns when it is started.
        """
        self._house = house
        moment = scheduled_before(house.ledger.clock.now_us(), house.settings.turn_at)
        newest = max((one.turned_at_us for one in house.ledger.vault.turns()), default=0)
        self._done_us = newest if newest < moment - _DAY_US else moment
        self._not_before_us = 0  # after a failure it is tried again in an hour

    def look(self) -> None:
        """Turn the epoch if it is time; what goes wrong is logged and tried again."""
        ledger = self._house.ledger
        now_us = ledger.clock.now_us()
        moment = scheduled_before(now_us, self._house.settings.turn_at)
        if moment <= self._done_us or now_us < self._not_before_us:
            return
        try:
            turned = turn(ledger, only_if_destroyed=True)
        except Exception as error:  # noqa: BLE001 - publishing, which shares the thread, must go on
            self._not_before_us = now_us + _HOUR_US
            log.error("epoch-not-turned", **of_error(error))
            return
        self._done_us = moment
        if turned is not None:
            log.info("epoch-turned", epoch=turned.epoch)


def scheduled_before(now_us: int, hour: int) -> int:
    """Return the last moment at or before `now_us` at which an hour began in New Zealand; microseconds."""
    now = instant(now_us).astimezone(CIVIL_ZONE)
    moment = now.replace(hour=hour, minute=0, second=0, microsecond=0, fold=0)
    if microseconds(moment) > now_us:
        moment -= timedelta(days=1)
    return microseconds(moment)
