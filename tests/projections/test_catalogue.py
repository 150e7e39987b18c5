"""Opening, rebuilding beside the old and swapping, comparing with a rebuild, following and waiting."""

import shutil
import threading

import pytest

from ledger.errors import Absent, Corrupt, Unavailable
from projections.base import View, snapshot
from projections.catalogue import PROJECTIONS, Difference, Views
from projections.catalogue import views as catalogue
from projections.record_of_achievement import RecordOfAchievementView
from projections.status import StatusView
from tests.projections.histories import Stand, a_class, a_stand, an_eventful_world
from tests.support.world import ANA

EVERY_TABLE = pytest.mark.parametrize(
    ("view", "table"),
    [(projection.VIEW, table) for projection in PROJECTIONS for table in projection.VIEW.tables],
    ids=lambda one: getattr(one, "NAME", one),
)


def change(views: Views, query: str, *names: str) -> None:
    """Change the views' file behind their back."""
    with views._database.writing() as connection:
        connection.execute(query.format(*names))


def served(views: Views, view: type[View], table: str) -> str:
    """Return what a served table is called."""
    with snapshot(views._database) as connection:
        return view.table_names(view(views._database).number(connection))[table]


def generations(views: Views) -> list[tuple[str, int]]:
    """Return view and number of every generation that is kept, served or not."""
    with snapshot(views._database) as connection:
        return connection.execute("SELECT view, number FROM generation ORDER BY 1, 2").fetchall()


def tables(views: Views) -> set[str]:
    """Return every table in the file."""
    with snapshot(views._database) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


@pytest.fixture
def stand(tmp_path) -> Stand:
    """Return a ledger in which three were awarded; its world knows of twelve more records."""
    made = a_stand(tmp_path, a_class(6), recorded=False)
    made.record(len(made.world.history) - 12)
    return made


# ------------------------------------------------------------------ opening


def test_views_that_are_missing_are_built_when_the_file_is_opened(stand):
    """Whoever opens the views reads them up to the newest record, however many there were."""
    views = Views(stand, batch=7)

    assert views.position() == stand.store.head().size
    assert views.record_of_achievement.awards_in_force() == 3
    assert views.differences() == []


def test_an_empty_ledger_has_empty_views(tmp_path):
    """Before anything is recorded there is nothing to show, and nothing to compare."""
    views = Views(a_stand(tmp_path, recorded=False))

    assert (views.position(), views.catch_up(), views.rebuild()) == (0, 0, 0)
    assert views.differences() == []
    assert views.record_of_achievement.learner_with_most_awards() is None
    with pytest.raises(Absent):
        views.record(ANA.learner_id)


def test_a_view_of_another_version_is_rebuilt_before_it_is_read(stand, monkeypatch):
    """New tables for one view: it is built again at the position of the others, which stay as they are."""
    views = Views(stand)
    kept, position = served(views, RecordOfAchievementView, "award"), views.position()
    views.close()
    stand.record()
    monkeypatch.setattr(StatusView, "VERSION", StatusView.VERSION + 1)
    monkeypatch.setattr(StatusView, "SCHEMA", StatusView.SCHEMA.replace("place INTEGER", "place ANY"))

    views = Views(stand)

    assert views.position() == position
    assert served(views, RecordOfAchievementView, "award") == kept
    assert views.differences() == []
    assert len([name for name in tables(views) if name.startswith("status_")]) == 1
    views.catch_up()
    assert views.differences() == []


def test_a_view_that_is_new_joins_the_others_where_they_stand(stand):
    """A view that was never built is built up to the position of the others, not further."""
    views = Views(stand)
    position = views.position()
    change(views, "DELETE FROM generation WHERE view = 'status'")
    views.close()
    stand.record()

    views = Views(stand)

    assert views.position() == position < stand.store.head().size
    assert views.differences() == []
    assert views.catch_up() == stand.store.head().size


def test_views_of_a_longer_ledger_are_built_again(stand, tmp_path):
    """When an older copy of the ledger was put back, its views forget what is not recorded any more."""
    (tmp_path / "copy").mkdir()
    shorter = a_stand(tmp_path / "copy", stand.world, recorded=False)
    shorter.record(20)
    Views(stand).close()
    shutil.copy(stand.files.views, shorter.files.views)

    views = Views(shorter)

    assert views.position() == 20
    assert views.differences() == []


def test_a_damaged_file_says_so(stand):
    """What is no database is not taken for one."""
    stand.files.views.write_bytes(b"not a database" * 1000)

    with pytest.raises(Corrupt, match=r"views\.sqlite"):
        Views(stand)


# ------------------------------------------------------------------ rebuilding


