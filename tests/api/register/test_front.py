"""The front page: what this is, and how the ledger stands."""

from ledger.log.note import parse_note
from ledger.publisher import latest
from tests.api.web.html import read
from tests.api.web.site import an_empty_site


def test_three_kinds_of_people_find_their_door(site):
    """Learners, employers and providers each have a heading and a way in."""
    page = read(site.get("/").text)

    headings = [one.text for one in page.all("h2")]
    assert headings == ["Learners", "Employers", "Providers", "The ledger now"]
    assert {"/me", "/demo/persona", "/verify", "/register", "/log/checkpoint", "/trust.json"} <= set(
        page.links
    )


def test_the_ledger_says_how_it_stands(site):
    """Size, checkpoint and the instant it covers are those of the ledger."""
    published = latest(site.house.ledger.store.database.reader)
    page = read(site.get("/").text)

    assert published is not None
    assert site.get("/log/checkpoint").text == published.note
    assert page.one("pre").text == parse_note(published.note.encode()).text
    told = page.text.replace("\u00a0", " ").replace("\u202f", "")
    assert f"{published.size}, all published" in told
    assert "of everything recorded until 22 November 2026, 13:00" in told
    assert "Look up 29 listed micro-credentials" in told


def test_what_is_not_published_yet_is_not_claimed(tmp_path):
    """A ledger without a checkpoint says so; one that has grown since says how much is published."""
    fresh = an_empty_site(tmp_path)
    try:
        fresh.house.views.catch_up()
        nothing = read(fresh.get("/").text).text
        fresh.house.publisher.publish()
        size = fresh.ledger.size()
        fresh.ledger.organisation(95003, "provider")
        grown = read(fresh.get("/").text).text
    finally:
        fresh.close()

    assert "nothing is published yet" in nothing
    assert f"{size + 2}, {size} of them published" in grown


def test_levels_are_told_in_plain_words(site):
    """Each of the ten has an anchor that pages and credentials can point to."""
    page = read(site.get("/framework/levels").text)

    assert {f"level-{level}" for level in range(1, 11)} <= set(page.ids)
    assert "One credit stands for about 10 hours of learning" in page.text
