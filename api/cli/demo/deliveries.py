"""One provider's year: who is enrolled in what, what each outcome came to, and who is awarded.

All dates are fixed: results lie in 2026, up to the end of October, so that nothing but the one row
that says so is ever in the future.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from api.cli.demo import PROVIDER
from api.cli.demo.chance import Chance
from api.cli.demo.listings import ACCREDITATION_ENDED, expiring_from, valid_from
from api.cli.demo.people import Learner

RESULT_ROWS = 1000
IN_PROGRESS = 12  # learners at the end of the list who are enrolled nowhere yet
LAST_DAY = date(2026, 10, 30)
OLD_CODE = "6045"  # discontinued in March 2026: learners who began before it expired finish it

_FIRST_START, _START_DAYS = date(2026, 1, 19), 225
_OLD_START, _OLD_FIRST_RESULT, _OLD_ENDS = date(2024, 2, 12), date(2026, 1, 12), date(2026, 3, 20)
_LEAVES_ROOM_FOR_A_REPEAT = 12
_GRADES = {"A": 60, "M": 28, "E": 12}
_FUNDING = {"tec_vet": 45, "employer": 35, "learner": 15, "other": 5}
_OLD_LEARNERS = (50, 150, 250)  # places in the list: they finish the discontinued micro-credential
_LATE_LEARNERS = range(30, 34)  # they take the one whose accreditation ended

Row = dict[str, str]


@dataclass(slots=True)
class Delivery:
    """One enrolment and what came of it; `results` are rows of results.csv in the order of their days."""

    ref: str
    learner: Learner
    entry: dict[str, Any]
    start_on: date
    language: str
    funding: str
    results: list[Row] = field(default_factory=list)

    @property
    def code(self) -> str:
        """The micro-credential."""
        return str(self.entry["code"])

    @property
    def complete(self) -> bool:
        """Whether every outcome has been achieved."""
        achieved = {row["outcome_id"] for row in self.results if row["grade"] in _GRADES}
        return achieved == {outcome["id"] for outcome in self.entry["outcomes"]}

    @property
    def completed_on(self) -> date:
        """The day of the last result."""
        return max(date.fromisoformat(row["assessed_on"]) for row in self.results)


def deliveries(chance: Chance, catalogue: list[dict[str, Any]], people: list[Learner]) -> list[Delivery]:
    """Return enrolments with together exactly `RESULT_ROWS` rows of results, all of them right."""
    entries = {entry["code"]: entry for entry in catalogue if PROVIDER in entry["accredited_providers"]}
    made: list[Delivery] = []
    for learner, code in _places(chance, entries, people):
        made.append(_delivery(chance, f"H-{len(made) + 1:04d}", learner, entries[code]))
        over = sum(len(delivery.results) for delivery in made) - RESULT_ROWS
        if over >= 0:
            # The last learner is in the middle of it.
            del made[-1].results[len(made[-1].results) - over :]
            return made
    raise AssertionError("too few enrolments for so many results")


def _places(chance: Chance, entries: dict[str, Any], people: list[Learner]) -> list[tuple[Learner, str]]:
    """Return who takes what: everybody one micro-credential, some another beside it, never the same twice."""
    weights = {code: _weight(entry) for code, entry in entries.items() if code != OLD_CODE}
    placed: list[tuple[Learner, str]] = []
    for i, learner in enumerate(people[: len(people) - IN_PROGRESS]):
        if i in _OLD_LEARNERS:
            placed.append((learner, OLD_CODE))
        code = ACCREDITATION_ENDED[0] if i in _LATE_LEARNERS else chance.pick_by(weights)
        placed.append((learner, code))
        if chance.happens(0.2):
            other = chance.pick_by({name: weight for name, weight in weights.items() if name != code})
            placed.append((learner, other))
    return placed


def _weight(entry: dict[str, Any]) -> int:
    """Return how popular a micro-credential is: the lower levels and smaller sizes more so."""
    return max(1, 14 - int(entry["level"]) - int(entry["credits"]) // 4)


# ------------------------------------------------------------------ one learner, one micro-credential


def _delivery(chance: Chance, ref: str, learner: Learner, entry: dict[str, Any]) -> Delivery:
    start_on, last_day = _term(chance, entry)
    language = chance.pick(entry["languages"])
    delivery = Delivery(ref, learner, entry, start_on, language, chance.pick_by(_FUNDING))
    day = start_on + timedelta(days=chance.between(10, 24))
    if entry["code"] == OLD_CODE:
        day = _OLD_FIRST_RESULT + timedelta(days=chance.below(10))
    for outcome in entry["outcomes"]:
        attempts = 1 + chance.happens(0.1) + chance.happens(0.01)
        for attempt in range(1, attempts + 1):
            if day > last_day:
                return delivery
            grade = chance.pick_by(_GRADES) if attempt == attempts else "N"
            delivery.results.append(_result(chance, delivery, outcome["id"], attempt, grade, day))
            day += timedelta(days=_LEAVES_ROOM_FOR_A_REPEAT if attempt < attempts else chance.between(6, 18))
    return delivery


def _term(chance: Chance, entry: dict[str, Any]) -> tuple[date, date]:
    """Return the first day of an enrolment and the last on which it may have a result."""
    if entry["code"] == OLD_CODE:
        return _OLD_START + timedelta(days=chance.below(30)), _OLD_ENDS
    start_on = _FIRST_START + timedelta(days=chance.below(_START_DAYS))
    code, ended_on = ACCREDITATION_ENDED
    if entry["code"] == code:
        return _FIRST_START + timedelta(days=chance.below(45)), ended_on - timedelta(days=4)
    expiring = expiring_from(entry)
    assert expiring is None
    begins = valid_from(entry, PROVIDER)
    if begins > start_on:
        start_on = begins + timedelta(days=chance.between(14, 40))
    return start_on, LAST_DAY


def _result(chance: Chance, delivery: Delivery, outcome: str, attempt: int, grade: str, day: date) -> Row:
    learner, entry = delivery.learner, delivery.entry
    evidence = hashlib.sha256(f"evidence {delivery.ref} {outcome} {attempt}".encode()).hexdigest()
    return {
        "row_ref": "",  # numbered when the file is put together
        **person(chance, learner),
        "mc_code": delivery.code,
        "mc_version": _sometimes(chance, 0.7, str(entry["version"])),
        "outcome_id": outcome,
        "enrolment_ref": delivery.ref,
        "grade": grade,
        "method": "rpl" if chance.happens(0.08) else _sometimes(chance, 0.8, "assessed"),
        "attempt_no": _sometimes(chance, 0.6, str(attempt)),
        "assessed_on": day.isoformat(),
        "language": _sometimes(chance, 0.5, delivery.language),
        "evidence_sha256": _sometimes(chance, 0.6, evidence),
    }


def person(chance: Chance, learner: Learner) -> Row:
    """Return the identity columns: the NSN and, of name code and birth date, at least one."""
    shown = chance.below(10)
    return {
        "nsn": learner.nsn,
        "name_id": "" if shown == 0 else learner.name_id.rstrip(),
        "date_of_birth": "" if shown == 1 else learner.date_of_birth.isoformat(),
    }


def _sometimes(chance: Chance, share: float, text: str) -> str:
    return text if chance.happens(share) else ""
