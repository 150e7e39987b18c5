"""Connections that ask for nothing make room, and one too many is told to come back."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import uvicorn

from api.cli import connections
from api.cli.connections import Connection

WHOLE = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
LIMIT_S = 60.0


async def echo(_scope, _receive, send):
    """Answer everything with 200."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@contextmanager
def served() -> Iterator[tuple[str, int]]:
    """Serve at a free address of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(echo, http=Connection, log_config=None, lifespan="off", ws="none")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield listening.getsockname()
        server.should_exit = True
        thread.join()


def answer(connection: socket.socket) -> bytes:
    """Return what comes next, nothing where the connection is closed."""
    connection.settimeout(LIMIT_S)
    try:
        return connection.recv(65_536)
    except ConnectionResetError:
        return b""


def asked(address: tuple[str, int]) -> bytes:
    """Return the answer to one request."""
    with socket.create_connection(address) as connection:
        connection.sendall(WHOLE)
        return answer(connection)


@pytest.mark.parametrize("begun", [b"", WHOLE[:9]], ids=["silent", "half a head"])
def test_who_does_not_say_what_they_ask_for_is_let_go(monkeypatch, begun):
    """Nobody keeps a place for ever by saying nothing."""
    monkeypatch.setattr(connections, "HEAD_WITHIN_S", 0.05)

    with served() as address, socket.create_connection(address) as connection:
        connection.sendall(begun)

        assert answer(connection) == b""


def test_half_a_second_request_is_let_go_too(monkeypatch):
    """The wait begins again with each request."""
    with served() as address, socket.create_connection(address) as connection:
        connection.sendall(WHOLE)
        assert answer(connection).startswith(b"HTTP/1.1 200")
        monkeypatch.setattr(connections, "HEAD_WITHIN_S", 0.05)
        connection.sendall(WHOLE[:9])

        assert answer(connection) == b""


def test_one_too_many_is_told_to_come_back(monkeypatch):
    """With `Retry-After`; and there is room again when another goes."""
    monkeypatch.setattr(connections, "CONNECTIONS_MAX", 1)

    with served() as address:
        with socket.create_connection(address) as first:
            first.sendall(WHOLE)
            assert answer(first).startswith(b"HTTP/1.1 200")
            with socket.create_connection(address) as second:
                told = answer(second)
        # The server hears of the end of the first a moment later.
        until = time.monotonic() + LIMIT_S
        while not asked(address).startswith(b"HTTP/1.1 200"):
            assert time.monotonic() < until

    assert told.startswith(b"HTTP/1.1 503")
    assert b"Retry-After: " in told
