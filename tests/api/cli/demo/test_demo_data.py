"""The demonstration's files come out of the generator byte for byte, and hold what they promise."""

import json
import re
import unicodedata
from collections import Counter
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from api.cli import demo
from api.cli.demo import bodies, listings
from api.cli.demo.chance import Chance
from api.cli.demo.generate import all_files
from api.cli.demo.people import synthetic_nsn
from api.client.answers import counts
from api.client.names import name_id
from api.client.rows import read
from api.client.statements import Statement, statement_bytes
from tests.api.cli.demo.judge import Judge

TODAY = date(2026, 11, 24)
FILES = all_files()
EXAMPLES = Path(__file__).parents[4] / "examples"


@pytest.mark.parametrize("name", FILES)
def test_files_are_those_of_the_generator(name: str):
    """What lies in the package is what the seed gives; run `python -m api.cli.demo.generate` otherwise."""
    assert demo.read_bytes(name) == FILES[name]


@pytest.mark.parametrize("name", demo.CSV_FILES)
def test_examples_are_copies(name: str):
    """The files a reader finds in `examples/` are the ones that the demonstration posts."""
    assert (EXAMPLES / name).read_bytes() == FILES[name]


def test_a_plain_judge_finds_what_is_expected():
    """Row by row, the rules of DOMAIN.md read plainly give the codes that the generator meant."""
    judge = Judge(demo.register(), demo.learners(), demo.PROVIDER)

    for name in demo.CSV_FILES:
        found = judge.verdicts(name, FILES[name], TODAY)

        expected = demo.expected()["files"][name]
        meant = {row["row"]: row["code"] for row in expected["not_accepted"]}
        assert {number: code for number, code in enumerate(found, 1) if code} == meant
        assert Counter(filter(None, found)) == expected["codes"]
        assert expected["rows"] == len(found) == sum(expected["counts"].values())
    assert len(judge.awards) == demo.expected()["awards_in_force"]


def test_results_are_a_thousand_with_three_in_a_hundred_wrong_in_many_ways():
    """1 000 rows, 30 of them wrong in 15 different ways, two of them held."""
    expected = demo.expected()["files"][demo.RESULTS]

    assert expected["counts"] == {"accepted": 970, "unchanged": 0, "held": 2, "rejected": 28}
    assert len(expected["codes"]) == 15
    assert set(expected["codes"].values()) == {2}


@pytest.mark.parametrize("name", demo.CSV_FILES)
def test_kit_reads_the_files_and_finds_only_what_bytes_can_show(name: str):
    """The kit rejects by itself exactly the rows whose cells cannot be read."""
    file = read(FILES[name])

    assert file.findings == []
    expected = demo.expected()["files"][name]
    seen = {row.number: [found.code for found in row.findings] for row in file.rows if row.statement is None}
    shape = {"E101", "E501", "E904", "E907"}
    assert seen == {row["row"]: [row["code"]] for row in expected["not_accepted"] if row["code"] in shape}
    assert len(file.rows) == expected["rows"]


def test_some_dates_are_written_the_other_way():
    """A few right rows have a date as day/month/year, and are told so."""
    warned = [row for row in read(FILES[demo.RESULTS]).rows if row.statement and row.findings]

    assert len(warned) == 5
    assert {found.code for row in warned for found in row.findings} == {"W910"}


def test_counts_of_expected_speak_the_words_of_an_answer():
    """Expected counts can be compared with an answer's, but for warnings, which depend on the day."""
    assert set(demo.expected()["files"][demo.RESULTS]["counts"]) == set(counts([])) - {"warned"}


# ------------------------------------------------------------------ learners


def test_learners_have_synthetic_numbers_only():
    """300 learners with numbers that no real person has, and whose check digit holds."""
    learners = demo.learners()

    assert len(learners) == 300
    assert [person["nsn"] for person in learners] == [synthetic_nsn(i) for i in range(1, 301)]
    assert all(int(person["nsn"]) > 2**31 - 1 for person in learners)


@pytest.mark.parametrize(("number", "nsn"), [(0, "9000000001"), (12_345_678, "9123456785")])
def test_synthetic_nsn_is_that_of_the_appendix(number: int, nsn: str):
    """The two examples of DOMAIN.md Appendix B."""
    assert synthetic_nsn(number) == nsn


def test_names_cover_what_systems_stumble_over():
    """Macrons, apostrophes, ʻokina, hyphens, particles, one name, short and long names, twins, scripts."""
    names = [person["name"] for person in demo.learners()]
    shown = [name.get("whole") or f"{name['given']} {name['family']}" for name in names]
    every = "".join(shown)

    assert all(unicodedata.is_normalized("NFC", name) for name in shown)
    assert all(sign in every for sign in "āēīōūĀŌ'\u2018\u2019\u02bb-ßÞ")
    assert any(re.match("[a-z]", name.get("family", "")) for name in names)
    assert any("whole" in name for name in names)
    assert any("CYRILLIC" in unicodedata.name(sign) for sign in every if sign.isalpha())
    assert max(map(len, shown)) == 70
    assert any(len(name.get("family", "xxx")) == len(name.get("given", "xxx")) == 2 for name in names)
    assert any(len(name.get("family", "xx")) == 1 for name in names)
    assert sum(name == "Grace Walker" for name in shown) >= 2
    same = Counter(
        (name_id(name.get("family"), name.get("given"), name.get("whole")), person["date_of_birth"])
        for name, person in zip(names, demo.learners(), strict=True)
    )
    assert max(same.values()) == 2


def test_learners_can_be_said_as_statements():
    """Every learner makes identity columns with exact bytes."""
    for person in demo.learners():
        assert statement_bytes(person)
        assert Statement({"type": "learner.registered", "v": 1}, person).who == person


