"""How the log reaches the witnesses of its policy: one POST, no redirects, nothing unbounded.

Only addresses that the operator wrote into the policy are contacted.

Source: C2SP tlog-witness; LEDGER.md 5 (publisher step 6).
"""

import time

import httpx2

from ledger.cosigning import ANSWER_MAX_BYTES, Reply
from ledger.errors import Unavailable

TIMEOUT_S = 5.0  # for each step; `TOTAL_S` bounds a witness that answers byte by byte
TOTAL_S = 15.0


def post_to_witness(url: str, body: bytes, *, transport: httpx2.BaseTransport | None = None) -> Reply:
    """Post a request to a witness and return its reply.

    Args:
        url: of add-checkpoint.
        body: the request.
        transport: replaces the network in tests.

    Raises:
        Unavailable: there was no reply, or it does not end.
    """
    try:
        with (
            httpx2.Client(
                timeout=TIMEOUT_S, transport=transport, follow_redirects=False, trust_env=False
            ) as client,
            client.stream("POST", url, content=body, headers={"Content-Type": "text/plain"}) as answer,
        ):
            content_type = answer.headers.get("content-type", "")
            return Reply(answer.status_code, content_type, _body(answer))
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise Unavailable(f"the witness gave no answer: {type(error).__name__}", code="witness") from error


def _body(answer: httpx2.Response) -> bytes:
    started, body = time.monotonic(), b""
    for part in answer.iter_bytes():
        body += part
        if len(body) > ANSWER_MAX_BYTES:
            raise Unavailable("the witness answered more than signatures", code="witness")
        if time.monotonic() - started > TOTAL_S:
            raise Unavailable("the witness answers too slowly", code="witness")
    return body
