"""Restoring from an old copy: the log goes on, what is public is whole again, what is lost is accounted for.

Source: LEDGER.md 5 (start-up, `restore --accept-lost`), 9 (P1, P4, P6).
"""

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from ledger.domain.tail import TailLost
from ledger.errors import Absent, Corrupt, Rollback
from ledger.founding import REGISTRAR
from ledger.ids import public_id
from ledger.log.merkle import leaf_hash, verify_consistency, verify_inclusion
from ledger.log.note import parse_note
from ledger.privacy.commitments import read_public_entry
from ledger.publisher import latest
from ledger.receipts import prove
from ledger.restore import RECEIPTS_FILE, plan_restore, restore
from ledger.store.anchor import Anchor
from ledger.store.jobs import DONE, LOST
from projections.catalogue import Views
from tests.support.ledgers import House, people, statement
from tests.support.rollbacks import RolledBack, a_rolled_back_ledger, put_back, study, take_copy
from tests.support.world import ORIGIN, identity

PUBLIC_LOST, PRIVATE_LOST = 4, 15  # of three learners: registered, enrolled, two results, awarded


@pytest.fixture
def lost(tmp_path: Path) -> RolledBack:
    """A ledger behind its anchor; the minute in which that was noticed has passed."""
    made = a_rolled_back_ledger(tmp_path)
    made.house.clock.advance(timedelta(minutes=1))
    return made


def restored(lost: RolledBack) -> None:
    """Restore, and publish what the restore had to say."""
    restore(lost.house.ledger, accept_lost=True)
    lost.house.publish()


def rows(house: House, first: int, last: int) -> list[tuple]:
    """Return the rows of `record`, every column."""
    query = "SELECT * FROM record WHERE position >= ? AND position <= ? ORDER BY position"
    return house.ledger.store.database.reader.execute(query, (first, last)).fetchall()


def faults(house: House) -> list[str]:
    """Return what an audit finds, in words."""
    return [f"{one.code} {one.where}: {one.what}" for one in house.audit().faults]


# ------------------------------------------------------------------ what would be lost


def test_a_plan_says_what_would_be_lost_and_writes_nothing(lost):
    """How many records, of which kind, and which receipts; head, jobs, views and folder stay as they are."""
    ledger, head = lost.house.ledger, lost.house.ledger.store.head()

    plan = plan_restore(ledger)

    assert (plan.stored, plan.published) == (lost.stored, lost.published)
    assert plan.missing == lost.published - lost.stored == PUBLIC_LOST + PRIVATE_LOST
    assert (plan.public, plan.lost) == (PUBLIC_LOST, PRIVATE_LOST)
    told = {
        (str(submission.jti), outcome.row + 1, outcome.position)
        for _, submission, outcomes in lost.private
        for outcome in outcomes
    }
    found = plan.as_json()["receipts"]
    assert {(one["submission"], one["row"], one["position"]) for one in found} == told
    assert all(one["published"] for one in found)
    assert ledger.store.head() == head
    assert list(ledger.jobs.placed_after(lost.stored)) == list(ledger.jobs.placed_after(lost.stored))
    assert len(list(ledger.jobs.placed_after(lost.stored))) == PUBLIC_LOST + PRIVATE_LOST
    assert not ledger.files.out.exists()


def test_without_acceptance_nothing_is_restored(lost):
    """Rollback, with how many would be lost; the database is as it was."""
    head = lost.house.ledger.store.head()

    with pytest.raises(Rollback, match=f"{PRIVATE_LOST} of them would be lost"):
        restore(lost.house.ledger, accept_lost=False)

    assert lost.house.ledger.store.head() == head


def test_a_ledger_that_is_not_behind_has_nothing_to_restore(lost):
    """Nor has one that was restored: doing it again changes nothing."""
    restored(lost)
    head = lost.house.ledger.store.head()

    again = restore(lost.house.ledger, accept_lost=True)

    assert (again.plan.missing, again.told_at) == (0, None)
    assert lost.house.ledger.store.head() == head


