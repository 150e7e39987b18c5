"""Who is let in: requests, bytes of bodies and slow bodies have bounds, and every bound is told in words."""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI, Request
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Message, Send

from api import admission
from api.admission import Admission, Admitting
from api.problems import add_handlers
from api.telemetry.requests import Requests
from api.telemetry.watching import Telemetry
from tests.api.door import Door, copy_of, made_once, results_csv, statuses
from tests.support.log_lines import Lines
from tests.support.world import ANA

LIMIT_S = 60
Parts = Callable[[], AsyncIterator[bytes]]


class Gate:
    """A place behind which requests wait, with how many have come to it."""

    def __init__(self) -> None:
        self.opened, self.came = asyncio.Event(), asyncio.Condition()
        self.number = 0

    async def pass_through(self) -> None:
        """Note that a request is here, and wait until the gate is opened."""
        async with self.came:
            self.number += 1
            self.came.notify_all()
        await asyncio.wait_for(self.opened.wait(), LIMIT_S)

    async def wait_for(self, number: int) -> None:
        """Wait until so many have come."""
        async with self.came:
            await asyncio.wait_for(self.came.wait_for(lambda: self.number >= number), LIMIT_S)


@asynccontextmanager
async def served() -> AsyncIterator[tuple[httpx2.AsyncClient, Admission, Gate]]:
    """Serve an application that reads whole bodies, and then waits at a gate, in this process."""
    app, held, gate = FastAPI(), Admission(), Gate()
    add_handlers(app)
    app.add_middleware(Admitting, admission=held)

    @app.post("/")
    async def read(request: Request) -> Response:
        size = 0
        async for part in request.stream():
            size += len(part)
        await gate.pass_through()
        return JSONResponse({"size": size})

    @app.get("/healthz")
    async def health() -> Response:
        return JSONResponse({})

    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://ledger.example") as client:
        yield client, held, gate


def told(answer: httpx2.Response) -> tuple[int, str, bool]:
    """Return status, code, and whether it says when to come back."""
    return answer.status_code, answer.json()["code"], "retry-after" in answer.headers


def running(scenario: Callable[[], Awaitable[None]]) -> None:
    """Run a scenario to its end, or not for ever."""
    asyncio.run(asyncio.wait_for(scenario(), LIMIT_S))


def test_more_requests_than_may_be_in_hand_are_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """One too many gets 503 and Retry-After; whoever watches is answered; afterwards everybody is let in."""
    monkeypatch.setattr(admission, "REQUESTS_MAX", 3)

    async def scenario() -> None:
        async with served() as (client, held, gate):
            inside = [asyncio.create_task(client.post("/", content=b"x")) for _ in range(3)]
            await gate.wait_for(3)

            refused, watched = await client.post("/", content=b"x"), await client.get("/healthz")
            assert held.queue() == (3, 3)
            gate.opened.set()
            answers = await asyncio.gather(*inside)
            later = await client.post("/", content=b"x")

            assert told(refused) == (503, "busy", True)
            assert [one.status_code for one in (watched, *answers, later)] == [200] * 5
            assert (held.requests, held.bytes) == (0, 0)

    running(scenario)


@pytest.mark.parametrize("declared", [True, False])
def test_bodies_have_a_bound_all_together(monkeypatch: pytest.MonkeyPatch, declared: bool) -> None:  # noqa: FBT001 - a parameter
    """What would go beyond it is refused at once where it says how long it is, else when it has come to that.

    A small body is let in all the same, and what was refused is let in when there is room.
    """
    monkeypatch.setattr(admission, "BODIES_MAX_BYTES", 250_000)
    large = b"x" * 200_000
    taken: list[int] = []

    async def parts() -> AsyncIterator[bytes]:
        for at in range(0, len(large), 10_000):
            taken.append(at)
            yield large[at : at + 10_000]

    def body() -> Any:
        return large if declared else parts()

    async def scenario() -> None:
        async with served() as (client, held, gate):
            first = asyncio.create_task(client.post("/", content=body()))
            await gate.wait_for(1)
            taken.clear()

            refused = await client.post("/", content=body())
            small = asyncio.create_task(client.post("/", content=b"x" * admission.SMALL_BYTES))
            await gate.wait_for(2)
            assert held.bytes == len(large) - admission.SMALL_BYTES
            gate.opened.set()
            answers = [await first, await small]
            later = await client.post("/", content=body())

            assert told(refused) == (503, "busy", True)
            assert refused.headers["connection"] == "close"
            assert [one.json()["size"] for one in (*answers, later)] == [200_000, 65_536, 200_000]
            assert (held.requests, held.bytes) == (0, 0)

    running(scenario)


