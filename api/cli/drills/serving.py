"""A real server for a drill: it answers, and its log lines go to a file."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from api.cli.drills.stage import PASSPHRASE
from api.cli.serving import reserved
from ledger.errors import Unavailable

_START_MAX_S, _STOP_MAX_S, _ASK_EVERY_S = 120.0, 60.0, 0.1
_ROA = [sys.executable, "-c", "from api.cli.main import main; main()"]


@contextmanager
def served(folder: Path, beside: Path) -> Iterator[httpx2.Client]:
    """Serve the ledger in a folder; log lines and the passphrase lie in folders beside it.

    No witness is asked: a drill reaches nobody but its own server.
    """
    logs, secret, policy = beside / "logs", beside / "secret", beside / "no-witness"
    logs.mkdir()
    secret.write_bytes(PASSPHRASE)
    policy.write_text("quorum none\n")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ROA_")}
    environment = {**inherited, "ROA_PASSPHRASE_FILE": str(secret), "ROA_POLICY": str(policy)}
    port = _free_port()
    command = [*_ROA, "serve", "--data", str(folder), "--port", str(port)]
    with (logs / "server.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - ourselves
            command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            with httpx2.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60.0) as client:
                _wait_for(client, process)
                yield client
        finally:
            process.terminate()
            process.wait(_STOP_MAX_S)


def _wait_for(client: httpx2.Client, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + _START_MAX_S
    while time.monotonic() < until and process.poll() is None:
        try:
            if client.get("/healthz").is_success:
                return
        except httpx2.TransportError:
            pass  # not listening yet
        time.sleep(_ASK_EVERY_S)
    raise Unavailable("the server of the drill did not start: its log lines say why")


def _free_port() -> int:
    held = reserved("127.0.0.1", 0)
    port: int = held.getsockname()[1]
    held.close()
    return port
