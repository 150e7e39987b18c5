"""Posting sends the same bytes to one address until there is an answer."""

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any, ClassVar

import httpx2
import pytest

from api.client import post as posting
from api.client.acknowledgement import check_acknowledgement
from api.client.errors import ClientError, Malformed, Refused, Unreachable
from api.client.jose import b64url, sign_jws
from api.client.keys import generate
from api.client.post import Answer, post
from api.client.submission import Submission, build, organisation_id

KEY = generate()
LEDGER = "https://ledger.example"
ROW = {
    "row": 1,
    "row_ref": None,
    "status": "accepted",
    "findings": [],
    "position": 7,
    "leaf_hash": "e",
    "award": None,
}


def submission() -> Submission:
    """Return a submission of one statement."""
    said = {"type": "organisation.registered", "v": 1}
    return build(
        [said], signer=KEY, organisation=organisation_id(95000), origin="ledger.example/log", now_s=1
    )


def answer(**changes: Any) -> dict[str, Any]:
    """Return an answer as the ledger gives it."""
    return {
        "submission": "01930000-0000-7000-8000-000000000001",
        "organisation": 95001,
        "status": "committed",
        "counts": {"accepted": 1, "warned": 0, "unchanged": 0, "held": 0, "rejected": 0},
        "rows": [ROW],
        "acknowledgement": "a.b.c",
        "state": "durable",
        **changes,
    }


Reply = httpx2.Response | Exception


class Ledger:
    """A ledger that gives prepared replies and remembers what it was asked."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.asked: list[tuple[str, str, bytes, httpx2.Headers]] = []
        self.waited: list[float] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        """Give the next reply."""
        self.asked.append((request.method, str(request.url), request.read(), request.headers))
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply

    def post(self, content: Submission | bytes, **options: Any) -> Answer:
        """Post to this ledger, waiting on nobody's clock."""
        transport = httpx2.MockTransport(self)
        return post(LEDGER, content, sleep=self.waited.append, transport=transport, **options)


def ok(**changes: Any) -> httpx2.Response:
    """Return a finished answer."""
    return httpx2.Response(200, json=answer(**changes))


def processing(**headers: str) -> httpx2.Response:
    """Return an answer that is not finished."""
    return httpx2.Response(202, json=answer(status="processing", rows=[], counts={}), headers=headers)


def problem(status: int, code: str, **headers: str) -> httpx2.Response:
    """Return a problem document."""
    body = {"type": "about:blank", "title": "No", "detail": "because", "status": status, "code": code}
    return httpx2.Response(
        status, content=json.dumps(body), headers={"Content-Type": "application/problem+json", **headers}
    )


def test_submission_is_posted_as_json_lines():
    """One request with the exact body to the one path, and the answer in words of ours."""
    ledger, sent = Ledger(ok()), submission()

    got = ledger.post(sent)

    ((method, url, body, headers),) = ledger.asked
    assert (method, url, body) == ("POST", f"{LEDGER}/v1/submissions", sent.body())
    assert headers["content-type"] == "application/jsonl"
    assert headers["content-length"] == str(len(body))
    assert "authorization" not in headers
    assert got.done
    assert got.rows == [ROW]
    assert got.counts["accepted"] == 1
    assert (got.acknowledgement, got.state) == ("a.b.c", "durable")


def test_csv_is_posted_under_the_token():
    """A file without a signature goes with the organisation's token and the key of its try."""
    ledger = Ledger(ok())

    ledger.post(b"nsn\n", token="secret", idempotency_key="march")

    (_, _, body, headers) = ledger.asked[0]
    assert body == b"nsn\n"
    assert headers["content-type"] == "text/csv; charset=utf-8"
    assert headers["authorization"] == "Bearer secret"
    assert headers["idempotency-key"] == "march"


@pytest.mark.parametrize(
    "trouble",
    [
        httpx2.ConnectError("down"),
        httpx2.ReadTimeout("slow"),
        httpx2.RemoteProtocolError("cut"),
        problem(503, "busy"),
        problem(429, "rate"),
        httpx2.Response(502),
    ],
)
def test_lost_connections_and_busy_servers_are_tried_again(trouble: Reply):
    """The same bytes go again after a pause, and the answer then counts."""
    ledger, sent = Ledger(trouble, trouble, ok()), submission()

    assert ledger.post(sent).done

    assert [body for _, _, body, _ in ledger.asked] == [sent.body()] * 3
    assert ledger.waited == [1.0, 2.0]


def test_the_server_says_how_long_to_wait():
    """Retry-After in seconds is kept to, up to a minute."""
    replies = (
        problem(503, "busy", **{"Retry-After": "7"}),
        problem(503, "busy", **{"Retry-After": "86400"}),
        ok(),
    )
    ledger = Ledger(*replies)

    ledger.post(submission())

    assert ledger.waited == [7.0, 60.0]


