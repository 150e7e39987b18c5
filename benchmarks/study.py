"""What several measurements begin with: a ledger, and learners who are enrolled in a micro-credential.

People, bodies and keys are the made-up ones of `tests.support`; what they say is built and signed
by the kit, as a provider does it.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from api.client.statements import Statement
from api.client.submission import Submission
from tests.support.ledgers import PROVIDER_KEY, House, a_study_ledger, people, statement
from tests.support.world import Human, a_result

BATCH = 1_000
OUTCOMES = ("LO1", "LO2")


def a_class(folder: Path, learners: int) -> tuple[House, list[Human]]:
    """Return a ledger in which this many learners are enrolled, and the learners."""
    house = a_study_ledger(folder)
    return house, enrol(house, people(learners))


def a_year(folder: Path, learners: int) -> House:
    """Return a published ledger in which this many learners were enrolled, passed and awarded."""
    house = a_study_ledger(folder)
    teach(house, learners)
    house.publish()
    return house


def enrol(house: House, humans: list[Human]) -> list[Human]:
    """Register and enrol learners, and return them."""
    for batch in batches(humans):
        house.register(*batch)
        house.enrol(*batch)
    return humans


def teach(house: House, learners: int) -> list[Human]:
    """Take this many learners from their registration to their award."""
    humans = enrol(house, people(learners))
    for submission in results(house, humans):
        house.send(submission)
    for batch in batches(humans):
        house.award(*batch)
    return humans


def results(house: House, humans: Sequence[Human]) -> list[Submission]:
    """Return signed submissions of 1 000 results: every outcome for every learner.

    No learner is in a submission twice: every row loads streams of its own, which costs most.
    """
    return [
        house.build(PROVIDER_KEY, [result(human, outcome) for human in batch])
        for outcome in OUTCOMES
        for batch in batches(humans)
    ]


def result(human: Human, outcome: str) -> Statement:
    """Return the statement that a learner passed an outcome, under a reference of its own."""
    said = a_result(human, outcome)
    said["who"]["row_ref"] = f"{outcome}-{human.nsn}"
    return statement("assessment.passed", **said)


def batches(humans: Sequence[Human]) -> Iterator[Sequence[Human]]:
    """Yield the learners in batches of 1 000."""
    return (humans[at : at + BATCH] for at in range(0, len(humans), BATCH))
