"""Where hashes and entries lie in a static log, and how a reader finds nodes in it.

A tile holds up to 256 hashes of one level, eight tree levels apart; an entry bundle holds the
entries under one level-0 tile. Both are named by level and number, the last one by its width too.

Source: C2SP tlog-tiles.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from ledger.errors import Malformed
from ledger.log.merkle import HASH_BYTES, root_of

TILE_WIDTH = 256
LEVEL_BITS = 8  # one tile stands for eight levels of the tree
ENTRY_MAX_BYTES = 65_535
_LEVEL_MAX = 63
# Numbers of up to 18 digits are more than any log of 2**63 entries has.
_PATH = re.compile(r"tile/(entries|0|[1-9]\d?)/((?:x\d{3}/){0,5}\d{3})(?:\.p/([1-9]\d{0,2}))?", re.ASCII)


class Tile(NamedTuple):
    """A tile, or an entry bundle where level is None; width 256 is full."""

    level: int | None
    number: int
    width: int = TILE_WIDTH


def tile_path(level: int, number: int, width: int = TILE_WIDTH) -> str:
    """Return the path of a tile: `tile/0/x001/234.p/5`."""
    return f"tile/{level}/{_number(number)}{_partial(width)}"


def entries_path(number: int, width: int = TILE_WIDTH) -> str:
    """Return the path of an entry bundle: `tile/entries/x001/234.p/5`."""
    return f"tile/entries/{_number(number)}{_partial(width)}"


def parse_tile_path(path: str) -> Tile:
    """Return which tile a path names; Malformed when it is not the one way to write it."""
    found = _PATH.fullmatch(path)
    if found is None:
        raise Malformed("this is not the path of a tile", code="tile-path")
    level = None if found[1] == "entries" else int(found[1])
    tile = Tile(level, int(found[2].replace("x", "").replace("/", "")), int(found[3] or TILE_WIDTH))
    if tile.width > TILE_WIDTH or (level or 0) > _LEVEL_MAX or path_of(tile) != path:
        raise Malformed("this is not the path of a tile in its one form", code="tile-path-form")
    return tile


def path_of(tile: Tile) -> str:
    """Return the path of a tile or an entry bundle."""
    if tile.level is None:
        return entries_path(tile.number, tile.width)
    return tile_path(tile.level, tile.number, tile.width)


def _number(number: int) -> str:
    assert number >= 0, number
    parts = [f"{number % 1000:03}"]
    while number := number // 1000:
        parts.append(f"x{number % 1000:03}")
    return "/".join(reversed(parts))


def _partial(width: int) -> str:
    assert 0 < width <= TILE_WIDTH, width
    return "" if width == TILE_WIDTH else f".p/{width}"


def tiles_between(old_size: int, new_size: int) -> Iterator[Tile]:
    """Yield the entry bundles and tiles that are new or wider at `new_size`, lowest level first."""
    for number in range(old_size // TILE_WIDTH, -(-new_size // TILE_WIDTH)):
        yield Tile(None, number, min(TILE_WIDTH, new_size - number * TILE_WIDTH))
    level, old, new = 0, old_size, new_size
    while new:
        for number in range(old // TILE_WIDTH, -(-new // TILE_WIDTH)):
            yield Tile(level, number, min(TILE_WIDTH, new - number * TILE_WIDTH))
        level, old, new = level + 1, old // TILE_WIDTH, new // TILE_WIDTH


def tiles_of(size: int) -> Iterator[Tile]:
    """Yield every tile and entry bundle of a log of `size` entries, the partial ones at their width."""
    return tiles_between(0, size)


def entry_bundle(entries: Sequence[bytes]) -> bytes:
    """Return the entries, each after its length in two bytes."""
    assert all(len(entry) <= ENTRY_MAX_BYTES for entry in entries)
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def parse_entry_bundle(data: bytes) -> list[bytes]:
    """Return the entries of a bundle; Malformed when it is cut off or holds more than 256."""
    entries, at = [], 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if end > len(data):
            raise Malformed("an entry bundle is cut off", code="bundle-cut")
        entries.append(data[at + 2 : end])
        at = end
    if len(entries) > TILE_WIDTH:
        raise Malformed("an entry bundle holds too many entries", code="bundle-count")
    return entries


class TileReader:
    """Finds the nodes of a log of a known size in its tiles.

    What it finds is what the tiles say: only a root that was signed makes it true.
    """

    def __init__(self, fetch: Callable[[str], bytes], size: int) -> None:
        """Read tiles through `fetch(path) -> bytes`."""
        self._fetch, self._size = fetch, size
        self._tiles: dict[tuple[int, int], bytes] = {}

    def node(self, level: int, index: int) -> bytes:
        """Return the root of the complete subtree of 2**level leaves at index × 2**level.

        Raises:
            IndexError: the log has no such node at this size.
            Malformed: a tile has fewer or more hashes than the log's size gives it.
        """
        if level < 0 or index < 0 or (index + 1) << level > self._size:
            raise IndexError(f"node {level}/{index} is not complete in a log of {self._size}")
        tile_level, within = divmod(level, LEVEL_BITS)
        count = 1 << within
        number, at = divmod(index * count, TILE_WIDTH)
        hashes = self.tile(tile_level, number)
        return root_of([hashes[place * HASH_BYTES :][:HASH_BYTES] for place in range(at, at + count)])

    def tile(self, level: int, number: int) -> bytes:
        """Return a tile's hashes, as many as the log's size gives it."""
        found = self._tiles.get((level, number))
        if found is None:
            width = min(TILE_WIDTH, (self._size >> LEVEL_BITS * level) - number * TILE_WIDTH)
            if number < 0 or width <= 0:
                raise IndexError(f"tile {level}/{number} is not in a log of {self._size}")
            found = self._fetch(tile_path(level, number, width))
            if len(found) != width * HASH_BYTES:
                raise Malformed(f"tile {level}/{number} does not hold {width} hashes", code="tile-size")
            self._tiles[level, number] = found
        return found
