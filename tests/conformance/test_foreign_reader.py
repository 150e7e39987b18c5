"""A reader of C2SP static logs that was not written here accepts ours, and finds what was changed in it.

It judges the static log of a real ledger, and logs that our writer wrote at every size from 1 to 600
and around every power of 256 up to the third.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from ledger.keys.mldsa import MldsaSigner
from ledger.keys.signer import MemorySigner
from ledger.log.checkpoint import Checkpoint
from ledger.log.merkle import HASH_BYTES, leaf_hash, root_at, root_of
from ledger.log.signing import LogSigner
from ledger.log.tiles import LEVEL_BITS, TILE_WIDTH, entry_bundle
from ledger.store.anchor import Anchor
from ledger.store.tree import StoredTree
from tests.support.ledgers import a_study_ledger, people
from tests.support.world import ORIGIN

READER = os.environ.get("ROA_FOREIGN")
pytestmark = pytest.mark.skipif(
    READER is None, reason="the foreign reader is not installed: ROA_FOREIGN does not name its folder"
)
# Runs apart from our process, so that nothing of ours can help it; one process judges many sizes.
PROGRAM = """
import json, pathlib, sys
import aics_tlog
asked = json.load(sys.stdin)
place = pathlib.Path(asked["place"])

class Reader(aics_tlog.FileSystemTileReader):
    # Where a whole level of full tiles is alike, one file stands for all that were not written.
    def read_tile(self, level, index, width):
        found = super().read_tile(level, index, width)
        alike = place / "alike" / str(level)
        return alike.read_bytes() if found is None and width is None and alike.exists() else found

reader = Reader(place)
vkey = aics_tlog.parse_vkey(asked["vkey"])
for name in asked["notes"]:
    note = aics_tlog.parse_note((place / name).read_bytes())
    seen = aics_tlog.verify_checkpoint(note, vkey)
    body = aics_tlog.parse_checkpoint(note.text)
    if asked["every_entry"]:
        aics_tlog.audit_tiles(reader, body.size, body.root)
    elif aics_tlog.tree_root_from_tiles(reader, body.size) != body.root:
        raise SystemExit(f"another root at {body.size}")
    print(json.dumps({"log_ok": seen.log_ok, "size": body.size}))
"""


def judged(
    place: Path, notes: Iterable[Path], vkey: str, *, every_entry: bool = True
) -> subprocess.CompletedProcess[str]:
    """Return what the foreign reader says of a static log and its checkpoints, one line for each."""
    asked: dict[str, Any] = {
        "place": str(place),
        "notes": [str(note) for note in notes],
        "vkey": vkey,
        "every_entry": every_entry,
    }
    return subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={"PYTHONPATH": str(READER), "PATH": ""},
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
    )


def accepted(answer: subprocess.CompletedProcess[str]) -> list[int]:
    """Return the sizes whose signature, tiles and entries were accepted."""
    assert answer.returncode == 0, answer.stderr
    lines = list(map(json.loads, answer.stdout.splitlines()))
    assert all(line["log_ok"] for line in lines)
    return [line["size"] for line in lines]


# ------------------------------------------------------------------ a real ledger


@pytest.mark.parametrize("learners", [0, 1, 246, 600])
def test_every_tile_and_entry_is_accepted(tmp_path: Path, learners: int) -> None:
    """The anchor's static log and the signed checkpoint hold, around and beyond a full tile."""
    house = a_study_ledger(tmp_path / "ledger")
    if learners:
        house.register(*people(learners))
    published = house.publish()
    assert published is not None

    answer = judged(
        house.files.anchor, [house.files.anchor / "checkpoint"], house.ledger.founding.log_keys[0]
    )

    assert accepted(answer) == [published.size]
    house.close()


def test_a_changed_entry_is_found(tmp_path: Path) -> None:
    """One flipped bit in an entry bundle is enough: the reader does look."""
    house = a_study_ledger(tmp_path / "ledger")
    house.register(*people(300))
    house.publish()
    bundle = house.files.anchor / "tile/entries/000"
    data = bytearray(bundle.read_bytes())
    data[-1] ^= 1
    bundle.write_bytes(data)

    answer = judged(
        house.files.anchor, [house.files.anchor / "checkpoint"], house.ledger.founding.log_keys[0]
    )

    assert answer.returncode != 0
    house.close()


# ------------------------------------------------------------------ our writer, at every size


