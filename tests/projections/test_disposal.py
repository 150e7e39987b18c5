"""Views past a disposal: built anew, all at once, with the same statistics and the same status lists.

Source: LEDGER.md 4 (level 2).
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.disposal import Disposed
from ledger.domain.status_list import StatusListChanged
from ledger.errors import Absent, Unavailable
from projections.catalogue import Views
from projections.catalogue import views as catalogue
from tests.projections.office import Office, an_office
from tests.support.disposal import cleared, to_be_cleared
from tests.support.forgetting import learner_id
from tests.support.ledgers import PROVIDER_KEY, people, statement
from tests.support.world import ANA, BEN


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """Ana, whose award is revoked, is to be cleared; Ben and twelve others stay. Everything is folded."""
    made = an_office(tmp_path / "ledger")
    others = people(12, first=500)
    made.house.register(*others)
    made.house.enrol(*others)
    made.turn()
    made.award(ANA)
    award = made.views.record_of_achievement.held(learner_id(made.house, ANA)).awards[0].award_id
    said = {"award": award, "reason": "issued_in_error", "effective_on": "2026-11-22"}
    made.house.must(PROVIDER_KEY, [statement("award.revoked", **said)])
    made.turn()
    made.ana, made.ben = learner_id(made.house, ANA), learner_id(made.house, BEN)
    to_be_cleared(made.house, ANA)
    made.turn()
    yield made
    made.close()


def _known(views: Views) -> tuple:
    """Return what no disposal changes."""
    (listed,) = views.status.lists()
    return views.statistics.counts(), views.status.status_list(*listed), views.status.lists()


def test_numbers_and_bits_are_what_they_were(office: Office) -> None:
    """Statistics count on what was cleared, the bit of the revoked award stays set for every older moment."""
    before, at = _known(office.views), office.views.position()
    assert any(one.what == "revocations" for one in before[0])

    cleared(office.house)
    office.views.catch_up()

    assert _known(office.views) == before
    assert office.views.status.revoked_as_at(95001, 1, at) == before[1].revoked
    assert office.views.position() == office.house.size()
    assert office.views.differences() == []


def test_status_lists_need_no_new_record(office: Office) -> None:
    """The digest that was published is still that of the bits, and the list is served under it."""
    recorded = office.house.ledger.store.newest_of_each
    office.issuer.status_list(95001, 1)
    size = office.house.size()

    cleared(office.house)
    office.reopen()

    assert office.turn() == 0
    assert office.issuer.status_list(95001, 1) is not None
    records = office.house.ledger.store.select_notifications(size + 1, 100)
    assert StatusListChanged.TOPIC not in {one.topic for one in records}
    assert recorded is not None


def test_nobody_knows_the_learner_any_more_and_everybody_else(office: Office) -> None:
    """The record of achievement is gone, that of others is what it was."""
    ben = office.views.record_of_achievement.held(office.ben)

    cleared(office.house)
    office.views.catch_up()

    assert office.views.record_of_achievement.held(office.ana) is None
    assert office.views.record_of_achievement.held(office.ben) == ben
    with pytest.raises(Absent):
        office.views.record(office.ana)


def test_views_that_were_behind_are_built_past_it(office: Office) -> None:
    """What was cleared between their position and the disposal they never fold: they are built anew."""
    before = _known(office.views)
    office.house.register(*people(3, first=800))
    cleared(office.house)
    office.house.register(*people(2, first=850))

    views = Views(office.house.ledger, batch=2)

    assert views.position() == office.house.size()
    assert views.differences() == []
    assert _known(views)[1:] == before[1:]
    views.close()


def test_another_process_that_served_follows(office: Office) -> None:
    """One builds anew, the other one sees what it built and folds on from there."""
    other = office.beside()
    cleared(office.house)
    office.views.catch_up()
    office.house.register(*people(2, first=850))

    assert other.views.catch_up() == office.house.size()

    assert other.views.differences() == []
    assert office.views.catch_up() == office.house.size()
    other.close()


def test_old_views_are_not_compared_as_if_nothing_had_happened(office: Office) -> None:
    """Before they were built anew, every view says that it does not stand past the disposal."""
    cleared(office.house)

    found = office.views.differences()

    assert {one.view for one in found} == set(Views.names)
    office.views.catch_up()
    assert office.views.differences() == []


def test_a_disposal_in_the_middle_of_a_rebuild_is_seen(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read before and after it is not mixed: the building begins again."""
    before, done = _known(office.views), list[Disposed]()
    build = catalogue.build

    def interrupted(*given: object, **options: object) -> None:
        build(*given, **options)
        if not done:
            done.append(cleared(office.house))

    monkeypatch.setattr(catalogue, "build", interrupted)

    position = office.views.rebuild()

    assert done[0].records > 0
    assert position == office.house.size()
    assert _known(office.views) == before
    assert office.views.differences() == []


def test_disposals_without_end_are_waited_for(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever rebuilds while records go on being cleared is told to come back; what is served stays."""
    monkeypatch.setattr(Views, "_is_disposed_since", lambda _self, _size: True)

    with pytest.raises(Unavailable):
        office.views.rebuild()

    monkeypatch.undo()
    assert office.views.catch_up() == office.house.size()
    assert office.views.differences() == []


def test_nothing_of_the_learner_is_left_in_the_files_of_the_views(office: Office) -> None:
    """Tables that are dropped are overwritten: no id of an enrolment or an award is found any more."""
    held = office.views.record_of_achievement.held(office.ana)
    ids = [one.award_id.bytes for one in held.awards] + [one.enrolment_id.bytes for one in held.enrolments]
    file = office.house.files.views
    office.views.rebuild("status")
    assert all(one in _bytes_of(file) for one in ids)

    cleared(office.house)
    office.views.catch_up()
    office.views.close()

    assert not any(one in _bytes_of(file) for one in ids)


def _bytes_of(file: Path) -> bytes:
    beside = (file.with_name(file.name + suffix) for suffix in ("", "-wal"))
    return b"".join(one.read_bytes() for one in beside if one.exists())


def test_kept_documents_are_destroyed_once_more(office: Office) -> None:
    """The disposal names what may be kept: of the learner, of the award, and nothing of others."""
    held = office.views.record_of_achievement.held(office.ana)

    documents = cleared(office.house).documents

    assert {office.ana, held.awards[0].credential_id} <= set(documents)
    assert office.ben not in documents
