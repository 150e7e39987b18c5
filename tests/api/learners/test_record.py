"""A learner's own record: read, taken along, and nobody else's."""

import json
import zipfile
from html import unescape
from io import BytesIO
from uuid import UUID

import pytest

from api.learners.pages import sizes_of
from api.learners.personas import COOKIE
from api.web.negotiation import JSON
from ledger.access.rows import OWN
from tests.api.web.html import read
from tests.api.web.site import BEN, BROWSER, CARA, DAN
from tests.support.world import ANA

NOBODY = "00000000-0000-4000-8000-000000000000"


def told(site, who) -> str:
    """Return what a learner reads in the record, with plain spaces."""
    return read(site.get("/me", who=who).text).text.replace("\u00a0", " ").replace("\u202f", "")


# ------------------------------------------------------------------ who asks


def test_nobody_sees_a_record_without_saying_who(site):
    """A program is told that it must sign in; a person is shown whom to be."""
    program, person = site.get("/me", JSON), site.get("/me")

    assert (program.status_code, person.status_code) == (401, 401)
    assert program.json()["code"] == "sign-in"
    for answer in (program, person):
        assert answer.headers["www-authenticate"].startswith("Cookie ")
        assert answer.headers["cache-control"] == "no-store"
    page = read(person.text)
    assert [one.attributes["value"] for one in page.all("input", name="learner")] == list(
        map(str, site.learners.values())
    )
    assert "Ana Brook One of four." in page.text.replace("Brook", "Brook ").replace("  ", " ")


def test_a_persona_is_chosen_and_left_again(site):
    """The choice is a cookie that scripts cannot read and other sites cannot send along."""
    learner = str(site.learners[ANA.nsn])

    chosen = site.post("/demo/persona", data={"learner": learner})
    left = site.post("/demo/persona")

    assert (chosen.status_code, chosen.headers["location"]) == (303, "/me")
    cookie = chosen.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}={learner};")
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    assert (left.status_code, left.headers["location"]) == (303, "/demo/persona")
    assert "Max-Age=0" in left.headers["set-cookie"]


def test_only_the_invented_can_be_chosen(site):
    """Whoever is not on the list cannot be chosen, nor slipped in by a cookie."""
    assert site.post("/demo/persona", data={"learner": NOBODY}).status_code == 404
    assert site.post("/demo/persona", data={"learner": "x" * 37}).status_code == 400
    for value in (NOBODY, "", "nonsense", "%00"):
        answer = site.client.get("/me", headers={"Accept": JSON, "Cookie": f"{COOKIE}={value}"})
        assert answer.status_code == 401, value


def test_another_site_cannot_choose(site):
    """A form on another site does not make a visitor somebody else."""
    learner = str(site.learners[ANA.nsn])

    answer = site.post("/demo/persona", data={"learner": learner}, headers={"Sec-Fetch-Site": "cross-site"})

    assert (answer.status_code, answer.json()["code"]) == (403, "foreign")
    assert "set-cookie" not in answer.headers


# ------------------------------------------------------------------ the page


def test_a_record_says_what_was_achieved(site):
    """Name, total, level, credits as hours, provider, days, outcomes with grades in words, and the state."""
    page = told(site, ANA)

    for said in (
        "Record of Achievement Ana Brook",
        "1 micro-credential in force, 20 credits ≈ 200 hours of learning.",
        "Modular Building Assembly (Micro-credential)",
        "Awarded by Organisation 95001 (demo) 30 September 2026",
        "In force",
        "Can do LO1. Achieved",
        "assessed in English",
    ):
        assert said in page, said


def test_a_record_hides_what_nobody_needs(site):
    """Only the end of the NSN is shown, and no birth date."""
    answer = site.get("/me", who=ANA)

    assert f"•••••• {ANA.nsn[-3:]}" in unescape(answer.text)
    for form in (answer.text, json.dumps(site.json("/me", ANA))):
        assert ANA.nsn not in form
        assert str(ANA.date_of_birth) not in form
        assert "3 February 2001" not in form


def test_a_revoked_award_is_struck_through_and_said_in_words(site):
    """Nobody has to see a line to know: the day, the reason, and that it counts no longer."""
    page = read(site.get("/me", who=BEN).text)

    assert page.one("s").text.startswith("Modular Building Assembly")
    said = "Revoked from 20 November 2026, because it was issued in error. It counts no longer"
    assert said in told(site, BEN)
    assert "No award in force yet." in told(site, BEN)
    assert not [link for link in page.links if link.startswith("/me/awards/")]


def test_what_is_in_progress_is_shown_to_the_learner(site):
    """Achieved outcomes with grade, and what is still to do, with the attempts so far."""
    page = told(site, CARA)

    assert "1 of 2 outcomes achieved" in page
    assert "Can do LO1. Achieved with Merit" in page
    assert "Can do LO2. Not yet achieved (1 attempt)" in page
    assert "It is in no document that you share." in page


def test_an_empty_record_is_a_page_too(site):
    """Somebody without awards is told so, and what a signed record would need."""
    page = read(site.get("/me", who=DAN).text)

    assert "Nothing has been awarded to you yet." in page.text
    assert "so there is none to download yet" in page.text
    assert "/me?format=json" in page.links
    assert "/me?format=clr" not in page.links


def test_a_listing_that_is_gone_does_not_lessen_an_award(site, monkeypatch):
    """A discontinued micro-credential reads as no longer offered, its award as valid."""
    record = site.house.issuer.record(site.learners[ANA.nsn], OWN)
    (award,) = record.awards
    object.__setattr__(award, "status_now", "discontinued")
    monkeypatch.setattr(site.house.issuer, "record", lambda _learner, _reader: record)

    assert "In force No longer offered; award remains valid" in told(site, ANA)


