"""Let go wrong what may: `python -m tests.reliability [NAME…] [--trials N] [--seed S] [--into FILE]`."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.reliability.catalogue import BY_NAME, CAMPAIGNS
from tests.reliability.harness import FAILURES_SHOWN, MARKS, Setting, as_json, table, write_into
from tests.support.documents import has_place


def say(text: str) -> None:
    """Tell whoever watches."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def main() -> int:
    """Read the command line, play what was named or everything, and print one table."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BY_NAME))
    parser.add_argument("--trials", type=int, help="instead of as many as the campaign has by itself")
    parser.add_argument("--seed", type=int, default=0, help="of the first trial, or of all")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--into", type=Path, action="append", default=[], help="also write into a document, between its marks"
    )
    asked = parser.parse_args()
    unknown = [name for name in asked.names if name not in BY_NAME]
    if unknown:
        parser.error(f"there is no {', '.join(unknown)}: there are {', '.join(BY_NAME)}")
    for path in asked.into:
        if not has_place(path, MARKS):
            parser.error(f"{path} has no lines <!-- {MARKS}: begin --> and <!-- {MARKS}: end -->")

    played = []
    for campaign in CAMPAIGNS:
        if asked.names and campaign.name not in asked.names:
            continue
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix=f"roa-{campaign.name}-") as folder:
            trials = campaign.trials if asked.trials is None else asked.trials
            played.append((campaign, campaign.run(Setting(trials, asked.seed, Path(folder)))))
        say(f"{campaign.name}: {time.monotonic() - began:.0f} s")
    failures = [failure for _, lines in played for line in lines for failure in line.failures]
    for failure in failures[:FAILURES_SHOWN]:
        say(failure)
    sys.stdout.write(as_json(played) + "\n" if asked.json else table(played))
    for path in asked.into:
        write_into(path, played, list(BY_NAME))
    return 0 if all(line.ok for _, lines in played for line in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
