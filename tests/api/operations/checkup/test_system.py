"""What a checkup says of machine, file system, clock and permissions, on systems that are made up."""

import resource
from datetime import UTC
from pathlib import Path

import pytest

from api.operations.checkup import OK, PROBLEM, WARNING, Check, clocks, machine, places
from api.operations.checkup.clocks import kernel_is_synchronised, look_at_clock
from api.operations.checkup.findings import guarded
from api.operations.checkup.machine import look_at_machine, look_at_software
from api.operations.checkup.places import (
    Mount,
    flushing,
    look_at_file_system,
    look_at_permissions,
    look_at_restores,
    look_at_space,
    mount_of,
)
from ledger import database
from ledger.errors import Corrupt
from ledger.files import LedgerFiles

MEMINFO = "MemTotal:  {total} kB\nMemFree:  1 kB\nMemAvailable:  {free} kB\nHugePages_Total:  0\n"
GIB_KIB = 1 << 20
SWAPS = "Filename Type Size Used Priority\n{}"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A system in good order, with the ledger's folder on ext4 at /data and the anchor on another disk."""
    root = tmp_path / "root"
    for path, text in {
        "proc/meminfo": MEMINFO.format(total=4 * GIB_KIB, free=3 * GIB_KIB),
        "proc/swaps": SWAPS.format(""),
        "sys/power/state": "freeze mem\n",
        "run/systemd/timesync/synchronized": "",
        "proc/self/mountinfo": "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


@pytest.fixture
def files(tmp_path: Path) -> LedgerFiles:
    """The folders of a ledger, for their owner only."""
    found = LedgerFiles(tmp_path / "ledger")
    found.keys.mkdir(mode=0o700, parents=True)
    found.folder.chmod(0o700)
    found.anchor.mkdir()
    (found.keys / "receipt.pem").write_text("sealed")
    (found.keys / "receipt.pem").chmod(0o600)
    return found


def states(checks) -> dict[str, str]:
    """Return the state of each check by its name."""
    return {one.name: one.state for one in checks}


def the(name: str, checks) -> Check:
    """Return the check of that name."""
    (found,) = [one for one in checks if one.name == name]
    return found


# ------------------------------------------------------------------ machine


def test_a_machine_in_good_order_is_well(root, monkeypatch):
    """Nothing to be minded."""
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda _process: {0, 1})
    monkeypatch.setattr(machine.resource, "getrlimit", lambda _what: (0, resource.RLIM_INFINITY))

    assert set(states(look_at_machine(root)).values()) == {OK}


