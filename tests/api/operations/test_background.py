"""Publishing goes on by itself after whatever stopped it for a while."""

import threading
from datetime import timedelta
from pathlib import Path

import pytest

from api.house import Publishing, furnish
from api.operations.background import WAIT_MORE_S, WAKE_S, Background
from api.settings import Settings
from ledger.access.rows import OWN, RECORD_PAGE
from ledger.domain.access import AccessDayClosed
from ledger.errors import Corrupt, Rollback, Split, Unavailable
from ledger.publisher import latest
from tests.api.door import Door, results_csv
from tests.support.ledgers import House, a_ledger, open_house
from tests.support.world import ANA, PROVIDER, Human, synthetic_nsn

TIMEOUT_S = 60


def test_a_full_disk_at_the_anchors_place_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """No space for tiles: nothing is signed, the thread lives on, and publishes when there is room."""
    made = a_ledger(tmp_path)
    house = furnish(made.ledger, Settings())
    background = Background(house)

    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as stopped:
        stopped.setattr("ledger.store.anchor.replace_file", full)
        with pytest.raises(Unavailable, match="No space left on device"):
            house.publisher.publish()
        background._turn()
        nothing = latest(made.ledger.store.database.reader)
    background._turn()
    published = latest(made.ledger.store.database.reader)
    house.views.close()
    made.close()

    assert nothing is None
    assert published is not None
    assert published.size > 0


@pytest.fixture
def background(door: Door) -> Background:
    """What goes on beside a ledger, told when to take its turn."""
    return Background(door.house)


def published_size(door: Door) -> int:
    """Return the size of the newest checkpoint, 0 without one."""
    published = latest(door.ledger.ledger.store.database.reader)
    return 0 if published is None else published.size


def test_the_thread_publishes_and_folds_by_itself(door, monkeypatch):
    """From the start of the server to its end, without anybody asking."""
    folded, catch_up = threading.Event(), door.house.views.catch_up
    monkeypatch.setattr(door.house.views, "catch_up", lambda: (catch_up(), folded.set()))
    background = Background(door.house)

    background.start()
    seen = folded.wait(TIMEOUT_S)
    background.stop()

    assert seen
    assert published_size(door) == door.ledger.size()
    assert not background._thread.is_alive()


@pytest.mark.parametrize("fault", [Rollback("an old copy"), Split("two histories")])
def test_another_history_stops_writing_while_the_server_runs(door, background, monkeypatch, caplog, fault):
    """Found at publishing: from then on nothing is published, and views go on being folded."""
    asked = []

    def found() -> None:
        asked.append(1)
        raise fault

    monkeypatch.setattr(door.house.publisher, "publish", found)
    background._turn()
    background._turn()

    assert door.house.fault is fault
    assert len(asked) == 1
    assert door.house.views.differences() == []
    assert fault.code in caplog.text
    with pytest.raises(Unavailable):
        door.house.check_writable()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Corrupt("record 7 of 9000000001", code="read-back"), "read-back"),
        (ZeroDivisionError("9000000001"), "internal"),
    ],
)
def test_what_fails_once_is_tried_again(door, background, monkeypatch, caplog, error, code):
    """A fault that nobody foresaw too; its code is kept, and logged without a word of what it was about."""

    def failing() -> None:
        raise error

    with monkeypatch.context() as fault:
        fault.setattr(door.house.publisher, "publish", failing)
        background._turn()
    before = published_size(door)
    failed = door.house.publishing.failures, door.house.publishing.code
    background._turn()

    assert (before, published_size(door)) == (0, door.ledger.size())
    assert door.house.fault is None
    assert (failed, door.house.publishing) == ((1, code), Publishing())
    assert "publishing-failed" in caplog.text
    assert "9000000001" not in caplog.text


def test_what_was_received_is_destroyed_after_30_days(door, background):
    """Bodies and outcomes go, records stay; a submission of today is left alone."""
    old = door.post_csv(results_csv([(ANA, "LO1", "A")]))
    door.ledger.clock.advance(timedelta(days=31))
    fresh = door.post_csv(results_csv([(ANA, "LO2", "A")]))
    size = door.ledger.size()

    background._destroy_old()

    looked = [door.get(f"/v1/submissions/{one.json()['submission']}", PROVIDER) for one in (old, fresh)]
    assert [one.status_code for one in looked] == [404, 200]
    assert door.ledger.size() == size


def test_a_store_that_cannot_be_written_now_destroys_later(door, background, monkeypatch, caplog):
    """The thread lives on; the next hour tries again."""

    def busy(_now_us: int) -> int:
        raise Unavailable("jobs.sqlite cannot be written now", code="storage")

    monkeypatch.setattr(door.house.ledger.jobs, "destroy_old", busy)

    background._destroy_old()

    assert "storage" in caplog.text


# ------------------------------------------------------------------ a document waits for its proof


def test_what_is_published_is_not_waited_for(door, background, monkeypatch):
    """Nobody sleeps for a receipt that is there."""
    background._turn()
    monkeypatch.setattr(background._stopping, "wait", lambda _s: pytest.fail("it waited"))

    background._await_published(published_size(door))


