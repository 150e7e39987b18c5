"""Who is let in: so many requests at once, so many bytes of bodies in memory, and nothing that never ends.

What is too much is told to come back before memory grows for it, and whoever sends slowly holds a place and
no more: nothing of the ledger is touched before a body is whole. A small body is let in whatever large ones
there are, so one result does not wait for somebody's file of a hundred thousand. Whoever does not read what
was asked for is cut off: an answer holds a place until it is handed on.

Source: LEDGER.md 9, P10. docs/limits.md lists every bound.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NoReturn

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import RETRY_AFTER_S, Problem, answer

REQUESTS_MAX = 256  # answered at once by a process, those that wait for one of its threads among them
BODIES_MAX_BYTES = 320_000_000  # of all bodies at once, as they are sent: two of the largest and some
SMALL_BYTES = 65_536  # of each body do not count: REQUESTS_MAX of them are 16 MiB
PAUSE_MAX_S = 30.0  # in a body, beyond what it takes at the slowest rate
ANSWER_PAUSE_MAX_S = 30.0  # in which nothing of an answer is read, the same
RATE_MIN_BYTES_S = 32_768  # at which a body has to come in, and an answer has to be read, on the whole
PART_BYTES = 65_536  # of an answer are handed on at once; as much again waits in the web server
ALWAYS = frozenset({"/healthz", "/readyz"})  # whoever watches has to hear how it stands just now
_BUSY = "Too much is being taken in at once. Send the same again in a moment."
_CLOSED = {"Connection": "close"}  # what is left of the body is not read: of no more use
_SLOW = "The body came too slowly, and was given up. Send it again, or in smaller parts."


@dataclass(slots=True)
class Admission:
    """How much is let in at this moment, by one process."""

    requests: int = 0
    bytes: int = 0
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def queue(self) -> tuple[int, int]:
        """Return how many requests are let in, and how many may be."""
        return self.requests, REQUESTS_MAX

    def enter(self) -> bool:
        """Let one request in; False where there are too many."""
        with self._turn:
            if self.requests >= REQUESTS_MAX:
                return False
            self.requests += 1
            return True

    def leave(self, held_bytes: int) -> None:
        """Note that a request is over, with what it held."""
        with self._turn:
            self.requests -= 1
            self.bytes -= held_bytes

    def hold(self, more_bytes: int) -> bool:
        """Let more bytes of a body in; False where there are too many."""
        with self._turn:
            if self.bytes + more_bytes > BODIES_MAX_BYTES:
                return False
            self.bytes += more_bytes
            return True


class Admitting:
    """Lets requests in, and tells those that are too many to come back."""

    def __init__(self, app: ASGIApp, admission: Admission) -> None:
        self._app, self._admission = app, admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with a body that is counted, or answer 503."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        handed = _Answer(send, receive).send
        with suppress(_Unread):  # there is nobody to tell
            if scope["path"] in ALWAYS:
                await self._app(scope, receive, handed)
            elif self._admission.enter():
                await self._inside(scope, receive, handed)
            else:
                told = answer(Request(scope), 503, "busy", _BUSY, {"Retry-After": str(RETRY_AFTER_S)})
                await told(scope, receive, handed)

    async def _inside(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = _Body(self._admission, receive, _declared(scope))
        try:
            await self._app(scope, body.receive, send)
        finally:
            self._admission.leave(body.held)


class _Body:
    """The body of one request as it comes in. `held`: bytes of it that count among those of all bodies."""

    def __init__(self, admission: Admission, receive: Receive, declared: int) -> None:
        self._admission, self._receive, self._declared = admission, receive, declared
        self._size = self.held = 0
        self._is_whole = False
        self._started: float | None = None

    async def receive(self) -> Message:
        """Return the next message; raise the problem that ends the request, a body that is too much."""
        if self._is_whole:
            return await self._receive()  # that whoever asked has gone away, and that may take any time
        if self._started is None:
            self._started = time.monotonic()
            if self._admission.bytes + _counted(self._declared) > BODIES_MAX_BYTES:
                raise _busy()  # before any of it is sent in vain
        try:
            async with asyncio.timeout(self._left_s()):
                message = await self._receive()
        except TimeoutError:
            raise Problem(408, "too-slow", _SLOW, _CLOSED) from None
        self._is_whole = not message.get("more_body", False)
        self._size += len(message.get("body", b""))
        more = _counted(self._size) - self.held
        if not self._admission.hold(more):
            raise _busy()
        self.held += more
        return message

    def _left_s(self) -> float:
        assert self._started is not None
        allowed = PAUSE_MAX_S + self._size / RATE_MIN_BYTES_S
        return max(0.0, self._started + allowed - time.monotonic())


class _Unread(ClientDisconnect):
    """Whoever asked does not read the answer, which is as good as gone, or is gone."""


class _Answer:
    """The answer to one request as it goes out, part by part, for as long as it is read."""

    def __init__(self, send: Send, receive: Receive, clock: Callable[[], float] = time.monotonic) -> None:
        self._send, self._receive, self._clock = send, receive, clock
        self._size, self._waited_s = 0, 0.0

    async def send(self, message: Message) -> None:
        """Hand a message on, a large one in parts; drop the connection where it is not read."""
        body = message.get("body", b"")
        for start in range(0, len(body) - PART_BYTES, PART_BYTES):
            await self._hand_on({**message, "body": body[start : start + PART_BYTES], "more_body": True})
            await asyncio.sleep(0)  # in which the web server hears that nobody is there any more
        if len(body) > PART_BYTES:
            message = {**message, "body": body[(len(body) - 1) // PART_BYTES * PART_BYTES :]}
        await self._hand_on(message)

    async def _hand_on(self, message: Message) -> None:
        # Only the time spent waiting counts: an answer may take long to make. What the system takes without
        # anybody reading it, some megabytes, must not buy a pause of minutes: so each has its end, too.
        started = self._clock()
        left_s = ANSWER_PAUSE_MAX_S + self._size / RATE_MIN_BYTES_S - self._waited_s
        # Of several requests on one connection, the web server tells only the last that it is gone.
        if left_s <= 0 or self._is_gone():
            self._give_up()
        try:
            async with asyncio.timeout(min(left_s, ANSWER_PAUSE_MAX_S)):
                await self._send(message)
        except TimeoutError:
            self._give_up()
        except RuntimeError:
            if not self._is_gone():
                raise
            self._give_up()
        self._waited_s += self._clock() - started
        self._size += len(message.get("body", b""))

    def _is_gone(self) -> bool:
        cycle: Any = getattr(self._receive, "__self__", None)
        return hasattr(cycle, "transport") and bool(cycle.transport.is_closing())

    def _give_up(self) -> NoReturn:
        """End the request, and its connection with what that holds.

        The web server would close it after all that was handed on is read, which may be never. It has no
        word for this, but its `receive`, which nothing above wraps, is a method of what has the transport;
        what is noted there is what it would note itself of whoever is gone.
        """
        cycle: Any = getattr(self._receive, "__self__", None)
        if hasattr(cycle, "transport"):
            cycle.transport.abort()
            cycle.disconnected = True
        raise _Unread from None


def _counted(size_bytes: int) -> int:
    return max(0, size_bytes - SMALL_BYTES)


def _declared(scope: Scope) -> int:
    """Return how long a body says it will be; 0 where it does not say, or says nonsense."""
    said = Headers(scope=scope).get("content-length", "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 20 else 0  # noqa: PLR2004 - 64 bits


def _busy() -> Problem:
    return Problem(503, "busy", _BUSY, {"Retry-After": str(RETRY_AFTER_S), **_CLOSED})
