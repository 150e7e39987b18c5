"""The columns of the three files: what each is called, how a cell is read, where it goes.

A cell goes into the statement (what is said) or into `who` (about whom, sealed beside it), under
the statement's own name for it. Source: DOMAIN.md 7.2, SPEC.md 1.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any

from .findings import Finding, finding

STATEMENT, WHO = "statement", "who"
NSN_DIGITS, NSN_DIGITS_SHORT = 10, 9
NUMBER_DIGITS_MAX = 4
YEAR_MIN = 1901  # a spreadsheet's day 0 to 366 falls into 1899 and 1900

_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SLASHED = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})")
_SCIENTIFIC = re.compile(r"[0-9](\.[0-9]+)?[Ee]\+[0-9]+")
_SERIAL = re.compile(r"[0-9]{5}(\.[0-9]+)?")
_DECIMAL = re.compile(r"[0-9]+\.0+")
_ERROR_VALUES = re.compile(r"#(REF!|VALUE!|N/A|NAME\?|DIV/0!|NUM!|NULL!|#+)")
_SHA256 = re.compile(r"[0-9A-Fa-f]{64}")


class BadCell(Exception):
    """A cell that cannot be taken as it stands; carries the finding, and the value if there is one."""

    def __init__(self, found: Finding, value: object = None) -> None:
        super().__init__(found.code)
        self.finding, self.value = found, value


# ------------------------------------------------------------------ how a cell is read


def damage(cell: str, column: str) -> Finding | None:
    """Return what a spreadsheet did to a cell, if it can be seen: `1.2E+09`, `#REF!`."""
    if _SCIENTIFIC.fullmatch(cell):
        return finding("E907", column, hint="it was turned into a number with an exponent")
    if _ERROR_VALUES.fullmatch(cell):
        return finding("E907", column, hint="it holds an error sign instead of a value")
    return None


def text(column: str, chars_max: int) -> Callable[[str], str]:
    """Return a reader of short text."""

    def read(cell: str) -> str:
        if len(cell) > chars_max:
            hint = f"The cell in {column} is longer than {chars_max} characters."
            raise BadCell(finding("E901", column, hint=hint, fix="Shorten it."))
        return cell

    return read


def name_code(column: str, chars_max: int) -> Callable[[str], str]:
    """Return a reader of a name code: upper case, however it was typed."""
    read = text(column, chars_max)
    return lambda cell: read(cell.upper())


def nsn(cell: str) -> str:
    """Return ten digits: blanks taken out, nine digits filled with a zero in front."""
    if len(cell) == NSN_DIGITS and cell.isascii() and cell.isdigit():
        return cell
    digits = "".join(cell.split())
    if len(digits) in (NSN_DIGITS_SHORT, NSN_DIGITS) and digits.isascii() and digits.isdigit():
        return digits.zfill(NSN_DIGITS)
    if _DECIMAL.fullmatch(digits):
        raise BadCell(finding("E907", "nsn", hint="it was turned into a decimal number"))
    raise BadCell(damage(digits, "nsn") or finding("E101", "nsn"))


def whole_number(column: str, code: str) -> Callable[[str], int]:
    """Return a reader of whole numbers from 1 to 9999; `code` names what else is wrong."""

    def read(cell: str) -> int:
        if len(cell) <= NUMBER_DIGITS_MAX and cell.isascii() and cell.isdigit() and int(cell) > 0:
            return int(cell)
        raise BadCell(damage(cell, column) or finding(code, column))

    return read


def sha256_hex(cell: str) -> str:
    """Return 64 hexadecimal digits in lower case."""
    if _SHA256.fullmatch(cell):
        return cell.lower()
    raise BadCell(damage(cell, "evidence_sha256") or finding("E408", "evidence_sha256"))


class Dates(dict[str, str]):
    """Reads the dates of one column; each spelling is worked out once a file."""

    def __init__(self, column: str) -> None:
        super().__init__()
        self._column = column

    def __missing__(self, cell: str) -> str:
        """Return YYYY-MM-DD; DD/MM/YYYY is not kept, so that every such cell is told of."""
        day = self._day(cell)
        if _ISO.fullmatch(cell):
            self[cell] = cell
            return cell
        raise BadCell(finding("W910", self._column), value=day)

    def _day(self, cell: str) -> str:
        slashed = _SLASHED.fullmatch(cell)
        spelled = f"{slashed[3]}-{slashed[2]:0>2}-{slashed[1]:0>2}" if slashed else cell
        if not _ISO.fullmatch(spelled):
            raise BadCell(self._not_a_date(cell))
        try:
            day = date.fromisoformat(spelled)
        except ValueError as error:
            raise BadCell(finding("E501", self._column)) from error
        if day.year < YEAR_MIN:
            raise BadCell(finding("E907", self._column, hint="it is a day before 1901"))
        return spelled

    def _not_a_date(self, cell: str) -> Finding:
        if _SERIAL.fullmatch(cell):
            return finding("E907", self._column, hint="it was turned into a count of days")
        return damage(cell, self._column) or finding("E501", self._column)


# ------------------------------------------------------------------ the columns


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name in the file, where its value goes and under what name, and its reader."""

    name: str
    to: str
    member: str
    reader: Callable[[], Callable[[str], Any]]
    required: bool = False