def test_a_body_that_trickles_in_is_given_up_and_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It never comes to its end: 408, its place is free, and nobody behind it ever waited for it."""
    monkeypatch.setattr(admission, "PAUSE_MAX_S", 0.05)

    async def trickling() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.Event().wait()

    async def scenario() -> None:
        async with served() as (client, held, gate):
            gate.opened.set()

            slow = asyncio.create_task(client.post("/", content=trickling()))
            whole = await client.post("/", content=b"x" * 10)
            given_up = await slow

            assert whole.status_code == 200
            assert (given_up.status_code, given_up.json()["code"]) == (408, "too-slow")
            assert (held.requests, held.bytes) == (0, 0)

    running(scenario)


# ------------------------------------------------------------------ answers that are not read


def answering(*parts: bytes, path: str = "/") -> tuple[FastAPI, Admission]:
    """Return an application that answers with these parts, all at once where it is one, and who is in it."""
    app, held = FastAPI(telemetry={"tracing": False, "metrics": False, "logs": False}), Admission()
    add_handlers(app)
    app.add_middleware(Admitting, admission=held)
    app.add_middleware(Requests, telemetry=Telemetry())

    @app.get(path)
    def read() -> Response:
        return Response(parts[0]) if len(parts) == 1 else StreamingResponse(iter(parts))

    return app, held


async def asked(app: FastAPI, send: Send, path: str = "/") -> None:
    """Ask as a web server does, with whatever takes the answer."""
    incoming = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Message:
        for message in incoming:
            return message
        await asyncio.Event().wait()
        raise AssertionError

    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": [(b"x-name", ANA.nsn.encode())], "scheme": "http", "http_version": "1.1", "root_path": "",
        "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1),
    }  # fmt: skip
    await app(scope, receive, send)


@pytest.mark.parametrize("parts", [(b"x" * 200_000,), (b"x", b"y", b"z")], ids=["whole", "in-parts"])
@pytest.mark.parametrize("taken", [0, 1, 2])
def test_an_answer_that_nobody_reads_is_given_up_and_holds_nothing(
    monkeypatch: pytest.MonkeyPatch, lines: Lines, parts: tuple[bytes, ...], taken: int
) -> None:
    """However much of it was read before: its place is free, one line says so, and of nobody."""
    monkeypatch.setattr(admission, "ANSWER_PAUSE_MAX_S", 0.05)
    app, held = answering(*parts)
    messages: list[Message] = []

    async def send(message: Message) -> None:
        assert held.requests == 1
        if len(messages) == taken:
            await asyncio.Event().wait()
        messages.append(message)

    running(lambda: asked(app, send))

    (said,) = lines.said
    assert len(messages) == taken
    assert (held.requests, held.bytes) == (0, 0)
    assert (said["event"], said["error"]) == ("request", "_Unread")
    assert ANA.nsn not in lines.text


@pytest.mark.parametrize("path", ["/healthz", "/"])
def test_what_is_answered_without_a_place_is_given_up_too(
    monkeypatch: pytest.MonkeyPatch, lines: Lines, path: str
) -> None:
    """Whoever watches, and who is told that there are too many, have to read."""
    monkeypatch.setattr(admission, "ANSWER_PAUSE_MAX_S", 0.05)
    monkeypatch.setattr(admission, "REQUESTS_MAX", 0)
    app, _ = answering(b"x", path="/healthz")

    async def send(_message: Message) -> None:
        await asyncio.Event().wait()

    running(lambda: asked(app, send, path))

    assert [one["event"] for one in lines.said] == ["request"]


def test_an_answer_is_read_at_its_rate_on_the_whole() -> None:
    """A little now and then does not hold a place for ever; time to make an answer counts for nothing."""
    clock = [0.0]
    handed: list[Message] = []

    async def slow(message: Message) -> None:
        clock[0] += 29.0
        handed.append(message)

    async def receive() -> Message:
        raise AssertionError

    async def scenario() -> None:
        answer = admission._Answer(slow, receive, lambda: clock[0])
        await answer.send({"type": "http.response.body", "body": b"x" * 32_768, "more_body": True})
        clock[0] += 1_000.0
        await answer.send({"type": "http.response.body", "body": b"x", "more_body": True})
        with pytest.raises(ClientDisconnect):  # after 58 seconds, of 31
            await answer.send({"type": "http.response.body", "body": b"x", "more_body": True})

    running(scenario)

    assert len(handed) == 2


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 131_072, 200_000])
def test_a_large_answer_is_handed_on_in_parts_and_is_the_same(size: int) -> None:
    """So the web server never holds more of it than two parts."""
    app, _ = answering(bytes(range(256)) * (size // 256) + bytes(size % 256))
    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    running(lambda: asked(app, send))

    start, *rest = messages
    sizes = [len(one["body"]) for one in rest]
    assert dict(start["headers"])[b"content-length"] == str(size).encode()
    assert b"".join(one["body"] for one in rest) == bytes(range(256)) * (size // 256) + bytes(size % 256)
    assert max(sizes) <= admission.PART_BYTES
    assert len(sizes) == max(1, -(-size // admission.PART_BYTES))
    assert [one.get("more_body", False) for one in rest] == [True] * (len(rest) - 1) + [False]


def read_to_the_end(connection: socket.socket) -> int:
    """Read all that comes, and return how much it was."""
    size = 0
    with suppress(ConnectionResetError):
        while part := connection.recv(1 << 20):
            size += len(part)
    return size


@contextmanager
def listening(app: FastAPI, loop: str) -> Iterator[tuple[uvicorn.Server, tuple[str, int]]]:
    """Serve an application with the web server itself, at an address."""
    held = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", loop=loop))
    serving = threading.Thread(target=server.run, kwargs={"sockets": [held]})
    serving.start()
    try:
        yield server, held.getsockname()
    finally:
        server.should_exit = True
        serving.join(LIMIT_S)
        held.close()


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so, or not for ever."""
    deadline = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)


