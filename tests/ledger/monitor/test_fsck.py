"""Whatever is changed in a published log is found, at its place, and told once."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.log.checkpoint import Checkpoint, format_checkpoint
from ledger.log.merkle import MemoryTree, leaf_hash
from ledger.log.note import parse_vkey
from ledger.log.tiles import Tile, entry_bundle, parse_entry_bundle, path_of
from ledger.monitor.fsck import OPAQUE, Checked, fsck
from ledger.monitor.source import folder
from ledger.monitor.trusted import Trusted
from tests.support.ledgers import House, a_study_ledger, people
from tests.support.vectors import published

FIRST, LAST, TOP = "tile/0/000", "tile/0/002.p/{}", "tile/1/000.p/2"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A published ledger of some more than two full tiles."""
    house = a_study_ledger(tmp_path_factory.mktemp("fsck"))
    house.register(*people(530))
    house.publish()
    return house


@pytest.fixture
def place(house: House, tmp_path: Path) -> Path:
    """A copy of its static log, to be changed."""
    return Path(shutil.copytree(house.files.anchor, tmp_path / "log"))


def trusted(house: House) -> Trusted:
    """The log's keys, known from elsewhere."""
    return Trusted(keys=tuple(map(parse_vkey, house.ledger.founding.log_keys)))


def looked(house: House, place: Path) -> Checked:
    """Look at a log with its keys at hand."""
    return fsck(folder(place), trusted(house))


def found(result: Checked) -> list[tuple[str, str]]:
    """Return code and place of every finding."""
    return [(one.code, one.where) for one in result.findings.found]


def width(house: House) -> int:
    """Return how wide the last tile is."""
    return house.size() % 256


def flip(path: Path, at: int = -1) -> None:
    """Change one bit of a file."""
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_a_published_log_is_clean(house: House, place: Path) -> None:
    """Every entry, bundle, tile and signature of ours holds, by keys known from elsewhere or by its own."""
    result = looked(house, place)

    assert result.findings.ok, result.findings.found
    assert (result.entries, result.tiles, result.keys) == (house.size(), 4, "given")
    assert 0 < result.public < 20
    assert fsck(folder(place), Trusted()).as_json() == {**result.as_json(), "keys": "own"}


def _tile(_house: House, place: Path) -> list[tuple[str, str]]:
    flip(place / FIRST)
    return [("tile", FIRST)]


def _last_tile(house: House, place: Path) -> list[tuple[str, str]]:
    name = LAST.format(width(house))
    flip(place / name)
    return [("tile", name)]


def _top_tile(_house: House, place: Path) -> list[tuple[str, str]]:
    flip(place / TOP)
    return [("tile", TOP)]


def _bundle(_house: House, place: Path) -> list[tuple[str, str]]:
    flip(place / "tile/entries/001")
    return [("bundle", "tile/entries/001")]


def _last_bundle(house: House, place: Path) -> list[tuple[str, str]]:
    name = f"tile/entries/002.p/{width(house)}"
    flip(place / name)
    return [("bundle", name)]


def _missing_tile(_house: House, place: Path) -> list[tuple[str, str]]:
    (place / FIRST).unlink()
    return [("missing", FIRST)]


def _missing_bundle(_house: House, place: Path) -> list[tuple[str, str]]:
    (place / "tile/entries/001").unlink()
    return [("missing", "tile/entries/001")]


def _cut_bundle(_house: House, place: Path) -> list[tuple[str, str]]:
    name = "tile/entries/001"
    (place / name).write_bytes((place / name).read_bytes()[:-1])
    return [("bundle-cut", name)]


def _short_bundle(_house: House, place: Path) -> list[tuple[str, str]]:
    name = "tile/entries/001"
    entries = parse_entry_bundle((place / name).read_bytes())
    (place / name).write_bytes(entry_bundle(entries[:-1]))
    return [("bundle-size", name)]


def _long_bundle(house: House, place: Path) -> list[tuple[str, str]]:
    name = f"tile/entries/002.p/{width(house)}"
    entries = parse_entry_bundle((place / name).read_bytes())
    (place / name).write_bytes(entry_bundle([*entries, entries[0]]))
    return [("bundle-size", name)]


def _overfull_bundle(_house: House, place: Path) -> list[tuple[str, str]]:
    name = "tile/entries/000"
    entries = parse_entry_bundle((place / name).read_bytes())
    (place / name).write_bytes(entry_bundle([*entries, entries[0]]))
    return [("bundle-count", name)]


def _short_tile(_house: House, place: Path) -> list[tuple[str, str]]:
    (place / FIRST).write_bytes((place / FIRST).read_bytes()[:-1])
    return [("tile-size", FIRST)]


def _long_tile(_house: House, place: Path) -> list[tuple[str, str]]:
    (place / FIRST).write_bytes((place / FIRST).read_bytes() + b"\0")
    return [("too-large", FIRST)]


def _swapped_entries(_house: House, place: Path) -> list[tuple[str, str]]:
    name = "tile/entries/001"
    first, second, *rest = parse_entry_bundle((place / name).read_bytes())
    (place / name).write_bytes(entry_bundle([second, first, *rest]))
    return [("bundle", name)]


