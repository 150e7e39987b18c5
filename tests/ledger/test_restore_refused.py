"""What no restore takes in: another history, an anchor that does not check, entries that nobody said.

Source: LEDGER.md 5 (start-up, `restore --accept-lost`), 9 (P6).
"""

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from ledger.errors import Corrupt, Malformed, Split, Stale, Unavailable
from ledger.files import replace_file
from ledger.log.checkpoint import Checkpoint, format_checkpoint
from ledger.log.merkle import Frontier, leaf_hash
from ledger.log.tiles import entries_path, entry_bundle, tile_path
from ledger.privacy.commitments import public_entry, read_public_entry
from ledger.publisher import latest
from ledger.restore import RECEIPTS_FILE, plan_restore, restore
from ledger.store.anchor import Anchor
from tests.support.ledgers import House, open_house
from tests.support.rollbacks import RolledBack, a_rolled_back_ledger, say_public, study
from tests.support.world import ORIGIN

PRIVATE_LOST = 15  # of three learners: registered, enrolled, two results, awarded


@pytest.fixture
def lost(tmp_path: Path) -> RolledBack:
    """A ledger behind its anchor; the minute in which that was noticed has passed."""
    made = a_rolled_back_ledger(tmp_path)
    made.house.clock.advance(timedelta(minutes=1))
    return made


def untouched(house: House, size: int) -> None:
    """Check that nothing was written."""
    assert house.size() == size
    assert list(house.ledger.jobs.placed_after(size))
    assert not (house.files.out / RECEIPTS_FILE).exists()


def test_another_history_is_not_restored(tmp_path):
    """Somebody wrote to the old copy: the two cannot be joined, whoever accepts what."""
    made = a_rolled_back_ledger(tmp_path)
    say_public(made)
    size = made.house.size()

    with pytest.raises(Split, match="another history"):
        restore(made.house.ledger, accept_lost=True)

    assert made.house.size() == size < made.published


def test_another_history_as_long_as_the_published_one_is_a_split(tmp_path):
    """Nothing is missing by the count, and the root is another."""
    made = a_rolled_back_ledger(tmp_path)
    say_public(made)
    study(made)

    with pytest.raises(Split, match="another history"):
        plan_restore(made.house.ledger)


def test_a_missing_anchor_is_not_begun_again(lost):
    """Checkpoints were signed: without the anchor nobody knows what is missing."""
    shutil.rmtree(lost.house.files.anchor)

    with pytest.raises(Corrupt, match="anchor is missing") as refused:
        restore(lost.house.ledger, accept_lost=True)

    assert refused.value.code == "anchor"


def test_an_old_anchor_beside_a_newer_checkpoint_is_not_believed(lost):
    """Part of the anchor's place was put back as well: which part is right nobody can tell."""
    old = latest(lost.house.ledger.store.database.reader)
    replace_file(
        lost.house.files.anchor / "anchor", format_checkpoint(Checkpoint(ORIGIN, old.size, old.root))
    )

    with pytest.raises(Corrupt, match="was signed, and the anchor does not say so"):
        restore(lost.house.ledger, accept_lost=True)

    untouched(lost.house, lost.stored)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger behind an anchor of several tiles; for each test a copy."""
    folder = tmp_path_factory.mktemp("large")
    a_rolled_back_ledger(folder, humans=120).house.close()
    return folder / "ledger"


Damage = Callable[[Path], None]


def _flip(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _remove(path: Path) -> None:
    path.unlink()


def _drop_entry(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[2 + int.from_bytes(data[:2], "big") :])


@pytest.mark.parametrize("damage", [_flip, _cut, _remove, _drop_entry])
@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_damaged_bundle_is_named(large, tmp_path, number, damage: Damage):
    """Changed, cut off, missing or shorter by an entry: which file it is, and nothing is written."""
    house = _copy_of(large, tmp_path)
    width = 256 if number < 2 else Anchor(house.files.anchor, ORIGIN).read().size - 512
    path = entries_path(number, width)
    damage(house.files.anchor / path)

    with pytest.raises(Corrupt, match=path) as refused:
        restore(house.ledger, accept_lost=True)

    assert refused.value.code == "anchor"
    untouched(house, 7)


@pytest.mark.parametrize("damage", [_flip, _cut, _remove])
@pytest.mark.parametrize(("level", "number"), [(0, 0), (0, 1), (0, 2), (1, 0)])
def test_a_damaged_tile_is_found(large, tmp_path, level, number, damage: Damage):
    """No split is claimed where only the anchor's place is damaged."""
    house = _copy_of(large, tmp_path)
    size = Anchor(house.files.anchor, ORIGIN).read().size
    width = min(256, (size >> 8 * level) - 256 * number)
    damage(house.files.anchor / tile_path(level, number, width))

    with pytest.raises(Corrupt, match="tile") as refused:
        restore(house.ledger, accept_lost=True)

    assert refused.value.code == "anchor"
    untouched(house, 7)


