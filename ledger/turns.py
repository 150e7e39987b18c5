"""Who may go on when several threads want the same thing: together, side by side, or alone.

`Together` gathers what threads ask for while somebody is busy, and lets one of them do it all in one go:
whoever comes to an idle place leads, takes what waits, and hands the lead to the first who came after.
Nobody waits for a clock, and nobody is overtaken for ever. `Turns` lets many work side by side, or one
alone.

Source: LEDGER.md 6 (group commit for concurrent posts).
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from ledger.errors import Unavailable

GROUP_MAX = 64  # requests done in one go
WEIGHT_MAX = 2_000  # of them all, unless the first is heavier: rows of a transaction

_T = TypeVar("_T")


class Ticket:
    """What one thread asks for, and what came of it. Owned by whoever leads until it is settled."""

    __slots__ = ("_result", "_turn", "error", "is_settled", "leads", "weight", "work")

    def __init__(self, work: Callable[[Any], Any], weight: int) -> None:
        self.work, self.weight = work, weight
        self.is_settled = self.leads = False
        self.error: BaseException | None = None
        self._result: Any = None
        self._turn = threading.Event()

    def settle(self, result: Any) -> None:
        """Note what came of it."""
        self._result, self.is_settled = result, True

    def fail(self, error: BaseException) -> None:
        """Note why nothing came of it."""
        self.error, self.is_settled = error, True

    def wake(self) -> None:
        """Let the thread that asked go on: it is settled, or it leads now."""
        self._turn.set()

    def wait(self) -> None:
        """Wait until it is settled or leads."""
        self._turn.wait()
        self._turn.clear()

    def outcome(self) -> Any:
        """Return what came of it, or raise why nothing did."""
        if self.error is not None:
            raise self.error
        return self._result


class Together:
    """Does what several threads ask for in groups; `groups` and `requests` count what was done so."""

    def __init__(self, do: Callable[[Sequence[Ticket]], None]) -> None:
        """Let `do` settle every ticket of a group; it never raises for what one of them asked."""
        self._do = do
        self._mutex = threading.Lock()
        self._waiting: deque[Ticket] = deque()
        self._led = False
        self.groups = self.requests = 0

    def ask(self, work: Callable[[Any], _T], weight: int = 1) -> _T:
        """Have it done, in a group with what others ask for at this moment; return what came of it."""
        ticket = Ticket(work, weight)
        with self._mutex:
            self._waiting.append(ticket)
            ticket.leads, self._led = not self._led, True
        if not ticket.leads:
            ticket.wait()
        if ticket.leads:
            self._lead(ticket)
        result: _T = ticket.outcome()
        return result

    def _lead(self, leader: Ticket) -> None:
        """Do one group, in which the leader's own is the first, and hand the lead on."""
        group = self._take()
        assert group[0] is leader, "the lead goes to the first who waits"
        try:
            self._do(group)
        except BaseException:
            # Of a leader that is interrupted nobody knows how far it came: whoever asks again finds out.
            for ticket in group[1:]:
                if not ticket.is_settled:
                    ticket.fail(Unavailable("a write was interrupted: try again", code="busy"))
            raise
        finally:
            self._hand_on()
            for ticket in group[1:]:
                ticket.wake()

    def _take(self) -> list[Ticket]:
        with self._mutex:
            group = [self._waiting.popleft()]
            weight = group[0].weight
            while self._waiting and len(group) < GROUP_MAX:
                weight += self._waiting[0].weight
                if weight > WEIGHT_MAX:
                    break
                group.append(self._waiting.popleft())
            self.groups += 1
            self.requests += len(group)
            return group

    def _hand_on(self) -> None:
        with self._mutex:
            following = self._waiting[0] if self._waiting else None
            self._led = following is not None
            if following is not None:
                following.leads = True
                following.wake()


class Turns:
    """Many side by side, or one alone: whoever wants to be alone is not overtaken by those who come later."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._beside = 0
        self._is_alone = False
        self._wanting = 0

    @contextmanager
    def beside_others(self) -> Iterator[None]:
        """Work while others do."""
        with self._changed:
            self._changed.wait_for(lambda: not self._is_alone and not self._wanting)
            self._beside += 1
        try:
            yield
        finally:
            with self._changed:
                self._beside -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Work while nobody else does."""
        with self._changed:
            self._wanting += 1
            self._changed.wait_for(lambda: not self._is_alone and not self._beside)
            self._wanting -= 1
            self._is_alone = True
        try:
            yield
        finally:
            with self._changed:
                self._is_alone = False
                self._changed.notify_all()
