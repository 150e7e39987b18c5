"""Who read one's record: in the list before anything is shown, in words, and with a path to check it by."""

from base64 import urlsafe_b64decode
from collections.abc import Iterator
from datetime import timedelta

import pytest

from api.web.negotiation import JSON
from ledger.access import PAGE_MAX, Reader, note_audit
from ledger.access.rows import LEARNER_REQUEST, OPERATOR, ORGANISATION, OWN, OWN_STATEMENT, RECORD_CLR
from ledger.errors import Unavailable
from tests.api.web.html import read
from tests.api.web.site import Site, a_site
from tests.support.forgetting import approved, officers, requested
from tests.support.ledgers import PROVIDER_KEY
from tests.support.world import ANA, BEN

OFFICER = Reader(OPERATOR, LEARNER_REQUEST)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A demonstration ledger whose days never pass."""
    made = a_site(tmp_path_factory.mktemp("site") / "ledger")
    yield made
    made.close()


@pytest.fixture
def site(shared: Site) -> Site:
    """The same, as if nobody had read anything yet: no day of it is closed."""
    with shared.house.issuer.accesses._file.database.writing() as connection:
        connection.execute("DELETE FROM row")
    return shared


@pytest.fixture
def own_site(tmp_path) -> Iterator[Site]:
    """A demonstration ledger in which somebody is forgotten, or days pass."""
    made = a_site(tmp_path / "ledger")
    yield made
    made.close()


def read_by(site, human, reader=OFFICER, times=1) -> None:
    """Have somebody's record read."""
    for _ in range(times):
        site.house.issuer.accesses.write(reader, {site.learners[human.nsn]: RECORD_CLR})


def whats(site, human, query="") -> list[str]:
    """Return what was read of somebody, newest first, as data."""
    rows = site.json(f"/me/access{query}", who=human)["rows"]
    return [row["row"].split('"what":"')[1].split('"')[0] for row in rows]


def told(site, human, query="") -> str:
    """Return what somebody reads on the page, with plain spaces."""
    page = site.get(f"/me/access{query}", who=human)
    assert page.status_code == 200, page.text
    return read(page.text).text.replace("\u00a0", " ").replace("\u202f", "")


# ------------------------------------------------------------------ every door


@pytest.mark.parametrize(
    ("path", "accept", "what"),
    [
        ("/me", None, "record_page"),
        ("/me", JSON, "record_json"),
        ("/me?format=json", None, "record_json"),
        ("/me?format=clr", None, "record_clr"),
        ("/me?format=bundle", None, "record_bundle"),
        ("/me/awards/{award}?format=ob3", None, "award_badge"),
        ("/me/awards/{award}?format=bundle", None, "award_bundle"),
        ("/me/access", None, "access_log"),
    ],
)
def test_each_door_leaves_one_row(site, path, accept, what):
    """A page, data, a download: one row, that says which it was."""
    headers = {} if accept is None else {"accept": accept}
    answer = site.get(path.format(award=site.awards[ANA.nsn]), who=ANA, **headers)

    assert answer.status_code == 200, answer.text
    assert whats(site, ANA) == ["access_log", what]


@pytest.mark.parametrize("path", ["/me", "/me?format=bundle", "/me/access", "/demo/persona"])
def test_what_cannot_be_kept_is_not_shown(site, path, monkeypatch):
    """A disk that does not take the row: 503, and not a word of the record."""

    def full(*_arguments):
        raise Unavailable("access.sqlite cannot be written now: database or disk is full", code="storage")

    monkeypatch.setattr(site.house.issuer.accesses._file.database, "writing", full)
    answer = site.get(path, who=ANA)

    assert answer.status_code == 503
    assert "Brook" not in answer.text
    assert answer.headers["retry-after"]


def test_what_is_refused_leaves_no_row(site):
    """Somebody else's award, a format that there is none of: nothing was opened."""
    for path in (f"/me/awards/{site.awards[BEN.nsn]}?format=ob3", "/me?format=pdf"):
        assert site.get(path, who=ANA).status_code in (404, 406)

    assert whats(site, ANA) == ["access_log"]


def test_a_receipt_that_its_provider_fetches_is_in_the_list(site):
    """What is sealed is opened to make it; the public part of it leaves no row."""
    record = site.house.views.record_of_achievement.held(site.learners[ANA.nsn]).awards[0]
    organisation = site.ledger.speakers[PROVIDER_KEY]
    token = site.house.tokens.make(organisation, site.ledger.clock.now_us())
    path = f"/v1/receipts/{record.position}"

    site.get(path, JSON)
    assert whats(site, ANA, "?by=others") == []
    site.get(path, JSON, authorization=f"Bearer {token}")

    assert whats(site, ANA, "?by=others") == ["receipt"]
    assert "Organisation 95001 (demo)" in told(site, ANA)


