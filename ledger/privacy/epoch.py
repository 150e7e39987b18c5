"""The epoch file: the few keys that open the vault, sealed by a passphrase.

One small file, never in the vault or its backups. The epoch and index keys turn together; the
tombstone key never turns, so that a forgotten NSN can still be recognised. While a turn goes on a
second file lies beside it, `epoch.json.next`; which of the two counts, the vault says.

Source: LEDGER.md 4.
"""

import json
import os
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from ledger.encoding.strict_json import b64
from ledger.errors import Unauthorised
from ledger.files import destroy_file, flush_folder, write_private

FORMAT = "achievement-ledger/epoch/v1"
SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**15, 8, 1  # 32 MiB and about 0.1 s, once at each start
SCRYPT_N_MAX = 2**18  # a file from elsewhere must not ask for more memory than a server has
_KEY_BYTES = 32
_EPOCH_BYTES = 4


@dataclass(frozen=True, slots=True)
class EpochKeys:
    """Three keys of 32 bytes, and which epoch they belong to (counted from 1)."""

    epoch: int
    epoch_key: bytes = field(repr=False)
    index_key: bytes = field(repr=False)
    tombstone_key: bytes = field(repr=False)

    def turned(self) -> "EpochKeys":
        """Return the keys of the next epoch: all of them new but the one that never turns."""
        return replace(
            self,
            epoch=self.epoch + 1,
            epoch_key=os.urandom(_KEY_BYTES),
            index_key=os.urandom(_KEY_BYTES),
        )


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
    return _opened(path, passphrase)[0]


def _opened(path: Path, passphrase: bytes) -> tuple[EpochKeys, int]:
    """Return the keys in a sealed file, and the cost that it was sealed with."""
    try:
        fields = json.loads(path.read_bytes())
        salt, nonce, sealed = (b64decode(fields[name]) for name in ("salt", "nonce", "sealed"))
        scrypt_n = fields["scrypt_n"]
        body = AESGCM(_kek(passphrase, salt, scrypt_n)).decrypt(nonce, sealed, FORMAT.encode())
    except (InvalidTag, ValueError, KeyError, TypeError) as error:
        raise Unauthorised(
            f"{path.name} does not open: wrong passphrase, or another ledger's file"
        ) from error
    keys = [body[at : at + _KEY_BYTES] for at in range(_EPOCH_BYTES, len(body), _KEY_BYTES)]
    return EpochKeys(int.from_bytes(body[:_EPOCH_BYTES], "big"), *keys), scrypt_n


def _kek(passphrase: bytes, salt: bytes, scrypt_n: int) -> bytes:
    if not 0 < scrypt_n <= SCRYPT_N_MAX:
        raise ValueError("the cost named in the file is out of range")
    return Scrypt(salt=salt, length=_KEY_BYTES, n=scrypt_n, r=SCRYPT_R, p=SCRYPT_P).derive(passphrase)


@dataclass(frozen=True, slots=True)
class EpochFile:
    """Where the keys of the epoch lie and what opens them.

    Writing here is for whoever holds the vault's write transaction: that is the lock of a turn, over
    threads and processes. Reading needs no lock: a file is replaced in one step.
    """

    path: Path
    passphrase: bytes = field(repr=False)

    @property
    def next(self) -> Path:
        """The keys that a turn is about to put in their place."""
        return self.path.with_name(self.path.name + ".next")

    @property
    def old(self) -> Path:
        """The keys that a turn has replaced, as long as they are not destroyed yet."""
        return self.path.with_name(self.path.name + ".old")

    def load(self) -> EpochKeys:
        """Return the keys as they stand; Unauthorised when passphrase or file is not the right one."""
        return load_epoch_keys(self.path, self.passphrase)

    def find(self, wanted: Callable[[EpochKeys], bool]) -> EpochKeys | None:
        """Return the keys that are wanted, of the one file or the other; None when neither has them."""
        # The next one first: what is not there any more has become the current one meanwhile.
        for path in (self.next, self.path):
            try:
                keys = load_epoch_keys(path, self.passphrase)
            except FileNotFoundError:
                continue
            if wanted(keys):
                return keys
        return None

    def write_next(self, keys: EpochKeys) -> None:
        """Write the keys of a turn beside the current ones, at the same cost; durable when it returns."""
        _, scrypt_n = _opened(self.path, self.passphrase)
        save_epoch_keys(self.next, keys, self.passphrase, scrypt_n=scrypt_n)

    @property
    def unsettled(self) -> bool:
        """Whether a turn was left half done: something lies beside the file."""
        return any(path.exists() for path in (self.next, self.old, _unwritten(self.next)))

    def settle(self, current: Callable[[EpochKeys], bool], at_step: Callable[[str], None]) -> None:
        """Complete a turn that the vault has made, or discard one that it has not; destroy what is left over.

        Args:
            current: whether keys are those of the vault's epoch.
            at_step: called with the name of each step, for crash tests.

        Source: LEDGER.md 4 (old key file destroyed).
        """
        if self.next.exists() and not current(self.load()):
            if not current(load_epoch_keys(self.next, self.passphrase)):
                return  # neither opens the vault: nothing here is thrown away, and whoever opens it is told
            self._drop_old()
            # The old keys keep a name until they are overwritten, so that a crash does not lose them unseen.
            self.old.hardlink_to(self.path)
            flush_folder(self.path.parent)
            at_step("old_kept")
            self.next.replace(self.path)
            flush_folder(self.path.parent)
            # From here a start finds the new keys at once.
            at_step("renamed")
        for path in (self.next, _unwritten(self.next)):
            destroy_file(path)
        self._drop_old()
        at_step("destroyed")

    def _drop_old(self) -> None:
        if self.old.exists() and self.old.samefile(self.path):
            self.old.unlink()  # a crash before the rename: this is a second name of the file that counts
        destroy_file(self.old)


def _unwritten(path: Path) -> Path:
    """Return the name under which `write_private` was writing a file when it was stopped."""
    return path.with_name(path.name + ".new")
