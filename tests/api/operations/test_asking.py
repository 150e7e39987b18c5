"""An address is asked within bounds of time and size, whatever its answers are made of."""

import gzip
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

from api.operations.asking import Site
from ledger.errors import Unavailable

Answer = Callable[[httpx2.Request], httpx2.Response]


@pytest.fixture
def place() -> Iterator[Callable[[Answer], Site]]:
    """Asks an address whose answers the test makes."""
    clients = []

    def made(answer: Answer) -> Site:
        client = httpx2.Client(transport=httpx2.MockTransport(answer), follow_redirects=False)
        clients.append(client)
        return Site("http://ledger.example", client)

    yield made
    for one in clients:
        one.close()


def test_an_answer_whose_head_does_not_end_is_given_up(place: Any) -> None:
    """Nothing comes back from the network at all: the deadline holds from outside."""
    ended = threading.Event()

    def never(_request: httpx2.Request) -> httpx2.Response:
        ended.wait()
        return httpx2.Response(200)

    try:
        with pytest.raises(Unavailable, match="does not end") as refused:
            place(never).within(0.01).get("checkpoint", 10)
    finally:
        ended.set()
    assert refused.value.code == "no-answer"


def test_one_deadline_is_for_everything_that_is_asked(place: Any) -> None:
    """Once the time is used up nobody is asked again, at this address or at another of the same host."""
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(str(request.url))
        return httpx2.Response(200, content=b"x")

    site = place(answer)
    over = site.within(-1.0)

    for one in (over, over.at("http://ledger.example/log")):
        with pytest.raises(Unavailable, match="used up"):
            one.get("status/95001/1", 10)
    assert asked == []
    assert site.get("status/95001/1", 10) == b"x"


def test_a_packed_answer_is_not_unpacked(place: Any) -> None:
    """Nobody asks for one, and it could be of any size before it is counted."""
    encodings: list[str] = []

    def packed(request: httpx2.Request) -> httpx2.Response:
        encodings.append(request.headers["Accept-Encoding"])
        return httpx2.Response(
            200, headers={"Content-Encoding": "gzip"}, content=gzip.compress(bytes(10_000_000))
        )

    with pytest.raises(Unavailable, match="packs"):
        place(packed).get("checkpoint", 10)
    assert encodings == ["identity"]
