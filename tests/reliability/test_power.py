"""Power cuts in short, and that the campaign sees a ledger that flushes too little."""

from pathlib import Path
from random import Random

import pytest

from ledger.files import flush_folder, replace_file
from tests.reliability.disk import Disk, PowerCut
from tests.reliability.harness import Setting
from tests.reliability.power import LOSING_MIN, losing, run, trial

TRIALS = 4
WHILE_PUBLISHING = (0, 3, 5)  # seeds whose cut comes while something is published, or soon after


def test_nothing_that_was_answered_is_lost_when_the_power_goes(tmp_path: Path) -> None:
    """A few cuts at seeded moments; with less flushing the same trials lose rows."""
    whole, less = run(Setting(TRIALS, 0, tmp_path))

    assert whole.ok, whole.failures
    assert whole.times == TRIALS
    assert less.ok, "a ledger that does not flush was not found out"
    assert less.times == LOSING_MIN


def test_an_anchor_that_is_not_flushed_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files at the anchor's place that are written in place, unflushed: some cut leaves them half."""

    def careless(path: Path, data: bytes) -> None:
        path.write_bytes(data)

    monkeypatch.setattr("ledger.store.anchor.replace_file", careless)

    wrong = [one for seed in WHILE_PUBLISHING for one in trial(seed, tmp_path / str(seed))[1]]

    assert any("anchor" in one for one in wrong), wrong


def test_folders_that_are_not_flushed_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names at the anchor's place that nobody flushed: some cut brings an older anchor back."""
    monkeypatch.setattr("ledger.store.anchor.flush_folder", lambda _folder: None)

    wrong = [one for seed in WHILE_PUBLISHING for one in trial(seed, tmp_path / str(seed))[1]]

    assert any("anchor" in one for one in wrong), wrong


def test_losses_that_are_not_seen_fail_the_campaign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the disk loses nothing, the line about less flushing says that it has seen no loss."""
    monkeypatch.setattr(Disk, "_survives", lambda _disk: True)

    assert not losing(Setting(0, 0, tmp_path)).ok


# ------------------------------------------------------------------ the disk itself


def a_disk(tmp_path: Path, *, survives: bool) -> Disk:
    """Return a disk with one durable file, on which everything or nothing that is not flushed survives."""
    folder = tmp_path / "disk"
    folder.mkdir()
    (folder / "old").write_bytes(b"a" * 1000)
    disk = Disk(folder, Random(0))
    disk._survives = lambda: survives
    return disk


@pytest.mark.parametrize("survives", [False, True])
def test_what_was_flushed_survives(tmp_path: Path, *, survives: bool) -> None:
    """A file that was replaced and flushed with its folder is the new one, whatever chance says."""
    disk = a_disk(tmp_path, survives=survives)

    with disk.powered():
        replace_file(disk.folder / "old", b"b" * 700)
        flush_folder(disk.folder)
    disk.survivors(tmp_path / "after")

    assert (tmp_path / "after" / "old").read_bytes() == b"b" * 700
    assert [path.name for path in (tmp_path / "after").iterdir()] == ["old"]


@pytest.mark.parametrize(("survives", "found"), [(False, b"a"), (True, b"b")])
def test_a_name_that_was_not_flushed_may_be_the_old_one(
    tmp_path: Path, *, survives: bool, found: bytes
) -> None:
    """Without its folder's flush the old file may be there, and it is whole."""
    disk = a_disk(tmp_path, survives=survives)

    with disk.powered():
        replace_file(disk.folder / "old", b"b" * 1000)
    disk.survivors(tmp_path / "after")

    assert (tmp_path / "after" / "old").read_bytes() == found * 1000


def test_content_that_was_not_flushed_is_torn(tmp_path: Path) -> None:
    """A file that was written in place has sectors of both, and never a sector of both."""
    disk = a_disk(tmp_path, survives=True)
    turns = iter((False, True, *[True] * 9))
    disk._survives = lambda: next(turns)

    with disk.powered():
        (disk.folder / "old").write_bytes(b"b" * 1000)
    disk.survivors(tmp_path / "after")

    assert (tmp_path / "after" / "old").read_bytes() == b"a" * 512 + b"b" * 488


def test_nothing_is_written_without_power(tmp_path: Path) -> None:
    """After the cut every operation fails, and the files are as they were."""
    disk = a_disk(tmp_path, survives=True)

    with disk.powered(cut_at=1), pytest.raises(PowerCut):
        replace_file(disk.folder / "old", b"b")

    with disk.powered(), pytest.raises(PowerCut):
        replace_file(disk.folder / "old", b"b")
    assert (disk.folder / "old").read_bytes() == b"a" * 1000
