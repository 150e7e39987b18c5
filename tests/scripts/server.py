"""A real server in a process of its own, on a free port, for as long as a script needs it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx2

READY_TRIES = 1_200  # a demonstration ledger is made before it is served
READY_INTERVAL_S = 0.1
STOP_TIMEOUT_S = 20.0
PORT_TRIES = 3
LOG_TAIL_CHARACTERS = 3_000
# A shell that runs tests in the background has them ignore Ctrl-C, and children inherit that.
HEED = "import os, sys, signal as s; a = sys.argv[1:]; s.signal(s.SIGINT, s.SIG_DFL); os.execv(a[0], a)"


class ServerFailed(Exception):
    """The server did not start, did not stop, or stopped by itself; ends with its own last words."""


class Server:
    """One run of a serving command: it is ready when `/healthz` answers 200."""

    def __init__(self, command: Sequence[str], cwd: Path, environment: Mapping[str, str], log: Path) -> None:
        self._command = tuple(command)
        self._cwd = cwd
        self._environment = environment
        self._log = log
        self.start()

    def start(self) -> None:
        """Start it, at the beginning and after a kill; ServerFailed unless it becomes ready."""
        for _ in range(PORT_TRIES):
            self.port = free_port()
            self.url = f"http://127.0.0.1:{self.port}"
            with self._log.open("wb") as log:
                self._process = subprocess.Popen(
                    [sys.executable, "-ISc", HEED, *self._command, "--port", str(self.port)],
                    cwd=self._cwd,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            if self._becomes_ready():
                return
            # Someone took the port between finding it free and using it: try another.
            if "address already in use" not in self.log_tail().lower():
                break
        raise ServerFailed(f"{' '.join(self._command)} did not become ready\n{self.log_tail()}")

    def _becomes_ready(self) -> bool:
        with httpx2.Client(base_url=self.url, trust_env=False, timeout=2.0) as client:
            for _ in range(READY_TRIES):
                if self._process.poll() is not None:
                    return False
                try:
                    if client.get("/healthz").is_success:
                        return True
                except httpx2.TransportError:
                    pass  # not listening yet
                time.sleep(READY_INTERVAL_S)
        self.kill()
        return False

    def stop(self) -> None:
        """End the server as Ctrl-C would; ServerFailed unless it leaves by itself with exit 0."""
        self._process.send_signal(signal.SIGINT)
        try:
            code = self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired as error:
            self.kill()
            raise ServerFailed(f"the server did not stop in {STOP_TIMEOUT_S} s\n{self.log_tail()}") from error
        if code != 0:
            raise ServerFailed(f"the server stopped with exit {code}\n{self.log_tail()}")

    def strike(self) -> None:
        """End the server as a power cut would (kill -9), and go on at once."""
        self._process.kill()

    def kill(self) -> None:
        """Do the same, and wait until it is gone."""
        self.strike()
        self._process.wait()

    def memory_max_bytes(self) -> int:
        """Return the most memory that the server has held so far (Linux)."""
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        (line,) = (one for one in status.splitlines() if one.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024

    def cpu_seconds(self) -> float:
        """Return how long the server itself has computed so far, for itself and in the system (Linux)."""
        status = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii")
        user, system = status.rpartition(")")[2].split()[11:13]  # fields 14 and 15 of proc(5)
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def log_tail(self) -> str:
        """Return the last of what the server wrote to its terminal."""
        return self._log.read_text(encoding="utf-8", errors="replace")[-LOG_TAIL_CHARACTERS:]


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
