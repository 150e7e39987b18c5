"""The golden scenarios of DOMAIN.md 3.3 that the first rules settle, by their numbers there."""

from datetime import date

import pytest

from tests.support.world import (
    ANA,
    BEN,
    PROVIDER,
    World,
    a_listing,
    a_result,
    a_study,
    a_world,
    an_award,
    an_enrolment,
    codes,
)

OTHER = 95002


def _proposed(listed_on: date, **changes: object) -> list[str]:
    world = a_world()
    decision = world.say("microcredential.registered", **a_listing(listed_on=listed_on, **changes))
    return codes(decision)


def test_1_four_credits_then_and_now() -> None:
    """A 4-credit micro-credential is refused in 2019 (R01) and allowed in 2024."""
    assert _proposed(date(2019, 5, 1), credits=4) == ["E801"]
    assert _proposed(date(2024, 5, 1), credits=4) == []


@pytest.mark.parametrize("day", [date(2018, 9, 1), date(2021, 1, 1), date(2024, 1, 1), date(2026, 3, 1)])
def test_2_forty_one_credits_never(day: date) -> None:
    """41 credits are refused on any date."""
    assert _proposed(day, credits=41) == ["E801"]


@pytest.mark.parametrize(
    ("listed_on", "months", "due"),
    [
        (date(2021, 6, 30), 12, date(2022, 6, 30)),
        (date(2023, 6, 30), 36, date(2026, 6, 30)),
    ],
)
def test_4_review_due(listed_on: date, months: int, due: date) -> None:
    """Reviews were yearly in 2021; three years are possible in 2023."""
    world = a_world()

    world.listing("6022", listed_on=listed_on, review_months=months)

    assert world.register.microcredentials["6022", 1].review_due == due


def _accreditation(world: World, valid_from: date) -> list[str]:
    said = {"provider": 95020, "code": "6022", "versions": [1], "valid_from": valid_from}
    return codes(world.say("accreditation.granted", **said))


def test_5_a_workforce_development_council_does_not_deliver() -> None:
    """A WDC that asks for accreditation in 2024 is refused (R17)."""
    world = a_world()
    world.organisation(95020, "ssb_wdc")
    world.listing("6022")

    assert _accreditation(world, date(2024, 3, 1)) == ["E807"]


def test_5_a_board_delivers_while_it_hosts() -> None:
    """An ISB with a transitional provider role is accredited in 2026, and not once its hosting has ended."""
    world = a_world()
    world.organisation(95020, "ssb_isb")
    world.listing("6022")
    role = {"organisation": 95020, "role": "provider", "valid_from": date(2026, 1, 1)}
    world.must("organisation.role_granted", **role, transitional=True)

    assert _accreditation(world, date(2026, 3, 1)) == []

    world.must("organisation.role_ended", organisation=95020, role="provider", ended_on=date(2026, 8, 31))
    world.accreditation_ended(95020, "6022", date(2026, 8, 31))

    assert _accreditation(world, date(2026, 9, 1)) == ["E807"]


def _developed_by_a_provider(listed_on: date, outcome: str | None) -> list[str]:
    world = a_world()
    world.provider(PROVIDER)
    world.organisation(None, "ssb_wdc", body="WDC:DEMO")
    support = outcome and {"outcome": outcome, "ssb": "WDC:DEMO", "on": date(2023, 4, 20)}
    listing = a_listing(listed_on=listed_on, developer=PROVIDER, ssb_support=support)
    return codes(world.say("microcredential.registered", **listing))


def test_6_support_is_sought_since_2023() -> None:
    """A provider lists in May 2023: refused without an answer (R18), allowed and told when declined."""
    assert _developed_by_a_provider(date(2023, 5, 1), None) == ["E805"]
    assert _developed_by_a_provider(date(2023, 5, 1), "declined") == ["I806"]
    assert _developed_by_a_provider(date(2023, 5, 1), "granted") == []


def test_6_support_was_not_asked_for_in_2018() -> None:
    """In September 2018 a provider lists without an answer."""
    assert _developed_by_a_provider(date(2018, 9, 1), None) == []


@pytest.mark.parametrize(("day", "found"), [(date(2021, 5, 1), ["E808"]), (date(2023, 5, 1), [])])
def test_7_another_providers_micro_credential(day: date, found: list[str]) -> None:
    """A second provider is refused in 2021 (R30) and accredited in 2023."""
    world = a_world()
    world.provider(PROVIDER)
    world.provider(OTHER)
    world.listing("6022", listed_on=date(2020, 6, 22), developer=PROVIDER)
    world.accredited(PROVIDER, "6022", since=date(2020, 6, 22))

    said = {"provider": OTHER, "code": "6022", "versions": [1], "valid_from": day}

    assert codes(world.say("accreditation.granted", **said)) == found


