"""A served ledger stops in order: nothing acknowledged is lost, and the exit code says what was done."""

import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import httpx2
import pytest

from api.cli.stopping import ABANDONED, notify
from ledger.publisher import latest
from tests.scripts.server import Server, free_port
from tests.support import ledgers
from tests.support.ledgers import PROVIDER_KEY, people, statement
from tests.support.stranger import environment, roa_command
from tests.support.world import an_enrolment

TIMEOUT_S = 60
SUBMISSIONS, BEFORE_STOP, CLIENTS = 160, 12, 4


@pytest.fixture
def bodies(folder: Path) -> list[bytes]:
    """Submissions of one enrolment each, signed before anybody serves."""
    house = ledgers.open_house(folder)
    humans = people(SUBMISSIONS, first=5000)
    house.register(*humans)
    made = [
        house.build(PROVIDER_KEY, [statement("learner.enrolled", **an_enrolment(one))]).body()
        for one in humans
    ]
    house.close()
    return made


@pytest.fixture
def served(folder: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server in a process of its own, with the settings of the test."""
    home = tmp_path / "home"
    home.mkdir()
    told = {**environment(home, roa_command()), **getattr(request, "param", {})}
    roa = str(Path(sys.executable).with_name("roa"))
    server = Server([roa, "serve", "--data", str(folder)], tmp_path, told, tmp_path / "log")
    yield server
    server.kill()


def lines(server: Server) -> list[dict[str, object]]:
    """Return what the server logged."""
    return [json.loads(line) for line in server._log.read_text().splitlines() if line.startswith("{")]


class Load:
    """A few clients that post until the server is gone, and what was acknowledged to them."""

    def __init__(self, url: str, bodies: Sequence[bytes]) -> None:
        self.acknowledged: list[dict[str, object]] = []
        self.refused: list[int] = []
        self._url, self._bodies = url, iter(bodies)
        self._turn, self.enough = threading.Lock(), threading.Event()
        self._threads = [threading.Thread(target=self._post) for _ in range(CLIENTS)]

    def __enter__(self) -> Self:
        for one in self._threads:
            one.start()
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._threads:
            one.join(TIMEOUT_S)

    def _post(self) -> None:
        with httpx2.Client(base_url=self._url, trust_env=False, timeout=TIMEOUT_S) as client:
            while True:
                with self._turn:
                    body = next(self._bodies, None)
                if body is None:
                    return
                try:
                    answer = client.post(
                        "/v1/submissions", content=body, headers={"Content-Type": "application/jsonl"}
                    )
                except httpx2.TransportError:
                    return  # the server is gone
                with self._turn:
                    if answer.status_code != 200:
                        self.refused.append(answer.status_code)
                        continue
                    self.acknowledged.append(answer.json())
                    if len(self.acknowledged) >= BEFORE_STOP:
                        self.enough.set()


def test_a_stop_under_load_loses_nothing_that_was_acknowledged(bodies, served, folder):
    """SIGTERM while four clients post: exit 0, and every acknowledged row is there and published."""
    with Load(served.url, bodies) as load:
        assert load.enough.wait(TIMEOUT_S)
        served._process.send_signal(signal.SIGTERM)
        code = served._process.wait(TIMEOUT_S)

    house = ledgers.open_house(folder)
    published, size = latest(house.ledger.store.database.reader), house.size()
    acknowledged = {row["position"] for one in load.acknowledged for row in one["rows"]}
    stored = house.ledger.store.leaves_at(sorted(acknowledged))
    clean = house.audit().ok
    house.close()
    assert (code, load.refused) == (0, [])
    assert BEFORE_STOP <= len(load.acknowledged) < SUBMISSIONS, "it was stopped in the middle"
    assert acknowledged == set(stored)
    assert published.size == size
    assert clean
    events = [line["event"] for line in lines(served)]
    assert [one for one in events if one in ("serving", "stopping", "stopped")] == [
        "serving",
        "stopping",
        "stopped",
    ]
    assert set(events) <= {"serving", "request", "stopping", "stopped"}


def test_after_a_stop_each_database_is_one_file(served, folder):
    """The write-ahead logs are copied back: what lies there can be copied file by file."""
    served.stop()

    waiting = {path.name: path.stat().st_size for path in folder.glob("*-wal")}

    assert not any(waiting.values()), waiting


@pytest.mark.parametrize("served", [{"ROA_DRAIN_S": "600"}], indirect=True, ids=["drain"])
def test_readiness_goes_first_and_a_second_signal_ends_at_once(served, folder):
    """While a balancer is given time, requests are answered; told twice, the process ends with 128 + 15."""
    before = httpx2.get(f"{served.url}/readyz", trust_env=False)
    served._process.send_signal(signal.SIGTERM)
    ready = 200
    while ready == 200:
        answer = httpx2.get(f"{served.url}/readyz", trust_env=False, timeout=TIMEOUT_S)
        ready = answer.status_code
    log = httpx2.get(f"{served.url}/healthz", trust_env=False)
    served._process.send_signal(signal.SIGTERM)
    code = served._process.wait(TIMEOUT_S)

    house = ledgers.open_house(folder)
    clean = house.audit().ok
    house.close()
    assert before.status_code == 200
    assert (answer.status_code, answer.json()["code"]) == (503, "stopping")
    assert log.status_code == 200
    assert code == 128 + signal.SIGTERM
    assert clean


def test_a_stop_that_takes_too_long_is_abandoned_and_says_so():
    """Exit 75 after the time that was set, with a line that names what was not finished."""
    program = (
        "import time; from api.cli.stopping import Stop; from api.telemetry.logs import configure;"
        "configure(); stop = Stop(None, drain_s=0, within_s=0.01); stop.signal = 15; stop.look();"
        "time.sleep(600)"
    )

    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )

    said = [json.loads(line) for line in ran.stderr.splitlines()]
    assert ran.returncode == ABANDONED
    assert [one["event"] for one in said] == ["stopping", "stop-abandoned"]
    assert said[1]["phase"] == "closing"


def test_a_service_manager_is_told(tmp_path):
    """A datagram to the socket that NOTIFY_SOCKET names; nothing where none is named, or nobody listens."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        told = notify("READY=1", {"NOTIFY_SOCKET": str(path)})
        said = manager.recv(64)
    gone = notify("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "nobody")})

    assert (told, said) == (True, b"READY=1")
    assert (gone, notify("READY=1", {}), notify("READY=1", {"NOTIFY_SOCKET": "relative"})) == (
        False,
        False,
        False,
    )


def test_a_service_manager_hears_of_start_and_stop(folder, tmp_path):
    """READY=1 when requests are answered, STOPPING=1 when a signal came."""
    path, home = tmp_path / "notify", tmp_path / "home"
    home.mkdir()
    told = {**environment(home, roa_command()), "NOTIFY_SOCKET": str(path)}
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(TIMEOUT_S)
        process = subprocess.Popen(
            [roa_command(), "serve", "--data", str(folder), "--port", str(free_port())],
            env=told,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        first = manager.recv(64)
        process.send_signal(signal.SIGTERM)
        second = manager.recv(64)
        code = process.wait(TIMEOUT_S)

    assert (first, second, code) == (b"READY=1", b"STOPPING=1", 0)
