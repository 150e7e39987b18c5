"""Tiles that lead to the root are believed, at every size; nothing else is, wherever it comes from."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import Absent, Corrupt, LedgerError, Malformed, Unavailable
from ledger.log.checkpoint import Checkpoint, parse_checkpoint
from ledger.log.merkle import HASH_BYTES, leaf_hash, root_at, root_of
from ledger.log.note import parse_note
from ledger.log.tiles import TILE_WIDTH, entry_bundle, parse_tile_path, path_of, tiles_of
from ledger.monitor.authentic import AuthenticLog
from ledger.monitor.fsck import OPAQUE, fsck
from ledger.monitor.source import CHECKPOINT_MAX_BYTES, LogSource, folder
from ledger.monitor.trusted import Trusted
from tests.ledger.log.plain_tree import PlainTree
from tests.support.vectors import published

SIZE_MAX = 700
ENTRIES = [f"leaf-{number}".encode() for number in range(SIZE_MAX)]
LEAVES = list(map(leaf_hash, ENTRIES))
PLAIN = PlainTree(LEAVES)


def files_of(size: int) -> dict[str, bytes]:
    """Return the files of the log of the first entries."""
    levels = [LEAVES[:size]]
    while len(levels[-1]) >= TILE_WIDTH:
        below = levels[-1]
        full = range(0, len(below) - TILE_WIDTH + 1, TILE_WIDTH)
        levels.append([root_of(below[at : at + TILE_WIDTH]) for at in full])
    made = {}
    for tile in tiles_of(size):
        first, last = tile.number * TILE_WIDTH, tile.number * TILE_WIDTH + tile.width
        made[path_of(tile)] = (
            entry_bundle(ENTRIES[first:last])
            if tile.level is None
            else b"".join(levels[tile.level][first:last])
        )
    return made


def source_of(files: dict[str, bytes]) -> LogSource:
    """Return a log whose files are in memory."""

    def fetch(path: str, size_max_bytes: int) -> bytes:
        if path not in files:
            raise Absent("it is not there", code="missing")
        if len(files[path]) > size_max_bytes:
            raise Malformed("too large", code="too-large")
        return files[path]

    return LogSource(fetch, "memory")


def checkpoint_of(size: int) -> Checkpoint:
    """Return the checkpoint of the first entries."""
    return Checkpoint("log", size, PLAIN.root(size))


@given(st.integers(0, SIZE_MAX), st.data())
def test_what_leads_to_the_root_is_believed(size, data):
    """At any size: every entry, every node, and the root of every smaller size."""
    log = AuthenticLog(source_of(files_of(size)), checkpoint_of(size))
    first, old = data.draw(st.integers(0, size)), data.draw(st.integers(0, size))

    assert list(log.entries(first)) == [(at + 1, ENTRIES[at]) for at in range(first, size)]
    assert log.root(old) == PLAIN.root(old)


@pytest.mark.parametrize("size", [1, 255, 256, 257, 511, 512, 600])
def test_one_changed_bit_in_any_file_is_found(size):
    """Whichever file it is in, whoever reads all of the log meets it."""
    files = files_of(size)
    for path in files:
        for at in (0, len(files[path]) // 2, len(files[path]) - 1):
            data = bytearray(files[path])
            data[at] ^= 1
            with pytest.raises((Corrupt, Malformed)):
                _read_everything({**files, path: bytes(data)}, size)


@pytest.mark.parametrize("size", [257, 600])
def test_a_file_cut_or_gone_is_found(size):
    """A tile that is shorter, longer, or not there is never filled up with something else."""
    files = files_of(size)
    for path, data in files.items():
        gone = {name: one for name, one in files.items() if name != path}
        with pytest.raises(LedgerError):
            _read_everything(gone, size)
        for wrong in (data[:-1], data + b"\0", b""):
            with pytest.raises(LedgerError):
                _read_everything({**files, path: wrong}, size)


def _read_everything(files: dict[str, bytes], size: int) -> None:
    log = AuthenticLog(source_of(files), checkpoint_of(size))
    for tile in tiles_of(size):
        if tile.level is not None:
            log.tile(tile.level, tile.number)
    assert [entry for _, entry in log.entries()] == ENTRIES[:size]


def test_another_root_is_refused():
    """Tiles that make another root than the checkpoint's are not looked into."""
    for size in (1, 256, 600):
        with pytest.raises(Corrupt) as refused:
            AuthenticLog(source_of(files_of(size)), Checkpoint("log", size, bytes(HASH_BYTES)))
        assert refused.value.code == "root"


