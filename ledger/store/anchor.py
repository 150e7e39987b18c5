"""The anchor's place: a second copy of what was published, as a static C2SP log.

It lies on another disk if the operator is wise. Entries and tiles are written and flushed first,
then the anchor (size and root) is swapped; so whatever the anchor names can be rebuilt from here,
and a database that is behind it, or tells another history, is found at start-up. The signed
checkpoint follows last: an anchor without one is a publication that a stop interrupted.

Source: LEDGER.md 5 (publisher step 4, start-up).
"""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger.errors import Corrupt, Malformed, Rollback, Split
from ledger.files import flush_folder, replace_file
from ledger.log.checkpoint import Checkpoint, format_checkpoint, parse_checkpoint
from ledger.log.merkle import HASH_BYTES, Frontier
from ledger.log.note import Note, parse_note
from ledger.log.tiles import (
    ENTRY_MAX_BYTES,
    TILE_WIDTH,
    Tile,
    TileReader,
    entries_path,
    parse_entry_bundle,
    path_of,
    tiles_between,
)
from ledger.store.tree import StoredTree

_NOTE_MAX_BYTES = 1_000_000
_TILE_MAX_BYTES = TILE_WIDTH * HASH_BYTES
_BUNDLE_MAX_BYTES = TILE_WIDTH * (2 + ENTRY_MAX_BYTES)