@pytest.mark.parametrize("name", [*Views.names, None])
def test_a_rebuild_takes_over_where_the_old_one_stood(stand, name):
    """One view, or all: built from position 1, swapped at the position of the old, which is removed."""
    views = Views(stand)
    stand.record()
    chosen = set(Views.names) if name is None else {name}

    position = views.rebuild(name)

    assert position == views.position() < stand.store.head().size
    assert [view for view, _ in generations(views)] == sorted(Views.names)
    assert {view for view, number in generations(views) if number > len(Views.names)} == chosen
    assert views.differences() == []


def test_a_view_that_does_not_exist_is_not_rebuilt(stand):
    """The refusal names the views there are."""
    with pytest.raises(Absent, match="record_of_achievement, public_register"):
        Views(stand).rebuild("worklists")


def test_the_old_view_serves_and_moves_while_the_new_one_is_built(stand, monkeypatch):
    """Readers and the runner go on during a rebuild; what came meanwhile is in the new one too."""
    views, build, awards = Views(stand, batch=5), catalogue.build, []

    def slow_build(*args, **options):
        build(*args, **options)
        awards.append(views.record_of_achievement.awards_in_force())
        stand.record()
        views.catch_up()

    monkeypatch.setattr(catalogue, "build", slow_build)

    position = views.rebuild()

    assert awards[0] == 3
    assert position == views.position() == stand.store.head().size
    assert views.differences() == []


def test_a_reader_keeps_its_moment_while_views_are_swapped(stand):
    """A snapshot that was open before a swap reads the old tables to its end, even those removed since."""
    views = Views(stand)
    before = views.record_of_achievement.awards_in_force()

    with views.snapshot():
        thread = threading.Thread(target=lambda: (stand.record(), views.catch_up(), views.rebuild()))
        thread.start()
        thread.join()
        assert views.record_of_achievement.awards_in_force() == before

    assert views.record_of_achievement.awards_in_force() == before + 2


