"""The epoch file: the few keys that open the vault, sealed by a passphrase.

One small file, never in the vault or its backups. The epoch and index keys turn together; the
tombstone key never turns, so that a forgotten NSN can still be recognised.

Source: LEDGER.md 4.
"""

import json
import os
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from ledger.encoding.strict_json import b64
from ledger.errors import Unauthorised
from ledger.files import write_private

FORMAT = "achievement-ledger/epoch/v1"
SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**15, 8, 1  # 32 MiB and about 0.1 s, once at each start
SCRYPT_N_MAX = 2**18  # a file from elsewhere must not ask for more memory than a server has
_KEY_BYTES = 32
_EPOCH_BYTES = 4


@dataclass(frozen=True, slots=True)
class EpochKeys:
    """Three keys of 32 bytes, and which epoch they belong to (counted from 1)."""

    epoch: int
    epoch_key: bytes
    index_key: bytes
    tombstone_key: bytes


def new_epoch_keys() -> EpochKeys:
    """Return the keys of a first epoch."""
    return EpochKeys(1, *(os.urandom(_KEY_BYTES) for _ in range(3)))


def save_epoch_keys(path: Path, keys: EpochKeys, passphrase: bytes, *, scrypt_n: int = SCRYPT_N) -> None:
    """Write the sealed file with mode 0600, flushed, replacing any before it in one step.

    Args:
        path: where.
        keys: what is sealed.
        passphrase: what opens it.
        scrypt_n: cost of trying one passphrase, a power of two; kept in the file, so that it can be
            raised later. Less than the default is for ledgers that live as long as a test.
    """
    salt, nonce = os.urandom(16), os.urandom(12)
    body = keys.epoch.to_bytes(_EPOCH_BYTES, "big") + keys.epoch_key + keys.index_key + keys.tombstone_key
    sealed = AESGCM(_kek(passphrase, salt, scrypt_n)).encrypt(nonce, body, FORMAT.encode())
    parts = (("salt", salt), ("nonce", nonce), ("sealed", sealed))
    text = {name: b64(value) for name, value in parts}
    write_private(
        path, json.dumps({"format": FORMAT, "scrypt_n": scrypt_n, **text}, indent=1).encode() + b"\n"
    )


def load_epoch_keys(path: Path, passphrase: bytes) -> EpochKeys:
    """Open the sealed file; raise Unauthorised when the passphrase or the file is not the right one."""
    try:
        fields = json.loads(path.read_bytes())
        salt, nonce, sealed = (b64decode(fields[name]) for name in ("salt", "nonce", "sealed"))
        body = AESGCM(_kek(passphrase, salt, fields["scrypt_n"])).decrypt(nonce, sealed, FORMAT.encode())
    except (InvalidTag, ValueError, KeyError, TypeError) as error:
        raise Unauthorised(
            f"{path.name} does not open: wrong passphrase, or another ledger's file"
        ) from error
    keys = [body[at : at + _KEY_BYTES] for at in range(_EPOCH_BYTES, len(body), _KEY_BYTES)]
    return EpochKeys(int.from_bytes(body[:_EPOCH_BYTES], "big"), *keys)


def _kek(passphrase: bytes, salt: bytes, scrypt_n: int) -> bytes:
    if not 0 < scrypt_n <= SCRYPT_N_MAX:
        raise ValueError("the cost named in the file is out of range")
    return Scrypt(salt=salt, length=_KEY_BYTES, n=scrypt_n, r=SCRYPT_R, p=SCRYPT_P).derive(passphrase)
