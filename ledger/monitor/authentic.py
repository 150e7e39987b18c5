"""Tiles that were checked: nothing in them is believed before it leads to a checkpoint's root.

The partial tiles at the right edge, one a level, are together exactly the root. A full tile is the
hash that stands for it one level up. So every tile is checked by one hash over it and the tiles
above it, and memory holds a handful of them whatever the size of the log.

Source: C2SP tlog-tiles; RFC 9162 §2.1.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence

from ledger.errors import Corrupt, Malformed
from ledger.log.checkpoint import Checkpoint
from ledger.log.merkle import HASH_BYTES, leaf_hash, root_at, root_of
from ledger.log.tiles import LEVEL_BITS, TILE_WIDTH, Tile, parse_entry_bundle, path_of
from ledger.monitor.source import LogSource

_CACHE_TILES = 64  # half a megabyte of hashes


class AuthenticLog:
    """A log as one checkpoint says it is, read out of tiles and entry bundles that prove it."""

    def __init__(self, source: LogSource, checkpoint: Checkpoint) -> None:
        """Read the right edge of the log.

        Args:
            source: where the log is read from.
            checkpoint: size and root to believe; whose signature it bears is the caller's question.

        Raises:
            Corrupt: `root`: the tiles do not make the checkpoint's root.
            Absent, Unavailable, Malformed: a tile is not there, not to be had, or has another size.
        """
        self.source, self.checkpoint = source, checkpoint
        self._edge: dict[int, bytes] = {}
        self._tiles: OrderedDict[tuple[int, int], bytes] = OrderedDict()
        size, level = checkpoint.size, 0
        while size:
            if width := size % TILE_WIDTH:
                self._edge[level] = sized(source, Tile(level, size // TILE_WIDTH, width))
            size, level = size // TILE_WIDTH, level + 1
        if root_at(checkpoint.size, self.node) != checkpoint.root:
            raise Corrupt("the tiles do not make the root of the checkpoint", code="root")

    @property
    def size(self) -> int:
        """Number of entries."""
        return self.checkpoint.size

    def tile(self, level: int, number: int) -> bytes:
        """Return the hashes of a tile, as many as the log's size gives it.

        Raises:
            IndexError: the log has no such tile.
            Corrupt: `tile`: it is not the one that the tile above it stands for.
            Absent, Unavailable, Malformed: it is not there, not to be had, or has another size.
        """
        within = self.size >> LEVEL_BITS * level
        if number == within // TILE_WIDTH and level in self._edge:
            return self._edge[level]
        if number < 0 or (number + 1) * TILE_WIDTH > within:
            raise IndexError(f"tile {level}/{number} is not in a log of {self.size}")
        found = self._tiles.get((level, number))
        if found is None:
            found = sized(self.source, Tile(level, number))
            self.check(level, number, found)
            self._keep(level, number, found)
        else:
            self._tiles.move_to_end((level, number))
        return found

    def check(self, level: int, number: int, data: bytes) -> None:
        """Check the bytes of a tile of this log, wherever they come from; Corrupt, Malformed as `tile`."""
        within = self.size >> LEVEL_BITS * level
        if number == within // TILE_WIDTH and level in self._edge:
            right = data == self._edge[level]
        else:
            above = self.tile(level + 1, number // TILE_WIDTH)
            place = number % TILE_WIDTH * HASH_BYTES
            right = len(data) == TILE_WIDTH * HASH_BYTES and root_of(hashes_in(data)) == above[place:][:32]
        if not right:
            raise Corrupt(f"tile {level}/{number} is not the one that the log commits to", code="tile")

    def check_bundle(self, number: int, data: bytes) -> list[bytes]:
        """Return the entries of a bundle, after checking that they are those under its level-0 tile.

        Raises:
            Corrupt: `bundle`: an entry is not the one that the tile has the hash of, or one is
                missing or too many.
            Malformed: the bundle is cut off.
        """
        entries = parse_entry_bundle(data)
        if b"".join(map(leaf_hash, entries)) != self.tile(0, number):
            raise Corrupt(f"entry bundle {number} is not the one under its tile", code="bundle")
        return entries

    def bundle(self, number: int) -> list[bytes]:
        """Return the entries from leaf_index number × 256, checked as `check_bundle` does."""
        width = min(TILE_WIDTH, self.size - number * TILE_WIDTH)
        return self.check_bundle(number, self.source.get(Tile(None, number, width)))

    def entries(self, first: int = 0) -> Iterator[tuple[int, bytes]]:
        """Yield (position, entry) of every entry from leaf_index `first` on, in order; one bundle is held."""
        for number in range(first // TILE_WIDTH, -(-self.size // TILE_WIDTH)):
            for place, entry in enumerate(self.bundle(number), number * TILE_WIDTH):
                if place >= first:
                    yield place + 1, entry

    def node(self, level: int, index: int) -> bytes:
        """Return the root of the 2**level leaves from index × 2**level; IndexError when not all are there."""
        if level < 0 or index < 0 or (index + 1) << level > self.size:
            raise IndexError(f"node {level}/{index} is not complete in a log of {self.size}")
        tile_level, within = divmod(level, LEVEL_BITS)
        count = 1 << within
        number, at = divmod(index * count, TILE_WIDTH)
        return root_of(hashes_in(self.tile(tile_level, number))[at : at + count])

    def root(self, size: int) -> bytes:
        """Return the root that the first `size` entries make; IndexError when there are not so many."""
        if not 0 <= size <= self.size:
            raise IndexError(f"size {size} of a log of {self.size}")
        return root_at(size, self.node)

    def _keep(self, level: int, number: int, data: bytes) -> None:
        self._tiles[level, number] = data
        if len(self._tiles) > _CACHE_TILES:
            self._tiles.popitem(last=False)


def sized(source: LogSource, tile: Tile) -> bytes:
    """Return the bytes of a tile of hashes; Malformed when there are fewer or more hashes than its width."""
    data = source.get(tile)
    if len(data) != tile.width * HASH_BYTES:
        raise Malformed(f"{path_of(tile)} does not hold {tile.width} hashes", code="tile-size")
    return data


def hashes_in(data: bytes) -> Sequence[bytes]:
    """Return the hashes of a tile."""
    return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]