def test_a_document_waits_for_the_turn_that_publishes_it(door, background):
    """It goes on as soon as that turn is over, and no sooner."""
    background._turn()
    door.ledger.organisation(95077, "provider")
    position, seen = door.head().size, []
    waiting = threading.Thread(
        target=lambda: (background._await_published(position), seen.append(published_size(door)))
    )
    waiting.start()
    early = list(seen)
    background._turn()
    waiting.join(TIMEOUT_S)

    assert (early, seen) == ([], [published_size(door)])
    assert seen[0] >= position


@pytest.mark.parametrize("why", ["never-published", "stopping"])
def test_a_document_does_not_wait_for_ever(door, background, monkeypatch, why):
    """When no turn comes, or the server stops, it goes out without its receipt."""
    now = [0.0]
    monkeypatch.setattr("api.operations.background.time.monotonic", lambda: now[0])

    def wait(seconds: float) -> bool:
        now[0] += seconds
        if why == "stopping":
            background._stopping.set()
        return False

    monkeypatch.setattr(background._stopping, "wait", wait)

    background._await_published(door.head().size)

    limit_s = door.house.settings.publish_every_s + WAIT_MORE_S
    assert now[0] == (WAKE_S if why == "stopping" else pytest.approx(limit_s, abs=WAKE_S))


def test_bundles_wait_only_while_somebody_publishes(door, background):
    """A server that is running waits for its own turn; a command publishes by itself."""
    before = door.house.issuer.await_published
    before(door.head().size)
    published = published_size(door)

    background.start()
    during = door.house.issuer.await_published
    background.stop()

    assert published == door.head().size
    assert during == background._await_published


def test_publishing_does_not_wait_for_views(door, monkeypatch):
    """Views that cannot be folded are a fault to be told of; what was recorded is published all the same."""

    def broken() -> None:
        raise Unavailable("the views' disk is full", code="storage")

    door.ledger.register(Human(synthetic_nsn(77), "Kiri", "Wells"))
    size = door.ledger.size()
    monkeypatch.setattr(door.house.views, "catch_up", broken)

    with pytest.raises(Unavailable):
        door.house.catch_up()

    assert door.house.publisher.served().size == size


def test_of_two_that_serve_one_ledger_one_publishes(door, monkeypatch):
    """The other only looks; when the first is gone it goes on with what that one did."""
    other = Door(reopened(door))
    looked, publish = threading.Event(), other.house.publisher.publish
    monkeypatch.setattr(other.house.publisher, "check", looked.set)
    monkeypatch.setattr(other.house.publisher, "publish", lambda: pytest.fail("it does not lead"))
    first, second = Background(door.house), Background(other.house)
    first._lead.take()

    second.start()
    seen = looked.wait(TIMEOUT_S)
    published = threading.Event()
    monkeypatch.setattr(other.house.publisher, "publish", lambda: (publish(), published.set()))
    first._lead.give_up()
    taken_over = published.wait(TIMEOUT_S)
    second.stop()
    size = published_size(door)
    other.close()

    assert seen
    assert taken_over
    assert size == door.ledger.size()


def test_whoever_does_not_lead_stops_writing_where_two_histories_are_told(door, monkeypatch):
    """Nobody tells it that whoever leads has found a split: it finds it by itself."""
    background = Background(door.house)

    def split() -> None:
        raise Split("two histories")

    monkeypatch.setattr(door.house.publisher, "check", split)
    background._look()
    answer = door.post_csv(results_csv([(ANA, "LO1", "A")]))

    assert (answer.status_code, answer.json()["code"]) == (503, "split")


def reopened(door: Door) -> House:
    """Return the ledger as another process has it open."""
    return open_house(door.ledger.files.folder, door.ledger.clock)


def test_a_day_of_the_access_log_is_closed_by_itself(door, background):
    """When it is over, at the next turn, and published with it; a disk that fails puts it off."""
    learner = door.house.ledger.vault.people([ANA.nsn])[ANA.nsn].learner_id
    door.house.issuer.accesses.write(OWN, {learner: RECORD_PAGE})
    door.ledger.clock.advance(timedelta(days=1))
    topics = (AccessDayClosed.TOPIC,)

    door.house.fault = Rollback("an old copy")
    background._close_days()
    stopped = door.ledger.ledger.store.select_notifications(1, 1000, topics=topics)
    door.house.fault = None
    background._close_days()
    background._turn()

    (record,) = door.ledger.ledger.store.select_notifications(1, 1000, topics=topics)
    assert stopped == []
    assert published_size(door) >= record.id
    assert door.ledger.audit().faults == []


def test_a_day_that_cannot_be_closed_stops_nothing(door, background, monkeypatch, caplog):
    """It is logged, and the ledger goes on publishing."""

    def full() -> int:
        raise Unavailable("access.sqlite cannot be written now", code="storage")

    monkeypatch.setattr(door.house.issuer.accesses.days, "close", full)

    background._close_days()
    background._turn()

    assert any("access-day-not-closed" in str(record.msg) for record in caplog.records)
    assert published_size(door) == door.ledger.size()