# ------------------------------------------------------------------ what is there afterwards


def test_what_was_published_is_there_again_and_the_loss_is_told(lost):
    """Public records as they were, private ones as places; then `tail.lost` with the published root."""
    root = Anchor(lost.house.files.anchor, ORIGIN).read().root

    done = restore(lost.house.ledger, accept_lost=True)

    kept = rows(lost.house, lost.stored + 1, lost.published)
    public, gone = [row for row in kept if row[10] is None], [row for row in kept if row[10] is not None]
    assert [row[3] for row in public] == ["organisation.registered"] * 3 + ["organisation.role_granted"]
    assert all(read_public_entry(row[6]) == (row[5], *_stream(row), row[4]) for row in public)
    assert all(row[7] == leaf_hash(row[6]) for row in kept)
    before = public[-1][5]
    assert [(row[1], row[2], row[3], row[4], row[5], row[8], row[9], row[10]) for row in gone] == [
        (b"", row[0], "", None, before, None, None, "lost") for row in gone
    ]
    assert len(gone) == PRIVATE_LOST
    (told,) = lost.house.ledger.store.select_notifications(done.told_at, 1)
    event = lost.house.ledger.mapper.to_domain_event(told)
    assert isinstance(event, TailLost)
    assert told.id == lost.house.size() == lost.published + 1
    assert told.originator_id == public_id("tail", lost.stored + 1, lost.published)
    assert (event.first, event.last, event.lost) == (lost.stored + 1, lost.published, PRIVATE_LOST)
    assert event.root == root
    assert faults(lost.house) == []


def _stream(row: tuple) -> tuple:
    return read_public_entry(row[6]).stream, row[2], row[3]


def test_the_log_stays_append_only(lost):
    """From the last checkpoint that was published to the next one there is a proof of consistency."""
    old = Anchor(lost.house.files.anchor, ORIGIN).read()

    restored(lost)

    newest = latest(lost.house.ledger.store.database.reader)
    tree = lost.house.publisher().tree
    path = tree.consistency(old.size, newest.size)
    verify_consistency(old.size, newest.size, old.root, newest.root, path)
    assert newest.size == old.size + 1


def test_the_newest_signed_checkpoint_comes_back_with_the_logs_signatures_alone(lost):
    """A cosignature under it stays out of the row, whose digest must be what was signed by the log."""
    place = lost.house.files.anchor / "checkpoint"
    own = place.read_text()
    place.write_text(own + "— witness.example/w1 " + "A" * 96 + "\n")

    restore(lost.house.ledger, accept_lost=True)

    found = latest(lost.house.ledger.store.database.reader)
    assert (found.number, found.size, found.note) == (2, lost.published, own)
    assert len(parse_note(found.note.encode()).signatures) == 2
    assert faults(lost.house) == []


def test_a_publication_that_was_interrupted_before_it_was_signed_is_restored_too(tmp_path):
    """The anchor names more than the newest checkpoint: what was acknowledged is not given up for that."""
    made = a_rolled_back_ledger(tmp_path, publish=False)
    put_back(made.house, tmp_path / "copy")
    study(made)
    publisher = made.house.publisher()

    def stop(name: str) -> None:
        if name == "anchor_swapped":
            raise KeyboardInterrupt

    publisher.at_step = stop
    with pytest.raises(KeyboardInterrupt):
        publisher.publish()
    anchored = made.house.size()
    put_back(made.house, tmp_path / "copy")

    done = restore(made.house.ledger, accept_lost=True)

    assert done.plan.published == anchored
    assert latest(made.house.ledger.store.database.reader).size == made.stored
    assert faults(made.house) == []
    assert made.house.publish().size == anchored + 1
    assert faults(made.house) == []


