"""Posting over HTTP to a real server in a process of its own: in bulk, and one statement a call."""

import csv
import http.client
import io
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from api.client.post import post
from api.client.submission import organisation_id
from api.security.tokens import Tokens
from benchmarks.harness import Benchmark, Stopwatch, percentiles
from benchmarks.study import OUTCOMES, batches, enrol, result, results
from ledger.clock import FixedClock
from tests.scripts.server import Server
from tests.support.ledgers import PASSPHRASE, PROVIDER_KEY, House, a_study_ledger, people
from tests.support.tree import ROOT
from tests.support.world import PROVIDER, Human, a_result, reference

LEARNERS = 2_000
CLIENTS = 32
ALONE, TOGETHER = 300, 1_600  # statements that one client posts, and that all of them do
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


def one_by_one(folder: Path, watch: Stopwatch) -> int:
    """Post one statement a call, each when the one before is answered."""
    return _single(folder, watch, ALONE, clients=1)


def by_clients(folder: Path, watch: Stopwatch) -> int:
    """Post one statement a call from 32 clients at once: what comes together shares flushes."""
    return _single(folder, watch, TOGETHER, clients=CLIENTS)


def by_clients_to_two(folder: Path, watch: Stopwatch) -> int:
    """Post the same to two servers of the one ledger, half of the clients to each."""
    return _single(folder, watch, TOGETHER, clients=CLIENTS, servers=2)


def _single(folder: Path, watch: Stopwatch, number: int, *, clients: int, servers: int = 1) -> int:
    house, humans = a_school(folder, number)
    bodies = [house.build(PROVIDER_KEY, [result(human, "LO1")]).body() for human in humans]
    house.close()
    with ExitStack() as stack:
        running = [stack.enter_context(serving(folder)) for _ in range(servers)]
        ports = [running[at % servers].port for at in range(clients)]
        parts = [bodies[at::clients] for at in range(clients)]
        before = sum(one.cpu_seconds() for one in running)
        with watch, ThreadPoolExecutor(clients) as pool:
            waited = [seconds for part in pool.map(_client, ports, parts) for seconds in part]
        watch.notes["cpu_each_ms"] = (sum(one.cpu_seconds() for one in running) - before) / number * 1000
    watch.notes |= percentiles(waited)
    return number


def _client(port: int, bodies: Sequence[bytes]) -> list[float]:
    """Post bodies over one connection, and return how long each took; as little of this process as can be."""
    waited, connection = [], http.client.HTTPConnection("127.0.0.1", port)
    for body in bodies:
        started = time.perf_counter()
        connection.request("POST", "/v1/submissions", body, {"Content-Type": "application/jsonl"})
        answer = connection.getresponse().read()
        waited.append(time.perf_counter() - started)
        assert b'"accepted":1' in answer, answer
    connection.close()
    return waited


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
    Benchmark("one statement a call over HTTP", "statements", one_by_one, once=True),
    Benchmark(
        "… from 32 clients", "statements", by_clients, beside="one statement a call over HTTP", once=True
    ),
    Benchmark("… to two servers", "statements", by_clients_to_two, beside="… from 32 clients", once=True),
)
