"""Serving from a command: an address that is held before the work begins, and a server until a signal."""

import ctypes
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.console import INTERNAL, WRONG_USE, fail, out
from api.house import close_house, open_house, settle_house
from api.settings import Settings
from ledger.database import ALLOW_UNSOUND, check_build, is_sound

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from api.cli.stopping import Stop

LOOPBACK = ("127.0.0.1", "::1", "localhost")
PORT_MAX = 65_535
STOP_WITHIN_S = 10.0  # for a witness or a mirror, which have nothing in hand but requests
SWITCH_INTERVAL_S = 0.0005
LARGE_BLOCK_BYTES = 1 << 20
_M_MMAP_THRESHOLD = -3  # of glibc's malloc.h
KEEP_ALIVE_S = 75  # longer than a proxy keeps an idle connection: it must not meet one that was just closed
BACKLOG = 512  # connections that the system holds until they are accepted

Address = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(help="Port to listen on.", min=1, max=PORT_MAX)]


def reserved(host: str, port: int) -> socket.socket:
    """Return a socket that holds an address, and does not listen yet; wrong use where it cannot be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        held = socket.socket(family, kind, protocol)
    except OSError as error:
        fail(f"--host {host}: {error.strerror}", WRONG_USE)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    with _had(host, port):
        held.bind(address)
    return held


def listening(held: socket.socket) -> str:
    """Listen at an address that is held, and return its host."""
    host, port = held.getsockname()[:2]
    with _had(host, port):
        held.listen(BACKLOG)  # whoever knocks from now on waits for the short while until all is open
    return str(host)


@contextmanager
def _had(host: str, port: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        fail(f"{host} port {port}: {error.strerror}: choose another with --port", WRONG_USE)


def run_server(data: Path, held: socket.socket, settings: Settings) -> None:
    """Open a ledger and serve it at an address that is held, until a signal says stop."""
    # The web is not loaded for commands that need none of it.
    from api.app import VERSION, create_app
    from api.cli.stopping import Stop
    from api.employers.checkers import Checkers
    from api.telemetry.logs import configure, log
    from api.telemetry.traces import tracing_of_environment
    from api.telemetry.watching import Telemetry

    _prepare_process()
    check_build()
    _check_token_file(held, settings.metrics_token_file)
    configure()
    telemetry = Telemetry(tracing_of_environment())
    host = listening(held)
    house = open_house(data, settings)
    if house.demo and host not in LOOPBACK:
        close_house(house)
        held.close()
        fail(
            "a demonstration ledger lets anyone pose as a learner: it is served on 127.0.0.1 only", WRONG_USE
        )
    if not is_sound():
        out.print(
            f"This SQLite can corrupt a database under load: {ALLOW_UNSOUND}=1 lets it.", style="bold red"
        )
    if house.fault is not None:
        out.print(f"Reading only: {house.fault}", style="bold red", markup=False)
    stop = Stop(house, drain_s=settings.drain_s, within_s=settings.stop_within_s)
    records = house.ledger.store.head().size
    app = create_app(house, checkers=Checkers(settings.checkers), telemetry=telemetry)
    try:
        run_app(app, held, stop=stop, ready=lambda: log.info("serving", version=VERSION, records=records))
    finally:
        settle_house(house)
        close_house(house)
        stop.over()


def _check_token_file(held: socket.socket, path: Path | None) -> None:
    """Say before anything is served that the file which opens the figures cannot be read."""
    try:
        if path is not None:
            path.read_bytes()
    except OSError as error:
        held.close()
        fail(f"ROA_METRICS_TOKEN_FILE names {path}: {error.strerror}", WRONG_USE)


def _prepare_process() -> None:
    """Set what holds for all threads of a server."""
    # A thread that computes hands over after this long. One that waits for a flush and gets the word again
    # only after Python's five milliseconds, at each of a post's many steps, makes a provider wait a second.
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    # A submission is some blocks of tens of megabytes. Left alone, glibc keeps as much as the largest of
    # them for ever, in pieces that the next does not fit; so each goes back to the system when it is let go.
    with suppress(AttributeError, OSError):  # other C libraries have no such choice
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES)


def run_app(
    app: "ASGIApp",
    held: socket.socket,
    *,
    stop: "Stop | None" = None,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Serve an application at an address that is held and listens, until a signal says stop.

    Args:
        app: what is served.
        held: its address.
        stop: how to stop; at once after the requests in hand where left out.
        ready: called when requests are answered.
    """
    import uvicorn

    from api.cli.connections import Connection
    from api.cli.stopping import Server, Stop
    from api.telemetry.logs import configure

    if stop is None:
        configure()
        stop = Stop(None, drain_s=0, within_s=STOP_WITHIN_S)
    host, port = held.getsockname()[:2]
    # Lines of the server go where all others go; one for each request is ours, and says less.
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        http=Connection,
        timeout_keep_alive=KEEP_ALIVE_S,
        backlog=BACKLOG,
    )
    server = Server(config, stop, ready)
    # Before the server takes signals over, a stop ends what is being opened.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    shown = f"[{host}]" if ":" in host else host
    out.print(f"Serving http://{shown}:{port} until Ctrl-C.", markup=False)
    try:
        server.run(sockets=[held])
    except SystemExit:
        fail("the server did not start: the reason stands above", INTERNAL)
    finally:
        held.close()
