"""Tiles: where hashes lie, and proofs made from nothing but them."""

import re
from collections import Counter
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import Malformed
from ledger.log.checkpoint import parse_checkpoint
from ledger.log.merkle import (
    MemoryTree,
    consistency_path,
    inclusion_path,
    leaf_hash,
    root_at,
    verify_consistency,
    verify_inclusion,
)
from ledger.log.note import parse_note
from ledger.log.tiles import (
    Tile,
    TileReader,
    entries_path,
    entry_bundle,
    parse_entry_bundle,
    parse_tile_path,
    path_of,
    tile_path,
    tiles_of,
)
from tests.ledger.log.checks import open_checkpoint
from tests.ledger.log.plain_tree import PlainTree, leaves
from tests.support.vectors import published

NUMBERS = st.integers(0, 10**18 - 1)
WIDTHS = st.integers(1, 256)
TILES = st.builds(Tile, st.none() | st.integers(0, 63), NUMBERS, WIDTHS)


# ------------------------------------------------------------------ published logs

# transparency-dev/tessera, testdata: the log's own key.
TESSERA_VKEY = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"


def _tessera_reader(size: int) -> TileReader:
    log = published("tlog/tessera-log/log")
    return TileReader(lambda path: (log / path).read_bytes(), size)


def test_a_published_log_is_read_at_every_size():
    """Sixteen checkpoints of one log: each is signed, its tiles give its root, and its entries its tiles."""
    log = published("tlog/tessera-log/log")

    for size in range(16):
        checkpoint = open_checkpoint((log / f"checkpoint.{size}").read_bytes(), TESSERA_VKEY)
        assert (checkpoint.origin, checkpoint.size) == ("example.com/log/testdata", size)
        assert root_at(size, _tessera_reader(size).node) == checkpoint.root
        for tile in tiles_of(size):
            assert (log / path_of(tile)).is_file()
        if size:
            entries = parse_entry_bundle((log / entries_path(0, size)).read_bytes())
            assert MemoryTree(map(leaf_hash, entries)).root() == checkpoint.root
            assert entry_bundle(entries) == (log / entries_path(0, size)).read_bytes()


def test_a_published_log_is_append_only():
    """From tiles alone: every entry is in every later checkpoint, which continues every earlier one."""
    log = published("tlog/tessera-log/log")
    entries = parse_entry_bundle((log / entries_path(0, 15)).read_bytes())
    roots = [
        open_checkpoint((log / f"checkpoint.{size}").read_bytes(), TESSERA_VKEY).root for size in range(16)
    ]

    for size in range(1, 16):
        node = _tessera_reader(size).node
        for index in range(size):
            path = inclusion_path(index, size, node)
            verify_inclusion(leaf_hash(entries[index]), index, size, path, roots[size])
        for old_size in range(1, size + 1):
            path = consistency_path(old_size, size, node)
            verify_consistency(old_size, size, roots[old_size], roots[size], path)


def test_a_published_mirror_of_two_levels_is_read():
    """Three hundred leaves in a full and a partial tile under a second level give the mirrored root."""
    (mirror,) = (path for path in published("tlog/sunlight/witness/mirror").iterdir() if path.is_dir())
    # The mirror's own cosignature is of a type that is not checked here.
    checkpoint = parse_checkpoint(parse_note((mirror / "checkpoint").read_bytes()).text.encode())
    reader = TileReader(lambda path: (mirror / path).read_bytes(), 300)

    root = root_at(300, reader.node)

    assert (checkpoint.size, checkpoint.root) == (300, root)
    assert MemoryTree([reader.node(0, index) for index in range(300)]).root() == root
    assert reader.node(8, 0) == reader.tile(1, 0)


# ------------------------------------------------------------------ geometry