def test_a_restore_that_loses_nothing_is_told_too(tmp_path):
    """Where all that was missing was public, everything is back, and the log says what was touched."""
    made = a_rolled_back_ledger(tmp_path, private=False)

    done = restore(made.house.ledger, accept_lost=True)

    (told,) = made.house.ledger.store.select_notifications(done.told_at, 1)
    assert (done.plan.public, done.plan.lost) == (PUBLIC_LOST, 0)
    assert made.house.ledger.mapper.to_domain_event(told).lost == 0
    assert made.house.ledger.register().organisation(96001).roles
    assert faults(made.house) == []


def test_a_database_that_is_gone_altogether_is_made_from_the_anchor(lost):
    """An empty file beside keys and vault: the register is there again, people are lost."""
    house = lost.house
    house.close()
    for file in house.files.folder.glob("ledger.sqlite*"):
        file.unlink()
    house.reopen()

    done = restore(house.ledger, accept_lost=True)

    assert (done.plan.stored, done.plan.published) == (0, lost.published)
    assert house.ledger.register().organisation(96003) is not None
    assert house.ledger.founding.origin == ORIGIN
    assert faults(house) == []
    assert house.publish().size == lost.published + 1
    lost.say_again()
    assert faults(house) == []


def test_where_nothing_was_ever_published_there_is_nothing_to_restore(lost):
    """Neither database nor anchor: Absent, not a fresh start."""
    house = lost.house
    house.close()
    for file in house.files.folder.glob("ledger.sqlite*"):
        file.unlink()
    shutil.rmtree(house.files.anchor)
    house.reopen()

    with pytest.raises(Absent, match="nothing to restore"):
        plan_restore(house.ledger)


def test_more_than_one_tile_comes_back(tmp_path):
    """Full tiles, a level above them, and a partial one: as many as a monthly file brings."""
    made = a_rolled_back_ledger(tmp_path, humans=120)

    restore(made.house.ledger, accept_lost=True)

    assert made.published > 2 * 256
    assert faults(made.house) == []
    assert made.house.publish().size == made.published + 1
    assert faults(made.house) == []


def test_what_was_lost_once_may_be_lost_again(tmp_path):
    """The first `tail.lost` is public and comes back; the second covers both losses."""
    made = a_rolled_back_ledger(tmp_path)
    restored(made)
    made.say_again()
    made.house.publish()
    first_loss, size = made.published, made.house.size()
    put_back(made.house, tmp_path / "copy")

    done = restore(made.house.ledger, accept_lost=True)

    topics = [row[3] for row in rows(made.house, first_loss + 1, size + 1)]
    assert topics[0] == topics[-1] == "tail.lost"
    assert done.told_at == size + 1
    assert done.plan.lost == 2 * PRIVATE_LOST
    made.house.publish()
    assert faults(made.house) == []


# ------------------------------------------------------------------ submissions behind public records


def test_a_public_submission_is_kept_whole_where_its_leaves_are_known(lost):
    """The three organisations of one submission: the middle leaves from the records, all n together."""
    restore(lost.house.ledger, accept_lost=True)

    (label, submission, _), _ = lost.public
    kept = lost.house.ledger.store.submission(lost.house.speakers[label], submission.jti)
    recorded = lost.house.ledger.store.recorded_rows(lost.house.speakers[label], submission.jti)
    assert len(kept.leaf_hashes) == 3 * 32
    assert set(recorded) == {0, 1, 2}


@pytest.mark.parametrize(
    ("refused", "whole"),
    [({1}, True), ({0, 1}, False), ({4}, True), ({2}, True), ({2, 3}, False), (set(), True)],
)
def test_a_leaf_that_no_record_carries_is_taken_from_a_path_or_not_at_all(tmp_path, refused, whole):
    """Of five statements some were refused: a refused one beside a recorded one is known by its path."""
    made = a_rolled_back_ledger(tmp_path, public=False, private=False)
    said = [
        statement(
            "organisation.registered",
            number=95000 if row in refused else 97000 + row,  # a number that is taken
            kind="pte",
            name={"en": f"Organisation {row} (demo)"},
            valid_from="2018-01-01",
        )
        for row in range(5)
    ]
    submission = made.house.build(REGISTRAR, said)
    outcomes = made.house.send(submission)
    made.house.publish()
    put_back(made.house, tmp_path / "copy")

    restore(made.house.ledger, accept_lost=True)

    assert {one.row for one in outcomes if one.position is None} == refused
    iss = made.house.speakers[REGISTRAR]
    kept = made.house.ledger.store.submission(iss, submission.jti)
    assert (kept is not None) == whole
    assert set(made.house.ledger.store.recorded_rows(iss, submission.jti)) == (
        set(range(5)) - refused if whole else set()
    )
    assert made.house.send(submission) == outcomes
    assert faults(made.house) == []


