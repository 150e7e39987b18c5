"""Power cuts: a ledger at work on a disk that forgets what was not flushed, then opened again.

Everything runs as it does in a server: the application, its six files, the anchor's place, the turning of
the epoch and forgetting. After the cut nothing that was answered may be missing, nothing may be half, and
what was interrupted is posted again and completed.

Source: LEDGER.md 9, P1 to P4 and P7.
"""

import atexit
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from random import Random
from tempfile import mkdtemp
from unittest.mock import patch

from api.client.submission import Submission
from ledger import database
from ledger.clock import FixedClock
from ledger.deciding.batch import Outcome
from ledger.encoding.packed import Packed
from ledger.errors import LedgerError
from ledger.forgetting import redo
from ledger.founding import REGISTRAR
from ledger.publisher import latest
from ledger.turning import turn
from tests.reliability.disk import Disk
from tests.reliability.harness import Campaign, Line, Setting, Trials
from tests.reliability.sqlite import FULL, NORMAL, opened_on
from tests.support.documents import spaced
from tests.support.forgetting import forget, nothing_elsewhere, officers
from tests.support.ledgers import PROVIDER_KEY, House, a_study_ledger, open_house, people, received, statement
from tests.support.noting import by_size, noting
from tests.support.world import MIDDAY, Human, a_result, an_enrolment, identity

LEARNERS = 110  # in the ledger that every trial begins with: with their enrolments a tile is almost full
FRESH = 400  # people of whom a trial may register some
STEPS_MAX = 26
OPERATIONS_MAX = 900  # of a trial: about what those steps take, so that a cut falls anywhere among them
WAL_PAGES = (4, 16, 64, 2_000)  # after so many pages a commit copies the WAL back
_LOSING_PART = 10  # of so many trials one is made with less flushing, to see that the campaign sees it
LOSING_MIN = 4


@dataclass
class Answered:
    """What a ledger has answered before the power went: all of it has to be there afterwards."""

    rows: list[tuple[Submission, list[Outcome]]] = field(default_factory=list)
    kept: list[Submission] = field(default_factory=list)  # answered 202: decided later
    signed: dict[int, set[bytes]] = field(default_factory=dict)  # every root that was ever signed, by size
    published: int = 0
    epoch: int = 1
    forgotten: list[str] = field(default_factory=list)
    pending: Submission | None = None  # being decided when the power went

    @property
    def count(self) -> int:
        """How many rows were answered."""
        return sum(len(outcomes) for _, outcomes in self.rows)


# ------------------------------------------------------------------ at work


