"""The first record of a ledger: where it is, which keys it began with, who keeps the register."""

from typing import Any

from ledger.domain.base import Created, LedgerAggregate, PublicEvent


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

    def key_texts(self) -> tuple[str, ...]:
        """Return the keys that the ledger began with, as JCS text: registered by the founding itself."""
        return (self.registrar_jwk, *(jwk for _, jwk in self.operator_keys))
