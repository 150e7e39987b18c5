"""Processes that check credentials, so that checking takes nothing from whoever posts or reads meanwhile.

A verification is half a second's work of one core and of nothing else; in a thread of the server it
would slow every other request down. The verifier runs here as it does at an employer's: it gets the
bytes, a trust file and the time, and asks for a status list through its pipe. It sees nothing else of
the ledger. One that takes too long is ended, whatever was sent to it.

Who owns what: a process belongs to the thread that took it from `_free`, until it is given back.
"""

import multiprocessing
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from multiprocessing.connection import Connection as Pipe
from queue import Empty, LifoQueue
from typing import NamedTuple

from api.client.errors import Unreachable
from api.client.verify import Fetch, Trust, Verdict, verify
from api.telemetry.logs import configure, log, of_error
from ledger.errors import Unavailable

_CONTEXT = multiprocessing.get_context("spawn")  # a fork would share locks and open databases
WAITING_MAX = 64  # verifications that wait for a process; one more is told to come back
WAIT_MAX_S = 30.0
CHECK_MAX_S = 60.0  # the largest bundle takes a few seconds; what takes longer was made to
_END_S = 5.0
_BUSY = "too many credentials are being checked: try again in a moment"


class _Task(NamedTuple):
    data: bytes
    trust: bytes | None
    now_us: int


class _Asked(NamedTuple):
    """A status list that the verifier asks for."""

    url: str


class Checkers:
    """A few processes, each started when it is needed first, and again after one was ended."""

    def __init__(self, number: int) -> None:
        self._free: LifoQueue[_Checker | None] = LifoQueue()
        self._limit = number + WAITING_MAX
        self._waiting = threading.BoundedSemaphore(self._limit)
        self._turn, self._taken = threading.Lock(), 0  # how many hold the semaphore, for `queue`
        for _ in range(number):
            self._free.put(None)

    def verify(self, data: bytes, *, trust: bytes | None, fetch: Fetch, now_us: int) -> Verdict:
        """Return the verdict on a credential, a record or a bundle; `trust` is the bytes of a trust file.

        Raises:
            Unavailable: (`busy`) too many are waiting; (`checking`) it took too long, or its process ended.
        """
        if not self._waiting.acquire(blocking=False):
            raise Unavailable(_BUSY, code="busy")
        self._count(1)
        try:
            return self._by_a_free_one(_Task(data, trust, now_us), fetch)
        finally:
            self._count(-1)
            self._waiting.release()

    def _count(self, change: int) -> None:
        with self._turn:
            self._taken += change

    def queue(self) -> tuple[int, int]:
        """Return how many verifications are at work or wait, and how many may."""
        return self._taken, self._limit

    def _by_a_free_one(self, task: _Task, fetch: Fetch) -> Verdict:
        try:
            checker = self._free.get(timeout=WAIT_MAX_S)
        except Empty as error:
            raise Unavailable(_BUSY, code="busy") from error
        kept: _Checker | None = None
        try:
            checker = checker or _Checker()
            verdict = checker.verify(task, fetch)
            kept = checker
        finally:
            if kept is None and checker is not None:
                checker.end()
            self._free.put(kept)
        return verdict

    def close(self) -> None:
        """End the processes that nobody uses; one in use ends with its verification."""
        with suppress(Empty):
            while True:
                checker = self._free.get_nowait()
                if checker is not None:
                    checker.end()


class _Checker:
    """One process, and this end of the pipe to it."""

    def __init__(self) -> None:
        self._pipe, there = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(target=_serve, args=(there,), name="checker", daemon=True)
        self._process.start()
        there.close()  # so that the end of the process is the end of the pipe

    def verify(self, task: _Task, fetch: Fetch) -> Verdict:
        until = time.monotonic() + CHECK_MAX_S
        try:
            self._pipe.send(task)
            while self._pipe.poll(max(0.0, until - time.monotonic())):
                answer = self._pipe.recv()
                if isinstance(answer, Verdict):
                    return answer
                self._pipe.send(_fetched(fetch, answer.url))
        except (EOFError, OSError) as error:
            raise Unavailable("a check ended before its time: try again", code="checking") from error
        raise Unavailable("this took too long to check, and was given up", code="checking")

    def end(self) -> None:
        self._pipe.close()
        self._process.terminate()
        self._process.join(_END_S)


def _fetched(fetch: Fetch, url: str) -> bytes | str:
    """Return a status list, or in a text why it cannot be had."""
    try:
        return fetch(url)
    except Unreachable as error:
        return str(error)


# ------------------------------------------------------------------ in the process


def _serve(pipe: Pipe) -> None:
    """Check what comes through the pipe until it is closed, or until Ctrl-C, which every process hears."""
    configure()
    try:
        _check(pipe)
    except Exception as error:  # noqa: BLE001 - Python would print what it says, and that may be somebody's
        log.error("unforeseen", **of_error(error))


def _check(pipe: Pipe) -> None:
    with suppress(EOFError, OSError, KeyboardInterrupt):
        while True:
            task: _Task = pipe.recv()
            trust = None if task.trust is None else parsed_trust(task.trust)
            pipe.send(verify(task.data, trust=trust, fetch=_asking(pipe), now_us=task.now_us))


@lru_cache(maxsize=2)
def parsed_trust(content: bytes) -> Trust:
    """Return a trust file that is read once, not at every verification."""
    return Trust.parse(content)


def _asking(pipe: Pipe) -> Callable[[str], bytes]:
    """Return a fetch that asks at the other end of the pipe."""

    def fetch(url: str, /) -> bytes:
        pipe.send(_Asked(url))
        answer: bytes | str = pipe.recv()
        if isinstance(answer, str):
            raise Unreachable(answer)
        return answer

    return fetch
