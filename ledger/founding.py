"""Founding a ledger: its folder, its keys, and the statement that becomes position 1.

Source: LEDGER.md 2 (genesis), 4 (epoch file); SPEC.md 1, 4.
"""

import secrets
from dataclasses import dataclass
from typing import Any

from ledger.clock import rfc3339
from ledger.files import LedgerFiles, write_private
from ledger.ids import public_id
from ledger.keys.keystore import KeyStore
from ledger.keys.pkcs11 import Pkcs11Module
from ledger.log.signing import LogSigner
from ledger.possession import prove_possession
from ledger.privacy.epoch import SCRYPT_N, new_epoch_keys, save_epoch_keys

REGISTRAR, CHECKPOINT, RECEIPT, CREDENTIAL = "registrar", "checkpoint", "receipt", "credential"
CHECKPOINT_MLDSA = "checkpoint-mldsa44"


@dataclass(frozen=True, slots=True)
class Charter:
    """What is decided once, when a ledger is founded.

    origin: name of the log, for example `ledger.example/log`.
    host: host of did:web identifiers, for example `ledger.example`.
    """

    origin: str
    host: str
    registrar_number: int
    registrar_name: str
    operator_name: str


def prepare_files(
    files: LedgerFiles, passphrase: bytes, *, scrypt_n: int = SCRYPT_N, module: Pkcs11Module | None = None
) -> KeyStore:
    """Make the folders, the epoch file and the founding keys; FileExistsError when a ledger is there.

    A founding key that was made in a hardware module before (`roa keys hsm create`) is taken as it is.

    Args:
        files: where the ledger will be.
        passphrase: opens its keys and its epoch file.
        scrypt_n: the cost of trying a passphrase on the epoch file, see `save_epoch_keys`.
        module: the hardware module in which some of its keys may lie.
    """
    if files.exists or files.epoch.exists():
        raise FileExistsError(f"{files.folder} holds a ledger already")
    files.folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # what is in it is about people
    files.keys.mkdir(mode=0o700, exist_ok=True)
    files.keys.chmod(0o700)
    save_epoch_keys(files.epoch, new_epoch_keys(), passphrase, scrypt_n=scrypt_n)
    keystore = KeyStore(files.keys, passphrase, module)
    for label in (REGISTRAR, CHECKPOINT, RECEIPT, CREDENTIAL):
        if not keystore.lies_in_module(label):
            keystore.create(label)
    keystore.create_mldsa(CHECKPOINT_MLDSA)
    return keystore


def log_signer(keystore: KeyStore, origin: str) -> LogSigner:
    """Return what signs with the keys that a log is founded with, until some are registered or end.

    One founded before ML-DSA-44 signs with Ed25519 alone. Keys in force are `CheckpointSigner`'s to find.
    """
    mldsa = keystore.mldsa(CHECKPOINT_MLDSA) if keystore.has(CHECKPOINT_MLDSA) else None
    return LogSigner(origin, keystore.get(CHECKPOINT), mldsa)


def make_passphrase(files: LedgerFiles) -> bytes:
    """Write a random passphrase beside the keys, mode 0600, for ledgers whose operator names none."""
    files.folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # as `prepare_files`, which finds it made
    files.keys.mkdir(mode=0o700, exist_ok=True)
    passphrase = secrets.token_urlsafe(32).encode()
    write_private(files.passphrase, passphrase + b"\n")
    return passphrase


def founding_statement(keystore: KeyStore, charter: Charter, now_us: int) -> dict[str, Any]:
    """Return the statement `ledger.founded` that names these keys."""
    registrar = keystore.get(REGISTRAR)
    organisation = public_id("organisation", charter.registrar_number)
    return {
        "type": "ledger.founded",
        "v": 1,
        "origin": charter.origin,
        "host": charter.host,
        "log_keys": list(log_signer(keystore, charter.origin).vkeys),
        "registrar": {
            "number": charter.registrar_number,
            "name": charter.registrar_name,
            "jwk": registrar.public_key_jwk(),
            "possession": prove_possession(registrar, organisation, charter.origin),
        },
        "operator": {
            "name": charter.operator_name,
            **{label: keystore.get(label).public_key_jwk() for label in (CHECKPOINT, RECEIPT, CREDENTIAL)},
        },
        "made_at": rfc3339(now_us),
    }
