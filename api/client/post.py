"""Posting: the same bytes under the same id until there is an answer.

The only address ever asked is the base URL that the caller gave: no redirect is followed, no link
in an answer. A submission may be sent again without harm, because the ledger answers the same id
with the same outcome; so a lost connection or a busy server is tried again, a refusal is not.

Source: INTERFACES.md 1 and 2, SPEC.md 6.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from uuid import UUID

import httpx2

from .errors import ClientError, Malformed, Refused, Unreachable
from .jose import read_json
from .submission import MEDIA_TYPE, Submission

TRIES_MAX = 6
POLLS_MAX = 600
WAIT_MAX_S = 60.0
ANSWER_SIZE_MAX_BYTES = 256 * 1024 * 1024
PART_BYTES = 64 * 1024
PROBLEM_TYPE = "application/problem+json"
CSV_TYPE = "text/csv; charset=utf-8"

_BUSY = frozenset((429, 502, 503, 504))
_LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1", "[::1]"))
_TIMEOUT = httpx2.Timeout(60.0, connect=10.0)

Progress = Callable[[str, int, int], None]  # phase ("sending" bytes, "deciding" rows), done, total
Sleep = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the ledger answered to a submission."""

    submission: str
    status: str
    counts: dict[str, int]
    rows: list[dict[str, Any]] = field(repr=False)
    acknowledgement: str | None = field(repr=False)
    state: str | None
    raw: dict[str, Any] = field(repr=False)

    @property
    def done(self) -> bool:
        """Whether every row has been decided."""
        return self.status != "processing"


def post(
    base_url: str,
    content: Submission | bytes,
    *,
    token: str | None = None,
    idempotency_key: str | None = None,
    progress: Progress | None = None,
    sleep: Sleep = time.sleep,
    plain_http: bool = False,
    transport: httpx2.BaseTransport | None = None,
) -> Answer:
    """Post a submission, or a CSV file under the organisation's token, and wait until it is decided.

    Args:
        base_url: address of the ledger, for example `https://ledger.example`.
        content: a signed submission, or the bytes of a CSV file.
        token: the organisation's token; a CSV file needs it, a signed submission does not.
        idempotency_key: for a CSV file; the same key and bytes give the first answer again.
        progress: told of each part that was sent and of rows decided.
        sleep: waits the given seconds; replaced in tests.
        plain_http: allow an address without TLS elsewhere than on this machine.
        transport: replaces the network in tests.

    Raises:
        Refused: the ledger says no; the message is its own.
        Unreachable: no answer after all tries; sending the same bytes later is safe.
        Malformed: an answer that is not one.
    """
    _check_address(base_url, plain_http=plain_http)
    with httpx2.Client(
        base_url=base_url, timeout=_TIMEOUT, transport=transport, follow_redirects=False
    ) as client:
        posting = _Posting(client, content, token, idempotency_key, progress or _silent, sleep)
        return posting.until_done()


def _silent(_phase: str, _done: int, _total: int) -> None:
    """Take no notice of progress."""


def _check_address(base_url: str, *, plain_http: bool) -> None:
    try:
        url = httpx2.URL(base_url)
    except httpx2.InvalidURL as error:
        raise Refused("the address of the ledger is not a URL") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise Refused("the address of the ledger begins with https://")
    if url.scheme == "http" and url.host not in _LOOPBACK and not plain_http:
        raise Refused("results are about people: the address must begin with https:// (or be this machine)")


