"""A small world to decide in: a founded ledger, organisations, listings, learners, without a store.

Every word says one statement through the real commands, by the rule set of its date, and takes
what was accepted into the world, as the application would. `world.say` returns the decision; the
other words insist that it was accepted, so that a test shows only what matters.

    world = a_world()
    world.provider(95001)
    world.listing("6022", outcomes=("LO1", "LO2"))
    world.accredited(95001, "6022")
    world.enrolled(ANA, "6022")
    decision = world.say("assessment.passed", **a_result(ANA, "LO1"))
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.commands.base import Decision, Person, Request, Slot
from ledger.commands.catalogue import COMMANDS, domain_date
from ledger.domain.award import Award
from ledger.domain.base import PUBLIC, Act, LedgerAggregate, LedgerEvent
from ledger.domain.claims import Claim, award_claim, claims_of
from ledger.domain.enrolment import Enrolment
from ledger.domain.learner import Learner
from ledger.domain.organisation import Organisation
from ledger.domain.register import Register
from ledger.ids import public_id
from ledger.keys.signer import jwk_of
from ledger.policy import law

REGULATOR = 95000
PROVIDER = 95001
ORIGIN = "ledger.example/log"
TODAY = date(2026, 11, 22)
MIDDAY = datetime(2026, 11, 22, tzinfo=UTC)

# Names of members that Python reserves: `from_=…` says `from`.
_RESERVED = {"from_": "from"}


@dataclass(frozen=True)
class Human:
    """Somebody made up: an NSN that no real person can have, and a name."""

    nsn: str
    given: str
    family: str
    date_of_birth: date = date(2001, 2, 3)

    @property
    def name_id(self) -> str:
        """The five-character code that providers send."""
        return self.family[:4].upper().ljust(4) + self.given[0].upper()

    @property
    def learner_id(self) -> UUID:
        """The id that the world gives to this learner."""
        return UUID(int=int(self.nsn))


def synthetic_nsn(number: int) -> str:
    """Return an NSN that begins with 9, so is never a real one. Source: DOMAIN.md Appendix B."""
    digits = f"9{number:08d}"
    carry = 10
    for digit in digits:
        carry = ((int(digit) + carry) % 10 or 10) * 2 % 11
    return digits + str((11 - carry) % 10)


ANA = Human(synthetic_nsn(1), "Ana", "Brook")
BEN = Human(synthetic_nsn(2), "Ben", "Cliff", date(1999, 12, 31))


@dataclass
class World:
    """What has been said and accepted so far."""

    today: date = TODAY
    register: Register = field(default_factory=Register)
    learners: dict[str, Learner] = field(default_factory=dict)
    humans: dict[str, Human] = field(default_factory=dict)
    enrolments: dict[tuple[int, str], Enrolment] = field(default_factory=dict)
    awards: dict[UUID, list[Award]] = field(default_factory=dict)
    taken: dict[Claim, UUID] = field(default_factory=dict)
    history: list[LedgerEvent] = field(default_factory=list)

    # -------------------------------------------------------------- saying

    def say(
        self, statement: str, by: int | str = REGULATOR, who: Mapping[str, Any] | None = None, **members: Any
    ) -> Decision:
        """Decide a statement; when it is accepted, it has happened in this world."""
        members = {_RESERVED.get(name, name): value for name, value in members.items() if value is not None}
        request = self.request(statement, by, who or {}, members)
        decision = COMMANDS[statement](request)
        if decision.refused:
            assert not decision.changed, "a refused statement changes nothing"
        else:
            self._happen(request, decision)
        return decision

    def must(self, statement: str, by: int | str = REGULATOR, **members: Any) -> Decision:
        """Say something that the test takes for granted."""
        decision = self.say(statement, by, **members)
        assert not decision.refused, (statement, decision.findings)
        return decision

    def request(
        self, statement: str, by: int | str, who: Mapping[str, Any], members: Mapping[str, Any]
    ) -> Request:
        """Return what the application would hand to the command."""
        day = domain_date(statement, members) or self.today
        ruleset = law.rules_on(min(day, self.today))
        position = len(self.history)
        act = Act(position, ruleset.id, self.today, MIDDAY + timedelta(seconds=position))
        request = Request(statement, members, who, act, self._actor(by), self.register.fork())
        self._complete(request, by)
        return request

    def _actor(self, by: int | str) -> Organisation:
        known = self.register.organisation(by)
        if known is not None:
            return known
        stream = public_id("organisation", by)
        return Organisation.provisional(stream, int(by), "Demo Qualifications Authority (demo)", MIDDAY)

    def _complete(self, request: Request, by: int | str) -> None:
        who, members = request.who, request.members
        human = self.humans.get(who.get("nsn", ""))
        if human is not None:
            learner = self.learners.get(human.nsn)
            request.person = Person(human.learner_id, learner, (human.name_id,), human.date_of_birth)
        if request.type == "learner.registered":
            request.new_id = UUID(int=int(who["nsn"]))
        if request.type == "learner.enrolled":
            request.new_id = UUID(int=1_000 + len(self.enrolments))
        if request.type == "award.revoked":
            request.awards = tuple(
                one for held in self.awards.values() for one in held if one.id == members["award"]
            )
            return
        request.enrolment = self.enrolments.get((int(by), who.get("enrolment_ref", "")))
        if request.enrolment is not None and request.person is not None:
            request.awards = tuple(self.awards.get(request.enrolment.id, ()))
            claim = award_claim(request.person.learner_id, members["code"])
            request.award_in_force = self.taken.get(claim)
            number = len(self.taken)
            request.slot = Slot(1, number, UUID(int=2_000 + number))
            request.name = "a name"

    def _happen(self, request: Request, decision: Decision) -> None:
        (changed,) = decision.changed
        (event,) = changed.collect_events()
        assert isinstance(event, LedgerEvent)
        self.history.append(event)
        if event.PRIVACY == PUBLIC:
            # Not the fork that the command changed: the register learns from events alone.
            self.register.apply(event, len(self.history))
        self._keep(request, changed)
        # What a decision claims is what the record will say it took: audit derives it from that.
        claimed = claims_of(event, lambda _: changed.code)  # type: ignore[attr-defined]
        assert claimed == (decision.takes, decision.frees)
        self.taken.update(dict.fromkeys(decision.takes, changed.id))
        for claim in decision.frees:
            self.taken.pop(claim)

    def _keep(self, request: Request, changed: LedgerAggregate) -> None:
        if isinstance(changed, Learner):
            self.learners[request.who["nsn"]] = changed
        elif isinstance(changed, Enrolment):
            assert request.actor.number is not None
            self.enrolments[request.actor.number, request.who["enrolment_ref"]] = changed
        elif isinstance(changed, Award) and request.type == "microcredential.awarded":
            self.awards.setdefault(changed.enrolment, []).append(changed)

    # -------------------------------------------------------------- words: the register

    def organisation(self, number: int | None, kind: str = "pte", body: str | None = None) -> None:
        """Register an organisation."""
        name = {"en": f"Organisation {number or body} (demo)"}
        self.must(
            "organisation.registered",
            number=number,
            body=body,
            kind=kind,
            name=name,
            valid_from=date(2018, 1, 1),
        )

    def provider(self, number: int, kind: str = "pte", since: date = date(2018, 8, 22)) -> None:
        """Register an organisation that is a provider."""
        self.organisation(number, kind)
        self.must("organisation.role_granted", organisation=number, role="provider", valid_from=since)

    def listing(self, code: str = "6022", **changes: Any) -> None:
        """Put a micro-credential of two outcomes on the register."""
        self.must("microcredential.registered", **a_listing(code, **changes))

    def status(self, code: str, status: str, since: date, version: int = 1) -> None:
        """Set the status of a listing."""
        self.must(
            "microcredential.status_set",
            code=code,
            version=version,
            status=status,
            from_=since,
            cause="no_longer_needed",
        )

    def accredited(
        self, number: int, code: str = "6022", since: date = date(2023, 3, 1), versions: Sequence[int] = (1,)
    ) -> None:
        """Accredit a provider."""
        self.must(
            "accreditation.granted", provider=number, code=code, versions=list(versions), valid_from=since
        )

    def accreditation_ended(self, number: int, code: str, on: date) -> None:
        """End an accreditation; it holds for the last time on that day."""
        self.must("accreditation.ended", provider=number, code=code, ended_on=on, reason="withdrawn")

    # -------------------------------------------------------------- words: people

    def learner(self, human: Human) -> None:
        """Register a learner."""
        self.humans[human.nsn] = human
        self.must("learner.registered", who=identity(human))

    def enrolled(
        self, human: Human, code: str = "6022", start_on: date = date(2026, 1, 12), by: int = PROVIDER
    ) -> None:
        """Enrol a learner, registering one who is not."""
        if human.nsn not in self.learners:
            self.learner(human)
        self.must("learner.enrolled", **an_enrolment(human, code, start_on=start_on, by=by))

    def passed(self, human: Human, *outcomes: str, on: date = date(2026, 3, 2), grade: str = "A") -> None:
        """Record an achieved result on each outcome."""
        for outcome in outcomes:
            self.must("assessment.passed", **a_result(human, outcome, assessed_on=on, grade=grade))

    def awarded(self, human: Human, code: str = "6022", **changes: Any) -> UUID:
        """Award, and return the award's id."""
        award = self.must("microcredential.awarded", **an_award(human, code, **changes)).award
        assert award is not None
        return award


