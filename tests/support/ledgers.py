"""A real ledger in a temporary folder: founded, with a clock that stands still, spoken to as providers do.

    house = a_ledger(tmp_path)                         # founded, regulator registered
    house = a_study_ledger(tmp_path)                   # and 95001 accredited for 6022 (LO1, LO2)
    house.register(ANA)
    house.enrol(ANA)
    (outcome,) = house.post("95001.submission", [statement("assessment.passed", **a_result(ANA))])
    house.publish()
    assert house.audit().ok

Statements are built and signed by the kit (`api.client`), read and submitted as the doors do. The
members that `statement` takes are those of `tests.support.world`, so both worlds speak alike.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from api.client import submission as kit
from api.client.statements import Statement
from ledger.application import Ledger
from ledger.audit import Report, audit
from ledger.checkpoint_signing import CheckpointSigner
from ledger.clock import FixedClock
from ledger.deciding.batch import Outcome
from ledger.files import LedgerFiles
from ledger.founding import REGISTRAR, Charter, founding_statement, prepare_files
from ledger.keys.keystore import KeyStore
from ledger.keys.signer import ED25519, Signer
from ledger.possession import prove_possession
from ledger.publisher import Published, Publisher
from ledger.statements import ReceivedSubmission, read_submission
from ledger.store.anchor import Anchor
from tests.support.world import (
    MIDDAY,
    ORIGIN,
    PROVIDER,
    REGULATOR,
    Human,
    a_listing,
    a_result,
    an_award,
    an_enrolment,
    identity,
    synthetic_nsn,
)

PASSPHRASE = b"a passphrase that lives for one test"
SCRYPT_N = 16  # real ledgers ask for 2**15: a tenth of a second at every opening
CHARTER = Charter(
    ORIGIN, "ledger.example", REGULATOR, "Demo Qualifications Authority (demo)", "Operator (demo)"
)
PROVIDER_KEY = "95001.submission"


@dataclass
class House:
    """One ledger with its keys and its clock; `reopen` is a new start of the process."""

    files: LedgerFiles
    keystore: KeyStore
    clock: FixedClock
    ledger: Ledger
    speakers: dict[str, UUID] = field(default_factory=dict)  # key label to organisation

    # -------------------------------------------------------------- speaking

    def signer(self, label: str) -> Signer:
        """Return the key under a label."""
        return self.keystore.get(label)

    def build(
        self, label: str, statements: Iterable[Statement | Mapping[str, Any]], **options: Any
    ) -> kit.Submission:
        """Return a submission of whoever speaks with that key; options are those of the kit's `build`."""
        settings: dict[str, Any] = {
            "signer": self.signer(label),
            "organisation": self.speakers[label],
            "origin": ORIGIN,
            "now_s": self.clock.now_us() // 1_000_000,
        }
        return kit.build(statements, **{**settings, **options})

    def post(
        self, label: str, statements: Iterable[Statement | Mapping[str, Any]], **options: Any
    ) -> list[Outcome]:
        """Build, sign and submit statements; return an outcome for each."""
        return self.send(self.build(label, statements, **options))

    def must(
        self, label: str, statements: Iterable[Statement | Mapping[str, Any]], **options: Any
    ) -> list[Outcome]:
        """Post what the test takes for granted."""
        outcomes = self.post(label, statements, **options)
        refused = [one for one in outcomes if not one.status.startswith("accepted")]
        assert not refused, refused[:3]
        return outcomes

    def send(self, submission: kit.Submission) -> list[Outcome]:
        """Submit what the kit has built."""
        return self.ledger.submit(received(submission))

    # -------------------------------------------------------------- words

    def organisation(self, number: int, *roles: str, kind: str = "pte") -> None:
        """Register an organisation with roles."""
        name = {"en": f"Organisation {number} (demo)"}
        said = [
            statement("organisation.registered", number=number, kind=kind, name=name, valid_from="2018-01-01")
        ]
        said += [
            statement("organisation.role_granted", organisation=number, role=role, valid_from="2018-08-22")
            for role in roles
        ]
        self.must(REGISTRAR, said)

    def key(self, label: str, number: int, *purposes: str, alg: str = ED25519) -> Signer:
        """Make a key, register it to an organisation, and speak with it under its label."""
        signer = self.keystore.create(label, alg)
        self.must(REGISTRAR, [registration_of(signer, number, *(purposes or ("submission",)))])
        self.speakers[label] = kit.organisation_id(number)
        return signer

    def listing(self, code: str = "6022", **changes: Any) -> None:
        """Put a micro-credential on the register."""
        self.must(REGISTRAR, [statement("microcredential.registered", **a_listing(code, **changes))])

    def accredited(self, number: int, code: str = "6022") -> None:
        """Accredit a provider."""
        said = statement(
            "accreditation.granted", provider=number, code=code, versions=[1], valid_from="2023-03-01"
        )
        self.must(REGISTRAR, [said])

    def register(self, *humans: Human) -> list[Outcome]:
        """Register learners."""
        return self.must(REGISTRAR, [statement("learner.registered", who=identity(one)) for one in humans])

    def enrol(self, *humans: Human, label: str = PROVIDER_KEY) -> list[Outcome]:
        """Enrol learners in 6022."""
        return self.must(label, [statement("learner.enrolled", **an_enrolment(one)) for one in humans])

    def passed(self, *humans: Human, label: str = PROVIDER_KEY) -> list[Outcome]:
        """Record an achieved result on both outcomes of 6022."""
        said = [
            statement("assessment.passed", **a_result(one, outcome))
            for one in humans
            for outcome in ("LO1", "LO2")
        ]
        return self.must(label, said)

    def award(self, *humans: Human, label: str = PROVIDER_KEY) -> list[Outcome]:
        """Award 6022."""
        return self.must(label, [statement("microcredential.awarded", **an_award(one)) for one in humans])

    # -------------------------------------------------------------- the operator's side

    def publisher(self) -> Publisher:
        """Return a publisher of this ledger's log."""
        anchor = Anchor(self.files.anchor, ORIGIN)
        signer = CheckpointSigner(ORIGIN, self.keystore, self.ledger.register)
        return Publisher(self.ledger.store, anchor, signer, self.clock)

    def publish(self) -> Published | None:
        """Publish everything recorded so far."""
        return self.publisher().publish()

    def audit(self, *, with_keys: bool = True) -> Report:
        """Audit the ledger."""
        return audit(self.ledger, with_keys=with_keys)

    def size(self) -> int:
        """Return the number of records."""
        return self.ledger.store.head().size

    def close(self) -> None:
        """Close every file."""
        self.ledger.close()

    def reopen(self) -> None:
        """Close every file and start again."""
        self.close()
        self.ledger = Ledger(self.files, PASSPHRASE, clock=self.clock)