# ------------------------------------------------------------------ taking it along


def test_the_record_has_four_forms_at_one_address(site):
    """`Accept` chooses for programs, `format` for links; nothing is kept on the way."""
    forms = {
        JSON: site.get("/me", JSON, ANA),
        "application/vc": site.get("/me", "application/vc", ANA),
        "application/zip": site.get("/me", "application/zip", ANA),
        "text/html; charset=utf-8": site.get("/me", BROWSER, ANA),
    }

    for media_type, answer in forms.items():
        assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["vary"] == "Accept, Cookie"
    assert site.get("/me", "image/png", ANA).status_code == 406
    assert site.get("/me?format=pdf", BROWSER, ANA).status_code == 406
    assert site.get("/me?format=ob3", BROWSER, ANA).status_code == 406


@pytest.mark.parametrize(
    ("path", "name", "media_type"),
    [
        ("/me?format=json", "record-of-achievement.json", JSON),
        ("/me?format=clr", "record-of-achievement.json", "application/vc"),
        ("/me?format=bundle", "record-of-achievement.zip", "application/zip"),
        ("/me/awards/{award}?format=ob3", "award-6022-2026-09-30.json", "application/vc"),
        ("/me/awards/{award}?format=bundle", "award-6022-2026-09-30.zip", "application/zip"),
    ],
)
def test_a_download_is_a_file_with_a_name(site, path, name, media_type):
    """The browser keeps it under a name that says what it is, and no name of a person is in it."""
    answer = site.get(path.format(award=site.awards[ANA.nsn]), who=ANA)

    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    assert answer.headers["content-type"] == media_type
    assert answer.headers["cache-control"] == "no-store"


def test_the_data_are_the_record(site):
    """JSON by `Accept` and JSON as a file say the same."""
    as_file = site.get("/me?format=json", who=ANA).json()
    asked = site.json("/me", ANA)

    assert asked["learner"]["display_name"] == "Ana Brook"
    assert [one["award_id"] for one in asked["micro_credentials"]] == [str(site.awards[ANA.nsn])]
    assert asked == as_file


def test_a_shared_document_holds_no_more_than_was_promised(site):
    """The page says that NSN, birth date and failed attempts stay out: they do."""
    badge = site.get(f"/me/awards/{site.awards[ANA.nsn]}?format=ob3", who=ANA).text
    bundle = zipfile.ZipFile(BytesIO(site.get("/me?format=bundle", who=ANA).content))

    for text in (badge, *(bundle.read(name).decode() for name in bundle.namelist())):
        assert ANA.nsn not in text
        assert str(ANA.date_of_birth) not in text
    assert "Ana Brook" in badge


@pytest.mark.parametrize("form", ["ob3", "bundle"])
def test_an_award_of_somebody_else_is_not_there(site, form):
    """The same answer as for an award that never was: nobody learns that it exists."""
    theirs = site.get(f"/me/awards/{site.awards[BEN.nsn]}?format={form}", JSON, ANA)
    nobodys = site.get(f"/me/awards/{NOBODY}?format={form}", JSON, ANA)

    assert theirs.status_code == 404
    assert theirs.json() == nobodys.json()


def test_an_address_of_an_award_leads_people_to_the_record(site):
    """Without a format a browser is led to the place in the record; a program gets the badge."""
    award = site.awards[ANA.nsn]

    person, program = site.get(f"/me/awards/{award}", who=ANA), site.get(f"/me/awards/{award}", "*/*", ANA)

    assert (person.status_code, person.headers["location"]) == (303, f"/me#award-{award}")
    assert f"award-{award}" in read(site.get("/me", who=ANA).text).ids
    assert (program.status_code, program.headers["content-type"]) == (200, "application/vc")
    assert site.get(f"/me/awards/{award}?format=json", who=ANA).status_code == 406
    assert site.get("/me/awards/nonsense?format=ob3", JSON, ANA).status_code == 400


@pytest.mark.parametrize("who", [BEN, CARA, DAN], ids=["revoked", "in progress", "empty"])
@pytest.mark.parametrize("form", ["clr", "bundle"])
def test_a_record_without_awards_in_force_is_not_signed(site, who, form):
    """There is nothing to put into it, and the answer says what to ask for instead."""
    answer = site.get(f"/me?format={form}", JSON, who)

    assert (answer.status_code, answer.json()["code"]) == (404, "no-awards")
    assert "format=json" in answer.json()["detail"]
    assert site.json("/me", who)["summary"]["micro_credentials_in_force"] == 0


def test_sizes_on_the_page_are_about_right(site):
    """A page says how large a download is without making it: within a sixth of the truth, data exactly."""
    award = site.awards[ANA.nsn]
    sizes = sizes_of(site.house, site.house.issuer.record(site.learners[ANA.nsn], OWN))
    said = {
        f"/me/awards/{award}?format=ob3": sizes.awards[str(award)][0],
        f"/me/awards/{award}?format=bundle": sizes.awards[str(award)][1],
        "/me?format=clr": sizes.record,
        "/me?format=bundle": sizes.bundle,
    }

    for path, size in said.items():
        truth = len(site.get(path, who=ANA).content)
        assert abs(size - truth) < truth / 6, (path, size, truth)
    data = len(site.get("/me?format=json", who=ANA).content)
    assert abs(sizes.data - data) <= 1


def test_the_list_of_personas_is_read_from_their_records(site):
    """Names are not kept beside the ledger: they are opened when the page is made."""
    page = read(site.get("/demo/persona").text)

    names = [one.text for one in page.all("button")]
    assert names == [f"{human.given} {human.family}One of four." for human in (ANA, BEN, CARA, DAN)]
    assert all(isinstance(learner, UUID) for learner in site.learners.values())
