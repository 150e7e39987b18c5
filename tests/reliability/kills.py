"""kill -9 under load: a served ledger is killed again and again while providers post to it.

The server is the command `roa serve` in a process of its own. Clients post with the kit, as providers do:
what gets no answer is sent again, the same bytes, until there is one. The moment of each kill is a number of
things sent and answered, drawn by the seed, so that it falls into the work and not beside it.

Source: LEDGER.md 9, P1 to P3.
"""

import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from random import Random

from api.client.errors import Unreachable
from api.client.post import Answer, post
from api.client.submission import Submission
from ledger.clock import FixedClock
from ledger.founding import REGISTRAR
from projections.catalogue import Views
from tests.reliability.harness import Campaign, Line, Setting, Trials
from tests.reliability.power import faults, recorded
from tests.scripts.server import Server
from tests.support.documents import spaced
from tests.support.ledgers import (
    PASSPHRASE,
    PROVIDER_KEY,
    House,
    a_study_ledger,
    open_house,
    people,
    statement,
)
from tests.support.stranger import environment, roa_command
from tests.support.world import Human, a_result, an_enrolment, identity

CLIENTS = 6
PER_CYCLE = 14  # submissions, about, that are answered between two kills
LARGE_ROWS = 1_100  # of a submission that is answered 202 and decided in the background, in two chunks
LARGE_EVERY = 60
ROWS_MAX = 8  # learners of a submission
EVENTS_MAX = 40  # things sent and answered between a start and a kill, at most
_RETRY_S = 0.05
_GIVE_UP_S = 120.0
FIRST_ROW = 1  # rows are counted from 1 in answers, and from 0 in the ledger

AfterKill = Callable[[Path], None]


@dataclass
class Load:
    """Clients that post a list of submissions, each until it is answered.

    size: of the ledger before anything is posted.
    answers: what they were told, by the place of the submission in the list.
    resent: how often one was sent again after the kit had given up.
    """

    submissions: Sequence[Submission]
    size: int
    answers: dict[int, Answer] = field(default_factory=dict)
    resent: int = 0
    errors: list[BaseException] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._turn = threading.Condition()
        self._waiting = iter(range(len(self.submissions)))
        self._url: str | None = None
        self._left = 0
        self._kill: Callable[[], None] = _nobody
        self._stopped = False
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(CLIENTS)]

    def start(self) -> None:
        """Let the clients begin; they wait for a server."""
        for one in self._threads:
            one.start()

    def serve(self, url: str, kill: Callable[[], None], events: int) -> None:
        """Let them post to an address; after so many things sent and answered the server is killed."""
        with self._turn:
            self._url, self._kill, self._left = url, kill, events
            self._turn.notify_all()

    def wait(self) -> bool:
        """Wait until the server was killed, or everything is answered; return whether it was killed."""
        with self._turn:
            came = self._turn.wait_for(lambda: self._url is None or self._is_done, _GIVE_UP_S)
            if self.errors:
                raise self.errors[0]
            assert came, "the clients got no answer for two minutes"
            return self._url is None

    def stop(self) -> None:
        """Let the clients go home; what was not answered stays unanswered."""
        with self._turn:
            self._stopped = True
            self._turn.notify_all()
        for one in self._threads:
            one.join(_GIVE_UP_S)

    @property
    def _is_done(self) -> bool:
        return bool(self.errors) or len(self.answers) == len(self.submissions)

    def _work(self) -> None:
        try:
            while (place := self._next()) is not None:
                self._until_answered(place)
        except BaseException as error:  # noqa: BLE001 - whoever waits raises it
            with self._turn:
                self.errors.append(error)
                self._turn.notify_all()

    def _next(self) -> int | None:
        with self._turn:
            return None if self._stopped else next(self._waiting, None)

    def _until_answered(self, place: int) -> None:
        while True:
            with self._turn:
                self._turn.wait_for(lambda: self._url is not None or self._stopped)
                url = self._url
                if self._stopped or url is None:
                    return
            try:
                answer = post(url, self.submissions[place], sleep=self._brief, progress=self._sent)
            except Unreachable:
                self.resent += 1
                continue
            with self._turn:
                self.answers[place] = answer
                self._tick()
                self._turn.notify_all()
            return

    def _sent(self, phase: str, _done: int, _total: int) -> None:
        if phase == "sending":
            with self._turn:
                self._tick()

    def _tick(self) -> None:
        self._left -= 1
        if self._left == 0 and self._url is not None:
            self._kill()  # at once, by the thread whose doing was the last: this is the moment
            self._url = None
            self._turn.notify_all()

    def _brief(self, _seconds: float) -> None:
        """Wait for less long than a provider does, and no longer than until there is a server again."""
        with self._turn:
            self._turn.wait(_RETRY_S)


def _nobody() -> None:
    """Kill nobody: nothing is served yet."""


# ------------------------------------------------------------------ what is posted


