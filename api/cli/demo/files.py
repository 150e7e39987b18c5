"""The three files of the provider, with the wrong rows that a real office would have sent.

Every wrong row is wrong in one way only and stands for a finding of its own, so what is to become
of each row is known when it is made: that is `expected.json`.
"""

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from api.cli.demo import PROVIDER
from api.cli.demo.chance import Chance
from api.cli.demo.deliveries import OLD_CODE, Delivery, Row, person
from api.cli.demo.listings import ACCREDITATION_ENDED
from api.cli.demo.people import NSN_UNKNOWN_FROM, Learner, synthetic_nsn

HELD, REJECTED = "held", "rejected"
REPEATS = 2  # rows for each way of being wrong
SLASHED_DATES = 5  # right rows whose date is written day/month/year: read, with a warning
_OTHER_NAME, _OTHER_BORN = "ZZYZX", "1955-05-05"
_REASON = "The provider closed its class early, and the learners had finished by then"


@dataclass(frozen=True, slots=True)
class Wrong:
    """A wrong row and what is to be said of it."""

    row: Row
    code: str

    @property
    def status(self) -> str:
        """A row about which a person has to decide is held; any other is rejected."""
        return HELD if self.code == "E104" else REJECTED


Line = Row | Wrong


# ------------------------------------------------------------------ enrolments


def enrolments(chance: Chance, made: list[Delivery], people: list[Learner]) -> list[Line]:
    """Return the rows of enrolments.csv by day, five wrong ones among them."""
    rows: list[tuple[str, Line]] = [(item.start_on.isoformat(), _enrolment(chance, item)) for item in made]
    model = next(row for _, row in rows if isinstance(row, dict) and row["name_id"] and row["date_of_birth"])
    spare = people[-1]
    base = {
        **model,
        "nsn": spare.nsn,
        "name_id": spare.name_id.rstrip(),
        "planned_end_on": "",
        "mc_version": "",
    }
    base["date_of_birth"] = spare.date_of_birth.isoformat()
    for i, (code, changes) in enumerate(
        (
            ("E102", {"nsn": synthetic_nsn(NSN_UNKNOWN_FROM), "mc_code": "6022", "start_on": "2026-02-09"}),
            ("E201", {"mc_code": "6999", "start_on": "2026-02-16"}),
            ("E303", {"mc_code": "6003", "start_on": "2026-03-02"}),
            ("E307", {"mc_code": OLD_CODE, "start_on": "2026-02-02"}),
            ("E308", {"mc_code": OLD_CODE, "start_on": "2026-05-04"}),
        )
    ):
        row = {**base, "enrolment_ref": f"H-{901 + i:04d}", **changes}
        rows.append((row["start_on"], Wrong(row, code)))
    return _numbered("N", [line for _, line in sorted(rows, key=lambda item: item[0])])


def _enrolment(chance: Chance, item: Delivery) -> Row:
    end_on = item.start_on + timedelta(days=760 if item.code == OLD_CODE else 340)
    return {
        "row_ref": "",
        **person(chance, item.learner),
        "enrolment_ref": item.ref,
        "mc_code": item.code,
        "mc_version": str(item.entry["version"]) if chance.happens(0.5) else "",
        "start_on": item.start_on.isoformat(),
        "planned_end_on": end_on.isoformat() if chance.happens(0.8) else "",
        "mode": item.entry["mode"],
        "language": item.language,
        "funding": item.funding,
    }


# ------------------------------------------------------------------ results

Change = Callable[[Delivery, Row], dict[str, str]]


