"""Every statement type has a command and a date; every command is cheap and pure enough to be repeated."""

from datetime import date
from typing import Any

import pytest

from ledger.commands.catalogue import COMMANDS, domain_date
from ledger.domain.registry import EVENTS
from ledger.statements import KINDS
from tests.support.world import (
    ANA,
    PROVIDER,
    World,
    a_listing,
    a_result,
    a_study,
    an_award,
    an_enrolment,
)

DAY = date(2026, 3, 2)
ENDED = {"provider": PROVIDER, "reason": "withdrawn"}


def test_one_command_for_every_statement_type() -> None:
    """Nothing can be said that nobody decides, and nothing is decided that cannot be recorded."""
    said = {topic for topic, event_class in EVENTS.items() if not event_class.CONSEQUENCE}

    assert COMMANDS.keys() == KINDS.keys() == said


@pytest.mark.parametrize(
    ("statement", "member"),
    [
        ("microcredential.registered", "listed_on"),
        ("microcredential.status_set", "from"),
        ("microcredential.reviewed", "reviewed_on"),
        ("accreditation.granted", "valid_from"),
        ("organisation.role_granted", "valid_from"),
        ("learner.enrolled", "start_on"),
        ("assessment.passed", "assessed_on"),
        ("assessment.not_achieved", "assessed_on"),
        ("microcredential.awarded", "completed_on"),
        ("award.revoked", None),
        ("accreditation.ended", None),
        ("organisation.registered", None),
        ("key.registered", None),
        ("ledger.founded", None),
        ("learner.registered", None),
    ],
)
def test_the_date_that_selects_the_rules(statement: str, member: str | None) -> None:
    """DOMAIN.md 3.2; where no date of the act selects, the day decided does. Required members only."""
    required = {one.name for one in KINDS[statement].members if one.required}

    assert member is None or member in required
    members = {} if member is None else {member: DAY}
    assert domain_date(statement, members) == (None if member is None else DAY)


def _said(world: World) -> list[tuple[str, dict[str, Any]]]:
    world.passed(ANA, "LO1", "LO2")
    return [
        ("learner.enrolled", an_enrolment(ANA)),
        ("assessment.passed", a_result(ANA)),
        ("microcredential.awarded", an_award(ANA)),
        ("microcredential.registered", a_listing("6023")),
        (
            "accreditation.ended",
            {"provider": PROVIDER, "code": "6022", "ended_on": DAY, "reason": "withdrawn"},
        ),
    ]


def test_the_same_request_is_decided_the_same() -> None:
    """From the same state come the same findings and the same event: rulings can be re-run."""
    decided = []
    for _ in range(2):
        world = a_study()
        decisions = [world.say(statement, **said) for statement, said in _said(world)]
        decided.append(([one.findings for one in decisions], world.history))

    assert decided[0] == decided[1]


def test_the_rule_set_is_recorded_with_the_event() -> None:
    """An award of 2024 posted in 2026 says by which rules it was judged."""
    world = a_study()
    world.must("assessment.passed", **a_result(ANA, method="rpl", assessed_on=date(2024, 2, 1)))

    assert world.history[-1].ruleset_id == "MC-2023"
    assert world.history[-1].as_of == len(world.history) - 1