THREE = b"GET / HTTP/1.1\r\nHost: ledger.example\r\n\r\n" * 3


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_whoever_does_not_read_is_cut_off_by_the_web_server(
    monkeypatch: pytest.MonkeyPatch, lines: Lines, loop: str
) -> None:
    """The connection is gone at once, with what was still to be read of it, and the next is answered."""
    monkeypatch.setattr(admission, "ANSWER_PAUSE_MAX_S", 0.2)
    app, held = answering(b"x" * 40_000_000)

    with listening(app, loop) as (server, address):
        with socket.create_connection(address) as unread:
            unread.sendall(THREE)
            wait_until(lambda: bool(lines.of("request")) and not server.server_state.connections)
            unread.settimeout(LIMIT_S)
            came = read_to_the_end(unread)
        read = httpx2.get(f"http://127.0.0.1:{address[1]}/")

    assert came < len(read.content) == 40_000_000
    assert held.requests == 0
    assert [(one["event"], one.get("error")) for one in lines.said] == [
        ("request", "_Unread"),
        ("request", None),
    ]


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_whoever_goes_away_in_the_middle_of_several_answers_is_no_fault_of_ours(
    lines: Lines, loop: str
) -> None:
    """One line, and nothing that nobody foresaw."""
    app, held = answering(b"x" * 40_000_000)

    with listening(app, loop) as (server, address):
        with socket.create_connection(address) as leaving:
            leaving.sendall(THREE)
            leaving.recv(1)
        wait_until(lambda: not held.requests and not server.server_state.connections)

    assert {one["event"] for one in lines.said} == {"request"}


def test_a_length_that_is_none_is_not_believed() -> None:
    """A server in front of us refuses it; here it counts as nothing said."""
    for said, meant in ((b"12", 12), (b"-1", 0), ("٣".encode(), 0), (b"9" * 400, 0), (b"", 0)):
        scope = {"type": "http", "headers": [(b"content-length", said)]}

        assert admission._declared(scope) == meant


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    """A small ledger behind its doors."""
    made_once(tmp_path / "made")
    opened = copy_of(tmp_path / "made", tmp_path / "ledger")
    yield opened
    opened.close()


def test_a_ledger_that_is_full_refuses_before_it_touches_anything(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The doors are behind the bound: nothing is kept of what is refused, and the same is taken later."""
    file = results_csv([(ANA, "LO1", "A")])
    head, jobs = door.head(), door.jobs()

    with monkeypatch.context() as full:
        full.setattr(admission, "REQUESTS_MAX", 0)
        refused = door.post_csv(file)
        watched = door.get("/healthz")
    untouched = (door.head(), door.jobs())
    taken = door.post_csv(file)

    assert (refused.status_code, refused.json()["code"]) == (503, "busy")
    assert refused.headers["retry-after"].isdigit()
    assert watched.status_code == 200
    assert untouched == (head, jobs)
    assert statuses(taken) == ["accepted"]
