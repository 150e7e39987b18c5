"""Lists are fetched from the one address that was given: no other host, no redirect, no more than 1 MiB."""

import httpx2
import pytest

from api.client.errors import Refused, Unreachable
from api.client.verify import http_fetch
from tests.api.client.verify.words import BADGE, LIST, judged
from tests.support.credentials import file_of

BASE = "http://127.0.0.1:8000"
URL = LIST["id"]


def fetch(answer, base=BASE):
    """Return a fetch whose server answers by a function of the request."""
    return http_fetch(base, transport=httpx2.MockTransport(answer))


def test_the_address_in_a_credential_is_asked_at_the_served_ledger():
    """https://ledger.example/status/… is looked up under the address where the ledger is served."""
    asked = []

    def answer(request):
        asked.append(str(request.url))
        return httpx2.Response(200, content=file_of(LIST))

    assert judged(BADGE, fetch=fetch(answer)).headline == "Verified"
    fetch(answer, f"{BASE}/ledger/")(f"{URL}?a=b")

    assert asked == [f"{BASE}/status/95001/1", f"{BASE}/ledger/status/95001/1?a=b"]


def broken(_request):
    """Stand for a server that is down."""
    raise httpx2.ConnectError("down")


@pytest.mark.parametrize(
    "answer",
    [
        lambda _request: httpx2.Response(404),
        lambda _request: httpx2.Response(302, headers={"Location": "http://evil.example/"}),
        lambda _request: httpx2.Response(200, content=bytes(2**20 + 1)),
        broken,
    ],
    ids=["not-found", "redirect", "too-much", "down"],
)
def test_no_list_is_no_list(answer):
    """Not found, moved away, endless or down: the list counts as not to be had."""
    with pytest.raises(Unreachable):
        fetch(answer)(URL)
    assert judged(BADGE, fetch=fetch(answer)).headline == "Could not be verified completely"


def test_the_limit_itself_is_allowed():
    """1 MiB is read."""
    assert len(fetch(lambda _request: httpx2.Response(200, content=bytes(2**20)))(URL)) == 2**20


@pytest.mark.parametrize("base", ["", "ftp://x", "ledger.example", "http://", "http://x?y", "http://x#y"])
def test_the_address_of_the_ledger_is_one(base):
    """Http or https, a host, perhaps a path."""
    with pytest.raises(Refused):
        http_fetch(base)
