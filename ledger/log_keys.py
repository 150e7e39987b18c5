"""The log's own keys by position: which of them must all have signed a checkpoint of a size.

The founding's count from size 1. One that the operator registers for the purpose `checkpoint` at
position r counts for sizes from r on; one retired or revoked at position e for sizes below e. So the
checkpoint that takes in both a registration and the retirement before it is signed by the new key
alone, and what was signed before stays signed for ever: also where a key was declared stolen, because
`suspected_from` says what a key's statements are worth, and a checkpoint is held by its witnesses.

Source: LEDGER.md 2 (keys count by log position), 5 (which log keys must all verify).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger.domain.founding import CHECKPOINT, OPERATOR_BODY, Founding, LedgerFounded, jwk_of_vkey, kid_of
from ledger.domain.key import KeyRegistered, KeyRetired, KeyRevoked
from ledger.domain.register import Register
from ledger.errors import Malformed
from ledger.ids import public_id
from ledger.keys.keyring import FOUNDING_POSITION
from ledger.keys.mldsa import is_mldsa_jwk, mldsa_key_of_jwk, mldsa_thumbprint
from ledger.keys.signer import ED25519, jwk_from_text, public_key_of_jwk, thumbprint
from ledger.log.cosignature import MLDSA44_TYPE
from ledger.log.note import ED25519_TYPE, VerifierKey, parse_vkey

# Topics of the records that say which keys a log has.
KEY_TOPICS = frozenset(one.TOPIC for one in (LedgerFounded, KeyRegistered, KeyRetired, KeyRevoked))
OPERATOR = public_id("organisation", OPERATOR_BODY)


@dataclass(frozen=True, slots=True)
class LogKey:
    """One key of a log: it counts for sizes from `first` on, and below `end` where something ended it.

    kid: RFC 7638 thumbprint of its JWK; empty for a key of a kind that no JWK here has.
    """

    key: VerifierKey
    kid: str
    first: int
    end: int | None = None

    @property
    def vkey(self) -> str:
        """The key as verifiers are told it."""
        return str(self.key)

    def covers(self, size: int) -> bool:
        """Return whether a checkpoint of that size needs its signature."""
        return self.first <= size and (self.end is None or size < self.end)


class LogKeys:
    """Every key that a log ever had, those of the founding first, then as they were registered."""

    def __init__(self, keys: Iterable[LogKey] = ()) -> None:
        self._keys = tuple(keys)

    def __iter__(self) -> Iterator[LogKey]:
        return iter(self._keys)

    def __bool__(self) -> bool:
        return bool(self._keys)

    @property
    def every(self) -> tuple[str, ...]:
        """The vkeys of all of them, ended ones too."""
        return tuple(one.vkey for one in self._keys)

    def in_force(self, size: int) -> tuple[LogKey, ...]:
        """Return those that count at a size; all of them must have signed."""
        return tuple(one for one in self._keys if one.covers(size))

    def at(self, size: int) -> tuple[VerifierKey, ...]:
        """Return the keys that must all have signed a checkpoint of that size."""
        return tuple(one.key for one in self.in_force(size))


def log_keys_of(register: Register) -> LogKeys:
    """Return every key of the log that a register knows.

    Raises:
        Malformed: the founding names one that is none.
    """
    founding = register.founding
    if founding is None:
        return LogKeys()
    found = list(_of_founding(founding))
    for place, one in enumerate(found):
        at = register.positions_of(one.kid)
        found[place] = one if at is None else replace(one, end=at.ended_at)
    later = []
    for kid, key in register.keys.items():
        at = register.key_positions[kid]
        if signs_checkpoints(key) and at.registered_at != FOUNDING_POSITION:
            later.append(replace(_of_jwk(founding.origin, key.jwk, at.registered_at), end=at.ended_at))
    return LogKeys([*found, *sorted(later, key=lambda one: one.first)])


def log_keys_at(register: Register, size: int) -> tuple[VerifierKey, ...]:
    """Return the keys that must all have signed a checkpoint of that size, by a register that covers it."""
    return log_keys_of(register).at(size)


def signs_checkpoints(key: Any) -> bool:
    """Whether a key, or the record that registers it, is the operator's for checkpoints."""
    return key.organisation == OPERATOR and CHECKPOINT in key.purposes


