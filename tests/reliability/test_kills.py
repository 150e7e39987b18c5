"""kill -9 under load in short, and that the campaign sees a disk that forgets."""

import shutil
from pathlib import Path

from tests.reliability.harness import Setting
from tests.reliability.kills import cycles

KILLS = 2


def test_what_was_answered_is_there_after_each_kill(tmp_path: Path) -> None:
    """Killed and restarted, the ledger holds every answered row once, at the position that was answered."""
    trials, load = cycles(Setting(KILLS, 1, tmp_path))

    assert not trials.failed
    assert trials.tried == KILLS
    assert len(load.answers) == len(load.submissions)


def test_a_disk_that_forgets_is_seen(tmp_path: Path) -> None:
    """Where the database comes back as it once was, the campaign names the answers that are gone."""
    copies: list[Path] = []

    def forget(folder: Path) -> None:
        for file in folder.glob("ledger.sqlite*"):
            file.unlink()
        shutil.copy2(copies[0], folder / "ledger.sqlite")

    def keep(folder: Path) -> None:
        # Taken while nobody serves: SQLite's own copy of a moment, the WAL included.
        copies.append(folder.parent / "copy.sqlite")
        shutil.copy2(folder / "ledger.sqlite", copies[0])

    def after_kill(folder: Path) -> None:
        keep(folder) if not copies else forget(folder)

    trials, _ = cycles(Setting(KILLS, 1, tmp_path), after_kill)

    assert any("not recorded as answered" in one for one in trials.failed), trials.failed
