"""A row for every read: sealed, found by its learner alone, and gone with the learner."""

import threading
import time
from datetime import date, timedelta
from uuid import UUID

import pytest

from ledger.access import KEEP_YEARS, PAGE_MAX, note_audit
from ledger.access.log import years_before
from ledger.access.rows import (
    AUDITOR,
    EVERYTHING,
    LEARNER_REQUEST,
    OPERATOR,
    ORGANISATION,
    OWN,
    OWN_STATEMENT,
    RECEIPT,
    RECORD_CLR,
    RECORD_PAGE,
    Access,
    Reader,
    leaf_of,
    open_row,
    opened,
    read_access,
    sealed_row,
)
from ledger.errors import Corrupt, Unavailable
from ledger.forgetting import redo
from ledger.ids import public_id
from ledger.privacy.sealing import SubjectKey
from ledger.turning import turn
from tests.support.forgetting import approved, learner_id, officers, requested
from tests.support.world import ANA, BEN, PROVIDER

OFFICER = Reader(OPERATOR, LEARNER_REQUEST)
KEY = SubjectKey(UUID(int=7), bytes(range(32)))
PATIENCE_S = 60
READ = Access(1_795_305_600_000_000, OWN, RECORD_PAGE, UUID(int=7))


def whats(listed) -> list[str]:
    """Return what was read, newest first."""
    return [one.opened.access.what for one in listed.rows]


# ------------------------------------------------------------------ one row


def test_a_row_is_exact_text():
    """The same read is the same bytes, and they are what the format says."""
    read = Access(12, Reader(ORGANISATION, OWN_STATEMENT, UUID(int=1)), RECEIPT, UUID(int=2))

    assert read.row_bytes() == (
        b'{"at":12,"by":"00000000-0000-0000-0000-000000000001","learner":"00000000-0000-0000-0000-000000000002",'
        b'"v":1,"what":"receipt","who":"organisation","why":"own_statement"}'
    )
    assert read_access(read.row_bytes()) == read


def test_the_same_read_twice_has_two_leaves():
    """A salt of its own: nobody can tell from a leaf what was read, or that it was the same."""
    first, second = sealed_row(READ, KEY), sealed_row(READ, KEY)

    assert first.leaf != second.leaf
    assert opened(first, KEY).access == opened(second, KEY).access == READ
    found = opened(first, KEY)
    assert leaf_of(found.salt, found.row) == first.leaf


@pytest.mark.parametrize(
    "row",
    [
        b"",
        b"[]",
        b'{"at":12}',
        b'{"at":12,"v":1,"what":"record_page","who":"a neighbour","why":"own_record"}',
        b'{"at":12,"v":1,"what":"record_page","who":"learner","why":"curiosity"}',
        b'{"at":12,"v":1,"what":"diary","who":"learner","why":"own_record"}',
        b'{"at":12,"v":2,"what":"record_page","who":"learner","why":"own_record"}',
        b'{"at":12, "v":1,"what":"record_page","who":"learner","why":"own_record"}',
        b'{"at":12,"more":1,"v":1,"what":"record_page","who":"learner","why":"own_record"}',
        b'{"at":"12","by":12,"v":1,"what":"record_page","who":"learner","why":"own_record"}',
        b'{"at":[],"v":1,"what":"record_page","who":[],"why":"own_record"}',
        b"\xff",
    ],
)
def test_a_row_of_another_form_is_none(row):
    """Whatever stands there, nothing but Corrupt comes of it."""
    with pytest.raises(Corrupt):
        read_access(row)


def test_a_row_does_not_open_under_another_leaf():
    """Two rows cannot be exchanged, sealed or open."""
    sealed, other = sealed_row(READ, KEY), sealed_row(READ, KEY)
    audits = open_row(Access(1, AUDITOR, EVERYTHING, None)), open_row(Access(2, AUDITOR, EVERYTHING, None))

    with pytest.raises(Corrupt):
        opened(sealed._replace(leaf=other.leaf), KEY)
    with pytest.raises(Corrupt):
        opened(audits[0]._replace(leaf=audits[1].leaf), None)


