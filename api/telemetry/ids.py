"""The id of a request, made here for each.

One that a request brings is not taken over: 32 hexadecimal digits have room for a number that stands for a
person, and whoever asks would put it into our lines, traces and answers. A proxy that wants to have the
same id takes it from the answer.
"""

import secrets

HEADER = "Request-Id"


def request_id() -> str:
    """Return a new id: 32 hexadecimal digits."""
    return secrets.token_hex(16)
