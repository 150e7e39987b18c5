"""The anchor's place: a second copy of what was published, as a static C2SP log.

It lies on another disk if the operator is wise. Entries and tiles are written and flushed first,
then the anchor (size and root) is swapped; so whatever the anchor names can be rebuilt from here,
and a database that is behind it, or tells another history, is found at start-up.

Source: LEDGER.md 5 (publisher step 4, start-up).
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger.errors import Rollback, Split
from ledger.log.checkpoint import Checkpoint, format_checkpoint, parse_checkpoint
from ledger.log.tiles import TileReader, entries_path, tile_path
from ledger.store.recorder import TILE_WIDTH
from ledger.store.tree import StoredTree


class Anchor:
    """The last published size and root, and the tiles that prove them."""

    def __init__(self, place: Path, origin: str) -> None:
        self.place = place
        self._origin = origin
        place.mkdir(parents=True, exist_ok=True)

    @property
    def _head(self) -> Path:
        return self.place / "anchor"

    def read(self) -> Checkpoint | None:
        """Return what was published last, None before the first publication."""
        try:
            text = self._head.read_bytes()
        except FileNotFoundError:
            return None
        found = parse_checkpoint(text)
        if found.origin != self._origin:
            raise Split(f"the anchor is another log's: {found.origin}", code="split")
        return found

    def check(self, tree: StoredTree, size: int) -> None:
        """Compare the anchor with the stored tree of `size` records.

        Raises:
            Rollback: the database is behind the anchor.
            Split: the database has another root at the anchor's size.
        """
        anchored = self.read()
        if anchored is None:
            return
        if size < anchored.size:
            raise Rollback(
                f"the database holds {size} records, {anchored.size} were published: an old copy was put back"
            )
        if tree.root(anchored.size) != anchored.root:
            raise Split(f"the database has another history than the one published at size {anchored.size}")

    def write_tiles(self, tree: StoredTree, old_size: int, new_size: int) -> None:
        """Write the entries and tiles that lead from one size to the next; flushed when it returns."""
        folders: set[Path] = set()
        for path, data in _new_files(tree, old_size, new_size):
            target = self.place / path
            target.parent.mkdir(parents=True, exist_ok=True)
            _write(target, data)
            folders.add(target.parent)
        for folder in folders:
            _flush_folder(folder)

    def swap(self, expected: Checkpoint | None, fresh: Checkpoint) -> None:
        """Replace the anchor if it is still `expected`; flushed when it returns.

        Raises:
            Split: somebody else published meanwhile: two servers write one log.
        """
        with self._locked():
            if self.read() != expected:
                raise Split("the anchor moved: two servers publish this log")
            _write(self._head, format_checkpoint(fresh))
            # From here a database without these records is a rollback.
            _flush_folder(self.place)

    def drop_partials(self, size: int) -> None:
        """Remove partial tiles that a published size made superfluous."""
        for folder in sorted(self.place.glob("tile/**/*.p")):
            for file in folder.iterdir():
                if not _is_current(file, size):
                    file.unlink()
            if not any(folder.iterdir()):
                folder.rmdir()

    def reader(self, size: int) -> TileReader:
        """Return a reader of the anchored tiles at `size`: independent of the database."""
        return TileReader(lambda path: (self.place / path).read_bytes(), size)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.place / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _new_files(tree: StoredTree, old_size: int, new_size: int) -> Iterator[tuple[str, bytes]]:
    for number in range(old_size // TILE_WIDTH, -(-new_size // TILE_WIDTH)):
        width = min(TILE_WIDTH, new_size - number * TILE_WIDTH)
        yield entries_path(number, width), tree.entries(number, width)
    level, old, new = 0, old_size, new_size
    while new:
        for number in range(old // TILE_WIDTH, -(-new // TILE_WIDTH)):
            width = min(TILE_WIDTH, new - number * TILE_WIDTH)
            yield tile_path(level, number, width), tree.tile(level, number, width)
        level, old, new = level + 1, old // TILE_WIDTH, new // TILE_WIDTH


def _is_current(file: Path, size: int) -> bool:
    """Whether a partial tile `…/NNN.p/W` has the width that its level has at `size`."""
    parts = file.parts[file.parts.index("tile") + 1 :]
    level = 0 if parts[0] == "entries" else int(parts[0])
    number = int("".join(part.removeprefix("x").removesuffix(".p") for part in parts[1:-1]))
    return int(parts[-1]) == (size >> (8 * level)) - number * TILE_WIDTH


def _write(path: Path, data: bytes) -> None:
    fresh = path.with_name(path.name + ".new")
    with fresh.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
