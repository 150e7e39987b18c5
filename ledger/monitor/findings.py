"""What was found in somebody's log: stable codes, where, and what it is in words."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from ledger.errors import LedgerError

NO_ANSWER = "no-answer"  # nobody answers, or with something else, or not in time
FINDINGS_MAX = 1000  # told one by one; the rest is counted
_TEXT_MAX = 2000  # characters: words of others may stand in them


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it must be.

    evidence: signed notes that show it to anybody who knows the log's key; mostly none.
    """

    code: str
    where: str
    what: str
    evidence: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the finding as commands print it."""
        found: dict[str, Any] = {"code": self.code, "where": self.where, "what": self.what}
        return {**found, "evidence": list(self.evidence)} if self.evidence else found


@dataclass(slots=True)
class Findings:
    """What one look at a log came to; past a thousand, findings are only counted."""

    found: list[Finding] = field(default_factory=list)
    more: int = 0
    _more_unanswered: int = 0  # of `more`, answers that did not come

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.found

    @property
    def codes(self) -> set[str]:
        """Which codes were found."""
        return {one.code for one in self.found}

    @property
    def unanswered(self) -> bool:
        """Whether answers that did not come are all that is wrong: then nothing speaks against the log."""
        return self.codes == {NO_ANSWER} and self.more == self._more_unanswered

    def add(self, code: str, where: str, what: str, evidence: Sequence[str] = ()) -> None:
        """Note a finding, once."""
        if len(self.found) >= FINDINGS_MAX:
            self.more += 1
            self._more_unanswered += code == NO_ANSWER
            return
        one = Finding(code, where[:_TEXT_MAX], what[:_TEXT_MAX], tuple(evidence))
        # What was not told when it was found is told again, and may still be so.
        if one not in self.found:
            self.found.append(one)

    def at(self, where: str, evidence: Sequence[str] = ()) -> "_At":
        """Turn whatever is refused inside a `with` into a finding; `evidence`: signed notes that show it."""
        return _At(self, where, tuple(note for note in evidence if note))

    def as_json(self) -> dict[str, Any]:
        """Return the findings as commands print them."""
        return {"ok": self.ok, "findings": [one.as_json() for one in self.found], "more_findings": self.more}


@dataclass(frozen=True, slots=True)
class _At:
    """Takes refusals in; mistakes of our own go on upwards."""

    findings: Findings
    where: str
    evidence: tuple[str, ...]

    def __enter__(self) -> None:
        """Begin to look."""

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, LedgerError):
            return False
        # What was not answered is shown by no note.
        evidence = () if error.code == NO_ANSWER else self.evidence
        self.findings.add(error.code, self.where, str(error), evidence)
        return True
