"""Who may go on when several threads want the same thing: together, side by side, or alone.

`Together` gathers what threads ask for while somebody is busy, and lets one of them do it all in one go:
whoever comes to an idle place leads, takes what waits, and hands the lead to the first who came after.
`Turns` lets many work side by side, or one alone, in the order in which they came. Nobody waits for a
clock, and nobody is overtaken. `Lead` is among processes: one of them leads, until it ends.

Source: LEDGER.md 6 (group commit for concurrent posts).
"""

import fcntl
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from ledger.errors import Unavailable

GROUP_MAX = 64  # requests done in one go
WEIGHT_MAX = 2_000  # of them all, unless the first is heavier: rows of a transaction
WAITING_MAX = 1_000  # requests; one more is told to come back

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
        """Have it done, in a group with what others ask for at this moment; return what came of it.

        Raises:
            Unavailable: (`busy`) too many wait already; and whatever `work` raises.
        """
        ticket = Ticket(work, weight)
        with self._mutex:
            if len(self._waiting) >= WAITING_MAX:
                raise Unavailable("too many writes are waiting: try again in a moment", code="busy")
            self._waiting.append(ticket)
            ticket.leads, self._led = not self._led, True
        if not ticket.leads:
            self._wait(ticket)
        if ticket.leads:
            self._lead(ticket)
        result: _T = ticket.outcome()
        return result

    def _wait(self, ticket: Ticket) -> None:
        try:
            ticket.wait()
        except BaseException:
            # Interrupted: nobody is there any more to lead, so it must not be handed the lead.
            with self._mutex:
                if ticket in self._waiting:
                    self._waiting.remove(ticket)
            if ticket.leads:
                self._hand_on()
            raise

    def queue(self) -> tuple[int, int]:
        """Return how many wait, and how many may."""
        return len(self._waiting), WAITING_MAX

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


class _Waiter:
    """One thread before the door of `Turns`; `is_in` is set by whoever lets it in."""

    __slots__ = ("alone", "is_in", "turn")

    def __init__(self, *, alone: bool) -> None:
        self.alone, self.is_in, self.turn = alone, False, threading.Event()


class Turns:
    """Many side by side, or one alone, let in in the order in which they came.

    So neither starves the other: whoever wants to be alone waits for those who are inside, and whoever
    comes after waits behind, beside others or alone.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._waiting: deque[_Waiter] = deque()
        self._inside = 0
        self._is_alone = False

    @contextmanager
    def beside_others(self) -> Iterator[None]:
        """Work while others do."""
        with self._entered(alone=False):
            yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Work while nobody else does."""
        with self._entered(alone=True):
            yield

    @contextmanager
    def _entered(self, *, alone: bool) -> Iterator[None]:
        waiter = _Waiter(alone=alone)
        with self._mutex:
            self._waiting.append(waiter)
            self._let_in()
        try:
            waiter.turn.wait()
            yield
        finally:
            with self._mutex:
                if waiter.is_in:
                    self._inside -= 1
                    self._is_alone = False  # of those inside beside others nobody was
                else:
                    self._waiting.remove(waiter)  # interrupted while it waited
                self._let_in()

    def _let_in(self) -> None:
        """Let in whoever is first and may go in, and those behind; the caller holds the mutex."""
        while self._waiting and self._may_go_in(self._waiting[0]):
            waiter = self._waiting.popleft()
            self._inside += 1
            self._is_alone = waiter.alone
            waiter.is_in = True
            waiter.turn.set()

    def _may_go_in(self, waiter: _Waiter) -> bool:
        return not self._inside if waiter.alone else not self._is_alone


class Lead:
    """The lead among the processes that serve one ledger; free when whoever has it ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        """Lead nothing yet.

        Args:
            folder: all of them have it; the lead is a lock on it, so that no file is made for it.
        """
        self._folder = folder
        self._held: int | None = None

    def take(self) -> bool:
        """Return whether this process leads, which it goes on doing once it does; nobody waits."""
        if self._held is not None:
            return True
        try:
            folder = os.open(self._folder, os.O_RDONLY)
        except OSError:
            return False  # where the folder cannot be opened nobody leads
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(folder)
            return False
        self._held = folder
        return True

    def give_up(self) -> None:
        """Let another process lead."""
        if self._held is not None:
            os.close(self._held)
            self._held = None