def test_the_choice_of_personas_is_told_to_each(site):
    """Whoever looks whom to be sees five names: each of the five reads that."""
    site.get("/demo/persona")

    assert whats(site, ANA, "?by=others") == whats(site, BEN, "?by=others") == ["name"]
    assert "This ledger itself" in told(site, ANA)


# ------------------------------------------------------------------ the page


def test_the_page_says_who_when_what_and_why(site):
    """In words, never in codes, newest first."""
    read_by(site, ANA)
    note_audit(site.ledger.files, site.ledger.clock)

    words = told(site, ANA)

    assert "22 November 2026" in words
    assert "13:00" in words
    assert "Staff of this ledger" in words
    assert "Your whole record, signed" in words
    assert "Because you asked for it" in words
    assert words.index("Every record of everybody") < words.index("Your whole record, signed")
    assert "Goes into the public log when the day is over" in words
    for code in ("record_clr", "learner_request", "integrity", "access_log"):
        assert code not in words


def test_a_learner_sees_nobody_elses_rows(site):
    """Who read Ben is Ben's."""
    read_by(site, BEN)

    assert whats(site, ANA, "?by=others") == []
    assert "Nobody but you has opened your record" in told(site, ANA, "?by=others")


def test_nobody_sees_the_list_without_saying_who(site):
    """Nor does a search engine, a proxy or a history keep it."""
    assert site.get("/me/access", JSON).status_code == 401
    answer = site.get("/me/access", who=ANA)

    assert answer.headers["cache-control"] == "no-store"
    assert str(site.learners[ANA.nsn]) not in answer.text


def test_the_record_leads_to_the_list(site):
    """One link away."""
    page = read(site.get("/me", who=ANA).text)

    assert "/me/access" in [one.attributes.get("href") for one in page.all("a")]


def test_pages_go_on(site):
    """Fifty at a time, by link, and as data by `next`."""
    read_by(site, ANA, times=PAGE_MAX + 5)

    first = site.json("/me/access?by=others", who=ANA)
    second = site.json(first["next"], who=ANA)
    page = read(site.get("/me/access?by=others", who=ANA).text)
    (following,) = [one.attributes["href"] for one in page.all("a", rel="next")]

    assert (len(first["rows"]), len(second["rows"]), second["next"]) == (PAGE_MAX, 5, None)
    assert following == first["next"]
    assert told(site, ANA, following.removeprefix("/me/access")).count("Your whole record, signed") == 5


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("?before=yesterday", "cursor"),
        ("?before=2026-13-40.1", "cursor"),
        ("?before=2026-11-22", "cursor"),
        ("?before=2026-11-22.-1", "cursor"),
        ("?by=me", "malformed"),
        ("?format=clr", "malformed"),
    ],
)
def test_a_query_of_another_form_is_refused(site, query, code):
    """It leaves no row either: nothing was shown."""
    answer = site.get(f"/me/access{query}", JSON, who=ANA)

    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert whats(site, ANA) == ["access_log"]


def test_of_somebody_forgotten_nothing_is_kept(own_site):
    """Rows go with the key: what they said is destroyed, and nobody can ask for them."""
    read_by(own_site, ANA)
    officers(own_site.ledger)
    approved(own_site.ledger, requested(own_site.ledger, ANA))
    own_site.house.forget_approved()

    assert whats(own_site, ANA) == []
    assert "Nothing is kept here" in told(own_site, ANA)
    reader = own_site.house.issuer.accesses._file.database.reader
    assert {tuple(row) for row in reader.execute("SELECT found_by, sealed FROM row")} == {(None, None)}


# ------------------------------------------------------------------ to be checked


def test_rows_of_a_closed_day_come_with_their_paths(own_site):
    """Index, size, path, root, and the position of the record that carries the root."""
    read_by(own_site, ANA)
    own_site.house.issuer.accesses.write(OWN, {own_site.learners[BEN.nsn]: RECORD_CLR})
    own_site.ledger.clock.advance(timedelta(days=1))
    assert own_site.house.close_days() == 1
    own_site.house.catch_up()

    today, yesterday = own_site.json("/me/access", who=ANA)["rows"]

    assert today["closed"] is None
    closed = yesterday["closed"]
    assert (closed["index"], closed["size"], len(closed["path"])) == (0, 2, 1)
    assert len(urlsafe_b64decode(closed["root"] + "=")) == 32
    receipt = own_site.json(f"/v1/receipts/{closed['position']}")
    assert receipt["position"] == closed["position"]
    assert f"position {closed['position']}" in told(own_site, ANA)


def test_an_organisation_that_is_not_on_the_register_has_no_name(site):
    """Then it is told what it is."""
    read_by(site, ANA, Reader(ORGANISATION, OWN_STATEMENT, site.learners[BEN.nsn]))

    assert "An organisation" in told(site, ANA)
