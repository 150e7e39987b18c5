"""The machine and what runs on it: processors, memory, swap, dumps, Python, packages, SQLite.

What the system says of itself is read below `root`, which is `/` but in tests.
"""

import os
import platform
import resource
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from api.operations.checkup.findings import Check, ok, problem, warning
from ledger import database

MEMORY_MIN_KIB = 1024 * 1024
CORES_MIN = 2
PACKAGES = ("eventsourcing", "cryptography", "msgpack", "fastapi", "uvicorn", "tzdata")
_PYTHON_MIN = (3, 11)


def look_at_machine(root: Path) -> Iterator[Check]:
    """Yield what there is to say of processors, memory, swap and dumps."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if cores < CORES_MIN:
        means = "Folding and publishing wait for whoever posts."
        yield warning("processors", f"{cores}", means, "Give it two or more.")
    else:
        yield ok("processors", f"{cores}")
    yield from _memory(root)
    yield from _swap(root)
    soft, _ = resource.getrlimit(resource.RLIMIT_CORE)
    if soft:
        yield warning(
            "core files",
            "may be written",
            "A crash could write keys to a file that outlives a turn of the epoch.",
            "Serve with LimitCORE=0 (as the unit in deploy does), or `ulimit -c 0`.",
        )
    else:
        yield ok("core files", "are not written")


def _memory(root: Path) -> Iterator[Check]:
    found = _numbers(root / "proc" / "meminfo")
    total, free = found.get("MemTotal"), found.get("MemAvailable")
    if total is None or free is None:
        yield warning("memory", "unknown", "This system does not say.", "See that there is a GiB or more.")
    elif min(total, free) < MEMORY_MIN_KIB:
        seen = f"{free // 1024} MiB free of {total // 1024}"
        means = "A submission of 100 000 rows takes 400 MB; what is short of memory is stopped by the system."
        yield warning("memory", seen, means, "Give it 2 GiB, or stop what else runs there.")
    else:
        yield ok("memory", f"{free // 1024} MiB free of {total // 1024}")


def _swap(root: Path) -> Iterator[Check]:
    lines = _lines(root / "proc" / "swaps")[1:]
    # Compressed memory is memory, and device-mapper usually means that it is encrypted.
    plain = [
        line.split()[0] for line in lines if not line.startswith(("/dev/zram", "/dev/dm-", "/dev/mapper/"))
    ]
    sleeps = "disk" in " ".join(_lines(root / "sys" / "power" / "state")).split()
    if plain:
        with_sleep = ", and the machine can hibernate onto it" if sleeps else ""
        yield warning(
            "swap",
            f"{len(plain)} on disk, not known to be encrypted{with_sleep}",
            "Keys that are in memory may lie on that disk, and outlive the turn that destroys them.",
            "Switch it off, or encrypt it under a key that is made at every start.",
        )
    else:
        yield ok("swap", "none on a plain disk")


def look_at_software() -> Iterator[Check]:
    """Yield what there is to say of Python, packages and the SQLite build."""
    name, here = "python", platform.python_version()
    if sys.version_info < _PYTHON_MIN:
        yield problem(name, here, "This program is for 3.11 and newer.", "Install a newer Python.")
    else:
        yield ok(name, here)
    found, missing = [], []
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            missing.append(package)
    if missing:
        means = "What needs them will fail."
        yield problem("packages", f"not installed: {', '.join(missing)}", means, "Install the wheel anew.")
    else:
        yield ok("packages", ", ".join(found))
    yield _sqlite()


def _sqlite() -> Check:
    seen = f"{database.SQLITE_VERSION}, {'threads share it safely' if _is_threadsafe() else 'for one thread'}"
    if not database.is_sound():
        return problem(
            "sqlite",
            seen,
            "3.7.0 to 3.51.2 can corrupt a database under load: nothing is written with it.",
            "Get 3.51.3 or newer: `pip install pysqlite3` on Linux x86-64, a newer Python elsewhere.",
        )
    if not _is_threadsafe():
        return problem("sqlite", seen, "A server has many threads.", "Get a build with THREADSAFE=1.")
    return ok("sqlite", seen)


def _is_threadsafe() -> bool:
    connection = database.in_memory()
    try:
        options = {one for (one,) in connection.execute("PRAGMA compile_options")}
    finally:
        connection.close()
    return "THREADSAFE=0" not in options


def _numbers(path: Path) -> dict[str, int]:
    found = {}
    for line in _lines(path):
        name, _, rest = line.partition(":")
        number = rest.split()
        if number and number[0].isdigit():
            found[name] = int(number[0])
    return found


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return []
