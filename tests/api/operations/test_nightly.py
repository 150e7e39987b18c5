"""The epoch turns at night by itself, where something was destroyed, and only then."""

from datetime import UTC, datetime, timedelta

import pytest

from api.operations.background import Background
from api.operations.nightly import NightlyTurn, scheduled_before
from ledger.clock import microseconds
from ledger.errors import Unavailable
from ledger.turning import turn
from tests.support.world import ANA, BEN

NIGHT = timedelta(hours=24)


def _forget(door, human) -> None:
    vault = door.ledger.ledger.vault
    assert vault.forget([vault.people([human.nsn])[human.nsn].learner_id]).learners == 1


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        # Midday of 22 November in New Zealand is 23 h UTC of the day before: daylight saving time, +13.
        ("2026-11-21T23:00", "2026-11-21T14:00"),
        ("2026-11-21T14:00", "2026-11-21T14:00"),
        ("2026-11-21T13:59", "2026-11-20T14:00"),
        ("2026-07-01T00:00", "2026-06-30T15:00"),  # winter, +12
        ("2026-04-04T23:00", "2026-04-04T15:00"),  # the night in which the clock goes back, three hours long
        ("2026-09-26T23:00", "2026-09-26T14:00"),  # the night in which it goes forward
    ],
)
def test_the_hour_is_that_of_new_zealand(now: str, expected: str) -> None:
    """Three in the morning there, in summer and in winter."""
    at, moment = (microseconds(datetime.fromisoformat(one).replace(tzinfo=UTC)) for one in (now, expected))

    assert scheduled_before(at, 3) == moment


def test_it_turns_in_the_night_after_something_was_destroyed(door) -> None:
    """Not before, not twice, and not in a night before which nothing was."""
    vault, clock = door.ledger.ledger.vault, door.ledger.clock
    turn(door.ledger.ledger)
    nightly = NightlyTurn(door.house)
    epochs = []
    for human in (None, ANA, None, BEN):
        nightly.look()
        epochs.append(vault.epoch)
        if human is not None:
            _forget(door, human)
        nightly.look()
        epochs.append(vault.epoch)
        clock.advance(NIGHT)
    nightly.look()
    epochs.append(vault.epoch)

    #                nobody Ana   nobody Ben   after
    assert epochs == [2, 2, 2, 2, 3, 3, 3, 3, 4]


def test_a_night_that_was_missed_is_made_up_for_at_the_start(door) -> None:
    """A server that is never up at three would never turn; one that is started by day waits for the night."""
    vault, clock = door.ledger.ledger.vault, door.ledger.clock
    turn(door.ledger.ledger)
    _forget(door, ANA)

    NightlyTurn(door.house).look()
    assert vault.epoch == 2

    clock.advance(2 * NIGHT)
    NightlyTurn(door.house).look()
    assert vault.epoch == 3


def test_what_goes_wrong_is_logged_and_tried_again_in_an_hour(door, monkeypatch, caplog) -> None:
    """Full disk, busy database: publishing goes on, and nobody is asked four times a second."""
    vault, clock = door.ledger.ledger.vault, door.ledger.clock
    turn(door.ledger.ledger)
    nightly = NightlyTurn(door.house)
    _forget(door, ANA)
    clock.advance(NIGHT)
    asked = []

    def full(*_arguments: object, **_options: object) -> None:
        asked.append(1)
        raise Unavailable("the disk is full", code="storage")

    with monkeypatch.context() as patched:
        patched.setattr(vault, "turn", full)
        nightly.look()
        nightly.look()
    assert len(asked) == 1
    assert vault.epoch == 2
    assert any("epoch-not-turned" in str(record.msg) for record in caplog.records)

    clock.advance(timedelta(hours=1))
    nightly.look()
    assert vault.epoch == 3


def test_the_background_looks_and_empties_what_lingers(door) -> None:
    """From the thread of the server, without anybody asking."""
    ledger, clock = door.ledger.ledger, door.ledger.clock
    _forget(door, ANA)
    clock.advance(2 * NIGHT)
    background = Background(door.house)

    background.start()
    subscription = ledger.store.subscribe()
    for _ in range(240):
        if ledger.vault.epoch == 2:
            break
        subscription.wait(0.25)
    background.stop()
    background._destroy_old()

    assert ledger.vault.epoch == 2
    for path in (ledger.files.vault, ledger.files.jobs):
        assert path.with_name(path.name + "-wal").stat().st_size == 0
