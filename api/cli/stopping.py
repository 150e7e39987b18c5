"""A server that stops in order, within a time that is known, and at once where it is told so twice.

The first signal: /readyz answers 503 from now on, while new connections are still taken for as long as
the operator lets a balancer see that; then requests in hand end, the submission in hand is left after
its chunk, everything is published once more, and the files are closed. Where that takes too long the
rest is abandoned: what was acknowledged is durable, and the next start goes on with it, as after a power
cut. The exit code says which it was. A second signal ends the process where it stands.

Loaded only by who serves: it needs the web.

Source: SPEC.md 6; systemd's sd_notify(3) (READY=1, STOPPING=1).
"""

import math
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping
from types import FrameType

import uvicorn

from api.house import House
from api.telemetry.logs import log

ABANDONED = 75  # EX_TEMPFAIL of sysexits.h: not all was finished, and the next start goes on
_LOG_S = 1.0  # that a last line may take to be written
# For each phase of a stop, the thread whose presence in `House.threads` shows that it is not over.
_PHASES = (("connections", "submissions"), ("submissions", "publisher"))


class Stop:
    """One stop of a process that serves a house, or no ledger at all."""

    def __init__(self, house: House | None, *, drain_s: float, within_s: float) -> None:
        self._house, self.drain_s, self.within_s = house, drain_s, within_s
        self.signal: int | None = None  # set by a signal handler, which may do no more
        self._begun_at: float | None = None
        self._drained = False
        self._over = threading.Event()

    def look(self) -> bool:
        """Return whether to leave now; the first look after a signal begins the stop."""
        if self.signal is None:
            return False
        if self._begun_at is None:
            self._begun_at = time.monotonic()
            self._begin(signal.Signals(self.signal).name)
        self._drained = time.monotonic() - self._begun_at >= self.drain_s
        return self._drained

    def _begin(self, name: str) -> None:
        if self._house is not None:
            self._house.stopping = True
        notify("STOPPING=1")
        log.info("stopping", signal=name, seconds=self.drain_s + self.within_s)
        threading.Thread(target=self._watch, name="stop", daemon=True).start()

    def _watch(self) -> None:
        if self._over.wait(self.drain_s + self.within_s):
            return
        # The line must not keep the process: whoever reads it may have stopped reading.
        said = {"phase": self.phase, "seconds": self.drain_s + self.within_s}
        last = threading.Thread(target=lambda: log.error("stop-abandoned", **said), name="stop", daemon=True)
        last.start()
        last.join(_LOG_S)
        os._exit(ABANDONED)

    @property
    def phase(self) -> str:
        """What the stop is at."""
        if not self._drained:
            return "draining"
        threads = {} if self._house is None else self._house.threads
        return next((phase for phase, thread in _PHASES if thread in threads), "closing")

    def over(self) -> None:
        """Note that everything is closed."""
        if self._begun_at is not None:
            log.info("stopped", seconds=round(time.monotonic() - self._begun_at, 2))
        self._over.set()


class Server(uvicorn.Server):
    """Serves until a signal, then stops as `Stop` says."""

    def __init__(self, config: uvicorn.Config, stop: Stop, ready: Callable[[], None]) -> None:
        # Half the time is for requests, which end or are broken off; the other half for what is stored.
        config.timeout_graceful_shutdown = math.ceil(stop.within_s / 2)
        super().__init__(config)
        self._stop, self._ready = stop, ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so to whoever started this process."""
        await super().startup(sockets)
        if self.started:
            self._ready()
            notify("READY=1")

    async def on_tick(self, counter: int) -> bool:
        """Return whether to leave; asked ten times in a second."""
        self.should_exit = self.should_exit or self._stop.look()
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal. Only a number is written down: this interrupts whatever runs, a log line too."""
        del frame
        if self._stop.signal is not None:
            # Whatever is half done is undone or finished by the next start, as after a power cut.
            os._exit(128 + sig)
        self._stop.signal = sig


def notify(state: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Tell a service manager how it stands; return whether there is one that wants to know.

    Args:
        state: such as `READY=1`.
        environment: NOTIFY_SOCKET names the manager's socket: a path, or an abstract name after `@`.
    """
    address = environment.get("NOTIFY_SOCKET", "")
    if address[:1] not in ("/", "@"):
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        try:
            channel.sendto(state.encode(), address.replace("@", "\0", 1) if address[0] == "@" else address)
        except OSError:
            return False  # the manager is gone: nothing that it wanted to know matters more than going on
    return True
