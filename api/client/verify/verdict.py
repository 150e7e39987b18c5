"""What a verification answers: nine checks, four outcomes, one headline, and words for each.

Source: CREDENTIALS.md 6; SPEC.md 6.
"""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .plain import counted, day, long_date, shown
from .reading import NOT_A_CREDENTIAL

VERIFIED = "Verified"
WITH_NOTES = "Verified, with notes"
INCOMPLETE = "Could not be verified completely"
NOT_VALID = "Not valid"
NO_CREDENTIAL = "This is not a credential"
EXIT_CODES = {VERIFIED: 0, WITH_NOTES: 0, NOT_VALID: 1, INCOMPLETE: 5}

NAMES = {
    1: "Readable",
    2: "Form",
    3: "Signatures",
    4: "Signing key",
    5: "Dates",
    6: "Revocation",
    7: "Receipt",
    8: "Issuer",
    9: "Accreditation",
}
# Without the answer to one of these nobody should rely on a credential. The checks that later issues
# add (10 to 12: register, holder, superseded) are not among them.
ESSENTIAL = frozenset(NAMES)

_WIDTH = 100
_SENTENCE_MAX = 2_000
_GRADES = {"A": "Achieved", "M": "Merit", "E": "Excellence", "N": "Not achieved"}


class Result(StrEnum):
    """How a check came out."""

    PASSED = "passed"
    FAILED = "failed"
    WARNING = "warning"
    NOT_CHECKED = "not_checked"


