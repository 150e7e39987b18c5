"""Checking what was posted, by the independent verifier, believing this ledger's own trust file.

Status lists of this ledger are read from it directly; nothing else is fetched from anywhere.

Source: CREDENTIALS.md 6; SPEC.md 6.
"""

import json
from dataclasses import dataclass
from urllib.parse import urlsplit

from api.client.errors import Unreachable
from api.client.verify import Fetch, Verdict, verify
from api.dependencies import House
from api.employers.checkers import Checkers, parsed_trust
from ledger.errors import Unavailable

_STATUS_PARTS = 3
_NUMBER_DIGITS_MAX = 9

MEANINGS = {
    "Verified": (
        "It is genuine, unchanged and in force. Compare the name in it with the person’s identity document."
    ),
    "Verified, with notes": "Nothing is wrong with it, but there is something you should know:",
    "Could not be verified completely": (
        "Nothing wrong was found, but something that matters could not be checked. Do not rely on it yet:"
    ),
    "Not valid": "Do not rely on it:",
    "This is not a credential": "It proves nothing to anybody, and what it says was not looked at:",
}


@dataclass(frozen=True, slots=True)
class Believed:
    """The trust file that this page believes; `fingerprint` is its SHA-256, hexadecimal."""

    fingerprint: str
    made_at: str


def believed(house: House) -> Believed | None:
    """Return which trust file counts here, None before anything was published."""
    content = _trust_file(house)
    if content is None:
        return None
    return Believed(house.issuer.trust_fingerprint(), json.loads(content)["made_at"])


def check(house: House, data: bytes, checkers: Checkers | None = None) -> Verdict:
    """Return the verdict on a credential, a record or a bundle. Never raises for anything in `data`.

    Args:
        house: whose trust file and status lists are believed.
        data: what was posted.
        checkers: processes that do the work; this thread does it without them.

    Raises:
        Unavailable: too many are being checked, or this one took too long.
    """
    content, fetch, now_us = _trust_file(house), _own_lists(house), house.ledger.clock.now_us()
    if checkers is not None:
        return checkers.verify(data, trust=content, fetch=fetch, now_us=now_us)
    trust = None if content is None else parsed_trust(content)
    return verify(data, trust=trust, fetch=fetch, now_us=now_us)


def _trust_file(house: House) -> bytes | None:
    try:
        return house.issuer.trust_file()[0]
    except Unavailable:
        return None


def _own_lists(house: House) -> Fetch:
    """Return a fetch that knows this ledger's own status lists, and nothing else."""

    def fetch(url: str, /) -> bytes:
        found = None
        address = urlsplit(url)
        parts = address.path.strip("/").split("/")
        if address.scheme == "https" and address.netloc == house.issuer.host and _is_list(parts):
            found = house.issuer.status_list(int(parts[1]), int(parts[2]))
        if found is None:
            raise Unreachable("this is no status list of this ledger")
        return found

    return fetch


def _is_list(parts: list[str]) -> bool:
    numbers = parts[1:]
    return (
        len(parts) == _STATUS_PARTS
        and parts[0] == "status"
        and all(one.isascii() and one.isdigit() and len(one) <= _NUMBER_DIGITS_MAX for one in numbers)
    )
