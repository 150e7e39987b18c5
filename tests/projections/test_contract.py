"""What every view promises, whatever it shows: the contract suite."""

import os
import signal
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from unittest import mock

import eventsourcing.cryptography
import pytest
from eventsourcing.persistence import IntegrityError, Tracking
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import Unavailable
from ledger.mapper import LedgerMapper
from projections.base import APPLICATION, View, ViewProjection, open_views
from projections.catalogue import PROJECTIONS, Views
from tests.projections.histories import a_class, a_random_world, a_stand
from tests.support.tree import ROOT

# The module of cases imports a cipher made with a package that we do not use; no case here enciphers.
with mock.patch.dict(sys.modules, {"eventsourcing.cipher": eventsourcing.cryptography}):
    from eventsourcing.tests import persistence as library

EVERY = pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda one: one.VIEW.NAME)
# A change of tables, or of what is folded into them, is a new version: then add a line.
FROZEN = {
    ("record_of_achievement", 1): "e43beb11794f9e62",
    ("public_register", 1): "85e6aa1a44c882b6",
    ("directory", 1): "67d622093cb4a7c1",
    ("directory", 2): "8eb57ecea7dbbf15",
    ("directory", 3): "8eb57ecea7dbbf15",
    ("status", 1): "3f8ab26580c9cffd",
    ("status", 2): "badeae28cc874268",
    ("statistics", 1): "a93f32077d6c19f6",
}


ALL = "SELECT * FROM {table}"


class Stopped(BaseException):
    """The process ends here."""


def contents(view: View) -> dict[str, list]:
    """Return every row of every table of a view."""
    with view.reading() as rows:
        return {table: sorted(rows.all(ALL.replace("table", table)), key=repr) for table in view.tables}


def all_contents(views: Views) -> list[dict[str, list]]:
    """Return every row of every served table."""
    with views.snapshot():
        return [contents(projection.VIEW(views._database)) for projection in PROJECTIONS]


def folded(projection: type[ViewProjection], folder: Path) -> ViewProjection:
    """Return a projection over a new generation that is served, in a file of its own."""
    views = open_views(folder / "one.sqlite")
    with views.writing() as connection:
        projection.VIEW.serve(connection, projection.VIEW.create(connection))
    return projection(projection.VIEW(views))


# ------------------------------------------------------------------ the library's own promises


@EVERY
def test_a_view_is_a_tracking_recorder_of_the_library(projection, tmp_path):
    """The library's own test cases for tracking pass."""

    class Cases(library.TrackingRecorderTestCase):
        def create_recorder(self):
            return folded(projection, Path(place)).view

    for name in ("test_insert_tracking", "test_wait"):
        with TemporaryDirectory(dir=tmp_path) as place:
            case = Cases(name)
            getattr(case, name)()


@EVERY
def test_one_event_after_the_other_gives_the_same_as_batches(projection, tmp_path):
    """The library's way, one event with its tracking at a time, leads to the same rows."""
    stand = a_stand(tmp_path, a_random_world(7))
    one_by_one, views, mapper = folded(projection, tmp_path), Views(stand), LedgerMapper.for_reading()

    for record in stand.store.select_notifications(1, 10_000, topics=projection.topics):
        one_by_one.process_event(mapper.to_domain_event(record), Tracking(APPLICATION, record.id))

    assert contents(one_by_one.view) == contents(projection.VIEW(views._database))


@EVERY
def test_the_same_position_twice_is_refused(projection, tmp_path):
    """What was folded is not folded again: neither the row nor the position changes."""
    stand, mapper = a_stand(tmp_path, a_random_world(7)), LedgerMapper.for_reading()
    target = folded(projection, tmp_path)
    (record, *_) = stand.store.select_notifications(1, 1, topics=projection.topics)
    event, tracking = mapper.to_domain_event(record), Tracking(APPLICATION, record.id)
    target.process_event(event, tracking)

    with pytest.raises(IntegrityError):
        target.process_event(event, tracking)
    with pytest.raises(IntegrityError):
        target.process_event(event, Tracking(APPLICATION, record.id - 1))

    assert target.view.max_tracking_id(APPLICATION) == record.id


@EVERY
def test_tables_change_only_with_the_version(projection):
    """A view whose tables changed has a new version: otherwise old files would be read in the new shape."""
    view = projection.VIEW

    assert sha256(" ".join(view.SCHEMA.split()).encode()).hexdigest()[:16] == FROZEN[view.NAME, view.VERSION]


# ------------------------------------------------------------------ folding


@settings(max_examples=12)
@given(seed=st.integers(min_value=0, max_value=2**32))
def test_a_rebuild_equals_what_grew_in_pieces(seed):
    """However the records come in and are folded, the rows are those of one rebuild from position 1."""
    world, chance = a_random_world(seed), Random(seed)
    with TemporaryDirectory() as folder:
        stand = a_stand(Path(folder), world, recorded=False)
        views = Views(stand, batch=chance.randint(1, 40))

        while stand.store.head().size < len(world.history):
            stand.record(chance.randint(1, 60))
            views.catch_up()
        grown = all_contents(views)

        assert views.position() == len(world.history)
        assert views.differences() == []
        views.rebuild()
        assert all_contents(views) == grown
        views.close()


