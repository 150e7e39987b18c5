"""Results files over HTTP: a real server in a process of its own, files of 1 000 rows posted one by one."""

import csv
import io
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from api.client.post import post
from api.client.submission import organisation_id
from api.security.tokens import Tokens
from benchmarks.harness import Benchmark, Stopwatch
from benchmarks.study import OUTCOMES, batches, enrol, results
from ledger.clock import FixedClock
from tests.scripts.server import Server
from tests.support.ledgers import PASSPHRASE, House, a_study_ledger, people
from tests.support.tree import ROOT
from tests.support.world import PROVIDER, Human, a_result, reference

LEARNERS = 2_000
COLUMNS = (
    "row_ref",
    "nsn",
    "name_id",
    "mc_code",
    "outcome_id",
    "enrolment_ref",
    "grade",
    "method",
    "assessed_on",
)


def files(folder: Path, watch: Stopwatch) -> int:
    """Post CSV files: read, signed under the delegated key, decided, durable, answered row by row."""
    house, humans = a_school(folder, LEARNERS)
    token = Tokens(house.ledger.jobs).make(organisation_id(PROVIDER), house.clock.now_us())
    made = [_file(batch, outcome) for outcome in OUTCOMES for batch in batches(humans)]
    house.close()
    with serving(folder) as server, watch:
        answers = [post(server.url, file, token=token) for file in made]
    counts = [answer.counts for answer in answers]
    assert sum(one["accepted"] for one in counts) == LEARNERS * len(OUTCOMES), counts
    return LEARNERS * len(OUTCOMES)


def submissions(folder: Path, watch: Stopwatch) -> int:
    """Post as many statements as submissions that the provider signed itself."""
    house, humans = a_school(folder, LEARNERS)
    made = results(house, humans)
    house.close()
    with serving(folder) as server, watch:
        answers = [post(server.url, submission) for submission in made]
    assert sum(answer.counts["accepted"] for answer in answers) == LEARNERS * len(OUTCOMES)
    return LEARNERS * len(OUTCOMES)


def a_school(folder: Path, learners: int) -> tuple[House, list[Human]]:
    """Return a ledger whose clock is right, so that a server can go on with it, and who is enrolled there."""
    house = a_study_ledger(folder, FixedClock(datetime.now(UTC)))
    return house, enrol(house, people(learners))


def _file(humans: Sequence[Human], outcome: str) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for human in humans:
        said = a_result(human, outcome)
        row_ref = f"{outcome}-{human.nsn}"
        about = (row_ref, human.nsn, human.name_id, said["code"], outcome, reference(human))
        writer.writerow((*about, said["grade"], said["method"], said["assessed_on"].isoformat()))
    return text.getvalue().encode()


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """Serve the ledger in a folder with the command that an operator uses."""
    passphrase = folder / "passphrase.txt"
    passphrase.write_bytes(PASSPHRASE)
    roa = str(Path(sys.executable).with_name("roa"))
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ROA_")}
    environment = {**inherited, "ROA_PASSPHRASE_FILE": str(passphrase)}
    server = Server([roa, "serve", "--data", str(folder)], ROOT, environment, folder / "server.log")
    try:
        yield server
    finally:
        server.stop()


BENCHMARKS = (
    Benchmark("submissions over HTTP", "statements", submissions),
    Benchmark("CSV files over HTTP", "rows", files, beside="submissions over HTTP"),
)
