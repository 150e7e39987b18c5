"""The tree as stored, and its second copy at the anchor's place: both are the plain tree, at every size."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.errors import Corrupt, Rollback, Split
from ledger.keys.signer import MemorySigner
from ledger.log.checkpoint import Checkpoint
from ledger.log.merkle import MemoryTree, leaf_hash, verify_consistency, verify_inclusion
from ledger.log.signing import LogSigner
from ledger.log.tiles import TILE_WIDTH, parse_entry_bundle, path_of, tiles_of
from ledger.store import tree as stored_tree
from ledger.store.anchor import Anchor
from ledger.store.recorder import tile_root
from ledger.store.sqlite import LedgerRecorder
from ledger.store.tree import StoredTree
from tests.ledger.store.records import a_record, a_recorder
from tests.support.world import ORIGIN

SIZE = 700


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerRecorder]:
    """A recorder with 700 records: two full tiles and a partial one."""
    with a_recorder(tmp_path_factory.mktemp("tree")) as made:
        made.insert_events([a_record(number) for number in range(SIZE)])
        yield made


@pytest.fixture(scope="module")
def leaves(recorder: LedgerRecorder) -> list[bytes]:
    """The leaves, hashed again from the stored entries."""
    rows = recorder.database.reader.execute("SELECT entry FROM record ORDER BY position")
    return [leaf_hash(entry) for (entry,) in rows]


@pytest.fixture
def tree(recorder: LedgerRecorder) -> StoredTree:
    """The stored tree, nothing cached yet."""
    return StoredTree(recorder.database)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 255, 256, 257, 511, 512, 513, SIZE])
def test_roots_and_proofs_are_those_of_the_plain_tree(
    tree: StoredTree, leaves: list[bytes], size: int
) -> None:
    """Roots of every prefix, inclusion of first, last and odd leaves, consistency with the whole."""
    plain = MemoryTree(leaves[:size])

    assert tree.root(size) == plain.root()
    for index in {0, size // 3, size - 1} if size else ():
        path = tree.inclusion(index, size)
        assert path == plain.inclusion_path(index)
        verify_inclusion(leaves[index], index, size, path, plain.root())
    if size:
        proof = tree.consistency(size, SIZE)
        verify_consistency(size, SIZE, plain.root(), MemoryTree(leaves).root(), proof)


def test_a_full_tile_is_hashed_once_however_many_proofs_pass_it(
    tree: StoredTree, leaves: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its root never changes, so proofs cost the same in a log of a million records; and they stay right."""
    hashed: list[bytes] = []
    monkeypatch.setattr(stored_tree, "tile_root", lambda tile: hashed.append(tile) or tile_root(tile))
    plain = MemoryTree(leaves)

    paths = [tree.inclusion(index, SIZE) for index in (0, 300, SIZE - 1)]

    assert paths == [plain.inclusion_path(index) for index in (0, 300, SIZE - 1)]
    assert len(hashed) == len(set(hashed)) == SIZE // TILE_WIDTH


