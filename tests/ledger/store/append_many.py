"""A second process that appends: `python -m tests.ledger.store.append_many FOLDER FIRST WRITES WIDTH`.

It says `ready`, waits for a line, and then makes WRITES writes of WIDTH new streams each.
"""

import sys
from pathlib import Path

from ledger.clock import SystemClock
from ledger.store.sqlite import LedgerRecorder
from tests.ledger.store.records import a_record


def main(folder: str, *numbers: str) -> None:
    """Append, and print the positions of each write on a line."""
    first, writes, width = map(int, numbers)
    recorder = LedgerRecorder(Path(folder, "ledger.sqlite"), clock=SystemClock())
    print("ready", flush=True)  # noqa: T201
    sys.stdin.readline()
    for write in range(writes):
        start = first + write * width
        positions = recorder.insert_events([a_record(start + place) for place in range(width)])
        print(*positions or (), flush=True)  # noqa: T201
    recorder.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
