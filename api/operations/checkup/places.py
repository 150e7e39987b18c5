"""Where the files lie: on what file system, whether it keeps what it is told to, who may read, what room."""

import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple

from api.operations.checkup.findings import Check, ok, problem, warning
from ledger.backup import unfinished_restores
from ledger.files import LedgerFiles

# On these two machines may hold one file, and a write-ahead log needs memory that both share.
NETWORK = frozenset(
    ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "beegfs", "ncpfs")
)
NETWORK_FUSE = frozenset(("fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.rclone", "fuse.ceph-fuse"))
FLEETING = frozenset(("tmpfs", "ramfs"))
LAYERS = frozenset(("overlay", "aufs"))
FREE_MIN_BYTES, FREE_LOW_BYTES = 100 << 20, 1 << 30
FLUSHES, PROBE_BYTES = 12, 4096
FLUSH_MIN_RATIO = 2.0  # a flush that costs no more than this many writes has reached nothing
FLUSH_SLOW_MS = 50.0


class Mount(NamedTuple):
    """Where a file system is mounted, what kind it is, and whether it can be written."""

    point: str
    kind: str
    read_only: bool


def mount_of(path: Path, root: Path) -> Mount | None:
    """Return the file system that a path lies on; None where the system does not say.

    Source: proc(5), /proc/self/mountinfo.
    """
    place, best = path.resolve(), None
    try:
        lines = (root / "proc" / "self" / "mountinfo").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        before, _, after = line.partition(" - ")
        fields, kinds = before.split(), after.split()
        if len(fields) > 5 and kinds:  # noqa: PLR2004 - the sixth are its options
            point = fields[4].replace("\\040", " ")
            if place.is_relative_to(point) and (best is None or len(point) >= len(best.point)):
                best = Mount(point, kinds[0], "ro" in fields[5].split(","))
    return best


def look_at_file_system(files: LedgerFiles, root: Path) -> Iterator[Check]:
    """Yield what there is to say of the file systems of the ledger and of its anchor."""
    for name, path in (("file system", files.folder), ("file system of the anchor", files.anchor)):
        if path.exists():
            yield _file_system(name, mount_of(path, root))
    yield flushing(files.folder)


def _file_system(name: str, mount: Mount | None) -> Check:
    if mount is None:
        means = "This system does not say."
        return warning(name, "unknown", means, "See that it is a local disk.")
    if mount.read_only:
        return problem(name, f"{mount.kind}, read-only", "Nothing can be recorded.", "Mount it for writing.")
    if mount.kind in NETWORK | NETWORK_FUSE:
        means = "Databases are corrupted where several machines, or a cache between, hold one file."
        return problem(name, f"{mount.kind}, over a network", means, "Put it on a local disk.")
    if mount.kind in FLEETING:
        means = "It is memory: all of it is gone when the machine stops."
        return problem(name, mount.kind, means, "Put it on a disk.")
    if mount.kind in LAYERS:
        means = "It is a layer of a container, and goes with the container."
        return warning(name, mount.kind, means, "Put it on a volume.")
    return ok(name, mount.kind)


def flushing(folder: Path) -> Check:
    """Say whether a flush reaches anything, by what it takes against a write that is not flushed."""
    name = "flushing"
    with tempfile.TemporaryFile(dir=folder) as file:
        descriptor, block = file.fileno(), bytes(PROBE_BYTES)
        written, flushed = [], []
        for _ in range(FLUSHES):
            begun = time.perf_counter()
            os.pwrite(descriptor, block, 0)
            between = time.perf_counter()
            os.fsync(descriptor)
            written.append(between - begun)
            flushed.append(time.perf_counter() - begun)
    flush_ms, ratio = median(flushed) * 1000, median(flushed) / max(median(written), 1e-9)
    seen = f"{flush_ms:.2f} ms, {ratio:.0f} times a write without"
    if ratio < FLUSH_MIN_RATIO:
        means = "A flush does nothing here: a power cut may lose what was acknowledged."
        return warning(name, seen, means, "Find out what ignores it: a virtual disk, a container, a library.")
    if flush_ms > FLUSH_SLOW_MS:
        means = "Every post waits for one: some twenty in a second, unless they come together."
        return warning(name, seen, means, "Use a disk with a protected cache, or a solid-state one.")
    return ok(name, seen)


def look_at_permissions(files: LedgerFiles, passphrase: Path | None = None) -> Iterator[Check]:
    """Yield who may read the folder, the keys and the passphrase, and whose they are."""
    yield _for_owner_only("folder", [files.folder], "What lies in it is about people.")
    keys = [files.keys, *sorted(files.keys.iterdir())] if files.keys.is_dir() else []
    if passphrase is not None:
        keys.append(passphrase)
    yield _for_owner_only("keys", keys, "Whoever reads a key can sign, or open what is sealed.")
    strangers = [path.name for path in (files.folder, *keys) if path.stat().st_uid != os.geteuid()]
    if strangers:
        means = "Files that one account makes the other cannot write, and the ledger stops."
        seen = f"{len(strangers)} files of another account"
        yield warning("owner", seen, means, "Run every command as the account of the server.")
    else:
        yield ok("owner", "the account that asks")


def _for_owner_only(name: str, paths: list[Path], means: str) -> Check:
    name = f"permissions of the {name}"
    open_ones = [path for path in paths if stat.S_IMODE(path.stat().st_mode) & 0o077]
    if open_ones:
        seen = f"others may use {', '.join(sorted(path.name for path in open_ones))}"
        return problem(name, seen, means, "chmod 700 folders and 600 files.")
    return ok(name, "their owner only")


def look_at_space(files: LedgerFiles, records: int | None) -> Iterator[Check]:
    """Yield how much room there is, and for how many records more."""
    free = shutil.disk_usage(files.folder).free
    used = sum(path.stat().st_size for path in files.folder.glob("*.sqlite*"))
    more = f", for about {free // max(1, used // records)} records more" if records else ""
    seen = f"{free >> 20} MiB free{more}"
    if free < FREE_MIN_BYTES:
        means = "A full disk stops recording, cleanly."
        yield problem("room", seen, means, "Make room; it goes on by itself.")
    elif free < max(FREE_LOW_BYTES, 2 * used):
        means = "Views are built beside the old ones, and an upgrade or a turn may need the size once more."
        yield warning("room", seen, means, "Make room before it is needed.")
    else:
        yield ok("room", seen)


def look_at_restores(files: LedgerFiles) -> Iterator[Check]:
    """Yield whether a restore that was stopped has left its hidden folder beside the ledger's."""
    found = unfinished_restores(files.folder)
    if found:
        seen = f"left half done: {', '.join(one.name for one in found)}, beside the ledger's folder"
        means = "A vault may lie there with the keys that open it, and no forgetting or turn reaches them."
        do = "If no restore is at work now: delete it, or restore again to that place."
        yield problem("restores", seen, means, do)
    else:
        yield ok("restores", "none was left half done beside it")