class Grown:
    """A tree in memory, with what the writer asks a stored one for."""

    def __init__(self, entries: Sequence[bytes]) -> None:
        self._entries = entries
        self._levels = [list(map(leaf_hash, entries))]
        while len(self._levels[-1]) >= TILE_WIDTH:
            below = self._levels[-1]
            full = range(0, len(below) - TILE_WIDTH + 1, TILE_WIDTH)
            self._levels.append([root_of(below[at : at + TILE_WIDTH]) for at in full])

    def tile(self, level: int, number: int, width: int = TILE_WIDTH) -> bytes:
        """Return the hashes of a tile."""
        first = number * TILE_WIDTH
        return b"".join(self._levels[level][first : first + width])

    def entries(self, number: int, width: int = TILE_WIDTH) -> bytes:
        """Return an entry bundle."""
        first = number * TILE_WIDTH
        return entry_bundle(self._entries[first : first + width])


class Alike:
    """A tree of entries that are all the same, of any size: every full tile of a level is the same."""

    ENTRY = b"\x01" + bytes(HASH_BYTES)

    def __init__(self) -> None:
        self._hashes = [leaf_hash(self.ENTRY)]

    def node(self, level: int, _index: int = 0) -> bytes:
        """Return the root of 2**level leaves, wherever they begin."""
        while len(self._hashes) <= level:
            self._hashes.append(root_of([self._hashes[-1]] * 2))
        return self._hashes[level]

    def tile(self, level: int, _number: int, width: int = TILE_WIDTH) -> bytes:
        """Return the hashes of a tile."""
        return self.node(level * LEVEL_BITS) * width

    def entries(self, _number: int, width: int = TILE_WIDTH) -> bytes:
        """Return an entry bundle."""
        return entry_bundle([self.ENTRY] * width)


class Writer:
    """Our writer, at the anchor's place, signing at every size it is told; partial tiles stay."""

    def __init__(self, place: Path, tree: Grown | Alike) -> None:
        self.place, self._tree = place, tree
        self._anchor = Anchor(place, ORIGIN)
        self._signer = LogSigner(ORIGIN, MemorySigner.generate(), MldsaSigner.generate())
        self.vkey = self._signer.vkeys[0]
        self.notes: list[Path] = []

    def write(self, old_size: int, size: int, root: bytes) -> None:
        """Write what leads from one size to the next, and a checkpoint beside it."""
        self._anchor.write_tiles(cast("StoredTree", self._tree), old_size, size)
        note = self.place / f"checkpoint.{size}"
        note.write_text(self._signer.sign(Checkpoint(ORIGIN, size, root), 1_000))
        self.notes.append(note)


@pytest.fixture
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flush nothing: thousands of files are read back at once, and no power is cut here."""
    monkeypatch.setattr("ledger.files.os.fsync", lambda _descriptor: None)


ENTRIES = [f"entry {number}".encode() * (number % 3) for number in range(65_537)]


@pytest.mark.usefixtures("_hasty")
def test_our_logs_of_every_size_up_to_600_are_accepted(tmp_path: Path) -> None:
    """Grown one entry at a time, empty entries among them, two signatures under each checkpoint."""
    writer = Writer(tmp_path, Grown(ENTRIES[:600]))
    leaves = list(map(leaf_hash, ENTRIES[:600]))
    for size in range(1, 601):
        writer.write(size - 1, size, root_of(leaves[:size]))

    assert accepted(judged(tmp_path, writer.notes, writer.vkey)) == list(range(1, 601))


@pytest.mark.usefixtures("_hasty")
def test_our_logs_around_two_levels_of_tiles_are_accepted(tmp_path: Path) -> None:
    """At 65 535, 65 536 and 65 537 entries, where a third level of tiles begins."""
    writer = Writer(tmp_path, Grown(ENTRIES))
    leaves = list(map(leaf_hash, ENTRIES))
    sizes = (65_535, 65_536, 65_537)
    for old_size, size in zip((0, *sizes), sizes, strict=False):
        writer.write(old_size, size, root_of(leaves[:size]))

    assert accepted(judged(tmp_path, writer.notes, writer.vkey)) == list(sizes)


@pytest.mark.usefixtures("_hasty")
def test_our_logs_around_three_levels_of_tiles_are_accepted(tmp_path: Path) -> None:
    """At 256 to the third and one either side: of 16 million entries, all alike, the end is written."""
    writer = Writer(tmp_path, Alike())
    tree = Alike()
    sizes = tuple(256**3 + more for more in (-1, 0, 1))
    for old_size, size in zip((256**3 - 2, *sizes), sizes, strict=False):
        writer.write(old_size, size, root_at(size, tree.node))
    (tmp_path / "alike").mkdir()
    for level in range(3):
        (tmp_path / "alike" / str(level)).write_bytes(tree.tile(level, 0))

    answer = judged(tmp_path, writer.notes, writer.vkey, every_entry=False)

    assert accepted(answer) == list(sizes)
    top = tmp_path / "tile" / "3" / "000.p" / "1"
    top.write_bytes(bytes(HASH_BYTES))
    assert judged(tmp_path, writer.notes[-1:], writer.vkey, every_entry=False).returncode != 0