def test_retry_after_may_be_a_date_or_nonsense():
    """A date in the past means now; what is no date is left aside."""
    past = problem(503, "busy", **{"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"})
    ledger = Ledger(past, problem(503, "busy", **{"Retry-After": "soon"}), ok())

    ledger.post(submission())

    assert ledger.waited == [1.0, 2.0]


@pytest.mark.parametrize("trouble", [httpx2.ConnectError("down"), problem(503, "disk")])
def test_tries_come_to_an_end(trouble: Reply):
    """After six tries it is said that sending later is safe."""
    ledger = Ledger(*[trouble] * 10)

    with pytest.raises(Unreachable):
        ledger.post(submission())

    assert len(ledger.asked) == posting.TRIES_MAX == 6
    assert ledger.waited == [1.0, 2.0, 4.0, 8.0, 16.0]


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "malformed"), (401, "token"), (403, "unauthorised"), (409, "E908"), (413, "E905")],
)
def test_a_refusal_is_final_and_speaks_for_itself(status: int, code: str):
    """A problem document becomes one error with its code and sentence, and nothing is sent again."""
    ledger = Ledger(problem(status, code))

    with pytest.raises(Refused, match=rf"No: because \(HTTP {status}\)") as caught:
        ledger.post(submission())

    assert caught.value.code == code
    assert len(ledger.asked) == 1


@pytest.mark.parametrize(
    "reply",
    [
        httpx2.Response(301, headers={"Location": "https://elsewhere.example"}),
        httpx2.Response(404, content=b"<h1>Not here</h1>"),
        httpx2.Response(500, content=b"{", headers={"Content-Type": "application/problem+json"}),
        httpx2.Response(204),
    ],
)
def test_other_statuses_are_refusals(reply: httpx2.Response):
    """No redirect is followed, and an error page is not read as an answer."""
    ledger = Ledger(reply)

    with pytest.raises(Refused, match=f"HTTP status {reply.status_code}") as caught:
        ledger.post(submission())

    assert caught.value.code == f"http-{reply.status_code}"
    assert len(ledger.asked) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"{" * 5,
        json.dumps(answer(submission=7)).encode(),
        json.dumps(answer(status=None)).encode(),
        json.dumps(answer(rows={"a": 1})).encode(),
        json.dumps(answer(rows=[1])).encode(),
        json.dumps(answer(rows=[{**ROW, "status": 1}])).encode(),
        json.dumps(answer(rows=[{**ROW, "findings": [{}]}])).encode(),
        json.dumps(answer(counts={"accepted": "1"})).encode(),
    ],
)
def test_what_is_no_answer_is_not_taken_for_one(content: bytes):
    """Shapes other than the contract's are refused in one way."""
    with pytest.raises(Malformed):
        Ledger(httpx2.Response(200, content=content)).post(submission())


def test_answer_that_cannot_be_unpacked_is_refused():
    """A body that is not in the encoding it claims is one error of ours."""
    stream = httpx2.ByteStream(b"no gzip")
    reply = httpx2.Response(200, headers={"Content-Encoding": "gzip"}, stream=stream)

    with pytest.raises(Malformed, match="unpacked"):
        Ledger(reply).post(submission())


def test_long_work_is_asked_after_with_the_token():
    """After 202 the submission is looked up by its id until it is decided."""
    ledger = Ledger(processing(), processing(), ok())

    assert ledger.post(submission(), token="secret").done

    asked = [(method, url, headers.get("authorization")) for method, url, _, headers in ledger.asked]
    path = f"{LEDGER}/v1/submissions/01930000-0000-7000-8000-000000000001"
    assert (
        asked
        == [("POST", f"{LEDGER}/v1/submissions", "Bearer secret")] + [("GET", path, "Bearer secret")] * 2
    )
    assert ledger.waited == [1.0, 2.0]


def test_long_work_without_a_token_is_asked_after_with_the_same_bytes():
    """The same submission again gives the same answer, so it serves to ask."""
    ledger, sent = Ledger(processing(**{"Retry-After": "3"}), ok()), submission()

    ledger.post(sent)

    assert [(method, body) for method, _, body, _ in ledger.asked] == [("POST", sent.body())] * 2
    assert ledger.waited == [3.0]


def test_the_answer_never_chooses_where_to_ask():
    """An id that is no UUID does not become part of an address."""
    reply = httpx2.Response(202, json=answer(status="processing", submission="../../admin"))

    with pytest.raises(Malformed, match="no submission id"):
        Ledger(reply).post(submission(), token="secret")


def test_work_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch):
    """Polling is bounded."""
    monkeypatch.setattr(posting, "POLLS_MAX", 3)
    ledger = Ledger(*[processing() for _ in range(9)])

    with pytest.raises(Unreachable, match="still deciding"):
        ledger.post(submission())

    assert len(ledger.asked) == 4


