"""What anyone may look up in the public register."""

import json
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.encoding.strict_json import b64url
from ledger.errors import Malformed
from projections.catalogue import Views
from projections.public_register import PublicRegisterView, Search, fold
from tests.projections.histories import a_stand
from tests.support.world import World, a_founding, a_world

TODAY = date(2026, 11, 22)
PAUA, WHARIKI, BUILDING, DRONES = "6001", "6002", "6003", "6004"


def a_catalogue() -> World:
    """Return a world with four micro-credentials, one of them in two versions, and three providers."""
    world = a_world()
    for number in (95001, 95002, 95003):
        world.provider(number)
    name = {"en": "Weaving Board (demo)", "mi": "Te Rōpū Raranga (demo)"}
    world.must(
        "organisation.registered", body="WEAVE", kind="iwi_org", name=name, valid_from=date(2018, 1, 1)
    )
    world.must(
        "organisation.role_granted", organisation="WEAVE", role="developer", valid_from=date(2018, 1, 1)
    )
    world.listing(PAUA, title="Pāua Farming", level=3, credits=5, nzsced="050799")
    world.listing(WHARIKI, title="Whāriki Weaving", level=4, credits=10, nzsced="100399", developer="WEAVE")
    world.listing(BUILDING, title="Modular Building Assembly", level=4, credits=20, nzsced="040399")
    world.listing(DRONES, title="Drones over Pāua Farms", level=5, credits=15, nzsced="050199")
    world.listing(
        PAUA, version=2, title="Pāua Farming", level=3, credits=6, nzsced="050799", listed_on=date(2026, 6, 1)
    )
    for number, code in ((95001, PAUA), (95002, PAUA), (95002, BUILDING)):
        world.accredited(number, code)
    world.accreditation_ended(95001, PAUA, date(2026, 3, 31))
    world.status(BUILDING, "expiring", date(2026, 9, 1))
    reviewed = {"reviewed_on": date(2026, 2, 1), "outcome": "continue", "next_due": date(2027, 2, 1)}
    world.must("microcredential.reviewed", code=DRONES, version=1, **reviewed)
    return world


@pytest.fixture(scope="module")
def register(tmp_path_factory) -> PublicRegisterView:
    """Return the view of that catalogue."""
    return Views(a_stand(tmp_path_factory.mktemp("register"), a_catalogue())).public_register


def found(register: PublicRegisterView, on: date = TODAY, **wanted) -> list[str]:
    """Return the codes of what a search finds, in order."""
    return [one.code for one in register.search(Search(on=on, **wanted)).found]


# ------------------------------------------------------------------ words


@pytest.mark.parametrize(
    "words", ["paua", "PĀUA", "pāu", "pa\u0304ua", "  paua  ", "farm paua", "paua, farm!", "'paua'"]
)
def test_words_are_found_with_and_without_macrons(register, words):
    """Macrons, case, word order, signs and the end of a word do not matter."""
    assert found(register, words=words) == [DRONES, PAUA]


def test_the_macron_of_a_text_is_shown_as_it_was_listed(register):
    """What is found is shown in the words of the register."""
    (entry,) = register.search(Search(on=TODAY, words="whariki")).found

    assert entry.title == "Whāriki Weaving"


def test_every_word_must_be_there(register):
    """Two words find only what has both."""
    assert found(register, words="paua drones") == [DRONES]
    assert found(register, words="paua weaving") == []


def test_outcomes_purpose_code_and_developer_are_searched_too(register):
    """Titles come first; then whatever else the register says, the developer's names in both languages."""
    assert set(found(register, words="LO1")) == {PAUA, WHARIKI, BUILDING, DRONES}
    assert found(register, words="6003") == [BUILDING]
    assert found(register, words="ropu raranga") == [WHARIKI]
    assert found(register, words="assemble") == [DRONES, BUILDING, PAUA, WHARIKI]


def test_title_hits_come_before_others(register):
    """`modular` stands in one title, and in every purpose."""
    assert found(register, words="modular")[0] == BUILDING


@pytest.mark.parametrize("words", ["!!!", "''", "—"])
def test_words_without_a_letter_find_nothing(register, words):
    """Something was asked for, so not everything is the answer."""
    assert found(register, words=words) == []


def test_no_words_find_everything_by_title(register):
    """Without words the register is listed by title."""
    assert found(register) == [DRONES, BUILDING, PAUA, WHARIKI]


@settings(max_examples=300)
@given(words=st.text(max_size=60) | st.text(alphabet='"*()^:+-{}~ANDORTNE', max_size=30))
def test_no_text_is_taken_for_a_query_language(register, words):
    """Whatever is typed is only ever words: no error, and nothing that the words do not say."""
    page = register.search(Search(on=TODAY, words=words))

    assert page.total == len(page.found)


@given(text=st.text())
def test_folding_folds_once(text):
    """A folded text is folded already."""
    assert fold(fold(text)) == fold(text)


# ------------------------------------------------------------------ the other conditions


def test_each_condition_narrows(register):
    """Level, field, credits, status, organisation, each alone and together."""
    assert found(register, level=4) == [BUILDING, WHARIKI]
    assert found(register, field="05") == [DRONES, PAUA]
    assert found(register, field="0507") == [PAUA]
    assert found(register, credits_min=10, credits_max=15) == [DRONES, WHARIKI]
    assert found(register, status="expiring") == [BUILDING]
    assert found(register, level=4, status="current") == [WHARIKI]