def a_world(today: date = TODAY) -> World:
    """Return a founded ledger whose regulator is registered."""
    world = World(today)
    world.must("ledger.founded", **a_founding())
    world.organisation(REGULATOR, "nzqa")
    return world


def a_study(today: date = TODAY) -> World:
    """Return a world where provider 95001 is accredited for 6022 (LO1, LO2) and Ana is enrolled in it."""
    world = a_world(today)
    world.provider(PROVIDER)
    world.listing("6022")
    world.accredited(PROVIDER, "6022")
    world.enrolled(ANA, "6022")
    return world


def a_jwk(number: int) -> dict[str, str]:
    """Return a public key that is the same every time."""
    key = Ed25519PrivateKey.from_private_bytes(number.to_bytes(32, "big"))
    return jwk_of(key.public_key())


def a_founding() -> dict[str, Any]:
    """Return the members of a founding."""
    return {
        "origin": ORIGIN,
        "host": "ledger.example",
        "log_keys": ["ledger.example/log+00000000+AA"],
        "registrar": {
            "number": REGULATOR,
            "name": "Demo Qualifications Authority (demo)",
            "jwk": a_jwk(0),
            "possession": "a.b.c",
        },
        "operator": {
            "name": "Operator (demo)",
            "checkpoint": a_jwk(1),
            "receipt": a_jwk(2),
            "credential": a_jwk(3),
        },
        "made_at": "2026-11-22T01:02:03Z",
    }


