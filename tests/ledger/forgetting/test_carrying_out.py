"""What two people asked for is destroyed, and destroyed again whenever it is there again."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ledger.audit.outline import Outline, read_outline
from ledger.domain.forgetting import ForgettingCounted, LearnerForgotten
from ledger.encoding.packed import Packed
from ledger.errors import Unavailable
from ledger.forgetting import APPROVED, DESTROYED, EFFECTIVE, REQUESTED, Redone, Remains, progress, redo
from ledger.forgetting.carrying_out import STEPS
from ledger.ids import public_id
from ledger.turning import turn
from tests.support.forgetting import (
    AUTHORITY,
    BASIS,
    Killed,
    approved,
    forget,
    killed_after_the_key,
    learner_id,
    nothing_elsewhere,
    officers,
    requested,
)
from tests.support.ledgers import PROVIDER_KEY, House, a_full_ledger, open_house, received, statement
from tests.support.world import ANA, BEN, a_result


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Return a ledger where ANA and BEN hold an award each, and two officers may forget them."""
    house = a_full_ledger(tmp_path, [ANA, BEN])
    officers(house)
    return house


def states(house: House) -> list[str]:
    """Return how far each request came."""
    return [one.state for one in progress(house.ledger)]


def test_forgetting_goes_through_four_states(house: House) -> None:
    """Asked for, approved, destroyed here; effective in copies only when the epoch has turned."""
    forgetting = requested(house, ANA)
    assert states(house) == [REQUESTED]

    approved(house, forgetting)
    assert states(house) == [APPROVED]
    assert redo(house.ledger, nothing_elsewhere) == Redone(1, 0, wal_empty=True)
    assert states(house) == [DESTROYED]

    assert turn(house.ledger) is not None
    (one,) = progress(house.ledger)
    assert (one.state, one.basis, one.authority) == (EFFECTIVE, BASIS, AUTHORITY)
    assert one.turn is not None
    assert one.forgotten_at is not None
    assert one.turn.covers >= one.forgotten_at


def test_what_is_only_asked_for_destroys_nothing(house: House) -> None:
    """One person is not enough."""
    requested(house, ANA)

    assert redo(house.ledger, nothing_elsewhere) == Redone()
    assert house.ledger.vault.people([ANA.nsn])


def test_one_transaction_says_so_and_counts(house: House) -> None:
    """The learner's own stream ends with it; the public log counts one learner, and her records."""
    learner = learner_id(house, ANA)
    before = house.size()
    forget(house, ANA)

    said, counted = house.ledger.store.select_notifications(before + 3, 10)
    assert (said.topic, said.originator_id) == (LearnerForgotten.TOPIC, learner)
    event = house.ledger.mapper.to_domain_event(counted)
    assert isinstance(event, ForgettingCounted)
    assert event.originator_id == public_id("forgetting", 1)
    # Registered, enrolled, two results, an award.
    assert (event.level, event.learners, event.records) == (1, 1, 5)


def test_key_and_number_are_gone_and_the_other_learner_stays(house: House) -> None:
    """Nothing leads to her any more; the tombstone knows the number."""
    (learner,) = forget(house, ANA)
    vault = house.ledger.vault

    assert not vault.keys([learner])
    assert not vault.people([ANA.nsn])
    assert vault.is_forgotten([ANA.nsn, BEN.nsn]) == {ANA.nsn}
    assert vault.people([BEN.nsn])


def test_the_floors_above_are_told_what_they_may_keep(house: House) -> None:
    """Her id and the ids of her credentials, before the key goes and once more afterwards."""
    learner = learner_id(house, ANA)
    told: list[tuple[Sequence[Remains], bool]] = []
    approved(house, requested(house, ANA))

    def elsewhere(remains: Sequence[Remains]) -> bool:
        told.append((remains, bool(house.ledger.vault.keys([learner]))))
        return True

    redo(house.ledger, elsewhere)

    assert [key_is_there for _, key_is_there in told] == [True, False]
    (remains,) = told[0][0]
    assert remains.learner == learner
    assert len(remains.credentials) == 1
    assert told[1][0] == told[0][0]


def test_where_a_floor_above_fails_the_key_stays_and_it_is_done_again(house: House) -> None:
    """As long as the key is there, somebody knows that the work is not done."""
    approved(house, requested(house, ANA))

    def fails(_remains: Sequence[Remains]) -> bool:
        raise Unavailable("the disk is full")

    with pytest.raises(Unavailable):
        redo(house.ledger, fails)
    assert states(house) == [APPROVED]

    assert redo(house.ledger, nothing_elsewhere) == Redone(0, 1, wal_empty=True)
    assert states(house) == [DESTROYED]
    assert house.audit().ok


def test_what_came_just_before_the_key_went_is_found_after_a_crash_and_a_turn(house: House) -> None:
    """Her key is gone, her number is not: a turn does not count her in, and the next start finds the body."""
    approved(house, requested(house, ANA))
    about = house.build(PROVIDER_KEY, [statement("assessment.passed", **a_result(ANA, "LO1"))])

    def killed(step: str) -> None:
        if step == "elsewhere":
            house.ledger.outcomes.receive(
                received(about), house.clock.now_us(), body=Packed(about.body()), source=None
            )
            house.send(about)
        if step == "keys":
            raise Killed

    with pytest.raises(Killed):
        redo(house.ledger, nothing_elsewhere, at_step=killed)
    made = turn(house.ledger)
    (one,) = progress(house.ledger)
    assert (one.state, one.turn) == (APPROVED, None)
    assert made is not None
    assert one.forgotten_at is not None
    assert made.covers < one.forgotten_at
    house.close()
    again = open_house(house.files.folder, house.clock)
    job = again.ledger.jobs.find(house.speakers[PROVIDER_KEY], about.jti)
    assert job is not None
    assert job.has_body

    assert redo(again.ledger, nothing_elsewhere) == Redone(0, 1, wal_empty=True)

    job = again.ledger.jobs.find(house.speakers[PROVIDER_KEY], about.jti)
    assert job is not None
    assert not job.has_body
    assert states(again) == [DESTROYED]
    assert turn(again.ledger) is not None
    assert states(again) == [EFFECTIVE]
    again.close()


