"""What came back put beside what was sent: an outcome for every row, and the file with four columns more.

A row that could not be read was never posted; its outcome is made here, in the same shape as the
ledger's own. Source: DOMAIN.md 7.2 (reply), SPEC.md 6.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .columns import ANSWER_COLUMNS, COLUMNS
from .csv_text import decode, lines_of, records
from .errors import Malformed
from .findings import WARN
from .rows import SIZE_MAX_BYTES, ReadFile, Row

ACCEPTED, WARNED = "accepted", "accepted_with_warnings"
UNCHANGED, HELD, REJECTED = "unchanged", "held", "rejected"

_PASSING = (WARN, "info")

# Signs that make a spreadsheet take a cell for a formula.
_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")
_CRLF = "\r\n"
_LINE_ENDS = (_CRLF, "\n", "\r")
_BOM = "\ufeff"


def outcomes(file: ReadFile, answered: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return one outcome for every row of a file, in file order.

    Args:
        file: the file as read.
        answered: the ledger's outcomes for `file.sendable()`, in that order.

    Returns:
        Outcomes whose `row` and `row_ref` are the file's; a row that was never posted is rejected
        with what was found in it, and a warning about a row stands before the ledger's findings.

    Raises:
        Malformed: not one outcome for each row that was posted.
    """
    rows = file.sendable()
    if len(answered) != len(rows):
        raise Malformed(f"the answer has {len(answered)} rows, {len(rows)} were posted")
    # The ledger names members of statements; who sent a file knows its columns.
    columns = {column.member: column.name for column in COLUMNS.get(file.kind or "", ())}
    replies = iter(answered)
    return [
        _unposted(row) if row.statement is None else _posted(row, next(replies), columns) for row in file.rows
    ]


def counts(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return how many rows were accepted (warned ones among them), warned, unchanged, held, rejected."""
    found = dict.fromkeys(("accepted", "warned", "unchanged", "held", "rejected"), 0)
    for row in rows:
        status = row["status"]
        if status == WARNED:
            found["warned"] += 1
            status = ACCEPTED
        found[status] += 1
    return found


def _unposted(row: Row) -> dict[str, Any]:
    return {
        "row": row.number,
        "row_ref": row.row_ref,
        "status": REJECTED,
        "findings": [found.to_json() for found in row.findings],
        "position": None,
        "leaf_hash": None,
        "award": None,
    }


def _posted(row: Row, reply: Mapping[str, Any], columns: Mapping[Any, str]) -> dict[str, Any]:
    warnings = [found.to_json() for found in row.findings if found.severity == WARN]
    findings = [
        {**found, "column": columns.get(found.get("column"), found.get("column"))}
        for found in reply["findings"]
    ]
    status = WARNED if warnings and reply["status"] == ACCEPTED else reply["status"]
    return {
        **reply,
        "row": row.number,
        "row_ref": row.row_ref,
        "status": status,
        "findings": [*warnings, *findings],
    }


# ------------------------------------------------------------------ the file, answered


def answer_csv(original: bytes, rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Return the same file with the columns status, code, message and fix appended.

    Args:
        original: the file as it was sent.
        rows: outcomes as `outcomes` returns them; a row without one gets empty cells.

    Returns:
        UTF-8 bytes. What was sent stays as it was, byte for byte; only our own cells are kept
        from being taken for formulas. Columns of an earlier answer are replaced.

    Raises:
        Malformed: the bytes are not a file that could have been read.
    """
    by_number = {row["row"]: row for row in rows}
    text = decode(original, SIZE_MAX_BYTES)
    parts = [_BOM] if original.startswith(_BOM.encode()) else []
    number, again = -1, False
    for raw, cells in _raw_records(text):
        blank = not any(cell.strip() for cell in cells)
        if number < 0 and blank:
            parts.append(raw)
            continue
        number += 1
        if number == 0:
            again = tuple(cell.strip().lower() for cell in cells[-4:]) == ANSWER_COLUMNS
            appended: Sequence[str] = ANSWER_COLUMNS
        else:
            appended = _cells(by_number.get(number))
        parts.append(raw if blank and not cells else _appended(raw, cells, appended, again=again))
    return "".join(parts).encode()


def _raw_records(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each record as it stands in the text, with its cells."""
    taken: list[str] = []

    def lines() -> Iterator[str]:
        for line in lines_of(text):
            taken.append(line)
            yield line

    for cells in records(lines()):
        yield "".join(taken), cells
        taken.clear()


def _cells(outcome: Mapping[str, Any] | None) -> tuple[str, str, str, str]:
    if outcome is None:
        return "", "", "", ""
    # What stops the row stands first.
    found = sorted(outcome["findings"], key=lambda item: item.get("severity") in _PASSING)
    codes = " ".join(item["code"] for item in found)
    message, fix = (" ".join(item[name] for item in found) for name in ("message", "fix"))
    return outcome["status"], codes, message, fix


def _appended(raw: str, cells: Sequence[str], appended: Sequence[str], *, again: bool) -> str:
    end = next((end for end in _LINE_ENDS if raw.endswith(end)), "")
    kept = _line(cells[:-4]) if again else raw.removesuffix(end)
    return f"{kept},{_line([_harmless(cell) for cell in appended])}{end}"


def _harmless(cell: str) -> str:
    """Return the cell with an apostrophe before a sign that would make it a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA_SIGNS) else cell


def _line(cells: Sequence[str]) -> str:
    sink = io.StringIO()
    csv.writer(sink, lineterminator=_CRLF).writerow(cells)  # signs of the line end are what it quotes
    return sink.getvalue().removesuffix(_CRLF)
