"""kill -9 under load in short, and that the campaign sees a disk that forgets."""

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
    """Where the write-ahead log is gone after a kill, the campaign names the answers that went with it."""

    def forget(folder: Path) -> None:
        (folder / "ledger.sqlite-wal").unlink()

    trials, _ = cycles(Setting(1, 1, tmp_path), forget)

    assert any("not recorded as answered" in one for one in trials.failed), trials.failed