def prepared(folder: Path, chance: Random, count: int) -> Load:
    """Make a ledger that can be served, and clients with submissions that are signed already."""
    clock = FixedClock(datetime.now(UTC) - timedelta(hours=1))
    house = a_study_ledger(folder, clock)
    humans = people(count * ROWS_MAX, first=1_000)
    house.register(*humans)
    (house.files.keys / "passphrase").write_bytes(PASSPHRASE + b"\n")
    clock.advance(timedelta(hours=1))
    free = iter(humans)
    made = [_submission(house, chance, free, place) for place in range(count)]
    load = Load(made, house.size())
    house.close()
    return load


def _submission(house: House, chance: Random, free: Iterator[Human], place: int) -> Submission:
    if place % LARGE_EVERY == LARGE_EVERY // 2:
        many = people(LARGE_ROWS, first=100_000 + place * LARGE_ROWS)
        return house.build(REGISTRAR, [statement("learner.registered", who=identity(one)) for one in many])
    some = list(islice(free, chance.choice((1, 1, 1, ROWS_MAX))))
    said = [statement("learner.enrolled", **an_enrolment(one)) for one in some]
    if chance.random() < 0.5:
        # Rows of one submission see each other's effects: a result of an enrolment of the row above it.
        said += [statement("assessment.passed", **a_result(one, at)) for one in some for at in ("LO1", "LO2")]
    return house.build(PROVIDER_KEY, said)


# ------------------------------------------------------------------ cycles


def cycles(setting: Setting, after_kill: AfterKill = lambda _folder: None) -> tuple[Trials, Load]:
    """Kill a served ledger as often as there are trials; return what was wrong after each, and the load.

    Args:
        setting: how many kills, and by which seed.
        after_kill: called with the ledger's folder after each: to break it on purpose.
    """
    chance, trials, folder = Random(setting.seed), Trials("kills"), setting.folder / "ledger"
    load = prepared(folder, chance, setting.trials * PER_CYCLE + CLIENTS)
    load.start()
    with serving(folder, setting.folder) as server:
        for cycle in range(setting.trials):
            load.serve(server.url, server.strike, chance.randrange(1, EVENTS_MAX))
            if not load.wait():
                break  # everything was answered before
            server.kill()
            after_kill(folder)
            wrong = list(_wrong(folder, load))
            trials.add(setting.seed, (f"after kill {cycle + 1}: {one}" for one in wrong))
            if wrong:
                load.stop()
                return trials, load
            server.start()
        load.serve(server.url, server.strike, -1)
        load.wait()
        load.stop()
        server.stop()
    trials.failed += [f"kills --seed {setting.seed}: in the end: {one}" for one in _at_the_end(folder, load)]
    return trials, load


@contextmanager
def serving(folder: Path, home: Path) -> Iterator[Server]:
    """Serve a ledger by the command, in a process of its own."""
    told: Mapping[str, str] = {**environment(home, roa_command()), "ROA_PUBLISH_EVERY_S": "0.2"}
    roa = str(Path(sys.executable).with_name("roa"))
    server = Server([roa, "serve", "--data", str(folder)], home, told, home / "log")
    try:
        yield server
    finally:
        server.kill()


def _wrong(folder: Path, load: Load) -> Iterator[str]:
    house = open_house(folder, FixedClock(datetime.now(UTC)))
    try:
        yield from _lost(house, load)
        yield from faults(house, with_keys=False)
    finally:
        house.close()


def _lost(house: House, load: Load) -> Iterator[str]:
    lost = 0
    for place, answer in list(load.answers.items()):
        found = recorded(house, load.submissions[place])
        told = {row["row"] - FIRST_ROW: row.get("position") for row in answer.rows}
        refused = [row for row in answer.rows if row["status"] != "accepted"]
        if refused:
            yield f"submission {place}: {refused[0]}"
        lost += found != told
    if lost:
        yield f"{lost} of {len(load.answers)} answered submissions are not recorded as answered"


def _at_the_end(folder: Path, load: Load) -> Iterator[str]:
    house = open_house(folder, FixedClock(datetime.now(UTC)))
    yield from _lost(house, load)
    rows = sum(map(len, load.submissions))
    (stored,) = house.ledger.store.database.reader.execute(
        "SELECT COUNT(*) FROM record WHERE submission IS NOT NULL AND position > ?", (load.size,)
    ).fetchone()
    if stored != rows:
        yield f"{rows} rows were posted, {stored} are recorded"
    yield from faults(house)
    views = Views(house.ledger)
    views.catch_up()
    if differences := views.differences():
        yield f"views differ from a rebuild: {differences[:3]}"
    views.close()
    house.close()


def run(setting: Setting) -> list[Line]:
    """Kill as often as there are trials."""
    trials, load = cycles(setting)
    rows = sum(len(answer.rows) for answer in load.answers.values())
    shutil.rmtree(setting.folder, ignore_errors=True)
    seen = (
        f"{spaced(rows)} answered rows there once where they were answered, {load.resent} submissions sent"
        " again, audits clean, views as rebuilt"
    )
    return [trials.line(f"kill -9 under load ({CLIENTS} clients)", seen)]


KILLS = Campaign("kills", "P1–P3", run, trials=60)
