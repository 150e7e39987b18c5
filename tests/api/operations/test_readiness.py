"""/readyz stays right while threads die and while the server stops; /healthz says that it answers."""

import shutil
import threading
from uuid import UUID

import pytest

from api.operations.background import Background
from api.operations.troubles import ROOM_MIN_BYTES
from ledger.database import connect
from ledger.errors import Unavailable
from tests.api.door import Door

TIMEOUT_S = 60


def ready(door: Door) -> tuple[int, str | None]:
    """Return status and code of /readyz."""
    answer = door.get("/readyz")
    return answer.status_code, answer.json().get("code")


def test_a_thread_that_died_is_said_until_somebody_starts_the_server_again(door):
    """503 with a code: submissions would be kept and never decided, or recorded and never published."""
    ended = threading.Thread(target=lambda: None)
    ended.start()
    ended.join(TIMEOUT_S)
    before = ready(door)
    door.house.threads["publisher"] = ended.is_alive

    assert before == (200, None)
    assert ready(door) == (503, "thread")
    assert door.get("/healthz").status_code == 200


def test_a_server_that_was_told_to_stop_is_not_ready(door):
    """And goes on answering what it is asked."""
    door.house.stopping = True

    assert ready(door) == (503, "stopping")
    assert door.get("/status").json()["takes_submissions"] is True


def test_a_full_disk_is_said_before_anybody_posts(door, monkeypatch):
    """And it is over as soon as there is room again."""
    usage = shutil.disk_usage(door.house.ledger.files.folder)
    with monkeypatch.context() as full:
        full.setattr(shutil, "disk_usage", lambda _place: usage._replace(free=ROOM_MIN_BYTES - 1))
        during = ready(door), door.get("/status").json()["takes_submissions"]

    assert during == ((503, "storage"), False)
    assert ready(door) == (200, None)


def test_threads_are_known_while_they_should_live(door):
    """From start to stop, and not after a stop: one that ended because it was told to has not died."""
    background = Background(door.house)
    background.start()
    door.desk.start()
    during = ready(door), set(door.house.threads)
    door.desk.stop()
    background.stop()

    assert during == ((200, None), {"publisher", "submissions"})
    assert (ready(door), door.house.threads) == ((200, None), {})


def test_a_disk_that_fails_while_records_are_waited_for_ends_nobody(door, caplog):
    """The publisher is told of a fault that nobody foresaw, logs it without its text, and goes on."""

    class Failing:
        def wait(self, _seconds: float) -> None:
            raise OSError(5, "record of 9000000001")

    background = Background(door.house)
    background._stopping.set()  # so that it does not wait before it goes on

    background._wait(Failing())

    assert "background-failed" in caplog.text
    assert "9000000001" not in caplog.text


def test_a_stop_publishes_what_came_last(door, monkeypatch):
    """What was recorded between the last turn and the stop does not wait for the next start."""
    monkeypatch.setattr(door.house.settings, "publish_every_s", 3600.0)
    turned, catch_up = threading.Event(), door.house.catch_up
    monkeypatch.setattr(type(door.house), "catch_up", lambda _self: (catch_up(), turned.set()))
    background = Background(door.house)
    background.start()
    assert turned.wait(TIMEOUT_S)
    door.ledger.organisation(95088, "provider")

    background.stop()

    assert door.house.publisher.served().size == door.ledger.size()


def test_each_hour_what_was_destroyed_leaves_every_log_of_writes(door, caplog):
    """Also where a reader of kept documents held on to an older state while somebody was forgotten."""
    files = door.house.ledger.files
    reader = connect(files.documents)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM document").fetchall()
    writer = connect(files.documents)
    writer.execute("INSERT INTO document VALUES (?, x'00', 1)", (UUID(int=7).bytes,))
    writer.close()
    emptied = door.house.issuer.credentials.destroy([UUID(int=7)])

    Background(door.house)._destroy_old()
    held = caplog.text
    reader.close()
    caplog.clear()
    Background(door.house)._destroy_old()

    assert not emptied
    assert "documents.sqlite" in held
    assert "wal-not-emptied" not in caplog.text
    assert {path for path, _ in door.house.deleting()} == {
        files.jobs,
        files.vault,
        files.documents,
        files.access,
    }
    assert all(not path.with_name(f"{path.name}-wal").stat().st_size for path, _ in door.house.deleting())


@pytest.mark.parametrize("error", [Unavailable("the disk", code="storage"), ZeroDivisionError("9000000001")])
def test_what_stops_the_destroying_of_old_submissions_stops_nothing_else(door, monkeypatch, caplog, error):
    """It is logged by code or class, and tried again in an hour."""

    def failing(_now_us: int) -> int:
        raise error

    monkeypatch.setattr(door.house.ledger.jobs, "destroy_old", failing)

    Background(door.house)._destroy_old()

    assert "destroying-failed" in caplog.text
    assert "9000000001" not in caplog.text
