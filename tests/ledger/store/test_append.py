"""One write transaction: everything of it, or nothing; in order, without gaps, exactly once."""
# ruff: noqa: S608 - the tables asked for are those of the schema

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from eventsourcing.persistence import IntegrityError

from ledger import database
from ledger.clock import FixedClock, microseconds
from ledger.errors import Corrupt, Reused, Stale, Taken, Unavailable
from ledger.log.merkle import MemoryTree, leaf_hash, root_of
from ledger.store.recorder import Write
from ledger.store.sqlite import APPEND_ONLY, LedgerRecorder, leaf_range
from tests.ledger.store.records import JTI, a_record, a_recorder, a_submission, said_by, stream
from tests.support.world import MIDDAY


@pytest.fixture
def clock() -> FixedClock:
    """A clock that stands still."""
    return FixedClock(MIDDAY)


@pytest.fixture
def recorder(tmp_path: Path, clock: FixedClock) -> Iterator[LedgerRecorder]:
    """An empty recorder."""
    with a_recorder(tmp_path, clock) as made:
        yield made


def _everything(recorder: LedgerRecorder) -> dict[str, list[tuple[object, ...]]]:
    """Return every row of every table: what a refused write must leave as it was."""
    tables = [
        name
        for (name,) in recorder.database.reader.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    ]
    return {name: recorder.database.reader.execute(f"SELECT * FROM {name}").fetchall() for name in tables}


# ------------------------------------------------------------------ positions, versions, leaves


def test_positions_follow_each_other_without_gaps_whatever_was_refused(recorder: LedgerRecorder) -> None:
    """A refused write uses up no position."""
    recorder.insert_events([a_record(1), a_record(2)])
    with pytest.raises(Stale):
        recorder.insert_events([a_record(3), a_record(1)])

    positions = recorder.insert_events([a_record(3)])

    assert positions == [3]
    assert [one.id for one in recorder.select_notifications(None, 10)] == [1, 2, 3]


@pytest.mark.parametrize("version", [0, 1, 2, 4, 99])
def test_a_version_that_does_not_follow_is_refused(recorder: LedgerRecorder, version: int) -> None:
    """After version 2 only version 3 is accepted; stock recorders take 99. It is an error of both trees."""
    recorder.insert_events([a_record(1, 1), a_record(1, 2)])
    before = _everything(recorder)

    with pytest.raises(Stale) as refused:
        recorder.insert_events([a_record(1, version)])

    assert isinstance(refused.value, IntegrityError)
    assert _everything(recorder) == before


def test_a_stream_begins_once_in_a_write_too(recorder: LedgerRecorder) -> None:
    """A second beginning is refused whether it comes in the same write or in a later one."""
    with pytest.raises(Stale):
        recorder.insert_events([a_record(1), a_record(2), a_record(1)])
    recorder.insert_events([a_record(1)])
    before = _everything(recorder)

    with pytest.raises(Stale):
        recorder.insert_events([a_record(2), a_record(1)])

    assert _everything(recorder) == before


def test_a_stream_begins_with_version_one(recorder: LedgerRecorder) -> None:
    """Version 2 of a stream that does not exist is refused."""
    with pytest.raises(Stale, match="version 2 does not follow 0"):
        recorder.insert_events([a_record(1, 2)])