def test_progress_is_told():
    """Bytes as they go out, rows when they are decided."""
    told: list[tuple[str, int, int]] = []
    sent = submission()

    Ledger(ok()).post(sent, progress=lambda *step: told.append(step))

    size = len(sent.body())
    assert told == [("sending", size, size), ("deciding", 1, 1)]


def test_answer_without_end_is_cut(monkeypatch: pytest.MonkeyPatch):
    """An answer larger than any answer is not read to its end."""
    monkeypatch.setattr(posting, "ANSWER_SIZE_MAX_BYTES", 100)

    with pytest.raises(Malformed, match="larger"):
        Ledger(ok()).post(submission())


@pytest.mark.parametrize(
    "url", ["ledger.example", "ftp://ledger.example", "https://", "http://ledger.example", ""]
)
def test_address_must_be_one_that_keeps_results_private(url: str):
    """Without TLS results go to this machine only, unless asked for."""
    with pytest.raises(Refused):
        post(url, submission(), transport=httpx2.MockTransport(Ledger()))


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("http://127.0.0.1:8000", {}),
        ("http://localhost:8000/", {}),
        ("http://[::1]:8000", {}),
        ("http://ledger.example", {"plain_http": True}),
    ],
)
def test_this_machine_needs_no_tls(url: str, options: dict[str, bool]):
    """A ledger on the same machine, or one explicitly allowed, is posted to in the clear."""
    ledger = Ledger(ok())

    post(url, submission(), transport=httpx2.MockTransport(ledger), **options)

    assert ledger.asked[0][1] == f"{url.rstrip('/')}/v1/submissions"


# ------------------------------------------------------------------ over a real connection


class Door(BaseHTTPRequestHandler):
    """Hangs up on the first request and answers the next."""

    seen: ClassVar[list[tuple[str | None, int]]] = []

    def do_POST(self) -> None:
        """Read the whole body; answer from the second time on."""
        size = int(self.headers["Content-Length"])
        self.seen.append((self.headers["Transfer-Encoding"], len(self.rfile.read(size))))
        if len(self.seen) == 1:
            self.close_connection = True
            return
        body = json.dumps(answer()).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


def test_a_real_server_that_hangs_up_once():
    """Over a socket the body has its length said, and goes again after the connection was lost."""
    said = [{"type": "organisation.registered", "v": 1, "number": i} for i in range(2000)]
    sent = build(said, signer=KEY, organisation="x", origin="ledger.example/log", now_s=1)
    waited: list[float] = []
    with HTTPServer(("127.0.0.1", 0), Door) as server:
        Thread(target=server.serve_forever, daemon=True).start()

        got = post(f"http://127.0.0.1:{server.server_port}", sent, sleep=waited.append)

        server.shutdown()
    assert got.done
    assert Door.seen == [(None, len(sent.body()))] * 2
    assert waited == [1.0]


# ------------------------------------------------------------------ the signed acknowledgement


def test_acknowledgement_opens_with_the_receipt_key():
    """What the ledger signed is returned, if it is about the statements that were sent."""
    sent, rows = submission(), [[1, 7, b64url(b"l" * 32)]]
    members = {"submission": str(sent.jti), "n": 1, "root": b64url(sent.root), "rows": rows}
    token = sign_jws(KEY, json.dumps(members).encode(), "achievement-receipt+jws")

    assert check_acknowledgement(token, KEY.jwk) == members
    assert check_acknowledgement(token, KEY.jwk, sent)["rows"] == rows
    with pytest.raises(Refused, match="another submission"):
        check_acknowledgement(token, KEY.jwk, submission())


@pytest.mark.parametrize("change", [{"n": 2}, {"root": "x"}, {"submission": "x"}])
def test_acknowledgement_of_other_statements_is_refused(change: dict[str, object]):
    """The same id with another number or root of statements is no acknowledgement of these."""
    sent = submission()
    members = {"submission": str(sent.jti), "n": 1, "root": b64url(sent.root), **change}
    token = sign_jws(KEY, json.dumps(members).encode(), "achievement-receipt+jws")

    with pytest.raises(Refused, match="another submission"):
        check_acknowledgement(token, KEY.jwk, sent)


@pytest.mark.parametrize(
    "make",
    [
        lambda: sign_jws(generate(), b"{}", "achievement-receipt+jws"),
        lambda: sign_jws(KEY, b"{}", "achievement-trust+jws"),
        lambda: sign_jws(KEY, b"[]", "achievement-receipt+jws"),
        lambda: sign_jws(KEY, b"{", "achievement-receipt+jws"),
        lambda: "a.b.c",
    ],
)
def test_any_other_acknowledgement_is_refused(make: Callable[[], str]):
    """Other keys, kinds and contents are refused."""
    with pytest.raises(ClientError):
        check_acknowledgement(make(), KEY.jwk)
