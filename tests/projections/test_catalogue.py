"""Opening, rebuilding beside the old and swapping, comparing, following, waiting."""

import threading
from typing import ClassVar

import pytest

from ledger.errors import Absent, Corrupt, Unavailable
from projections.base import View, snapshot
from projections.catalogue import PROJECTIONS, Difference, Views
from projections.catalogue import views as catalogue
from projections.public_register import PublicRegisterView
from projections.status import StatusView
from tests.projections.histories import a_class, a_random_world, a_stand
from tests.support.world import ANA, a_study

TABLES = [(projection.VIEW, table) for projection in PROJECTIONS for table in projection.VIEW.tables]
EVERY_TABLE = pytest.mark.parametrize(("view", "table"), TABLES, ids=lambda one: getattr(one, "NAME", one))


def run(views: Views, query: str, *values: object) -> None:
    """Change the views' file behind their back."""
    with views._database.writing() as connection:
        connection.execute(query, values)


def served(views: Views, view: type[View], table: str) -> str:
    """Return what a served table is called."""
    with snapshot(views._database) as connection:
        return view.table_names(view(views._database).number(connection))[table]


def tables(views: Views) -> set[str]:
    """Return every table in the file."""
    with snapshot(views._database) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


# ------------------------------------------------------------------ opening


def test_a_fresh_file_is_filled_when_it_is_opened(tmp_path):
    """Views that are missing are built before anybody reads them, up to the newest record."""
    stand = a_stand(tmp_path, a_class(3))

    views = Views(stand)

    assert views.position() == stand.store.head().size
    assert views.record_of_achievement.awards_in_force() == 3


def test_an_empty_ledger_has_empty_views(tmp_path):
    """Before anything is recorded there is nothing to show, and nothing to compare."""
    stand = a_stand(tmp_path, recorded=False)

    views = Views(stand)

    assert (views.position(), views.catch_up(), views.rebuild()) == (0, 0, 0)
    assert views.differences() == []
    assert views.record_of_achievement.held(ANA.learner_id) is None
    assert views.record_of_achievement.learner_with_most_awards() is None
    with pytest.raises(Absent):
        views.record(ANA.learner_id)


def test_a_view_of_another_version_is_rebuilt_before_it_is_read(tmp_path, monkeypatch):
    """New tables for one view: it is built again at start, at the position of the others, which stay."""
    stand = a_stand(tmp_path, a_class(3))
    before = Views(stand)
    kept = served(before, PublicRegisterView, "listing")
    before.close()
    stand.world.enrolled(ANA, "6022") if False else None

    class NewStatusView(StatusView):
        VERSION: ClassVar[int] = 2
        SCHEMA: ClassVar[str] = StatusView.SCHEMA.replace("place INTEGER", "place INTEGER NOT NULL, spare INTEGER")

    assert NewStatusView
