"""A plain judge of the demonstration's files, written from DOMAIN.md alone.

Slow, short, without the generator and without the ledger: it reads the register, the learners and
the rows as anybody could, and says of each row the first thing that is wrong with it.
"""

import csv
import io
import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from api.client.names import name_id

Row = Mapping[str, str]


class Judge:
    """What is known from the register and the registry, and what the rows judged so far have added."""

    def __init__(self, register: list[dict[str, Any]], learners: list[dict[str, Any]], provider: int) -> None:
        self.provider = provider
        self.people = {person["nsn"]: person for person in learners}
        self.listings: dict[str, dict[str, Any]] = {}
        self.accredited: dict[str, tuple[date, date]] = {}
        for said in register:
            self._learn(said)
        self.enrolments: dict[str, dict[str, Any]] = {}
        self.results: dict[str, dict[str, list[tuple[str, date]]]] = {}
        self.awards: set[tuple[str, str]] = set()

    def _learn(self, said: dict[str, Any]) -> None:
        match said["type"]:
            case "microcredential.registered":
                self.listings[said["code"]] = {**said, "expiring": "9999-12-31", "discontinued": "9999-12-31"}
            case "microcredential.status_set":
                self.listings[said["code"]][said["status"]] = said["from"]
            case "accreditation.granted" if said["provider"] == self.provider:
                self.accredited[said["code"]] = date.fromisoformat(said["valid_from"]), date.max
            case "accreditation.ended" if said["provider"] == self.provider:
                begun, _ = self.accredited[said["code"]]
                self.accredited[said["code"]] = begun, date.fromisoformat(said["ended_on"])

    def verdicts(self, name: str, data: bytes, today: date) -> list[str]:
        """Return for each row of a file the code of what is wrong, "" where nothing is."""
        say = {"enrolments.csv": self._enrolment, "results.csv": self._result, "awards.csv": self._award}[
            name
        ]
        return [say(row, today) for row in csv.DictReader(io.StringIO(data.decode(), newline=""))]

    # -------------------------------------------------------------- who, what, by whose authority

    def _person(self, row: Row) -> str:
        if re.search("[Ee][+]", row["nsn"]):
            return "E907"
        if not re.fullmatch("[0-9]{9,10}", row["nsn"]):
            return "E101"
        person = self.people.get(row["nsn"].zfill(10))
        if person is None:
            return "E102"
        name = person["name"]
        code = name_id(name.get("family"), name.get("given"), name.get("whole"))
        agree = {
            sent == held
            for sent, held in (
                (row["name_id"], code.rstrip()),
                (row["date_of_birth"], person["date_of_birth"]),
            )
            if sent
        }
        return {(True,): "", (False,): "E103", (False, True): "E104", (): "E904"}[tuple(sorted(agree))]

    def _product(self, row: Row) -> str:
        if row["mc_code"] not in self.listings:
            return "E201"
        return "" if row["mc_version"] in ("", "1") else "E202"

    def _delivers(self, code: str, day: date) -> str:
        begins, ends = self.accredited.get(code, (date.max, date.min))
        return "" if begins <= day <= ends else "E303"

    def _enrolled(self, row: Row) -> str:
        held = self.enrolments.get(row["enrolment_ref"])
        right = held and (held["nsn"], held["mc_code"]) == (row["nsn"], row["mc_code"])
        return "" if right else "E310"

    # -------------------------------------------------------------- the three kinds of row

    def _enrolment(self, row: Row, today: date) -> str:
        wrong = self._person(row) or self._product(row)
        if wrong:
            return wrong
        listing, start_on = self.listings[row["mc_code"]], row["start_on"]
        if date.fromisoformat(start_on) > today:
            return "E502"
        if start_on < listing["listed_on"]:
            return "E306"
        if start_on >= listing["discontinued"]:
            return "E308"
        if start_on >= listing["expiring"]:
            return "E307"
        wrong = self._delivers(row["mc_code"], date.fromisoformat(start_on))
        if not wrong:
            assert row["enrolment_ref"] not in self.enrolments
            self.enrolments[row["enrolment_ref"]] = dict(row)
        return wrong

    def _result(self, row: Row, today: date) -> str:  # noqa: PLR0911 - a rule a line
        if not all(
            row[name] for name in ("nsn", "mc_code", "outcome_id", "enrolment_ref", "grade", "assessed_on")
        ):
            return "E904"
        assessed_on = _day(row["assessed_on"])
        if assessed_on is None:
            return "E501"
        wrong = self._person(row) or self._product(row) or self._enrolled(row)
        if wrong:
            return wrong
        made = self.results.setdefault(row["enrolment_ref"], {}).get(row["outcome_id"], [])
        start_on = date.fromisoformat(self.enrolments[row["enrolment_ref"]]["start_on"])
        if row["outcome_id"] not in {outcome["id"] for outcome in self.listings[row["mc_code"]]["outcomes"]}:
            return "E203"
        if row["grade"] not in "NAME":
            return "E401"
        if row["attempt_no"] not in ("", str(len(made) + 1)):
            return "E402"
        if assessed_on > today:
            return "E502"
        if assessed_on < start_on and row["method"] != "rpl":
            return "E503"
        wrong = self._delivers(row["mc_code"], assessed_on)
        if not wrong:
            self.results[row["enrolment_ref"]][row["outcome_id"]] = [*made, (row["grade"], assessed_on)]
        return wrong

    def _award(self, row: Row, today: date) -> str:  # noqa: PLR0911 - a rule a line
        wrong = self._person(row) or self._product(row) or self._enrolled(row)
        if wrong:
            return wrong
        code, listing = row["mc_code"], self.listings[row["mc_code"]]
        completed_on = date.fromisoformat(row["completed_on"])
        conferred_on = date.fromisoformat(row["conferred_on"] or row["completed_on"])
        if (row["nsn"], code) in self.awards:
            return "E603"
        if max(completed_on, conferred_on) > today:
            return "E502"
        if conferred_on < completed_on:
            return "E505"
        results = self.results.get(row["enrolment_ref"], {})
        passed = {
            outcome: [day for grade, day in attempts if grade != "N"] for outcome, attempts in results.items()
        }
        if not all(passed.get(outcome["id"]) for outcome in listing["outcomes"]):
            return "E601"
        last = max(min(days) for days in passed.values())  # nobody here passes an outcome twice
        if completed_on < last:
            return "E504"
        if conferred_on.isoformat() >= listing["discontinued"] and last.isoformat() > listing["discontinued"]:
            return "E308"
        wrong = self._basis(row, listing["developer"] == self.provider)
        if not wrong and row["basis"] in ("", "accredited"):
            wrong = self._delivers(code, completed_on) or self._delivers(code, conferred_on)
        if not wrong:
            self.awards.add((row["nsn"], code))
        return wrong

    def _basis(self, row: Row, developer: bool) -> str:  # noqa: FBT001 - a fact, not a switch
        basis = row["basis"] or "accredited"
        if basis == "nzqa_good_reason" or (basis != "accredited" and not developer):
            return "E604"
        return "E602" if basis == "developer_good_reason" and not row["basis_reason"] else ""


def _day(cell: str) -> date | None:
    slashed = re.fullmatch("([0-9]{2})/([0-9]{2})/([0-9]{4})", cell)
    text = "-".join(reversed(slashed.groups())) if slashed else cell
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
