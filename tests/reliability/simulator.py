"""One process, one thread, one seed: a ledger, its providers, a network, a clock, witnesses and a monitor.

What happens next is drawn by the seed: something new is posted, something again, or something else under an
old name; requests and answers are late, lost or doubled; the process is stopped between two named steps and
started again; the clock jumps; what is stored is published, witnesses being away or set back; a monitor
looks; an old copy of the database is put back, and the loss accepted. After each step P1 to P6 and P9 are
looked at. A run that does not hold is printed step by step.

Source: LEDGER.md 9.
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from pathlib import Path
from random import Random
from uuid import UUID

from api.client.statements import Statement
from api.client.submission import Submission
from ledger.audit import audit_files
from ledger.deciding.batch import ACCEPTED
from ledger.errors import Conflict, LedgerError, Rollback, Unavailable
from ledger.files import LedgerFiles
from ledger.founding import REGISTRAR
from ledger.log.merkle import leaf_hash, root_of
from ledger.monitor.source import folder as log_in
from ledger.monitor.trusted import Trusted
from ledger.monitor.watching import Watch
from ledger.publisher import Publisher
from ledger.restore import plan_restore, restore
from ledger.witness import open_witness
from tests.crash.steps import PUBLISH_STEPS, WRITE_STEPS
from tests.ledger.audit.tampering import unlocked
from tests.reliability.harness import Campaign, Line, Setting, Trials, refusal_of
from tests.reliability.power import recorded
from tests.support.documents import spaced
from tests.support.ledgers import PROVIDER_KEY, a_study_ledger, people, statement
from tests.support.noting import by_size, noting
from tests.support.rollbacks import put_back, take_copy
from tests.support.witnessing import PASSPHRASE as WITNESS_PASSPHRASE
from tests.support.witnessing import Network, dead, honest, witnessed_publisher
from tests.support.world import ORIGIN, Human, a_result, an_enrolment, identity

STEPS = 60
WITNESSES, ENOUGH = 3, 2
PEOPLE = 200
DAY_US = 86_400_000_000
JUMPS_US = (0, 1_000, 1_000_000, 60_000_000, DAY_US, -1, -900_000, -1_000_000, -1_000_001, -3_600_000_000)
FATES = (*["arrives"] * 6, "is lost", "is doubled", "answer lost", "crash", "crash")  # of a request
_AUDIT_EVERY = 15
_NEVER = ("split", "rollback")  # what no monitor may ever say of an honest log


class Crash(BaseException):
    """The process stops here: no handler of the program under test may take this for an error."""


@dataclass(slots=True)
class Post:
    """What a client posts until it is answered."""

    label: str
    submission: Submission
    told: dict[int, int | None] = field(default_factory=dict)  # row to position, of those that were accepted
    lost: set[int] = field(default_factory=set)  # rows whose loss the ledger has told since
    is_answered: bool = False  # its client has heard


class Simulation:
    """One run. `steps` is what happened so far, in words."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.chance, self.folder = Random(seed), folder
        self.steps: list[str] = []
        self.posts: dict[UUID, Post] = {}
        self.on_their_way: list[UUID] = []
        self.signed: dict[int, set[bytes]] = {}
        self.house = a_study_ledger(folder / "ledger")
        self.network = Network(folder / "witnesses", self.house, WITNESSES)
        self.publisher = self._publisher()
        self.copies: list[tuple[int, Path]] = []
        self._fresh = iter(people(PEOPLE))
        self._registered: list[Human] = []
        self._enrolled: list[tuple[Human, str]] = []
        self._numbers = iter(range(96_001, 99_999))

    def _publisher(self) -> Publisher:
        publisher = witnessed_publisher(self.house, self.network, enough=ENOUGH, deadline_s=5, grace_s=5)
        return noting(publisher, by_size(self.signed))

    # -------------------------------------------------------------- going on

    def go_on(self) -> Iterator[str]:
        """Do what comes next, and yield whatever does not hold afterwards."""
        step: Callable[[], str] = self.chance.choice(
            [
                *[self.say] * 4,
                *[self.deliver] * 8,
                *[self.publish] * 3,
                self.say_again,
                self.contradict,
                self.restart,
                self.jump,
                self.set_right,
                self.witness_changes,
                self.watch,
                self.copy,
                self.roll_back,
            ]
        )
        self.steps.append(step.__name__)
        said = step()
        self.steps[-1] = f"{step.__name__}: {said}"
        yield from self.wrong()

    def finish(self) -> Iterator[str]:
        """Put everything right, deliver what is on its way, and yield what does not hold in the end."""
        self.steps.append("finish")
        self.set_right()
        self._restart()
        for url, witness in self.network.witnesses.items():
            self.network.answers[url] = honest(witness)
        for name in list(self.posts):
            if not self._deliver(name):
                yield "in the end something is not answered"
        self.house.clock.advance(timedelta(minutes=1))
        self.publisher.publish()
        yield from self.wrong()
        yield from self._audit_finds_nothing()

    # -------------------------------------------------------------- clients

    def say(self) -> str:
        """A client has something new to say."""
        kind = self.chance.choice((self._register, self._enrol, self._pass, self._organisations))
        said = kind()
        if not said:
            return "nothing to say"
        label = REGISTRAR if kind in (self._register, self._organisations) else PROVIDER_KEY
        submission = self.house.build(label, said)
        self.posts[submission.jti] = Post(label, submission)
        self.on_their_way.append(submission.jti)
        return f"{kind.__name__[1:]} {len(submission)} as {submission.jti}"

    def _register(self) -> list[Statement]:
        some = list(islice(self._fresh, self.chance.choice((1, 2, 9))))
        self._registered += some
        return [statement("learner.registered", who=identity(one)) for one in some]

    def _enrol(self) -> list[Statement]:
        some = [self._registered.pop() for _ in range(min(3, len(self._registered)))]
        self._enrolled += [(one, outcome) for one in some for outcome in ("LO1", "LO2")]
        return [statement("learner.enrolled", **an_enrolment(one)) for one in some]

    def _pass(self) -> list[Statement]:
        if not self._enrolled:
            return []
        human, outcome = self._enrolled.pop(self.chance.randrange(len(self._enrolled)))
        return [statement("assessment.passed", **a_result(human, outcome))]

    def _organisations(self) -> list[Statement]:
        at = next(self._numbers)
        name = {"en": f"Organisation {at} (demo)"}
        return [
            statement("organisation.registered", number=at, kind="pte", name=name, valid_from="2018-01-01")
        ]

    def say_again(self) -> str:
        """A client posts something that it has posted before."""
        if not self.posts:
            return "nobody"
        name = self.chance.choice(list(self.posts))
        self.on_their_way.append(name)
        return str(name)

    def contradict(self) -> str:
        """Somebody uses an old name for other content: a conflict, and nothing is recorded."""
        answered = [post for post in self.posts.values() if post.is_answered]
        if not answered:
            return "nobody"
        post = self.chance.choice(answered)
        other = [statement("learner.registered", who=identity(one)) for one in people(2, first=90_000)]
        size = self.house.size()
        try:
            self.house.send(self.house.build(post.label, other, jti=post.submission.jti))
        except (Conflict, Unavailable) as error:
            assert self.house.size() == size, "what was refused is recorded"
            return f"{post.submission.jti} refused: {error.code}"
        raise AssertionError(f"other content was accepted under the name {post.submission.jti}")

    # -------------------------------------------------------------- the network

    def deliver(self) -> str:
        """One request arrives, out of order; it or its answer may be lost or doubled on the way."""
        if not self.on_their_way:
            return "nothing"
        at = self.chance.randrange(len(self.on_their_way))
        name = self.on_their_way[at]
        fate = self.chance.choice(
            ("arrives",) * 6 + ("is lost", "is doubled", "answer lost", "crash", "crash")
        )
        if fate != "is doubled":
            del self.on_their_way[at]
        if fate == "is lost":
            self.on_their_way.append(name)  # its client waits in vain, and sends it again
            return f"{name} is lost"
        if fate == "crash":
            return self._crash_at(self.chance.choice(WRITE_STEPS), name)
        if not self._deliver(name, heard=fate != "answer lost"):
            self.on_their_way.append(name)
            return f"{name} unavailable"
        if fate == "answer lost":
            self.on_their_way.append(name)
        return f"{name} {fate}"

    def _deliver(self, name: UUID, *, heard: bool = True) -> bool:
        """Send a submission; note what its client hears. False where it is to be sent again."""
        post = self.posts[name]
        try:
            outcomes = self.house.send(post.submission)
        except Unavailable:
            return False
        told = {one.row: one.position for one in outcomes if one.status.startswith(ACCEPTED)}
        before = {row: at for row, at in post.told.items() if row not in post.lost}
        assert before.items() <= told.items(), f"{name} was answered {before}, and now {told}"
        if heard:
            post.is_answered, post.told, post.lost = True, told, set()
        return True

    def _crash_at(self, step: str, name: UUID) -> str:
        """Stop the process between two steps of a write; its client sends the request again."""
        self.on_their_way.append(name)
        self.house.ledger.store.at_step = _crashing(step)
        try:
            self._deliver(name, heard=False)
        except Crash:
            self._restart()
            return f"{name} stopped at {step}"
        self.house.ledger.store.at_step = _going_on
        return f"{name} never came to {step}"

    # -------------------------------------------------------------- the operator

    def publish(self) -> str:
        """Publish, now and then with a stop between two of its steps."""
        step = self.chance.choice((None, None, None, *PUBLISH_STEPS))
        if step is not None:
            self.publisher.at_step = _crashing(step)
        try:
            published = self.publisher.publish()
        except Crash:
            self._restart()
            return f"stopped at {step}"
        except Unavailable as error:
            return error.code
        finally:
            self.publisher.at_step = _going_on
        return str(published.size if published else 0)

    def restart(self) -> str:
        """Stop the process and start it again."""
        self._restart()
        return ""

    def _restart(self) -> None:
        self.house.reopen()
        self.publisher = self._publisher()
        self.publisher.check()

    def copy(self) -> str:
        """Somebody copies the database."""
        place = self.folder / f"copy-{len(self.steps)}"
        take_copy(self.house, place)
        self.publisher = self._publisher()
        self.copies.append((self.house.size(), place))
        return f"of {self.house.size()} records"

    def roll_back(self) -> str:
        """Put an old copy of the database back: it is found, nothing is written, and its loss is accepted."""
        anchored = max(self.signed, default=0)
        older = [(size, place) for size, place in self.copies if size < anchored]
        if not older or self.house.clock.now_us() < self.house.ledger.store.head().recorded_at_us:
            return "no older copy, or the clock is behind"
        size, place = self.chance.choice(older)
        put_back(self.house, place)
        self._rollback_is_found()
        plan = plan_restore(self.house.ledger)
        for one in plan.receipts:
            self.posts[one.submission].lost.add(one.row - 1)
            self.posts[one.submission].is_answered = False
            self.on_their_way.append(one.submission)
        restore(self.house.ledger, accept_lost=True)
        self.house.reopen()
        self.publisher = self._publisher()
        self.copies = [(held, path) for held, path in self.copies if held <= size]
        return f"to {size} of {anchored} published, {len(plan.receipts)} receipts lost"

    def _rollback_is_found(self) -> None:
        publisher = self._publisher()
        for attempt in (publisher.check, publisher.publish):
            error = refusal_of(attempt)
            assert isinstance(error, Rollback), f"an old copy was put back, and what was said is {error!r}"
            self.house.ledger.fault = error  # as whoever serves does: writing stops
        said = refusal_of(lambda: self.house.register(*people(1, first=95_000)))
        assert isinstance(said, Unavailable), f"writing went on: {said!r}"
        assert said.code == "rollback", said.code

    # -------------------------------------------------------------- clock and witnesses

    def jump(self) -> str:
        """Let the clock go on, jump, or go back."""
        step_us = self.chance.choice(JUMPS_US)
        self.house.clock.advance(timedelta(microseconds=step_us))
        return f"{step_us} µs"

    def set_right(self) -> str:
        """Put the clock right, where it is behind the newest record."""
        behind_us = self.house.ledger.store.head().recorded_at_us - self.house.clock.now_us()
        self.house.clock.advance(timedelta(microseconds=max(behind_us, 0) + 1_000_000))
        return f"{max(behind_us, 0)} µs"

    def witness_changes(self) -> str:
        """Let a witness go away, come back, or start from what it once knew."""
        url = self.chance.choice(list(self.network.witnesses))
        how = self.chance.choice(("away", "back", "copied", "set back"))
        folder = self.folder / "witnesses" / url.removeprefix("https://")
        kept = self.folder / f"kept-{folder.name}"
        if how in ("copied", "set back"):
            self.network.witnesses[url].close()
            if how == "copied" or not kept.exists():
                shutil.copytree(folder, kept, dirs_exist_ok=True)
            else:
                shutil.rmtree(folder)
                shutil.copytree(kept, folder)
            self.network.witnesses[url] = open_witness(folder, WITNESS_PASSPHRASE, clock=self.house.clock)
        self.network.answers[url] = dead if how == "away" else honest(self.network.witnesses[url])
        return f"{folder.name} {how}"

    def watch(self) -> str:
        """A monitor with a memory looks at what is published."""
        if not (self.house.files.anchor / "checkpoint").exists():
            return "nothing is published"
        watch = Watch(self.folder / "monitor.json", Trusted(policy=self.publisher.policy, origin=ORIGIN), ())
        watch.advance(log_in(self.house.files.anchor))
        watch.told()
        seen = watch.result.findings.codes
        assert not seen & set(_NEVER), f"a monitor says {seen} of an honest log"
        return ", ".join(sorted(seen)) or "nothing new"

    # -------------------------------------------------------------- what always holds

    def wrong(self) -> Iterator[str]:
        """Yield the promises that do not hold."""
        rows = self.house.ledger.store.database.reader.execute(
            "SELECT position, entry, leaf, recorded_at_us FROM record ORDER BY position"
        ).fetchall()
        head = self.house.ledger.store.head()
        if [position for position, *_ in rows] != list(range(1, head.size + 1)):
            yield "P3: positions have gaps"
        leaves = [leaf for _, _, leaf, _ in rows]
        if leaves != [leaf_hash(entry) for _, entry, _, _ in rows] or root_of(leaves) != head.root:
            yield "P3: the tree is not that of the records"
        instants = [at_us for *_, at_us in rows]
        if instants != sorted(instants):
            yield "P9: instants go back"
        yield from self._answers_hold()
        if any(len(roots) > 1 for roots in self.signed.values()):
            yield "P4: two roots are signed for one size"
        if len(self.steps) % _AUDIT_EVERY == 0:
            yield from self._audit_finds_nothing()
            yield from self._audit_finds_tampering()

    def _answers_hold(self) -> Iterator[str]:
        places: set[int] = set()
        for name, post in self.posts.items():
            found = recorded(self.house, post.submission)
            kept = {row: at for row, at in post.told.items() if row not in post.lost}
            if not kept.items() <= found.items():
                yield f"P1: {name} was answered {kept}, and is recorded at {found}"
            if places & set(found.values()):
                yield f"P2: {name} shares a record with another"
            places.update(found.values())

    def _audit_finds_nothing(self) -> Iterator[str]:
        found = {(fault.code, fault.where) for fault in self.house.audit().faults}
        if found:
            yield f"audit: {sorted(found)[:5]}"

    def _audit_finds_tampering(self) -> Iterator[str]:
        """Change a value in a copy of the database: P5."""
        place = self.folder / "tampered"
        shutil.rmtree(place, ignore_errors=True)
        take_copy(self.house, place)
        self.publisher = self._publisher()
        column = self.chance.choice(("version", "recorded_at_us", "position"))
        with unlocked(place / "ledger.sqlite") as connection:
            at = self.chance.randrange(1, self.house.size() + 1)
            connection.execute(f"UPDATE record SET {column} = {column} + 1000 WHERE position = {at}")  # noqa: S608
        if audit_files(LedgerFiles(place, self.house.files.anchor)).ok:
            yield f"P5: {column} of record {at} was changed, and no audit finds it"

    def close(self) -> None:
        """Close every file."""
        self.house.close()
        self.network.close()


