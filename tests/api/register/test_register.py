"""The public register: searched, paged, read as page and as JSON, as it stands and as it stood."""

import pytest

from api.web.negotiation import JSON
from tests.api.web.html import read
from tests.api.web.site import BROWSER, FILLING

TODAY = "2026-11-22"


def codes(site, query: str) -> list[str]:
    """Return the codes that a search finds on its first page."""
    return [one["code"] for one in site.json(f"/register?{query}")["found"]]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=assembly", ["6022"]),
        ("q=mod+assembly", ["6022"]),
        ("q=otautahi", ["6023"]),
        ("q=ŌTAUTAHI+tools", ["6023"]),
        ("q=&level=6", ["6023"]),
        ("level=4&status=current", ["6022"]),
        ("status=expiring", ["6024"]),
        ("status=discontinued", ["6025"]),
        ("status=discontinued&at=2026-09-30", []),
        ("status=expiring&at=2026-09-30", ["6025", "6024"]),
        ("field=02", ["6023"]),
        ("field=0201", ["6023"]),
        ("credits_max=5", ["6023"]),
        ("credits_min=11&credits_max=20", ["6025", "6022", "6024"]),
        ("provider=95001", ["6025", "6022", "6023"]),
        ("provider=95001&at=2026-06-30", ["6025", "6022", "6023", "6024"]),
        ("provider=95002", []),
        ("at=2023-02-28", []),
        ("q=nothing+like+it", []),
        ("q=%22%29+zzz*+NEAR%28", []),
        ("unknown=member&q=waning", ["6024"]),
    ],
)
def test_a_search_finds_what_fits(site, query, found):
    """Every field narrows it down; empty and unknown ones ask for nothing; macrons and case do not matter."""
    assert codes(site, query) == found


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("level=0", "level"),
        ("level=11", "level"),
        ("level=four", "level"),
        ("level=٤", "level"),
        ("field=xx", "field"),
        ("field=1234567", "field"),
        ("status=gone", "status"),
        ("credits_min=-1", "credits_min"),
        ("credits_max=99999999999999999999", "credits_max"),
        ("at=22/11/2026", "at"),
        ("at=20261122", "at"),
        ("at=2026-11-23", "at"),
        ("at=2026-02-30", "at"),
        ("provider=" + "x" * 201, "provider"),
        ("q=a%00b", "q"),
    ],
)
def test_a_field_that_cannot_be_read_is_named(site, query, field):
    """The answer says which field, and what it takes; nothing is guessed."""
    answer = site.get(f"/register?{query}", JSON)

    assert answer.status_code == 400
    assert answer.json()["code"] == "search"
    assert f"“{field}”" in answer.json()["detail"]


def test_pages_follow_each_other(site):
    """Whoever follows `next`, or the Link header, sees everything once, in the order of titles."""
    seen, address = [], "/register?level=2&format=json"
    while address:
        answer = site.get(address, JSON)
        body = answer.json()
        seen += [one["code"] for one in body["found"]]
        assert body["total"] == len(FILLING)
        assert answer.headers.get("link") == (f'<{body["next"]}>; rel="next"' if body["next"] else None)
        address = body["next"]

    assert seen == FILLING


def test_people_turn_pages_too(site):
    """The page has a link to the next one and back to the first, and keeps what was asked for."""
    first = read(site.get("/register?q=filling&level=2&status=").text)
    (following,) = [one for one in first.all("a") if one.attributes.get("rel") == "next"]

    second = read(site.get(str(following.attributes["href"])).text)

    assert "25\u00a0micro-credentials" in first.one("h2").text
    assert second.one("input", id="q").attributes["value"] == "filling"
    assert "/register?q=filling&level=2" in second.links
    assert not [one for one in second.all("a") if one.attributes.get("rel") == "next"]
    assert len(second.all("h3")) == len(FILLING) - 20


def test_the_form_keeps_what_was_chosen(site):
    """After a search the fields still say what was asked for, and the filters lie open."""
    page = read(
        site.get("/register?provider=95001&level=4&field=04&status=current&credits_min=3&at=2026-11-01").text
    )

    selected = {
        one.attributes.get("value") or one.text for one in page.all("option") if "selected" in one.attributes
    }
    assert selected == {"95001", "4", "04", "current"}
    assert page.one("input", id="credits_min").attributes["value"] == "3"
    assert page.one("input", id="at").attributes["value"] == "2026-11-01"
    assert "open" in page.one("details").attributes
    assert "open" not in read(site.get("/register?q=x").text).one("details").attributes


@pytest.mark.parametrize(
    "path",
    [
        "/register",
        "/register/6022",
        "/register/6022/v1",
        "/register/6022/v1/approval",
        "/providers/95001",
        "/providers/95001/accreditation",
    ],
)
def test_page_and_json_live_at_one_address(site, path):
    """`Accept` decides, `format` overrides it; caches are told, and nothing is sent twice."""
    page, data = site.get(path), site.get(path, JSON)

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert data.headers["content-type"] == JSON
    assert site.get(f"{path}?format=json").headers["content-type"] == JSON
    assert site.get(f"{path}?format=html", JSON).headers["content-type"].startswith("text/html")
    assert site.get(path, "image/png").status_code == 406
    for answer, accept in ((page, BROWSER), (data, JSON)):
        assert answer.headers["vary"] == "Accept"
        again = site.get(path, accept, If_None_Match=answer.headers["etag"])
        assert (again.status_code, again.content) == (304, b"")
    assert page.headers["etag"] != data.headers["etag"]