def test_roots_that_are_forgotten_are_hashed_again(
    tree: StoredTree, leaves: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is bounded: what is dropped is made again, and the same."""
    monkeypatch.setattr(stored_tree, "_CACHE_ROOTS", 1)

    paths = [tree.inclusion(index, size) for size in (SIZE, 300, SIZE) for index in (0, 299)]

    assert paths == [
        MemoryTree(leaves[:size]).inclusion_path(index) for size in (SIZE, 300, SIZE) for index in (0, 299)
    ]


def test_tiles_beyond_the_head_are_not_there(tree: StoredTree) -> None:
    """What is not stored is reported, not filled up."""
    with pytest.raises(Corrupt):
        tree.tile(0, 2, SIZE - 512 + 1)
    with pytest.raises(Corrupt):
        tree.tile(0, 3, 1)
    with pytest.raises(Corrupt):
        tree.entries(2, SIZE - 512 + 1)


def _anchored(folder: Path, tree: StoredTree, *sizes: int) -> Anchor:
    anchor = Anchor(folder, ORIGIN)
    last: Checkpoint | None = None
    for size in sizes:
        old_size = last.size if last else 0
        anchor.write_tiles(tree, old_size, size)
        fresh = Checkpoint(ORIGIN, size, tree.root(size))
        anchor.swap(last, fresh)
        anchor.drop_partials(old_size, size)
        last = fresh
    return anchor


@pytest.mark.parametrize(
    "sizes", [(1,), (256,), (257,), (1, 2, 3), (255, 256), (256, 512), (300, 600, SIZE), (SIZE,), (1, SIZE)]
)
def test_the_anchors_place_holds_a_whole_static_log(
    tmp_path: Path, tree: StoredTree, leaves: list[bytes], sizes: tuple[int, ...]
) -> None:
    """After any sequence of publications: every tile and bundle of every size, partial ones until full."""
    anchor = _anchored(tmp_path, tree, *sizes)

    size = sizes[-1]
    full = {(tile.level, tile.number) for tile in tiles_of(size) if tile.width == TILE_WIDTH}
    published = {tile for one in sizes for tile in tiles_of(one)}
    wanted = {
        path_of(tile)
        for tile in published
        if tile.width == TILE_WIDTH or (tile.level, tile.number) not in full
    }
    found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert found - {"anchor"} == wanted
    entries = [
        entry
        for tile in tiles_of(size)
        if tile.level is None
        for entry in parse_entry_bundle((tmp_path / path_of(tile)).read_bytes())
    ]
    assert list(map(leaf_hash, entries)) == leaves[:size]
    reader = anchor.reader(size)
    again = [reader.node(0, index) for index in range(size)]
    assert again == leaves[:size]


def test_an_anchor_starts_empty_and_says_what_was_swapped_in(tmp_path: Path, tree: StoredTree) -> None:
    """None before the first publication, then the newest size and root."""
    assert Anchor(tmp_path, ORIGIN).read() is None

    anchor = _anchored(tmp_path, tree, 10)

    assert anchor.read() == Checkpoint(ORIGIN, 10, tree.root(10))


def test_two_publishers_cannot_both_swap(tmp_path: Path, tree: StoredTree) -> None:
    """The second one expected what is there no longer."""
    anchor = _anchored(tmp_path, tree, 10)
    expected = anchor.read()
    anchor.swap(expected, Checkpoint(ORIGIN, 20, tree.root(20)))

    with pytest.raises(Split, match="two servers"):
        Anchor(tmp_path, ORIGIN).swap(expected, Checkpoint(ORIGIN, 30, tree.root(30)))

    assert anchor.read() == Checkpoint(ORIGIN, 20, tree.root(20))


def test_an_anchor_of_another_log_is_a_split(tmp_path: Path, tree: StoredTree) -> None:
    """Two ledgers that share an anchor's place by mistake do not overwrite each other."""
    _anchored(tmp_path, tree, 10)

    with pytest.raises(Split, match="another log"):
        Anchor(tmp_path, "other.example/log").read()


@pytest.mark.parametrize(
    "text", [b"", b"ledger.example/log\n", b"ledger.example/log\n10\nAA==\n", b"\xff\n1\n\n"]
)
def test_a_damaged_anchor_is_an_error_and_never_a_fresh_start(tmp_path: Path, text: bytes) -> None:
    """A file that cannot be read is not the same as none: writing must stop."""
    (tmp_path / "anchor").write_bytes(text)

    with pytest.raises(Corrupt, match="anchor"):
        Anchor(tmp_path, ORIGIN).read()


def _damage(path: Path, size: int) -> None:
    for file in path.rglob("*"):
        if file.is_file() and file.name != "anchor" and "entries" not in file.parts:
            data = file.read_bytes()
            file.write_bytes(bytes([data[0] ^ 1]) + data[1:size])


@pytest.mark.parametrize("kept", [None, 31, 10_000])
def test_damaged_tiles_at_the_anchors_place_are_found_before_anything_is_signed(
    tmp_path: Path, tree: StoredTree, kept: int | None
) -> None:
    """Tiles that lead to another root, are cut off or missing: never a frontier to go on from."""
    anchor = _anchored(tmp_path, tree, 300)
    assert anchor.frontier(anchor.read()).root() == tree.root(300)
    if kept is None:
        (tmp_path / "tile/0/001.p/44").unlink()
    else:
        _damage(tmp_path, kept)

    with pytest.raises(Corrupt, match="anchor"):
        anchor.frontier(anchor.read())


def test_a_database_behind_its_anchor_is_a_rollback(tmp_path: Path, tree: StoredTree) -> None:
    """Fewer records than were published: an old copy was put back."""
    anchor = _anchored(tmp_path, tree, SIZE)
    anchor.check(tree, SIZE)

    with pytest.raises(Rollback, match=f"{SIZE - 1} records, {SIZE} were published"):
        anchor.check(tree, SIZE - 1)


def test_a_database_with_another_history_is_a_split(tmp_path: Path, tree: StoredTree) -> None:
    """As many records, another root."""
    anchor = _anchored(tmp_path / "anchor", tree, 300)
    with a_recorder(tmp_path) as other:
        other.insert_events([a_record(number + 1) for number in range(300)])

        with pytest.raises(Split, match="another history"):
            anchor.check(StoredTree(other.database), 300)


# ------------------------------------------------------------------ what lies at the place


def test_entries_are_read_back_by_bundle(tmp_path: Path, tree: StoredTree, leaves: list[bytes]) -> None:
    """Each bundle at its width; one of another width is not there."""
    anchor = _anchored(tmp_path, tree, 300)

    entries = anchor.entries(0) + anchor.entries(1, 44)

    assert list(map(leaf_hash, entries)) == leaves[:300]
    with pytest.raises(Corrupt, match=r"tile/entries/001\.p/43 at the anchor's place"):
        anchor.entries(1, 43)


@pytest.mark.parametrize(
    ("size_bytes", "words"),
    [(-1, "cannot be read"), (2, "holds 43 entries, not 44"), (1 << 25, "cannot be read")],
)
def test_a_bundle_is_not_read_beyond_what_it_can_be(
    tmp_path: Path, tree: StoredTree, size_bytes: int, words: str
) -> None:
    """Cut off, shorter by an entry, or larger than any bundle: the sentence names the file."""
    anchor = _anchored(tmp_path, tree, 300)
    path = tmp_path / "tile/entries/001.p/44"
    data = path.read_bytes()
    if size_bytes == 2:
        path.write_bytes(data[2 + int.from_bytes(data[:2], "big") :])
    else:
        path.write_bytes(data[:-1] if size_bytes < 0 else data + bytes(size_bytes)[1:])

    with pytest.raises(Corrupt, match=r"tile/entries/001\.p/44.*" + words):
        anchor.entries(1, 44)


def test_an_anchor_file_is_not_read_beyond_what_it_can_be(tmp_path: Path) -> None:
    """A file of any size costs no more than a note may have."""
    with (tmp_path / "anchor").open("wb") as file:
        file.truncate(1 << 40)

    with pytest.raises(Corrupt, match="anchor"):
        Anchor(tmp_path, ORIGIN).read()


def test_a_larger_signed_checkpoint_says_that_the_anchor_is_old_or_gone(
    tmp_path: Path, tree: StoredTree
) -> None:
    """Either would let a ledger that was put back begin to sign again where others have seen more."""
    anchor = _anchored(tmp_path, tree, 10)
    log = LogSigner(ORIGIN, MemorySigner.generate())
    anchor.put_checkpoint(log.sign(Checkpoint(ORIGIN, 10, tree.root(10)), 0))
    assert anchor.current() == anchor.read()
    anchor.put_checkpoint(log.sign(Checkpoint(ORIGIN, 20, tree.root(20)), 0))

    for _ in ("an old one", "none"):
        with pytest.raises(Corrupt, match="size 20 was signed") as refused:
            anchor.check(tree, SIZE)
        assert refused.value.code == "anchor"
        (tmp_path / "anchor").unlink(missing_ok=True)


def test_whose_anchor_it_is_can_be_asked(tmp_path: Path, tree: StoredTree) -> None:
    """Where the database that knows is gone; nothing, where nothing was published."""
    assert Anchor.origin_at(tmp_path) is None

    _anchored(tmp_path, tree, 10)

    assert Anchor.origin_at(tmp_path) == ORIGIN
