"""A ledger whose database was replaced by an older copy: what restoring begins with.

lost = a_rolled_back_ledger(tmp_path)
lost.house.size(), lost.published           # the first is behind the second
lost.private, lost.public                   # submissions of which the database knows nothing now
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from api.client.statements import Statement
from api.client.submission import Submission
from ledger.deciding.batch import Outcome
from ledger.founding import REGISTRAR
from tests.support.ledgers import PROVIDER_KEY, House, a_study_ledger, people, statement
from tests.support.world import Human, a_result, an_award, an_enrolment, identity


@dataclass
class RolledBack:
    """A ledger behind its anchor, and what was said to it after the copy was taken."""

    house: House
    stored: int
    published: int
    humans: list[Human]
    private: list[tuple[str, Submission, list[Outcome]]] = field(default_factory=list)
    public: list[tuple[str, Submission, list[Outcome]]] = field(default_factory=list)

    def say_again(self) -> list[Outcome]:
        """Post everything private once more, as those who posted it would; return every outcome."""
        return [one for _, submission, _ in self.private for one in self.house.send(submission)]


def take_copy(house: House, place: Path, *names: str) -> None:
    """Copy databases of a ledger to a folder while nobody has them open."""
    house.close()
    place.mkdir(parents=True)
    for name in names or ("ledger.sqlite",):
        for file in house.files.folder.glob(f"{name}*"):
            shutil.copy2(file, place / file.name)
    house.reopen()


def put_back(house: House, place: Path, *names: str) -> None:
    """Replace databases of a ledger by the copies in a folder."""
    house.close()
    for name in names or ("ledger.sqlite",):
        for file in house.files.folder.glob(f"{name}*"):
            file.unlink()
        for file in place.glob(f"{name}*"):
            shutil.copy2(file, house.files.folder / file.name)
    house.reopen()


def a_rolled_back_ledger(
    folder: Path, *, humans: int = 3, public: bool = True, private: bool = True, publish: bool = True
) -> RolledBack:
    """Return a ledger that was put back to where nobody had studied yet, with everything after it published.

    `publish` False leaves the newest records out of what was published.
    """
    house = a_study_ledger(folder / "ledger")
    house.publish()
    take_copy(house, folder / "copy")
    stored = house.size()
    house.clock.advance(timedelta(minutes=1))
    made = RolledBack(house, stored, 0, people(humans))
    if public:
        say_public(made)
    if private:
        study(made)
    if publish:
        house.publish()
    anchored = house.publisher()._anchor.read()
    made.published = anchored.size if anchored else 0
    put_back(house, folder / "copy")
    return made


def say_public(made: RolledBack) -> None:
    """Register two organisations in one submission, and grant a role in another."""
    for said in (
        [
            statement(
                "organisation.registered",
                number=number,
                kind="pte",
                name={"en": f"Organisation {number} (demo)"},
                valid_from="2018-01-01",
            )
            for number in (96001, 96002, 96003)
        ],
        [
            statement(
                "organisation.role_granted", organisation=96001, role="provider", valid_from="2018-08-22"
            )
        ],
    ):
        made.public.append(_post(made.house, REGISTRAR, said))


def study(made: RolledBack) -> None:
    """Register learners, enrol them, let them pass, and award: four submissions."""
    humans = made.humans
    steps: list[tuple[str, Callable[[Human], list[Statement]]]] = [
        (REGISTRAR, lambda one: [statement("learner.registered", who=identity(one))]),
        (PROVIDER_KEY, lambda one: [statement("learner.enrolled", **an_enrolment(one))]),
        (
            PROVIDER_KEY,
            lambda one: [statement("assessment.passed", **a_result(one, at)) for at in ("LO1", "LO2")],
        ),
        (PROVIDER_KEY, lambda one: [statement("microcredential.awarded", **an_award(one))]),
    ]
    for label, said in steps:
        made.private.append(_post(made.house, label, [row for one in humans for row in said(one)]))


def _post(house: House, label: str, said: list[Statement]) -> tuple[str, Submission, list[Outcome]]:
    submission = house.build(label, said)
    outcomes = house.send(submission)
    assert all(one.status.startswith("accepted") for one in outcomes), outcomes
    return label, submission, outcomes