# ------------------------------------------------------------------ who sees what


def test_learners_see_their_own_rows_newest_first(reads):
    """Who, when, what and why; nobody else's."""
    reads.read(ANA)
    reads.house.clock.advance(timedelta(minutes=1))
    reads.read(ANA, OFFICER, RECORD_CLR)
    reads.read(BEN)

    rows = reads.of(ANA).rows

    assert [one.opened.access.reader for one in rows] == [OFFICER, OWN]
    assert rows[0].opened.access.at_us == reads.house.clock.now_us()
    assert all(one.opened.access.learner == reads.ids[ANA.nsn] for one in rows)
    assert len(reads.of(BEN).rows) == 1


def test_reads_of_others_are_found_without_ones_own(reads):
    """Who else: a hundred looks of one's own do not hide one of somebody else's."""
    reads.read(ANA, OFFICER, RECORD_CLR)
    reads.read(ANA, times=PAGE_MAX + 5)

    listed = reads.of(ANA, with_own=False)

    assert whats(listed) == [RECORD_CLR]
    assert listed.more is None


def test_pages_go_on_where_the_last_one_ended(reads):
    """Every row once, in order, however many there are, a page at a time."""
    reads.read(ANA, times=PAGE_MAX)
    reads.close_day()
    reads.read(ANA, OFFICER, times=PAGE_MAX + 1)

    seen, more, pages = [], None, 0
    while more is not None or not pages:
        listed, pages = reads.of(ANA, before=more, limit=10_000), pages + 1
        assert len(listed.rows) <= PAGE_MAX
        seen += [(one.day, one.number) for one in listed.rows]
        more = listed.more

    assert len(seen) == len(set(seen)) == 2 * PAGE_MAX + 1
    assert seen == sorted(seen, reverse=True)


def test_an_audit_is_seen_by_everybody(reads):
    """One row for all learners: who opens everything opens theirs too."""
    note_audit(reads.house.files, reads.house.clock)

    for human in (ANA, BEN):
        (row,) = reads.of(human, with_own=False).rows
        assert (row.opened.access.what, row.opened.access.learner) == (EVERYTHING, None)


def test_an_audit_makes_no_access_log(reads):
    """Where the file is gone an audit has to say so: it does not put a new one in its place."""
    for path in reads.house.files.folder.glob("access.sqlite*"):
        path.unlink()

    note_audit(reads.house.files, reads.house.clock)

    assert not reads.house.files.access.exists()


# ------------------------------------------------------------------ before anything is shown


def test_what_cannot_be_kept_is_not_read(reads, monkeypatch):
    """A disk that does not take the row: whoever reads is told to come back, and sees nothing."""

    def full(*_arguments):
        raise Unavailable("access.sqlite cannot be written now: database or disk is full", code="storage")

    monkeypatch.setattr(reads.log._file.database, "writing", full)

    with pytest.raises(Unavailable):
        reads.read(ANA)


@pytest.mark.parametrize(("day", "code"), [("9999-12-31", "clock"), ("someday", "access")])
def test_a_day_that_cannot_be_closed_yet_stops_reading(reads, day, code):
    """Nobody is shown anything while rows would stand in a day that is years away, or in none."""
    with reads.log._file.database.writing() as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(closed)")]
        values = [day if column == "day" else b"" if column == "root" else 0 for column in columns]
        marks = ",".join("?" * len(values))
        connection.execute(f"INSERT INTO closed VALUES ({marks})", values)  # noqa: S608 - question marks

    with pytest.raises((Unavailable, Corrupt)) as caught:
        reads.read(ANA)

    assert caught.value.code == code


