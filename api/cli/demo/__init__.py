"""The demonstration's data, as it lies in the package: everything in it is invented.

`generate.py` makes every file here but `catalogue.json`, from one seed, and always the same bytes.
Nothing names a real person or body; whatever has a name says "(demo)".
"""

import json
from importlib import resources
from typing import Any

RESULTS, ENROLMENTS, AWARDS = "results.csv", "enrolments.csv", "awards.csv"
CSV_FILES = (ENROLMENTS, RESULTS, AWARDS)  # in the order in which they are posted
PROVIDER = 95001  # whose files these are


def read_bytes(name: str) -> bytes:
    """Return a file of the demonstration, for example `results.csv`."""
    return (resources.files(__name__) / name).read_bytes()


def register() -> list[dict[str, Any]]:
    """Return the public statements of the regulator, in posting order; keys come apart."""
    found: list[dict[str, Any]] = json.loads(read_bytes("register.json"))
    return found


def organisations() -> list[dict[str, Any]]:
    """Return every organisation: number or body, kind, name, valid_from, roles."""
    found: list[dict[str, Any]] = json.loads(read_bytes("organisations.json"))
    return found


def learners() -> list[dict[str, Any]]:
    """Return the learners: nsn, name, date_of_birth."""
    found: list[dict[str, Any]] = json.loads(read_bytes("learners.json"))
    return found


def expected() -> dict[str, Any]:
    """Return what is to become of each file: counts, codes, and the rows that are not accepted."""
    found: dict[str, Any] = json.loads(read_bytes("expected.json"))
    return found
