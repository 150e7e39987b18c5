"""What the tests of this room share: a ledger with an award in it, served where a test needs it."""

import shutil
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from api.app import create_app
from api.cli import visitors
from api.client.post import post
from api.house import House, close_house, open_house
from ledger.clock import SystemClock, microseconds
from tests.api.door import a_door
from tests.support.ledgers import PASSPHRASE
from tests.support.world import ANA, MIDDAY, PROVIDER

NOW_US = microseconds(MIDDAY + timedelta(hours=1))
_SETTINGS = ("DATA", "PASSPHRASE_FILE", "ANCHOR", "PUBLISH_EVERY_S", "URL", "TOKEN")


@pytest.fixture(autouse=True)
def _standing_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock of every command stands an hour after the ledger's last record, and nobody waits.

    What the developer has set counts for nothing here.
    """
    monkeypatch.setattr(SystemClock, "now_us", lambda _self: NOW_US)
    clock = SimpleNamespace(time=lambda: NOW_US / 1e6, time_ns=lambda: NOW_US * 1000)
    monkeypatch.setattr(visitors, "time", clock)
    monkeypatch.setattr(visitors, "post", partial(post, sleep=lambda _seconds: None))
    for name in _SETTINGS:
        monkeypatch.delenv(f"ROA_{name}", raising=False)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a published ledger: Ana holds an award of 95001, Ben studies there."""
    folder = tmp_path_factory.mktemp("made") / "ledger"
    door = a_door(folder)
    door.ledger.key("95001.credential", PROVIDER, "credential")
    door.ledger.passed(ANA)
    door.ledger.award(ANA)
    door.house.catch_up()
    door.house.issuer.write_trust()
    door.close()
    (folder / "keys" / "passphrase").write_bytes(PASSPHRASE + b"\n")
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy of these files for one test."""
    copied = tmp_path / "ledger"
    shutil.copytree(made, copied)
    return copied


@pytest.fixture
def served(folder: Path) -> Iterator[House]:
    """That ledger, open and behind its doors."""
    house = open_house(folder)
    yield house
    close_house(house)


class Stage:
    """What a server plays: the application of whichever test is on."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        assert self.app is not None, "nobody serves now"
        await self.app(scope, receive, send)


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """A real server on a free port of this machine, one for all tests: to start and stop it takes a while."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        played = Stage(f"http://127.0.0.1:{listening.getsockname()[1]}")
        server = uvicorn.Server(uvicorn.Config(played, log_config=None, lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        # Whoever connects before the server is ready waits in the socket's queue.
        yield played
        server.should_exit = True
        thread.join()


@pytest.fixture
def url(served: House, stage: Stage) -> Iterator[str]:
    """Where the ledger is served."""
    stage.app = create_app(served)
    yield stage.url
    stage.app = None