def test_who_is_forgotten_on_record_is_not_read_while_the_key_is_still_there(reads):
    """Its rows would be destroyed after the day that accounts for them."""
    house, learner = reads.house, learner_id(reads.house, ANA)
    officers(house)
    approved(house, requested(house, ANA))

    def fails(_remains):
        raise Unavailable("the disk is full")

    with pytest.raises(Unavailable):
        redo(house.ledger, fails)
    assert house.ledger.vault.keys([learner])

    with pytest.raises(Unavailable, match="being forgotten"):
        reads.log.write(OFFICER, {learner: RECORD_PAGE})


def test_who_has_no_key_has_no_row(reads):
    """There is nothing sealed that could be shown."""
    reads.log.write(OWN, {UUID(int=1): RECORD_PAGE})

    assert reads.log.of(UUID(int=1)).rows == ()
    assert reads.audit().accesses == 0


def test_reads_at_the_same_time_share_a_flush(reads):
    """Thirty-two readers while the disk is busy: every row is there, after two transactions."""
    sharing = reads.log._file.database.sharing
    threads = [threading.Thread(target=reads.read, args=(ANA,)) for _ in range(32)]

    with reads.log._file.database.writing():
        for one in threads:
            one.start()
        until = time.monotonic() + PATIENCE_S
        while len(sharing._waiting) < 31 and time.monotonic() < until:
            time.sleep(0.001)
    for one in threads:
        one.join()

    assert len(reads.of(ANA).rows) == 32
    assert (sharing.requests, sharing.groups) == (32, 2)


def test_rows_survive_a_turn_of_the_epoch(reads):
    """What they are found by is the learner's own, not the vault's."""
    reads.read(ANA, OFFICER)

    turn(reads.house.ledger)
    reads.reopen()

    assert len(reads.of(ANA).rows) == 1


# ------------------------------------------------------------------ nothing is kept for ever


def test_nothing_in_the_file_says_whose_a_row_is(reads):
    """No number, no id: the file alone tells when somebody was read about, and not who."""
    reads.read(ANA, Reader(ORGANISATION, OWN_STATEMENT, public_id("organisation", PROVIDER)), RECEIPT)
    reads.log.truncate_wal()

    content = reads.house.files.access.read_bytes()

    for secret in (reads.ids[ANA.nsn].bytes, str(reads.ids[ANA.nsn]).encode(), ANA.nsn.encode(), b"receipt"):
        assert secret not in content


def test_destroying_leaves_leaves(reads):
    """Of who was forgotten only leaves stay, so that everybody else's paths still lead to the root."""
    reads.read(ANA, OFFICER)
    reads.read(BEN, OFFICER)
    reads.close_day()
    (before,) = reads.of(BEN).rows

    assert reads.log.destroy([reads.ids[ANA.nsn]])
    assert reads.log.destroy([reads.ids[ANA.nsn]])

    assert reads.of(ANA).rows == ()
    assert reads.of(BEN).rows == (before,)
    rows = set(reads.log._file.database.reader.execute("SELECT length(leaf), found_by IS NULL FROM row"))
    assert rows == {(32, 1), (32, 0)}


def test_rows_are_destroyed_after_their_years(reads):
    """By the newest record's day: the last day of the years stays, the one before it goes."""
    reads.read(ANA)
    reads.close_day()
    today = date(2026, 11, 22)
    assert years_before(today.replace(year=today.year + KEEP_YEARS)) == today

    kept = reads.log.destroy_old()
    reads.house.clock.advance(timedelta(days=366 * KEEP_YEARS))
    idle = reads.log.destroy_old()
    reads.house.organisation(95002, "provider")

    assert (kept, idle, reads.log.destroy_old(), reads.log.destroy_old()) == (0, 0, 1, 0)
    assert reads.of(ANA).rows == ()
    assert reads.audit().faults == []


def test_a_leap_day_has_a_day_some_years_earlier():
    """The first of March where there is none."""
    assert years_before(date(2028, 2, 29)) == date(2021, 3, 1)
