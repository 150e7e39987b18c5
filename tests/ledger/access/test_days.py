"""A day that is over is closed: once, whatever stops in between, and every row has its path."""

import shutil
from datetime import date, timedelta
from hashlib import sha256
from typing import Any

import pytest

from ledger.access import AccessLog
from ledger.access.days import SPAN, STEPS
from ledger.access.rows import LEARNER_REQUEST, OPERATOR, RECORD_CLR, Reader
from ledger.domain.access import AccessDayClosed
from ledger.errors import Corrupt
from ledger.log.merkle import root_of, verify_inclusion
from ledger.monitor.rebuilding import compare_registers, rebuild
from ledger.monitor.source import folder
from ledger.monitor.watching import Watch
from ledger.restore import restore
from tests.ledger.monitor.forging import trusted
from tests.support.rollbacks import put_back, take_copy
from tests.support.world import ANA, BEN

TODAY = date(2026, 11, 22)
OFFICER = Reader(OPERATOR, LEARNER_REQUEST)


def recorded(reads) -> list[tuple[date, int, bytes]]:
    """Return every day that is on record."""
    ledger = reads.house.ledger
    found = ledger.store.select_notifications(1, 10_000, topics=(AccessDayClosed.TOPIC,))
    events: list[Any] = [ledger.mapper.to_domain_event(one) for one in found]
    return [(event.day, event.rows, event.root) for event in events]


def leaves(reads, day: date) -> list[bytes]:
    """Return the leaves of a day as the file has them."""
    rows = reads.log._file.database.reader.execute(
        "SELECT leaf FROM row WHERE day = ? ORDER BY place", (day.isoformat(),)
    )
    return [leaf for (leaf,) in rows]


def test_a_day_is_closed_when_it_is_over(reads):
    """Not while it lasts; then once, with as many rows as there were and their root."""
    reads.read(ANA, times=3)
    lasting = reads.log.days.close()

    closed = reads.close_day()

    assert (lasting, closed, reads.log.days.close()) == (0, 1, 0)
    assert recorded(reads) == [(TODAY, 3, root_of(leaves(reads, TODAY)))]
    assert reads.audit().faults == []
    assert reads.audit(with_keys=False).faults == []


def test_a_day_without_rows_has_no_record(reads):
    """A ledger in which nobody reads does not grow by itself."""
    assert [reads.close_day() for _ in range(3)] == [0, 0, 0]

    assert recorded(reads) == []


def test_missed_days_are_made_up(reads):
    """Nobody served for a week: each day that had rows gets its record at the next start."""
    for _ in range(3):
        reads.read(ANA)
        reads.next_day()
    reads.house.clock.advance(timedelta(days=7))
    reads.reopen()

    assert reads.log.days.close() == 3

    assert [day for day, *_ in recorded(reads)] == [TODAY + timedelta(days=one) for one in range(3)]
    assert reads.audit().faults == []


@pytest.mark.parametrize("step", STEPS)
def test_a_stop_in_between_is_made_up(reads, step):
    """After the day was closed, after its root was recorded: the next start ends with one record."""

    class Stopped(Exception):
        pass

    def stop(name):
        if name == step:
            raise Stopped

    reads.read(ANA)
    reads.next_day()

    with pytest.raises(Stopped):
        reads.log.days.close(at_step=stop)
    reads.read(ANA)  # of the new day: never in the closed one
    reads.reopen()
    reads.log.days.close()

    assert [(day, rows) for day, rows, _ in recorded(reads)] == [(TODAY, 1)]
    assert reads.audit().faults == []


def test_a_row_that_comes_for_a_closed_day_stands_in_the_next(reads):
    """A reader who looked just before midnight and was slow, or a clock that went back."""
    reads.read(ANA)
    reads.close_day()
    reads.house.clock.advance(timedelta(days=-1))

    reads.read(ANA, OFFICER)

    (late, _) = reads.of(ANA).rows
    assert (late.day, late.number) == (TODAY + timedelta(days=1), 0)
    assert late.place is None


def test_two_processes_close_a_day_once(reads):
    """The second finds the record of the first."""
    reads.read(ANA)
    beside = AccessLog(reads.house.ledger)

    assert (reads.close_day(), beside.days.close()) == (1, 0)

    beside.close()
    assert len(recorded(reads)) == 1


