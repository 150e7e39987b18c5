"""Every answer carries the safe headers; HEAD is GET without the body; what nobody foresaw tells nothing."""

import logging

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.problems import add_handlers
from api.security.headers import HEADERS, HeadAsGet, SafeHeaders

CANARY = "Canary 9000000001"


@pytest.fixture
def client():
    """An application with one good address and one that breaks, put together as the real one is."""
    app = FastAPI()

    @app.get("/good")
    def good():
        return {"word": "good"}

    @app.get("/broken")
    def broken():
        raise KeyError(CANARY)

    add_handlers(app)
    app.add_middleware(SafeHeaders)
    app.add_middleware(HeadAsGet)
    return TestClient(app)


@pytest.mark.parametrize("path", ["/good", "/broken", "/nowhere"])
def test_every_answer_carries_the_safe_headers(client, path):
    """A page, an error and a missing address alike."""
    answer = client.get(path)

    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


def test_head_is_get_without_the_body(client):
    """Same status and headers, nothing in it."""
    got, headed = client.get("/good"), client.head("/good")

    assert (headed.status_code, headed.content) == (200, b"")
    assert headed.headers["content-length"] == got.headers["content-length"]


def test_what_nobody_foresaw_is_a_problem_and_its_data_is_not_logged(client, caplog):
    """500 as a problem document; the log names the place and the kind, not what was in it."""
    with caplog.at_level(logging.ERROR):
        answer = client.get("/broken")

    assert answer.status_code == 500
    assert answer.json()["code"] == "internal"
    assert "KeyError" in caplog.text
    assert CANARY not in caplog.text + answer.text