def a_listing(code: str = "6022", **changes: Any) -> dict[str, Any]:
    """Return the members of a listing that every rule set since 2023 accepts, with changes."""
    outcomes = changes.pop("outcomes", ("LO1", "LO2"))
    members = {
        "code": code,
        "version": 1,
        "title": "Modular Building Assembly (Micro-credential)",
        "purpose": "For people who assemble modular buildings.",
        "relevance": "Builders asked for it.",
        "level": 4,
        "credits": 20,
        "nzsced": "040399",
        "outcomes": [
            {"id": outcome, "text": f"Can do {outcome}.", "standards": [{"no": 90001, "version": 1}]}
            for outcome in outcomes
        ],
        "assessment": "Observed on site.",
        "developer": REGULATOR,
        "qa_approach": "standard",
        "review_months": 12,
        "listed_on": date(2023, 3, 1),
        "languages": ["en"],
    }
    return {**members, **changes}


def identity(human: Human) -> dict[str, Any]:
    """Return the identity columns that register a learner."""
    return {
        "nsn": human.nsn,
        "name": {"given": human.given, "family": human.family},
        "date_of_birth": human.date_of_birth,
    }


def reference(human: Human, code: str = "6022") -> str:
    """Return the reference under which the words enrol somebody."""
    return f"{human.given}-{code}"


def _who(human: Human, code: str) -> dict[str, Any]:
    return {"nsn": human.nsn, "name_id": human.name_id, "enrolment_ref": reference(human, code)}


def an_enrolment(human: Human, code: str = "6022", **changes: Any) -> dict[str, Any]:
    """Return what `say` needs for an enrolment that is accepted, with changes; `by`, `who` among them."""
    said = {
        "by": PROVIDER,
        "who": _who(human, code),
        "code": code,
        "start_on": date(2026, 1, 12),
        "mode": "workplace",
        "language": "en",
        "funding": "employer",
    }
    return {**said, **changes}


def a_result(human: Human, outcome: str = "LO1", code: str = "6022", **changes: Any) -> dict[str, Any]:
    """Return what `say` needs for a result that is accepted, with changes."""
    said = {
        "by": PROVIDER,
        "who": _who(human, code),
        "code": code,
        "outcome": outcome,
        "grade": "A",
        "method": "assessed",
        "assessed_on": date(2026, 3, 2),
    }
    return {**said, **changes}


def an_award(human: Human, code: str = "6022", **changes: Any) -> dict[str, Any]:
    """Return what `say` needs for an award that is accepted once every outcome is, with changes."""
    said = {
        "by": PROVIDER,
        "who": _who(human, code),
        "code": code,
        "completed_on": date(2026, 9, 30),
        "conferred_on": date(2026, 9, 30),
        "basis": "accredited",
        "funding": "employer",
    }
    return {**said, **changes}


def codes(decision: Decision) -> list[str]:
    """Return the codes of a decision's findings, in order."""
    return [one.code for one in decision.findings]
