"""An old copy put back, or another history: found at start-up and by the audit, and never signed over.

Source: LEDGER.md 5 (start-up), 9 (P4, P6).
"""

import itertools
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from ledger.audit import audit_files
from ledger.errors import Corrupt, Rollback, Split, Unavailable
from ledger.files import LedgerFiles
from ledger.publisher import latest
from ledger.store.sqlite import LedgerRecorder
from tests.ledger.audit.tampering import unlocked
from tests.ledger.golden.samples import golden_records, recorded
from tests.support.ledgers import House, a_ledger, a_study_ledger, an_empty_ledger, open_house, people
from tests.support.world import ORIGIN


def _more(house: House, number: int) -> None:
    """Record something more: an organisation."""
    house.clock.advance(timedelta(seconds=10))
    house.organisation(number)


def _codes(house: House) -> set[str]:
    return {fault.code for fault in house.audit().faults}


def test_a_ledger_is_clean_at_every_stage(tmp_path: Path) -> None:
    """Empty, founded, published, grown past what was published, published again."""
    house = a_ledger(tmp_path / "ledger")
    assert house.audit().ok
    house.publish()
    assert house.audit().ok
    _more(house, 95100)
    assert house.audit().ok
    house.publish()

    report = house.audit()

    assert report.ok
    assert (report.records, report.checkpoints, report.submissions) == (3, 2, 3)


def test_an_empty_ledger_is_clean(tmp_path: Path) -> None:
    """Nothing recorded, nothing published, nothing wrong; and nothing to publish."""
    house = an_empty_ledger(tmp_path)

    assert house.publish() is None
    assert house.audit().as_json() == {
        "ok": True,
        "records": 0,
        "checkpoints": 0,
        "submissions": 0,
        "cosignatures": 0,
        "accesses": 0,
        "not_checkable": 0,
        "forgotten": 0,
        "lost": 0,
        "redacted": 0,
        "suspect": 0,
        "annulled": 0,
        "since": None,
        "not_looked_at": None,
        "findings": [],
        "more_findings": 0,
    }


@pytest.mark.parametrize("published_before", [False, True])
def test_an_old_copy_put_back_is_a_rollback(tmp_path: Path, *, published_before: bool) -> None:
    """The publisher refuses before it signs anything, the audit says so, reading goes on."""
    house = a_ledger(tmp_path / "ledger")
    if published_before:
        house.publish()
    house.close()
    shutil.copyfile(house.files.ledger, tmp_path / "old")
    house.reopen()
    _more(house, 95100)
    house.publish()
    house.close()

    shutil.copyfile(tmp_path / "old", house.files.ledger)
    house.reopen()

    for attempt in (house.publisher().check, house.publish):
        with pytest.raises(Rollback, match="2 records, 3 were published"):
            attempt()
    assert "rollback" in _codes(house)
    assert house.size() == 2


def test_an_old_copy_that_grew_again_is_a_split(tmp_path: Path) -> None:
    """The old copy got other records, as many as were published and more: nobody signs a second history."""
    house = a_ledger(tmp_path / "ledger")
    house.publish()
    house.close()
    shutil.copyfile(house.files.ledger, tmp_path / "old")
    house.reopen()
    _more(house, 95100)
    house.publish()
    house.close()
    shutil.copyfile(tmp_path / "old", house.files.ledger)
    house.reopen()

    _more(house, 95101)
    _more(house, 95102)

    for attempt in (house.publisher().check, house.publish):
        with pytest.raises(Split, match="another history"):
            attempt()
    assert "split" in _codes(house)


def test_an_emptied_database_is_a_rollback(tmp_path: Path) -> None:
    """All records gone, the anchor still there."""
    house = a_ledger(tmp_path)
    house.publish()
    house.close()
    house.files.ledger.unlink()
    house.reopen()

    assert _codes(house) == {"rollback"}
    with pytest.raises(Rollback):
        house.publish()


def test_an_old_anchor_put_back_is_found(tmp_path: Path) -> None:
    """The database knows a larger checkpoint than the anchor's place."""
    house = a_ledger(tmp_path / "ledger")
    house.publish()
    shutil.copytree(house.files.anchor, tmp_path / "old")
    _more(house, 95100)
    house.publish()

    shutil.rmtree(house.files.anchor)
    shutil.copytree(tmp_path / "old", house.files.anchor)

    assert _codes(house) == {"anchor"}
    with pytest.raises(Corrupt, match="anchor"):
        house.publish()


def test_a_lost_anchor_is_found_and_not_begun_again(tmp_path: Path) -> None:
    """With checkpoints and no anchor nobody knows what was published: the publisher stops too."""
    house = a_ledger(tmp_path)
    house.publish()
    shutil.rmtree(house.files.anchor)
    _more(house, 95100)

    assert _codes(house) == {"anchor"}
    with pytest.raises(Corrupt, match="anchor") as refused:
        house.publish()
    assert refused.value.code == "anchor"


def test_a_lost_checkpoint_is_found(tmp_path: Path) -> None:
    """The newest row of `checkpoint` taken away: the anchor's place holds what was signed."""
    house = a_ledger(tmp_path)
    house.publish()
    _more(house, 95100)
    house.publish()
    house.close()
    with unlocked(house.files.ledger) as connection:
        connection.execute("DELETE FROM checkpoint WHERE number = 2")

    report = audit_files(LedgerFiles(tmp_path))

    assert [fault.code for fault in report.faults] == ["checkpoint"]


# ------------------------------------------------------------------ what the publisher refuses to sign


