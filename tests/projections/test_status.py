"""Status lists: bits, when they change, and whose they are."""

from datetime import date

from projections.catalogue import Views
from projections.exports.status_list import StatusBits
from projections.status import StatusList
from tests.projections.histories import ManyAwards, a_stand
from tests.support.world import ANA, BEN, PROVIDER, a_study


def test_the_bits_of_a_list_are_those_of_its_revoked_awards(tmp_path):
    """An award opens the list, a revocation sets its bit; the version moves with the bits alone."""
    world = ManyAwards(**vars(a_study()))
    stand = a_stand(tmp_path, world)
    views = Views(stand)
    assert (views.status.lists(), views.status.status_list(PROVIDER, 1)) == ((), None)
    assert views.status.revoked(PROVIDER, 1) is None

    world.enrolled(BEN)
    for human in (ANA, BEN):
        world.passed(human, "LO1", "LO2")
    first, _ = world.awarded(ANA), world.awarded(BEN)
    stand.record()
    views.catch_up()
    assert views.status.lists() == ((PROVIDER, 1),)
    assert views.status.status_list(PROVIDER, 1) == StatusList(PROVIDER, 1, (), 0)

    said = {"award": first, "reason": "integrity", "effective_on": date(2026, 10, 1)}
    world.must("award.revoked", by=PROVIDER, **said)
    position = stand.record()
    world.passed(BEN, "LO1")
    stand.record()
    views.catch_up()

    place = views.record_of_achievement.award(first).status_index
    assert views.status.status_list(PROVIDER, 1) == StatusList(PROVIDER, 1, (place,), position)
    assert StatusBits(views.status.revoked(PROVIDER, 1)).count() == 1
    assert views.status.status_list(PROVIDER, 2) is None
