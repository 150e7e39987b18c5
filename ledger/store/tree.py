"""The tree as stored: nodes, tiles and entry bundles at any size up to the head.

Leaves are a column of `record`, full tiles a table; everything else is hashed from those when it
is asked for.

Source: LEDGER.md 5 (tlog-tiles), RFC 9162 §2.1.
"""

from collections import OrderedDict
from collections.abc import Sequence

from ledger.database import Database
from ledger.errors import Corrupt
from ledger.log.merkle import HASH_BYTES, consistency_path, inclusion_path, root_at, root_of
from ledger.log.tiles import LEVEL_BITS, TILE_WIDTH, entry_bundle
from ledger.store.recorder import tile_root
from ledger.store.sqlite import leaf_range

_CACHE_TILES = 512  # 4 MiB of hashes
_CACHE_ROOTS = 16_384  # about 3 MiB


class StoredTree:
    """Reads the log's tree out of the ledger database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tiles: OrderedDict[tuple[int, int], bytes] = OrderedDict()
        self._roots: dict[tuple[int, int], bytes] = {}

    def tile(self, level: int, number: int, width: int = TILE_WIDTH) -> bytes:
        """Return `width` hashes of a tile; Corrupt when the ledger does not hold them."""
        hashes = self._full_tile(level, number)
        if hashes is None:
            hashes = b"".join(self._partial(level, number, width))
        if len(hashes) < width * HASH_BYTES:
            raise Corrupt(f"tile {level}/{number} holds fewer than {width} hashes", code="tile")
        return hashes[: width * HASH_BYTES]

    def entries(self, number: int, width: int = TILE_WIDTH) -> bytes:
        """Return the entry bundle of `width` entries from leaf_index number × 256."""
        first = number * TILE_WIDTH
        rows = self._database.reader.execute(
            "SELECT entry FROM record WHERE position > ? AND position <= ? ORDER BY position",
            (first, first + width),
        )
        found = [entry for (entry,) in rows]
        if len(found) != width:
            raise Corrupt(f"entry bundle {number} holds fewer than {width} entries", code="tile")
        return entry_bundle(found)

    def node(self, level: int, index: int) -> bytes:
        """Return the root of the complete subtree of 2**level leaves that starts at index × 2**level."""
        tile_level, within = divmod(level, LEVEL_BITS)
        count = 1 << within
        number, at = divmod(index * count, TILE_WIDTH)
        hashes = self.tile(tile_level, number, at + count)
        return root_of([hashes[place * HASH_BYTES :][:HASH_BYTES] for place in range(at, at + count)])

    def root(self, size: int) -> bytes:
        """Return the root of the first `size` leaves."""
        return root_at(size, self.node)

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """Return the inclusion path of a leaf (counted from 0) in the tree of `size` leaves."""
        return inclusion_path(index, size, self.node)

    def consistency(self, old_size: int, new_size: int) -> list[bytes]:
        """Return the proof that the tree of `old_size` leaves is the beginning of the newer one."""
        return consistency_path(old_size, new_size, self.node)

    def _full_tile(self, level: int, number: int) -> bytes | None:
        key = (level, number)
        found = self._tiles.get(key)
        if found is None:
            row = self._database.reader.execute(
                "SELECT hashes FROM tile WHERE level = ? AND number = ?", key
            ).fetchone()
            if row is None:
                return None
            found = self._tiles[key] = bytes(row[0])
            if len(self._tiles) > _CACHE_TILES:
                self._tiles.popitem(last=False)
        return found

    def _partial(self, level: int, number: int, width: int) -> Sequence[bytes]:
        first = number * TILE_WIDTH
        if level == 0:
            return leaf_range(self._database.reader, first, first + width)
        return self._tile_roots(level - 1, first, first + width)

    def _tile_roots(self, level: int, first: int, after: int) -> list[bytes]:
        """Return the roots of full tiles first … after-1 of a level, as far as there are full ones.

        A full tile never changes, and its root costs 255 hashes: every proof that ends in the newest
        part of the log asks for up to 255 of them.
        """
        cached = [self._roots.get((level, number)) for number in range(first, after)]
        if None not in cached:
            return cached  # type: ignore[return-value]
        known = cached[: cached.index(None)]
        rows = self._database.reader.execute(
            "SELECT number, hashes FROM tile WHERE level = ? AND number >= ? AND number < ? ORDER BY number",
            (level, first + len(known), after),
        )
        found = {(level, number): tile_root(hashes) for number, hashes in rows}
        if len(self._roots) + len(found) > _CACHE_ROOTS:
            self._roots.clear()
        self._roots.update(found)
        return [*known, *found.values()]  # type: ignore[list-item]