def ends_last_ed25519(register: Register, kid: str) -> bool:
    """Whether the log would be left without an Ed25519 key if that key ended now.

    What is decided in the same submission counts already, so a rotation registers before it retires.

    Source: C2SP tlog-tiles (checkpoints carry an Ed25519 signature).
    """
    founding = register.founding
    if founding is None:
        return False
    live = {kid_of(jwk) for jwk in map(jwk_of_vkey, founding.log_keys) if jwk and _is_ed25519(jwk)}
    live |= {key.kid for key in register.keys.values() if signs_checkpoints(key) and _is_ed25519(key.jwk)}
    live = {one for one in live if (key := register.key(one)) is None or not key.ended}
    return live == {kid}


class FollowedLogKeys:
    """Gathers the keys of a log from its public records in order of position, judging none of them.

    It shows what a log says of itself; who had the right to say it, is looked at elsewhere.
    """

    def __init__(self, keys: Iterable[LogKey] = ()) -> None:
        """Begin with nothing, or with what was gathered before."""
        self._keys = {_stream(one): one for one in keys}
        self._origin = next((one.key.name for one in self._keys.values()), "")

    @property
    def keys(self) -> LogKeys:
        """The keys so far."""
        return LogKeys(self._keys.values())

    def take(self, event: Any, position: int) -> None:
        """Take in a public record.

        Raises:
            Malformed: it names a key of the log that is none.
        """
        if isinstance(event, LedgerFounded) and position == FOUNDING_POSITION:
            self._origin = event.origin
            self._keys = {_stream(one): one for one in _of_founding(event)}
        elif isinstance(event, KeyRegistered) and signs_checkpoints(event):
            made = _of_jwk(self._origin, event.jwk, position)
            self._keys.setdefault(_stream(made), made)
        elif isinstance(event, KeyRetired | KeyRevoked):
            held = self._keys.get(event.originator_id)
            if held is not None and held.end is None:
                self._keys[event.originator_id] = replace(held, end=position)


def log_key_json(one: LogKey) -> dict[str, Any]:
    """Return a key as the JSON values that `log_key_of_json` reads."""
    return {"vkey": one.vkey, "from": one.first, "to": one.end}


def log_key_of_json(values: Mapping[str, Any]) -> LogKey:
    """Return the key of such values; Malformed when they are not."""
    if values.keys() != {"vkey", "from", "to"} or not isinstance(values["vkey"], str):
        raise Malformed("this is not a key of a log")
    first, end = values["from"], values["to"]
    if type(first) is not int or not (end is None or type(end) is int):
        raise Malformed("a key of a log counts from a position to a position")
    return LogKey(parse_vkey(values["vkey"]), _kid(values["vkey"]), first, end)


def _of_founding(founding: Founding | LedgerFounded) -> Iterator[LogKey]:
    for vkey in founding.log_keys:
        yield LogKey(parse_vkey(vkey), _kid(vkey), FOUNDING_POSITION)


def _of_jwk(origin: str, text: str, first: int) -> LogKey:
    try:
        jwk = jwk_from_text(text)
        if is_mldsa_jwk(jwk):
            public = mldsa_key_of_jwk(jwk).public_bytes_raw()
            return LogKey(VerifierKey(origin, MLDSA44_TYPE, public), mldsa_thumbprint(jwk), first)
        key, kid = public_key_of_jwk(jwk), thumbprint(jwk)
    except (ValueError, TypeError, AttributeError) as error:
        raise Malformed("a key of the log is registered with a JWK that is none") from error
    if not isinstance(key, Ed25519PublicKey):
        raise Malformed("a log signs with Ed25519 and ML-DSA-44 keys")
    return LogKey(VerifierKey(origin, ED25519_TYPE, key.public_bytes_raw()), kid, first)


def _is_ed25519(text: str) -> bool:
    return jwk_from_text(text).get("crv") == ED25519


def _kid(vkey: str) -> str:
    jwk = jwk_of_vkey(vkey)
    return "" if jwk is None else kid_of(jwk)


def _stream(one: LogKey) -> UUID:
    return public_id("key", one.kid or one.vkey)