def test_an_organisation_is_its_developer_or_an_accredited_provider(register):
    """By number or body code; a provider counts on the days and for the version of its accreditation."""
    assert found(register, organisation="WEAVE") == [WHARIKI]
    assert found(register, organisation="95002") == [BUILDING]
    assert found(register, organisation="95002", every_version=True) == [BUILDING, PAUA]
    assert found(register, organisation="95001", on=date(2026, 3, 31)) == [PAUA]
    assert found(register, organisation="95001", on=date(2026, 4, 1)) == []
    assert found(register, organisation="95009") == []
    assert found(register, organisation="95000") == [DRONES, BUILDING, PAUA]


def test_the_register_is_shown_as_it_stood_on_a_day(register):
    """Before a version was listed the one before it is the newest; before any was, there is nothing."""
    before = register.search(Search(on=date(2026, 5, 31), words="paua farm"))
    after = register.search(Search(on=date(2026, 6, 1), words="paua farm"))

    assert [(one.version, one.credits) for one in before.found] == [(1, 15), (1, 5)]
    assert [(one.version, one.credits) for one in after.found] == [(1, 15), (2, 6)]
    assert found(register, on=date(2023, 2, 28)) == []
    assert found(register, on=date(2026, 8, 31), status="expiring") == []
    assert found(register, on=date(2026, 9, 1), status="expiring") == [BUILDING]


def test_an_entry_says_who_developed_it_and_how_many_deliver_it(register):
    """Counted are the providers accredited for that version on that day."""
    (entry,) = register.search(Search(on=date(2026, 3, 1), words="paua", level=3)).found

    assert entry.providers == 2
    assert entry.as_json()["developer"] == {"reference": "95000", "name": "Organisation 95000 (demo)"}
    (weaving,) = register.search(Search(on=TODAY, organisation="WEAVE")).found
    assert weaving.developer_name == "Weaving Board (demo)"


# ------------------------------------------------------------------ pages


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("words", ["", "assemble"])
def test_pages_follow_each_other_without_gap_or_repeat(register, limit, words):
    """However long a page is, the pages together are the whole answer, and each knows its size."""
    search = Search(on=TODAY, words=words, every_version=True)
    whole = [(one.code, one.version) for one in register.search(search, limit=100).found]

    pages, after = [], None
    while True:
        page = register.search(Search(on=TODAY, words=words, every_version=True, after=after), limit=limit)
        assert page.total == len(whole) == 5
        pages += [(one.code, one.version) for one in page.found]
        after = page.after
        if after is None:
            break

    assert pages == whole


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "!",
        b64url(b"[]"),
        b64url(b"{}"),
        b64url(b'[0,"a","b"]'),
        b64url(b'[0,"a","b",1,2]'),
        b64url(b'["0","a","b",1]'),
        b64url(b'[true,"a","b",1]'),
        b64url(b"x" * 10_000),
    ],
)
def test_a_cursor_that_is_not_ours_is_refused(register, cursor):
    """What we did not hand out does not reach the database."""
    with pytest.raises(Malformed, match="first page"):
        register.search(Search(on=TODAY, after=cursor))


# ------------------------------------------------------------------ one listing


def test_a_listing_says_everything_about_a_version(register):
    """Versions, reviews, statuses, developer and providers, as on a day."""
    drones, building = register.listing(DRONES), register.listing(BUILDING, 1)

    shown = drones.as_json(TODAY)
    assert json.loads(json.dumps(shown)) == shown
    assert shown["reviews"] == [
        {"reviewed_on": "2026-02-01", "outcome": "continue", "next_due": "2027-02-01"}
    ]
    assert shown["review_due"] == "2027-02-01"
    assert building.as_json(TODAY)["status"] == "expiring"
    assert building.as_json(date(2026, 8, 31))["status"] == "current"
    assert [(one.status, one.cause) for one in building.statuses] == [("expiring", "no_longer_needed")]
    assert [one["number"] for one in building.as_json(TODAY)["providers"]] == [95002]


def test_the_newest_version_is_meant_when_none_is_named(register):
    """A code alone leads to its newest version, which knows the others."""
    listing = register.listing(PAUA)

    assert (listing.version, listing.versions) == (2, (1, 2))
    assert register.listing(PAUA, 1).credits == 5
    assert register.listing(PAUA, 3) is None


def test_an_accreditation_that_ended_is_kept(register):
    """It is told with its end, and does not count after it."""
    listing = register.listing(PAUA, 1)

    assert [(one.provider, one.ended_on) for one in listing.accreditations] == [
        (95001, date(2026, 3, 31)),
        (95002, None),
    ]
    assert [one.provider for one in listing.providers_on(date(2026, 3, 31))] == [95001, 95002]
    assert [one.provider for one in listing.providers_on(date(2026, 4, 1))] == [95002]


def test_organisations_are_found_by_number_or_body_code(register):
    """As statements name them; those that deliver or develop something are listed by name."""
    assert register.organisation(95001) == register.organisation("95001")
    assert register.organisation("WEAVE").name_mi == "Te Rōpū Raranga (demo)"
    assert register.organisation("WEAVE").as_json()["name_mi"] == "Te Rōpū Raranga (demo)"
    assert register.organisation("nobody") is None
    assert register.organisation_name("nobody") == "nobody"
    assert register.organisation_name(95001) == "Organisation 95001 (demo)"
    assert [one.number or one.body for one in register.organisations()] == [95000, 95001, 95002, "WEAVE"]


def test_the_regulator_is_named_as_the_founding_has_it_until_it_is_registered(tmp_path):
    """The first record names who keeps the register."""
    world = World()
    world.must("ledger.founded", **a_founding())
    stand = a_stand(tmp_path, world)
    views = Views(stand)
    assert views.public_register.regulator_name() == "Demo Qualifications Authority (demo)"

    world.organisation(95000, "nzqa")
    stand.record()
    views.catch_up()

    assert views.public_register.regulator_name() == "Organisation 95000 (demo)"
