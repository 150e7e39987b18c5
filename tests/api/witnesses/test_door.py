"""A witness over HTTP, asked as a log and a monitor ask.

Source: C2SP tlog-witness.
"""

from hashlib import sha256

import pytest
from starlette.testclient import TestClient

from api.witnesses import create_witness_app
from ledger.errors import Unavailable
from ledger.log.add_checkpoint import BODY_MAX_BYTES, format_add_checkpoint
from tests.ledger.witness.logs import NAME, NOON_S, ORIGIN, ALog, a_witness

LOG = ALog()
CHECKPOINT = f"/{sha256(ORIGIN.encode()).hexdigest()}/checkpoint"


@pytest.fixture
def witness(tmp_path):
    """A witness that watches LOG."""
    made = a_witness(tmp_path, LOG)
    yield made
    made.close()


@pytest.fixture
def client(witness):
    """A client that follows nothing, of the witness's application."""
    return TestClient(create_witness_app(witness), follow_redirects=False, raise_server_exceptions=False)


def ask(client, body, path="/add-checkpoint"):
    """Post a request to cosign."""
    return client.post(path, content=body)


def test_every_status_of_the_specification_comes_over_http(client):
    """200, 400, 403, 404, 409 in both kinds, 422: with the body and media type that the witness said."""
    asked = [
        ask(client, LOG.request(0, 5)),
        ask(client, b"old 5"),
        ask(client, ALog(seed=9).request(5, 9)),
        ask(client, ALog("other.example/log").request(5, 9)),
        ask(client, LOG.request(4, 9)),
        ask(client, LOG.forked(at=3).request(5, 5)),
        ask(client, LOG.forked(at=3).request(5, 9)),
    ]

    assert [one.status_code for one in asked] == [200, 400, 403, 404, 409, 409, 422]
    assert asked[0].text.count("— ") == 2
    assert (asked[4].headers["content-type"], asked[4].content) == ("text/x.tlog.size", b"5\n")
    assert asked[5].headers["content-type"] != "text/x.tlog.size"


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_without_end_is_cut_off_and_the_witness_stays_up(client, chunked):
    """413 for one byte too many, said or not said how long; the next request is answered."""
    body = b"old 5\n" + b"x" * BODY_MAX_BYTES

    huge = ask(client, iter([body[:100], body[100:]]) if chunked else body)

    assert huge.status_code == 413
    assert huge.json()["code"] == "too-large"
    assert ask(client, LOG.request(0, 5)).status_code == 200


def test_monitors_read_the_last_checkpoint_with_the_cosignatures(client):
    """By the SHA-256 of the origin; before the first, and for another log, there is nothing."""
    before = client.get(CHECKPOINT)
    lines = ask(client, LOG.request(0, 5)).text

    after = client.get(CHECKPOINT)

    assert (before.status_code, client.get(f"/{'0' * 64}/checkpoint").status_code) == (404, 404)
    assert after.headers["content-type"] == "text/plain; charset=utf-8"
    assert after.text.startswith(f"{ORIGIN}\n5\n")
    assert after.text.endswith(lines)


@pytest.mark.parametrize("path", ["/x/checkpoint", f"{CHECKPOINT}/", f"/{'Z' * 64}/checkpoint", "/nothing"])
def test_an_address_that_is_none_is_not_found(client, path):
    """404 or a way to nowhere, as a problem document."""
    answer = client.get(path)

    assert answer.status_code in {307, 404}


def test_it_says_who_it_is_and_what_it_has_seen(client, witness):
    """Name, keys, and for each log keys, size and root, and how much evidence there is."""
    ask(client, LOG.request(0, 5))
    ask(client, LOG.forked(at=3).request(5, 5))

    found = client.get("/").json()

    assert (found["name"], found["vkeys"]) == (NAME, list(witness.vkeys))
    (log,) = found["logs"]
    assert (log["origin"], log["size"], log["timestamp_s"], log["evidence"]) == (ORIGIN, 5, NOON_S, 1)
    assert sorted(log["vkeys"]) == sorted(LOG.vkeys)
    assert client.get("/healthz").json() == {"status": "ok"}


def test_add_checkpoint_may_stand_under_a_prefix(witness):
    """The submission prefix is a path of the operator's choice."""
    client = TestClient(create_witness_app(witness, prefix="/submit/"))

    asked = [
        ask(client, LOG.request(0, 5), path).status_code
        for path in ("/add-checkpoint", "/submit/add-checkpoint")
    ]

    assert asked == [404, 200]


def test_a_store_that_cannot_be_written_now_is_unavailable(client, monkeypatch):
    """503 with a code, and nothing was cosigned."""

    def full(*_arguments: object) -> None:
        raise Unavailable("witness.sqlite cannot be written now", code="storage")

    with monkeypatch.context() as stopped:
        stopped.setattr("ledger.witness.service.swap_seen", full)
        answer = ask(client, LOG.request(0, 5))

    assert (answer.status_code, answer.json()["code"]) == (503, "storage")
    assert ask(client, LOG.request(0, 5)).status_code == 200


def test_what_nobody_foresaw_tells_nothing(client, monkeypatch, caplog):
    """500, and neither answer nor log repeats what was sent."""

    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError("secret words")

    monkeypatch.setattr("ledger.witness.service.swap_seen", broken)

    answer = ask(client, LOG.request(0, 5))

    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "secret words" not in answer.text + caplog.text


def test_a_get_of_add_checkpoint_is_no_request(client):
    """It is a POST."""
    assert client.get("/add-checkpoint").status_code == 405
    assert ask(client, format_add_checkpoint(0, [], LOG.note(5))).status_code == 200
