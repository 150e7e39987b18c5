"""What a credential says, read leniently: a member that is missing or odd is None, never an error.

The profile (check 2) says what is wrong with a credential; the other checks still answer as far as
they can, and what they cannot find they cannot check.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from . import profile
from .plain import day_of, shown

HOURS_PER_CREDIT = 10
AWARD, RECORD = "award", "record"
_CREDITS_MAX = 10_000  # far beyond any award; what is larger is no number of credits
_SMALL = re.compile(r"[0-9]{1,3}")


@dataclass(frozen=True, slots=True)
class Outcome:
    """A learning outcome and the grade that counted: `A`, `M` or `E`."""

    id: str | None
    text: str | None
    grade: str | None

    def as_json(self) -> dict[str, Any]:
        """Return it for display."""
        return {"id": _display(self.id), "text": _display(self.text), "grade": _display(self.grade)}


@dataclass(frozen=True, slots=True)
class Award:
    """What one award says.

    Attributes:
        name: the learner's, as it is.
        issuer: the DID of who signed it.
        issuer_number, code, version, level: as written, text.
        credits: as a number; whole numbers are int.
        receipt: the C2SP tlog-proof text that it carries.
    """

    id: str | None
    name: str | None
    title: str | None
    code: str | None
    version: str | None
    level: str | None
    credits: int | float | None
    language: str | None
    completed_on: date | None
    awarded_on: date | None
    issuer: str | None
    issuer_name: str | None
    issuer_number: str | None
    outcomes: tuple[Outcome, ...]
    receipt: str | None
    accreditation: str | None  # the number it claims an accreditation for; None: awarded on another ground

    @property
    def label(self) -> str:
        """The award in a sentence: `Aquaculture Biosecurity (6099)`."""
        return f"{shown(self.title or 'an award without a title', 80)} ({shown(self.code or 'no code', 20)})"

    def summary(self, state: str) -> dict[str, Any]:
        """Return the award for display beside the checks.

        Args:
            state: `in force`, `revoked` or `not known`.
        """
        return {
            "type": AWARD,
            "id": _display(self.id),
            "name": _display(self.name),
            "title": _display(self.title),
            "code": _display(self.code),
            "version": _display(self.version),
            "level": int(self.level) if self.level and _SMALL.fullmatch(self.level) else None,
            "credits": self.credits,
            "hours": None if self.credits is None else self.credits * HOURS_PER_CREDIT,
            "completed_on": self.completed_on.isoformat() if self.completed_on else None,
            "awarded_on": self.awarded_on.isoformat() if self.awarded_on else None,
            "awarded_by": _display(self.issuer_name),
            "outcomes": [outcome.as_json() for outcome in self.outcomes],
            "state": state,
        }


def award_of(document: Mapping[str, Any]) -> Award:
    """Return what an award says."""
    subject = _at(document, "credentialSubject")
    achievement = _at(subject, "achievement")
    issuer = _at(document, "issuer")
    return Award(
        id=_text(document, "id"),
        name=_by_kind(subject, "identifier", "identityType", profile.NAME, "identityHash"),
        title=_text(achievement, "name"),
        code=_text(achievement, "humanCode"),
        version=_text(achievement, "version"),
        level=_by_kind(achievement, "alignment", "targetType", profile.LEVEL, "targetCode"),
        credits=_number(_at(subject, "creditsEarned")),
        language=_text(achievement, "inLanguage"),
        completed_on=day_of(_at(subject, "activityEndDate")),
        awarded_on=day_of(_at(document, "awardedDate")),
        issuer=profile.issuer_of(document),
        issuer_name=_text(issuer, "name"),
        issuer_number=_by_kind(
            issuer, "otherIdentifier", "identifierType", profile.PROVIDER_NUMBER, "identifier"
        ),
        outcomes=tuple(_outcomes(subject, achievement)),
        receipt=_by_kind(document, "evidence", "genre", profile.RECEIPT, "narrative"),
        accreditation=_by_kind(achievement, "alignment", "targetType", profile.ACCREDITATION, "targetCode"),
    )


def product_number(document: Mapping[str, Any]) -> str | None:
    """Return the number under which the micro-credential is identified, beside its code."""
    achievement = _at(document, "credentialSubject", "achievement")
    return _by_kind(achievement, "otherIdentifier", "identifierType", profile.PRODUCT_NUMBER, "identifier")


def record_summary(document: Mapping[str, Any], awards: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a record for display; each award carries its own result, state and checks."""
    return {
        "type": RECORD,
        "id": _display(_text(document, "id")),
        "title": _display(_text(document, "name")),
        "name": _display(
            _by_kind(
                _at(document, "credentialSubject"), "identifier", "identityType", profile.NAME, "identityHash"
            )
        ),
        "issued_by": _display(_text(_at(document, "issuer"), "name")),
        "partial": _at(document, "partial") is True,
        "awards": awards,
    }


def _outcomes(subject: Any, achievement: Any) -> Iterator[Outcome]:
    """Yield the outcomes in the order of the credential, each with the grade its result gives.

    A result points at its description by id, and the description is named for its outcome (`LO1`,
    or `LO1 result`).
    """
    described = {
        _text(one, "id"): (_text(one, "name") or "").partition(" ")[0]
        for one in _things(achievement, "resultDescription")
    }
    grades = {
        described.get(_text(one, "resultDescription")): _text(one, "value")
        for one in _things(subject, "result")
    }
    for alignment in _things(achievement, "alignment"):
        if _text(alignment, "targetType") == profile.OUTCOME:
            code = _text(alignment, "targetCode")
            yield Outcome(code, _text(alignment, "targetName"), grades.get(code) if code else None)


def _at(value: Any, *path: str) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _text(value: Any, name: str) -> str | None:
    member = _at(value, name)
    return member if isinstance(member, str) else None


def _things(value: Any, name: str) -> list[Mapping[str, Any]]:
    member = _at(value, name)
    return [one for one in member if isinstance(one, Mapping)] if isinstance(member, list) else []


def _by_kind(value: Any, name: str, kind_member: str, kind: str, wanted: str) -> str | None:
    """Return a member of the one thing of a kind in a list; two of a kind would be a choice, so None."""
    found = [_text(one, wanted) for one in _things(value, name) if _text(one, kind_member) == kind]
    return found[0] if len(found) == 1 else None


def _number(value: Any) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= _CREDITS_MAX:
        return None
    return int(value) if value == int(value) else value


def _display(text: str | None) -> str | None:
    return None if text is None else shown(text)
