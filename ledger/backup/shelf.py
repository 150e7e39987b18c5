"""The backups in a folder: how old they are, and which of them open for nobody any more."""

from dataclasses import dataclass
from pathlib import Path

from ledger.backup.manifest import Manifest, read_manifest
from ledger.errors import LedgerError

BACKUPS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Shelved:
    """One backup. Its manifest was read; nothing else of it was looked at."""

    folder: Path
    manifest: Manifest

    def is_closed(self, epoch: int) -> bool:
        """Whether it is from before the epoch of that number began: its keys are destroyed."""
        return self.manifest.epoch < epoch


def shelf(place: Path, origin: str) -> list[Shelved]:
    """Return the backups of a log in a folder, oldest first; what is none is passed over."""
    found = []
    folders = sorted(place.iterdir())[:BACKUPS_MAX] if place.is_dir() else []
    for folder in folders:
        if folder.is_dir() and not folder.name.startswith("."):
            try:
                manifest = read_manifest(folder).manifest
            except (LedgerError, OSError):
                continue
            if manifest.origin == origin:
                found.append(Shelved(folder, manifest))
    return sorted(found, key=lambda one: one.manifest.made_at)
