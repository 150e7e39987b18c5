"""How the log reaches a witness: one POST, nothing followed, nothing without end."""

import httpx2
import pytest

from api.transport import post_to_witness
from ledger.cosigning import ANSWER_MAX_BYTES
from ledger.errors import Unavailable

URL = "https://w1.example/add-checkpoint"


def posted(answer):
    """Post to a witness that answers so; return what it was sent and the reply."""
    sent = []

    def handle(request):
        sent.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return sent, post_to_witness(URL, b"old 0\n", transport=httpx2.MockTransport(handle))


def test_a_reply_comes_back_as_it_was_given():
    """Status, media type and body; the request is the body and no more."""
    given = httpx2.Response(409, headers={"content-type": "text/x.tlog.size"}, content=b"5\n")

    sent, reply = posted(given)

    assert (reply.status, reply.content_type, reply.body) == (409, "text/x.tlog.size", b"5\n")
    (request,) = sent
    assert (request.method, str(request.url), request.content) == ("POST", URL, b"old 0\n")
    assert not {"cookie", "authorization"} & set(request.headers)


def test_a_redirect_is_not_followed():
    """What a witness says is where it stays."""
    sent, reply = posted(httpx2.Response(302, headers={"location": "http://127.0.0.1/"}))

    assert (reply.status, len(sent)) == (302, 1)


def test_an_answer_without_end_is_cut_off():
    """More than all signatures there could be is no answer."""
    endless = httpx2.Response(200, content=iter([b"x" * 1024] * (ANSWER_MAX_BYTES // 1024 + 1)))

    with pytest.raises(Unavailable, match="more than signatures"):
        posted(endless)


def test_an_answer_byte_by_byte_has_an_end(monkeypatch):
    """A witness that drips cannot hold a thread for ever."""
    ticks = iter(range(0, 1000, 10))
    monkeypatch.setattr("api.transport.time.monotonic", lambda: next(ticks))

    with pytest.raises(Unavailable, match="too slowly"):
        posted(httpx2.Response(200, content=iter([b"x"] * 10)))


@pytest.mark.parametrize(
    "error",
    [httpx2.ConnectError("refused words"), httpx2.ReadTimeout("slow words"), httpx2.InvalidURL("bad words")],
)
def test_no_answer_is_unavailable(error):
    """With one code, and nothing of the error's own words."""
    with pytest.raises(Unavailable) as refused:
        posted(error)

    assert refused.value.code == "witness"
    assert str(error) not in str(refused.value)
