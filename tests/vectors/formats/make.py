"""Adds examples and vectors that are missing: `python -m tests.vectors.formats.make`. Never rewrites."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.vectors.formats.cases import Case
from tests.vectors.formats.ledger_examples import ledger_examples
from tests.vectors.formats.policy_mutations import policy_cases
from tests.vectors.formats.proof_mutations import proof_cases
from tests.vectors.formats.receipt_mutations import receipt_cases
from tests.vectors.formats.signed_mutations import signed_cases

FOLDER = Path(__file__).parent
EXAMPLES = FOLDER / "examples"


def main() -> None:
    """Write what is not there yet, and say so."""
    # All examples are of one ledger, so they are made together or not at all.
    if not EXAMPLES.exists():
        EXAMPLES.mkdir()
        with tempfile.TemporaryDirectory() as folder:
            _add(EXAMPLES, ledger_examples(Path(folder) / "ledger"))
    _add(FOLDER, {name: case.as_text().encode() for name, case in all_cases().items()})


def all_cases() -> dict[str, Case]:
    """Return every case by its file, as it would be made today."""
    return {**signed_cases(), **policy_cases(), **proof_cases(), **receipt_cases(EXAMPLES)}


def _add(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            print(f"made {path.relative_to(FOLDER)}")  # noqa: T201


if __name__ == "__main__":
    main()
