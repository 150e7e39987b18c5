"""The first record of a ledger: where it is, which keys it began with, who keeps the register."""

from collections.abc import Iterator
from functools import lru_cache
from hashlib import sha256
from typing import Any

from ledger.domain.base import Created, LedgerAggregate, PublicEvent
from ledger.encoding.strict_json import b64url, canonical, unb64
from ledger.errors import Malformed

OPERATOR_BODY = "OPERATOR"
REGISTRAR_PURPOSES = ("keys", "submission")
CHECKPOINT = "checkpoint"
_ED25519_TYPE, _MLDSA44_TYPE = 0x01, 0x06  # of signed-note keys
_ED25519_BYTES, _MLDSA44_BYTES = 32, 1312


class LedgerFounded(Created, PublicEvent):
    """A ledger began, at position 1 and nowhere else.

    log_keys: signed-note verifier keys (vkey texts) of the log.
    registrar: (number, name, JWK as JCS text): the regulator, and the key that signed this record.
    operator: (name, (purpose, JWK as JCS text), …).

    Source: LEDGER.md 2, genesis.
    """

    TOPIC = "ledger.founded"
    OPEN = ("origin", "host", "log_keys", "registrar", "operator", "made_at")

    origin: str
    host: str
    log_keys: tuple[Any, ...]
    registrar: tuple[Any, ...]
    operator: tuple[Any, ...]
    made_at: str

    def apply(self, aggregate: "Founding") -> None:
        """Set what the ledger is for ever."""
        aggregate.origin = self.origin
        aggregate.host = self.host
        aggregate.log_keys = self.log_keys
        aggregate.registrar_number, aggregate.registrar_name, aggregate.registrar_jwk = self.registrar
        aggregate.operator_name = self.operator[0]
        aggregate.operator_keys = self.operator[1:]
        aggregate.made_at = self.made_at


class Founding(LedgerAggregate):
    """The ledger itself, as it was founded. Stream: `ledger|<origin>`."""

    TOPIC = "ledger"
    BEGINS = (LedgerFounded,)

    origin: str
    host: str
    log_keys: tuple[str, ...]
    registrar_number: int
    registrar_name: str
    registrar_jwk: str
    operator_name: str
    operator_keys: tuple[tuple[str, str], ...]  # (purpose, JWK as JCS text)
    made_at: str

    def first_keys(self) -> Iterator[tuple[str, str, tuple[str, ...], str]]:
        """Yield (label of its organisation, thumbprint, purposes, JWK as JCS text) of the first keys.

        The founding may name one key twice: its last place counts. Keys of the log that it names as
        verifier keys alone, the ML-DSA-44 one, come last, and only where nothing else names them.
        """
        yield str(self.registrar_number), kid_of(self.registrar_jwk), REGISTRAR_PURPOSES, self.registrar_jwk
        for purpose, jwk in self.operator_keys:
            yield OPERATOR_BODY, kid_of(jwk), (purpose,), jwk
        named = {self.registrar_jwk, *(jwk for _, jwk in self.operator_keys)}
        for log_jwk in filter(None, map(jwk_of_vkey, self.log_keys)):
            if log_jwk not in named:
                yield OPERATOR_BODY, kid_of(log_jwk), (CHECKPOINT,), log_jwk


@lru_cache(maxsize=64)  # asked with every record of the register
def jwk_of_vkey(vkey: str) -> str | None:
    """Return the JWK, as JCS text, of a log's verifier key; None where its text holds no key of ours."""
    _, _, rest = vkey.partition("+")
    try:
        data = unb64(rest.partition("+")[2])
    except Malformed:
        return None
    kind, key = data[:1], data[1:]
    if kind == bytes([_ED25519_TYPE]) and len(key) == _ED25519_BYTES:
        return canonical({"kty": "OKP", "crv": "Ed25519", "x": b64url(key)}).decode()
    if kind == bytes([_MLDSA44_TYPE]) and len(key) == _MLDSA44_BYTES:
        return canonical({"kty": "AKP", "alg": "ML-DSA-44", "pub": b64url(key)}).decode()
    return None


def kid_of(jwk: str) -> str:
    """Return the RFC 7638 thumbprint of a JWK in its canonical text, which is what records hold."""
    return b64url(sha256(jwk.encode()).digest())
