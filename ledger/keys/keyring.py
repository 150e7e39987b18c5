"""Which keys count where: by log position, never by "now".

Source: LEDGER.md 2 (keys count by log position).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from ledger.errors import Unauthorised

FOUNDING_POSITION = 1
# How a signature at a position stands: see `RegisteredKey.standing`.
VALID, SUSPECT, REAFFIRMED, ANNULLED, NOT_IN_FORCE = (
    "valid",
    "suspect",
    "reaffirmed",
    "annulled",
    "not-in-force",
)


@dataclass(frozen=True, slots=True)
class RegisteredKey:
    """A public key with its validity in positions; None where nothing ended it."""

    kid: str
    organisation: UUID
    jwk: dict[str, Any]
    purposes: frozenset[str]
    custody: str
    registered_at: int
    retired_at: int | None
    revoked_at: int | None
    suspected_from: int | None
    reaffirmed: tuple[tuple[int, int], ...] = ()
    annulled: tuple[tuple[int, int], ...] = ()

    @property
    def ended_at(self) -> int | None:
        """Position of the record that retired or revoked it, whichever came first."""
        ends = [at for at in (self.retired_at, self.revoked_at) if at is not None]
        return min(ends, default=None)

    def standing(self, position: int) -> str:
        """Return how what this key signed at a position stands.

        `valid`: it counted there · `suspect`: from `suspected_from` on, until somebody with the right
        says more · `reaffirmed` and `annulled`: somebody did · `not-in-force`: it was not registered
        yet, or retired or revoked before. What it signed earlier stays valid for ever.
        """
        first = self.registered_at + (self.registered_at != FOUNDING_POSITION)
        if position < first or (self.ended_at is not None and position > self.ended_at):
            return NOT_IN_FORCE
        if self.suspected_from is None or position < self.suspected_from:
            return VALID
        if any(first <= position <= last for first, last in self.annulled):
            return ANNULLED
        if any(first <= position <= last for first, last in self.reaffirmed):
            return REAFFIRMED
        return SUSPECT


class Keyring:
    """Every key ever registered; old ones stay, since what they signed stays valid."""

    def __init__(self, keys: Iterable[RegisteredKey]) -> None:
        self._keys = {key.kid: key for key in keys}

    def __iter__(self) -> Iterator[RegisteredKey]:
        return iter(self._keys.values())

    def get(self, kid: str) -> RegisteredKey | None:
        """Return the key with that thumbprint, whatever its state."""
        return self._keys.get(kid)

    def valid(self, kid: str, organisation: UUID, purpose: str, position: int) -> RegisteredKey:
        """Return the key that may sign for this organisation and purpose at a position.

        Raises:
            Unauthorised: (E909) unknown, another organisation's, for other purposes, not yet
                registered there, or retired or revoked before.
        """
        key = self._keys.get(kid)
        if key is None:
            raise Unauthorised("the signing key is not registered", code="E909")
        if key.organisation != organisation:
            raise Unauthorised("the signing key is registered to another organisation", code="E909")
        if purpose not in key.purposes:
            raise Unauthorised(f"the signing key is not registered for the purpose `{purpose}`", code="E909")
        # A key counts after the record that registers it; only the founding contains its own.
        if position <= key.registered_at and not position == key.registered_at == FOUNDING_POSITION:
            raise Unauthorised(f"the signing key counts after position {key.registered_at}", code="E909")
        ended_at = key.ended_at
        if ended_at is not None and ended_at < position:
            raise Unauthorised(f"the signing key was retired or revoked at position {ended_at}", code="E909")
        return key
