"""The id of a request: one that a proxy made is taken over, else one is made.

Only what cannot be anything but an id is taken over: 32 hexadecimal digits, as they are or as a UUID.
A number that stands for a person has ten digits, and is none.
"""

import secrets
from collections.abc import Iterable

from api.telemetry.events import REQUEST_ID

HEADER = "Request-Id"
_NAME = HEADER.lower().encode()


def request_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Return the id that these headers name, or a new one."""
    named = [value for name, value in headers if name == _NAME]
    if len(named) == 1:
        text = named[0].decode("latin-1").lower()
        if REQUEST_ID.fullmatch(text):
            return text
    return secrets.token_hex(16)
