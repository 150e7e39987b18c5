"""Who is let in: requests, bytes of bodies and slow bodies have bounds, and every bound is told in words."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response

from api import admission
from api.admission import Admission, Admitting
from api.problems import add_handlers
from tests.api.door import Door, copy_of, made_once, results_csv, statuses
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
