"""Copies of a ledger to rely on: taken while it runs, signed, checked, put back on a new machine.

Never in a backup: private keys, the epoch file, the passphrase. What is personal in it is sealed under
keys of the vault, and the vault's copy under those of its epoch. When the epoch turns, the old epoch file is
destroyed and every backup from before is closed for ever, on purpose: that is what makes a forgetting
effective in copies.

Source: LEDGER.md 4, 5.
"""

from ledger.backup.manifest import FORMAT, Manifest, read_manifest
from ledger.backup.placing import (
    BY_ITSELF,
    OWN_KEY,
    TRUSTED,
    PutBack,
    begin_anchor,
    put_back,
    unfinished_restores,
)
from ledger.backup.shelf import Shelved, shelf
from ledger.backup.taking import Taken, take

__all__ = (
    "BY_ITSELF",
    "FORMAT",
    "OWN_KEY",
    "TRUSTED",
    "Manifest",
    "PutBack",
    "Shelved",
    "Taken",
    "begin_anchor",
    "put_back",
    "read_manifest",
    "shelf",
    "take",
    "unfinished_restores",
)
