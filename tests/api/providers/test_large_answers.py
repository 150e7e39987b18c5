"""Answers with many rows: a few are made at the same time, each until it is sent or nobody reads it."""

import asyncio
from collections.abc import Iterator

import pytest
from starlette.types import Message

from api import admission
from api.providers import messages, posting
from api.providers.messages import LargeAnswers, Take
from ledger.errors import Unavailable
from tests.api.door import OTHER_KEY, Door, enrolments_csv, results_csv
from tests.support.ledgers import people, statement
from tests.support.world import ANA, PROVIDER, an_enrolment

LIMIT_S = 60


@pytest.fixture
def small(door: Door, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    """A ledger for which three rows are large, and two such answers are as many as it makes."""
    monkeypatch.setattr(posting, "AT_ONCE_ROWS_MAX", 2)
    monkeypatch.setattr(messages, "ROWS_AT_ONCE", 2)
    door.desk.large = LargeAnswers(2)
    door.hold_background()
    yield door
    assert places(door) == 2


@pytest.fixture
def file(small: Door) -> bytes:
    """A large file that was posted and is decided."""
    humans = people(3)
    small.ledger.register(*humans)
    made = enrolments_csv(humans)
    small.post_csv(made)
    small.work()
    return made


def places(door: Door) -> int:
    """Return how many large answers could be made now."""
    return door.desk.large._places._value


def test_one_large_answer_too_many_is_told_to_come_back(small: Door, file: bytes) -> None:
    """Read back whole or by rows, or posted again; small ones are answered, and all a moment later."""
    location = f"/v1/submissions/{small.post_csv(file).json()['submission']}"
    paths = (location, f"{location}/rows", f"{location}/rows?format=csv")

    with small.desk.large.turn() as one, small.desk.large.turn() as other:
        one(3), other(3)
        refused = [*(small.get(path, PROVIDER) for path in paths), small.post_csv(file)]
        answered = small.post_csv(results_csv([(ANA, "LO1", "A")]))
    later = [*(small.get(path, PROVIDER) for path in paths), small.post_csv(file)]

    assert {(one.status_code, one.json()["code"]) for one in refused} == {(503, "busy")}
    assert all(one.headers["retry-after"].isdigit() for one in refused)
    assert [one.status_code for one in (answered, *later)] == [200] * 5


def test_what_is_posted_while_there_is_no_place_is_decided_all_the_same(small: Door) -> None:
    """A file is kept before it is answered; a signed submission is first answered without its rows."""
    humans = people(6)
    small.ledger.register(*humans)
    signed = [statement("learner.enrolled", **an_enrolment(one, by=None)) for one in humans[:3]]
    sent, made = small.ledger.build(OTHER_KEY, signed), enrolments_csv(humans[3:])

    with small.desk.large.turn() as one, small.desk.large.turn() as other:
        one(3), other(3)
        posted = [small.post_signed(sent).status_code, small.post_csv(made).status_code]
    small.work()

    assert posted == [202, 503]
    assert small.post_signed(sent).json()["counts"]["accepted"] == 3
    assert small.post_csv(made).json()["counts"]["accepted"] == 3


def test_a_file_with_many_rows_that_cannot_be_sent_is_a_large_answer(small: Door) -> None:
    """Rows of ours to say what is wrong with them are as large as others."""
    unreadable = b"\n".join([results_csv([(ANA, "LO1", "A")]).splitlines()[0], *[b"x,y"] * 3])

    with small.desk.large.turn() as one, small.desk.large.turn() as other:
        one(3), other(3)
        refused = small.post_csv(unreadable)

    assert (refused.status_code, refused.json()["code"]) == (503, "busy")
    assert len(small.post_csv(unreadable).json()["rows"]) == 3


@pytest.mark.parametrize("path", ["", "/rows", "/rows?format=csv"])
def test_a_place_is_free_when_nobody_reads_the_answer(
    small: Door, file: bytes, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """It is held for as long as the answer is on its way, and no longer."""
    monkeypatch.setattr(admission, "ANSWER_PAUSE_MAX_S", 0.05)
    jti = small.post_csv(file).json()["submission"]
    held = []

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            held.append(places(small))
            await asyncio.Event().wait()

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    target, _, query = f"/v1/submissions/{jti}{path}".partition("?")
    token = f"Bearer {small.token(PROVIDER)}".encode()
    scope = {
        "type": "http", "method": "GET", "path": target, "raw_path": target.encode(), "root_path": "",
        "query_string": query.encode(), "headers": [(b"authorization", token)], "scheme": "http",
        "http_version": "1.1", "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1),
    }  # fmt: skip
    asyncio.run(asyncio.wait_for(small.client.app(scope, receive, send), LIMIT_S))

    assert held == [1]
    assert places(small) == 2


def test_a_place_is_taken_once_and_given_back_once() -> None:
    """However often one request asks, and whatever becomes of it."""
    large = LargeAnswers(1)

    def fail(take: Take) -> None:
        take(messages.ROWS_AT_ONCE)
        take(messages.ROWS_AT_ONCE + 1)
        take(messages.ROWS_AT_ONCE + 1)
        with large.turn() as other, pytest.raises(Unavailable):
            other(messages.ROWS_AT_ONCE + 1)
        raise KeyError

    with pytest.raises(KeyError), large.turn() as take:
        fail(take)

    with large.turn() as take:
        take(messages.ROWS_AT_ONCE + 1)
