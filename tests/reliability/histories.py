"""Old copies, two histories, two servers, and a clock that jumps.

The drills `rollback` and `split` are played as an operator plays them. Then two servers work on one folder at
once, on the same people and in the same moment; and a ledger lives through a clock that goes forward, back a
little, and back by more than the second that is allowed.

Source: LEDGER.md 9, P4, P6, P9.
"""

import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from random import Random
from threading import Barrier

from api.cli.drills import rollback, split
from api.cli.drills.result import Drill
from api.client.submission import Submission
from ledger.deciding.batch import ACCEPTED, Outcome
from ledger.errors import Unavailable
from ledger.publisher import latest
from ledger.store.recorder import CLOCK_BACK_MAX_US
from tests.reliability.harness import Campaign, Line, Setting, Trials, refusal_of
from tests.reliability.power import faults, recorded
from tests.support.documents import spaced
from tests.support.ledgers import PROVIDER_KEY, House, a_study_ledger, open_house, people, statement
from tests.support.noting import by_size, noting
from tests.support.world import Human, a_result, an_enrolment

SERVERS, LEARNERS, PUBLISH_EVERY = 2, 12, 5
POSTS, CLOCK_STEPS = 20, 25
BUSY_TRIES = 1_000
JUMPS_US = (1, 999_999, 60_000_000, 86_400_000_000, -1, -999_999, -1_000_000, -1_000_001, -3_600_000_000)


def run(setting: Setting) -> list[Line]:
    """Play both drills, and as many trials of the others as there are."""
    lines = [_drilled(name, run_drill(setting.folder / name)) for name, run_drill in DRILLS]
    servers, clocks = Trials("histories"), Trials("histories")
    for seed in range(setting.seed, setting.seed + setting.trials):
        servers.add(seed, two_servers(setting.folder / f"servers-{seed}", Random(seed)))
        clocks.add(seed, jumping(setting.folder / f"clock-{seed}", Random(seed)))
    posts, jumps = spaced(setting.trials * POSTS * SERVERS), spaced(setting.trials * CLOCK_STEPS)
    return [
        *lines,
        servers.line(
            "two servers work on one folder at once",
            f"{posts} posts, each there once; one root for each size; audits clean",
        ),
        clocks.line(
            "a clock that jumps, forward and back",
            f"{jumps} jumps: no instant goes back, and nothing is written more than a second behind",
        ),
    ]


def _drilled(name: str, drill: Drill) -> Line:
    failures = tuple(f"histories: {step.what}: {step.seen}" for step in drill.steps if not step.ok)
    return Line(f"`roa drill {name}`", len(drill.steps), "every step as it has to be", drill.ok, failures)


DRILLS = (("rollback", rollback.run), ("split", split.run))


# ------------------------------------------------------------------ two servers


@dataclass
class Server:
    """One of two, with what its clients were answered."""

    house: House
    chance: Random
    signed: dict[int, set[bytes]]
    answers: list[tuple[Submission, list[Outcome]]] = field(default_factory=list)

    def work(self, humans: Sequence[Human], together: Barrier) -> None:
        """Enrol and assess people whom the other one enrols and assesses as well; publish in between."""
        together.wait()
        for place in range(POSTS):
            human = self.chance.choice(humans)
            outcome = self.chance.choice(("LO1", "LO2"))
            said = self.chance.choice(
                (
                    statement("learner.enrolled", **an_enrolment(human)),
                    statement("assessment.passed", **a_result(human, outcome)),
                )
            )
            submission = self.house.build(PROVIDER_KEY, [said])
            self.answers.append((submission, self._answered(submission)))
            if place % PUBLISH_EVERY == 0:
                noting(self.house.publisher(), by_size(self.signed)).publish()

    def _answered(self, submission: Submission) -> list[Outcome]:
        for _ in range(BUSY_TRIES):
            try:
                return self.house.send(submission)
            except Unavailable:
                continue  # the other one was first too often: a provider posts again
        raise AssertionError("the ledger was busy a thousand times")


def two_servers(folder: Path, chance: Random) -> Iterator[str]:
    """Let two servers work on one folder; yield what does not hold afterwards."""
    first = a_study_ledger(folder)
    humans = people(LEARNERS)
    first.register(*humans)
    signed: dict[int, set[bytes]] = {}
    houses = [first, *(open_house(folder, first.clock) for _ in range(SERVERS - 1))]
    servers = [Server(house, Random(chance.random()), signed) for house in houses]
    together = Barrier(SERVERS)
    with ThreadPoolExecutor(SERVERS) as pool:
        for done in [pool.submit(server.work, humans, together) for server in servers]:
            done.result()
    places: set[int] = set()
    for submission, outcomes in (one for server in servers for one in server.answers):
        told = {one.row: one.position for one in outcomes if one.status.startswith(ACCEPTED)}
        found = recorded(first, submission)
        if found != told or places & set(found.values()):
            yield f"answered {told}, recorded {found}"
        places.update(found.values())
    if any(len(roots) > 1 for roots in signed.values()):
        yield "two roots are signed for one size"
    yield from faults(first)
    for house in houses:
        house.close()
    shutil.rmtree(folder)


# ------------------------------------------------------------------ a clock that jumps


def jumping(folder: Path, chance: Random) -> Iterator[str]:
    """Post and publish under a clock that jumps; yield what is not as the rule says."""
    house = a_study_ledger(folder)
    fresh = iter(people(CLOCK_STEPS))
    for _ in range(CLOCK_STEPS):
        house.clock.advance(timedelta(microseconds=chance.choice(JUMPS_US)))
        head, now_us = house.ledger.store.head(), house.clock.now_us()
        is_behind = now_us < head.recorded_at_us - CLOCK_BACK_MAX_US
        published = latest(house.ledger.store.database.reader)
        grew = published is None or published.size < head.size  # otherwise there is nothing to sign
        attempts = ((partial(house.register, next(fresh)), is_behind), (house.publish, is_behind and grew))
        for attempt, refused in attempts:
            error = refusal_of(attempt)
            if (error is not None and error.code == "clock") != refused:
                yield f"{now_us - head.recorded_at_us} µs after the newest record: {error!r}"
        after = house.ledger.store.head()
        wanted = (head.size, head.recorded_at_us)
        if not is_behind:
            wanted = (head.size + 1, max(now_us, head.recorded_at_us))
        if (after.size, after.recorded_at_us) != wanted:
            yield f"{wanted} was to be recorded, and is {after.size, after.recorded_at_us}"
        if is_behind and chance.random() < 0.5:
            house.clock.advance(timedelta(microseconds=head.recorded_at_us - now_us))
    yield from faults(house)
    house.close()
    shutil.rmtree(folder)


HISTORIES = Campaign("histories", "P4, P6, P9", run, trials=40)