def _copy_of(large: Path, tmp_path: Path) -> House:
    shutil.copytree(large, tmp_path / "ledger")
    return open_house(tmp_path / "ledger")


def _with_tail(house: House, change: Callable[[list[bytes]], None]) -> None:
    """Put other entries at the anchor's place, and an anchor that fits them: nothing there is signed then."""
    anchor = Anchor(house.files.anchor, ORIGIN)
    size = anchor.read().size
    entries = anchor.entries(0, size)
    change(entries)
    leaves = list(map(leaf_hash, entries))
    frontier = Frontier()
    frontier.extend(leaves)
    made = Checkpoint(ORIGIN, len(entries), frontier.root())
    for path in (entries_path(0, made.size), tile_path(0, 0, made.size)):
        (anchor.place / path).parent.mkdir(parents=True, exist_ok=True)
    (anchor.place / entries_path(0, made.size)).write_bytes(entry_bundle(entries))
    (anchor.place / tile_path(0, 0, made.size)).write_bytes(b"".join(leaves))
    (anchor.place / "anchor").write_bytes(format_checkpoint(made))


def _append(**changes: object) -> Callable[[list[bytes]], None]:
    def change(entries: list[bytes]) -> None:
        parts = next(read_public_entry(one) for one in reversed(entries) if one[0] == 2)
        entries.append(public_entry(*parts._replace(**changes)))

    return change


def _private_of_another_length(entries: list[bytes]) -> None:
    entries.append(entries[-1] + b"\x00")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_append(topic="learner.registered"), "not public"),
        (_append(topic="no.such"), "not public"),
        (_append(state=b"\xc0"), "something else than an array"),
        (_append(state=b""), "entry 27"),
        (_append(topic="organisation.role_ended"), "more or fewer fields"),
        (_append(topic="tail.lost"), "entry 27"),
        (_append(version=7), "not the next record of its stream"),
        (_append(version=3, recorded_at_us=1), "recorded before"),
        (_private_of_another_length, "not the entry of a public record"),
    ],
)
def test_an_entry_that_nobody_said_is_not_taken_in(lost, change, words):
    """Beyond the newest checkpoint the log signed nothing, so each public record is asked who said it."""
    _with_tail(lost.house, change)

    with pytest.raises(Corrupt, match=words) as refused:
        restore(lost.house.ledger, accept_lost=True)

    assert refused.value.code == "anchor"
    assert lost.house.size() == lost.stored


def test_a_checkpoint_that_the_log_has_not_signed_is_not_taken_in(lost):
    """Its text is right and its signature is somebody's."""
    place = lost.house.files.anchor / "checkpoint"
    text = place.read_text()
    first = next(line for line in text.splitlines() if line.startswith("— "))
    place.write_text(text.replace(first, first[:-8] + "AAAAAAA="))

    with pytest.raises(Corrupt, match="checkpoint at the anchor's place"):
        restore(lost.house.ledger, accept_lost=True)

    untouched(lost.house, lost.stored)


def test_a_clock_that_has_gone_back_undoes_the_whole_transaction(lost):
    """Nothing is put back without being told of: the next restore does all of it."""
    lost.house.clock.advance(timedelta(days=-1))

    with pytest.raises(Unavailable) as refused:
        restore(lost.house.ledger, accept_lost=True)

    assert refused.value.code == "clock"
    assert lost.house.size() == lost.stored
    lost.house.clock.advance(timedelta(days=1))
    assert restore(lost.house.ledger, accept_lost=True).told_at == lost.published + 1
    assert len(json.loads((lost.house.files.out / RECEIPTS_FILE).read_text())["receipts"]) == PRIVATE_LOST


def test_somebody_who_writes_meanwhile_stops_a_restore(lost):
    """Between the plan and the transaction a record came: decided on nothing that is known now."""

    def write(name: str) -> None:
        if name == "views_dropped":
            lost.house.organisation(98000)

    with pytest.raises(Stale, match="stop the server"):
        restore(lost.house.ledger, accept_lost=True, at_step=write)


def test_a_public_entry_is_read_back_into_its_parts(lost):
    """And whatever is cut off, or is none, is Malformed, never an IndexError."""
    entries = Anchor(lost.house.files.anchor, ORIGIN).entries(0, lost.published)

    public = [entry for entry in entries if entry[0] == 2]
    assert len(public) == lost.stored + 4
    for entry in public:
        assert public_entry(*read_public_entry(entry)) == entry
        for end in range(32):
            with pytest.raises(Malformed):
                read_public_entry(entry[:end])
    with pytest.raises(Malformed):
        read_public_entry(b"\x02" + bytes(28) + b"\x00\x01\xff")
