"""Who gets a page and who gets JSON."""

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from api.web.negotiation import HTML, JSON, answer, chosen, is_foreign, prefers_html
from tests.api.web.site import BROWSER


def asking(**headers: str) -> Request:
    """Return a request with these headers."""
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "GET", "path": "/", "headers": raw})


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (BROWSER, HTML),
        ("text/html", HTML),
        ("TEXT/HTML", HTML),
        ("text/*", HTML),
        ("application/json", JSON),
        ("application/*", JSON),
        ("*/*", JSON),
        ("", JSON),
        ("text/html;q=0.5, application/json", JSON),
        ("text/html, application/json;q=0.9", HTML),
        ("text/html, application/json", HTML),
        ("text/html;q=0, */*", JSON),
        ("text/html;q=nonsense, application/json;q=0.1", JSON),
        ("text/html;q=nan, application/json;q=0.1", JSON),
        ("text/html;level=1;q=0.3, */*;q=0.1", HTML),
        ("application/xml, text/html", HTML),
    ],
)
def test_a_page_goes_to_those_who_name_it(accept, form):
    """Browsers name text/html and get the page; programs that take anything get JSON."""
    request = asking(accept=accept)

    assert chosen(request, [HTML, JSON]) == form
    assert prefers_html(request) == (form == HTML)


def test_without_an_accept_header_json_is_the_answer():
    """Whoever says nothing about forms is a program."""
    assert chosen(asking(), [HTML, JSON]) == JSON
    assert not prefers_html(asking())


@pytest.mark.parametrize(
    "accept", ["image/png", "application/xml;q=1", "text/html;q=0, application/json;q=0"]
)
def test_what_is_not_there_is_said_to_be_not_acceptable(accept):
    """Asked for other forms only, the answer is 406."""
    with pytest.raises(HTTPException) as raised:
        chosen(asking(accept=accept), [HTML, JSON])

    assert raised.value.status_code == 406


def test_of_equally_welcome_forms_the_first_offer_wins():
    """A program that takes anything gets the first offer that is no page."""
    assert chosen(asking(accept="*/*"), [HTML, "application/vc", JSON]) == "application/vc"
    assert chosen(asking(accept="application/zip"), [HTML, JSON, "application/zip"]) == "application/zip"
    assert chosen(asking(accept="*/*"), [HTML]) == HTML


def test_an_answer_is_not_sent_twice():
    """The ETag follows the content, and whoever holds it is answered 304 without a body."""
    first = answer(asking(), b"one", JSON, cache_control="no-cache")
    etag = first.headers["etag"]

    assert answer(asking(), b"two", JSON, cache_control="no-cache").headers["etag"] != etag
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        again = answer(asking(if_none_match=known), b"one", JSON, cache_control="no-cache")
        assert (again.status_code, bytes(again.body), again.headers["etag"]) == (304, b"", etag)
        assert again.headers["vary"] == "Accept"
    changed = answer(asking(if_none_match='"other"'), b"one", JSON, cache_control="no-cache")
    assert changed.status_code == 200


def test_what_another_site_sends_is_recognised():
    """Browsers say where a request comes from; programs, which say nothing, are not foreign."""
    assert is_foreign(asking(sec_fetch_site="cross-site"))
    assert is_foreign(asking(sec_fetch_site="same-site"))
    assert not is_foreign(asking(sec_fetch_site="same-origin"))
    assert not is_foreign(asking(sec_fetch_site="none"))
    assert not is_foreign(asking())
