"""One submission of 100 000 rows through a server, whose memory is what counts."""

import subprocess
import sys
from pathlib import Path

from api.client.post import post
from api.client.submission import Submission
from benchmarks.harness import Benchmark, Stopwatch
from benchmarks.http import a_school, serving
from benchmarks.study import OUTCOMES, result
from tests.support.ledgers import PROVIDER_KEY
from tests.support.tree import ROOT

ROWS = 100_000
FILE = "submission.jsonl"
_MIB = 2**20


def served(folder: Path, watch: Stopwatch) -> int:
    """Post a submission, and ask until every row is decided."""
    # Made in a process of its own, so that the memory of making it is not this one's.
    subprocess.run([sys.executable, "-m", __name__, str(folder)], cwd=ROOT, check=True)  # noqa: S603 - ourselves
    submission = Submission.load(folder / FILE)
    with serving(folder) as server:
        idle = server.memory_max_bytes()
        with watch:
            answer = post(server.url, submission)
        watch.notes["server_idle_MiB"] = idle / _MIB
        watch.notes["server_peak_MiB"] = server.memory_max_bytes() / _MIB
    assert answer.counts["accepted"] == ROWS, answer.counts
    return ROWS


def prepare(folder: Path) -> None:
    """Enrol 50 000 learners and keep a submission with two results of each in a file."""
    house, humans = a_school(folder, ROWS // len(OUTCOMES))
    said = [result(human, outcome) for outcome in OUTCOMES for human in humans]
    house.build(PROVIDER_KEY, said).save(folder / FILE)
    house.close()


BENCHMARKS = (Benchmark("one submission of 100 000 rows", "rows", served, aim="peak ≤ 400 MB", once=True),)

if __name__ == "__main__":
    prepare(Path(sys.argv[1]))
