"""What an audit found."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ledger.database import DatabaseError
from ledger.errors import LedgerError

FAULTS_MAX = 1000  # reported one by one; the rest is counted


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that does not check: a stable code, where it is, and what is wrong in words."""

    code: str
    where: str
    what: str


@dataclass(slots=True)
class Report:
    """What an audit looked at and found."""

    records: int = 0
    checkpoints: int = 0
    submissions: int = 0
    not_checkable: int = 0  # records whose subject's key is gone: forgotten, or not ours to open
    faults: list[Fault] = field(default_factory=list)
    more: int = 0

    @property
    def ok(self) -> bool:
        """Whether everything checks."""
        return not self.faults

    def add(self, code: str, where: str, what: str) -> None:
        """Note a fault; past a thousand they are only counted."""
        if len(self.faults) < FAULTS_MAX:
            self.faults.append(Fault(code, where, what))
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

    def as_json(self) -> dict[str, Any]:
        """Return the report as `roa audit --json` prints it."""
        return {
            "ok": self.ok,
            "records": self.records,
            "checkpoints": self.checkpoints,
            "submissions": self.submissions,
            "not_checkable": self.not_checkable,
            "findings": [{"code": one.code, "where": one.where, "what": one.what} for one in self.faults],
            "more_findings": self.more,
        }