def test_8_expiring_closes_the_door_but_not_the_room() -> None:
    """The day after a status of expiring nobody enrols; who was enrolled goes on getting results."""
    world = a_study()
    world.learner(BEN)
    world.status("6022", "expiring", date(2026, 4, 30))

    late = world.say("learner.enrolled", **an_enrolment(BEN, start_on=date(2026, 5, 1)))
    result = world.say("assessment.passed", **a_result(ANA, assessed_on=date(2026, 5, 1)))

    assert codes(late) == ["E307"]
    assert codes(result) == []


@pytest.mark.parametrize(("second", "found"), [(date(2026, 9, 30), []), (date(2026, 10, 1), ["E308"])])
def test_9_award_after_discontinuation(second: date, found: list[str]) -> None:
    """Posted after discontinuation: awarded with every result before, refused with one after."""
    world = a_study()
    world.passed(ANA, "LO1", on=date(2026, 6, 1))
    world.passed(ANA, "LO2", on=second)
    world.status("6022", "expiring", date(2026, 4, 30))
    world.status("6022", "discontinued", date(2026, 9, 30))

    late = date(2026, 10, 5)
    decision = world.say("microcredential.awarded", **an_award(ANA, completed_on=second, conferred_on=late))

    assert codes(decision) == found


@pytest.mark.parametrize(("assessed_on", "found"), [(date(2026, 2, 16), []), (date(2026, 7, 1), ["E303"])])
def test_10_accreditation_as_at_the_day_of_assessment(assessed_on: date, found: list[str]) -> None:
    """Accreditation ended on 30 June: posted in November, a result of February counts, one of July not."""
    world = a_study()
    world.accreditation_ended(PROVIDER, "6022", date(2026, 6, 30))

    decision = world.say("assessment.passed", **a_result(ANA, assessed_on=assessed_on))

    assert codes(decision) == found


def test_11_titles_by_whole_words() -> None:
    """A title with "National Diploma" is refused; one with "International Trade" is not."""
    assert _proposed(date(2024, 5, 1), title="National Diploma in Trade") == ["E803"]
    assert _proposed(date(2024, 5, 1), title="International Trade") == []


def test_12_an_equivalence_statement_is_no_target() -> None:
    """Its number can be neither studied nor awarded."""
    world = a_study()

    for statement, said in (
        ("learner.enrolled", an_enrolment(ANA, code="EQ-0012")),
        ("assessment.passed", a_result(ANA, code="EQ-0012")),
        ("microcredential.awarded", an_award(ANA, code="EQ-0012")),
    ):
        assert codes(world.say(statement, **said)) == ["E206"]


def test_22_three_wrong_rows_in_a_thousand() -> None:
    """Row by row, 997 are accepted and the three say each what is wrong; atomic is the application's."""
    world = a_study()
    wrong = {
        17: {"assessed_on": date(2027, 1, 1)},
        500: {"outcome": "LO9"},
        999: {"grade": "X"},
    }

    decisions = [world.say("assessment.passed", **a_result(ANA, **wrong.get(row, {}))) for row in range(1000)]

    refused = {row: codes(decision) for row, decision in enumerate(decisions) if decision.refused}
    assert refused == {17: ["E502"], 500: ["E203"], 999: ["E401"]}
    assert world.enrolments[PROVIDER, "Ana-6022"].attempts_made("LO1") == 997


def test_24_a_developer_awards_with_good_reason_only() -> None:
    """Without the text of the reason it is refused (E602); with it, it is awarded."""
    world = a_world()
    world.provider(PROVIDER)
    world.organisation(None, "ssb_wdc", body="WDC:DEMO")
    support = {"outcome": "granted", "ssb": "WDC:DEMO", "on": date(2023, 2, 1)}
    world.listing("6022", developer=PROVIDER, ssb_support=support)
    world.accredited(PROVIDER, "6022")
    world.enrolled(ANA, "6022")
    world.passed(ANA, "LO1", "LO2")
    award = an_award(ANA, basis="developer_good_reason")

    assert codes(world.say("microcredential.awarded", **award)) == ["E602"]

    reason = {"basis_reason": "The provider that taught it has closed."}
    assert codes(world.say("microcredential.awarded", **award, **reason)) == []
