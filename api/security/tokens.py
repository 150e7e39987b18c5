"""Organisation tokens: 256 random bits, shown once, kept as a digest.

Source: SPEC.md 6.
"""

import secrets
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID, uuid4

from ledger.privacy.commitments import tag
from ledger.store.jobs import Jobs

PREFIX = "roa_"
_BYTES = 32
_TOKEN = tag("token")


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who a token speaks for; `id` is the random id that its submissions carry as `by`."""

    id: UUID
    organisation: UUID


class Tokens:
    """Makes tokens and recognises them."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    def make(self, organisation: UUID, now_us: int) -> str:
        """Return a new token of an organisation: the only time it is to be seen."""
        token = PREFIX + secrets.token_urlsafe(_BYTES)
        self._jobs.keep_token(_digest(token), uuid4(), organisation, now_us)
        return token

    def bearer(self, token: str) -> Bearer | None:
        """Return who a token speaks for, None when it is none of ours."""
        found = self._jobs.token(_digest(token)) if token.startswith(PREFIX) else None
        return None if found is None else Bearer(*found)


def _digest(token: str) -> bytes:
    return sha256(_TOKEN + token.encode()).digest()
