"""What a chunk of statements came to: events to append, what they rest on, an outcome for every row."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from ledger.clock import civil_date, instant
from ledger.commands.base import Decision
from ledger.commands.catalogue import domain_date
from ledger.domain.base import Act, LedgerEvent, Said
from ledger.domain.claims import ROW
from ledger.domain.organisation import Organisation
from ledger.domain.register import Register
from ledger.policy import law
from ledger.policy.findings import Finding, finding
from ledger.privacy.sealing import SubjectKey
from ledger.privacy.vault import VaultEnrolment
from ledger.statements import ReceivedSubmission, Statement

ACCEPTED, WARNED = "accepted", "accepted_with_warnings"
UNCHANGED, HELD, REJECTED = "unchanged", "held", "rejected"


@dataclass(slots=True)
class Outcome:
    """What became of one row (counted from 0)."""

    row: int
    status: str
    findings: tuple[Finding, ...] = ()
    position: int | None = None
    award: UUID | None = None

    @property
    def refused(self) -> bool:
        """Whether the row stops an atomic submission; one that is unchanged does not."""
        return self.status in (HELD, REJECTED)


@dataclass(slots=True)
class Batch:
    """What a chunk came to: events to append with what they rest on, and an outcome for every row."""

    outcomes: list[Outcome] = field(default_factory=list)
    events: list[LedgerEvent] = field(default_factory=list)
    recorded: list[Outcome] = field(default_factory=list)  # one for each event, in their order
    takes: list[tuple[str, bytes, UUID, int]] = field(default_factory=list)
    frees: list[tuple[str, bytes]] = field(default_factory=list)
    reads: dict[UUID, int] = field(default_factory=dict)
    keys: dict[UUID, SubjectKey] = field(default_factory=dict)
    enrolments: dict[str, VaultEnrolment] = field(default_factory=dict)

    def accept(self, row: int, decision: Decision, row_key: bytes | None = None) -> Outcome:
        """Take in a decision that was not refused: its events, claims and reads."""
        events = [event for aggregate in decision.changed for event in aggregate.collect_events()]
        assert len(events) == 1, "one accepted statement is exactly one event"
        event = events[0]
        holder = (event.originator_id, event.originator_version)
        self.takes += [(claim.kind, claim.key, *holder) for claim in decision.takes]
        if row_key is not None:
            self.takes.append((ROW, row_key, *holder))
        self.frees += [(claim.kind, claim.key) for claim in decision.frees]
        for aggregate in decision.reads:
            self.reads.setdefault(aggregate.id, aggregate.version)
        status = WARNED if any(one.severity == "warn" for one in decision.findings) else ACCEPTED
        outcome = Outcome(row, status, decision.findings, award=decision.award)
        self.events.append(event)
        self.recorded.append(outcome)
        return outcome

    def reads_of_others(self) -> tuple[tuple[UUID, int], ...]:
        """Return streams that were read and are not written by this batch, with their versions."""
        written = {event.originator_id for event in self.events}
        return tuple((stream, version) for stream, version in self.reads.items() if stream not in written)


@dataclass(slots=True)
class Circumstances:
    """What every row of a chunk shares."""

    received: ReceivedSubmission
    actor: Organisation
    register: Register  # a fork of the register as it stood at as_of
    as_of: int
    now_us: int
    decided_on: date = field(init=False)  # the civil date used for "future" and "late"

    def __post_init__(self) -> None:
        """Read the calendar once for all rows."""
        self.decided_on = civil_date(self.now_us)

    def act(
        self, statement: Statement, said: Said, row_key: bytes | None = None, row_mac: bytes | None = None
    ) -> Act:
        """Return the act of one statement, under the rule set of its own date."""
        decided_on = self.decided_on
        day = domain_date(statement.kind.type, statement.members) or decided_on
        # A date that has not come yet is refused by the command; no law of the future decides it.
        ruleset = law.rules_on(min(day, decided_on))
        return Act(self.as_of, ruleset.id, decided_on, instant(self.now_us), said, row_key, row_mac)


def refusal(row: int, findings: tuple[Finding, ...]) -> Outcome:
    """Return the outcome of a row that is not recorded: held when a person must decide, else rejected."""
    held = all(one.severity != "block" for one in findings) and any(
        one.severity == "hold" for one in findings
    )
    return Outcome(row, HELD if held else REJECTED, findings)


def atomic_refusal(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Return the outcomes of an atomic submission in which a row was refused: nothing is recorded."""
    return [
        outcome
        if outcome.status in (HELD, REJECTED, UNCHANGED)
        else Outcome(outcome.row, REJECTED, (finding("E920"),))
        for outcome in outcomes
    ]
