"""What drills play on: a small invented ledger, its provider and learners, a witness and a monitor."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from api.cli import demo as data_of
from api.cli.demonstration import CHARTER
from api.client.statements import Statement
from api.client.submission import Submission, build, organisation_id
from api.house import House, close_house, furnish
from api.operations.custody import take_into_custody
from api.operations.registrar import found, say_or_fail
from api.settings import Settings
from ledger.application import Ledger
from ledger.clock import FixedClock
from ledger.cosigning import Reply
from ledger.deciding.batch import Outcome
from ledger.files import LedgerFiles
from ledger.keys.keystore import custody_label
from ledger.monitor.source import folder as log_in
from ledger.monitor.trusted import Trusted
from ledger.monitor.watching import Watch
from ledger.statements import read_submission
from ledger.witness.folder import create_witness
from ledger.witness.service import Witness

PASSPHRASE = b"a passphrase that lives for one drill"
PROVIDER = data_of.PROVIDER
CODE, OUTCOMES = "6022", ("LO1", "LO2")
WITNESS_URL = "https://witness.example/"
BEGIN = datetime(2026, 11, 20, 0, 0, tzinfo=UTC)


class Stage:
    """One ledger in a folder. `witness` is shared by everything that was copied from it."""

    def __init__(self, folder: Path, clock: FixedClock, witness: Witness) -> None:
        self.files, self.clock, self.witness = LedgerFiles(folder), clock, witness
        self._settings = Settings()
        self._house: House | None = None

    # -------------------------------------------------------------- opening, copying

    @classmethod
    def found(cls, folder: Path, begin: datetime = BEGIN) -> "Stage":
        """Found a ledger with one provider that may award one micro-credential, witnessed from the start."""
        clock = FixedClock(begin)
        witness = create_witness(folder / "witness", "witness.example/w1", PASSPHRASE, clock=clock)
        stage = cls(folder / "ledger", clock, witness)
        ledger = found(stage.files, PASSPHRASE, CHARTER, clock=clock)
        witness.add_log(ledger.founding.log_keys)
        names = [f"w{number}" for number, _ in enumerate(witness.vkeys)]
        lines = [
            f"witness {name} {vkey} {WITNESS_URL}" for name, vkey in zip(names, witness.vkeys, strict=True)
        ]
        stage.files.policy.write_text("\n".join([*lines, f"group all all {' '.join(names)}", "quorum all\n"]))
        stage._open(ledger)
        say_or_fail(ledger, _REGISTER)
        take_into_custody(ledger, [PROVIDER])
        stage.publish()
        return stage

    def copied(self, folder: Path) -> "Stage":
        """Return another ledger with the same files, keys and past, under a clock of its own."""
        close_house(self.house)
        shutil.copytree(self.files.folder, folder)
        clock = FixedClock(BEGIN)
        clock.advance(timedelta(microseconds=self.clock.now_us() - clock.now_us()))
        other = Stage(folder, clock, self.witness)
        self.open()
        other.open()
        return other

    @property
    def house(self) -> House:
        """The ledger as it is open now."""
        assert self._house is not None, "it is open"
        return self._house

    def open(self) -> House:
        """Open the ledger as a process that starts would."""
        self._open(Ledger(self.files, PASSPHRASE, clock=self.clock))
        return self.house

    def _open(self, ledger: Ledger) -> None:
        self._house = furnish(ledger, self._settings, transport=self._transport)

    def close(self) -> None:
        """Close the ledger's files."""
        close_house(self.house)

    def _transport(self, _url: str, body: bytes) -> Reply:
        answer = self.witness.add_checkpoint(body)
        return Reply(answer.status, answer.content_type, answer.body)

    # -------------------------------------------------------------- what happens

    def publish(self) -> None:
        """Let a minute pass, fold and publish; witnesses are asked."""
        self.clock.advance(timedelta(minutes=1))
        self.house.catch_up()

    def say(self, statements: Sequence[Statement]) -> Submission:
        """Post what the provider says; all of it is accepted. Return the submission, to be posted again."""
        ledger, organisation = self.house.ledger, organisation_id(PROVIDER)
        submission = build(
            statements,
            signer=ledger.signer(custody_label(PROVIDER, "submission"), organisation, "submission"),
            organisation=organisation,
            origin=ledger.founding.origin,
            now_s=ledger.clock.now_us() // 1_000_000,
        )
        outcomes = self.post(submission)
        assert all(one.position is not None for one in outcomes), outcomes
        return submission

    def post(self, submission: Submission) -> list[Outcome]:
        """Post a submission, the first time or again."""
        origin = self.house.ledger.founding.origin
        return self.house.ledger.submit(read_submission(list(submission.lines()), origin=origin))

    def enrolled(self, number: int) -> Submission:
        """Register and enrol the learner of a number; return the provider's submission."""
        who = data_of.learners()[number]
        say_or_fail(self.house.ledger, [Statement({"type": "learner.registered", "v": 1}, who)])
        return self.say([_statement("learner.enrolled", number, **_ENROLMENT)])

    def result(self, number: int, outcome: str, grade: str = "A") -> Submission:
        """Record a result of an enrolled learner."""
        return self.say([_statement("assessment.passed", number, outcome=outcome, grade=grade, **_RESULT)])

    def awarded(self, number: int) -> UUID:
        """Take a learner from registration to an award, and return the learner's id."""
        self.enrolled(number)
        for outcome in OUTCOMES:
            self.result(number, outcome)
        self.say([_statement("microcredential.awarded", number, **_AWARD)])
        (person,) = self.house.ledger.vault.people([data_of.learners()[number]["nsn"]]).values()
        return person.learner_id

    # -------------------------------------------------------------- who looks

    def monitor(self, state: Path, *, at: "Stage | None" = None) -> set[str]:
        """Let an outsider with a memory look at the published log; return the codes of what was found."""
        looked_at = at or self
        watch = Watch(state, self.trusted, ())
        watch.advance(log_in(looked_at.files.anchor))
        watch.told()
        return watch.result.findings.codes

    @property
    def trusted(self) -> Trusted:
        """What outsiders believe: the log's keys and its witness, by the policy."""
        return Trusted(policy=self.house.publisher.policy, origin=CHARTER.origin)

    def witness_state(self) -> str:
        """Return how the witness answered last."""
        cosigning = self.house.publisher.cosigning
        assert cosigning is not None
        (state,) = cosigning.states()
        return state.state