def test_one_processor_and_little_memory_are_to_be_minded(root, monkeypatch):
    """And so is a system that does not say how much there is."""
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda _process: {0})
    (root / "proc/meminfo").write_text(MEMINFO.format(total=4 * GIB_KIB, free=GIB_KIB // 2))

    found = list(look_at_machine(root))
    (root / "proc/meminfo").unlink()
    silent = list(look_at_machine(root))

    assert the("processors", found).state == the("memory", found).state == WARNING
    assert the("memory", found).seen == "512 MiB free of 4096"
    assert the("memory", silent).seen == "unknown"


@pytest.mark.parametrize(
    ("lines", "state"),
    [
        ("/dev/sda2 partition 8388604 0 -2", WARNING),
        ("/swapfile file 8388604 0 -2", WARNING),
        ("/dev/zram0 partition 8388604 0 100", OK),
        ("/dev/dm-1 partition 8388604 0 -2", OK),
    ],
)
def test_keys_must_not_lie_on_a_plain_disk(root, lines, state):
    """Swap on a disk is to be minded, more so where the machine hibernates onto it."""
    (root / "proc/swaps").write_text(SWAPS.format(lines))
    (root / "sys/power/state").write_text("freeze mem disk\n")

    found = the("swap", look_at_machine(root))

    assert found.state == state
    assert ("hibernate" in found.seen) is (state == WARNING)


def test_core_files_would_hold_keys(root, monkeypatch):
    """Where they may be written it is said."""
    monkeypatch.setattr(machine.resource, "getrlimit", lambda _what: (resource.RLIM_INFINITY,) * 2)

    assert the("core files", look_at_machine(root)).state == WARNING


def test_a_build_of_sqlite_that_can_corrupt_is_a_problem(monkeypatch):
    """So is one for a single thread, a missing package, an old Python."""
    assert set(states(look_at_software()).values()) == {OK}

    monkeypatch.setattr(machine, "PACKAGES", ("eventsourcing", "not-there-at-all"))
    monkeypatch.setattr(machine, "_PYTHON_MIN", (99, 0))
    monkeypatch.setattr(machine, "_is_threadsafe", lambda: False)
    single = the("sqlite", look_at_software())
    monkeypatch.setattr(database, "is_sound", lambda: False)
    found = list(look_at_software())

    assert states(found) == {"python": PROBLEM, "packages": PROBLEM, "sqlite": PROBLEM}
    assert "not-there-at-all" in the("packages", found).seen
    assert single.state == PROBLEM
    assert "3.51.3" in the("sqlite", found).do


# ------------------------------------------------------------------ places


MOUNTS = """22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /mnt/a\\040b rw,relatime shared:2 master:1 - nfs4 host:/x rw
31 22 8:2 / /mnt/read ro,relatime - xfs /dev/sdb1 rw
garbage
"""


def test_the_mount_of_a_path_is_the_innermost(root):
    """Blanks in its name are coded; garbage is passed over; where nothing says, nothing is known."""
    (root / "proc/self/mountinfo").write_text(MOUNTS)

    assert mount_of(Path("/mnt/a b/c"), root) == Mount("/mnt/a b", "nfs4", read_only=False)
    assert mount_of(Path("/mnt/read/x"), root) == Mount("/mnt/read", "xfs", read_only=True)
    assert mount_of(Path("/mnt/reading"), root) == Mount("/", "ext4", read_only=False)
    assert mount_of(Path("/"), root / "nowhere") is None


@pytest.mark.parametrize(
    ("kind", "options", "state"),
    [
        ("ext4", "rw", OK),
        ("nfs4", "rw", PROBLEM),
        ("cifs", "rw", PROBLEM),
        ("fuse.sshfs", "rw", PROBLEM),
        ("tmpfs", "rw", PROBLEM),
        ("overlay", "rw", WARNING),
        ("xfs", "ro", PROBLEM),
    ],
)
def test_file_systems_that_keep_a_ledger(root, files, kind, options, state):
    """A local disk does; a network, memory, a layer of a container, one that is read-only do not."""
    (root / "proc/self/mountinfo").write_text(f"22 1 8:1 / / {options},relatime - {kind} /dev/x rw\n")

    found = list(look_at_file_system(files, root))

    assert the("file system", found).state == the("file system of the anchor", found).state == state
    assert len(found) == 3


def test_a_system_that_does_not_say_is_to_be_minded(root, files):
    """Not every system has mountinfo."""
    (root / "proc/self/mountinfo").unlink()

    assert the("file system", look_at_file_system(files, root)).state == WARNING


def test_a_flush_that_does_nothing_is_to_be_minded(files, monkeypatch):
    """It takes no longer than a write without; nothing is left in the folder."""
    monkeypatch.setattr(places.os, "fsync", lambda _descriptor: None)
    ticks = iter(range(100_000))
    monkeypatch.setattr(places.time, "perf_counter", lambda: next(ticks) / 1000)
    before = sorted(files.folder.iterdir())
    monkeypatch.setattr(places, "FLUSH_MIN_RATIO", 2.5)  # by this clock each step takes the same

    found = flushing(files.folder)

    assert (found.state, found.seen) == (WARNING, "2.00 ms, 2 times a write without")
    assert sorted(files.folder.iterdir()) == before


def test_a_flush_that_is_slow_is_to_be_minded(files, monkeypatch):
    """And one that is neither is well."""
    times = {"now": 0.0}

    def fsync(_descriptor: int) -> None:
        times["now"] += 0.08

    def pwrite(_descriptor: int, data: bytes, _offset: int) -> int:
        times["now"] += 0.0001
        return len(data)

    monkeypatch.setattr(places.os, "fsync", fsync)
    monkeypatch.setattr(places.os, "pwrite", pwrite)
    monkeypatch.setattr(places.time, "perf_counter", lambda: times["now"])

    slow = flushing(files.folder)
    monkeypatch.setattr(places, "FLUSH_SLOW_MS", 100)

    assert slow.state == WARNING
    assert flushing(files.folder).state == OK


def test_who_may_read_is_said(files, tmp_path):
    """Folder, keys and passphrase are for their owner only."""
    well = states(look_at_permissions(files))
    (files.keys / "receipt.pem").chmod(0o640)
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("words")
    passphrase.chmod(0o604)
    files.folder.chmod(0o755)

    found = list(look_at_permissions(files, passphrase))

    assert set(well.values()) == {OK}
    assert the("permissions of the folder", found).state == PROBLEM
    assert the("permissions of the keys", found).seen == "others may use passphrase, receipt.pem"


def test_files_of_another_account_are_to_be_minded(files, monkeypatch):
    """Two accounts would lock each other out."""
    monkeypatch.setattr(places.os, "geteuid", lambda: 4_000_000)

    assert the("owner", look_at_permissions(files)).state == WARNING


@pytest.mark.parametrize(
    ("free", "state"), [(50 << 20, PROBLEM), (500 << 20, WARNING), (2 << 30, OK), (100 << 30, OK)]
)
def test_room_is_measured_by_what_records_take(files, monkeypatch, free, state):
    """Less than a hundred MiB is a problem, less than a GiB to be minded."""
    (files.folder / "ledger.sqlite").write_bytes(bytes(1_000))
    monkeypatch.setattr(places.shutil, "disk_usage", lambda _path: type("Usage", (), {"free": free}))

    (found,) = look_at_space(files, 10)

    assert found.state == state
    assert found.seen == f"{free >> 20} MiB free, for about {free // 100} records more"


def test_a_restore_that_was_stopped_is_looked_for_beside_the_folder(files, monkeypatch):
    """However the folder is named; a hidden folder of another kind is none."""
    (files.folder.parent / ".unfinished-x").mkdir()
    monkeypatch.chdir(files.folder)
    (none,) = look_at_restores(LedgerFiles(Path()))
    (files.folder.parent / ".ledger.restoring").mkdir()

    (found,) = look_at_restores(LedgerFiles(Path()))

    assert (none.state, found.state) == (OK, PROBLEM)
    assert ".ledger.restoring" in found.seen


# ------------------------------------------------------------------ clock


def test_a_clock_that_has_gone_back_is_a_problem(root):
    """A second may be; what is more stops recording."""
    newest_us = 1_700_000_000_000_000

    well = states(look_at_clock(newest_us - 900_000, newest_us, root))
    back = the("clock", look_at_clock(newest_us - 90_000_000, newest_us, root))

    assert set(well.values()) == {OK}
    assert (back.state, back.seen) == (PROBLEM, "90 s before the newest record")
    assert the("clock", look_at_clock(0, None, root)).state == OK


def test_a_clock_that_nobody_holds_is_to_be_minded(root):
    """A service that says so, or the kernel; where neither does, it is not known."""
    (root / "run/systemd/timesync/synchronized").unlink()

    found = [
        the("time service", look_at_clock(0, None, root, lambda answer=answer: answer))
        for answer in (True, False, None)
    ]

    assert [one.state for one in found] == [OK, WARNING, WARNING]
    assert kernel_is_synchronised() in (True, False, None)


def test_days_are_those_of_new_zealand(root, monkeypatch):
    """Without the right time zones, decisions would be of other days."""
    monkeypatch.setattr(clocks, "CIVIL_ZONE", UTC)

    assert the("time zones", look_at_clock(0, None, root)).state == PROBLEM


# ------------------------------------------------------------------ what fails


def test_a_look_that_fails_is_a_problem_and_no_end():
    """What was found before it stands."""

    def look():
        yield Check("a", OK, "well")
        raise Corrupt("something is not as it should be")

    def denied():
        raise PermissionError(13, "Permission denied", "/somewhere/keys")

    assert states(guarded("b", look)) == {"a": OK, "b": PROBLEM}
    (found,) = guarded("c", denied)
    assert (found.state, found.seen) == (PROBLEM, "Permission denied")
