"""Histories to fold: what a world was told, recorded and sealed in a real store, with keys of its own.

    stand = a_stand(tmp_path, a_study())       # a ledger's store, files and vault, filled from a world
    views = Views(stand)
    stand.world.passed(ANA, "LO1"); stand.record()

`a_random_world(seed)` is one in which much has happened; what was refused did not.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from hashlib import sha256
from itertools import count
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

from eventsourcing.persistence import JSONTranscoder

from ledger.clock import FixedClock
from ledger.commands.base import Request, Slot
from ledger.domain.award import Award
from ledger.domain.registry import EVENTS
from ledger.files import LedgerFiles
from ledger.mapper import LedgerMapper
from ledger.privacy.sealing import SubjectKey
from ledger.store.sqlite import LedgerRecorder
from tests.support.world import (
    MIDDAY,
    PROVIDER,
    Human,
    World,
    a_jwk,
    a_listing,
    a_result,
    a_study,
    an_award,
    an_enrolment,
    reference,
    synthetic_nsn,
)

PEOPLE = tuple(
    Human(synthetic_nsn(10 + place), given, "Brook") for place, given in enumerate(("Ari", "Bea", "Cam"))
)
CODES, PROVIDERS = ("6022", "6033"), (95001, 95002)
OUTCOMES, ROLES = ("LO1", "LO2"), ("provider", "developer")


class Vault:
    """A key for every subject, the same in every run; `forget` takes one away."""

    def __init__(self) -> None:
        self._forgotten: set[UUID] = set()

    def keys(self, subjects: Iterable[UUID]) -> Mapping[UUID, SubjectKey]:
        """Return the keys of these subjects; a forgotten one is absent."""
        return {one: self.key(one) for one in subjects if one not in self._forgotten}

    def key(self, subject: UUID) -> SubjectKey:
        """Return a subject's key."""
        return SubjectKey(subject, sha256(subject.bytes).digest())

    def forget(self, subject: UUID) -> None:
        """Lose a subject's key for ever."""
        self._forgotten.add(subject)


@dataclass
class Stand:
    """What views know of a ledger: its files, its records, its keys and its clock."""

    files: LedgerFiles
    world: World
    clock: FixedClock = field(default_factory=lambda: FixedClock(MIDDAY))
    vault: Vault = field(default_factory=Vault)
    store: LedgerRecorder = field(init=False)

    def __post_init__(self) -> None:
        self.store = LedgerRecorder(self.files.ledger, clock=self.clock)

    def record(self, number: int | None = None) -> int:
        """Record the next `number` events of the world, or all that are left; return the size."""
        mapper = LedgerMapper(JSONTranscoder(), self.vault.key)
        size = self.store.head().size
        events = self.world.history[size : None if number is None else size + number]
        if events:
            self.clock.advance(timedelta(seconds=1))
            self.store.insert_events([mapper.to_stored_event(event) for event in events])
        return self.store.head().size

    def close(self) -> None:
        """Close the store."""
        self.store.close()


def a_stand(folder: Path, world: World | None = None, *, recorded: bool = True) -> Stand:
    """Return a stand in a folder with everything recorded that a world was told."""
    stand = Stand(LedgerFiles(folder), world or a_study())
    if recorded:
        stand.record()
    return stand


class ManyAwards(World):
    """A world that never gives a place in a status list, or a credential id, twice: no ledger does."""

    def request(
        self, statement: str, by: int | str, who: Mapping[str, Any], members: Mapping[str, Any]
    ) -> Request:
        """Return what the application would hand to the command."""
        request = super().request(statement, by, who, members)
        number = len(self.history)
        if request.slot is not None:
            request.slot = Slot(1, number, UUID(int=2_000 + number))
        return request


# ------------------------------------------------------------------ what may happen


def a_class(number: int) -> World:
    """Return a world in which so many have been awarded 6022, every fifth of whom lost it again."""
    world = ManyAwards(**vars(a_study()))
    for place in range(number):
        human = Human(synthetic_nsn(100 + place), f"Given{place}", "Brook")
        world.enrolled(human)
        world.passed(human, *OUTCOMES)
        award = world.awarded(human)
        if place % 5 == 4:
            said = {"award": award, "reason": "duplicate", "effective_on": date(2026, 10, 1)}
            world.must("award.revoked", by=PROVIDER, **said)
    return world


def a_busy_world() -> World:
    """Return a world with two providers and two micro-credentials, in which nobody has enrolled but Ana."""
    world = ManyAwards(**vars(a_study()))
    world.provider(95002)
    world.listing("6033", title="Pāua Farming (Micro-credential)", level=3, credits=5, nzsced="050799")
    world.accredited(95001, "6033")
    world.accredited(95002, "6022")
    return world


def _enrol(world: World, human: Human, code: str, provider: int) -> None:
    if human.nsn not in world.learners:
        world.learner(human)
    if (provider, reference(human, code)) not in world.enrolments:
        world.say("learner.enrolled", **an_enrolment(human, code, by=provider))


def _assess(
    world: World, human: Human, code: str, provider: int, outcome: str, grade: str, day: date
) -> None:
    kind = "assessment.not_achieved" if grade == "N" else "assessment.passed"
    said = a_result(human, outcome, code, grade=grade, assessed_on=day, by=provider)
    world.say(kind, **said)


def _award(world: World, human: Human, code: str, provider: int) -> None:
    """Pass what is left and award, so that awards are not rare."""
    for outcome in OUTCOMES:
        _assess(world, human, code, provider, outcome, "A", date(2026, 3, 2))
    day = date(2026, 11, 20)
    world.say(
        "microcredential.awarded", **an_award(human, code, by=provider, completed_on=day, conferred_on=day)
    )