@pytest.mark.parametrize("sizes", [(1,), (255, 1), (256,), (257,), (100, 200, 300), (511, 2), (600,)])
def test_head_leaves_and_tiles_are_those_of_the_plain_tree(
    recorder: LedgerRecorder, sizes: tuple[int, ...]
) -> None:
    """However records arrive, head and full tiles are what one tree over all entries gives."""
    number = 0
    for size in sizes:
        recorder.insert_events([a_record(number + place) for place in range(size)])
        number += size

    rows = recorder.database.reader.execute("SELECT entry, leaf FROM record ORDER BY position").fetchall()
    leaves = [leaf_hash(entry) for entry, _ in rows]
    tiles = recorder.database.reader.execute("SELECT * FROM tile ORDER BY level, number").fetchall()
    head = recorder.head()
    assert [leaf for _, leaf in rows] == leaves
    assert (head.size, head.root) == (number, MemoryTree(leaves).root())
    assert tiles == [(0, at, b"".join(leaves[at * 256 :][:256])) for at in range(number // 256)]


def test_a_tile_of_tiles_is_written_when_256_tiles_are_full(recorder: LedgerRecorder) -> None:
    """At 65 536 records the first tile of level 1 holds the roots of the 256 tiles below it."""
    for first in range(0, 65_536, 8192):
        recorder.insert_events([a_record(first + place) for place in range(8192)])

    ((hashes,),) = recorder.database.reader.execute("SELECT hashes FROM tile WHERE level = 1")
    leaves = leaf_range(recorder.database.reader, 0, 65_536)
    assert hashes == b"".join(root_of(leaves[at : at + 256]) for at in range(0, 65_536, 256))
    assert recorder.head().root == root_of(leaves)


# ------------------------------------------------------------------ the instant


def test_recorded_at_is_one_instant_for_a_write_and_never_goes_back(
    recorder: LedgerRecorder, clock: FixedClock
) -> None:
    """Half a second back is the last instant again; a later one counts."""
    recorder.insert_events([a_record(1), a_record(2)])
    clock.advance(timedelta(milliseconds=-500))
    recorder.insert_events([a_record(3)])
    clock.advance(timedelta(seconds=2))
    recorder.insert_events([a_record(4)])

    start = microseconds(MIDDAY)
    instants = [
        at
        for (at,) in recorder.database.reader.execute("SELECT recorded_at_us FROM record ORDER BY position")
    ]
    assert instants == [start, start, start, start + 1_500_000]


def test_a_clock_more_than_a_second_back_stops_writing(recorder: LedgerRecorder, clock: FixedClock) -> None:
    """Nothing is recorded until the clock is right again; then writing goes on by itself."""
    recorder.insert_events([a_record(1)])
    clock.advance(timedelta(seconds=-1, microseconds=-1))

    with pytest.raises(Unavailable, match="clock") as refused:
        recorder.insert_events([a_record(2)])

    assert refused.value.code == "clock"
    clock.advance(timedelta(seconds=2))
    assert recorder.insert_events([a_record(2)]) == [2]


# ------------------------------------------------------------------ decisions that rest on something


def test_a_newer_authority_record_makes_a_decision_stale(recorder: LedgerRecorder) -> None:
    """What was decided when the ledger held 1 record is refused once record 2 changed the register."""
    recorder.insert_events([a_record(1)])
    recorder.insert_events([a_record(2, authority=True)])

    with pytest.raises(Stale, match="register"):
        recorder.insert_events([a_record(3)], write=Write(as_of=1))

    assert recorder.insert_events([a_record(3)], write=Write(as_of=2)) == [3]


def test_a_newer_record_that_is_no_authority_record_does_not(recorder: LedgerRecorder) -> None:
    """Other people's results do not make a decision stale."""
    recorder.insert_events([a_record(1, authority=True)])
    recorder.insert_events([a_record(2)])

    assert recorder.insert_events([a_record(3)], write=Write(as_of=1)) == [3]


@pytest.mark.parametrize(("version", "stale"), [(0, True), (1, True), (2, False), (3, True)])
def test_every_stream_read_must_still_have_its_version(
    recorder: LedgerRecorder, version: int, *, stale: bool
) -> None:
    """A stream that was read and moved, forward or away, makes the write stale."""
    recorder.insert_events([a_record(1, 1), a_record(1, 2)])
    write = Write(reads=((stream(1), version),))

    if stale:
        with pytest.raises(Stale, match="has changed"):
            recorder.insert_events([a_record(2)], write=write)
    else:
        assert recorder.insert_events([a_record(2)], write=write) == [3]


def test_a_stream_read_as_missing_must_still_be_missing(recorder: LedgerRecorder) -> None:
    """Version 0 says: it did not exist when I looked."""
    write = Write(reads=((stream(9), 0),))
    assert recorder.insert_events([a_record(1)], write=write) == [1]

    recorder.insert_events([a_record(9)])

    with pytest.raises(Stale):
        recorder.insert_events([a_record(2)], write=write)


# ------------------------------------------------------------------ values that may be held once


def test_a_taken_value_is_taken_until_it_is_freed(recorder: LedgerRecorder) -> None:
    """The second holder is refused with everything else in its write; after a release it may hold."""
    takes = (("award", b"key", stream(1), 1),)
    recorder.insert_events([a_record(1)], write=Write(takes=takes))
    before = _everything(recorder)

    with pytest.raises(Taken):
        recorder.insert_events([a_record(2)], write=Write(takes=(("award", b"key", stream(2), 1),)))

    assert _everything(recorder) == before
    recorder.insert_events([a_record(1, 2)], write=Write(frees=(("award", b"key"),)))
    recorder.insert_events([a_record(2)], write=Write(takes=(("award", b"key", stream(2), 1),)))
    assert recorder.taken("award", [b"key"])[b"key"].id == 3


def test_the_same_key_of_another_kind_is_free(recorder: LedgerRecorder) -> None:
    """Kinds do not meet."""
    for number, kind in enumerate(("award", "slot", "number", "row")):
        takes = ((kind, b"key", stream(number), 1),)
        recorder.insert_events([a_record(number)], write=Write(takes=takes))

    assert [recorder.taken_count(kind, b"k") for kind in ("award", "slot", "other")] == [1, 1, 0]


def test_two_takes_of_one_value_in_one_write_are_refused(recorder: LedgerRecorder) -> None:
    """Not even inside a write can two hold one value."""
    takes = (("number", b"95001", stream(1), 1), ("number", b"95001", stream(2), 1))

    with pytest.raises(Taken):
        recorder.insert_events([a_record(1), a_record(2)], write=Write(takes=takes))

    assert recorder.head().size == 0


# ------------------------------------------------------------------ submissions


def test_a_submission_is_kept_with_its_first_record_and_cited_by_all(recorder: LedgerRecorder) -> None:
    """Two chunks of one submission cite one row; its rows lead to their positions."""
    recorder.insert_events([a_record(1, row=0), a_record(2, row=1)], write=said_by(a_submission()))
    recorder.insert_events([a_record(3, row=7)], write=said_by(a_submission()))

    assert recorder.database.reader.execute("SELECT COUNT(*) FROM submission").fetchone() == (1,)
    assert recorder.recorded_rows(a_submission().iss, JTI) == {0: 1, 1: 2, 7: 3}
    assert recorder.recorded_rows(a_submission().iss, JTI, 1, 6) == {1: 2}


def test_a_row_is_recorded_once(recorder: LedgerRecorder) -> None:
    """The same row again, from another process that lost the race, is stale and changes nothing."""
    recorder.insert_events([a_record(1, row=0)], write=said_by(a_submission()))
    before = _everything(recorder)

    with pytest.raises(Stale):
        recorder.insert_events([a_record(2, row=0)], write=said_by(a_submission()))

    assert _everything(recorder) == before


def test_the_same_id_with_other_content_is_reused(recorder: LedgerRecorder) -> None:
    """Other leaves under one submission id are refused for good."""
    recorder.insert_events([a_record(1, row=0)], write=said_by(a_submission(10)))
    before = _everything(recorder)

    with pytest.raises(Reused) as refused:
        recorder.insert_events([a_record(2, row=1)], write=said_by(a_submission(11)))

    assert refused.value.code == "E908"
    assert _everything(recorder) == before


def test_the_same_submission_signed_again_is_decided_again_under_its_first_signature(
    recorder: LedgerRecorder,
) -> None:
    """Records of one submission carry one signature: a second one is stale, the caller takes the first."""
    recorder.insert_events([a_record(1, row=0)], write=said_by(a_submission(jws="one")))

    with pytest.raises(Stale, match="another signature"):
        recorder.insert_events([a_record(2, row=1)], write=said_by(a_submission(jws="two")))


# ------------------------------------------------------------------ what cannot be written now


def test_a_full_disk_is_unavailable_and_recovers_by_itself(recorder: LedgerRecorder) -> None:
    """SQLite has rolled back already: the cause is reported, nothing stays half done, later writes work."""
    recorder.insert_events([a_record(1)])
    before = _everything(recorder)
    writer = recorder.database._writer
    (pages,) = writer.execute("PRAGMA page_count").fetchone()
    writer.execute(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(Unavailable, match="full") as refused:
        recorder.insert_events([a_record(10 + number) for number in range(1000)])

    assert refused.value.code == "storage"
    assert _everything(recorder) == before
    writer.execute("PRAGMA max_page_count = 1000000")
    assert recorder.insert_events([a_record(2)]) == [2]


def test_a_database_held_by_somebody_else_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer that does not get its turn says so instead of waiting for ever."""
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.05)
    with a_recorder(tmp_path) as recorder:
        other = database.connect(tmp_path / "ledger.sqlite")
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(Unavailable):
            recorder.insert_events([a_record(1)])

        other.execute("ROLLBACK")
        other.close()
        assert recorder.insert_events([a_record(1)]) == [1]


def test_a_damaged_file_is_corrupt_and_not_a_fault_of_the_caller(tmp_path: Path) -> None:
    """What SQLite finds malformed is reported in our words, when writing and when opening."""
    with a_recorder(tmp_path) as recorder:
        recorder.insert_events([a_record(number) for number in range(500)])
        ((root,),) = recorder.database.reader.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'record_stream'"
        )
        ((size,),) = recorder.database.reader.execute("PRAGMA page_size")
    path = tmp_path / "ledger.sqlite"
    whole = path.read_bytes()
    path.write_bytes(whole[: (root - 1) * size] + b"\xff" * size + whole[root * size :])

    with a_recorder(tmp_path) as recorder, pytest.raises(Corrupt) as found:
        recorder.insert_events([a_record(1, 2)])

    path.write_bytes(whole[:size] + b"\xff" * (len(whole) - size))
    with pytest.raises(Corrupt, match=r"ledger\.sqlite is damaged"), a_recorder(tmp_path):
        pass
    assert found.value.code == "storage"


# ------------------------------------------------------------------ append-only


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_nothing_that_was_appended_can_be_changed_or_deleted(tmp_path: Path, table: str) -> None:
    """The database itself refuses both, whoever asks."""
    with a_recorder(tmp_path) as recorder:
        recorder.insert_events(
            [a_record(number, row=number) for number in range(256)], write=said_by(a_submission(256))
        )
        with recorder.database.writing() as connection:
            connection.execute("INSERT INTO checkpoint VALUES (1, 256, x'00', x'00', 'note')")
            connection.execute("INSERT INTO cosigner VALUES (1, 'vkey')")
            connection.execute("INSERT INTO cosignature VALUES (1, 1, 0, 'line')")
        column = recorder.database.reader.execute(f"PRAGMA table_info({table})").fetchone()[1]

    other = database.connect(tmp_path / "ledger.sqlite")
    for change in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}"):
        with pytest.raises(database.IntegrityError, match="append-only"):
            other.execute(change)
    other.close()


def test_rows_of_the_wrong_type_are_refused_by_the_schema(tmp_path: Path) -> None:
    """STRICT tables: text is no blob."""
    with a_recorder(tmp_path) as recorder, pytest.raises(database.IntegrityError):
        recorder.database.reader.execute("INSERT INTO tile VALUES (0, 0, 'text')")


def test_the_file_is_opened_durably(recorder: LedgerRecorder) -> None:
    """WAL and synchronous=FULL: at NORMAL a power cut loses what was acknowledged."""
    (mode,) = recorder.database._writer.execute("PRAGMA journal_mode").fetchone()
    (synchronous,) = recorder.database._writer.execute("PRAGMA synchronous").fetchone()

    assert (mode, synchronous) == ("wal", 2)


def test_our_sqlite_is_outside_the_range_that_corrupts_a_wal() -> None:
    """The wheel that replaces the standard module is in place, for the library too."""
    assert database.is_sound()
    assert sys.modules["sqlite3"] is database.sqlite3
