"""A provider's file, read: bytes in, rows out, each with its statement or with what is wrong.

The bytes may be anything. What cannot be a file of ours is refused whole, with one finding that
says why; a wrong row is refused alone and never stops the others.

Source: DOMAIN.md 7.2 and 7.3, SPEC.md 1 and 6.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from .columns import (
    ANSWER_COLUMNS,
    AWARDS,
    COLUMNS,
    ENROLMENTS,
    MARKS,
    RESULTS,
    STATEMENT,
    UNACTED,
    WHO,
    BadCell,
    Column,
    damage,
)
from .csv_text import FileRefused, decode, lines_of, records, unreadable
from .errors import Malformed
from .findings import Finding, finding

ROWS_MAX = 100_000
SIZE_MAX_BYTES = 50 * 1000 * 1000
STATEMENT_VERSION = 1
NOT_ACHIEVED = "N"

_CONTROL = "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x85\u2028\u2029]"
_ODD_FILE = re.compile(_CONTROL[:-1] + r'"#]|[Ee]\+')
_ODD_CELL = re.compile(_CONTROL[:-1] + "\t\r\n]")


@dataclass(slots=True)
class Row:
    """One data row: its statement and identity columns, or the findings that stop it.

    `number` is the row's place below the header, from 1, blank lines counted as a spreadsheet
    counts them. `statement` and `who` are None when a finding blocks the row.
    """

    number: int
    row_ref: str | None = None
    statement: dict[str, Any] | None = None
    who: dict[str, Any] | None = None
    findings: tuple[Finding, ...] = ()


@dataclass(slots=True)
class ReadFile:
    """A file as read. `findings` are about the whole file; `refused` says that nothing of it was read."""

    kind: str | None = None
    rows: list[Row] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    header: tuple[str, ...] = ()

    @property
    def refused(self) -> bool:
        """Whether a finding stops the whole file."""
        return any(found.blocks for found in self.findings)

    def sendable(self) -> list[Row]:
        """Return the rows that have a statement, in file order."""
        return [row for row in self.rows if row.statement is not None]


def read(
    data: bytes, *, kind: str | None = None, rows_max: int = ROWS_MAX, size_max_bytes: int = SIZE_MAX_BYTES
) -> ReadFile:
    """Return the rows of a results, enrolments or awards file.

    Args:
        data: the file's bytes, whatever they are.
        kind: `results`, `enrolments` or `awards`; found from the header when not given.
        rows_max: more data rows than this and the whole file is refused (E905).
        size_max_bytes: likewise for its size.

    Returns:
        The file; what is wrong with the bytes is among its findings, never raised.

    Raises:
        Malformed: `kind` is not one of the three.
    """
    if kind is not None and kind not in COLUMNS:
        raise Malformed("the kind of a file is results, enrolments or awards")
    file = ReadFile(kind)
    try:
        text = unicodedata.normalize("NFC", decode(data, size_max_bytes))
        lines = records(lines_of(text))
        file.header, plan = _header(file, lines)
        file.rows = list(_rows(lines, plan, rows_max, odd=bool(_ODD_FILE.search(text))))
    except FileRefused as refused:
        file.findings.append(refused.finding)
        file.rows = []
    return file


# ------------------------------------------------------------------ the header

_Step = tuple[int, str, str, Callable[[str], Any]]  # cell, column, member, reader


@dataclass(frozen=True, slots=True)
class _Plan:
    """How to read each row of one file."""

    width: int
    type_of: Callable[[dict[str, Any]], str]
    statement: tuple[_Step, ...]
    who: tuple[_Step, ...]
    row_ref: int | None
    required_statement: frozenset[str]
    required_who: frozenset[str]
    names: dict[str, str]  # member to column, for what is missing
    unacted: tuple[tuple[int, str], ...]
    fill: Callable[[dict[str, Any], dict[str, Any]], None]


def _header(file: ReadFile, lines: Iterator[list[str]]) -> tuple[tuple[str, ...], _Plan]:
    cells = next((cells for cells in lines if any(cell.strip() for cell in cells)), None)
    if cells is None:
        raise unreadable("The file is empty.", "Send a file with a header and at least one row.")
    header = tuple(cell.strip().lower() for cell in cells)
    if len(header) == 1 and any(sign in header[0] for sign in ";\t|"):
        raise unreadable(
            "The columns are not separated by commas.", "Save it again as “CSV UTF-8 (comma delimited)”."
        )
    named = [name for name in header if name]
    if len(set(named)) != len(named):
        raise unreadable("Two columns have the same name.", "Give each column one name.")
    file.kind = file.kind or _kind(header)
    columns = COLUMNS[file.kind]
    _require(header, columns)
    known = {column.name for column in columns} | UNACTED.keys() | set(ANSWER_COLUMNS)
    unknown = [name for name in header if name not in known]
    if unknown:
        file.findings.append(finding("W902", None, names=", ".join(name or "(no name)" for name in unknown)))
    return header, _plan(file.kind, header, columns)


_SHARED_COLUMNS = ("nsn", "mc_code")  # in every kind of file, so they tell nothing


def _kind(header: Sequence[str]) -> str:
    kinds = [kind for kind, mark in MARKS.items() if mark in header]
    if len(kinds) == 1:
        return kinds[0]
    if len(kinds) > 1:
        raise unreadable(
            "The header mixes the columns of results, enrolments and awards.", "Send one file for each."
        )
    # Not one of the marks: say which is missing where the rest of the header tells the kind.
    scores = {kind: sum(column.name in header for column in columns) for kind, columns in COLUMNS.items()}
    best = max(scores, key=lambda kind: scores[kind])
    if "nsn" in header and scores[best] > len(_SHARED_COLUMNS):
        return best
    raise unreadable(
        "The first line is not the header of a results, enrolments or awards file.",
        "Begin the file with the column names, for example nsn,name_id,mc_code,outcome_id,…",
    )


def _require(header: Sequence[str], columns: Sequence[Column]) -> None:
    missing = [column.name for column in columns if column.required and column.name not in header]
    if "name_id" not in header and "date_of_birth" not in header:
        missing.append("name_id or date_of_birth")
    if missing:
        raise FileRefused(finding("E904", ", ".join(missing), where=" from the header"))


def _plan(kind: str, header: Sequence[str], columns: Sequence[Column]) -> _Plan:
    def steps(to: str) -> tuple[_Step, ...]:
        return tuple(
            (header.index(column.name), column.name, column.member, column.reader())
            for column in columns
            if column.to == to and column.name in header
        )

    def required(to: str) -> frozenset[str]:
        return frozenset(column.member for column in columns if column.required and column.to == to)

    return _Plan(
        width=len(header),
        type_of=_TYPES[kind],
        statement=steps(STATEMENT),
        who=steps(WHO),
        row_ref=header.index("row_ref") if "row_ref" in header else None,
        required_statement=required(STATEMENT),
        required_who=required(WHO),
        names={column.member: column.name for column in columns},
        unacted=tuple((header.index(name), name) for name in UNACTED if name in header),
        fill=_FILLS[kind],
    )


# ------------------------------------------------------------------ the rows


def _rows(lines: Iterable[list[str]], plan: _Plan, rows_max: int, *, odd: bool) -> Iterator[Row]:
    seen: dict[str, int] = {}
    count = 0
    for number, raw in enumerate(lines, 1):
        cells = [cell.strip() for cell in raw]
        if not any(cells):
            continue
        count += 1
        if count > rows_max:
            raise FileRefused(finding("E905", hint=f"more than {rows_max} rows"))
        row = _row(number, cells, plan, odd=odd)
        if row.row_ref is not None:
            first = seen.setdefault(row.row_ref, number)
            if first != number:
                _block(row, finding("E906", "row_ref", row=first))
        yield row


def _row(number: int, cells: list[str], plan: _Plan, *, odd: bool) -> Row:
    """Read one row on the ordinary path; anything odd is read again with care."""
    if len(cells) != plan.width or (plan.unacted and _asks_more(cells, plan)) or (odd and _is_odd(cells)):
        return _row_with_care(number, cells, plan)
    said: dict[str, Any] = {"v": STATEMENT_VERSION}
    who: dict[str, Any] = {}
    try:
        for index, _, member, reader in plan.statement:
            if cell := cells[index]:
                said[member] = reader(cell)
        for index, _, member, reader in plan.who:
            if cell := cells[index]:
                who[member] = reader(cell)
    except BadCell:
        return _row_with_care(number, cells, plan)
    if not (plan.required_statement <= said.keys() and plan.required_who <= who.keys() and _named(who)):
        return _row_with_care(number, cells, plan)
    return _finished(Row(number), said, who, plan, cells)


def _row_with_care(number: int, cells: list[str], plan: _Plan) -> Row:
    """Read one row cell by cell and gather everything that is wrong with it."""
    row = Row(number, _row_ref(cells, plan))
    if len(cells) != plan.width:
        row.findings = (
            finding(
                "E901",
                hint=f"The row has {len(cells)} cells and the header has {plan.width}.",
                fix="Put a cell that holds a comma in quotation marks, and give every row all its commas.",
            ),
        )
        return row
    found: list[Finding] = [
        finding(
            "E901",
            name,
            hint=f"{name} is not acted on yet, so this row was not recorded.",
            fix="Empty the cell.",
        )
        for index, name in plan.unacted
        if cells[index].lower() not in UNACTED[name]
    ]
    said: dict[str, Any] = {"v": STATEMENT_VERSION}
    who: dict[str, Any] = {}
    for members, steps in ((said, plan.statement), (who, plan.who)):
        for index, column, member, reader in steps:
            _cell(cells[index], column, member, reader, members, found)
    given = {plan.names.get(member, member) for member in (*said, *who)} | {item.column for item in found}
    missing = [plan.names[member] for member in (*plan.required_who, *plan.required_statement)]
    found += [finding("E904", column) for column in sorted(missing) if column not in given]
    if not {"name_id", "date_of_birth"} & given:
        found.append(finding("E904", "name_id or date_of_birth"))
    row.findings = tuple(found)
    if any(item.blocks for item in found):
        return row
    return _finished(row, said, who, plan, cells)


def _cell(
    cell: str,
    column: str,
    member: str,
    reader: Callable[[str], Any],
    members: dict[str, Any],
    found: list[Finding],
) -> None:
    if not cell:
        return
    odd = _oddity(cell, column)
    if odd is not None:
        found.append(odd)
        return
    try:
        members[member] = reader(cell)
    except BadCell as bad:
        found.append(bad.finding)
        if bad.value is not None:
            members[member] = bad.value


def _finished(row: Row, said: dict[str, Any], who: dict[str, Any], plan: _Plan, cells: list[str]) -> Row:
    said["type"] = plan.type_of(said)
    plan.fill(said, who)
    if plan.row_ref is not None:
        row.row_ref = cells[plan.row_ref] or None
    row.statement, row.who = said, who
    return row


def _block(row: Row, found: Finding) -> None:
    row.findings = (*row.findings, found)
    row.statement = row.who = None


def _row_ref(cells: list[str], plan: _Plan) -> str | None:
    at = plan.row_ref
    return (cells[at][:64] or None) if at is not None and at < len(cells) else None


def _named(who: dict[str, Any]) -> bool:
    return "name_id" in who or "date_of_birth" in who


def _asks_more(cells: list[str], plan: _Plan) -> bool:
    return any(cells[index].lower() not in UNACTED[name] for index, name in plan.unacted)


def _is_odd(cells: list[str]) -> bool:
    return any(_ODD_CELL.search(cell) or damage(cell, "") for cell in cells)


def _oddity(cell: str, column: str) -> Finding | None:
    if _ODD_CELL.search(cell):
        hint = f"The cell in {column} holds a line break or a control character."
        return finding("E901", column, hint=hint, fix="Remove it.")
    return damage(cell, column)


# ------------------------------------------------------------------ what each kind of row says


def _assessment_type(said: dict[str, Any]) -> str:
    """N makes `not_achieved`; every other grade, known or not, goes to the rules as `passed`."""
    return "assessment.not_achieved" if said["grade"] == NOT_ACHIEVED else "assessment.passed"


_TYPES: dict[str, Callable[[dict[str, Any]], str]] = {
    RESULTS: _assessment_type,
    ENROLMENTS: lambda _: "learner.enrolled",
    AWARDS: lambda _: "microcredential.awarded",
}


# The statement must say what the file may leave out (DOMAIN.md 7.2: method = assessed,
# conferred_on = completed_on, basis = accredited).
def _fill_result(said: dict[str, Any], _: dict[str, Any]) -> None:
    said.setdefault("method", "assessed")


def _fill_enrolment(_: dict[str, Any], who: dict[str, Any]) -> None:
    """Take out row_ref: an enrolment is known by its enrolment_ref, row_ref is only echoed (SPEC.md 1)."""
    who.pop("row_ref", None)


def _fill_award(said: dict[str, Any], _: dict[str, Any]) -> None:
    said.setdefault("conferred_on", said["completed_on"])
    said.setdefault("basis", "accredited")


_FILLS: dict[str, Callable[[dict[str, Any], dict[str, Any]], None]] = {
    RESULTS: _fill_result,
    ENROLMENTS: _fill_enrolment,
    AWARDS: _fill_award,
}
