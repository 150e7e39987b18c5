"""What a command is given and what it gives back.

A command is a function of one `Request`. It is handed everything it may look at: the statement,
the act (rules, dates, position), the register as it stands, and the private streams that the
application loaded. It asks the pure policy, changes aggregates by recording events on them, and
returns them with the findings. It never loads, saves, draws ids or reads a clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from ledger.domain.award import Award
from ledger.domain.base import Act, LedgerAggregate
from ledger.domain.claims import Claim
from ledger.domain.enrolment import Enrolment
from ledger.domain.forgetting import Forgetting
from ledger.domain.learner import Learner
from ledger.domain.organisation import Organisation
from ledger.domain.register import Register
from ledger.policy.findings import Finding


@dataclass(frozen=True, slots=True)
class Person:
    """A learner as the look-ups know one: reserved when `learner` is None, else registered."""

    learner_id: UUID
    learner: Learner | None
    name_ids: tuple[str, ...]
    date_of_birth: date | None


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in a status list and the id of the credential that will point at it."""

    status_list: int
    status_index: int
    credential_id: UUID


@dataclass(slots=True)
class Request:
    """One statement, ready to be decided."""

    type: str
    members: Mapping[str, Any]  # typed: dates are `date`, whole numbers `int`; absent members are missing
    who: Mapping[str, Any]  # identity columns, typed likewise; empty where no person is concerned
    act: Act
    actor: Organisation
    register: Register  # a fork: commands may change what it holds through its edit_* methods
    person: Person | None = None  # who the NSN belongs to, None when unknown
    new_id: UUID | None = None  # for a stream that this statement may begin (learner, enrolment)
    enrolment: Enrolment | None = None  # found by (provider, enrolment_ref)
    awards: tuple[Award, ...] = ()  # awards of that enrolment by ordinal; for award.revoked the one award
    award_in_force: UUID | None = None  # the learner's award in force for this code, from any enrolment
    slot: Slot | None = None  # for microcredential.awarded
    name: str | None = None  # for microcredential.awarded: the learner's name, unsealed by the application
    forgotten: bool = False  # the NSN is that of somebody who was forgotten, and who cannot be told any more
    kid: str = ""  # for forgetting: thumbprint of the key that signed it
    learner: Learner | None = None  # for forgetting.requested: whom it names
    # For forgetting.requested the one that stands for this learner already, for others the one they name.
    forgetting: Forgetting | None = None


@dataclass(slots=True)
class Decision:
    """What came of a request: changed aggregates with pending events, or none and why."""

    findings: tuple[Finding, ...] = ()
    changed: tuple[LedgerAggregate, ...] = ()
    takes: tuple[Claim, ...] = ()
    frees: tuple[Claim, ...] = ()
    award: UUID | None = None
    reads: tuple[LedgerAggregate, ...] = ()  # read but not written

    @property
    def refused(self) -> bool:
        """Whether a finding blocks or holds the row: nothing may be recorded then."""
        return any(finding.severity in ("block", "hold") for finding in self.findings)
