"""Asking a served ledger, a log or a copy of one, at the address its asker named and nowhere else.

No redirects, no proxy of the environment, no more bytes than the thing asked for can have, and no
answer that drips in for ever.

Source: C2SP tlog-tiles; LEDGER.md 5.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx2

from ledger.errors import Absent, LedgerError, Malformed, Unavailable
from ledger.monitor.findings import NO_ANSWER
from ledger.monitor.source import CHECKPOINT_MAX_BYTES, LogSource

TIMEOUT_S = 10.0  # for each step; `TOTAL_S` bounds an answer that comes byte by byte, its head too
TOTAL_S = 120.0
_LOG = "/log"  # where a ledger has its log, below its own address
_MISSING = (404, 410)
_PLAIN = "identity"
_FOUND = 200


class Site:
    """One address, asked over one connection that is kept."""

    def __init__(self, url: str, client: httpx2.Client, deadline: float | None = None) -> None:
        self.url, self._client, self._deadline = url.rstrip("/"), client, deadline

    def get(self, path: str, size_max_bytes: int, accept: str = "*/*") -> bytes:
        """Return what stands at a path below the address.

        Raises:
            Absent: `missing`: nothing stands there.
            Malformed: `too-large`: it is larger than `size_max_bytes`.
            Unavailable: `no-answer`: nobody answers, or with something else, or not in time.
        """
        left_s = TOTAL_S if self._deadline is None else min(TOTAL_S, self._deadline - time.monotonic())
        if left_s <= 0:
            raise Unavailable(f"{self.url} has used up the time that it had", code=NO_ANSWER)
        return _in_time(lambda: self._asked(path, size_max_bytes, accept), left_s, path)

    def _asked(self, path: str, size_max_bytes: int, accept: str) -> bytes:
        headers = {"Accept": accept, "Accept-Encoding": _PLAIN}
        try:
            with self._client.stream("GET", f"{self.url}/{path}", headers=headers) as answer:
                if answer.status_code in _MISSING:
                    raise Absent(f"{self.url} has no {path}", code="missing")
                if answer.status_code != _FOUND:
                    raise Unavailable(f"{self.url} answers {answer.status_code} to {path}", code=NO_ANSWER)
                if answer.headers.get("Content-Encoding", _PLAIN) != _PLAIN:
                    # What is packed could be unpacked to any size, before anybody counts.
                    raise Unavailable(f"{self.url} packs its answer to {path}", code=NO_ANSWER)
                return _body(answer, path, size_max_bytes)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise Unavailable(f"{self.url} gives no answer to {path}", code=NO_ANSWER) from error

    def at(self, url: str) -> "Site":
        """Return another address of the same host, over the same connection."""
        return Site(url, self._client, self._deadline)

    def within(self, seconds: float) -> "Site":
        """Return the same address with one deadline for everything that is asked of it."""
        return Site(self.url, self._client, time.monotonic() + seconds)


def _in_time(ask: Callable[[], bytes], seconds: float, path: str) -> bytes:
    """Return what `ask` returns; Unavailable when it does not in time, and then it is left to itself.

    The steps of an answer have limits of their own, and whoever sends its head byte by byte keeps to
    every one of them. So it is waited for from outside.
    """
    ended: list[bytes | Exception] = []

    def work() -> None:
        try:
            ended.append(ask())
        except Exception as error:  # noqa: BLE001 - it is raised where the answer was asked for
            ended.append(error)

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    worker.join(seconds)
    if not ended:
        raise Unavailable(f"the answer to {path} does not end", code=NO_ANSWER)
    if isinstance(ended[0], Exception):
        raise ended[0]
    return ended[0]


def _body(answer: httpx2.Response, path: str, size_max_bytes: int) -> bytes:
    started, parts, size = time.monotonic(), [], 0
    for part in answer.iter_bytes():
        parts.append(part)
        size += len(part)
        if size > size_max_bytes:
            raise Malformed(f"{path} has more than {size_max_bytes} bytes", code="too-large")
        if time.monotonic() - started > TOTAL_S:
            raise Unavailable(f"the answer to {path} does not end", code=NO_ANSWER)
    return b"".join(parts)


def is_address(where: str) -> bool:
    """Return whether that is an address to ask, and not a folder; Malformed when it is half of one."""
    parts = urlsplit(where)
    if parts.scheme not in ("http", "https"):
        return False
    if not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:
        raise Malformed("an address is http:// or https://, a host, and perhaps a path", code="address")
    return True


@contextmanager
def site(url: str, *, transport: httpx2.BaseTransport | None = None) -> Iterator[Site]:
    """Ask an address for a while; `transport` replaces the network in tests."""
    client = httpx2.Client(timeout=TIMEOUT_S, transport=transport, follow_redirects=False, trust_env=False)
    with client:
        yield Site(url, client)


def log_at(place: Site) -> tuple[LogSource, Site]:
    """Return the log behind an address, and the ledger it belongs to.

    The address may be the log's own, or the ledger's, which has its log under `/log`. Where the
    first question has no answer that could be read, the log has none to any other.
    """
    try:
        place.get("checkpoint", CHECKPOINT_MAX_BYTES)
    except Absent:
        log = place.at(place.url + _LOG)
        return LogSource(log.get, log.url), place
    except LedgerError as error:
        return _refused(place.url, error), place
    return LogSource(place.get, place.url), place.at(place.url.removesuffix(_LOG))


def _refused(url: str, error: LedgerError) -> LogSource:
    """Return a log that ends every question with this error, and asks nobody again."""

    def refuse(_path: str, _size_max_bytes: int) -> bytes:
        raise error

    return LogSource(refuse, url)
