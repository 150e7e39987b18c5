"""Words for backups: take one, put it back in another folder with the keys from elsewhere, open it.

backup = taken(house, tmp_path / "backups")
other = put_back_from(backup, house, tmp_path / "new")   # keys and anchor are those of `house`
"""

import shutil
from pathlib import Path

from ledger.backup import PutBack, Taken, put_back, take
from ledger.files import LedgerFiles
from ledger.keys.keystore import KeyStore
from ledger.monitor.trusted import Trusted
from tests.support.ledgers import PASSPHRASE, House, open_house


def taken(house: House, to: Path) -> Taken:
    """Take a backup of a ledger."""
    return take(house.ledger, to)


def placed(backup: Path, keys: Path, folder: Path, trusted: Trusted | None = None) -> PutBack:
    """Put a backup in place with keys from a folder."""
    return put_back(
        backup, LedgerFiles(folder), keys, KeyStore(keys, PASSPHRASE), PASSPHRASE, trusted or Trusted()
    )


def put_back_from(backup: Path, house: House, folder: Path) -> House:
    """Put a backup of a ledger in place beside a copy of its anchor, and open what came of it."""
    placed(backup, house.files.keys, folder)
    shutil.copytree(house.files.anchor, folder / "anchor")
    return open_house(folder, house.clock)
