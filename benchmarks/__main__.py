"""Measure, and print a table: `python -m benchmarks [NAME…] [--rounds N] [--json] [--into FILE]`."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.catalogue import BENCHMARKS, BY_NAME
from benchmarks.harness import ROUNDS, Benchmark, Figure, measure, ratio, run_here, table
from tests.support.documents import markdown, write_between

TABLE_WIDTH = 160
HEAD = ("what", "rate", "beside", "also", "cpu", "memory", "aim")
WHOLE, AIMED = "bench", "bench, what has an aim"
INTO = f"also write it into a document, between its marks: <!-- {WHOLE}: begin --> or <!-- {AIMED}: begin -->"


def main() -> None:
    """Read the command line; measure what was named, or everything."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="; ".join(BY_NAME))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--into", type=Path, action="append", default=[], help=INTO)
    # A measurement in a process of its own: prints what was done and in what time.
    parser.add_argument("--here", type=Path, metavar="FOLDER", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    unknown = [name for name in asked.names if name not in BY_NAME]
    if unknown:
        parser.error(f"there is no {', '.join(unknown)}")

    if asked.here is not None:
        (name,) = asked.names
        print(json.dumps(run_here(BY_NAME[name], asked.here)))
        return
    chosen = [benchmark for benchmark in BENCHMARKS if not asked.names or benchmark.name in asked.names]
    figures = measure(chosen, asked.rounds)
    for path in asked.into:
        if not write_tables(path, chosen, figures):
            parser.error(f"{path} has no place for a table")
    if asked.json:
        document = {
            benchmark.name: {**asdict(figures[benchmark.name]), "ratio": ratio(benchmark, figures)}
            for benchmark in chosen
        }
        json.dump(document, sys.stdout, indent=2)
        print()
        return
    shown = Table(*HEAD)
    for row in table(chosen, figures):
        shown.add_row(*row)
    # In a file or a pipe there is no window whose width would count.
    console = Console() if sys.stdout.isatty() else Console(width=TABLE_WIDTH)
    console.print(shown)


def write_tables(path: Path, chosen: Sequence[Benchmark], figures: Mapping[str, Figure]) -> bool:
    """Write the table, or the part of it that has aims, into a document; return whether it has a place."""
    rows = table(chosen, figures)
    aimed = [row[:4] + row[6:] for row in rows if row[6]]
    whole = write_between(path, WHOLE, markdown(HEAD, rows))
    return write_between(path, AIMED, markdown(HEAD[:4] + HEAD[6:], aimed)) or whole


if __name__ == "__main__":
    main()
