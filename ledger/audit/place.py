"""The anchor's place: its tiles and bundles lead to the anchored root, and are those of the records.

Whoever restores, mirrors or proves reads them there, so they are looked at before they are needed.
What is damaged can be made again while the database holds the records that it is about.

Source: LEDGER.md 5 (publisher step 4); C2SP tlog-tiles.
"""

from ledger.audit.report import Report
from ledger.audit.tree import TreeChecks
from ledger.database import Connection
from ledger.errors import Corrupt
from ledger.log.checkpoint import Checkpoint
from ledger.log.merkle import leaf_hash
from ledger.log.tiles import LEVEL_BITS, TILE_WIDTH, Tile, entry_bundle, path_of, tiles_of
from ledger.store.anchor import Anchor
from ledger.store.recorder import tile_root

_ENTRIES = "SELECT entry FROM record WHERE position > ? AND position <= ? ORDER BY position"
_LEAVES = "SELECT leaf FROM record WHERE position > ? AND position <= ? ORDER BY position"
_TILES = "SELECT hashes FROM tile WHERE level = ? AND number >= ? AND number < ? ORDER BY number"


def check_place(
    anchor: Anchor, anchored: Checkpoint, connection: Connection, tree: TreeChecks, report: Report
) -> None:
    """Check every tile and bundle of the anchored size; `tree` is grown to its end.

    Files below the records that are not looked at are left out too. Of another history than the
    database's, and of what the database does not hold, only what leads to the root is looked at.
    """
    if anchored.size <= report.skipped:
        return
    same = tree.roots.get(anchored.size) == anchored.root
    begin = report.skipped // TILE_WIDTH
    for tile in tiles_of(anchored.size):
        if (tile.number + 1) << LEVEL_BITS * (tile.level or 0) <= begin:
            continue
        path = path_of(tile)
        try:
            data = anchor.file(tile)
        except Corrupt as error:
            report.add("anchor", path, str(error), derived=same)
            continue
        with report.at(path):
            if same and data != _made(connection, tile):
                report.add("anchor", path, "is not what the records make", derived=True)
            elif not same and tile.level is None:
                _check_leaves(anchor, tile)
    try:
        anchor.frontier(anchored)
    except Corrupt as error:
        report.add("anchor", "anchor", str(error), derived=same)


def _made(connection: Connection, tile: Tile) -> bytes:
    """Return what the records make of a tile or a bundle."""
    first = tile.number * TILE_WIDTH
    last = first + tile.width
    if tile.level is None:
        return entry_bundle([entry for (entry,) in connection.execute(_ENTRIES, (first, last))])
    if tile.level == 0:
        return b"".join(leaf for (leaf,) in connection.execute(_LEAVES, (first, last)))
    return b"".join(
        tile_root(hashes) for (hashes,) in connection.execute(_TILES, (tile.level - 1, first, last))
    )


def _check_leaves(anchor: Anchor, tile: Tile) -> None:
    """Check that a bundle holds the entries whose leaves its tile has: a restore needs both."""
    leaves = b"".join(map(leaf_hash, anchor.entries(tile.number, tile.width)))
    if leaves != anchor.file(tile._replace(level=0)):
        raise Corrupt("bundle and tile do not fit together: one of them is damaged", code="anchor")
