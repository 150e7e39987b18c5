"""How long people wait while everything goes on at once: posting, reading a record, checking a bundle.

Each kind of request is made by clients of its own, one request after another: first each kind alone,
then all of them together on the same server. The notes say how long a request took.
"""

import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import httpx2

from api.learners.personas import COOKIE
from api.settings import DEMO_MARK
from benchmarks.documents import an_issuer
from benchmarks.harness import Benchmark, Stopwatch, percentiles
from benchmarks.http import serving
from benchmarks.study import enrol, result
from ledger.access.rows import OWN
from ledger.clock import FixedClock
from tests.support.ledgers import PROVIDER_KEY, people

POSTING, READING, CHECKING = "post", "record", "verify"
CLIENTS = {POSTING: 8, READING: 4, CHECKING: 2}
STRETCH_S = 8.0
AWARDED, POSTED = 50, 6_000  # learners who hold an award, and those about whom results are posted
_TIMEOUT_S = 60.0

# Makes one request, and raises unless the answer is what it should be.
Ask = Callable[[httpx2.Client], None]


def together(folder: Path, watch: Stopwatch) -> int:
    """Make requests of each kind alone for some seconds, then of all kinds together for as long."""
    asks = _prepared(folder)
    with serving(folder) as server:
        for kind, ask in asks.items():
            waited = _stretch(server.url, {kind: ask})
            watch.notes |= percentiles(waited[kind], f"{kind}_alone")
        with watch:
            waited = _stretch(server.url, asks)
    for kind, seconds in waited.items():
        watch.notes |= percentiles(seconds, f"{kind}_among_all")
    return sum(map(len, waited.values()))


def _prepared(folder: Path) -> dict[str, Ask]:
    """Return how each kind of request is made to the ledger that is then in the folder."""
    house, issuer, learners = an_issuer(folder, AWARDED, FixedClock(datetime.now(UTC)))
    bundle = issuer.export(learners[0], "bundle", reader=OWN).data
    stories = [{"learner": str(one), "story": "one award"} for one in learners]
    (folder / DEMO_MARK).write_text(json.dumps({"personas": stories}))
    newcomers = enrol(house, people(AWARDED + POSTED)[AWARDED:])
    bodies = iter([house.build(PROVIDER_KEY, [result(one, "LO1")]).body() for one in newcomers])
    house.close()

    def post(client: httpx2.Client) -> None:
        headers = {"Content-Type": "application/jsonl"}
        answer = client.post("/v1/submissions", content=next(bodies), headers=headers)
        assert answer.json()["counts"]["accepted"] == 1, answer.text

    def read(client: httpx2.Client) -> None:
        headers = {"Accept": "application/json", "Cookie": f"{COOKIE}={learners[0]}"}
        client.get("/me", headers=headers).raise_for_status()

    def check(client: httpx2.Client) -> None:
        answer = client.post("/v1/verify", content=bundle)
        assert answer.json()["headline"].startswith("Verified"), answer.text

    return {POSTING: post, READING: read, CHECKING: check}


def _stretch(url: str, asks: dict[str, Ask]) -> dict[str, list[float]]:
    """Ask for some seconds, each kind by its own clients at once; return how long each request took."""
    until = time.perf_counter() + STRETCH_S
    clients = [(kind, asks[kind]) for kind in asks for _ in range(CLIENTS[kind])]
    with ThreadPoolExecutor(len(clients)) as pool:
        waits = [(kind, pool.submit(_client, url, ask, until)) for kind, ask in clients]
    found: dict[str, list[float]] = {kind: [] for kind in asks}
    for kind, waited in waits:
        found[kind] += waited.result()
    return found


def _client(url: str, ask: Ask, until: float) -> Sequence[float]:
    waited: list[float] = []
    with httpx2.Client(base_url=url, trust_env=False, timeout=_TIMEOUT_S) as client:
        while (started := time.perf_counter()) < until:
            ask(client)
            waited.append(time.perf_counter() - started)
    return waited


BENCHMARKS = (Benchmark("posting, reading, checking at once", "requests", together, once=True),)
