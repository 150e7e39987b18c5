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
from tests.support.documents import has_place, write_rows

TABLE_WIDTH = 160
HEAD = ("what", "rate", "beside", "also", "cpu", "memory", "aim")
WHOLE, AIMED = "bench", "bench, what has an aim"
MARKS = f"<!-- {WHOLE}: begin -->, <!-- {WHOLE}: end --> or <!-- {AIMED}: begin -->, <!-- {AIMED}: end -->"
INTO = f"also write what was measured into the table of a document, between its lines {MARKS}"


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
    for path in asked.into:
        if not any(has_place(path, name) for name in (WHOLE, AIMED)):
            parser.error(f"{path} has no lines {MARKS}")
    chosen = [benchmark for benchmark in BENCHMARKS if not asked.names or benchmark.name in asked.names]
    figures = measure(chosen, asked.rounds)
    for path in asked.into:
        write_tables(path, chosen, figures)
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


def write_tables(
    path: Path,
    chosen: Sequence[Benchmark],
    figures: Mapping[str, Figure],
    every: Sequence[Benchmark] = BENCHMARKS,
) -> None:
    """Write the table, or the part of it that has aims, where a document has a place for it.

    Args:
        path: the document.
        chosen: what was measured; rows of the others stay as they are.
        figures: what came of it.
        every: all there are, in the order of the table.
    """
    rows = table(chosen, figures)
    if has_place(path, WHOLE):
        write_rows(path, WHOLE, HEAD, rows, [benchmark.name for benchmark in every])
    if has_place(path, AIMED):
        aimed = [row[:4] + row[6:] for row in rows if row[6]]
        write_rows(
            path, AIMED, HEAD[:4] + HEAD[6:], aimed, [benchmark.name for benchmark in every if benchmark.aim]
        )


if __name__ == "__main__":
    main()
