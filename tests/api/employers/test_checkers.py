"""Processes that check credentials: the same verdicts, and nobody waits for ever."""

import threading
from contextlib import contextmanager

import pytest

from api.employers import checkers as room
from api.employers.checkers import Checkers
from api.employers.checking import check
from ledger.errors import Unavailable
from tests.support.world import ANA


@pytest.fixture(scope="module")
def made():
    """One process for all tests of this file; some of them end it."""
    processes = Checkers(1)
    yield processes
    processes.close()


@pytest.fixture(scope="module")
def badge(site) -> bytes:
    """ANA's award as an Open Badge, whose status list the checker has to ask for."""
    return site.get(f"/me/awards/{site.awards[ANA.nsn]}?format=ob3", "*/*", ANA).content


@pytest.mark.parametrize(
    "change", [lambda badge: badge, lambda badge: badge[:-40], lambda _: b"nothing of the kind"]
)
def test_a_process_answers_what_a_thread_answers(site, made, badge, change):
    """Genuine, damaged or no credential: where it is checked makes no difference."""
    data = change(badge)

    assert check(site.house, data, made).as_json() == check(site.house, data).as_json()


def test_the_checker_sees_the_status_list_of_this_ledger(site, made, badge):
    """It has no network and no database: what it knows of revocations it was given through its pipe."""
    asked = []

    def fetch(url):
        asked.append(url)
        raise room.Unreachable("not here")

    trust, now_us = site.house.issuer.trust_file()[0], site.house.ledger.clock.now_us()

    made.verify(badge, trust=trust, fetch=fetch, now_us=now_us)

    assert [url.split("/")[3] for url in asked] == ["status"]


def test_what_takes_too_long_is_given_up_and_the_next_is_checked(site, made, badge, monkeypatch):
    """The process is ended, whatever it was doing, and another one does the next check."""
    with monkeypatch.context() as patched:
        patched.setattr(room, "CHECK_MAX_S", 0.0)
        with pytest.raises(Unavailable) as caught:
            check(site.house, badge, made)
    assert caught.value.code == "checking"

    assert check(site.house, badge, made).headline


def test_a_process_that_ends_fails_one_check_only(site, made, badge):
    """Killed from outside it answers 503 once, and is there again."""
    checker = made._free.get()
    checker._process.kill()
    checker._process.join()
    made._free.put(checker)

    with pytest.raises(Unavailable):
        check(site.house, badge, made)

    assert check(site.house, badge, made).headline


def test_too_many_at_once_are_told_to_come_back(site, badge, monkeypatch):
    """Beyond those that may wait nobody is kept waiting, and no process is started for it."""
    monkeypatch.setattr(room, "WAITING_MAX", 1)
    monkeypatch.setattr(room, "WAIT_MAX_S", 60.0)
    few = Checkers(1)
    with _taken(few), _waiting_for(few, site, badge), pytest.raises(Unavailable) as caught:
        check(site.house, badge, few)

    assert caught.value.code == "busy"
    few.close()


@contextmanager
def _taken(checkers):
    """Hold the only process, as a check that goes on does."""
    checkers._waiting.acquire()
    held = checkers._free.get()
    try:
        yield
    finally:
        checkers._free.put(held)
        checkers._waiting.release()


@contextmanager
def _waiting_for(checkers, site, badge):
    """Have one check wait for it, whose verdict comes when it is free."""
    verdicts = []
    begun = threading.Event()
    acquire = checkers._waiting.acquire

    def told(**options):
        taken = acquire(**options)
        begun.set()
        return taken

    checkers._waiting.acquire = told
    thread = threading.Thread(target=lambda: verdicts.append(check(site.house, badge, checkers)))
    thread.start()
    assert begun.wait(60)
    try:
        yield
    finally:
        free = checkers._free
        free.put(None)  # the one that is held comes back only after this, so another is put there
        thread.join()
        free.get()
        assert verdicts
