"""Killed at each step of the publisher: audit is clean, publishing again works, no size has two roots.

Source: LEDGER.md 5 (publisher), 9 (P4); the steps are those of `ledger.publisher`.
"""

from collections import defaultdict
from datetime import timedelta
from pathlib import Path

import pytest

from api.operations.log_rotation import rotate_log
from ledger.log.checkpoint import parse_checkpoint
from ledger.log.tiles import TILE_WIDTH, parse_tile_path, path_of, tiles_of
from ledger.log_keys import log_keys_of
from ledger.publisher import latest
from tests.crash.child import noting_in
from tests.crash.steps import PUBLISH_STEPS, killed_at
from tests.support.ledgers import House, a_study_ledger, open_house, people
from tests.support.noting import noting
from tests.support.rotation import vkeys_under, with_operator


def _publish(house: House, notes: Path) -> int:
    published = noting(house.publisher(), noting_in(notes)).publish()
    assert published is not None
    return published.size


def _signed(notes: Path) -> dict[int, set[bytes]]:
    """Return every root that was ever signed, by size."""
    roots: dict[int, set[bytes]] = defaultdict(set)
    for body in notes.read_bytes().split(b"\0")[:-1] if notes.exists() else ():
        checkpoint = parse_checkpoint(body)
        roots[checkpoint.size].add(checkpoint.root)
    return roots


def _grow(house: House, first: int) -> None:
    house.clock.advance(timedelta(minutes=1))
    house.register(*people(5, first=first))


@pytest.mark.parametrize(("published_before", "grows"), [(False, True), (True, False)])
@pytest.mark.parametrize("step", PUBLISH_STEPS)
def test_a_killed_publication_is_completed_by_the_next(
    tmp_path: Path, step: str, *, published_before: bool, grows: bool
) -> None:
    """The first publication or a later one; with more recorded before the next, or not."""
    notes = tmp_path / "notes"
    house = a_study_ledger(tmp_path / "ledger")
    if published_before:
        _publish(house, notes)
    _grow(house, 500)
    size, clock = house.size(), house.clock

    acknowledged = killed_at("publish", house, step, notes)

    house = open_house(house.files.folder, clock)
    assert acknowledged == []
    assert house.audit().faults == []
    if grows:
        _grow(house, 600)
        assert house.audit().faults == []
    assert _publish(house, notes) == house.size()
    assert house.audit().faults == []
    newest = latest(house.ledger.store.database.reader)
    assert newest is not None
    assert newest.size == (size + 5 if grows else size)
    assert all(len(roots) == 1 for roots in _signed(notes).values())
    wanted = {path_of(tile) for tile in tiles_of(house.size())}
    there = {
        path.relative_to(house.files.anchor).as_posix()
        for path in house.files.anchor.rglob("*")
        if path.is_file()
    }
    assert wanted | {"anchor", "checkpoint", "lock"} <= there
    # Beside them only the narrower partial tiles of earlier sizes, which stay until theirs is full.
    earlier = {parse_tile_path(path) for path in there - wanted - {"anchor", "checkpoint", "lock"}}
    partial = {(tile.level, tile.number): tile.width for tile in tiles_of(house.size())}
    assert all(tile.width < partial[tile.level, tile.number] < TILE_WIDTH for tile in earlier)
    house.close()


@pytest.mark.parametrize("step", PUBLISH_STEPS)
def test_a_rotation_of_the_log_s_keys_survives_a_kill(tmp_path: Path, step: str) -> None:
    """Killed while the first checkpoint of the new keys is published: the next is signed by them alone."""
    notes = tmp_path / "notes"
    house = with_operator(a_study_ledger(tmp_path / "ledger"))
    _publish(house, notes)
    rotated, clock = rotate_log(house.ledger), house.clock

    killed_at("publish", house, step, notes)

    house = open_house(house.files.folder, clock)
    assert house.audit().faults == []
    assert _publish(house, notes) == rotated.first_size
    assert house.audit().faults == []
    newest = latest(house.ledger.store.database.reader)
    assert newest is not None
    every = log_keys_of(house.ledger.register()).every
    assert vkeys_under(newest.note, every) == list(rotated.vkeys)
    assert all(len(roots) == 1 for roots in _signed(notes).values())
    house.close()


def test_a_publication_without_a_kill_signs_once(tmp_path: Path) -> None:
    """The notes that the tests above rely on hold every signature."""
    notes = tmp_path / "notes"
    house = a_study_ledger(tmp_path / "ledger")

    _publish(house, notes)
    _publish(house, notes)

    assert {size: len(roots) for size, roots in _signed(notes).items()} == {house.size(): 1}
    house.close()