# Worst first: of several answers to one check, the first of these counts.
WORST = (Result.FAILED, Result.NOT_CHECKED, Result.WARNING, Result.PASSED)
_WORDS = {
    Result.PASSED: "passed",
    Result.FAILED: "FAILED",
    Result.WARNING: "note",
    Result.NOT_CHECKED: "not checked",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of one check on one credential.

    Attributes:
        code: says which outcome in one word for programs; never changes once published.
        sentence: says it for a person who is not a technician.
    """

    result: Result
    code: str
    sentence: str


def passed(code: str, sentence: str) -> Answer:
    """Return the answer of a check that found everything in order."""
    return Answer(Result.PASSED, code, sentence)


def failed(code: str, sentence: str) -> Answer:
    """Return the answer of a check that found a fault."""
    return Answer(Result.FAILED, code, sentence)


def warning(code: str, sentence: str) -> Answer:
    """Return the answer of a check that holds, with something a reader should know."""
    return Answer(Result.WARNING, code, sentence)


def not_checked(code: str, sentence: str) -> Answer:
    """Return the answer of a check that could be neither passed nor failed."""
    return Answer(Result.NOT_CHECKED, code, sentence)


NO_TRUST = "no-trust-file"
# What is unknown to a trust file older than the credential may be known to a newer one.
OLD_TRUST = not_checked(
    "trust-file-old", "Your trust file is older than this credential: get a newer one and check again."
)


def worst_of(answers: Sequence[Answer]) -> Answer:
    """Return the first of the worst answers: one that failed before one that could not be checked."""
    return min(answers, key=lambda answer: WORST.index(answer.result))


@dataclass(frozen=True, slots=True)
class Check:
    """One of the numbered checks, answered."""

    number: int
    result: Result
    code: str
    sentence: str

    @property
    def name(self) -> str:
        """Its name, the same in every verdict."""
        return NAMES[self.number]

    def as_json(self) -> dict[str, Any]:
        """Return the check as SPEC.md 6 writes it."""
        return {
            "number": self.number,
            "name": self.name,
            "result": self.result.value,
            "code": self.code,
            "sentence": self.sentence,
        }


def checks_of(answers: Mapping[int, Answer]) -> tuple[Check, ...]:
    """Return the checks in the order of their numbers."""
    return tuple(
        Check(number, answer.result, answer.code, answer.sentence)
        for number, answer in sorted(answers.items())
    )


def headline_of(checks: Iterable[Check]) -> str:
    """Return the headline that a set of checks comes to. Source: CREDENTIALS.md 6."""
    results = [(check.result, check.number in ESSENTIAL) for check in checks]
    if any(result is Result.FAILED for result, _ in results):
        return NOT_VALID
    if any(result is Result.NOT_CHECKED and essential for result, essential in results):
        return INCOMPLETE
    return WITH_NOTES if any(result is not Result.PASSED for result, _ in results) else VERIFIED


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of a verification.

    Attributes:
        checks: numbers 1 to 9, in order.
        credential: what the credential says, for display beside the headline and never without it.
    """

    checks: tuple[Check, ...]
    credential: dict[str, Any]

    @property
    def headline(self) -> str:
        """One of the four."""
        return headline_of(self.checks)

    @property
    def title(self) -> str:
        """What a person reads first: the headline, or that there was no credential to judge.

        To a program both are the headline `Not valid`: a fifth one could be taken for anything.
        """
        return NO_CREDENTIAL if self.checks[0].code == NOT_A_CREDENTIAL else self.headline

    @property
    def exit_code(self) -> int:
        """What a command ends with: 0 verified, 1 not valid, 5 incomplete. Source: SPEC.md 6."""
        return EXIT_CODES[self.headline]

    def as_json(self) -> dict[str, Any]:
        """Return the verdict as SPEC.md 6 writes it."""
        return {
            "headline": self.headline,
            "checks": [check.as_json() for check in self.checks],
            "credential": self.credential,
        }

    def text(self) -> str:
        """Return the verdict for a person at a terminal; nothing unseen in it, lines of at most 100 signs."""
        lines = [self.title.upper(), ""]
        if self.credential and self.headline == NOT_VALID:
            lines += ["  Do not rely on it. This is what it says:", ""]
        lines += (
            _record_lines(self.credential) if "awards" in self.credential else _award_lines(self.credential)
        )
        for check in self.checks:
            lines += _filled(f"  {_WORDS[check.result]:<12} {check.number} {check.name:<14} ", check.sentence)
        if self.credential and self.headline != NOT_VALID:
            lines += [
                "",
                "  Compare the name with the person in front of you: no program can do that for you.",
            ]
        return "\n".join(lines) + "\n"


def _award_lines(award: Mapping[str, Any]) -> list[str]:
    if not award:
        return []
    lines = [f"  {_said(award, 'title')} ({_said(award, 'code')}, version {_said(award, 'version')})"]
    lines += _pairs(
        ("level", _said(award, "level")),
        ("credits", f"{_said(award, 'credits')} ({_said(award, 'hours')} hours of learning)"),
        ("awarded to", _said(award, "name")),
        ("awarded on", _day(award)),
        ("awarded by", _said(award, "awarded_by")),
        ("state", _said(award, "state")),
    )
    for outcome in award["outcomes"]:
        grade = _GRADES.get(str(outcome["grade"]), _said(outcome, "grade"))
        lines += _filled(f"  {_said(outcome, 'id'):<8} {grade:<12} ", _said(outcome, "text"))
    return [*lines, ""]


def _record_lines(record: Mapping[str, Any]) -> list[str]:
    lines = [f"  {_said(record, 'title')}, {counted(len(record['awards']), 'award')}"]
    lines += _pairs(("about", _said(record, "name")), ("issued by", _said(record, "issued_by")))
    lines.append("")
    for award in record["awards"]:
        lines += [f"  {_said(award, 'result').upper()}", *_award_lines(award)]
    return lines


def _day(award: Mapping[str, Any]) -> str:
    awarded_on = day(award.get("awarded_on"))
    return "not said" if awarded_on is None else long_date(awarded_on)


def _pairs(*pairs: tuple[str, str]) -> list[str]:
    return [f"  {name:<12} {value}" for name, value in pairs]


def _said(holder: Mapping[str, Any], name: str) -> str:
    value = holder.get(name)
    return "not said" if value is None else shown(str(value))


def _filled(start: str, text: str) -> list[str]:
    return textwrap.wrap(
        shown(text, _SENTENCE_MAX),
        _WIDTH,
        initial_indent=start,
        subsequent_indent=" " * len(start),
        break_long_words=True,
    ) or [start.rstrip()]
