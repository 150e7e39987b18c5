"""Make the demonstration's files: `python -m api.cli.demo.generate` writes them where they belong.

A pure function of one seed and of `catalogue.json` (our copy of the invented catalogue): the same
bytes on every machine, compared by a test. Copies of the three CSV files go to `examples/`.
"""

import json
import sys
from pathlib import Path
from typing import Any

from api.cli.demo import AWARDS, CSV_FILES, ENROLMENTS, RESULTS, bodies, files, listings, read_bytes
from api.cli.demo.chance import Chance
from api.cli.demo.deliveries import deliveries
from api.cli.demo.people import learners

SEED = "achievement-ledger demonstration 2026"


def all_files() -> dict[str, bytes]:
    """Return every generated file by name."""
    catalogue: list[dict[str, Any]] = json.loads(read_bytes("catalogue.json"))
    organisations = bodies.organisations({entry["developer"] for entry in catalogue})
    register = [*bodies.statements(organisations), *listings.statements(catalogue)]
    # Each part draws from a sequence of its own: a change in one leaves the others alone.
    people = learners(Chance(f"{SEED}: people"))
    made = deliveries(Chance(f"{SEED}: deliveries"), catalogue, people)
    enrolment_rows = files.enrolments(Chance(f"{SEED}: enrolments"), made, people)
    result_rows = files.results(made)
    award_rows = files.awards(Chance(f"{SEED}: awards"), made, result_rows)
    rows = {ENROLMENTS: enrolment_rows, RESULTS: result_rows, AWARDS: award_rows}
    expected = {
        "learners": len(people),
        "organisations": len(organisations),
        "microcredentials": len(catalogue),
        "accreditations": sum(said["type"] == "accreditation.granted" for said in register),
        "files": {name: files.expected(lines) for name, lines in rows.items()},
        "awards_in_force": files.expected(award_rows)["counts"]["accepted"],
    }
    return {
        "organisations.json": _json(organisations),
        "register.json": _json(register),
        "learners.json": _json([person.to_json() for person in people]),
        "expected.json": _json(expected),
        **{name: files.csv_bytes(lines) for name, lines in rows.items()},
    }


def _json(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()


def main() -> None:
    """Write the files into the package and, in a checkout, the copies into `examples/`."""
    package = Path(__file__).parent
    examples = package.parents[2] / "examples"
    for name, data in all_files().items():
        (package / name).write_bytes(data)
        if name in CSV_FILES and (package.parents[2] / "pyproject.toml").exists():
            examples.mkdir(exist_ok=True)
            (examples / name).write_bytes(data)
    json.dump(json.loads(read_bytes("expected.json")), sys.stdout, indent=1)


if __name__ == "__main__":
    main()
