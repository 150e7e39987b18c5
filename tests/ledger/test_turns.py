"""Together, side by side, or alone: whoever waits gets a turn, and nobody's mistake is somebody else's."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ledger import turns
from ledger.errors import Unavailable
from ledger.turns import GROUP_MAX, WEIGHT_MAX, Lead, Ticket, Together, Turns

LIMIT_S = 60


class Place:
    """Does what is asked, and notes who was in each group; the first group waits until it is let go."""

    def __init__(self) -> None:
        self.together = Together(self._do)
        self.groups: list[list[Any]] = []
        self.begun, self.let_go = threading.Event(), threading.Event()

    def _do(self, group: Sequence[Ticket]) -> None:
        if not self.groups:
            self.begun.set()
            assert self.let_go.wait(LIMIT_S)
        names = []
        for ticket in group:
            try:
                ticket.settle(ticket.work(names))
            except ValueError as error:
                ticket.fail(error)
        self.groups.append(names)

    def waiting(self) -> int:
        """Return how many wait for the next group."""
        return len(self.together._waiting)


def named(name: Any) -> Callable[[list[Any]], Any]:
    """Return work that notes its name in its group and returns it."""

    def work(names: list[Any]) -> Any:
        names.append(name)
        return name

    return work


def all_at_once(place: Place, asked: Sequence[tuple[Callable[[list[Any]], Any], int]]) -> list[Any]:
    """Ask for the first; while it is done, for the others in turn; return what each got."""
    got: list[Any] = [None] * len(asked)

    def ask(at: int) -> None:
        try:
            got[at] = place.together.ask(*asked[at])
        except (ValueError, Unavailable, KeyboardInterrupt) as error:
            got[at] = error

    threads = [threading.Thread(target=ask, args=(at,)) for at in range(len(asked))]
    threads[0].start()
    assert place.begun.wait(LIMIT_S)
    for at, thread in enumerate(threads[1:], 1):
        thread.start()
        while place.waiting() < at:  # so that their order is that of asking
            pass
    place.let_go.set()
    for thread in threads:
        thread.join(LIMIT_S)
    return got


def test_what_is_asked_while_one_is_busy_is_done_together():
    """The first goes alone, because nobody else was there; the others share the next turn, in order."""
    place = Place()

    got = all_at_once(place, [(named(number), 1) for number in range(8)])

    assert got == list(range(8))
    assert place.groups == [[0], [1, 2, 3, 4, 5, 6, 7]]
    assert (place.together.groups, place.together.requests) == (2, 8)


def test_a_group_is_bounded_in_number_and_in_weight():
    """A heavy one goes alone, and those behind it keep their place."""
    place = Place()
    asked = [(named(0), 1), (named("heavy"), WEIGHT_MAX), (named("next"), 1), (named("last"), 1)]

    all_at_once(place, asked)

    assert place.groups == [[0], ["heavy"], ["next", "last"]]

    place = Place()
    all_at_once(place, [(named(number), 1) for number in range(GROUP_MAX + 2)])
    assert list(map(len, place.groups)) == [1, GROUP_MAX, 1]


def test_one_that_fails_fails_alone():
    """Who asked for it is told; who came before and after gets what they asked for."""
    place = Place()

    def failing(_names: list[Any]) -> None:
        raise ValueError("its own mistake")

    got = all_at_once(place, [(named(0), 1), (named(1), 1), (failing, 1), (named(3), 1)])

    assert [got[0], got[1], got[3]] == [0, 1, 3]
    assert isinstance(got[2], ValueError)


def test_a_leader_that_is_interrupted_leaves_nobody_waiting():
    """Those of its group are told to try again, not that they were interrupted; and the place goes on."""
    place = Place()

    def interrupted(_names: list[Any]) -> None:
        raise KeyboardInterrupt

    got = all_at_once(place, [(named(0), 1), (interrupted, 1), (named(2), 1)])

    assert got[0] == 0
    assert isinstance(got[1], KeyboardInterrupt)
    assert isinstance(got[2], Unavailable)
    assert place.together.ask(named(3)) == 3


def test_who_is_interrupted_while_it_waits_is_not_handed_the_lead(monkeypatch: pytest.MonkeyPatch):
    """Whoever waited behind it goes on in its place."""
    place, wait = Place(), Ticket.wait

    def interrupted_once(ticket: Ticket) -> None:
        if ticket.weight != 2:
            wait(ticket)
            return
        while not ticket.leads:  # it is the first who waits when the first group is done
            pass
        raise KeyboardInterrupt

    monkeypatch.setattr(Ticket, "wait", interrupted_once)
    got = all_at_once(place, [(named(0), 1), (named("gone"), 2), (named(2), 1), (named(3), 1)])

    assert isinstance(got[1], KeyboardInterrupt)
    assert (got[0], got[2], got[3]) == (0, 2, 3)
    assert place.groups == [[0], [2, 3]]


def test_more_than_may_wait_are_told_to_come_back(monkeypatch: pytest.MonkeyPatch):
    """The queue before a writer is bounded; whoever is in it is served."""
    monkeypatch.setattr(turns, "WAITING_MAX", 2)
    place, refused = Place(), []

    def one_too_many(names: list[Any]) -> None:
        with pytest.raises(Unavailable, match="too many") as error:
            place.together.ask(named("refused"))
        refused.append((error.value.code, place.together.queue()))
        names.append("first")

    got = all_at_once(place, [(one_too_many, 1), (named(1), 1), (named(2), 1)])

    assert refused == [("busy", (2, 2))]
    assert got == [None, 1, 2]
    assert place.groups == [["first"], [1, 2]]


def in_turn(asked: Sequence[str]) -> list[str]:
    """Let threads come to one door, each when the one before it waits; return who was let in with whom.

    Each letter is a thread: `b` wants to work beside others, `a` alone. Before them somebody is inside.
    """
    door, order = Turns(), list[str]()
    inside, leave = threading.Event(), threading.Event()

    def enter(how: str, at: int) -> None:
        with door.alone() if how == "a" else door.beside_others():
            order.append(f"{how}{at}")

    def first() -> None:
        with door.alone():
            inside.set()
            assert leave.wait(LIMIT_S)

    threads = [threading.Thread(target=first)]
    threads += [threading.Thread(target=enter, args=(how, at)) for at, how in enumerate(asked)]
    threads[0].start()
    assert inside.wait(LIMIT_S)
    for at, thread in enumerate(threads[1:], 1):
        thread.start()
        while len(door._waiting) < at:
            pass
    leave.set()
    for thread in threads:
        thread.join(LIMIT_S)
    return order


def test_nobody_is_overtaken_at_the_door_whoever_comes_in_numbers():
    """Neither those beside others nor those alone starve the other kind: all go in as they came."""
    assert in_turn("abababaaab") == [f"{how}{at}" for at, how in enumerate("abababaaab")]


def test_those_between_two_who_are_alone_go_in_together():
    """Three that want to work side by side are all let in before the next who is alone, in any order."""
    order = in_turn("abbba")

    assert (order[0], sorted(order[1:4]), order[4]) == ("a0", ["b1", "b2", "b3"], "a4")


def test_many_work_side_by_side():
    """Each of them is inside at the same moment."""
    door, meeting = Turns(), threading.Barrier(3)
    met: list[int] = []

    def work() -> None:
        with door.beside_others():
            met.append(meeting.wait(LIMIT_S))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_S)

    assert sorted(met) == [0, 1, 2]


def test_one_of_several_leads_until_it_gives_up(tmp_path: Path):
    """Whoever leads goes on leading; the others are told at once, and lead when it is gone."""
    first, second = Lead(tmp_path), Lead(tmp_path)

    before = [first.take(), second.take(), first.take()]
    first.give_up()
    after = [second.take(), first.take()]
    second.give_up()

    assert before == [True, False, True]
    assert after == [True, False]


def test_nobody_leads_in_a_folder_that_is_not_there(tmp_path: Path):
    """It is no error: whoever asks again when the folder is back leads."""
    lead = Lead(tmp_path / "keys")

    before = lead.take()
    (tmp_path / "keys").mkdir()

    assert [before, lead.take()] == [False, True]
    lead.give_up()