@contextmanager
def a_stage(folder: Path, begin: datetime = BEGIN) -> Iterator[Stage]:
    """Found a ledger in a folder, and close it at the end."""
    stage = Stage.found(folder, begin)
    try:
        yield stage
    finally:
        # What a drill did to the files may keep the ledger from closing; what it found stands already.
        with suppress(Exception):
            stage.close()
        stage.witness.close()


def _statement(kind: str, number: int, **members: Any) -> Statement:
    learner = data_of.learners()[number]
    who = {
        "nsn": learner["nsn"],
        "date_of_birth": learner["date_of_birth"],
        "enrolment_ref": f"DRILL-{number}",
    }
    return Statement({"type": kind, "v": 1, "code": CODE, **members}, who)


_ENROLMENT = {"start_on": "2026-01-12", "mode": "workplace", "language": "en", "funding": "employer"}
_RESULT = {"method": "assessed", "assessed_on": "2026-03-02"}
_AWARD = {
    "completed_on": "2026-09-30",
    "conferred_on": "2026-09-30",
    "basis": "accredited",
    "funding": "employer",
}
_REGISTER: list[dict[str, Any]] = [
    {
        "type": "organisation.registered",
        "v": 1,
        "number": PROVIDER,
        "kind": "pte",
        "name": {"en": "Drill Provider (demo)"},
        "valid_from": "2018-08-22",
    },
    {
        "type": "organisation.role_granted",
        "v": 1,
        "organisation": PROVIDER,
        "role": "provider",
        "valid_from": "2018-08-22",
    },
    {
        "type": "microcredential.registered",
        "v": 1,
        "code": CODE,
        "version": 1,
        "title": "Modular Building Assembly (demo)",
        "purpose": "For people who assemble modular buildings.",
        "relevance": "Builders asked for it.",
        "level": 4,
        "credits": 20,
        "nzsced": "040399",
        "outcomes": [{"id": outcome, "text": f"Can do {outcome}."} for outcome in OUTCOMES],
        "assessment": "Observed on site.",
        "developer": CHARTER.registrar_number,
        "qa_approach": "standard",
        "review_months": 12,
        "listed_on": "2023-03-01",
        "languages": ["en"],
    },
    {
        "type": "accreditation.granted",
        "v": 1,
        "provider": PROVIDER,
        "code": CODE,
        "versions": [1],
        "valid_from": "2023-03-01",
    },
]