class Work:
    """What a ledger does in one trial: steps drawn by chance, until the power goes."""

    def __init__(self, house: House, chance: Random, answered: Answered) -> None:
        self.house, self.chance, self.answered = house, chance, answered
        officers(house)
        self._fresh = (replace(one, given=f"Q{one.given}") for one in people(FRESH, first=10_000))
        self._enrolled = people(LEARNERS)
        self._registered: list[Human] = []
        self._results = iter([(one, outcome) for one in self._enrolled for outcome in ("LO1", "LO2")])

    def go_on(self) -> None:
        """Do what comes next."""
        steps: Sequence[Callable[[], None]] = (
            *(self._register, self._enrol, self._pass) * 3,
            self._receive,
            self._publish,
            self._publish,
            self._copy_back,
            self._restart,
            self._turn,
            self._forget,
        )
        self.house.clock.advance(timedelta(seconds=1))
        self.chance.choice(steps)()

    def _some(self, source: Iterator[Human]) -> list[Human]:
        number = self.chance.choice((1, 1, 2, 5, 30))
        return [one for _, one in zip(range(number), source, strict=False)]

    def _send(self, submission: Submission) -> None:
        self.answered.pending = submission
        outcomes = self.house.send(submission)
        assert all(one.status.startswith("accepted") for one in outcomes), outcomes
        self.answered.rows.append((submission, outcomes))
        self.answered.pending = None

    def _register(self) -> None:
        some = self._some(self._fresh)
        self._send(
            self.house.build(REGISTRAR, [statement("learner.registered", who=identity(one)) for one in some])
        )
        self._registered += some

    def _enrol(self) -> None:
        some = [self._registered.pop() for _ in range(min(len(self._registered), 4))]
        if some:
            said = [statement("learner.enrolled", **an_enrolment(one)) for one in some]
            self._send(self.house.build(PROVIDER_KEY, said))
            self._enrolled += some

    def _pass(self) -> None:
        some = [one for _, one in zip(range(self.chance.choice((1, 3, 10))), self._results, strict=False)]
        said = [
            statement("assessment.passed", **a_result(human, outcome))
            for human, outcome in some
            if human.nsn not in self.answered.forgotten
        ]
        if said:
            self._send(self.house.build(PROVIDER_KEY, said))

    def _receive(self) -> None:
        """Take one in as large ones are: answered when its body is durable, decided later."""
        some = self._some(self._fresh)
        submission = self.house.build(
            REGISTRAR, [statement("learner.registered", who=identity(one)) for one in some]
        )
        ledger = self.house.ledger
        ledger.outcomes.receive(
            received(submission), self.house.clock.now_us(), body=Packed(submission.body())
        )
        self.answered.kept.append(submission)

    def _publish(self) -> None:
        publish(self.house, self.answered)

    def _copy_back(self) -> None:
        ledger = self.house.ledger
        chosen = self.chance.choice((ledger.store.database, ledger.vault, ledger.jobs))
        chosen.truncate_wal()

    def _restart(self) -> None:
        self.house.reopen()

    def _turn(self) -> None:
        turned = turn(self.house.ledger)
        assert turned is not None
        self.answered.epoch = turned.epoch

    def _forget(self) -> None:
        human = self._enrolled.pop(self.chance.randrange(len(self._enrolled)))
        forget(self.house, human)
        self.answered.forgotten.append(human.nsn)


def publish(house: House, answered: Answered) -> None:
    """Publish everything, noting what is signed before anybody has it."""
    published = noting(house.publisher(), by_size(answered.signed)).publish()
    assert published is not None
    answered.published = published.size


# ------------------------------------------------------------------ after the cut


def wrongs(folder: Path, clock: FixedClock, answered: Answered) -> Iterator[str]:
    """Open what survived as a start of the process does, and yield whatever is not as it was answered."""
    try:
        house = open_house(folder, clock)
    except LedgerError as error:
        yield f"does not open: {error.code}"
        return
    try:
        # As every start does: what is on record as forgotten is destroyed, if the power went in between.
        redo(house.ledger, nothing_elsewhere)
        yield from _found(house, answered)
        yield from _completed(house, answered)
    except LedgerError as error:
        yield f"does not go on: {error.code}"
    finally:
        house.close()


def lost_rows(house: House, answered: Answered) -> int:
    """Return how many answered rows are not, or not once, at the position that was answered."""
    lost = 0
    for submission, outcomes in answered.rows:
        found = recorded(house, submission)
        lost += sum(found.get(one.row) != one.position for one in outcomes)
    return lost


def recorded(house: House, submission: Submission) -> dict[int, int]:
    """Return row to position of what is recorded of a submission."""
    claims = received(submission).claims
    return house.ledger.store.recorded_rows(claims.iss, claims.jti)


def _found(house: House, answered: Answered) -> Iterator[str]:
    lost = lost_rows(house, answered)
    if lost:
        yield f"{lost} of {answered.count} answered rows lost"
    newest = latest(house.ledger.store.database.reader)
    if (newest.size if newest else 0) < answered.published:
        yield f"checkpoint {answered.published} lost"
    for submission in answered.kept:
        job = house.ledger.outcomes.find(received(submission))
        if (
            job is None
            or (body := house.ledger.outcomes.body(job)) is None
            or body.whole() != submission.body()
        ):
            yield "a submission that was kept is lost"
    if house.ledger.vault.epoch < answered.epoch:
        yield "the epoch went back"
    if house.ledger.vault.is_forgotten(answered.forgotten) != set(answered.forgotten):
        yield "somebody who was forgotten is known again"
    # The keys are looked at once, at the end: what was sealed before is still there then.
    yield from faults(house, with_keys=False)