def test_an_interrupted_rebuild_changes_nothing_and_is_cleared_away_by_the_next(stand, monkeypatch):
    """What a stop left half built is never served; the next rebuild removes it."""
    views = Views(stand, batch=5)
    whole = tables(views)

    def half(store, database, fold, upto, *, batch):
        catalogue_build(store, database, fold, upto // 2, batch=batch)
        raise KeyboardInterrupt

    catalogue_build = catalogue.build
    with monkeypatch.context() as patch:
        patch.setattr(catalogue, "build", half)
        with pytest.raises(KeyboardInterrupt):
            views.rebuild()
    assert views.differences() == []
    assert len(tables(views)) > len(whole)

    views.close()
    views = Views(stand)
    views.rebuild()

    assert len(tables(views)) == len(whole)
    assert views.differences() == []


def test_two_that_open_what_is_not_built_build_it_once(stand, monkeypatch):
    """As two servers do that start together: the second waits, and finds it built."""
    build, built, opened = catalogue.build, [], []
    second = threading.Thread(target=lambda: opened.append(Views(stand)))

    def slowly(*args, **options):
        built.append(args)
        if not second.ident:
            second.start()
            second.join(0.5)  # as long as it takes to get as far as it can
        build(*args, **options)

    monkeypatch.setattr(catalogue, "build", slowly)

    first = Views(stand)
    second.join()

    assert len(built) == 1
    assert opened[0].position() == first.position()


def test_a_rebuild_that_another_one_overtakes_gives_way(stand, monkeypatch):
    """Two rebuilds of one view: the one that began first stops with a clear word, the other is served."""
    views, other, build = Views(stand), Views(stand), catalogue.build

    def overtaken(*args, **options):
        monkeypatch.setattr(catalogue, "build", build)
        other.rebuild("status")
        build(*args, **options)

    monkeypatch.setattr(catalogue, "build", overtaken)

    with pytest.raises(Unavailable, match="another rebuild"):
        views.rebuild("status")

    assert views.differences() == other.differences() == []


# ------------------------------------------------------------------ comparing


@pytest.fixture(scope="module")
def eventful(tmp_path_factory) -> Stand:
    """Return a ledger in which every kind of event has happened, so that every table has rows."""
    return a_stand(tmp_path_factory.mktemp("eventful"), an_eventful_world())


@pytest.fixture
def open_views(eventful):
    """Return a fresh file of views over it."""
    for path in eventful.files.folder.glob("views.sqlite*"):
        path.unlink()
    views = Views(eventful)
    yield views
    views.close()


@EVERY_TABLE
def test_a_row_that_is_missing_is_found(open_views, view, table):
    """Whatever row is taken out of a view, the comparison names the view and the table."""
    name = served(open_views, view, table)
    change(open_views, "DELETE FROM {}", name)

    (difference,) = open_views.differences()

    assert difference.view == view.NAME
    assert f"table {table}" in difference.what
    assert "missing" in difference.what


@EVERY_TABLE
def test_a_value_that_was_changed_is_found(open_views, view, table):
    """Whatever value is changed in a view, the comparison names the view and the table."""
    name = served(open_views, view, table)
    with snapshot(open_views._database) as connection:
        column = connection.execute(
            "SELECT name FROM pragma_table_info(?) WHERE pk = 0 AND type <> 'BLOB' ORDER BY cid", (name,)
        ).fetchone()
    if column is None:  # a table of a name and an id
        change(open_views, "UPDATE {} SET stream = zeroblob(16)", name)
    else:
        change(open_views, "UPDATE {0} SET {1} = {1} || '1'", name, *column)

    (difference,) = open_views.differences()

    assert difference.view == view.NAME
    assert f"table {table}" in difference.what
    assert "changed" in difference.what


def test_a_row_too_many_is_found(open_views):
    """A learner whom no record knows is found, and not named."""
    name = served(open_views, RecordOfAchievementView, "learner")
    change(open_views, "INSERT INTO {} VALUES (zeroblob(16), 1)", name)

    assert open_views.differences() == [
        Difference("record_of_achievement", "table learner is not what the records make: rows 1 too many")
    ]


def test_a_lost_index_is_found(open_views):
    """Tables and indexes are those of this version, or it is said."""
    name = served(open_views, RecordOfAchievementView, "award")
    change(open_views, "DROP INDEX {}_credential", name)

    (difference,) = open_views.differences()

    assert difference.view == "record_of_achievement"
    assert "indexes" in difference.what


def test_a_version_that_is_not_ours_is_found(open_views):
    """A view that another version of the program left behind while we ran is not compared row by row."""
    change(open_views, "UPDATE generation SET version = 99 WHERE view = 'directory'")

    (difference,) = open_views.differences()

    assert difference.view == "directory"


def test_a_comparison_leaves_nothing_behind(open_views, eventful):
    """The rebuild that is compared with is thrown away, and what is served is not touched."""
    before = {path.name for path in eventful.files.folder.iterdir()}, generations(open_views)

    assert open_views.differences() == []

    assert ({path.name for path in eventful.files.folder.iterdir()}, generations(open_views)) == before


# ------------------------------------------------------------------ following and waiting


def test_waiting_ends_when_the_views_have_followed(stand):
    """A thread that follows folds what is recorded; whoever waits for a position gets it."""
    views, stop = Views(stand), threading.Event()
    thread = threading.Thread(target=views.runner.run_forever, args=(stop,))
    thread.start()

    size = stand.record()
    views.runner.wait_for(size, timeout_s=60)

    assert views.position() == size
    stop.set()
    thread.join()


def test_waiting_for_what_is_not_folded_ends_in_time(stand):
    """Nobody folds: whoever waits is told to ask again."""
    views = Views(stand)
    size = stand.record()

    with pytest.raises(Unavailable, match="not caught up"):
        views.runner.wait_for(size, timeout_s=0)


def test_what_passes_is_tried_again(stand, monkeypatch):
    """A disk that is full for a while does not end the following."""
    views, stop = Views(stand), threading.Event()
    run_once, tries = views.runner.run_once, []

    def full_at_first() -> int:
        tries.append(1)
        if len(tries) == 1:
            raise Unavailable("the disk is full")
        return run_once()

    monkeypatch.setattr(views.runner, "run_once", full_at_first)
    thread = threading.Thread(target=views.runner.run_forever, args=(stop,))
    size = stand.record()
    thread.start()
    views.runner.wait_for(size, timeout_s=60)
    stop.set()
    thread.join()

    assert views.runner.fault is None


def test_what_does_not_pass_is_told_to_whoever_waits(stand, monkeypatch):
    """A fault of our own stops the following, and nobody waits in vain."""
    views = Views(stand)
    size = stand.record()
    monkeypatch.setattr(views.runner._fold, "read", lambda _records: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        views.runner.run_forever(threading.Event())

    assert isinstance(views.runner.fault, ZeroDivisionError)
    with pytest.raises(Unavailable, match="stopped following"):
        views.runner.wait_for(size, timeout_s=60)


def test_views_that_stand_apart_are_not_read_as_one(stand):
    """Positions that somebody has pulled apart are noticed before anything is folded."""
    views = Views(stand)
    change(views, "UPDATE tracking SET position = position - 1 WHERE number = 1")

    with pytest.raises(Corrupt, match="roa rebuild"):
        views.catch_up()