# C2SP tlog-tiles, Merkle Tree.
def test_paths_of_the_standard():
    """Tile 1234067 lies under x001/x234/067; a partial tile carries its width."""
    assert tile_path(0, 1_234_067) == "tile/0/x001/x234/067"
    assert tile_path(63, 0, 1) == "tile/63/000.p/1"
    assert entries_path(1_234_067, 255) == "tile/entries/x001/x234/067.p/255"
    assert tile_path(0, 1234, 5) == "tile/0/x001/234.p/5"
    assert tile_path(2, 999) == "tile/2/999"
    assert tile_path(2, 1000) == "tile/2/x001/000"


# C2SP tlog-tiles, Partial Tiles.
def test_the_tiles_of_the_standards_example():
    """A tree of 70 000: 273 full and one of 112 hashes, one full and one of 17 above, one of 1 on top."""
    tiles = list(tiles_of(70_000))
    widths = Counter((tile.level, tile.width) for tile in tiles)

    assert widths == {
        (None, 256): 273,
        (None, 112): 1,
        (0, 256): 273,
        (0, 112): 1,
        (1, 256): 1,
        (1, 17): 1,
        (2, 1): 1,
    }
    assert list(tiles_of(256)) == [Tile(None, 0), Tile(0, 0), Tile(1, 0, 1)]
    assert list(tiles_of(0)) == []


@given(st.integers(0, 2**18))
def test_the_tiles_of_a_size_are_those_of_the_definition(size):
    """At level l there are floor(size / 256**l) hashes, in full tiles and one partial tile, none empty."""
    hashes: Counter[int | None] = Counter()
    for tile in tiles_of(size):
        assert 1 <= tile.width <= 256
        assert hashes[tile.level] == tile.number * 256, "a partial tile is the last of its level"
        hashes[tile.level] += tile.width

    assert hashes.pop(None, 0) == size
    assert hashes == {level: size >> 8 * level for level in range(4) if size >> 8 * level}


@given(TILES)
def test_paths_round_trip(tile):
    """Every tile and bundle is read back from its path, and a path holds only its own signs."""
    path = path_of(tile)

    assert parse_tile_path(path) == tile
    assert re.fullmatch(r"tile/[a-z0-9/.]+", path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile",
        "/tile/0/000",
        "tile/0/000/",
        "tile/0",
        "tile/00/000",
        "tile/01/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/100/000",
        "tile/entry/000",
        "tile/data/000",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/1000",
        "tile/0/x000/001",
        "tile/0/x000/x001/001",
        "tile/0/001/234",
        "tile/0/X001/234",
        "tile/0/x001",
        "tile/0/x001/x234",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/300",
        "tile/0/000.p/1000",
        "tile/0/000.p/-1",
        "tile/0/000.p/1/",
        "tile/0/000.P/1",
        "tile/0/000\n",
        "tile/0/\u0660\u0660\u0660",
        "tile/0/../000",
        "tile/0/x../000",
        "tile/0/%30%30%30",
        "tile/0/" + "x001/" * 6 + "001",
        "tile/0/" + "x001/" * 3000 + "001",
    ],
)
def test_a_path_has_one_form(path):
    """Any other way to write a tile's path is refused, so that a cache holds each tile once."""
    with pytest.raises(Malformed):
        parse_tile_path(path)


@pytest.mark.parametrize(("number", "width"), [(0, 0), (0, -1), (0, 257), (-1, 256)])
def test_no_path_is_made_for_a_tile_that_cannot_be(number, width):
    """Tiles hold 1 to 256 hashes and are counted from 0: anything else is our own mistake."""
    with pytest.raises(AssertionError):
        tile_path(0, number, width)


# ------------------------------------------------------------------ entry bundles


@given(st.lists(st.binary(max_size=300), max_size=256))
def test_entry_bundles_round_trip(entries):
    """Entries come back as they were, empty ones among them."""
    assert parse_entry_bundle(entry_bundle(entries)) == entries


