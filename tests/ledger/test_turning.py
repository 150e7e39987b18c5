"""The epoch of a whole ledger turns, and everything it promised before still holds."""

from pathlib import Path

import pytest

from ledger.encoding.msgpack import pack
from ledger.encoding.packed import Packed
from ledger.forgetting import DESTROYED, EFFECTIVE, progress, redo
from ledger.turning import turn
from tests.support.forgetting import approved, forget, nothing_elsewhere, officers, requested
from tests.support.ledgers import (
    PROVIDER_KEY,
    House,
    an_enrolled_ledger,
    people,
    received,
    statement,
)
from tests.support.world import Human, a_result, an_enrolment

LEARNERS = people(3)


def test_a_turned_ledger_goes_on_as_before(tmp_path: Path) -> None:
    """What was posted is unchanged, results are taken, the audit opens everything, after a restart too."""
    house = an_enrolled_ledger(tmp_path, LEARNERS)
    size = house.size()

    turned = turn(house.ledger)

    assert turned is not None
    assert (turned.epoch, turned.covers) == (2, size)
    _goes_on(house, LEARNERS[0])
    house.reopen()
    _goes_on(house, LEARNERS[1])
    house.close()


def test_look_ups_of_an_existing_ledger_are_found_by_their_records(tmp_path: Path) -> None:
    """Its rows do not say what they are found by: the sealed statement of the enrolment does."""
    house = an_enrolled_ledger(tmp_path, LEARNERS)
    _forget_what_look_ups_are_found_by(house)

    turn(house.ledger)

    _goes_on(house, LEARNERS[0])
    turn(house.ledger)
    _goes_on(house, LEARNERS[1])
    house.close()


class Crashed(Exception):
    """Stands for the end of the process."""


def _crash(_step: str) -> None:
    raise Crashed


def _goes_on(house: House, human: Human) -> None:
    (unchanged,) = house.post(PROVIDER_KEY, [statement("learner.enrolled", **an_enrolment(human))])
    assert unchanged.status == "unchanged"
    house.passed(human)
    house.award(human)
    report = house.audit()
    assert report.faults == []
    assert report.not_checkable == 0


def _forget_what_look_ups_are_found_by(house: House) -> None:
    rows, database = house.ledger.vault._file._rows, house.ledger.vault._database
    with database.writing() as connection:
        for mac, sealed in connection.execute("SELECT mac, sealed FROM lookup").fetchall():
            place = rows.enrolment(mac, sealed)
            body = pack([place.enrolment_id.bytes, place.learner_id.bytes])
            connection.execute(
                "UPDATE lookup SET sealed = ? WHERE mac = ?", (rows.seal(mac, "enrolment", body), mac)
            )


def test_a_turn_covers_only_whom_the_vault_has_lost(tmp_path: Path) -> None:
    """A crash left somebody who is forgotten on record: the turn before the work is done does not count."""
    house = an_enrolled_ledger(tmp_path, LEARNERS)
    officers(house)
    approved(house, requested(house, LEARNERS[0]))
    with pytest.raises(Crashed):
        redo(house.ledger, nothing_elsewhere, at_step=_crash)

    (left,) = progress(house.ledger)
    first = turn(house.ledger)
    redo(house.ledger, nothing_elsewhere)
    second = turn(house.ledger)

    assert left.forgotten_at is not None
    assert first is not None
    assert first.covers == left.forgotten_at - 1
    assert second is not None
    assert second.covers == house.size()
    (done,) = progress(house.ledger)
    assert done.turn == second
    house.close()


def test_a_turn_covers_nobody_whose_submission_is_still_being_decided(tmp_path: Path) -> None:
    """A copy from after it would open that body: only the next turn makes the forgetting effective."""
    house = an_enrolled_ledger(tmp_path, LEARNERS)
    posted = house.build(PROVIDER_KEY, [statement("assessment.passed", **a_result(LEARNERS[0]))])
    house.ledger.outcomes.receive(received(posted), house.clock.now_us(), body=Packed(posted.body()))
    forget(house, LEARNERS[0])

    first = turn(house.ledger, only_if_destroyed=True)
    (waiting,) = progress(house.ledger)
    in_vain = turn(house.ledger, only_if_destroyed=True)
    house.ledger.submit(received(posted))
    second = turn(house.ledger, only_if_destroyed=True)

    assert first is not None
    assert waiting.state == DESTROYED
    assert in_vain is None
    assert second is not None
    (done,) = progress(house.ledger)
    assert (done.state, done.turn) == (EFFECTIVE, second)
    assert turn(house.ledger, only_if_destroyed=True) is None
    house.close()
