"""Where somebody's static log is read from: a folder, or whatever can fetch a path; never more than fits.

What is read is not believed here: see `authentic`.

Source: C2SP tlog-tiles (checkpoints, tiles, entry bundles, partial tiles).
"""

from collections.abc import Callable
from pathlib import Path

from ledger.errors import Absent, Malformed, Unavailable
from ledger.log.merkle import HASH_BYTES
from ledger.log.tiles import ENTRY_MAX_BYTES, TILE_WIDTH, Tile, entry_bundle, parse_entry_bundle, path_of

CHECKPOINT_MAX_BYTES = 1_000_000
# Asked for a path below the log's address and a number of bytes, it returns no more bytes than that.
# Raises Absent where there is none, Unavailable where nobody answers, Malformed where there is more.
Fetch = Callable[[str, int], bytes]


class LogSource:
    """One static log, by where it lies."""

    def __init__(self, fetch: Fetch, name: str) -> None:
        """Read through `fetch`; `name` is what people are told about where that is."""
        self._fetch, self.name = fetch, name

    def checkpoint(self) -> bytes:
        """Return the newest signed note."""
        return self._fetch("checkpoint", CHECKPOINT_MAX_BYTES)

    def get(self, tile: Tile) -> bytes:
        """Return the bytes of a tile or an entry bundle at its width, cut out of the full one if need be.

        A log may drop a partial tile once the full one is there: whoever read a checkpoint before
        that finds what it needs at the beginning of the full one.

        Raises:
            Absent, Unavailable, Malformed: it is not there, not to be had, or larger than it can be.
        """
        try:
            return self._exact(tile)
        except Absent:
            if tile.width == TILE_WIDTH:
                raise
        return cut(self._exact(tile._replace(width=TILE_WIDTH)), tile)

    def _exact(self, tile: Tile) -> bytes:
        return self._fetch(path_of(tile), size_max_bytes(tile))


def size_max_bytes(tile: Tile) -> int:
    """Return how many bytes a tile or an entry bundle has at most."""
    return tile.width * (HASH_BYTES if tile.level is not None else 2 + ENTRY_MAX_BYTES)


def cut(full: bytes, tile: Tile) -> bytes:
    """Return the beginning of a full tile or bundle, at another tile's width."""
    if tile.level is not None:
        return full[: tile.width * HASH_BYTES]
    return entry_bundle(parse_entry_bundle(full)[: tile.width])


def folder(place: Path) -> LogSource:
    """Return the log whose files lie in a folder."""

    def fetch(path: str, size_max: int) -> bytes:
        try:
            with (place / path).open("rb") as file:
                data = file.read(size_max + 1)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise Absent(f"{path} is not there", code="missing") from error
        except OSError as error:
            raise Unavailable(f"{path} cannot be read: {error.strerror}", code="storage") from error
        if len(data) > size_max:
            raise Malformed(f"{path} has more than {size_max} bytes", code="too-large")
        return data

    return LogSource(fetch, str(place))
