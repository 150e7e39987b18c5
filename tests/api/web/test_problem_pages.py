"""Errors: a page for people, problem+json for programs, with the same code and the same sentence."""

import pytest

from tests.api.web.html import read
from tests.api.web.site import BROWSER

ASKED = [
    ("GET", "/nothing/here", 404, "not-found"),
    ("GET", "/register/9999", 404, "not-found"),
    ("GET", "/register/6022/v9", 404, "not-found"),
    ("GET", "/register/6022/vx", 404, "not-found"),
    ("GET", "/providers/12345", 404, "not-found"),
    ("GET", "/register?level=eleven", 400, "search"),
    ("GET", "/register?after=nonsense", 400, "cursor"),
    ("GET", "/register?format=pdf", 406, "not-acceptable"),
    ("GET", "/me/awards/00000000-0000-4000-8000-000000000000?format=ob3", 401, "sign-in"),
    ("POST", "/register", 405, "method-not-allowed"),
]


@pytest.mark.parametrize(("method", "path", "status", "code"), ASKED)
def test_people_and_programs_are_told_the_same(site, method, path, status, code):
    """The page shows code and sentence of the problem document; both come with the same status."""
    program = site.client.request(method, path, headers={"Accept": "application/json"})
    person = site.client.request(method, path, headers={"Accept": BROWSER})

    problem = program.json()
    assert program.headers["content-type"] == "application/problem+json"
    assert (program.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert (person.status_code, person.headers["content-type"]) == (status, "text/html; charset=utf-8")
    page = read(person.text)
    assert code in page.text
    assert problem["detail"].rstrip(".").casefold() in page.text.casefold()
    assert person.headers["cache-control"] == "no-store"
    assert problem["type"] in page.links


@pytest.mark.parametrize(("method", "path", "status", "code"), ASKED)
def test_the_type_of_a_problem_leads_to_its_line(site, method, path, status, code):
    """Whoever follows `type` finds the code explained."""
    problem = site.client.request(method, path, headers={"Accept": "*/*"}).json()

    page = read(site.get(problem["type"]).text)

    assert problem["type"] == f"/problems#{code}"
    assert code in page.ids
    assert status == problem["status"]


def test_what_was_asked_for_is_not_repeated(site):
    """An address with somebody's data in it does not come back in the answer."""
    for accept in (BROWSER, "application/json"):
        answer = site.get("/register?level=Hinemoa&provider=x", accept)
        assert answer.status_code == 400
        assert "Hinemoa" not in answer.text.replace("level=Hinemoa", "")


def test_programs_paths_answer_in_json_even_to_browsers(site):
    """Under /v1 an error stays a problem document: that is what its clients read."""
    answer = site.get("/v1/submissions/00000000-0000-4000-8000-000000000000")

    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


def test_pages_without_a_json_form_say_so(site):
    """Whoever accepts only JSON is told that there is none, as a problem."""
    for path in ("/", "/verify", "/problems", "/framework/levels", "/demo/persona"):
        answer = site.get(path, "application/json")
        assert (answer.status_code, answer.json()["code"]) == (406, "not-acceptable"), path


def test_our_own_mistakes_say_nothing_of_what_was_asked(site, monkeypatch):
    """An unforeseen fault is a page with the code `internal`, without a trace."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError("9000000001")

    monkeypatch.setattr(type(site.house.views.public_register), "search", fail)
    page, document = site.get("/register"), site.get("/register", "application/json")

    assert (page.status_code, document.status_code) == (500, 500)
    assert document.json()["code"] == "internal"
    assert "9000000001" not in page.text + document.text
    assert "Nothing half-done was recorded" in read(page.text).text
