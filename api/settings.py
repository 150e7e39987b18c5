"""Settings of the serving process: environment variables that begin with ROA_.

Source: SPEC.md 6.
"""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

DEMO_MARK = "demo.json"  # a file that `roa demo` leaves in the ledger's folder


class Settings(BaseSettings):
    """What an operator may set.

    passphrase_file: opens the keys and the epoch file; D/keys/passphrase when not set.
    pkcs11_module, pkcs11_pin_file: the hardware module in which keys may lie, a shared library, and the file
        with the PIN of its user; both or neither.
    anchor: the anchor's place, another disk if the operator is wise; D/anchor when not set.
    policy: which witnesses must see a checkpoint, a C2SP tlog-policy; D/policy when not set.
    publish_every_s: how often a tree that grew is published, at most.
    checkers: processes that check credentials beside the serving one.
    metrics_token_file: the file with the token that opens GET /metrics; without it there is no such address.
    drain_s: how long after a signal to stop new connections are still taken, so that a balancer sees /readyz.
    stop_within_s: when a stop takes longer than this after the draining, what is left is abandoned.
    turn_at: the hour of the night, in New Zealand, at which the epoch turns if anything was destroyed.
    statement_of_contact: whom pages name for questions, corrections and privacy.
    """

    model_config = SettingsConfigDict(env_prefix="ROA_", extra="ignore")

    passphrase_file: Path | None = None
    pkcs11_module: Path | None = None
    pkcs11_pin_file: Path | None = None
    anchor: Path | None = None
    policy: Path | None = None
    publish_every_s: float = 10.0
    checkers: int = Field(default=1, ge=1, le=64)
    metrics_token_file: Path | None = None
    drain_s: float = Field(default=0.0, ge=0, le=600)
    stop_within_s: float = Field(default=30.0, gt=0, le=3600)
    turn_at: int = Field(default=3, ge=0, le=23)
    statement_of_contact: str = "the operator of this ledger"

    @property
    def metrics_token(self) -> bytes:
        """The token that opens GET /metrics, read each time so that it can be changed; empty for none."""
        return b"" if self.metrics_token_file is None else self.metrics_token_file.read_bytes().strip()
