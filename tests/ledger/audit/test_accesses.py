"""What an audit finds in the access log: of closed days everything, of an open one what rows say."""
# ruff: noqa: S608 - statements are put together from constants of the module

from datetime import timedelta

import pytest

from ledger.access import KEEP_YEARS, note_audit
from ledger.access.rows import (
    LEARNER_REQUEST,
    OPERATOR,
    OWN,
    RECORD_CLR,
    RECORD_PAGE,
    Access,
    Reader,
    sealed_row,
)
from tests.ledger.access.conftest import Reads, reads
from tests.support.forgetting import forget
from tests.support.world import ANA, BEN

__all__ = ("reads",)

OFFICER = Reader(OPERATOR, LEARNER_REQUEST)
FIRST = "day = (SELECT MIN(day) FROM row) AND place = 0"


@pytest.fixture
def closed(reads: Reads) -> Reads:
    """Three rows of a closed day: Ana's, Ben's, an audit's; and one of today."""
    reads.read(ANA)
    reads.read(BEN, OFFICER, RECORD_CLR)
    note_audit(reads.house.files, reads.house.clock)
    reads.close_day()
    reads.read(ANA, OFFICER)
    return reads


def faults(reads: Reads, *, with_keys: bool = True) -> set[tuple[str, str]]:
    """Return code and severity of what is found."""
    return {(one.code, one.severity) for one in reads.audit(with_keys=with_keys).faults}


def test_a_whole_log_is_clean(closed):
    """With keys and without; every row is counted."""
    assert faults(closed) == faults(closed, with_keys=False) == set()
    assert closed.audit().accesses == 4
    assert closed.audit().as_json()["accesses"] == 4


def test_a_ledger_in_which_nobody_read_is_clean(reads):
    """With the file, and before there is one."""
    with_file = faults(reads)
    for path in reads.house.files.folder.glob("access.sqlite*"):
        path.unlink()

    assert with_file == faults(reads) == set()


@pytest.mark.parametrize(
    "statement",
    [
        f"DELETE FROM row WHERE {FIRST}",
        "DELETE FROM row WHERE place = 2",
        "DELETE FROM row",
        "INSERT INTO row SELECT day, place + 10, leaf, found_by, sealed FROM row WHERE place = 0",
        f"UPDATE row SET leaf = randomblob(32) WHERE {FIRST}",
        f"UPDATE row SET leaf = x'00' WHERE {FIRST}",
        f"UPDATE row SET place = 17 WHERE {FIRST}",
        f"UPDATE row SET day = '2026-11-20' WHERE {FIRST}",
        f"UPDATE row SET day = 'yesterday' WHERE {FIRST}",
        f"UPDATE row SET day = '2026-11-23', place = 9 WHERE {FIRST}",
        f"UPDATE row SET found_by = NULL WHERE {FIRST}",
        f"UPDATE row SET sealed = NULL WHERE {FIRST}",
        f"UPDATE row SET found_by = NULL, sealed = NULL WHERE {FIRST}",
    ],
)
def test_what_became_of_a_closed_day_is_found_without_keys(closed, statement):
    """A row removed, added, moved, changed, or emptied though nobody was forgotten."""
    closed.tamper(statement)

    assert ("access", "fault") in faults(closed, with_keys=False)


@pytest.mark.parametrize(
    "statement",
    [
        f"UPDATE row SET sealed = randomblob(200) WHERE {FIRST}",
        f"UPDATE row SET found_by = randomblob(16) WHERE {FIRST}",
        f"UPDATE row SET found_by = x'' WHERE {FIRST}",
        # Ana's read in place of Ben's: each opens where it belongs, and nowhere else.
        "UPDATE row SET sealed = (SELECT sealed FROM row WHERE place = 0 LIMIT 1) WHERE place = 1",
        "UPDATE row SET found_by = (SELECT found_by FROM row WHERE place = 0 LIMIT 1) WHERE place = 1",
    ],
)
def test_what_a_row_says_is_found_with_keys(closed, statement):
    """Its leaf stays, and its content, or whom it is shown to, is another."""
    closed.tamper(statement)

    found = {code for code, _ in faults(closed)}
    assert found & {"access", "sealed"}


@pytest.mark.parametrize("place", [0, 1])
def test_two_rows_that_changed_places_are_found(closed, place):
    """Their day has the same rows in another order, so another root."""
    closed.tamper(
        f"UPDATE row SET place = 77 WHERE day = '2026-11-22' AND place = {place}",
        f"UPDATE row SET place = {place} WHERE day = '2026-11-22' AND place = 2",
        "UPDATE row SET place = 2 WHERE place = 77",
    )

    assert ("access", "fault") in faults(closed, with_keys=False)


