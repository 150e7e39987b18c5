"""Two servers of one ledger, other processes beside them, and one of the two killed in the middle."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from api.client.errors import Unreachable
from api.client.post import Answer, post
from api.client.submission import Submission
from ledger.clock import FixedClock
from projections.catalogue import Views
from tests.api.door import OTHER, OTHER_KEY
from tests.reliability.kills import FIRST_ROW, serving
from tests.reliability.power import faults, recorded
from tests.scripts.server import Server
from tests.support.ledgers import (
    PASSPHRASE,
    PROVIDER_KEY,
    House,
    a_study_ledger,
    people,
    statement,
)
from tests.support.world import Human, a_result, an_enrolment

CLIENTS, POSTS, KILLED_AFTER = 6, 24, 8
LIMIT_S = 120.0


class Pair:
    """Two servers on the ledger in a folder."""

    def __init__(self, folder: Path, home: Path, stack: ExitStack) -> None:
        homes = [home / "first", home / "second"]
        for one in homes:
            one.mkdir()
        contexts = [serving(folder, one) for one in homes]
        with ThreadPoolExecutor(len(homes)) as pool:
            self.servers: list[Server] = list(pool.map(stack.enter_context, contexts))

    def post(self, submission: Submission, at: int) -> Answer:
        """Post to one of them, and to the other while that one does not answer, until one does."""
        until = time.monotonic() + LIMIT_S
        while time.monotonic() < until:
            for place in (at, 1 - at):
                try:
                    return post(self.servers[place].url, submission, sleep=lambda _seconds: None)
                except Unreachable:
                    continue
        raise AssertionError("neither of the two answers")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A ledger in which people are registered, open here as by a third process."""
    clock = FixedClock(datetime.now(UTC) - timedelta(hours=1))
    made = a_study_ledger(tmp_path / "ledger", clock)
    made.register(*people(2, first=900), *people(POSTS, first=1_000))
    (made.files.keys / "passphrase").write_bytes(PASSPHRASE + b"\n")
    clock.advance(timedelta(hours=1))
    yield made
    made.close()


def enrolled_and_passed(house: House, human: Human) -> Submission:
    """Return a submission of two rows, the second of which rests on the first."""
    said = [
        statement("learner.enrolled", **an_enrolment(human)),
        statement("assessment.passed", **a_result(human, "LO1")),
    ]
    return house.build(PROVIDER_KEY, said)


def enrolled(house: House, human: Human) -> Submission:
    """Return an enrolment by the other provider."""
    return house.build(OTHER_KEY, [statement("learner.enrolled", **an_enrolment(human))])


def test_two_servers_record_everything_once_though_one_is_killed(house: House, tmp_path: Path) -> None:
    """Each submission goes to both: no gap, nothing twice, one answer; the survivor publishes all of it.

    And whom a third process puts on the register, both know from then on, without a new start.
    """
    submissions = [enrolled_and_passed(house, one) for one in people(POSTS, first=1_000)]
    answered, turn = list[int](), threading.Lock()

    with ExitStack() as stack:
        pair = Pair(house.files.folder, tmp_path, stack)
        set_right(house)
        house.organisation(OTHER, "provider")
        house.key(OTHER_KEY, OTHER)
        house.accredited(OTHER)
        known = [pair.post(enrolled(house, one), at) for at, one in enumerate(people(2, first=900))]
        size = house.size()

        def client(at: int) -> tuple[Answer, Answer]:
            first = pair.post(submissions[at], at % 2)
            with turn:
                answered.append(at)
                if len(answered) == KILLED_AFTER:
                    pair.servers[0].kill()
            return first, pair.post(submissions[at], 1 - at % 2)

        with ThreadPoolExecutor(CLIENTS) as pool:
            answers = list(pool.map(client, range(POSTS)))
        newest = house.size()
        until(lambda: published(pair.servers[1].url) >= newest)
        pair.servers[1].stop()

    assert {row["status"] for one in known for row in one.rows} == {"accepted"}
    assert newest == size + 2 * POSTS
    for submission, (one, other) in zip(submissions, answers, strict=True):
        told = {row["row"] - FIRST_ROW: row["position"] for row in one.rows}
        assert {row["status"] for row in one.rows} == {"accepted"}
        assert told == {row["row"] - FIRST_ROW: row["position"] for row in other.rows}
        assert told == recorded(house, submission)
    set_right(house)
    assert list(faults(house)) == []
    views = Views(house.ledger)
    views.catch_up()
    assert views.differences() == []
    views.close()


def published(url: str) -> int:
    """Return the size of the checkpoint that a server serves, 0 without one."""
    answer = httpx2.get(f"{url}/log/checkpoint", trust_env=False)
    return int(answer.text.splitlines()[1]) if answer.is_success else 0


def until(condition: Callable[[], bool]) -> None:
    """Wait until it is so, or fail."""
    end = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.05)


def set_right(house: House) -> None:
    """Set the standing clock to what the servers' say."""
    house.clock.advance(datetime.now(UTC) - datetime.fromtimestamp(house.clock.now_us() / 1_000_000, UTC))
