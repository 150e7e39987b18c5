"""Measure, and print a table: `python -m benchmarks [NAME…] [--rounds N] [--json]`."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.catalogue import BENCHMARKS, BY_NAME
from benchmarks.harness import ROUNDS, measure, ratio, run_here, table

TABLE_WIDTH = 160


def main() -> None:
    """Read the command line; measure what was named, or everything."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="; ".join(BY_NAME))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
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
    if asked.json:
        document = {
            benchmark.name: {**asdict(figures[benchmark.name]), "ratio": ratio(benchmark, figures)}
            for benchmark in chosen
        }
        json.dump(document, sys.stdout, indent=2)
        print()
        return
    shown = Table("what", "rate", "beside", "also", "cpu", "memory", "aim")
    for row in table(chosen, figures):
        shown.add_row(*row)
    # In a file or a pipe there is no window whose width would count.
    console = Console() if sys.stdout.isatty() else Console(width=TABLE_WIDTH)
    console.print(shown)


if __name__ == "__main__":
    main()