@pytest.mark.parametrize(
    "change",
    [
        "state = CAST(state || x'00' AS BLOB)",
        "state = NULL",
        "entry = CAST(entry || x'00' AS BLOB)",
        "leaf = randomblob(32)",
        "recorded_at_us = recorded_at_us + 1",
        "topic = 'award.revoked'",
        "topic = 'nobody.knows'",
        "version = 2",
        "row = 7",
        "submission = 999",
    ],
)
def test_a_row_that_does_not_read_back_is_not_signed(tmp_path: Path, change: str) -> None:
    """Never sign what was computed: sign what is stored, and only if it makes what was recorded."""
    house = a_study_ledger(tmp_path)
    house.publish()
    house.register(*people(2))
    with unlocked(house.files.ledger) as connection:
        connection.execute(f"UPDATE record SET {change} WHERE position = {house.size()}")  # noqa: S608
    before = latest(house.ledger.store.database.reader)
    anchored = house.publisher()._anchor.read()

    with pytest.raises(Corrupt):
        house.publish()

    assert latest(house.ledger.store.database.reader) == before
    assert house.publisher()._anchor.read() == anchored


def test_a_head_that_is_not_the_records_is_not_signed(tmp_path: Path) -> None:
    """The head row names another root than the records make."""
    house = a_ledger(tmp_path)
    with unlocked(house.files.ledger) as connection:
        connection.execute("UPDATE head SET root = randomblob(32)")

    with pytest.raises(Corrupt, match="head row"):
        house.publish()


def test_damaged_tiles_at_the_anchors_place_lead_to_no_signature(tmp_path: Path) -> None:
    """A frontier from tiles that were tampered with would sign a tree that nobody holds."""
    house = a_ledger(tmp_path)
    house.publish()
    (tile,) = (house.files.anchor / "tile/0/000.p").iterdir()
    tile.write_bytes(bytes(32) + tile.read_bytes()[32:])
    _more(house, 95100)

    with pytest.raises(Corrupt, match="anchor's place"):
        house.publish()

    newest = latest(house.ledger.store.database.reader)
    assert newest is not None
    assert newest.size == 2


def test_a_clock_that_went_back_signs_nothing(tmp_path: Path) -> None:
    """More than a second behind the newest record; right again, publishing goes on."""
    house = a_ledger(tmp_path)
    house.clock.advance(timedelta(seconds=-2))

    with pytest.raises(Unavailable, match="clock"):
        house.publish()

    house.clock.advance(timedelta(seconds=2))
    assert house.publish() is not None


def test_publishing_again_without_growth_gives_the_same_checkpoint(tmp_path: Path) -> None:
    """Only when the tree grew is there another signature."""
    house = a_ledger(tmp_path)
    first = house.publish()

    assert house.publish() == first
    assert house.audit().checkpoints == 1


def test_two_publishers_take_turns(tmp_path: Path) -> None:
    """Two processes on one ledger: the second finds the work done; numbers and sizes never collide."""
    house = a_ledger(tmp_path)
    other = open_house(tmp_path, house.clock)

    first, second = house.publish(), other.publish()
    _more(house, 95100)
    third, fourth = other.publish(), house.publish()

    assert first == second
    assert third == fourth
    assert [one.number for one in (first, third) if one] == [1, 2]
    assert house.audit().ok


def test_every_checkpoint_names_the_one_before(tmp_path: Path) -> None:
    """A chain from nothing, in numbers without gaps."""
    house = a_ledger(tmp_path)
    published = []
    for number in range(3):
        _more(house, 95100 + number)
        published.append(house.publish())

    assert published[0] is not None
    assert published[0].previous == bytes(32)
    for one, after in itertools.pairwise(published):
        assert one is not None
        assert after is not None
        assert (after.number, after.previous) == (one.number + 1, one.digest)
        assert after.note.startswith(f"{ORIGIN}\n{after.size}\n")


def test_a_signature_by_a_key_that_nobody_registered_is_found(tmp_path: Path) -> None:
    """Another ledger's submission about the same, put in place of ours: same words, another registrar."""
    house, stranger = a_ledger(tmp_path / "ours"), a_ledger(tmp_path / "theirs")
    for one in (house, stranger):
        one.organisation(95100)
    theirs = stranger.ledger.store.database.reader.execute(
        "SELECT jws FROM submission WHERE number = 3"
    ).fetchone()
    with unlocked(house.files.ledger) as connection:
        connection.execute("UPDATE submission SET jws = ? WHERE number = 3", theirs)

    faults = house.audit().faults

    assert [fault.where for fault in faults] == ["record 3"]


def test_instants_that_go_back_are_found(tmp_path: Path) -> None:
    """A recorder that took its clock's word: everything else about its records holds."""
    house = a_study_ledger(tmp_path)
    house.register(*people(3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ledger.store.sqlite.recorded_at", lambda clock, _last_us: clock.now_us())
        house.clock.advance(timedelta(hours=-1))
        house.register(*people(2, first=500))
    house.clock.advance(timedelta(hours=2))
    house.publish()

    faults = house.audit().faults

    newest = house.size()
    assert [(fault.code, fault.where) for fault in faults] == [
        ("recorded-at", f"record {position}") for position in (newest - 1, newest)
    ]


def test_a_version_that_was_left_out_is_found(tmp_path: Path) -> None:
    """A recorder that took version 3 after 1: entry, leaf and tree know nothing of it."""
    wanted = ("learner.enrolled", "assessment.passed")
    records = {topic: one for topic, one in golden_records().items() if topic in wanted}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LedgerRecorder, "_check_versions", lambda *_: None)
        recorded(tmp_path, records).close()

    faults = audit_files(LedgerFiles(tmp_path)).faults

    (fault,) = (fault for fault in faults if fault.code == "versions")
    assert fault.what == "versions 1 to 3 in 2 records"