def test_a_row_about_everybody_is_held_to_its_leaf(closed):
    """It is open, so no key is needed."""
    closed.tamper("UPDATE row SET sealed = CAST(substr(sealed, 1, 40) || x'20' AS BLOB) WHERE place = 2")

    assert ("access", "fault") in faults(closed, with_keys=False)


def test_a_row_in_a_day_that_was_passed_over_is_found(closed):
    """A day that was never closed, though a later one was, takes rows that nobody would count."""
    closed.tamper(
        "INSERT INTO row SELECT '2026-11-01', 0, leaf, found_by, sealed FROM row WHERE place = 0 LIMIT 1"
    )

    assert ("access", "fault") in faults(closed, with_keys=False)


def test_a_file_that_is_gone_is_found(closed):
    """The days are on record; whoever removes the file does not remove that there were reads."""
    closed.log.close()
    for path in closed.house.files.folder.glob("access.sqlite*"):
        path.unlink()

    (fault,) = closed.audit(with_keys=False).faults
    assert fault.code == "access"
    assert "is not there" in fault.what


def test_a_file_that_is_no_database_is_found(closed):
    """Garbage in its place ends nothing."""
    closed.log.close()
    for path in closed.house.files.folder.glob("access.sqlite*"):
        path.unlink()
    closed.house.files.access.write_bytes(b"garbage" * 1000)

    assert ("storage", "fault") in faults(closed, with_keys=False)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE closed SET rows = 2",
        "UPDATE closed SET root = randomblob(32)",
        "UPDATE span SET root = x'00'",
        "DELETE FROM span",
    ],
)
def test_what_is_kept_twice_is_a_warning(closed, statement):
    """It can be made again from rows and records, which have their own checks."""
    closed.tamper(statement)

    assert faults(closed, with_keys=False) == {("access", "warning")}


def test_a_row_of_today_that_says_something_else_is_found(closed):
    """Of an open day what each row says is held to its leaf, with keys."""
    closed.tamper("UPDATE row SET sealed = randomblob(200) WHERE day = '2026-11-23'")

    assert faults(closed) == {("sealed", "fault")}


def test_a_row_of_today_can_be_left_out(closed):
    """That is the limit: until its day is closed nobody can show that a row was there."""
    closed.tamper("DELETE FROM row WHERE day = '2026-11-23'")

    assert faults(closed) == set()


def test_somebody_elses_row_cannot_be_passed_on(reads):
    """A row that opens under one's own key and is about another: nobody's look is told to the wrong one."""
    key = reads.house.ledger.vault.keys([reads.ids[ANA.nsn]])[reads.ids[ANA.nsn]]
    at_us = reads.house.clock.now_us()
    reads.log._file.append([sealed_row(Access(at_us, OWN, RECORD_PAGE, reads.ids[BEN.nsn]), key)], at_us)

    assert ("access", "fault") in faults(reads)


# ------------------------------------------------------------------ what may be gone


def test_rows_of_the_forgotten_are_not_missed(closed):
    """Erased, or noise where the erasing did not come to them: leaves and roots hold."""
    erased = closed.log.destroy([closed.ids[ANA.nsn]])
    forget(closed.house, ANA, BEN)

    assert erased
    assert faults(closed) == faults(closed, with_keys=False) == set()


def test_a_day_that_only_says_that_it_was_erased_is_found(closed):
    """Its rows would be passed over when their years are up, and be kept for ever."""
    closed.tamper("UPDATE closed SET erased = 1")

    found = closed.audit(with_keys=False).faults

    assert [(one.code, one.derived) for one in found] == [("access", True)]


def test_a_forgetting_accounts_for_nothing_after_its_day(closed):
    """Rows that are written later have a learner, so they have no reason to be gone."""
    forget(closed.house, ANA)
    closed.next_day()
    closed.read(BEN)
    closed.close_day()
    clean = faults(closed)

    closed.tamper("UPDATE row SET found_by = NULL, sealed = NULL WHERE day = '2026-11-24'")

    assert clean == set()
    assert faults(closed, with_keys=False) == {("access", "fault")}


def test_rows_that_were_kept_for_their_years_may_be_gone(closed):
    """By what is recorded since, not by anybody's clock."""
    closed.house.clock.advance(timedelta(days=366 * KEEP_YEARS))
    closed.log.days.close()

    assert closed.log.destroy_old() == 2
    assert faults(closed) == set()