def received(submission: kit.Submission) -> ReceivedSubmission:
    """Return a submission as the ledger reads it from the wire."""
    return read_submission(submission.body().splitlines(), origin=ORIGIN)


def statement(type_: str, who: Mapping[str, Any] | None = None, **members: Any) -> Statement:
    """Return a statement from the words of `tests.support.world`: dates as text, absent ones left out.

    Its member `by` is for that world; here the key says who speaks.
    """
    said = {
        name.removesuffix("_"): value for name, value in members.items() if value is not None and name != "by"
    }
    return Statement(_plain({"type": type_, "v": 1, **said}), None if who is None else _plain(who))


def registration_of(signer: Signer, number: int, *purposes: str, origin: str = ORIGIN) -> Statement:
    """Return the statement that registers a key to an organisation, with its possession proof."""
    return statement(
        "key.registered",
        organisation=number,
        jwk=signer.public_key_jwk(),
        purposes=list(purposes),
        custody="own",
        not_before="2026-01-01",
        possession=prove_possession(signer, kit.organisation_id(number), origin),
    )


def people(number: int, *, first: int = 100) -> list[Human]:
    """Return made-up people, the same ones every time."""
    return [Human(synthetic_nsn(first + place), f"P{place}", "Brook") for place in range(number)]


def open_house(folder: Path, clock: FixedClock | None = None) -> House:
    """Open the ledger in `folder` as a process that starts would; only the registrar speaks yet."""
    files, clock = LedgerFiles(folder), clock or FixedClock(MIDDAY)
    house = House(files, KeyStore(files.keys, PASSPHRASE), clock, Ledger(files, PASSPHRASE, clock=clock))
    house.speakers[REGISTRAR] = kit.organisation_id(REGULATOR)
    if house.keystore.has(PROVIDER_KEY):
        house.speakers[PROVIDER_KEY] = kit.organisation_id(PROVIDER)
    return house


def an_empty_ledger(folder: Path, clock: FixedClock | None = None) -> House:
    """Make the files and keys of a ledger in which nothing was said yet."""
    prepare_files(LedgerFiles(folder), PASSPHRASE, scrypt_n=SCRYPT_N)
    return open_house(folder, clock)


def a_ledger(folder: Path, clock: FixedClock | None = None) -> House:
    """Found a ledger and register its regulator."""
    house = an_empty_ledger(folder, clock)
    house.must(REGISTRAR, [founding_statement(house.keystore, CHARTER, house.clock.now_us())])
    house.organisation(REGULATOR, kind="nzqa")
    return house


def a_study_ledger(folder: Path, clock: FixedClock | None = None) -> House:
    """Found a ledger where 95001 has a key and is accredited for 6022 (LO1, LO2)."""
    house = a_ledger(folder, clock)
    house.organisation(PROVIDER, "provider")
    house.key(PROVIDER_KEY, PROVIDER)
    house.listing()
    house.accredited(PROVIDER)
    return house


def an_enrolled_ledger(folder: Path, learners: Sequence[Human]) -> House:
    """Found a study ledger where these learners are enrolled, and publish it."""
    house = a_study_ledger(folder)
    house.register(*learners)
    house.enrol(*learners)
    house.publish()
    return house


def a_full_ledger(folder: Path, learners: Sequence[Human]) -> House:
    """Found a study ledger where these learners were enrolled, passed and awarded, and publish it twice."""
    house = a_study_ledger(folder)
    house.publish()
    house.clock.advance(timedelta(minutes=1))
    house.register(*learners)
    house.enrol(*learners)
    house.passed(*learners)
    house.award(*learners)
    house.publish()
    return house


def _plain(value: Any) -> Any:
    """Return a JSON value of what the words of the world are made of."""
    if isinstance(value, date | UUID):
        return str(value)
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
