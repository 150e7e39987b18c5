"""A disk whose power can be cut: what was not flushed may be gone, in any part and in any order.

    disk = Disk(folder, Random(7))              # what lies in the folder is durable
    with disk.powered(cut_at=250):              # the 250th operation finds no power, nor does any later one
        ...                                     # files of `ledger.files`, and SQLite through `sqlite`
    disk.survivors(other)                       # what a start finds afterwards

The files themselves lie in a real folder, which plays the system's cache: whoever reads, reads there.
Beside it the disk keeps what is durable. A file is flushed by its own fsync, its name by that of its
folder. At the cut each sector of 512 bytes that was written since then survives or does not, so writes are
torn and reordered; so does each name that was made, moved or removed. SQLite asks for a folder to be
flushed by the first flush of a WAL or journal that it opens to create (`os_unix.c`, UNIXFILE_DIRSYNC).

One thread uses it, and one process.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import apsw

SECTOR_BYTES = 512
_MAKES_A_NAME = apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL
_NOT_KEPT = "-shm"  # the index of a WAL: memory that happens to have a name


class PowerCut(BaseException):
    """There is no power: no handler of the program under test may take this for an error of a file."""


@dataclass(slots=True, eq=False)
class Inode:
    """One file: what of it is durable, and what was written since.

    is_logged: SQLite writes it and every write is noted in `pending`; otherwise what it holds at the cut is
    compared with what is durable.
    """

    durable: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)  # None: cut off there
    is_logged: bool = False


@dataclass(frozen=True, slots=True)
class NameChange:
    """A name that was made (`gone` None), moved, or removed (`made` None); its folder was not flushed."""

    made: Path | None
    gone: Path | None
    inode: Inode | None  # None for a folder

    def is_in(self, folder: Path) -> bool:
        """Whether flushing this folder makes it durable."""
        place = self.made or self.gone
        return place is not None and place.parent == folder


class Disk:
    """The files below one folder."""

    def __init__(self, folder: Path, chance: Random) -> None:
        self.folder = folder
        self.operations = 0
        self.is_cut = False
        self._chance = chance
        self._cut_at: int | None = None
        self._inodes: dict[int, Inode] = {}
        self._durable: dict[Path, Inode | None] = {}
        self._names: dict[Path, Inode | None] = {}
        self._changes: list[NameChange] = []
        for path in sorted(folder.rglob("*")):
            if not path.name.endswith(_NOT_KEPT):
                self._durable[path] = None if path.is_dir() else self._new(path, path.read_bytes())
        self._names.update(self._durable)

    def _new(self, path: Path, durable: bytes = b"") -> Inode:
        inode = self._inodes[path.stat().st_ino] = Inode(bytearray(durable))
        return inode

    # -------------------------------------------------------------- power

    @contextmanager
    def powered(self, cut_at: int | None = None) -> Iterator[None]:
        """Let the program write to this disk, until so many operations were made; None for no cut."""
        self._cut_at = None if cut_at is None else self.operations + cut_at
        with ExitStack() as stack:
            for name, watched in _watched(self).items():
                stack.enter_context(patch.object(os, name, watched))
            yield

    def tick(self) -> None:
        """Count one operation; PowerCut where there is no power any more."""
        self.operations += 1
        if self._cut_at is not None and self.operations >= self._cut_at:
            self.is_cut = True
        if self.is_cut:
            raise PowerCut

    def holds(self, path: Path) -> bool:
        """Whether a path lies on this disk and counts."""
        return path.is_relative_to(self.folder) and not path.name.endswith(_NOT_KEPT)

    # -------------------------------------------------------------- what is done to files

    def inode(self, path: Path) -> Inode:
        """Return the file of a name, noting the name where it was made by other means."""
        found = self._names.get(path)
        if found is None:
            found = self._new(path)
            self._made(path, found)
        return found

    def _made(self, path: Path, inode: Inode | None) -> None:
        self._names[path] = inode
        self._changes.append(NameChange(path, None, inode))

    def flush(self, inode: Inode, content: bytes | None = None) -> None:
        """Make what a file holds durable; `content` for one whose writes are not logged."""
        if content is not None:
            inode.durable[:] = content
        for offset, data in inode.pending:
            _put(inode.durable, offset, data)
        inode.pending.clear()

    def flush_folder(self, folder: Path) -> None:
        """Make the names in a folder durable."""
        here = [change for change in self._changes if change.is_in(folder)]
        for change in here:
            _apply(self._durable, change)
        self._changes = [change for change in self._changes if not change.is_in(folder)]

    def opened(self, path: Path) -> None:
        """Note that a file may just have been made."""
        if path.is_file():
            self.inode(path)

    def flushed(self, descriptor: int) -> None:
        """Note that a file or a folder was flushed."""
        wanted = os.fstat(descriptor).st_ino
        inode = self._inodes.get(wanted)
        for path, held in self._names.items():
            if held is not None and held is inode:
                self.flush(held, path.read_bytes())
                return
        for path in (self.folder, *(path for path, held in self._names.items() if held is None)):
            if path.exists() and path.stat().st_ino == wanted:
                self.flush_folder(path)

    def moved(self, source: Path, target: Path) -> None:
        """Note that a name took another's place."""
        inode = self._names.pop(source, None)
        self._names[target] = inode
        self._changes.append(NameChange(target, source, inode))

    def linked(self, source: Path, target: Path) -> None:
        """Note that a file has another name as well."""
        self._made(target, self.inode(source))

    def removed(self, path: Path) -> None:
        """Note that a name was removed."""
        self._names.pop(path, None)
        self._changes.append(NameChange(None, path, None))

    def folder_made(self, path: Path) -> None:
        """Note that a folder was made."""
        self._made(path, None)

    # -------------------------------------------------------------- after the cut

    def survivors(self, target: Path) -> None:
        """Write what a start finds after the cut to another folder."""
        self.is_cut = True
        for path in sorted(self.folder.rglob("*")):
            if self.holds(path) and path not in self._names:
                self._made(path, None if path.is_dir() else self._new(path))
        names = dict(self._durable)
        for change in self._changes:
            if self._survives():
                _apply(names, change)
        contents = {id(inode): self._content(inode) for inode in names.values() if inode is not None}
        target.mkdir(parents=True)
        for path, inode in sorted(names.items()):
            place = target / path.relative_to(self.folder)
            if not place.parent.is_dir():
                continue  # a file in a folder that nobody finds
            if inode is None:
                place.mkdir()
            else:
                place.write_bytes(contents[id(inode)])

    def _content(self, inode: Inode) -> bytes:
        """Return a file of which each sector that was not flushed survives or does not."""
        content = bytearray(inode.durable)
        for offset, data in inode.pending if inode.is_logged else self._differences(inode):
            if data is None:
                if self._survives():
                    _put(content, offset, None)
                continue
            for at in range(0, len(data), SECTOR_BYTES):
                if self._survives():
                    _put(content, offset + at, data[at : at + SECTOR_BYTES])
        return bytes(content)

    def _differences(self, inode: Inode) -> list[tuple[int, bytes | None]]:
        path = next((path for path, held in self._names.items() if held is inode), None)
        if path is None or not path.exists():
            return []
        now = path.read_bytes()
        shorter: list[tuple[int, bytes | None]] = [(len(now), None)] if len(now) < len(inode.durable) else []
        sectors = range(0, len(now), SECTOR_BYTES)
        return shorter + [
            (at, part)
            for at in sectors
            if (part := now[at : at + SECTOR_BYTES]) != inode.durable[at : at + SECTOR_BYTES]
        ]

    def _survives(self) -> bool:
        return self._chance.random() < 0.5


