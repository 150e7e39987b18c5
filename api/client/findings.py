"""What can be wrong with a file or a row before any rule of the ledger is asked.

Only what can be seen in the bytes: codes E1xx, E4xx, E5xx and E9xx of DOMAIN.md 7.3. Whether a
person, a micro-credential or a date is right is the ledger's to say, with the same shape of finding.
"""

from dataclasses import dataclass
from typing import Any

BLOCK, WARN = "block", "warn"

# code: (severity, message, how to fix). {column}, {hint} and so on are filled by `finding`.
_TEXTS: dict[str, tuple[str, str, str]] = {
    "E101": (
        BLOCK,
        "An NSN has 9 or 10 digits; this cell does not.",
        "Give the learner's National Student Number in digits.",
    ),
    "E202": (
        BLOCK,
        "The version is not a whole number from 1.",
        "Give the version as 1, 2, 3 …, or leave the cell empty for the version current on the date.",
    ),
    "E402": (
        BLOCK,
        "The attempt is not a whole number from 1.",
        "Give the attempt as 1, 2, 3 …, or leave the cell empty for the next one.",
    ),
    "E408": (
        BLOCK,
        "The evidence hash is not 64 hexadecimal digits.",
        "Give the SHA-256 of the evidence in hexadecimal, or leave the cell empty.",
    ),
    "E501": (
        BLOCK,
        "The date in {column} cannot be read.",
        "Write it as YYYY-MM-DD, for example 2026-03-31, and check that the day exists.",
    ),
    "E901": (BLOCK, "{hint}", "{fix}"),
    "W902": (
        WARN,
        "Not a column of this file, left unread: {names}.",
        "Check the spelling, or ignore this if the column is for your own use.",
    ),
    "E903": (
        BLOCK,
        "The file is not UTF-8; it looks like {hint}.",
        "Save it again as “CSV UTF-8 (comma delimited)”.",
    ),
    "E904": (
        BLOCK,
        "{column} is missing{where}.",
        "Fill in {column}.",
    ),
    "E905": (
        BLOCK,
        "The file is larger than one submission may be ({hint}).",
        "Split it into files of at most 100 000 rows and 50 MB.",
    ),
    "E906": (
        BLOCK,
        "This row_ref was already used in row {row} of the same file.",
        "Give each row its own row_ref, or remove the row if it was repeated by mistake.",
    ),
    "E907": (
        BLOCK,
        "A spreadsheet has changed {column}: {hint}.",
        "Format the column as text in the spreadsheet, fill in the true value and save again.",
    ),
    "W910": (
        WARN,
        "The date in {column} was read as day/month/year.",
        "Write dates as YYYY-MM-DD.",
    ),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong or odd, with where and how to put it right."""

    code: str
    severity: str
    column: str | None
    message: str
    fix: str
    rule: str | None = None

    @property
    def blocks(self) -> bool:
        """Whether the row, or for a file-level finding the file, goes no further."""
        return self.severity == BLOCK

    def to_json(self) -> dict[str, Any]:
        """Return the finding as it stands in a row's outcome."""
        return {
            "code": self.code,
            "severity": self.severity,
            "column": self.column,
            "rule": self.rule,
            "message": self.message,
            "fix": self.fix,
        }


def finding(code: str, column: str | None = None, **params: object) -> Finding:
    """Return a finding with its sentences filled in; no parameter ever holds a name, NSN or birth date."""
    severity, message, fix = _TEXTS[code]
    values = {"column": column, "where": "", **params}
    return Finding(code, severity, column, message.format(**values), fix.format(**values))
