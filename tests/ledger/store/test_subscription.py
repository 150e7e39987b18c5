"""Following the log: in order, without gaps, woken by writers of this process and of others."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.store.sqlite import LedgerRecorder
from tests.ledger.store.records import a_record, a_recorder


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[LedgerRecorder]:
    """A recorder with three records."""
    with a_recorder(tmp_path) as made:
        made.insert_events([a_record(number) for number in range(3)])
        yield made


def test_it_begins_after_a_position_and_goes_on_in_order(recorder: LedgerRecorder) -> None:
    """Records that were there, then one that comes."""
    with recorder.subscribe(gt=1) as subscription:
        assert [next(subscription).id, next(subscription).id] == [2, 3]

        recorder.insert_events([a_record(3)])

        assert next(subscription).id == 4


def test_batches_are_what_is_there_and_never_wait(recorder: LedgerRecorder) -> None:
    """Up to the limit, then the rest, then none; none is lost between."""
    subscription = recorder.subscribe()

    assert [[one.id for one in subscription.next_batch(2)] for _ in range(3)] == [[1, 2], [3], []]

    recorder.insert_events([a_record(3)])
    assert [one.id for one in subscription.next_batch(2)] == [4]


def test_a_write_wakes_whoever_waits(recorder: LedgerRecorder) -> None:
    """Two subscriptions, both woken by one write: neither steals the other's."""
    subscriptions = [recorder.subscribe(gt=3) for _ in range(2)]
    seen: list[int] = []
    threads = [threading.Thread(target=lambda one=one: seen.append(next(one).id)) for one in subscriptions]
    for thread in threads:
        thread.start()

    recorder.insert_events([a_record(3)])

    for thread in threads:
        thread.join(timeout=10)
    assert seen == [4, 4]


def test_a_write_of_another_process_is_seen_by_polling(recorder: LedgerRecorder, tmp_path: Path) -> None:
    """Another recorder on the file gives no signal; the poll finds it."""
    with a_recorder(tmp_path) as other, recorder.subscribe(gt=3) as subscription:
        timer = threading.Timer(0.05, lambda: other.insert_events([a_record(3)]))
        timer.start()

        assert next(subscription).id == 4
        timer.join()


def test_stopped_it_ends_even_while_it_waits(recorder: LedgerRecorder) -> None:
    """From another thread, at once."""
    subscription = recorder.subscribe(gt=3)
    ended = threading.Event()

    def follow() -> None:
        for _ in subscription:
            pass
        ended.set()

    thread = threading.Thread(target=follow)
    thread.start()
    subscription.stop()

    assert ended.wait(10)
    thread.join()


def test_a_write_between_looking_and_waiting_is_not_missed(recorder: LedgerRecorder) -> None:
    """The signal is cleared before the look, so a write just after it ends the wait at once."""
    subscription = recorder.subscribe(gt=3)
    assert subscription.next_batch() == []

    recorder.insert_events([a_record(3)])

    assert subscription._woken.is_set()


def test_only_the_topics_asked_for_come(recorder: LedgerRecorder) -> None:
    """An exact list."""
    assert recorder.subscribe(topics=["nobody.knows"]).next_batch() == []
    assert len(recorder.subscribe(topics=["organisation.registered"]).next_batch()) == 3
