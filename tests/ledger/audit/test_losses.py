"""What a restore gave up: accounted for it is no fault, and nothing else passes for it.

Source: LEDGER.md 4 (`gone`), 5 (`restore --accept-lost`), 7.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ledger import database
from ledger.application import Consequence
from ledger.audit import How, Report, audit_files
from ledger.domain.tail import TailLost
from ledger.files import LedgerFiles
from ledger.ids import public_id
from ledger.keys.keyring import Keyring
from ledger.restore import restore
from ledger.store.tree import StoredTree
from tests.ledger.audit.houses import a_ledger_of_everything
from tests.ledger.audit.tampering import Bench, Change
from tests.support.ledgers import (
    PROVIDER_KEY,
    House,
    a_full_ledger,
    a_study_ledger,
    people,
    registration_of,
    statement,
)
from tests.support.rollbacks import a_rolled_back_ledger, put_back, take_copy
from tests.support.world import ANA

LOSE = (
    "UPDATE record SET stream = x'', version = position, topic = '', state = NULL, submission = NULL,"
    " row = NULL, gone = 'lost', recorded_at_us = (SELECT r.recorded_at_us FROM record r"
    " WHERE r.position = record.position - 1) WHERE position = {}"
)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A closed ledger that lost five private records, and got five public ones back."""
    return a_ledger_of_everything(tmp_path_factory.mktemp("ledger"), learners=4)


@pytest.fixture
def bench(house: House, tmp_path: Path) -> Bench:
    """A copy of its database to tamper with."""
    return Bench(house.files.ledger, tmp_path)


def _audited(house: House, bench: Bench) -> Report:
    return audit_files(LedgerFiles(bench.path.parent, house.files.anchor))


def _found(house: House, bench: Bench, *statements: str) -> set[tuple[str, str]]:
    """Return codes and places of what is found after a change; the short and the plain way say the same."""
    assert bench.apply(Change("", statements))
    files = LedgerFiles(bench.path.parent, house.files.anchor)
    short, plain = audit_files(files), audit_files(files, how=How(short=False))
    assert short.faults == plain.faults
    return {(fault.code, fault.where) for fault in short.faults}


def _one(bench: Bench, query: str) -> Any:
    connection = database.connect(bench.path)
    try:
        return connection.execute(query).fetchone()[0]
    finally:
        connection.close()


def test_a_loss_that_was_accepted_is_counted_and_is_no_fault(house: House, bench: Bench) -> None:
    """Lost records are not checkable; public ones that came back are whole, even without a submission."""
    report = _audited(house, bench)

    assert report.faults == []
    assert (report.lost, report.not_checkable - report.redacted) == (5, 5)
    alone = "SELECT COUNT(*) FROM record WHERE topic = 'organisation.role_granted' AND submission IS NULL"
    assert _one(bench, alone) == 1


def test_a_record_that_nothing_accounts_for_is_found(house: House, bench: Bench) -> None:
    """A private record beyond the accepted loss, cleared in the very form of a lost one."""
    newest = _one(bench, "SELECT MAX(position) FROM record WHERE topic = 'assessment.passed'")

    assert ("gone", f"record {newest}") in _found(house, bench, LOSE.format(newest))


def test_one_more_within_the_loss_is_found(house: House, bench: Bench) -> None:
    """A public record that came back is cleared again: the log holds it, and the count is another."""
    back = _one(bench, "SELECT MAX(position) FROM record WHERE gone = 'lost'") - 6
    topic = _one(bench, f"SELECT topic FROM record WHERE position = {back}")  # noqa: S608
    told_at = _one(bench, "SELECT position FROM record WHERE topic = 'tail.lost'")

    found = _found(house, bench, LOSE.format(back))

    assert topic.startswith("organisation.")
    assert {("gone", f"record {back}"), ("tail", f"record {told_at}")} <= found


@pytest.mark.parametrize(
    "change",
    [
        "stream = randomblob(16)",
        "version = version + 1000",
        "topic = 'assessment.passed'",
        "state = x'93'",
        "recorded_at_us = recorded_at_us + 1",
        "row = 3",
        "gone = 'redacted'",
        "gone = NULL",
    ],
)
def test_something_left_of_a_lost_record_is_found(house: House, bench: Bench, change: str) -> None:
    """A lost record has position, entry, leaf and the instant of the one ahead of it; nothing else."""
    newest = _one(bench, "SELECT MAX(position) FROM record WHERE gone = 'lost'")

    found = _found(house, bench, f"UPDATE record SET {change} WHERE position = {newest}")  # noqa: S608

    assert f"record {newest}" in {where for _, where in found}