def _ways(number: int) -> Iterator[tuple[str, Change]]:
    """Yield each way in which a result is wrong; `number` tells the repeats apart."""
    unknown = synthetic_nsn(NSN_UNKNOWN_FROM + 1 + number)
    yield "E101", lambda _, row: {"nsn": row["nsn"][:8]}
    yield "E102", lambda *_: {"nsn": unknown}
    yield "E103", lambda *_: {"name_id": _OTHER_NAME, "date_of_birth": _OTHER_BORN}
    yield "E104", lambda item, _: _whole(item.learner) | {"name_id": _OTHER_NAME}
    yield "E201", lambda *_: {"mc_code": "6999"}
    yield "E203", lambda *_: {"outcome_id": "LO9"}
    yield "E310", lambda *_: {"enrolment_ref": f"H-{951 + number:04d}"}
    yield "E401", lambda *_: {"grade": "B"}
    yield "E402", lambda *_: {"attempt_no": "3"}
    yield "E501", lambda *_: {"assessed_on": ("2026-06-31", "30 June 2026")[number]}
    yield "E502", lambda *_: {"assessed_on": "2099-01-01"}
    yield "E503", lambda item, _: {"assessed_on": (item.start_on - timedelta(days=10)).isoformat()}
    yield "E904", lambda *_: {"grade": ""}
    yield "E907", lambda *_: {"nsn": "9.00000E+09"}


def _whole(learner: Learner) -> dict[str, str]:
    return {"name_id": learner.name_id.rstrip(), "date_of_birth": learner.date_of_birth.isoformat()}


