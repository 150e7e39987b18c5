"""A witness in a folder of its own: its keys under a passphrase, and its database.

It shares nothing with the ledger it watches, least of all the machine.

Source: C2SP tlog-witness, tlog-cosignature (one Ed25519 key for one name).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ledger.clock import Clock, SystemClock
from ledger.errors import Absent, Corrupt, Malformed
from ledger.keys.keystore import KeyStore
from ledger.log.cosignature import NAME_MAX_BYTES, Cosigner, Ed25519Cosigner, MldsaCosigner
from ledger.witness.service import Witness
from ledger.witness.store import WitnessStore

ED25519, MLDSA44 = "ed25519", "mldsa44"
KINDS = (ED25519, MLDSA44)  # in the order in which lines are answered
_LABELS = {ED25519: "witness", MLDSA44: "witness-mldsa44"}
_NAME = re.compile(r"[^\s+\x00-\x1f\x7f]{1,255}")


@dataclass(frozen=True, slots=True)
class WitnessFiles:
    """The files of one witness."""

    folder: Path

    @property
    def database(self) -> Path:
        """What it remembers."""
        return self.folder / "witness.sqlite"

    @property
    def keys(self) -> Path:
        """Its private keys, readable by their owner only."""
        return self.folder / "keys"

    @property
    def exists(self) -> bool:
        """Whether a witness was made here."""
        return self.database.exists()


def create_witness(
    folder: Path,
    name: str,
    passphrase: bytes,
    *,
    kinds: Sequence[str] = KINDS,
    clock: Clock | None = None,
) -> Witness:
    """Make a new witness: its keys first, then who it is.

    Args:
        folder: made when it is missing.
        name: of its keys, such as `witness.example/w1`, for ever.
        passphrase: opens the keys.
        kinds: which keys, of KINDS.
        clock: what cosignatures are dated by.

    Raises:
        Malformed: the name cannot be that of a key.
        FileExistsError: there is a witness in the folder, or its keys.
    """
    files = WitnessFiles(folder)
    if not _NAME.fullmatch(name) or len(name.encode()) > NAME_MAX_BYTES:
        raise Malformed(
            f"the name of a witness has 1 to {NAME_MAX_BYTES} bytes, no spaces and no plus:"
            " for example witness.example/w1"
        )
    if files.exists:
        raise FileExistsError(f"{folder} holds a witness already")
    files.keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    files.keys.chmod(0o700)
    keystore = KeyStore(files.keys, passphrase)
    for kind in kinds:
        if kind == MLDSA44:
            keystore.create_mldsa(_LABELS[kind])
        else:
            keystore.create(_LABELS[kind])
    cosigners = _cosigners(keystore, name)
    store = WitnessStore(files.database)
    store.found(name, [str(one.vkey) for one in cosigners])
    return Witness(name, cosigners, store, clock or SystemClock())


def open_witness(folder: Path, passphrase: bytes, *, clock: Clock | None = None) -> Witness:
    """Open a witness.

    Raises:
        Absent: there is none in the folder.
        Unauthorised: the passphrase does not open its keys.
        Corrupt: the keys are not those that it was made with.
    """
    files = WitnessFiles(folder)
    if not files.exists:
        raise Absent(f"there is no witness in {folder}: make one with `roa witness init`")
    store = WitnessStore(files.database)
    identity = store.identity()
    if identity is None:
        store.close()
        raise Absent(f"the witness in {folder} was not finished: remove the folder and make it again")
    name, vkeys = identity
    cosigners = _cosigners(KeyStore(files.keys, passphrase), name)
    if tuple(str(one.vkey) for one in cosigners) != vkeys:
        # A key under which nothing was remembered would cosign whatever it is shown first.
        store.close()
        raise Corrupt(f"the keys in {files.keys} are not those of {name}", code="witness")
    return Witness(name, cosigners, store, clock or SystemClock())


def _cosigners(keystore: KeyStore, name: str) -> list[Cosigner]:
    found: list[Cosigner] = []
    if keystore.has(_LABELS[ED25519]):
        found.append(Ed25519Cosigner(name, keystore.get(_LABELS[ED25519])))
    if keystore.has(_LABELS[MLDSA44]):
        found.append(MldsaCosigner(name, keystore.mldsa(_LABELS[MLDSA44])))
    return found