def _completed(house: House, answered: Answered) -> Iterator[str]:
    """Post again what had no answer, as whoever posted it does, and publish."""
    for submission in filter(None, (*answered.kept, answered.pending)):
        outcomes = house.send(submission)
        if not all(one.status.startswith("accepted") for one in outcomes):
            yield f"posted again: {sorted({one.status for one in outcomes})}"
        elif recorded(house, submission) != {one.row: one.position for one in outcomes}:
            yield "posted again: recorded elsewhere than answered"
    publish(house, answered)
    twice = [size for size, roots in answered.signed.items() if len(roots) > 1]
    if twice:
        yield f"two roots signed for size {twice}"
    yield from faults(house)


def faults(house: House, *, with_keys: bool = True) -> Iterator[str]:
    """Yield the codes of what an audit finds."""
    found = sorted({fault.code for fault in house.audit(with_keys=with_keys).faults})
    if found:
        yield f"audit: {', '.join(found)}"


# ------------------------------------------------------------------ trials


@cache
def _template() -> Path:
    """Return the folder of the ledger that every trial begins with; closed."""
    place = Path(mkdtemp(prefix="roa-power-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    folder = place / "ledger"
    house = a_study_ledger(folder)
    officers(house)
    house.publish()
    humans = people(LEARNERS)
    house.register(*humans)
    house.enrol(*humans)
    house.close()
    return folder


def trial(seed: int, folder: Path, synchronous: str = FULL) -> tuple[Answered, list[str]]:
    """Let one ledger work until the power goes; return what it had answered, and what is wrong then."""
    chance, answered = Random(seed), Answered()
    clock = FixedClock(MIDDAY)
    shutil.copytree(_template(), folder / "before")
    disk = Disk(folder / "before", chance)
    with (
        patch.object(database, "WAL_PAGES", chance.choice(WAL_PAGES)),
        opened_on(disk, synchronous),
        disk.powered(chance.randrange(1, OPERATIONS_MAX)),
    ):
        stopped = _worked_until_the_cut(disk, clock, chance, answered)
    if stopped is not None:
        raise stopped  # a mistake of this campaign, or of the ledger before anything went wrong
    disk.survivors(folder / "after")
    clock.advance(timedelta(seconds=1))
    wrong = list(wrongs(folder / "after", clock, answered))
    shutil.rmtree(folder)
    return answered, wrong


def _worked_until_the_cut(
    disk: Disk, clock: FixedClock, chance: Random, answered: Answered
) -> BaseException | None:
    """Work until the power goes, or long enough; return what went wrong while there was power."""
    try:
        work = Work(open_house(disk.folder, clock), chance, answered)
        for _ in range(STEPS_MAX):
            work.go_on()
    except BaseException as error:  # noqa: BLE001 - without power anything may be raised
        return None if disk.is_cut else error
    return None


def run(setting: Setting) -> list[Line]:
    """Cut the power in every trial; then in a few at less flushing, where losses have to be seen."""
    trials, answered = Trials("power"), 0
    for seed in range(setting.seed, setting.seed + setting.trials):
        before, wrong = trial(seed, setting.folder / str(seed))
        answered += before.count
        trials.add(seed, wrong)
    whole = trials.line(
        "power cut, sectors torn and reordered", f"0 of {spaced(answered)} answered rows lost, audits clean"
    )
    return [whole, losing(setting)]


def losing(setting: Setting) -> Line:
    """Do the same with synchronous=NORMAL, which the ledger refuses: the campaign has to see losses."""
    tried = max(setting.trials // _LOSING_PART, LOSING_MIN)
    seen = [
        wrong
        for seed in range(setting.seed, setting.seed + tried)
        if (wrong := trial(seed, setting.folder / f"normal-{seed}", NORMAL)[1])
    ]
    return Line(
        "the same at `synchronous=NORMAL`, which the ledger refuses",
        tried,
        f"{len(seen)} of {tried} lose answered rows or more",
        ok=bool(seen),
        failures=() if seen else ("power: at synchronous=NORMAL nothing was seen to be lost",),
    )


POWER = Campaign("power", "P1–P4, P7", run, trials=1_000)