def _crashing(step: str) -> Callable[[str], None]:
    def at_step(name: str) -> None:
        if name == step:
            raise Crash

    return at_step


def _going_on(_name: str) -> None:
    """Go on."""


def trial(seed: int, folder: Path) -> list[str]:
    """Make one run; return what does not hold, with the steps that led there."""
    simulation = Simulation(seed, folder)
    wrong: list[str] = []
    try:
        for _ in range(STEPS):
            wrong = list(simulation.go_on())
            if wrong:
                break
        else:
            wrong = list(simulation.finish())
    except (AssertionError, LedgerError) as error:
        wrong = [f"{type(error).__name__}: {error}"]
    finally:
        simulation.close()
    shutil.rmtree(folder)
    return [*wrong, *(f"\n  {at} {step}" for at, step in enumerate(simulation.steps, 1))] if wrong else []


def run(setting: Setting) -> list[Line]:
    """Make as many runs as there are trials."""
    trials = Trials("simulator")
    for seed in range(setting.seed, setting.seed + setting.trials):
        trials.add(seed, trial(seed, setting.folder / str(seed)))
    what = "clients, network, clock, witnesses, crashes and old copies, simulated by a seed"
    return [trials.line(what, f"{spaced(trials.tried * STEPS)} steps, and every promise holds after each")]


SIMULATOR = Campaign("simulator", "P1–P6, P9", run, trials=200)