def _two_faults(house: House, place: Path) -> list[tuple[str, str]]:
    return [*_tile(house, place), *_bundle(house, place)]


def _everything_of_a_tile_missing(_house: House, place: Path) -> list[tuple[str, str]]:
    (place / FIRST).unlink()
    (place / "tile/entries/000").unlink()
    return [("missing", "tile/entries/000"), ("missing", FIRST)]


def _no_checkpoint(_house: House, place: Path) -> list[tuple[str, str]]:
    (place / "checkpoint").unlink()
    return [("missing", "checkpoint")]


FAULTS: list[Callable[[House, Path], list[tuple[str, str]]]] = [
    _tile,
    _last_tile,
    _top_tile,
    _bundle,
    _last_bundle,
    _missing_tile,
    _missing_bundle,
    _cut_bundle,
    _short_bundle,
    _long_bundle,
    _overfull_bundle,
    _short_tile,
    _long_tile,
    _swapped_entries,
    _two_faults,
    _everything_of_a_tile_missing,
    _no_checkpoint,
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda one: one.__name__.strip("_"))
def test_a_fault_is_told_once_at_its_place(
    house: House, place: Path, fault: Callable[[House, Path], list[tuple[str, str]]]
) -> None:
    """The file at fault is named, and nothing that only follows from it; the rest is still looked at."""
    expected = fault(house, place)

    assert found(looked(house, place)) == expected


def test_a_signature_that_does_not_hold_is_found(house: House, place: Path) -> None:
    """One changed sign of the signature, or another root under it, is enough."""
    note = (place / "checkpoint").read_text()
    size = str(house.size())
    (place / "checkpoint").write_text(note.replace(f"\n{size}\n", f"\n{int(size) - 1}\n"))

    assert found(looked(house, place)) == [("signature", "checkpoint")]


def test_by_its_own_keys_a_log_agrees_with_itself_or_not(place: Path) -> None:
    """Where no key is given, those of the founding are asked, after the entries have led to the root."""
    note = (place / "checkpoint").read_text()
    head, _, signatures = note.partition("\n\n")
    lines = signatures.splitlines(keepends=True)
    (place / "checkpoint").write_text(head + "\n\n" + lines[0])

    result = fsck(folder(place), Trusted())

    assert found(result) == [("unsigned", "checkpoint")]
    assert result.keys == "own"


def _log_of(place: Path, entries: list[bytes]) -> None:
    """Write an unsigned log of these entries, at most one tile."""
    tree = MemoryTree(map(leaf_hash, entries))
    files = {
        path_of(Tile(None, 0, len(entries))): entry_bundle(entries),
        path_of(Tile(0, 0, len(entries))): b"".join(map(leaf_hash, entries)),
        "checkpoint": format_checkpoint(Checkpoint("other.example/log", len(entries), tree.root()))
        + b"\n\xe2\x80\x94 other.example/log AAAAAAAA\n",
    }
    for name, data in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data)


@pytest.mark.parametrize(
    ("code", "entry"),
    [
        ("entry-form", b""),
        ("entry-form", b"\x01" + bytes(31)),
        ("entry-form", b"\x01" + bytes(33)),
        ("entry-form", b"\x03" + bytes(32)),
        ("entry-form", b"\x02" + bytes(40)),
        ("entry-form", b"\x02" + bytes(28) + b"\x00\x01x"),
        ("entry-topic", b"\x02" + bytes(28) + b"\x00\x01x\x92\x90\xc0"),
        ("entry-topic", b"\x02" + bytes(28) + b"\x00\x12learner.registered\x92\x90\xc0"),
        ("entry-fields", b"\x02" + bytes(28) + b"\x00\x0bkey.retired\x92\x90\xc0"),
        ("entry-fields", b"\x02" + bytes(28) + b"\x00\x0bkey.retired\x92\x94\x01\x00\xa1x\x07\xc0"),
        ("entry-form", b"\x02" + bytes(28) + b"\x00\x0bkey.retired\x92\x94\xcc\x01\x00\xa1x\x07\xc0"),
    ],
)
def test_an_entry_that_is_none_of_ours_is_found(tmp_path: Path, code: str, entry: bytes) -> None:
    """Entries are commitments or public records in their one form; as opaque bytes they may be anything."""
    _log_of(tmp_path, [b"\x01" + bytes(32), entry])

    assert found(fsck(folder(tmp_path), Trusted())) == [(code, "record 2")]
    assert fsck(folder(tmp_path), Trusted(), entries=OPAQUE).findings.ok


def test_a_log_that_others_wrote_is_read() -> None:
    """The published log of another implementation is clean, with its key, as opaque entries."""
    log = published("tlog/tessera-log/log")
    vkey = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"

    result = fsck(folder(log), Trusted(keys=(parse_vkey(vkey),)), entries=OPAQUE)

    assert result.findings.ok, result.findings.found
    assert result.entries == 15