def test_a_damaged_number_stops_nobody_and_is_found(house: House) -> None:
    """It cannot be looked for: an audit says so, no turn covers anybody, everything else goes on."""
    killed_after_the_key(house, ANA)
    with house.ledger.vault._database.writing() as connection:
        connection.execute("UPDATE leaving SET sealed = zeroblob(40)")

    redo(house.ledger, nothing_elsewhere)
    forgotten = forget(house, BEN)
    before = states(house)
    made = turn(house.ledger)

    assert not house.ledger.vault.keys(forgotten)
    assert before == [APPROVED, DESTROYED]
    assert EFFECTIVE not in states(house)
    assert made is not None
    assert made.covers == 0
    (found,) = house.audit().faults
    assert "1 learners whose keys are destroyed, 0 of which" in found.what


def test_done_again_it_does_nothing(house: House) -> None:
    """No further record, no further count."""
    forget(house, ANA)
    size = house.size()

    assert redo(house.ledger, nothing_elsewhere) == Redone()
    assert house.size() == size


def test_an_old_copy_of_the_vault_is_destroyed_again(house: House, tmp_path: Path) -> None:
    """What the ledger says counts; an audit finds the key that came back, until it is gone again."""
    learner = learner_id(house, ANA)
    forgetting = requested(house, ANA)
    house.close()
    shutil.copy(house.files.vault, tmp_path / "old-vault")
    house = open_house(house.files.folder, house.clock)
    officers(house)
    approved(house, forgetting)
    redo(house.ledger, nothing_elsewhere)
    house.close()
    shutil.copy(tmp_path / "old-vault", house.files.vault)

    house = open_house(house.files.folder, house.clock)

    assert house.ledger.vault.keys([learner])
    assert [one.code for one in house.audit().faults] == ["forgetting"]
    assert redo(house.ledger, nothing_elsewhere) == Redone(0, 1, wal_empty=True)
    assert not house.ledger.vault.keys([learner])
    assert house.ledger.vault.is_forgotten([ANA.nsn])
    assert house.audit().ok


def test_it_takes_every_step_in_order(house: House) -> None:
    """The steps are all there are."""
    approved(house, requested(house, ANA))
    taken: list[str] = []

    redo(house.ledger, nothing_elsewhere, at_step=taken.append)

    assert tuple(taken) == STEPS


@pytest.mark.parametrize("with_keys", [True, False])
def test_an_audit_accounts_for_the_key_that_is_gone(house: House, *, with_keys: bool) -> None:
    """Exit 0: the records of somebody forgotten are counted apart, and everything else is checked."""
    forget(house, ANA)
    house.publish()

    report = house.audit(with_keys=with_keys)

    assert report.faults == []
    assert (report.forgotten, report.without_key) == ((5, 0) if with_keys else (0, 0))


def test_a_key_that_is_gone_without_a_record_is_a_finding(house: House) -> None:
    """Nobody asked for it: that is a loss, not a forgetting."""
    learner = learner_id(house, ANA)
    house.ledger.vault.forget([learner])
    house.ledger.vault.let_go([learner])

    report = house.audit()

    assert [one.code for one in report.faults] == ["vault"]
    assert (report.forgotten, report.without_key) == (0, 5)


def test_an_award_of_somebody_forgotten_is_revoked_and_audited(house: House) -> None:
    """The revocation is decided again with the ledger's own key."""
    (award,) = (
        one.originator_id
        for one in house.ledger.store.taken("award", [learner_id(house, ANA).bytes + b"6022"]).values()
    )
    forget(house, ANA)
    said = statement("award.revoked", award=award, reason="issued_in_error", effective_on="2026-11-22")
    house.must(PROVIDER_KEY, [said])

    report = house.audit()
    assert report.faults == []
    assert report.forgotten == 5


def test_without_the_key_that_sealed_the_requests_they_are_carried_out_all_the_same(house: House) -> None:
    """An old copy of the vault may have none of the ledger, or another: only the reason is not known then."""
    approved(house, requested(house, ANA))
    house.ledger.vault.destroy_keys([house.ledger.subject])
    house.ledger.vault.key_of(house.ledger.subject, "ledger")

    assert redo(house.ledger, nothing_elsewhere).carried_out == 1
    (one,) = progress(house.ledger)
    assert (one.state, one.basis) == (DESTROYED, "")


def test_a_forgetting_while_an_audit_looks_is_no_finding(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The audit holds one state of the ledger, the vault has no history: it asks again before it says so."""

    def read_then_forget(*arguments: Any) -> Outline:
        outline = read_outline(*arguments)
        forget(house, ANA)
        return outline

    monkeypatch.setattr("ledger.audit.run.read_outline", read_then_forget)

    report = house.audit()

    assert report.faults == []
    assert report.forgotten == 5