def _revoke(world: World, which: int) -> None:
    held: list[Award] = [one for awards in world.awards.values() for one in awards]
    if held:
        award = held[which % len(held)]
        said = {"award": award.id, "reason": "issued_in_error", "effective_on": date(2026, 11, 21)}
        world.say("award.revoked", by=award.awarded_by, **said)


def _list_version(world: World, code: str, version: int) -> None:
    world.say("microcredential.registered", **a_listing(code, version=version, title=f"Whāriki {code}"))


def _set_status(world: World, code: str, status: str, day: date) -> None:
    said = {"code": code, "version": 1, "status": status, "from_": day, "cause": "no_longer_needed"}
    world.say("microcredential.status_set", **said)


def _review(world: World, code: str, day: date) -> None:
    said = {
        "code": code,
        "version": 1,
        "reviewed_on": day,
        "outcome": "continue",
        "next_due": date(2027, 11, 1),
    }
    world.say("microcredential.reviewed", **said)


def _grant(world: World, provider: int, code: str, day: date) -> None:
    world.say("accreditation.granted", provider=provider, code=code, versions=[1], valid_from=day)


def _end(world: World, provider: int, code: str, day: date) -> None:
    world.say("accreditation.ended", provider=provider, code=code, ended_on=day, reason="withdrawn")


def _grant_role(world: World, provider: int, role: str, day: date) -> None:
    world.say("organisation.role_granted", organisation=provider, role=role, valid_from=day)


def _end_role(world: World, provider: int, role: str, day: date) -> None:
    world.say("organisation.role_ended", organisation=provider, role=role, ended_on=day)


def _add_key(world: World, provider: int, number: int, purpose: str) -> None:
    said = {"jwk": a_jwk(number), "purposes": [purpose], "custody": "own", "not_before": date(2026, 1, 1)}
    world.say("key.registered", organisation=provider, **said)


def _retire_key(world: World, which: int, day: date) -> None:
    kids = sorted(world.register.keys)
    if kids:
        key = world.register.keys[kids[which % len(kids)]]
        organisation = world.register.organisations[key.organisation]
        world.say("key.retired", organisation=organisation.number, kid=key.kid, from_=day)


def _revoke_key(world: World, which: int) -> None:
    kids = sorted(world.register.keys)
    if kids:
        key = world.register.keys[kids[which % len(kids)]]
        organisation = world.register.organisations[key.organisation]
        said = {
            "kid": key.kid,
            "reason": "lost",
            "suspected_from": world.register.key_positions[key.kid].registered_at + 1,
        }
        world.say("key.revoked", organisation=organisation.number, **said)


def _settle_key(world: World, which: int, statement: str) -> None:
    kids = [kid for kid, key in world.register.keys.items() if key.suspected_from is not None]
    if kids:
        key = world.register.keys[sorted(kids)[which % len(kids)]]
        organisation = world.register.organisations[key.organisation]
        first = key.suspected_from
        world.say(statement, organisation=organisation.number, kid=key.kid, first=first, last=first)


# Learners' moves three times, or the register would be all that moves.
_MOVES: tuple[Callable[[World, Random], None], ...] = (
    lambda world, chance: _enrol(world, *_place(chance)),
    lambda world, chance: _assess(
        world, *_place(chance), chance.choice(OUTCOMES), chance.choice("NAME"), _day(chance)
    ),
    lambda world, chance: _award(world, *_place(chance)),
    lambda world, chance: _revoke(world, chance.randrange(100)),
    lambda world, chance: _list_version(world, chance.choice(CODES), chance.randint(2, 3)),
    lambda world, chance: _set_status(
        world, chance.choice(CODES), chance.choice(("expiring", "discontinued")), date(2026, 11, 1)
    ),
    lambda world, chance: _review(world, chance.choice(CODES), _day(chance)),
    lambda world, chance: _grant(world, chance.choice(PROVIDERS), chance.choice(CODES), _day(chance)),
    lambda world, chance: _end(world, chance.choice(PROVIDERS), chance.choice(CODES), _day(chance)),
    lambda world, chance: _grant_role(world, chance.choice(PROVIDERS), chance.choice(ROLES), _day(chance)),
    lambda world, chance: _end_role(world, chance.choice(PROVIDERS), chance.choice(ROLES), _day(chance)),
    lambda world, chance: _add_key(
        world, chance.choice(PROVIDERS), chance.randint(10, 30), chance.choice(("submission", "credential"))
    ),
    lambda world, chance: _retire_key(world, chance.randrange(100), _day(chance)),
    lambda world, chance: _revoke_key(world, chance.randrange(100)),
    lambda world, chance: _settle_key(
        world, chance.randrange(100), chance.choice(("key.reaffirmed", "key.annulled"))
    ),
)


def _place(chance: Random) -> tuple[Human, str, int]:
    return chance.choice(PEOPLE), chance.choice(CODES), chance.choice(PROVIDERS)


def _day(chance: Random) -> date:
    return date(2026, 1, 1) + timedelta(days=chance.randrange(320))


def a_random_world(seed: int, moves: int = 60) -> World:
    """Return a world in which some of everything has happened; the same seed, the same world."""
    world, chance = a_busy_world(), Random(seed)
    for human in PEOPLE:
        _enrol(world, human, "6022", 95001)
    for _ in range(moves):
        chance.choice((*_MOVES, *_MOVES[:4], *_MOVES[:4]))(world, chance)
    return world


def an_eventful_world() -> World:
    """Return a world in which everything has happened that somebody can say, but that nobody is forgotten."""
    said = {one for one in EVENTS.values() if not one.CONSEQUENCE and not one.TOPIC.startswith("forgetting.")}
    for seed in count():
        world = a_random_world(seed, moves=120)
        if {type(event) for event in world.history} == said:
            return world
    raise AssertionError("unreachable")