def test_a_version_says_what_it_is(site):
    """Purpose, outcomes, level in words, credits in hours, developer, providers with dates, history."""
    data, page = site.json("/register/6022/v1"), read(site.get("/register/6022/v1").text)

    assert (data["code"], data["version"], data["status"], data["as_on"]) == ("6022", 1, "current", TODAY)
    assert (data["level"], data["credits"], data["notional_hours"]) == (4, 20, 200)
    assert [one["id"] for one in data["outcomes"]] == ["LO1", "LO2"]
    assert data["developer"] == {"reference": "95000", "name": "Organisation 95000 (demo)"}
    assert [(one["number"], one["since"]) for one in data["providers"]] == [(95001, "2023-03-01")]
    assert data["review_due"] == "2027-03-01"
    for said in (
        "Level 4 – Can solve familiar and sometimes unfamiliar problems",
        "20 credits ≈ 200 hours of learning",
        "For people who assemble modular buildings.",
        "Builders asked for it.",
        "Observed on site.",
        "LO1 Can do LO1. Rests on standard 90001 version 1",
        "Organisation 95001 (demo) 1 March 2023 open",
        "20 February 2024 Reviewed: continues as it is",
        "Current Learners can begin it now.",
    ):
        assert said in page.text.replace("\u00a0", " "), said


def test_the_addresses_that_credentials_name_are_there(site):
    """Assessment, outcomes and results of a credential lead to their place on the version's page."""
    ids = read(site.get("/register/6022/v1").text).ids

    assert {"assessment", "lo1", "lo1-result", "lo2", "lo2-result"} <= set(ids)


def test_the_newest_version_is_found_by_its_code(site):
    """`/register/6022` is the newest version, and says which address stays."""
    newest = site.get("/register/6022", JSON)

    assert newest.json() == site.json("/register/6022/v1")
    assert newest.headers["link"] == '</register/6022/v1>; rel="canonical"'


def test_a_version_is_seen_as_it_stood(site):
    """On another day it has that day's status and providers, and the page says which day it shows."""
    before = read(site.get("/register/6025/v1?at=2026-09-30").text)
    unlisted = read(site.get("/register/6022/v1?at=2023-02-28").text)

    assert site.json("/register/6025/v1?at=2023-12-31")["status"] == "current"
    assert site.json("/register/6025/v1?at=2026-09-30")["status"] == "expiring"
    assert site.json("/register/6025/v1")["status"] == "discontinued"
    assert "As it stood on 30 September 2026." in before.text.replace("\u00a0", " ")
    assert "No new learners can begin." in before.text
    assert "No longer offered. Awards of it remain valid." in read(site.get("/register/6025/v1").text).text
    assert "Not yet listed on that day." in unlisted.text
    assert "No provider is accredited for it on that day." in unlisted.text


def test_who_may_deliver_is_told_with_dates(site):
    """An accreditation that ended is gone from the day after, and told as history."""
    then = site.json("/register/6024/v1?at=2026-06-30")["providers"]
    now, page = site.json("/register/6024/v1")["providers"], read(site.get("/register/6024/v1").text)

    assert [(one["number"], one["until"]) for one in then] == [(95001, "2026-06-30")]
    assert now == []
    earlier = "Earlier: Organisation 95001 (demo), 1 March 2023 to 30 June 2026."
    assert earlier in page.text.replace("\u00a0", " ")


def test_an_approval_is_told_as_on_a_day(site):
    """The address in a credential says what was approved on the day of award."""
    then = site.json("/register/6025/v1/approval?at=2023-12-31")
    before = site.json("/register/6025/v1/approval?at=2023-02-28")
    page = read(site.get("/register/6025/v1/approval?at=2023-12-31").text)

    assert (then["approved"], then["status"], then["listed_on"]) == (True, "current", "2023-03-01")
    assert (before["approved"], before["status"]) == (False, None)
    assert "On 31 December 2023 version 1 was approved and on the register." in page.text.replace(
        "\u00a0", " "
    )
    assert "Te Hono o Te Kahurangi" in page.text


def test_a_provider_is_told_with_its_rights(site):
    """Who it is, its identifier, and what it may deliver that day; its keys where it has some."""
    data, page = site.json("/providers/95001"), read(site.get("/providers/95001").text)

    assert data["did"] == "did:web:ledger.example:providers:95001"
    assert [one["role"] for one in data["roles"]] == ["provider"]
    assert [one["code"] for one in data["accreditations"]] == ["6022", "6023", "6025"]
    assert "/providers/95001/did.json" in page.links
    assert "/providers/95002/did.json" not in read(site.get("/providers/95002").text).links
    assert "Has developed" in read(site.get("/providers/95000").text).text
    assert "Has developed" not in page.text


def test_an_accreditation_is_told_as_on_a_day(site):
    """The address in a credential says what the provider might award on the day of award."""
    then = site.json("/providers/95001/accreditation?at=2026-06-30")
    now = site.json("/providers/95001/accreditation")
    page = read(site.get("/providers/95001/accreditation").text)

    assert [one["code"] for one in then["accreditations"]] == ["6022", "6023", "6024", "6025"]
    assert [one["code"] for one in now["accreditations"]] == ["6022", "6023", "6025"]
    assert "30 June 2026 Not in force" in page.text.replace("\u00a0", " ")
    assert site.json("/providers/95001/accreditation?at=2023-02-28")["accreditations"] == []