def test_a_partial_tile_that_is_gone_is_cut_out_of_the_full_one():
    """A log that grew while it was read serves only wider tiles: the beginning of them is the same."""
    older, newer = checkpoint_of(300), files_of(512)
    # A log keeps a partial tile until the full one is there: of this level there is none yet.
    newer["tile/1/000.p/1"] = newer["tile/1/000.p/2"][:HASH_BYTES]

    log = AuthenticLog(source_of(newer), older)

    assert [entry for _, entry in log.entries()] == ENTRIES[:300]


def test_a_full_tile_that_is_not_full_is_not_cut():
    """What stands in for a partial tile must be whole itself, or lead to the root all the same."""
    newer = files_of(512)
    newer["tile/entries/001"] = entry_bundle(ENTRIES[256:299])

    with pytest.raises(LedgerError):
        list(AuthenticLog(source_of(newer), checkpoint_of(300)).entries())


def test_memory_does_not_grow_with_the_log():
    """Of sixteen million entries, only tiles on the way to what was asked for are fetched and held."""
    hashes = [leaf_hash(b"same")]
    for _ in range(24):
        hashes.append(root_of([hashes[-1]] * 2))
    fetched: list[str] = []

    def fetch(path: str, _size_max_bytes: int) -> bytes:
        fetched.append(path)
        tile = parse_tile_path(path)
        return (
            entry_bundle([b"same"] * tile.width)
            if tile.level is None
            else hashes[8 * tile.level] * tile.width
        )

    for size in (256**3 - 1, 256**3, 256**3 + 1):
        fetched.clear()
        root = root_at(size, lambda level, _index: hashes[level])
        log = AuthenticLog(LogSource(fetch, "lazy"), Checkpoint("log", size, root))
        assert next(log.entries(10_000_000)) == (10_000_001, b"same")
        assert log.root(12_345_678) == root_at(12_345_678, lambda level, _index: hashes[level])
        assert len(fetched) < 20


# ------------------------------------------------------------------ logs that others wrote


def test_published_logs_are_read_at_every_size():
    """Another implementation's log, as each of its sixteen checkpoints has it."""
    place = published("tlog/tessera-log/log")
    for size in range(16):
        note = parse_note((place / f"checkpoint.{size}").read_bytes())
        log = AuthenticLog(folder(place), parse_checkpoint(note.text.encode()))

        assert len(list(log.entries())) == size


def test_the_tiles_of_a_published_mirror_hold():
    """Three hundred leaves under two levels lead to the root; the placeholders for entries are found."""
    (place,) = (one for one in published("tlog/sunlight/witness/mirror").iterdir() if one.is_dir())
    checkpoint = parse_checkpoint(parse_note((place / "checkpoint").read_bytes()).text.encode())

    log, result = AuthenticLog(folder(place), checkpoint), fsck(folder(place), Trusted(), entries=OPAQUE)

    assert log.root(300) == checkpoint.root
    assert [(one.code, one.where) for one in result.findings.found] == [
        ("bundle-cut", "tile/entries/000"),
        ("bundle-cut", "tile/entries/001.p/44"),
    ]
    assert (result.tiles, result.keys) == (3, "none")


def test_placeholders_for_tiles_are_refused():
    """The published tree of another log has words where hashes belong: not one of them is taken for one."""
    place = published("tlog/sunlight/tree")
    checkpoint = parse_checkpoint(parse_note((place / "checkpoint").read_bytes()).text.encode())

    with pytest.raises(Malformed) as refused:
        AuthenticLog(folder(place), checkpoint)
    assert refused.value.code == "tile-size"


# ------------------------------------------------------------------ folders


def test_a_folder_gives_files_up_to_a_size(tmp_path: Path):
    """What is not there, is a folder, or is larger than it can be is refused, each with its code."""
    (tmp_path / "tile").mkdir()
    (tmp_path / "checkpoint").write_bytes(bytes(CHECKPOINT_MAX_BYTES + 1))
    source = folder(tmp_path)

    for path, error, code in (
        ("nothing", Absent, "missing"),
        ("tile", Absent, "missing"),
        ("checkpoint/more", Absent, "missing"),
        ("checkpoint", Malformed, "too-large"),
        ("x" * 300, Unavailable, "storage"),
    ):
        with pytest.raises(error) as refused:
            source._fetch(path, CHECKPOINT_MAX_BYTES)
        assert refused.value.code == code