def test_a_submission_that_the_copy_knows_is_gone_on_with(tmp_path):
    """Its first rows were recorded before the copy was taken: the rest joins the same submission."""
    made = a_rolled_back_ledger(tmp_path, public=False, private=False)
    house = made.house
    said = [
        statement(
            "organisation.registered",
            number=97000 + row,
            kind="pte",
            name={"en": f"Organisation {row} (demo)"},
            valid_from="2018-01-01",
        )
        for row in range(3)
    ]
    submission = house.build(REGISTRAR, said)
    with pytest.MonkeyPatch.context() as small:
        small.setattr("ledger.application.CHUNK_ROWS", 1)
        small.setattr(house.ledger.outcomes, "keep", _stop_after(2))
        with pytest.raises(KeyboardInterrupt):
            house.send(submission)
    take_copy(house, tmp_path / "middle")
    recorded = house.size()
    house.send(submission)
    house.publish()
    put_back(house, tmp_path / "middle")

    restore(house.ledger, accept_lost=True)

    assert (recorded, house.size()) == (made.stored + 2, made.stored + 4)
    assert set(house.ledger.store.recorded_rows(house.speakers[REGISTRAR], submission.jti)) == {0, 1, 2}
    assert faults(house) == []


def _stop_after(times: int) -> Callable[..., None]:
    called = []

    def keep(*_arguments: object, **_options: object) -> None:
        called.append(1)
        if len(called) == times:
            raise KeyboardInterrupt

    return keep


# ------------------------------------------------------------------ posting again


def test_what_is_posted_again_is_recorded_again(lost):
    """The same submissions, signature and all: decided afresh, records of learners complete, audit clean."""
    restored(lost)

    outcomes = lost.say_again()

    assert [one.status for one in outcomes] == ["accepted"] * PRIVATE_LOST
    assert [one.position for one in outcomes] == list(
        range(lost.published + 2, lost.published + 2 + PRIVATE_LOST)
    )
    assert outcomes == lost.say_again()
    lost.house.publish()
    assert faults(lost.house) == []
    views = Views(lost.house.ledger)
    views.catch_up()
    people_of = lost.house.ledger.vault.people([one.nsn for one in lost.humans])
    records = [views.record(people_of[one.nsn].learner_id) for one in lost.humans]
    assert [record.summary.in_force for record in records] == [1, 1, 1]
    assert views.differences() == []
    views.close()


def test_awards_keep_their_ids_when_they_are_recorded_again(lost):
    """An award is named after its enrolment, whose reference the vault still knows."""
    *_, (_, submission, before) = lost.private
    restored(lost)

    lost.say_again()

    assert [one.award for one in lost.house.send(submission)] == [one.award for one in before]


def test_a_receipt_of_a_lost_record_still_proves_its_entry(lost):
    """Whoever kept one holds what the log holds, in a checkpoint that covers it."""
    restored(lost)
    position = lost.private[-1][2][0].position

    proven = prove(lost.house.ledger.store, lost.house.publisher().tree, position)

    newest = latest(lost.house.ledger.store.database.reader)
    assert proven.record.gone == "lost"
    assert proven.size == newest.size
    leaf = leaf_hash(proven.record.entry)
    verify_inclusion(leaf, position - 1, newest.size, proven.path, newest.root)


