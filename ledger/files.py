"""Where a ledger keeps its files, and how one of them is written so that it stays.

Source: SPEC.md 4.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ledger.errors import Unavailable

LOCK_WITHIN_S = 60.0  # for a lock on a folder
_LOCK_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class LedgerFiles:
    """The files of one ledger, under one folder; the anchor's place and the policy may lie elsewhere."""

    folder: Path
    anchor_place: Path | None = None
    policy_file: Path | None = None

    @property
    def ledger(self) -> Path:
        """Records, tree, submissions, checkpoints."""
        return self.folder / "ledger.sqlite"

    @property
    def vault(self) -> Path:
        """Data keys and look-ups of persons."""
        return self.folder / "vault.sqlite"

    @property
    def jobs(self) -> Path:
        """Received bodies and outcomes, destroyed after 30 days."""
        return self.folder / "jobs.sqlite"

    @property
    def views(self) -> Path:
        """Views: rebuildable."""
        return self.folder / "views.sqlite"

    @property
    def documents(self) -> Path:
        """Signed documents as they were handed out, sealed under their learners' keys."""
        return self.folder / "documents.sqlite"

    @property
    def access(self) -> Path:
        """Who read whose record, sealed under the learners' keys."""
        return self.folder / "access.sqlite"

    @property
    def keys(self) -> Path:
        """Private keys and the epoch file, readable by their owner only."""
        return self.folder / "keys"

    @property
    def epoch(self) -> Path:
        """The sealed file that opens the vault."""
        return self.keys / "epoch.json"

    @property
    def passphrase(self) -> Path:
        """The passphrase that opens keys and epoch file, where no other place is named."""
        return self.keys / "passphrase"

    @property
    def anchor(self) -> Path:
        """What was published last, on another disk if the operator is wise."""
        return self.anchor_place or self.folder / "anchor"

    @property
    def policy(self) -> Path:
        """Which witnesses must see a checkpoint, as a C2SP tlog-policy; not there when none must."""
        return self.policy_file or self.folder / "policy"

    @property
    def trust(self) -> Path:
        """The trust file as last published."""
        return self.folder / "trust.json"

    @property
    def out(self) -> Path:
        """Exports made by commands."""
        return self.folder / "out"

    @property
    def exists(self) -> bool:
        """Whether a ledger was founded here."""
        return self.ledger.exists()

    def check_complete(self) -> None:
        """Raise Unavailable (`storage`) where records are here, and what was made before them is not."""
        missing = [path.name for path in (self.vault, self.jobs) if not path.exists()]
        if missing and self.exists:
            raise Unavailable(
                f"{' and '.join(missing)} is not there: put it back, or a whole backup: roa restore --from",
                code="storage",
            )


def replace_file(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Write a file beside the old one and put it in its place in one step.

    Its bytes are flushed when this returns; that it has the name is not, before `flush_folder`.
    """
    fresh = path.with_name(path.name + ".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner may read, durable before it takes the old one's place."""
    replace_file(path, data, mode=0o600)
    flush_folder(path.parent)


def destroy_file(path: Path) -> None:
    """Overwrite a file's bytes and remove it, both flushed; nothing happens where there is none.

    What the disk itself keeps of it (blocks moved by a flash drive, snapshots of the filesystem) is
    beyond this: a key file is sealed besides.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY)
    except FileNotFoundError:
        return
    with os.fdopen(descriptor, "wb") as file:
        file.write(bytes(path.stat().st_size))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()
    flush_folder(path.parent)


@contextmanager
def locked(folder: Path, *, within_s: float = LOCK_WITHIN_S) -> Iterator[None]:
    """Hold the lock on a folder; whoever else wants it waits. It goes with the process, however that ends.

    Raises:
        Unavailable: somebody has held it all the while.
    """
    descriptor, until = os.open(folder, os.O_RDONLY), time.monotonic() + within_s
    try:
        while not _is_locked(descriptor):
            if time.monotonic() >= until:
                raise Unavailable(f"another process is at work in {folder.name}: try again", code="busy")
            time.sleep(_LOCK_POLL_S)
        yield
    finally:
        os.close(descriptor)


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def flush_folder(folder: Path) -> None:
    """Make the names in a folder durable: files that were made, replaced or removed there."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
