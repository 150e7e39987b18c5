"""What holds for every page: it can be read without script, by everybody, and leads nowhere wrong."""

import re
from html import escape
from itertools import pairwise
from urllib.parse import urldefrag, urljoin

import pytest

from api.learners.personas import COOKIE
from api.web.words import TE_REO
from tests.api.web.html import LABELLED, read
from tests.api.web.site import BEN, BROWSER, CARA, DAN, EVIL_TITLE, a_site
from tests.support.world import ANA

NOTICE = "Demonstration. Everything here is invented. Not affiliated with any qualifications authority."
PAGES = [
    "/",
    "/register",
    "/register?q=filling&level=2&status=current&credits_min=1&at=2026-11-01",
    "/register?q=nothing+like+it",
    "/register/6022",
    "/register/6022/v1",
    "/register/6023/v1",
    "/register/6024/v1",
    "/register/6025/v1",
    "/register/6022/v1?at=2023-01-01",
    "/register/6022/v1/approval",
    "/register/6025/v1/approval?at=2025-01-01",
    "/providers/95000",
    "/providers/95001",
    "/providers/95002",
    "/providers/95001?at=2023-01-01",
    "/providers/95001/accreditation",
    "/providers/95002/accreditation?at=2023-01-01",
    "/framework/levels",
    "/problems",
    "/verify",
    "/demo/persona",
    "/me",
    "/nothing/here",
    "/register/9999",
    "/register?level=eleven",
]


@pytest.fixture(
    scope="module",
    params=[
        *PAGES,
        *(f"/me as {human.given}" for human in (ANA, BEN, CARA, DAN)),
        "/me/access as Ana",
        "/me/access?by=others as Dan",
    ],
)
def page(site, request):
    """Each page in turn, taken apart."""
    path, _, given = request.param.partition(" as ")
    who = next((one for one in (ANA, BEN, CARA, DAN) if one.given == given), None)
    response = site.get(path, who=who)
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    return read(response.text)


def test_it_is_well_formed(page):
    """Every element is closed where it belongs, no attribute and no id stands twice."""
    assert page.doctype == "doctype html"
    assert page.faults == []
    assert len(page.ids) == len(set(page.ids))


def test_it_says_its_language_and_its_name(page):
    """English as written in New Zealand, a title of its own, and a width that follows the screen."""
    assert page.one("html").attributes["lang"] == "en-NZ"
    assert re.fullmatch(r"\S.* – Achievement Ledger \(demonstration\)", page.one("title").text)
    assert page.one("meta", name="viewport").attributes["content"] == "width=device-width, initial-scale=1"


def test_it_has_one_of_each_landmark(page):
    """Header, main and footer stand side by side; navigation and search are named; one can skip to main."""
    for name in ("header", "main", "footer"):
        assert page.one(name).inside == ("html", "body")
    names = [one.attributes.get("aria-label") for one in page.all("nav")]
    assert all(names)
    assert len(names) == len(set(names))
    first = page.all("a")[0]
    assert first.attributes["href"] == "#main"
    assert page.one("main").attributes["id"] == "main"


def test_its_headings_are_a_table_of_contents(page):
    """One heading of the first level comes first, and no level is left out on the way down."""
    levels = page.headings

    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_every_field_has_a_label(page):
    """Whoever cannot see the form hears what each field wants; hints belong to a field on the page."""
    fields = [one for one in page.elements if one.name in LABELLED and one.attributes.get("type") != "hidden"]

    for field in fields:
        (label,) = page.labels_of(field)
        assert label.text.strip()
        assert set(str(field.attributes.get("aria-describedby") or "").split()) <= set(page.ids)


def test_every_link_and_button_says_where_it_leads(page):
    """None is empty, and a picture is decoration that nobody has to hear."""
    for one in page.all("a") + page.all("button"):
        assert one.text.strip()
    assert all(one.attributes.get("aria-hidden") == "true" for one in page.all("svg"))
    assert page.all("img") == []


def test_tables_have_headers(page):
    """Each column and each row that has a name says so."""
    for header in page.all("th"):
        assert header.attributes.get("scope") in ("col", "row")
    for cell in page.all("td"):
        assert "tbody" in cell.inside


def test_nothing_in_it_runs(page):
    """No script, no handler, no style inside: the policy forbids them, and nothing needs them."""
    assert page.all("script") == []
    assert page.all("style") == []
    for element in page.elements:
        assert not [name for name in element.attributes if name.startswith("on") or name == "style"]
        assert "javascript:" not in str(element.attributes.get("href"))


def test_it_says_that_it_is_a_demonstration(page):
    """On every page, before anything else."""
    assert NOTICE in page.text
    assert page.text.index(NOTICE) < page.text.index("Achievement Ledger")


def test_te_reo_is_spoken_as_te_reo(page):
    """A Māori heading is marked as such, and stands before the English one."""
    spoken = [one for one in page.elements if one.attributes.get("lang") == "mi"]

    assert all(one.text in TE_REO.values() for one in spoken)
    for word in TE_REO.values():
        assert page.text.count(word) == sum(one.text == word for one in spoken)


def test_it_comes_with_headers_that_keep_it_safe(site):
    """No foreign code, no framing, no referrer, no guessing of types."""
    headers = site.get("/").headers

    assert "script-src" not in headers["content-security-policy"]
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"


def test_a_name_with_markup_in_it_stays_a_name(site):
    """What a regulator or a learner is called is shown, not run."""
    listing = site.get("/register/6023/v1").text
    record = read(site.get("/me", who=CARA).text)

    assert "<script" not in listing
    assert escape(EVIL_TITLE.removesuffix(" (Micro-credential)"), quote=False) in listing.replace(
        "&#34;", '"'
    )
    assert f"{CARA.given} {CARA.family}" in record.one("h1").text


def test_every_link_leads_somewhere(site):
    """From the front page on, every address of ours answers, and every fragment is on its page."""
    cookie = {"Accept": BROWSER, "Cookie": f"{COOKIE}={site.learners[ANA.nsn]}"}
    seen, waiting, fragments = {}, ["/", *PAGES[2:-3]], set()

    while waiting:
        path = waiting.pop()
        response = site.client.get(path, headers=cookie)
        seen[path] = response
        assert response.status_code == 200, path
        if not response.headers["content-type"].startswith("text/html"):
            continue
        for link in read(response.text).links:
            target, fragment = urldefrag(urljoin(path, link))
            if fragment:
                fragments.add((target, fragment))
            if target not in seen and target not in waiting:
                waiting.append(target)

    assert len(seen) > 60
    for target, fragment in fragments:
        assert fragment in read(seen[target].text).ids, (target, fragment)


def test_another_ledger_is_no_demonstration(tmp_path):
    """Where it is real nothing says demonstration, nobody can be chosen, and a record asks who you are."""
    site = a_site(tmp_path, demo=False)
    try:
        front, record = site.get("/"), site.get("/me", who=ANA)

        assert "emonstration" not in front.text
        assert "/demo" not in front.text
        assert site.get("/demo/persona").status_code == 404
        assert site.client.post("/demo/persona", data={"learner": "x"}).status_code == 404
        assert record.status_code == 401
        assert "has no sign-in for learners yet" in read(record.text).text
    finally:
        site.close()