def test_lost_receipts_are_listed_in_a_file_with_ids_and_numbers_only(lost):
    """Beside the ledger, for its owner's eyes, and without anything about anybody."""
    plan = plan_restore(lost.house.ledger)

    done = restore(lost.house.ledger, accept_lost=True)

    file = lost.house.files.out / RECEIPTS_FILE
    listed = json.loads(file.read_text())
    assert listed["receipts"] == list(done.receipts) == plan.as_json()["receipts"]
    assert {name for one in listed["receipts"] for name in one} == {
        "organisation",
        "submission",
        "row",
        "position",
        "published",
    }
    assert file.stat().st_mode & 0o777 == 0o600
    assert not any(one.nsn in file.read_text() for one in lost.humans)


def test_a_list_of_an_earlier_loss_is_added_to(lost, tmp_path):
    """Nobody's lost receipt is forgotten because something was lost again."""
    first = restore(lost.house.ledger, accept_lost=True).receipts
    lost.say_again()
    lost.house.publish()
    put_back(lost.house, tmp_path / "copy")

    second = restore(lost.house.ledger, accept_lost=True).receipts

    listed = json.loads((lost.house.files.out / RECEIPTS_FILE).read_text())["receipts"]
    assert len(listed) == 2 * PRIVATE_LOST
    assert all(one in listed for one in (*first, *second))


def test_a_list_that_is_none_stops_a_restore_before_anything_is_lost(lost):
    """Whatever lies there is not overwritten."""
    file = lost.house.files.out / RECEIPTS_FILE
    file.parent.mkdir()
    file.write_text('{"receipts": 3}')

    with pytest.raises(Corrupt, match=RECEIPTS_FILE):
        restore(lost.house.ledger, accept_lost=True)

    assert file.read_text() == '{"receipts": 3}'
    assert lost.house.size() == lost.stored


def test_what_was_acknowledged_and_never_published_is_listed_as_such(tmp_path):
    """Its position will hold something else: whoever has that receipt has to know."""
    made = a_rolled_back_ledger(tmp_path)
    house = made.house
    restored(made)
    take_copy(house, tmp_path / "later")
    size = house.size()
    label = made.private[0][0]
    (unpublished,) = house.post(
        label, [statement("learner.registered", who=identity(people(1, first=900)[0]))]
    )
    put_back(house, tmp_path / "copy")

    plan = plan_restore(house.ledger)

    late = [one for one in plan.receipts if not one.published]
    assert unpublished.position == size + 1
    assert [one.position for one in late] == [unpublished.position]
    restore(house.ledger, accept_lost=True)
    house.publish()
    assert faults(house) == []


def test_answers_about_lost_rows_go_and_the_others_stay(lost):
    """The jobs of lost rows wait to be posted again; those of public rows are as they were."""
    restore(lost.house.ledger, accept_lost=True)

    jobs, speakers = lost.house.ledger.jobs, lost.house.speakers
    gone = [jobs.find(speakers[label], submission.jti) for label, submission, _ in lost.private]
    kept = [jobs.find(speakers[label], submission.jti) for label, submission, _ in lost.public]
    assert [job.state for job in gone] == [LOST] * 4
    assert [list(jobs.outcomes(job.number)) for job in gone] == [[]] * 4
    assert [job.state for job in kept] == [DONE] * 2
    for label, submission, outcomes in lost.public:
        job = jobs.find(speakers[label], submission.jti)
        assert lost.house.ledger.outcomes.of(job) == outcomes
    assert jobs.unfinished() == []


def test_views_that_were_ahead_are_built_again(lost):
    """They had folded what is lost: whoever opens them sees what the records make."""
    house = lost.house
    views = house.files.views
    put_back(house, lost.house.files.folder.parent / "copy")
    made = Views(house.ledger)
    made.catch_up()
    made.close()
    assert views.exists()

    restored(lost)

    assert not views.exists()
    opened = Views(house.ledger)
    assert opened.catch_up() == house.size()
    assert opened.differences() == []
    opened.close()