def test_the_longest_entry_fits_a_bundle():
    """65 535 bytes go in; one more is our own mistake."""
    assert parse_entry_bundle(entry_bundle([bytes(65_535), b"x"])) == [bytes(65_535), b"x"]
    with pytest.raises(AssertionError):
        entry_bundle([bytes(65_536)])


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x00", id="half-a-length"),
        pytest.param(b"\x00\x01", id="a-length-without-its-entry"),
        pytest.param(b"\x00\x02a", id="an-entry-cut-off"),
        pytest.param(b"\x00\x01a\x00", id="half-a-second-length"),
        pytest.param(b"\x00\x00" * 257, id="too-many-entries"),
    ],
)
def test_a_broken_bundle_is_refused(data):
    """A bundle that is cut off, or holds more than a tile has leaves, is refused."""
    with pytest.raises(Malformed):
        parse_entry_bundle(data)


@given(st.binary(max_size=100))
def test_any_bytes_are_a_bundle_or_malformed(data):
    """What is read is written back byte for byte."""
    try:
        entries = parse_entry_bundle(data)
    except Malformed:
        return
    assert entry_bundle(entries) == data


# ------------------------------------------------------------------ proofs from tiles

LOG_SIZE = 66_000  # a second-level tile is full from 65 536


@cache
def _log() -> PlainTree:
    return PlainTree(leaves(LOG_SIZE))


def _tile_bytes(path: str) -> bytes:
    tile = parse_tile_path(path)
    assert tile.level is not None
    first = tile.number * 256
    return b"".join(_log().node(8 * tile.level, index) for index in range(first, first + tile.width))


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 300, 511, 512, 513, 65_535, 65_536, 65_537, LOG_SIZE])
def test_proofs_from_tiles_are_those_of_the_definition(size):
    """At every kind of border between tiles, tiles alone give the defined root and paths."""
    reader = TileReader(_tile_bytes, size)
    indices = {0, size // 3, size // 2, size - 2, size - 1} & set(range(size))
    old_sizes = {1, 2, size // 3, size // 2, 255, 256, 257, 65_536, size - 1, size} & set(range(1, size + 1))

    assert root_at(size, reader.node) == _log().root(size)
    for index in indices:
        assert inclusion_path(index, size, reader.node) == _log().path(index, 0, size)
    for old_size in old_sizes:
        assert consistency_path(old_size, size, reader.node) == _log().proof(old_size, size)


def test_a_tile_is_fetched_once_and_only_if_it_is_needed():
    """A proof in a log of 66 000 fetches a handful of tiles, each of which the log's size gives it."""
    fetched: list[str] = []

    def fetch(path: str) -> bytes:
        fetched.append(path)
        return _tile_bytes(path)

    reader = TileReader(fetch, LOG_SIZE)
    for index in (40_000, 40_001, 40_255):
        inclusion_path(index, LOG_SIZE, reader.node)

    assert len(fetched) == len(set(fetched)) <= 5
    assert {parse_tile_path(path) for path in fetched} <= set(tiles_of(LOG_SIZE))


@pytest.mark.parametrize(
    "change", [lambda data: data[:-1], lambda data: data + b"\x00", lambda data: data[:-32], lambda _: b""]
)
def test_a_tile_of_another_length_is_refused(change):
    """A tile that is cut off or too long is refused, whole hashes or not."""
    reader = TileReader(lambda path: change(_tile_bytes(path)), 300)

    with pytest.raises(Malformed, match="does not hold"):
        reader.node(0, 299)


@pytest.mark.parametrize(("level", "index"), [(0, 300), (2, 75), (8, 1), (9, 0), (16, 0), (0, -1), (-1, 0)])
def test_a_node_outside_the_log_is_refused(level, index):
    """A node that is not complete at this size does not exist yet: nothing is fetched for it."""
    reader = TileReader(_tile_bytes, 300)

    with pytest.raises(IndexError):
        reader.node(level, index)


@pytest.mark.parametrize(("level", "number"), [(0, 2), (1, 1), (2, 0), (0, -1)])
def test_a_tile_outside_the_log_is_refused(level, number):
    """A tile that has no hash at this size is never asked for."""
    with pytest.raises(IndexError):
        TileReader(_tile_bytes, 300).tile(level, number)
