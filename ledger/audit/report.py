"""What an audit found."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ledger.database import DatabaseError
from ledger.errors import LedgerError

FAULTS_MAX = 1000  # reported one by one; the rest is counted
FAULT, WARNING = "fault", "warning"
# What these are about is made from records that have their own checks, and can be made again.
_DERIVED = frozenset(("tile", "head", "view"))


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that does not check: a stable code, where it is, and what is wrong in words.

    derived: it is a copy of records that are whole here.
    """

    code: str
    where: str
    what: str
    derived: bool = False

    @property
    def severity(self) -> str:
        """How bad it is.

        `fault`: something that was recorded, signed or published is not what it should be ·
        `warning`: only something derived is wrong, and can be made again from the records.
        """
        return WARNING if self.derived or self.code in _DERIVED else FAULT


@dataclass(slots=True)
class Report:
    """What an audit looked at and found.

    records, checkpoints, submissions, cosignatures, accesses: how many were looked at.
    not_checkable: records whose content nobody can look at: the subject's key is gone, it was lost, or it was
        cleared.
    forgotten: of those, the ones whose key was destroyed because their learner was forgotten, as recorded.
    without_key, learners_without_key: of those, the other records whose subject's key is gone, and how
        many registrations of learners are among them.
    lost: of those, the ones whose content a restore gave up, and accounted for.
    redacted: of those, the ones that a disposal cleared, and accounted for.
    suspect: records signed when somebody else may have had the key. annulled: records that their
        organisation says it never signed.
    since: size of the checkpoint that was begun at, None where everything was looked at.
    skipped: the first records, which were not looked at.
    """

    records: int = 0
    checkpoints: int = 0
    submissions: int = 0
    cosignatures: int = 0
    accesses: int = 0
    not_checkable: int = 0
    forgotten: int = 0
    without_key: int = 0
    learners_without_key: int = 0
    lost: int = 0
    redacted: int = 0
    suspect: int = 0
    annulled: int = 0
    since: int | None = None
    skipped: int = 0
    faults: list[Fault] = field(default_factory=list)
    more: int = 0

    @property
    def ok(self) -> bool:
        """Whether everything checks."""
        return not self.faults

    def add(self, code: str, where: str, what: str, *, derived: bool = False) -> None:
        """Note a fault; past a thousand they are only counted."""
        if len(self.faults) < FAULTS_MAX:
            self.faults.append(Fault(code, where, what, derived))
        else:
            self.more += 1

    @contextmanager
    def at(self, where: str) -> Iterator[None]:
        """Turn whatever goes wrong inside into a fault at `where`: garbage must not stop an audit."""
        try:
            yield
        except LedgerError as error:
            self.add(error.code, where, str(error))
        except DatabaseError as error:
            self.add("storage", where, f"the file cannot be read: {error}")
        except Exception as error:  # noqa: BLE001 - garbage fails wherever it is read first
            self.add("garbage", where, f"a stored value cannot be read: {type(error).__name__}")

    def take_in(self, part: "Report") -> None:
        """Add what was found and counted in some of the records."""
        self.submissions += part.submissions
        self.not_checkable += part.not_checkable
        self.forgotten += part.forgotten
        self.without_key += part.without_key
        self.learners_without_key += part.learners_without_key
        self.lost += part.lost
        self.redacted += part.redacted
        self.suspect += part.suspect
        self.annulled += part.annulled
        for one in part.faults:
            self.add(one.code, one.where, one.what, derived=one.derived)
        self.more += part.more

    @property
    def not_looked_at(self) -> str | None:
        """What an audit that began later took for granted, in words; None where it looked at everything."""
        if self.since is None:
            return None
        return (
            f"records 1 to {self.skipped} and what was published before size {self.since}, taken as the"
            " checkpoint of that size signs them; of those only what is about the register was read"
        )

    def as_json(self) -> dict[str, Any]:
        """Return the report as `roa audit --json` prints it."""
        return {
            "ok": self.ok,
            "records": self.records,
            "checkpoints": self.checkpoints,
            "submissions": self.submissions,
            "cosignatures": self.cosignatures,
            "accesses": self.accesses,
            "not_checkable": self.not_checkable,
            "forgotten": self.forgotten,
            "lost": self.lost,
            "redacted": self.redacted,
            "suspect": self.suspect,
            "annulled": self.annulled,
            "since": self.since,
            "not_looked_at": self.not_looked_at,
            "findings": [
                {"code": one.code, "severity": one.severity, "where": one.where, "what": one.what}
                for one in self.faults
            ],
            "more_findings": self.more,
        }