def test_a_day_is_never_recorded_again(reads, tmp_path):
    """An old copy of the file was put back, with fewer rows: the record stands, and an audit finds it."""
    reads.read(ANA)
    reads.log.truncate_wal()
    shutil.copy2(reads.house.files.access, tmp_path / "old")
    reads.read(BEN)
    reads.close_day()
    for path in reads.house.files.folder.glob("access.sqlite-*"):
        path.unlink()
    reads.log.close()
    shutil.copy2(tmp_path / "old", reads.house.files.access)
    reads.reopen()

    assert reads.log.days.close() == 0

    assert [(day, rows) for day, rows, _ in recorded(reads)] == [(TODAY, 2)]
    assert [fault.code for fault in reads.audit().faults if fault.severity == "fault"] == ["access"]


# ------------------------------------------------------------------ paths


@pytest.mark.parametrize("rows", [1, 2, 3, SPAN - 1, SPAN, SPAN + 1, 2 * SPAN + 3])
def test_every_row_has_a_path_to_the_recorded_root(reads, rows):
    """Also where spans meet, and in the last span, which is not full."""
    reads.log.write(OFFICER, {reads.ids[ANA.nsn]: RECORD_CLR})
    for _ in range(rows // 2):
        reads.log.write(OFFICER, {reads.ids[ANA.nsn]: RECORD_CLR, reads.ids[BEN.nsn]: RECORD_CLR})
    reads.close_day()
    ((_, size, root),) = recorded(reads)
    plain = leaves(reads, TODAY)

    found, more = [], (date.max, 2**62)
    while more is not None:
        listed = reads.of(ANA, before=more)
        found, more = found + list(listed.rows), listed.more

    for one in found:
        assert one.place is not None
        assert (one.place.number, one.place.closed.rows, one.place.closed.root) == (one.number, size, root)
        leaf = sha256(b"\x00achievement-ledger/access/v1\x00" + one.opened.salt + one.opened.row).digest()
        assert leaf == plain[one.number]
        verify_inclusion(leaf, one.place.number, size, one.place.path, root)


def test_rows_of_today_have_no_path_yet(reads):
    """They have one when the day is over."""
    reads.read(ANA)
    (before,) = reads.of(ANA).rows
    reads.close_day()
    (after,) = reads.of(ANA).rows

    assert before.place is None
    assert after.place is not None
    assert after.opened == before.opened


def test_a_closed_day_that_lost_rows_shows_no_path(reads):
    """Rather nothing than a path that leads nowhere."""
    reads.read(ANA, times=2)
    reads.close_day()
    reads.tamper("DELETE FROM row WHERE place = 0", "UPDATE row SET place = 300")

    with pytest.raises(Corrupt, match="lost rows"):
        reads.of(ANA)


# ------------------------------------------------------------------ everybody else


def test_monitors_and_rebuilds_take_the_record(reads, tmp_path):
    """To whoever has the log alone it is a fact like others, and no part of the register."""
    reads.read(ANA)
    reads.close_day()
    reads.house.publish()
    log, trust = folder(reads.house.files.anchor), trusted(reads.house)

    watch = Watch(tmp_path / "state.json", trust, frozenset())
    watch.advance(log)
    rebuilt = rebuild(log, trust)

    assert watch.result.findings.found == []
    compare_registers(rebuilt.register, reads.house.ledger.register(), rebuilt.findings)
    assert rebuilt.findings.found == []


def test_a_restore_reads_the_record_back(reads, tmp_path):
    """An old copy of the ledger was put back: the day is on record again, and closed once."""
    reads.read(ANA)
    reads.house.publish()
    take_copy(reads.house, tmp_path / "copy")
    reads.reopen()
    reads.close_day()
    reads.house.publish()
    before = recorded(reads)
    put_back(reads.house, tmp_path / "copy")
    reads.reopen()
    assert recorded(reads) == []

    restore(reads.house.ledger, accept_lost=True)
    reads.log.days.close()

    assert recorded(reads) == before
    assert reads.audit().faults == []