@dataclass(slots=True)
class _Posting:
    """One submission on its way."""

    client: httpx2.Client
    content: Submission | bytes
    token: str | None
    idempotency_key: str | None
    progress: Progress
    sleep: Sleep

    def until_done(self) -> Answer:
        body = self.content if isinstance(self.content, bytes) else self.content.body()

        def ask() -> httpx2.Response:
            return self._send(body)

        answer, wait_s = self._with_tries(ask)
        for poll in range(POLLS_MAX):
            self._tell(answer)
            if answer.done:
                return answer
            self.sleep(wait_s if wait_s is not None else min(1.0 + poll, 10.0))
            # Reading needs the token; without one the same bytes ask the same question.
            answer, wait_s = self._with_tries(ask if self.token is None else self._look(answer))
        raise Unreachable(
            "the ledger has the submission and is still deciding; send the same bytes again later"
        )

    def _tell(self, answer: Answer) -> None:
        decided = sum(answer.counts.get(name, 0) for name in ("accepted", "unchanged", "held", "rejected"))
        total = len(self.content) if isinstance(self.content, Submission) else decided
        self.progress("deciding", decided, max(total, decided))

    def _with_tries(self, ask: Callable[[], httpx2.Response]) -> tuple[Answer, float | None]:
        for tried in range(1, TRIES_MAX + 1):
            wait_s = min(0.5 * 2.0**tried, WAIT_MAX_S)
            try:
                response = ask()
            except httpx2.UnsupportedProtocol as error:
                raise Refused("the address of the ledger begins with https://") from error
            except httpx2.DecodingError as error:
                raise Malformed("the ledger's answer cannot be unpacked") from error
            except httpx2.TransportError as error:
                failure: ClientError = Unreachable(
                    f"no answer from the ledger ({type(error).__name__}: {error})"
                )
            else:
                if response.status_code not in _BUSY:
                    return _answer(response), _retry_after_s(response)
                failure = _problem(response, Unreachable)
                wait_s = _retry_after_s(response) or wait_s
            if tried == TRIES_MAX:
                raise failure
            self.sleep(wait_s)
        raise AssertionError("at least one try")

    def _send(self, body: bytes) -> httpx2.Response:
        signed = isinstance(self.content, Submission)
        headers = {"Content-Type": MEDIA_TYPE if signed else CSV_TYPE, "Content-Length": str(len(body))}
        if self.idempotency_key is not None:
            headers["Idempotency-Key"] = self.idempotency_key
        return self._ask("POST", "/v1/submissions", headers, self._parts(body))

    def _look(self, answer: Answer) -> Callable[[], httpx2.Response]:
        try:
            path = f"/v1/submissions/{UUID(answer.submission)}"
        except ValueError as error:
            raise Malformed("the ledger's answer names no submission id") from error
        return lambda: self._ask("GET", path, {}, None)

    def _parts(self, body: bytes) -> Iterator[bytes]:
        for at in range(0, len(body), PART_BYTES):
            part = body[at : at + PART_BYTES]
            yield part
            self.progress("sending", at + len(part), len(body))

    def _ask(
        self, method: str, path: str, headers: Mapping[str, str], content: Iterator[bytes] | None
    ) -> httpx2.Response:
        all_headers = {"Accept": f"application/json, {PROBLEM_TYPE}", **headers}
        if self.token is not None:
            all_headers["Authorization"] = f"Bearer {self.token.strip()}"
        with self.client.stream(method, path, headers=all_headers, content=content) as response:
            parts, size = [], 0
            for part in response.iter_bytes():
                size += len(part)
                if size > ANSWER_SIZE_MAX_BYTES:
                    raise Malformed("the answer is larger than any answer to a submission")
                parts.append(part)
            return httpx2.Response(
                response.status_code, headers=_plain(response.headers), content=b"".join(parts)
            )


def _plain(headers: httpx2.Headers) -> dict[str, str]:
    """Return the headers we read; encodings of the body are undone by now."""
    return {name: headers[name] for name in ("content-type", "retry-after") if name in headers}


def _retry_after_s(response: httpx2.Response) -> float | None:
    """Return the seconds of `Retry-After`, a number or a date, no more than a minute."""
    value = response.headers.get("retry-after", "").strip()
    if not value:
        return None
    if value.isascii() and value.isdigit():
        return min(float(value[:6]), WAIT_MAX_S)
    try:
        wait_s = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return None
    return min(max(wait_s, 0.0), WAIT_MAX_S)


# ------------------------------------------------------------------ reading what came back


def _answer(response: httpx2.Response) -> Answer:
    """Return the answer in a response.

    Raises:
        Refused: a problem document, or any other status that is no answer.
        Malformed: not an answer although the status says so.
    """
    if response.status_code not in (200, 202):
        raise _problem(response, Refused)
    said = read_json(response.content)
    if not isinstance(said, dict):
        raise Malformed("the ledger's answer is not a JSON object")
    rows, found = said.get("rows") or [], said.get("counts") or {}
    names = ("submission", "status")
    shapes_hold = (
        all(isinstance(said.get(name), str) for name in names)
        and isinstance(rows, list)
        and all(map(_is_outcome, rows))
        and isinstance(found, dict)
        and all(type(count) is int for count in found.values())
    )
    if not shapes_hold:
        raise Malformed("the ledger's answer does not have the shape of one")
    acknowledgement, state = (_text(said.get(name)) for name in ("acknowledgement", "state"))
    return Answer(said["submission"], said["status"], found, rows, acknowledgement, state, said)


def _is_outcome(row: object) -> bool:
    return (
        isinstance(row, dict)
        and type(row.get("row")) is int
        and isinstance(row.get("status"), str)
        and isinstance(row.get("findings"), list)
        and all(map(_is_finding, row["findings"]))
    )


def _is_finding(found: object) -> bool:
    return isinstance(found, dict) and all(
        isinstance(found.get(name), str) for name in ("code", "message", "fix")
    )


def _problem(response: httpx2.Response, kind: type[ClientError]) -> ClientError:
    """Return the error that a problem document (RFC 9457) describes, or what its absence allows to say."""
    status = response.status_code
    said: object = None
    if response.headers.get("content-type", "").startswith((PROBLEM_TYPE, "application/json")):
        try:
            said = read_json(response.content)
        except Malformed:
            said = None
    if not isinstance(said, dict):
        return kind(f"the ledger answered with HTTP status {status}", code=f"http-{status}")
    sentence = ": ".join(text for text in (_text(said.get("title")), _text(said.get("detail"))) if text)
    return kind(f"{sentence or 'refused'} (HTTP {status})", code=_text(said.get("code")) or f"http-{status}")


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