def _put(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
        return
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def _apply(names: dict[Path, Inode | None], change: NameChange) -> None:
    if change.gone is not None:
        names.pop(change.gone, None)
    if change.made is not None:
        names[change.made] = change.inode


def _watched(disk: Disk) -> dict[str, Callable[..., Any]]:
    """Return what takes the place of the calls by which `ledger.files` and `pathlib` change files."""
    real = {name: getattr(os, name) for name in ("open", "replace", "unlink", "link", "mkdir", "rmdir")}

    def on(name: str, note: Callable[..., None], places: int = 1) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            paths = [Path(os.fspath(one)) for one in args[:places]]
            counts = all(map(disk.holds, paths))
            if counts:
                disk.tick()
            result = real[name](*args, **options)
            if counts:
                note(*paths)
            return result

        return call

    def fsync(descriptor: int) -> None:
        disk.tick()
        disk.flushed(descriptor)

    return {
        "open": on("open", disk.opened),
        "fsync": fsync,
        "replace": on("replace", disk.moved, 2),
        "unlink": on("unlink", disk.removed),
        "link": on("link", disk.linked, 2),
        "mkdir": on("mkdir", disk.folder_made),
        "rmdir": on("rmdir", disk.removed),
    }


# ------------------------------------------------------------------ SQLite's files


class DiskFile(apsw.VFSFile):
    """A file that SQLite has open: it reads and locks as on any disk, and what it writes is noted."""

    def __init__(self, disk: Disk, name: Any, flags: list[int]) -> None:
        asked = flags[0]
        super().__init__("", name, flags)
        self._disk = disk
        self._path = Path(name if isinstance(name, str) else name.filename())
        self._inode = disk.inode(self._path)
        self._inode.is_logged = True
        self._names_its_folder = bool(asked & apsw.SQLITE_OPEN_CREATE and asked & _MAKES_A_NAME)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's names
        """Write, which is durable only when it is flushed."""
        self._disk.tick()
        super().xWrite(data, offset)
        self._inode.pending.append((offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        """Cut off, the same."""
        self._disk.tick()
        super().xTruncate(newsize)
        self._inode.pending.append((newsize, None))

    def xSync(self, flags: int) -> None:  # noqa: ARG002, N802
        """Flush the file, and first of all the name of one that was opened to be made; no real disk waits."""
        self._disk.tick()
        self._disk.flush(self._inode)
        if self._names_its_folder:
            self._names_its_folder = False
            self._disk.flush_folder(self._path.parent)


class DiskVFS(apsw.VFS):
    """SQLite's way to a disk; unregister it when the disk is no longer used."""

    def __init__(self, disk: Disk) -> None:
        self.name = f"disk-{id(disk)}"
        self._disk = disk
        super().__init__(self.name, "")

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        """Open a file; those without a name are nobody's."""
        if name is None:
            return apsw.VFSFile("", name, flags)
        self._disk.tick()
        return DiskFile(self._disk, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802, FBT001
        """Remove a file."""
        self._disk.tick()
        super().xDelete(filename, syncdir)
        self._disk.removed(Path(filename))
        if syncdir:
            self._disk.flush_folder(Path(filename).parent)
