"""Forgettings and old copies: what is known of them after a restore, and what is destroyed again."""

from datetime import timedelta
from pathlib import Path

import pytest

from ledger.deciding.batch import HELD
from ledger.forgetting import DESTROYED, Redone, progress, redo
from ledger.restore import restore
from ledger.turning import turn
from tests.support.forgetting import (
    a_published_ledger_with_officers,
    approved,
    forget,
    killed_after_the_key,
    learner_id,
    nothing_elsewhere,
    requested,
)
from tests.support.ledgers import PROVIDER_KEY, House, statement
from tests.support.rollbacks import put_back, take_copy
from tests.support.world import ANA, BEN, a_result


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Return a ledger where ANA and BEN hold an award each, and two officers may forget them."""
    return a_published_ledger_with_officers(tmp_path / "ledger")


def restored(house: House, copy: Path, *names: str) -> None:
    """Put old copies back and accept what is lost."""
    house.publish()
    put_back(house, copy, *names)
    house.clock.advance(timedelta(minutes=1))
    restore(house.ledger, accept_lost=True)
    house.publish()


def test_an_old_ledger_beside_todays_vault_knows_that_somebody_was_forgotten(
    house: House, tmp_path: Path
) -> None:
    """The count is public and came back; whose it was is lost, the tombstone is not: her rows stay held."""
    take_copy(house, tmp_path / "copy")
    forget(house, ANA)
    restored(house, tmp_path / "copy")

    assert redo(house.ledger, nothing_elsewhere) == Redone()
    (outcome,) = house.post(PROVIDER_KEY, [statement("assessment.passed", **a_result(ANA))])
    report = house.audit()

    assert outcome.status == HELD
    assert report.faults == []
    assert (report.forgotten, report.without_key) == (5, 0)


def test_who_is_leaving_without_a_request_is_let_go(house: House, tmp_path: Path) -> None:
    """A restore of the ledger alone lost who asked; no turn covers anybody before the search is made."""
    take_copy(house, tmp_path / "copy")
    killed_after_the_key(house, ANA)
    restored(house, tmp_path / "copy")
    assert list(progress(house.ledger)) == []
    assert [one.code for one in house.audit().faults] == ["forgetting"]
    made = turn(house.ledger)
    assert made is not None
    assert made.covers == 0

    assert redo(house.ledger, nothing_elsewhere) == Redone(0, 1, wal_empty=True)

    assert house.ledger.vault.count_leaving() == 0
    assert house.ledger.vault.is_forgotten([ANA.nsn])
    assert house.audit().ok


def test_no_more_keys_may_be_gone_than_forgettings_were_lost(house: House, tmp_path: Path) -> None:
    """One is counted; a second key that is gone is a finding, and both are."""
    take_copy(house, tmp_path / "copy")
    forget(house, ANA)
    restored(house, tmp_path / "copy")
    learner = learner_id(house, BEN)
    house.ledger.vault.forget([learner])
    house.ledger.vault.let_go([learner])

    assert [one.code for one in house.audit().faults] == ["vault"]


def test_what_was_approved_before_the_copy_is_carried_out_again(house: House, tmp_path: Path) -> None:
    """The old ledger knows who asked; only that it was done is lost, and it is done and said again."""
    learner, forgetting = learner_id(house, ANA), requested(house, ANA)
    approved(house, forgetting)
    house.publish()
    take_copy(house, tmp_path / "copy", "ledger.sqlite", "vault.sqlite")
    redo(house.ledger, nothing_elsewhere)
    restored(house, tmp_path / "copy", "ledger.sqlite", "vault.sqlite")
    assert house.ledger.vault.keys([learner])

    assert redo(house.ledger, nothing_elsewhere) == Redone(1, 0, wal_empty=True)

    assert not house.ledger.vault.keys([learner])
    assert [one.state for one in progress(house.ledger)] == [DESTROYED]
    house.publish()
    assert house.audit().faults == []