# ------------------------------------------------------------------ the register


def said(kind: str) -> list[dict[str, Any]]:
    """Return the public statements of one type."""
    return [statement for statement in demo.register() if statement["type"] == kind]


def test_organisations_are_those_of_the_design():
    """One regulator, one operator, 15 providers, eight boards; every name says that it is invented."""
    organisations = demo.organisations()

    kinds = Counter(organisation["kind"] for organisation in organisations)
    assert kinds == {
        "nzqa": 1,
        "operator": 1,
        "polytechnic": 2,
        "pte": 9,
        "university": 2,
        "wananga": 1,
        "school": 1,
        "ssb_isb": 8,
    }
    assert all(organisation["name"]["en"].endswith("(demo)") for organisation in organisations)
    numbers = [organisation["number"] for organisation in organisations if "number" in organisation]
    assert numbers == list(range(95000, 95016))
    assert len(said("organisation.registered")) == 25


def test_register_is_in_the_order_of_its_days():
    """Organisations first, then day by day; nothing is said of what does not exist yet."""
    known: set[object] = set()
    days: list[str] = []
    for statement in demo.register():
        match statement["type"]:
            case "organisation.registered":
                known.add(statement.get("number") or statement["body"])
            case "organisation.role_granted":
                assert statement["organisation"] in known
            case "microcredential.registered":
                assert statement["developer"] in known
                known.add(statement["code"])
                days.append(statement["listed_on"])
            case "accreditation.granted":
                assert {statement["provider"], statement["code"]} <= known
                days.append(statement["valid_from"])
            case _:
                assert statement["code"] in known
                days.append(statement.get("from") or statement.get("ended_on") or statement["reviewed_on"])
    assert all(earlier <= later for earlier, later in pairwise(days))
    assert days[-1] <= "2026-10-31"


def test_every_accreditation_was_possible_on_its_day():
    """Not before the listing; before August 2022 only for the developer itself (R30)."""
    listed = {statement["code"]: statement for statement in said("microcredential.registered")}

    for statement in said("accreditation.granted"):
        listing = listed[statement["code"]]
        assert statement["valid_from"] >= listing["listed_on"]
        assert statement["valid_from"] >= "2022-08-01" or statement["provider"] == listing["developer"]
    (ended,) = said("accreditation.ended")
    assert (ended["provider"], ended["ended_on"]) == (95001, "2026-06-30")


def test_listings_follow_the_rules_of_their_day():
    """Credits, review period and the answer of a standard-setting body are as each day asked."""
    kinds = {item.get("number") or item["body"]: item["kind"] for item in demo.organisations()}
    outcomes = Counter()
    for listing in said("microcredential.registered"):
        new = listing["listed_on"] >= "2023-01-16"
        assert (1 if new else 5) <= listing["credits"] <= 40
        assert listing["review_months"] in ((12, 24, 36) if new else (12,))
        asked = new and not kinds[listing["developer"]].startswith("ssb_")
        assert ("ssb_support" in listing) is asked
        if asked:
            assert listing["ssb_support"]["on"] < listing["listed_on"]
            outcomes[listing["ssb_support"]["outcome"]] += 1
    assert outcomes == {"granted": 6, "not_required": 4, "declined": 1}
    assert len(said("microcredential.registered")) == 52


def test_nothing_is_discontinued_that_was_not_expiring():
    """Status goes current, expiring, discontinued, two years apart."""
    expiring = {s["code"]: s["from"] for s in said("microcredential.status_set") if s["status"] == "expiring"}
    gone = {s["code"]: s["from"] for s in said("microcredential.status_set") if s["status"] == "discontinued"}

    assert expiring.keys() - gone.keys() == {"6008", "6034", "6047"}
    for code, day in gone.items():
        assert expiring[code] == listings.months_later(date.fromisoformat(day), -24).isoformat()


def test_reviews_lead_to_the_day_the_catalogue_names():
    """A review says when the next is due: the catalogue's date."""
    catalogue = {entry["code"]: entry for entry in json.loads(demo.read_bytes("catalogue.json"))}

    assert {review["code"] for review in said("microcredential.reviewed")} == set(listings.REVIEWED)
    for review in said("microcredential.reviewed"):
        assert review["next_due"] == catalogue[review["code"]]["review_due"]


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2026, 3, 31), -24, date(2024, 3, 31)),
        (date(2024, 2, 29), -12, date(2023, 2, 28)),
        (date(2026, 1, 15), -1, date(2025, 12, 15)),
    ],
)
def test_months_later_keeps_to_the_month(day: date, months: int, later: date):
    """The same day of the month, or the month's last."""
    assert listings.months_later(day, months) == later


def test_no_statement_names_a_real_body_or_a_key():
    """The register is public for ever; keys and possession proofs come at run time."""
    text = FILES["register.json"].decode()

    assert "jwk" not in text
    assert "possession" not in text
    assert all(statement["v"] == 1 for statement in demo.register())
    assert bodies.FOUNDED.isoformat() == "2018-08-22"


# ------------------------------------------------------------------ chance


def test_chance_is_the_same_for_ever():
    """The first draws of a seed are written down here: a change of Python must not change the data."""
    chance = Chance("seed")

    assert [chance.below(1000) for _ in range(5)] == FIRST_DRAWS
    assert {chance.between(1, 3) for _ in range(200)} == {1, 2, 3}
    assert {chance.pick_by({"a": 1, "b": 2, "c": 0}) for _ in range(200)} == {"a", "b"}
    assert [chance.happens(0.0), chance.happens(1.0)] == [False, True]


FIRST_DRAWS = [138, 236, 865, 286, 43]