def test_two_processes_fold_every_record_once(tmp_path):
    """Two that fold the same file take turns: whoever finds the position moved goes on from there."""
    stand = a_stand(tmp_path, a_random_world(3), recorded=False)
    one, other = Views(stand, batch=4), Views(stand, batch=7)

    while stand.store.head().size < len(stand.world.history):
        stand.record(11)
        one.catch_up()
        other.catch_up()
        stand.record(5)
        other.catch_up()
        one.catch_up()

    assert one.position() == other.position() == len(stand.world.history)
    assert one.differences() == []


def test_another_process_that_folds_in_between_is_noticed(tmp_path):
    """Records read before another process folded them are not folded a second time."""
    stand = a_stand(tmp_path, a_random_world(3), recorded=False)
    one, other = Views(stand, batch=10), Views(stand, batch=10)
    stand.record(30)
    fold = one.runner._fold
    read = fold.read

    def read_late(records):
        fold.read = read
        wanted = read(records)
        other.catch_up()
        return wanted

    fold.read = read_late

    assert one.catch_up() == 30
    assert one.differences() == []


def test_positions_without_content_are_passed(tmp_path):
    """Records that are gone, the newest one too, hold nothing up."""
    stand = a_stand(tmp_path, a_random_world(3))
    size = stand.store.head().size
    with stand.store.database.writing() as connection:
        connection.execute("DROP TRIGGER record_is_never_updated")
        connection.execute(
            "UPDATE record SET state = NULL, gone = 'lost'"
            " WHERE topic = 'microcredential.reviewed' OR position = ?",
            (size,),
        )

    views = Views(stand, batch=1)

    assert views.catch_up() == size
    assert views.differences() == []


# ------------------------------------------------------------------ crashes


def stop_at(views: Views, at: int) -> None:
    """Let folding stop at its step number `at`, counted from 0."""
    steps = iter(range(at + 1))

    def step(_name: str) -> None:
        if next(steps) == at:
            raise Stopped

    views.runner._fold.at_step = step


# Three batches of 25, each of `begun`, `folded` for every view, and `committed`.
@pytest.mark.parametrize("at", range(3 * (len(PROJECTIONS) + 2)))
def test_a_stop_at_any_step_leaves_rows_and_position_together(at, tmp_path):
    """Wherever folding stops, the file holds whole batches; going on leads to what a rebuild makes."""
    stand = a_stand(tmp_path, a_class(20), recorded=False)
    views = Views(stand, batch=25)
    stand.record()
    stop_at(views, at)

    with pytest.raises(Stopped):
        views.catch_up()

    assert views.position() == 25 * ((at + 1) // (len(PROJECTIONS) + 2))
    assert views.differences() == []
    views.close()
    views = Views(stand)
    assert views.catch_up() == len(stand.world.history) > 75
    assert views.differences() == []


def test_folding_goes_on_after_a_stop_in_the_same_process(tmp_path):
    """What stopped in the middle of a batch begins again with that batch, not with the next."""
    stand = a_stand(tmp_path, a_class(20), recorded=False)
    views = Views(stand, batch=25)
    stand.record()
    stop_at(views, 8)
    with pytest.raises(Stopped):
        views.catch_up()

    views.runner._fold.at_step = lambda _name: None
    views.catch_up()

    assert views.differences() == []


def test_a_killed_process_leaves_rows_and_position_together(tmp_path):
    """Killed (-9) between the rows of one view and those of the next: nothing of that batch is there."""
    stand = a_stand(tmp_path, a_class(20), recorded=False)
    Views(stand, batch=25).close()
    stand.record()
    code = f"""
import os, signal, pathlib
from tests.projections.histories import Stand, a_study
from projections.catalogue import Views
from ledger.files import LedgerFiles
views = Views(Stand(LedgerFiles(pathlib.Path({str(tmp_path)!r})), a_study()), batch=25)
seen = []
def step(name):
    seen.append(name)
    if seen.count("begun") == 3 and name == "folded":
        os.kill(os.getpid(), signal.SIGKILL)
views.runner._fold.at_step = step
views.catch_up()
"""

    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=dict(os.environ), check=False)

    assert ended.returncode == -signal.SIGKILL
    views = Views(stand)
    assert views.position() == 50
    assert views.differences() == []
    assert views.catch_up() == len(stand.world.history)
    assert views.differences() == []


def test_a_full_disk_changes_nothing_and_folding_goes_on_when_there_is_room(tmp_path):
    """When the file cannot grow, rows and position stay as they are; the next turn goes on."""
    stand = a_stand(tmp_path, a_class(60), recorded=False)
    views = Views(stand, batch=25)
    stand.record()
    writer = views._database._writer
    (pages,) = writer.execute("PRAGMA page_count").fetchone()
    writer.execute(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(Unavailable, match="full"):
        views.catch_up()

    assert views.position() < len(stand.world.history)
    assert views.differences() == []
    writer.execute(f"PRAGMA max_page_count = {pages * 100}")
    assert views.catch_up() == len(stand.world.history)
    assert views.differences() == []
