"""Adds the golden vectors that are missing: `python -m tests.ledger.golden.make`. Never rewrites one."""

import tempfile
from pathlib import Path

from tests.ledger.golden.files import FOLDER, as_text, vector_of
from tests.ledger.golden.log import handed_out
from tests.ledger.golden.samples import golden_records


def main() -> None:
    """Write what is not there yet, and say so."""
    with tempfile.TemporaryDirectory() as folder:
        vectors = {topic: vector_of(golden) for topic, golden in golden_records().items()}
        vectors["log"] = handed_out(Path(folder))
    for name, vector in vectors.items():
        path = FOLDER / f"{name}.json"
        if not path.exists():
            path.write_text(as_text(vector), encoding="utf-8")
            print(f"made {path.name}")  # noqa: T201


if __name__ == "__main__":
    main()