def results(made: list[Delivery]) -> list[Line]:
    """Return the rows of results.csv by day; the last result of thirty learners is wrong."""
    wrong = _wrong_results(made)
    rows: list[tuple[str, Line]] = []
    for item in made:
        days = [row["assessed_on"] for row in item.results]
        lines: list[Line] = [dict(row) for row in item.results]
        if item.ref in wrong:
            lines[-1] = wrong[item.ref]
        rows += zip(days, lines, strict=True)
    # Wrong rows keep the place of the row they stand for.
    lines = [line for _, line in sorted(rows, key=lambda item: item[0])]
    right = [line for line in lines if isinstance(line, dict)]
    for row in right[:: len(right) // SLASHED_DATES][:SLASHED_DATES]:
        year, month, day = row["assessed_on"].split("-")
        row["assessed_on"] = f"{day}/{month}/{year}"
    return _numbered("R", lines)


def _wrong_results(made: list[Delivery]) -> dict[str, Wrong]:
    """Return by enrolment the wrong row that stands for its last result."""
    late_code, ended_on = ACCREDITATION_ENDED
    late = [item for item in made if item.code == late_code and item.complete][:REPEATS]
    assert len(late) == REPEATS
    found = {
        item.ref: Wrong(
            item.results[-1] | {"assessed_on": (ended_on + timedelta(days=1)).isoformat()}, "E303"
        )
        for item in late
    }
    usable = [item for item in made if _usable(item)]
    ways = [way for number in range(REPEATS) for way in _ways(number)]
    for (code, change), item in zip(ways, usable[5 :: len(usable) // len(ways) - 1], strict=False):
        row = item.results[-1]
        found[item.ref] = Wrong(row | change(item, row), code)
    assert len(found) == len(ways) + REPEATS
    return found


def _usable(item: Delivery) -> bool:
    """Whether the last result can be made wrong in any one way without being wrong in another."""
    if not item.complete or item.code in (OLD_CODE, ACCREDITATION_ENDED[0]):
        return False
    last = item.results[-1]
    once = sum(row["outcome_id"] == last["outcome_id"] for row in item.results) == 1
    # Recognition of prior learning may be dated before the enrolment.
    return once and last["method"] != "rpl"


# ------------------------------------------------------------------ awards


def awards(chance: Chance, made: list[Delivery], posted: list[Line]) -> list[Line]:
    """Return the rows of awards.csv by day of completion, nine wrong ones among them."""
    lost = _without_a_result(made, posted)
    done = [item for item in made if item.complete and item.ref not in lost]
    special = _special(done)
    rows: list[tuple[date, Line]] = []
    for item in done:
        row = _award(chance, item)
        rows.append((item.completed_on, special[item.ref](item, row) if item.ref in special else row))
    unfinished = [item for item in made if item.ref in lost and item.complete][::9][:3]
    rows += [(item.completed_on, Wrong(_award(chance, item), "E601")) for item in unfinished]
    lines = [line for _, line in sorted(rows, key=lambda item: item[0])]
    again = [line for line in lines if isinstance(line, dict)][3:5]
    return _numbered("W", [*lines, *(Wrong(dict(row), "E603") for row in again)])


def _without_a_result(made: list[Delivery], posted: list[Line]) -> set[str]:
    """Return the enrolments one of whose results was sent wrong: the ledger does not have it."""
    right = Counter(line["enrolment_ref"] for line in posted if isinstance(line, dict))
    return {item.ref for item in made if right[item.ref] < len(item.results)}


def _special(done: list[Delivery]) -> dict[str, Callable[[Delivery, Row], Line]]:
    """Return by enrolment how its award differs: four wrong ones, and bases other than accreditation."""
    own = [item for item in done if item.entry["developer"] == PROVIDER and item.code != OLD_CODE]
    others = [
        item for item in done if item.entry["developer"] != PROVIDER and item.code != ACCREDITATION_ENDED[0]
    ]
    return {
        others[20].ref: lambda item, row: Wrong(
            row | _completed(item.completed_on - timedelta(days=1)), "E504"
        ),
        others[40].ref: lambda item, row: Wrong(
            row | {"conferred_on": (item.completed_on - timedelta(days=7)).isoformat()}, "E505"
        ),
        others[60].ref: lambda _, row: Wrong(row | _basis("nzqa_good_reason", _REASON), "E604"),
        own[0].ref: lambda _, row: Wrong(row | _basis("developer_good_reason", ""), "E602"),
        own[1].ref: lambda _, row: row | _basis("developer_good_reason", _REASON),
        own[2].ref: lambda _, row: row | _basis("approval_holder", ""),
    }


def _completed(day: date) -> dict[str, str]:
    return {"completed_on": day.isoformat(), "conferred_on": ""}


def _basis(basis: str, reason: str) -> dict[str, str]:
    return {"basis": basis, "basis_reason": reason}


def _award(chance: Chance, item: Delivery) -> Row:
    completed_on = item.completed_on
    conferred_on = completed_on + timedelta(days=chance.below(22))
    if item.code == ACCREDITATION_ENDED[0]:
        conferred_on = completed_on
    if item.code == OLD_CODE:
        conferred_on = date(2026, 4, 15)  # after it was discontinued: every result was in before
    conferred_on = min(conferred_on, date(2026, 10, 31))
    return {
        "row_ref": "",
        **person(chance, item.learner),
        "mc_code": item.code,
        "mc_version": str(item.entry["version"]) if chance.happens(0.5) else "",
        "completed_on": completed_on.isoformat(),
        "conferred_on": "" if conferred_on == completed_on else conferred_on.isoformat(),
        "basis": "accredited" if chance.happens(0.5) else "",
        "basis_reason": "",
        "enrolment_ref": item.ref,
        "funding": item.funding,
        "language": item.language if chance.happens(0.5) else "",
    }


# ------------------------------------------------------------------ writing


def _numbered(letter: str, lines: list[Line]) -> list[Line]:
    for number, line in enumerate(lines, 1):
        row = line.row if isinstance(line, Wrong) else line
        row["row_ref"] = f"{letter}-{number:04d}"
    return lines


def csv_bytes(lines: list[Line]) -> bytes:
    """Return a file's bytes: UTF-8, commas, LF."""
    rows = [line.row if isinstance(line, Wrong) else line for line in lines]
    sink = io.StringIO()
    writer = csv.DictWriter(sink, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return sink.getvalue().encode()


def expected(lines: list[Line]) -> dict[str, Any]:
    """Return what is to become of a file that is posted once, all files before it having been posted.

    `accepted` counts rows with warnings too: whether an award is reported late (W506) depends on the
    day. `codes` counts the findings that stop a row.
    """
    wrong = [(number, line) for number, line in enumerate(lines, 1) if isinstance(line, Wrong)]
    held = sum(line.status == HELD for _, line in wrong)
    codes = Counter(line.code for _, line in wrong)
    return {
        "rows": len(lines),
        "counts": {
            "accepted": len(lines) - len(wrong),
            "unchanged": 0,
            "held": held,
            "rejected": len(wrong) - held,
        },
        "codes": dict(sorted(codes.items())),
        "not_accepted": [
            {"row": number, "row_ref": line.row["row_ref"], "status": line.status, "code": line.code}
            for number, line in wrong
        ],
    }