def _text(name: str, to: str, chars_max: int, *, member: str | None = None, required: bool = False) -> Column:
    return Column(name, to, member or name, lambda: text(name, chars_max), required)


def _date(name: str, to: str = STATEMENT, *, required: bool = False) -> Column:
    return Column(name, to, name, lambda: Dates(name).__getitem__, required)


_ROW_REF = _text("row_ref", WHO, 64)
_NSN = Column("nsn", WHO, "nsn", lambda: nsn, required=True)
_NAME_ID = Column("name_id", WHO, "name_id", lambda: name_code("name_id", 5))
_BORN = _date("date_of_birth", WHO)
_CODE = _text("mc_code", STATEMENT, 16, member="code", required=True)
_VERSION = Column("mc_version", STATEMENT, "version", lambda: whole_number("mc_version", "E202"))
_ENROLMENT = _text("enrolment_ref", WHO, 20, required=True)
_PERSON = (_NSN, _NAME_ID, _BORN)


def _word(name: str, *, required: bool = False) -> Column:
    return _text(name, STATEMENT, 32, required=required)


RESULTS, ENROLMENTS, AWARDS = "results", "enrolments", "awards"
COLUMNS = MappingProxyType(
    {
        RESULTS: (
            _ROW_REF,
            *_PERSON,
            _CODE,
            _VERSION,
            _text("outcome_id", STATEMENT, 16, member="outcome", required=True),
            _ENROLMENT,
            _text("grade", STATEMENT, 16, required=True),
            _word("method"),
            Column("attempt_no", STATEMENT, "attempt", lambda: whole_number("attempt_no", "E402")),
            _date("assessed_on", required=True),
            _word("language"),
            Column("evidence_sha256", WHO, "evidence_sha256", lambda: sha256_hex),
        ),
        ENROLMENTS: (
            _ROW_REF,
            *_PERSON,
            _ENROLMENT,
            _CODE,
            _VERSION,
            _date("start_on", required=True),
            _date("planned_end_on"),
            _word("mode", required=True),
            _word("language", required=True),
            _word("funding", required=True),
        ),
        AWARDS: (
            _ROW_REF,
            *_PERSON,
            _CODE,
            _VERSION,
            _date("completed_on", required=True),
            _date("conferred_on"),
            _word("basis"),
            _text("basis_reason", STATEMENT, 500),
            _ENROLMENT,
            _word("funding", required=True),
            _word("language"),
        ),
    }
)

# The one column that tells a kind of file from the others, whatever else is missing.
MARKS = MappingProxyType({RESULTS: "assessed_on", ENROLMENTS: "start_on", AWARDS: "completed_on"})

# What an answer appends; a file that is sent again may still carry them.
ANSWER_COLUMNS = ("status", "code", "message", "fix")
ROW_STATUSES = ("accepted", "accepted_with_warnings", "unchanged", "held", "rejected")

# Columns of the wider format that change what a row means and that are not acted on yet: a row
# that uses one is refused, because recording it without would record something else.
UNACTED = MappingProxyType(
    {
        "action": frozenset(("", "upsert", "confer")),
        "standard_no": frozenset(("",)),
        "standard_version": frozenset(("",)),
        "assessing_provider": frozenset(("",)),
        "awarding_provider": frozenset(("",)),
        "assurance": frozenset(("", "results_in_ledger")),
        "source_ref": frozenset(("",)),
        "auto_enrol": frozenset(("", "false")),
        # Ours when an answer is sent again, the enrolment's own in the wider format.
        "status": frozenset(("", "active", *ROW_STATUSES)),
    }
)
