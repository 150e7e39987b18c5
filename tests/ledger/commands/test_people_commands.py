"""Learners, enrolments, results, awards: every refusal, and what is recorded when there is none."""

from datetime import date
from typing import Any
from uuid import UUID

import pytest

from ledger.commands.catalogue import COMMANDS
from ledger.policy.findings import sentence
from tests.support.world import (
    ANA,
    BEN,
    PROVIDER,
    REGULATOR,
    TODAY,
    Human,
    World,
    a_result,
    a_study,
    a_world,
    an_award,
    an_enrolment,
    codes,
    identity,
    synthetic_nsn,
)

OTHER = 95002
STRANGER = Human(synthetic_nsn(9), "Cat", "Dale")


@pytest.fixture
def world() -> World:
    """Ana is enrolled with the provider in 6022; Ben is registered only; 95002 is another provider."""
    made = a_study()
    made.learner(BEN)
    made.provider(OTHER)
    return made


def with_who(said: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Change identity columns; None leaves one out."""
    who = {**said["who"], **changes}
    return {**said, "who": {name: value for name, value in who.items() if value is not None}}


# ------------------------------------------------------------------ learners


def test_a_learner_is_registered_once(world: World) -> None:
    """The second registration of an NSN is refused."""
    assert codes(world.say("learner.registered", who=identity(ANA))) == ["E818"]


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"name": {}}, "E904"),
        ({"date_of_birth": date(2021, 11, 23)}, "E106"),
        ({"date_of_birth": date(1916, 11, 22)}, "E106"),
        ({"date_of_birth": date(2030, 1, 1)}, "E106"),
    ],
)
def test_a_learner_has_a_name_and_a_possible_age(world: World, changes: dict[str, Any], found: str) -> None:
    """Some name, and an age from 5 to under 110 today."""
    who = {**identity(STRANGER), **changes}

    assert codes(world.say("learner.registered", who=who)) == [found]


@pytest.mark.parametrize(
    ("name", "born"),
    [({"whole": "Tane"}, date(2021, 11, 22)), ({"given": "Ita"}, date(1916, 11, 23))],
)
def test_one_name_is_enough(world: World, name: dict[str, str], born: date) -> None:
    """A mononym or a single part; five years old today, or 110 tomorrow."""
    world.must("learner.registered", who={**identity(STRANGER), "name": name, "date_of_birth": born})

    event = world.history[-1]
    assert event.TOPIC == "learner.registered"
    assert (event.whole, event.given) == (name.get("whole"), name.get("given"))
    assert event.subject == event.originator_id


# ------------------------------------------------------------------ who a row is about


@pytest.mark.parametrize(
    ("changes", "found", "column"),
    [
        ({"nsn": STRANGER.nsn}, "E102", "nsn"),
        ({"name_id": "DALEC"}, "E103", "nsn"),
        ({"name_id": None, "date_of_birth": BEN.date_of_birth}, "E103", "nsn"),
        ({"name_id": "DALEC", "date_of_birth": BEN.date_of_birth}, "E103", "nsn"),
        ({"name_id": "DALEC", "date_of_birth": ANA.date_of_birth}, "E104", "name_id"),
        ({"date_of_birth": BEN.date_of_birth}, "E104", "date_of_birth"),
        ({"name_id": None}, "E904", "name_id"),
    ],
)
def test_a_row_is_about_the_right_person(
    world: World, changes: dict[str, Any], found: str, column: str
) -> None:
    """All that is given differs: somebody else. One of two differs: held. Nothing given: refused."""
    for statement, said in (
        ("learner.enrolled", an_enrolment(ANA)),
        ("assessment.passed", a_result(ANA)),
        ("microcredential.awarded", an_award(ANA)),
    ):
        decision = world.say(statement, **with_who(said, **changes))

        assert codes(decision) == [found]
        assert decision.findings[0].column == column
        assert decision.refused
        assert {one.severity for one in decision.findings} == {"hold" if found == "E104" else "block"}


@pytest.mark.parametrize(
    "changes",
    [
        {"name_id": "brooa"},
        {"name_id": None, "date_of_birth": ANA.date_of_birth},
        {"date_of_birth": ANA.date_of_birth},
    ],
)
def test_a_row_about_the_right_person_goes_on(world: World, changes: dict[str, Any]) -> None:
    """Either is enough, and small letters do not make another person."""
    assert codes(world.say("assessment.passed", **with_who(a_result(ANA), **changes))) == []


def test_a_reserved_number_is_nobody_yet(world: World) -> None:
    """A look-up that was reserved by a registration that never came leads to no learner."""
    world.humans[STRANGER.nsn] = STRANGER

    assert codes(world.say("learner.enrolled", **an_enrolment(STRANGER))) == ["E102"]


# ------------------------------------------------------------------ enrolments

ENROLMENTS: list[tuple[str, dict[str, Any], list[str]]] = [
    ("code", {"code": "6099"}, ["E201"]),
    ("code-shape", {"code": "EQ-7"}, ["E206"]),
    ("version", {"version": 4}, ["E202"]),
    ("mode", {"mode": "somewhere"}, ["E911"]),
    ("language", {"language": "fr"}, ["E911"]),
    ("funding", {"funding": "lottery"}, ["E911"]),
    ("ends-before-it-starts", {"planned_end_on": date(2026, 1, 11)}, ["E824"]),
    ("future", {"start_on": date(2026, 11, 23)}, ["E502"]),
    ("before-rules", {"start_on": date(2018, 8, 21)}, ["E819"]),
    ("before-listing", {"start_on": date(2023, 2, 28)}, ["E306", "E303"]),
    ("not-accredited", {"by": OTHER}, ["E303"]),
    ("no-provider", {"by": REGULATOR}, ["E301"]),
]


@pytest.mark.parametrize(
    ("changes", "found"), [pytest.param(said, found, id=name) for name, said, found in ENROLMENTS]
)
def test_a_wrong_enrolment_says_what_is_wrong(
    world: World, changes: dict[str, Any], found: list[str]
) -> None:
    """It is refused with its codes."""
    decision = world.say("learner.enrolled", **an_enrolment(BEN, **changes))

    assert codes(decision) == found


@pytest.mark.parametrize(
    ("start_on", "found"),
    [(date(2026, 4, 29), []), (date(2026, 4, 30), ["E307"]), (date(2026, 9, 30), ["E308"])],
)
def test_enrolment_follows_the_status_of_its_day(world: World, start_on: date, found: list[str]) -> None:
    """The last day before expiring is open; the day of each status is closed."""
    world.status("6022", "expiring", date(2026, 4, 30))
    world.status("6022", "discontinued", date(2026, 9, 30))

    assert codes(world.say("learner.enrolled", **an_enrolment(BEN, start_on=start_on))) == found


@pytest.mark.parametrize(
    ("version", "start_on", "used", "found"),
    [
        (None, date(2026, 2, 28), 1, []),
        (None, date(2026, 3, 1), 2, []),
        (1, date(2026, 3, 1), 1, ["W208"]),
        (1, date(2026, 2, 28), 1, []),
        (2, date(2026, 3, 1), 2, []),
    ],
)
def test_the_version_is_the_one_current_on_the_day(
    world: World, version: int | None, start_on: date, used: int, found: list[str]
) -> None:
    """Left out, it is the latest current one; an older one is accepted with a warning."""
    world.listing("6022", version=2, listed_on=date(2026, 3, 1))
    world.accredited(PROVIDER, "6022", since=date(2026, 3, 1), versions=(2,))

    decision = world.say("learner.enrolled", **an_enrolment(BEN, version=version, start_on=start_on))

    assert codes(decision) == found
    assert decision.changed[0].mc_version == used


def test_a_current_version_goes_before_a_later_one_that_expires(world: World) -> None:
    """When the newer version was withdrawn first, a row without a version means the older one."""
    world.listing("6022", version=2, listed_on=date(2026, 3, 1))
    world.accredited(PROVIDER, "6022", since=date(2026, 3, 1), versions=(2,))
    world.status("6022", "expiring", date(2026, 4, 1), version=2)

    decision = world.must("learner.enrolled", **an_enrolment(BEN, start_on=date(2026, 4, 1)))

    assert decision.changed[0].mc_version == 1


def test_without_a_version_the_reason_is_still_told(world: World) -> None:
    """When no version was current the latest listed one says why; before any, the first does."""
    world.status("6022", "expiring", date(2026, 4, 30))

    late = world.say("learner.enrolled", **an_enrolment(BEN, start_on=date(2026, 5, 1)))
    early = world.say("learner.enrolled", **an_enrolment(BEN, start_on=date(2022, 5, 1)))

    assert codes(late) == ["E307"]
    assert codes(early)[0] == "E306"


def test_an_enrolment_is_recorded_with_its_learner(world: World) -> None:
    """The open part names learner and provider; the learner's stream is among what was read."""
    decision = world.must("learner.enrolled", **an_enrolment(BEN, planned_end_on=date(2026, 12, 1)))

    enrolment = world.enrolments[PROVIDER, "Ben-6022"]
    assert (enrolment.learner, enrolment.provider) == (BEN.learner_id, PROVIDER)
    assert enrolment.planned_end_on == date(2026, 12, 1)
    assert decision.reads == (world.learners[BEN.nsn],)


def test_a_board_enrols_while_it_hosts() -> None:
    """A transitional provider role counts on its days, and only then."""
    world = a_world()
    world.organisation(95020, "ssb_isb")
    role = {"organisation": 95020, "role": "provider", "valid_from": date(2026, 1, 1)}
    world.must("organisation.role_granted", **role, transitional=True)
    world.listing("6022")
    world.accredited(95020, "6022", since=date(2026, 2, 1))
    world.must("organisation.role_ended", organisation=95020, role="provider", ended_on=date(2026, 8, 31))
    world.learner(BEN)

    hosting = an_enrolment(BEN, by=95020, start_on=date(2026, 8, 31))
    after = an_enrolment(BEN, by=95020, start_on=date(2026, 9, 1))

    assert codes(world.say("learner.enrolled", **after)) == ["E301"]
    assert codes(world.say("learner.enrolled", **hosting)) == []


# ------------------------------------------------------------------ results

RESULTS: list[tuple[str, dict[str, Any], list[str]]] = [
    ("code", {"code": "6099"}, ["E201"]),
    ("version", {"version": 4}, ["E202"]),
    ("outcome", {"outcome": "LO9"}, ["E203"]),
    ("grade", {"grade": "B"}, ["E401"]),
    ("grade-of-the-other-type", {"grade": "N"}, ["E401"]),
    ("method", {"method": "guess"}, ["E911"]),
    ("language", {"language": "fr"}, ["E911"]),
    ("attempt", {"attempt": 2}, ["E402"]),
    ("future", {"assessed_on": date(2026, 11, 23)}, ["E502"]),
    ("before-enrolment", {"assessed_on": date(2026, 1, 11)}, ["E503"]),
    ("before-rules", {"assessed_on": date(2018, 8, 21), "method": "rpl"}, ["E819"]),
    ("before-accreditation", {"assessed_on": date(2023, 2, 28), "method": "rpl"}, ["E303"]),
    ("by-another-provider", {"by": OTHER}, ["E310"]),
    (
        "everything",
        {"outcome": "LO9", "grade": "B", "assessed_on": date(2026, 11, 23)},
        ["E203", "E401", "E502"],
    ),
]


@pytest.mark.parametrize(
    ("changes", "found"), [pytest.param(said, found, id=name) for name, said, found in RESULTS]
)
def test_a_wrong_result_says_what_is_wrong(world: World, changes: dict[str, Any], found: list[str]) -> None:
    """It is refused with all its codes at once."""
    decision = world.say("assessment.passed", **a_result(ANA, **changes))

    assert codes(decision) == found


@pytest.mark.parametrize("day", [date(2026, 1, 12), TODAY], ids=["start", "today"])
def test_the_first_and_the_last_possible_day(world: World, day: date) -> None:
    """A result may be of the day the enrolment began, and of today; an enrolment may begin today."""
    assert codes(world.say("assessment.passed", **a_result(ANA, assessed_on=day))) == []
    assert codes(world.say("learner.enrolled", **an_enrolment(BEN, start_on=day))) == []


@pytest.mark.parametrize(
    "said",
    [
        with_who(a_result(ANA), enrolment_ref="unknown"),
        with_who(a_result(BEN), enrolment_ref="Ana-6022"),
        a_result(ANA, code="6022", version=1) | {"code": "6023"},
        a_result(ANA, version=2),
    ],
    ids=["reference", "other-learner", "other-code", "other-version"],
)
def test_a_result_needs_its_enrolment(world: World, said: dict[str, Any]) -> None:
    """The reference leads to this learner's enrolment in this code and version, or nowhere."""
    world.listing("6022", version=2, listed_on=date(2026, 3, 1))
    world.listing("6023")

    (found,) = world.say("assessment.passed", **said).findings

    version = f" version {said['version']}" if "version" in said else ""
    assert found.code == "E310"
    assert f"in {said['code']}{version}." in sentence(found)


def test_what_a_passed_type_cannot_say_the_other_can(world: World) -> None:
    """Grade N makes a result of not achieved; A, M and E never do."""
    assert codes(world.say("assessment.not_achieved", **a_result(ANA, grade="A"))) == ["E401"]

    world.must("assessment.not_achieved", **a_result(ANA, grade="N"))

    assert world.history[-1].TOPIC == "assessment.not_achieved"


def test_attempts_follow_one_another(world: World) -> None:
    """Each outcome counts its own; the next number is taken when none is given."""
    world.must("assessment.not_achieved", **a_result(ANA, "LO1", grade="N"))
    world.must("assessment.passed", **a_result(ANA, "LO1", attempt=2))
    world.must("assessment.passed", **a_result(ANA, "LO2", attempt=1))

    again = world.say("assessment.passed", **a_result(ANA, "LO1", attempt=2))

    assert codes(again) == ["E402"]
    assert dict(again.findings[0].params)["next"] == "3"
    assert [event.attempt for event in world.history[-3:]] == [1, 2, 1]


def test_prior_learning_may_be_older_than_the_enrolment(world: World) -> None:
    """Recognition of prior learning is judged by accreditation on its day, not by the enrolment's start."""
    said = a_result(ANA, method="rpl", assessed_on=date(2025, 6, 1))

    assert codes(world.say("assessment.passed", **said)) == []


def test_the_language_is_that_of_the_enrolment(world: World) -> None:
    """Unless the row says another."""
    world.must("assessment.passed", **a_result(ANA, "LO1"))
    world.must("assessment.passed", **a_result(ANA, "LO2", language="mi"))

    assert [event.language for event in world.history[-2:]] == ["en", "mi"]


def test_after_the_award_nothing_is_added(world: World) -> None:
    """A result later than the completion of an award in force is refused; an older one is a fact still."""
    world.passed(ANA, "LO1", "LO2")
    award = world.awarded(ANA)

    later = world.say("assessment.passed", **a_result(ANA, assessed_on=date(2026, 10, 1), grade="E"))
    older = world.say("assessment.passed", **a_result(ANA, assessed_on=date(2026, 9, 30), grade="E"))

    assert codes(later) == ["E311"]
    assert codes(older) == []
    revoked = {"award": award, "reason": "issued_in_error", "effective_on": date(2026, 10, 2)}
    world.must("award.revoked", by=PROVIDER, **revoked)
    assert codes(world.say("assessment.passed", **a_result(ANA, assessed_on=date(2026, 10, 1)))) == []


def test_why_an_accreditation_does_not_hold_is_told(world: World) -> None:
    """Ended, not begun, another version, none at all: the sentence says which."""
    world.listing("6022", version=2, listed_on=date(2026, 1, 5))
    world.accreditation_ended(PROVIDER, "6022", date(2026, 6, 30))
    days = {"by": PROVIDER, "start_on": date(2026, 7, 1), "version": 1}

    ended = world.say("learner.enrolled", **an_enrolment(BEN, **days))
    version = world.say("learner.enrolled", **an_enrolment(BEN, **days | {"version": 2}))
    begins = world.say("assessment.passed", **a_result(ANA, assessed_on=date(2023, 2, 1), method="rpl"))
    none = world.say("learner.enrolled", **an_enrolment(BEN, by=OTHER))

    told = [sentence(decision.findings[-1]) for decision in (ended, version, begins, none)]
    assert [text.partition(": ")[2] for text in told] == [
        "the accreditation ended on 2026-06-30.",
        "the accreditation does not cover that version.",
        "the accreditation begins on 2023-03-01.",
        "none is on record.",
    ]


# ------------------------------------------------------------------ awards

AWARDS: list[tuple[str, dict[str, Any], list[str]]] = [
    ("code", {"code": "6099"}, ["E201"]),
    ("version", {"version": 4}, ["E202"]),
    ("by-another-provider", {"by": OTHER}, ["E310"]),
    ("funding", {"funding": "lottery"}, ["E911"]),
    ("language", {"language": "fr"}, ["E911"]),
    (
        "completed-in-future",
        {"completed_on": date(2026, 11, 23), "conferred_on": date(2026, 11, 24)},
        ["E502", "E502"],
    ),
    ("conferred-first", {"conferred_on": date(2026, 9, 29)}, ["E505"]),
    ("completed-before-last-result", {"completed_on": date(2026, 3, 1)}, ["E504"]),
    ("basis-unknown", {"basis": "because"}, ["E604"]),
    ("basis-of-the-regulator", {"basis": "nzqa_good_reason", "basis_reason": "x"}, ["E604"]),
    ("basis-of-the-holder", {"basis": "approval_holder"}, ["E604"]),
]


@pytest.mark.parametrize(
    ("changes", "found"), [pytest.param(said, found, id=name) for name, said, found in AWARDS]
)
def test_a_wrong_award_says_what_is_wrong(world: World, changes: dict[str, Any], found: list[str]) -> None:
    """It is refused with its codes, and nothing is claimed."""
    world.passed(ANA, "LO1", "LO2")

    decision = world.say("microcredential.awarded", **an_award(ANA, **changes))

    assert codes(decision) == found
    assert (decision.refused, decision.takes, decision.award) == (True, (), None)


@pytest.mark.parametrize(("passed", "missing"), [((), "LO1, LO2"), (("LO1",), "LO2"), (("LO2",), "LO1")])
def test_award_needs_every_outcome(world: World, passed: tuple[str, ...], missing: str) -> None:
    """A learner who has not passed everything is not awarded, and is told what is missing."""
    world.passed(ANA, *passed)
    for outcome in {"LO1", "LO2"} - set(passed):
        world.must("assessment.not_achieved", **a_result(ANA, outcome, grade="N"))

    decision = world.say("microcredential.awarded", **an_award(ANA))

    assert codes(decision) == ["E601"]
    assert sentence(decision.findings[0]).endswith(f"missing: {missing}.")


@pytest.mark.parametrize(
    ("accreditation_ended", "role_ended", "found"),
    [
        (date(2026, 9, 29), None, ["E303"]),
        (date(2026, 9, 30), None, []),
        (None, date(2026, 9, 29), ["E301"]),
        (None, date(2026, 9, 30), []),
    ],
)
def test_who_awards_is_accredited_that_day(
    world: World, accreditation_ended: date | None, role_ended: date | None, found: list[str]
) -> None:
    """The last day of accreditation, and of the provider role, is a day to award on."""
    world.passed(ANA, "LO1", "LO2")
    if accreditation_ended:
        world.accreditation_ended(PROVIDER, "6022", accreditation_ended)
    if role_ended:
        ended = {"organisation": PROVIDER, "role": "provider", "ended_on": role_ended}
        world.must("organisation.role_ended", **ended)

    assert codes(world.say("microcredential.awarded", **an_award(ANA))) == found


def test_accreditation_holds_on_both_days(world: World) -> None:
    """Completed while accredited and conferred after it ended is refused, naming the column."""
    world.passed(ANA, "LO1", "LO2")
    world.accreditation_ended(PROVIDER, "6022", date(2026, 10, 15))

    decision = world.say("microcredential.awarded", **an_award(ANA, conferred_on=date(2026, 10, 16)))

    assert [(one.code, one.column) for one in decision.findings] == [("E303", "conferred_on")]


def test_the_holder_of_the_approval_awards() -> None:
    """The developer, being a provider, awards without an accreditation of its own on that day."""
    world = a_world()
    world.provider(PROVIDER)
    world.listing("6022", listed_on=date(2020, 6, 22), developer=PROVIDER)
    world.accredited(PROVIDER, "6022", since=date(2020, 6, 22))
    world.enrolled(ANA, "6022")
    world.passed(ANA, "LO1", "LO2")
    world.accreditation_ended(PROVIDER, "6022", date(2026, 6, 30))

    assert codes(world.say("microcredential.awarded", **an_award(ANA))) == ["E303"]
    assert codes(world.say("microcredential.awarded", **an_award(ANA, basis="approval_holder"))) == []


def test_the_regulator_awards_what_was_learned_elsewhere(world: World) -> None:
    """With good reason, on the enrolment of the provider that taught it."""
    world.passed(ANA, "LO1", "LO2")
    world.enrolments[REGULATOR, "Ana-6022"] = world.enrolments[PROVIDER, "Ana-6022"]
    said = an_award(ANA, by=REGULATOR, basis="nzqa_good_reason")

    assert codes(world.say("microcredential.awarded", **said)) == ["E602"]
    world.must("microcredential.awarded", **said, basis_reason="The provider has closed.")

    assert world.history[-1].awarded_by == REGULATOR
    assert world.history[-1].basis_reason == "The provider has closed."


def test_an_award_before_the_rules_is_refused(world: World) -> None:
    """Completed before micro-credentials existed."""
    world.passed(ANA, "LO1", "LO2")
    early = date(2018, 8, 21)

    decision = world.say("microcredential.awarded", **an_award(ANA, completed_on=early))

    assert "E819" in codes(decision)


def test_late_reports_are_accepted_and_said_to_be_late(world: World) -> None:
    """Completed on 30 June 2026 and posted on 22 November."""
    world.passed(ANA, "LO1", "LO2")
    day = date(2026, 6, 30)

    decision = world.say("microcredential.awarded", **an_award(ANA, completed_on=day, conferred_on=day))

    assert codes(decision) == ["W506"]
    assert decision.award is not None


def test_an_award_states_what_was_listed_and_what_counted(world: World) -> None:
    """Level and credits of the version, the best result of each outcome, in listed order."""
    world.passed(ANA, "LO2", on=date(2026, 3, 1), grade="A")
    world.passed(ANA, "LO1", on=date(2026, 3, 2), grade="A")
    world.passed(ANA, "LO2", on=date(2026, 4, 1), grade="M")

    decision = world.must("microcredential.awarded", **an_award(ANA))

    (award,) = world.awards[world.enrolments[PROVIDER, "Ana-6022"].id]
    assert (award.id, award.state, award.language) == (decision.award, "in_force", "en")
    assert (award.level, award.credits, award.mc_version) == (4, 20, 1)
    assert award.results == (("LO1", "A", "assessed"), ("LO2", "M", "assessed"))
    assert [claim.kind for claim in decision.takes] == ["award", "slot"]
    assert [read.id for read in decision.reads] == [ANA.learner_id, award.enrolment]


def test_the_last_result_that_counts_sets_the_day(world: World) -> None:
    """A better result of a later day is the one that counts, so completion cannot be before it."""
    world.passed(ANA, "LO1", "LO2", on=date(2026, 3, 2))
    world.passed(ANA, "LO1", on=date(2026, 10, 1), grade="E")

    early = world.say("microcredential.awarded", **an_award(ANA))
    day = date(2026, 10, 1)
    then = world.say("microcredential.awarded", **an_award(ANA, completed_on=day, conferred_on=day))

    assert codes(early) == ["E504"]
    assert codes(then) == []


def test_one_award_in_force_at_a_time(world: World) -> None:
    """Awarded again it is refused, and told by which award; after a revocation it can be."""
    world.passed(ANA, "LO1", "LO2")
    first = world.awarded(ANA)

    again = world.say("microcredential.awarded", **an_award(ANA))
    assert codes(again) == ["E603"]
    assert dict(again.findings[0].params)["award"] == str(first)

    world.must(
        "award.revoked", by=PROVIDER, award=first, reason="issued_in_error", effective_on=date(2026, 10, 1)
    )
    second = world.awarded(ANA)

    assert second != first
    assert [award.state for award in world.awards[world.enrolments[PROVIDER, "Ana-6022"].id]] == [
        "revoked",
        "in_force",
    ]


@pytest.mark.parametrize("by", [PROVIDER, REGULATOR])
def test_an_award_is_revoked_once(world: World, by: int) -> None:
    """By who awarded it or by the regulator; the claim is free again; not twice."""
    world.passed(ANA, "LO1", "LO2")
    said = {"award": world.awarded(ANA), "reason": "integrity", "effective_on": date(2026, 10, 1)}

    assert codes(world.say("award.revoked", by=OTHER, **said)) == ["E811"]
    assert codes(world.say("award.revoked", by=by, **said | {"reason": "mood"})) == ["E911"]
    assert codes(world.say("award.revoked", by=by, **said | {"effective_on": date(2026, 9, 29)})) == ["E824"]
    decision = world.must("award.revoked", by=by, **said)
    again = world.say("award.revoked", by=by, **said)

    assert [claim.kind for claim in decision.frees] == ["award"]
    assert world.history[-1].revoked_by == by
    assert codes(again) == ["E816"]


def test_an_unknown_award_cannot_be_revoked(world: World) -> None:
    """There is nothing to revoke."""
    said = {"award": UUID(int=77), "reason": "integrity", "effective_on": date(2026, 10, 1)}

    assert codes(world.say("award.revoked", by=PROVIDER, **said)) == ["E815"]


def test_a_body_without_a_number_revokes_nothing(world: World) -> None:
    """Awards are conferred and revoked by number."""
    world.passed(ANA, "LO1", "LO2")
    award = world.awarded(ANA)
    world.organisation(None, "ssb_isb", body="ISB:DEMO")
    request = world.request(
        "award.revoked",
        PROVIDER,
        {},
        {"award": award, "reason": "integrity", "effective_on": date(2026, 10, 1)},
    )
    board = world.register.organisation("ISB:DEMO")
    assert board is not None
    request.actor = board

    assert codes(COMMANDS["award.revoked"](request)) == ["E811"]