class Anchor:
    """The last published size and root, and the tiles that prove them."""

    def __init__(self, place: Path, origin: str) -> None:
        self.place = place
        self._origin = origin
        place.mkdir(parents=True, exist_ok=True)

    @staticmethod
    def origin_at(place: Path) -> str | None:
        """Return whose anchor lies at a place, None where there is none; Corrupt when it cannot be read."""
        body = _read(place / "anchor")
        return None if body is None else _parsed(body).origin

    @property
    def _head(self) -> Path:
        return self.place / "anchor"

    @property
    def _checkpoint(self) -> Path:
        return self.place / "checkpoint"

    @property
    def is_new(self) -> bool:
        """Whether nothing was ever published to this place."""
        return not self._head.exists() and not self._checkpoint.exists()

    def read(self) -> Checkpoint | None:
        """Return what was published last, None before the first publication.

        Raises:
            Corrupt: the file cannot be read: that is not the same as none.
            Split: it is another log's.
        """
        return self._of_this_log(_read(self._head))

    def signed(self) -> Checkpoint | None:
        """Return the newest checkpoint that was signed and put here, None before the first.

        Raises:
            Corrupt, Split: as `read`.
        """
        note = self.signed_note()
        return None if note is None else self._of_this_log(note.text.encode())

    def signed_note(self) -> Note | None:
        """Return the newest signed checkpoint with every signature under it, None before the first.

        Raises:
            Corrupt: the file cannot be read.
        """
        data = _read(self._checkpoint)
        try:
            return None if data is None else parse_note(data)
        except Malformed as error:
            raise Corrupt("the checkpoint at the anchor's place cannot be read", code="anchor") from error

    def current(self) -> Checkpoint | None:
        """Return what was published last, which nothing that was signed goes beyond.

        Raises:
            Corrupt: it cannot be read, or a checkpoint beside it is larger: an old anchor was put
                back, or it was taken away.
            Split: it is another log's.
        """
        # In this order: somebody may publish meanwhile, and moves the anchor before anything is signed.
        signed, anchored = self.signed(), self.read()
        if signed is not None and (anchored is None or anchored.size < signed.size):
            raise Corrupt(
                f"size {signed.size} was signed, and the anchor does not say so: put the right one back",
                code="anchor",
            )
        return anchored

    def _of_this_log(self, body: bytes | None) -> Checkpoint | None:
        if body is None:
            return None
        found = _parsed(body)
        if found.origin != self._origin:
            raise Split(f"the anchor is another log's: {found.origin}")
        return found

    def check(self, tree: StoredTree, size: int | Callable[[], int]) -> None:
        """Compare the anchor with the stored tree.

        Args:
            tree: as it is stored.
            size: how many records there are; where somebody may publish meanwhile, how to ask for it, which
                is done after the anchor was read.

        Raises:
            Rollback: the database is behind the anchor.
            Split: the database has another root at the anchor's size.
            Corrupt: a larger checkpoint was signed than the anchor says, or the anchor is missing.
        """
        anchored = self.current()
        if anchored is None:
            return
        size = size if isinstance(size, int) else size()
        if size < anchored.size:
            raise Rollback(
                f"the database holds {size} records, {anchored.size} were published: an old copy was put back"
            )
        if tree.root(anchored.size) != anchored.root:
            raise Split(f"the database has another history than the one published at size {anchored.size}")

    def frontier(self, anchored: Checkpoint | None) -> Frontier:
        """Return the frontier of what was published, from the anchored tiles alone.

        Raises:
            Corrupt: tiles are missing, or are not those of the anchored root.
        """
        if anchored is None:
            return Frontier()
        try:
            frontier = Frontier.from_nodes(anchored.size, self.reader(anchored.size).node)
        except Malformed as error:
            raise Corrupt(f"a tile is cut off at the anchor's place: {error}", code="anchor") from error
        if frontier.root() != anchored.root:
            raise Corrupt("the tiles at the anchor's place do not make the anchored root", code="anchor")
        return frontier

    def write_tiles(self, tree: StoredTree, old_size: int, new_size: int) -> None:
        """Write the entries and tiles that lead from one size to the next; flushed when it returns."""
        folders: set[Path] = set()
        for tile in tiles_between(old_size, new_size):
            target = self.place / path_of(tile)
            target.parent.mkdir(parents=True, exist_ok=True)
            if tile.level is None:
                replace_file(target, tree.entries(tile.number, tile.width))
            else:
                replace_file(target, tree.tile(tile.level, tile.number, tile.width))
            folders.update(_folders_up_to(self.place, target))
        for folder in folders:
            flush_folder(folder)  # those above too: one that was just made is an entry of the one above

    def swap(self, expected: Checkpoint | None, fresh: Checkpoint) -> None:
        """Replace the anchor if it is still `expected`; flushed when it returns.

        Raises:
            Split: somebody else published meanwhile: two servers write one log.
        """
        if self.read() != expected:
            raise Split("the anchor moved: two servers publish this log")
        replace_file(self._head, format_checkpoint(fresh))
        # From here a database without these records is a rollback.
        flush_folder(self.place)

    def put_checkpoint(self, note: str) -> None:
        """Put the signed checkpoint beside its tiles: the publication is complete."""
        replace_file(self._checkpoint, note.encode())
        flush_folder(self.place)

    def drop_partials(self, old_size: int, new_size: int) -> None:
        """Remove the partial tiles of those that became full between two sizes.

        Until then all of them stay: whoever holds an older checkpoint may still ask for its own.

        Source: C2SP tlog-tiles, partial tiles.
        """
        for tile in tiles_between(old_size, new_size):
            folder = (self.place / path_of(tile._replace(width=1))).parent
            if tile.width == TILE_WIDTH and folder.exists():
                for file in folder.iterdir():
                    file.unlink()
                folder.rmdir()

    def reader(self, size: int) -> TileReader:
        """Return a reader of the anchored tiles at `size`: independent of the database."""
        return TileReader(lambda path: self._file(path, _TILE_MAX_BYTES), size)

    def file(self, tile: Tile) -> bytes:
        """Return a tile or a bundle as it lies there, at most one byte more than it can have.

        Raises:
            Corrupt: it is missing, or cannot be read.
        """
        return self._file(path_of(tile), _BUNDLE_MAX_BYTES if tile.level is None else _TILE_MAX_BYTES)

    def entries(self, number: int, width: int = TILE_WIDTH) -> list[bytes]:
        """Return the entries of a bundle at its width; only the tile above makes them true.

        Raises:
            Corrupt: the bundle is missing, cut off, or holds another number of entries.
        """
        path = entries_path(number, width)
        try:
            found = parse_entry_bundle(self._file(path, _BUNDLE_MAX_BYTES))
        except Malformed as error:
            raise Corrupt(f"{path} at the anchor's place cannot be read: {error}", code="anchor") from error
        if len(found) != width:
            raise Corrupt(
                f"{path} at the anchor's place holds {len(found)} entries, not {width}", code="anchor"
            )
        return found

    def _file(self, path: str, size_max_bytes: int) -> bytes:
        """Return a file of the static log, at most one byte more than it can have; Corrupt without it."""
        try:
            with (self.place / path).open("rb") as file:
                return file.read(size_max_bytes + 1)
        except OSError as error:
            raise Corrupt(f"{path} at the anchor's place: {error.strerror}", code="anchor") from error

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold the one turn to publish at this place; another process waits."""
        with (self.place / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _parsed(body: bytes) -> Checkpoint:
    try:
        return parse_checkpoint(body)
    except Malformed as error:
        raise Corrupt("the anchor cannot be read", code="anchor") from error


def _read(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(_NOTE_MAX_BYTES + 1)  # one more than any note has, so that it is refused
    except FileNotFoundError:
        return None


def _folders_up_to(place: Path, file: Path) -> Iterator[Path]:
    """Yield the folders from a file's own up to `place`, both included."""
    for folder in file.parents:
        yield folder
        if folder == place:
            return
