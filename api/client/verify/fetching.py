"""Getting status lists from one served ledger, and from nowhere else.

Source: INTERFACES.md 9 (fetches: no redirects, 1 MiB, 3 s).
"""

from urllib.parse import urlsplit

import httpx2

from ..errors import Refused, Unreachable
from .reading import CREDENTIAL_SIZE_MAX_BYTES
from .status import Fetch

TIMEOUT_S = 3.0
_FOUND = 200


def http_fetch(base_url: str, *, transport: httpx2.BaseTransport | None = None) -> Fetch:
    """Return a fetch that asks one served ledger for whatever stands at the same path.

    Addresses in credentials name the ledger by the host it is known under (`https://ledger.example/…`);
    where it is served can be elsewhere (`http://127.0.0.1:8000`). Only `base_url` is ever contacted:
    no other host, no redirect, no proxy of the environment.

    Args:
        base_url: where the ledger is served, http or https.
        transport: replaces the network in tests.

    Raises:
        Refused: `base_url` is not such an address.
    """
    base = urlsplit(base_url)
    if base.scheme not in ("http", "https") or not base.hostname or base.query or base.fragment:
        raise Refused("the address of the ledger begins with http:// or https://")
    served_at = base_url.rstrip("/")

    def fetch(url: str, /) -> bytes:
        wanted = urlsplit(url)
        address = f"{served_at}{wanted.path}" + (f"?{wanted.query}" if wanted.query else "")
        try:
            with (
                httpx2.Client(
                    timeout=TIMEOUT_S, transport=transport, follow_redirects=False, trust_env=False
                ) as client,
                client.stream(
                    "GET", address, headers={"Accept": "application/vc, application/json"}
                ) as answer,
            ):
                return _body(answer)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise Unreachable("the ledger gave no answer") from error

    return fetch


def _body(answer: httpx2.Response) -> bytes:
    if answer.status_code != _FOUND:
        raise Unreachable(f"the ledger answered {answer.status_code}")
    body = b""
    for part in answer.iter_bytes():
        body += part
        if len(body) > CREDENTIAL_SIZE_MAX_BYTES:
            raise Unreachable("the ledger answered more than a status list can hold")
    return body