def test_a_public_record_without_a_submission_is_found_elsewhere(house: House, bench: Bench) -> None:
    """Only what came back from what was published may rest on what it carries alone."""
    newest = _one(bench, "SELECT MAX(position) FROM record WHERE topic = 'key.annulled'")

    found = _found(
        house,
        bench,
        f"UPDATE record SET submission = NULL, row = NULL WHERE position = {newest}",  # noqa: S608
    )

    assert ("submission", f"record {newest}") in found


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"lost": 1}, "says that 1 records lost their content, 0 have"),
        ({}, "4 of the private records that it covers are not lost"),
        ({"first": 1, "last": 2}, "does not end right before it"),
    ],
)
def test_a_loss_that_never_was_is_found(tmp_path: Path, fields: dict[str, Any], words: str) -> None:
    """An account of a loss that says how many, or where, otherwise than it is."""
    house = a_full_ledger(tmp_path, [ANA])
    head = house.ledger.store.head()
    held = {"first": head.size - 3, "last": head.size, "root": head.root, "lost": 0, **fields}
    house.ledger.note([Consequence(public_id("tail", held["first"], held["last"]), TailLost, held)])

    faults = house.audit(with_keys=False).faults

    assert {fault.where for fault in faults} == {f"record {house.size()}"}
    assert [words in fault.what for fault in faults if fault.code == "tail"] == [True]


def test_a_loss_from_another_tree_is_found(tmp_path: Path) -> None:
    """Everything in its range was public and is whole; the root that it names is nobody's."""
    house = a_study_ledger(tmp_path)
    house.publish()
    size = house.size()
    held = {"first": size, "last": size, "root": bytes(32), "lost": 0}
    house.ledger.note([Consequence(public_id("tail", size, size), TailLost, held)])

    found = [fault.what for fault in house.audit(with_keys=False).faults]

    assert found == ["names another root than the records make"]


def test_a_loss_that_is_made_up_for_a_chosen_record_is_found(tmp_path: Path) -> None:
    """The log's own key tells later of a loss, and an older record is cleared in the form of a lost one."""
    house = a_full_ledger(tmp_path / "ledger", people(2))
    victim = house.size() - 1
    root = StoredTree(house.ledger.store.database).root(victim)
    held = {"first": victim, "last": victim, "root": root, "lost": 1}
    told_at = house.size() + 1
    house.ledger.note([Consequence(public_id("tail", victim, victim), TailLost, held)])
    house.close()
    (tmp_path / "bench").mkdir()
    bench = Bench(house.files.ledger, tmp_path / "bench")

    found = _found(house, bench, LOSE.format(victim))

    assert {("gone", f"record {victim}"), ("tail", f"record {told_at}")} <= found


def test_a_chosen_record_within_a_loss_is_not_spared(house: House, bench: Bench) -> None:
    """What a restore could not have kept is there: position, state and all, as if only others were lost."""
    told_at = _one(bench, "SELECT position FROM record WHERE topic = 'tail.lost'")
    newest = _one(bench, "SELECT MAX(position) FROM record WHERE gone = 'lost'")

    found = _found(
        house,
        bench,
        f"UPDATE record SET gone = NULL, state = x'93', topic = 'x' WHERE position = {newest}",  # noqa: S608
    )

    assert ("tail", f"record {told_at}") in found


def test_what_came_back_was_said_by_who_could_say_it(tmp_path: Path) -> None:
    """A ledger looked away when a key for results registered a key, and once more when that came back."""
    house = a_rolled_back_ledger(tmp_path, public=False, private=False).house
    take_copy(house, tmp_path / "older")
    nobody = {"organisation": 96999, "role": "developer", "ended_on": "2026-01-01"}
    refused = statement("organisation.role_ended", **nobody)
    said = registration_of(house.keystore.create("another"), 95001, "submission")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Keyring, "valid", lambda self, kid, *_: self.get(kid))
        house.post(PROVIDER_KEY, [refused, said, refused, refused])
        house.publish()
        told = house.size()
        put_back(house, tmp_path / "older")
        house.clock.advance(timedelta(minutes=1))
        restore(house.ledger, accept_lost=True)

    found = [(fault.code, fault.where) for fault in house.audit(with_keys=False).faults]

    assert found == [("said-key", f"record {told}")]
