"""Level 2 of forgetting: whole streams are cleared, and everything about it is accounted for.

Source: LEDGER.md 4, 7, 9 (P3, P5, P7).
"""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import pytest

from ledger import database
from ledger.application import Consequence
from ledger.audit import How, audit, audit_files
from ledger.database import IntegrityError
from ledger.deciding.slots import STATUS_LIST_SIZE
from ledger.disposal import Due, dispose, due, redo
from ledger.domain.claims import SLOT, slot_claim
from ledger.domain.disposal import in_parts
from ledger.domain.status_list import StatusListChanged
from ledger.errors import Absent, Stale, Unavailable
from ledger.files import LedgerFiles
from ledger.founding import REGISTRAR
from ledger.ids import public_id
from ledger.mapper import LedgerMapper, private_state
from ledger.receipts import award_receipt, prove, provider_receipt, public_receipt
from ledger.restore import restore
from ledger.store.disposal import clearing, redact
from ledger.store.sqlite import LedgerRecorder
from tests.ledger.audit.tampering import Bench, Change
from tests.support.disposal import cleared, to_be_cleared
from tests.support.forgetting import FIRST, SECOND, a_request, approved, forget, learner_id, stream_at
from tests.support.ledgers import PROVIDER_KEY, House, a_full_ledger, people, statement
from tests.support.rollbacks import put_back, take_copy
from tests.support.world import ANA, BEN, a_result, identity

OTHERS = people(5)


class Stopped(BaseException):
    """The process ends here."""


def a_ledger_to_clear(folder: Path) -> House:
    """Return a ledger where ANA, whose award was revoked, and BEN are to be cleared, and five others stay."""
    house = a_full_ledger(folder, [*OTHERS[:2], ANA, *OTHERS[2:4], BEN, OTHERS[4]])
    award = _award_of(house, learner_id(house, ANA))
    said = {"award": award, "reason": "issued_in_error", "effective_on": "2026-11-22"}
    house.must(PROVIDER_KEY, [statement("award.revoked", **said)])
    to_be_cleared(house, ANA, BEN)
    house.publish()
    return house


def _award_of(house: House, learner: UUID) -> UUID:
    mapper = LedgerMapper.for_reading()
    records = house.ledger.store.select_notifications(1, 1000, topics=("microcredential.awarded",))
    (award,) = (event for event in map(mapper.to_domain_event, records) if event.subject == learner)
    stream: UUID = award.originator_id
    return stream


@pytest.fixture(scope="module")
def disposed(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A closed ledger of which ANA and BEN were cleared."""
    house = a_ledger_to_clear(tmp_path_factory.mktemp("disposed"))
    cleared(house)
    house.publish()
    house.close()
    return house


@pytest.fixture
def bench(disposed: House, tmp_path: Path) -> Bench:
    """A copy of its database to tamper with."""
    return Bench(disposed.files.ledger, tmp_path)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A ledger of which ANA and BEN are to be cleared."""
    made = a_ledger_to_clear(tmp_path / "ledger")
    yield made
    made.close()


def _rows(path: Path, query: str) -> list[tuple]:
    connection = database.connect(path)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def _found(disposed: House, bench: Bench, *statements: str) -> set[tuple[str, str]]:
    """Return codes and places of what is found without keys; the short and the plain way say the same."""
    assert bench.apply(Change("", statements))
    files = LedgerFiles(bench.path.parent, disposed.files.anchor)
    short, plain = audit_files(files), audit_files(files, how=How(short=False))
    assert short.faults == plain.faults
    return {(fault.code, fault.where) for fault in short.faults}


# ------------------------------------------------------------------ what is there afterwards


def test_a_disposal_is_no_fault_however_one_looks(house: House) -> None:
    """With keys and without, in several processes, from a checkpoint on: cleared records are counted."""
    done = cleared(house)
    house.publish()

    assert (done.learners, done.records, done.erased) == (2, 11, True)
    for with_keys in (True, False):
        for how in (How(), How(short=False), How(jobs=2, part=256), How(since=house.size())):
            report = audit(house.ledger, with_keys=with_keys, how=how)
            assert (report.faults, report.redacted, report.not_checkable) == ([], 11, 11)
    assert house.audit().as_json()["redacted"] == 11


def test_what_is_left_of_a_record_is_its_place_in_the_log(house: House) -> None:
    """Position, entry and leaf are what they were; every other column says nothing."""
    kept = "SELECT position, entry, leaf FROM record ORDER BY position"
    before, size = _rows(house.files.ledger, kept), house.size()

    cleared(house)

    assert _rows(house.files.ledger, kept)[:size] == before
    rows = _rows(
        house.files.ledger,
        "SELECT r.position, r.stream, r.version, r.topic, r.state, r.submission, r.row,"
        " r.recorded_at_us - b.recorded_at_us FROM record r JOIN record b ON b.position = r.position - 1"
        " WHERE r.gone = 'redacted'",
    )
    assert len(rows) == 11
    assert all(tuple(rest) == (b"", position, "", None, None, None, 0) for position, *rest in rows)


def test_no_byte_of_it_is_left_in_file_or_wal(house: House) -> None:
    """What the records held is overwritten, where they stood, in what they held, and in the WAL."""
    learners = {learner.learner.bytes for learner in due(house.ledger, 0)}
    held = [
        key for (key,) in _rows(house.files.ledger, "SELECT key FROM taken WHERE kind IN ('row', 'award')")
    ]
    query = "SELECT position, state FROM record WHERE state IS NOT NULL"
    states = dict(_rows(house.files.ledger, query))

    cleared(house)
    house.close()

    gone = [states[at] for at in states.keys() - dict(_rows(house.files.ledger, query)).keys()]
    left = {key for (key,) in _rows(house.files.ledger, "SELECT key FROM taken")}
    files = [
        house.files.ledger.with_name(house.files.ledger.name + suffix) for suffix in ("", "-wal", "-shm")
    ]
    data = b"".join(file.read_bytes() for file in files if file.exists())
    assert len(gone) == 11
    for state in gone:
        parts = private_state(state)
        hidden = (parts.open_salt, parts.sealed_commit, parts.sealed)
        assert not any(one[at : at + 16] in data for one in hidden for at in range(0, len(one) - 15, 16))
    freed = [key for key in held if key not in left]
    assert any(key[:16] in learners for key in freed)
    assert not any(key in data for key in freed)


def test_submissions_that_nothing_cites_any_more_are_gone(house: House) -> None:
    """One that held only cleared rows goes; one that holds others' rows too stays."""
    award = "SELECT submission FROM record WHERE topic = 'award.revoked'"
    ((alone,),), (shared, *_) = (
        _rows(house.files.ledger, award),
        _rows(house.files.ledger, "SELECT submission FROM record WHERE topic = 'learner.enrolled'"),
    )

    cleared(house)

    numbers = {number for (number,) in _rows(house.files.ledger, "SELECT number FROM submission")}
    assert alone not in numbers
    assert shared[0] in numbers


def test_places_in_status_lists_stay_taken_and_nothing_else_does(house: House) -> None:
    """The record of the disposal holds the places of both awards; what else they held is free."""
    before = dict(_rows(house.files.ledger, "SELECT key, position FROM taken WHERE kind = 'slot'"))
    rows = len(_rows(house.files.ledger, "SELECT 1 FROM taken WHERE kind = 'row'"))

    done = cleared(house)

    after = dict(_rows(house.files.ledger, "SELECT key, position FROM taken WHERE kind = 'slot'"))
    assert after.keys() == before.keys()
    assert sum(position == done.position for position in after.values()) == 2
    assert len(_rows(house.files.ledger, "SELECT 1 FROM taken WHERE kind = 'row'")) == rows - 11
    held = house.ledger.store.taken(SLOT, list(after))
    assert {record.topic for record in held.values()} == {"microcredential.awarded", "streams.disposed"}


def test_a_place_is_not_drawn_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chance points at the place of an award that was cleared: another one is drawn."""
    done = cleared(house)
    taken = dict(_rows(house.files.ledger, "SELECT position, key FROM taken WHERE kind = 'slot'"))
    key = taken[done.position]
    index = int.from_bytes(key[-4:], "big")
    chance = iter([index, (index + 1) % STATUS_LIST_SIZE, (index + 2) % STATUS_LIST_SIZE])
    monkeypatch.setattr("ledger.deciding.slots.secrets.randbelow", lambda _below: next(chance))
    newcomer = people(9)[8]
    house.register(newcomer)
    house.enrol(newcomer)
    house.passed(newcomer)

    house.award(newcomer)

    drawn = slot_claim(95001, 1, index + 1).key
    assert house.ledger.store.taken(SLOT, [drawn])[drawn].topic == "microcredential.awarded"
    assert house.audit().faults == []


def test_every_proof_still_holds_and_says_that_the_content_is_gone(house: House) -> None:
    """Anyone gets entry and proof of a cleared position; its receipts say why there is no more."""
    done = cleared(house)
    house.publish()
    at = _rows(house.files.ledger, "SELECT MAX(position) FROM record WHERE gone = 'redacted'")[0][0]
    tree = house.publisher().tree

    proven = prove(house.ledger.store, tree, at)

    receipt = public_receipt(proven)
    assert (receipt["gone"], "recorded_at" in receipt) == ("redacted", False)
    key = house.ledger.vault.key_of(house.ledger.subject, "ledger")
    for made in (
        lambda: provider_receipt(proven, key),
        lambda: award_receipt(proven, key, house.ledger.mapper),
    ):
        with pytest.raises(Absent) as caught:
            made()
        assert caught.value.code == "redacted"
    assert done.position is not None


def test_the_person_does_not_come_back(house: House) -> None:
    """A monthly file with the same people is held; a result posted again is not recorded again."""
    cleared(house)

    outcomes = house.post(REGISTRAR, [statement("learner.registered", who=identity(ANA))])
    outcomes += house.post(PROVIDER_KEY, [statement("assessment.passed", **a_result(ANA))])

    assert [[one.code for one in outcome.findings] for outcome in outcomes] == [["E111"], ["E111"]]


def test_a_learner_of_whom_only_the_forgetting_is_left_still_replays(house: House) -> None:
    """Asked for once more, the request is accepted and nothing is left to do."""
    ana = due(house.ledger, 0)[0].learner
    cleared(house)

    (outcome,) = house.must(FIRST, [a_request(ana, level=2)])
    approved(house, stream_at(house, outcome))

    assert due(house.ledger, 0) == []
    assert house.audit().faults == []


# ------------------------------------------------------------------ who, and when


def test_nobody_is_due_before_the_period_has_ended(house: House) -> None:
    """Whole days count from the turn that made the forgetting effective in copies."""
    assert due(house.ledger, 1) == []

    house.clock.advance(timedelta(days=1))

    assert len(due(house.ledger, 1)) == 2
    assert due(house.ledger, 2) == []


def test_nobody_is_due_for_whom_one_person_asked(tmp_path: Path) -> None:
    """Level 2 takes two people as level 1 does, and the turn of the epoch."""
    house = a_full_ledger(tmp_path, [ANA, BEN])
    (ana, _) = forget(house, ANA, BEN)
    (outcome,) = house.must(FIRST, [a_request(ana, level=2)])
    assert due(house.ledger, 0) == []

    house.must(SECOND, [statement("forgetting.approved", forgetting=stream_at(house, outcome))])

    assert due(house.ledger, 0) == [], "old copies still open what was destroyed"
    assert dispose(house.ledger, []).records == 0


def test_what_was_cleared_meanwhile_is_not_cleared_twice(house: House) -> None:
    """Two processes carry out the same: whoever is second changes nothing."""
    chosen = due(house.ledger, 0)
    dispose(house.ledger, chosen)
    size = house.size()

    with pytest.raises(Stale):
        dispose(house.ledger, chosen)

    assert house.size() == size
    assert house.audit().faults == []


def test_a_ledger_that_must_not_be_written_is_not_cleared(house: House) -> None:
    """A rollback or a fork stops this too."""
    house.ledger.fault = Unavailable("it is not what was published", code="split")

    with pytest.raises(Unavailable):
        cleared(house)


def test_one_after_the_other_leaves_runs_of_rows_as_they_must_be(house: House) -> None:
    """Rows that touch those of an earlier disposal carry the instant of the newest record that is left."""
    for one in due(house.ledger, 0):
        house.clock.advance(timedelta(minutes=1))
        dispose(house.ledger, [one])
        assert house.audit().faults == []
    for human in OTHERS[:4]:
        house.clock.advance(timedelta(minutes=1))
        to_be_cleared(house, human)
        cleared(house)

    report = house.audit()

    assert report.faults == []
    assert report.redacted == 11 + 4 * 5


def test_an_audit_by_several_processes_begins_again_when_records_are_cleared(house: House) -> None:
    """They see what the state that was held here does not show: nothing of that is a finding."""
    house.register(*people(300, first=2000))  # for more than one part
    done: list[int] = []

    def clear_once(_seen: int, _all: int) -> None:
        if not done:
            done.append(cleared(house).records)

    report = audit(house.ledger, how=How(jobs=2, part=256, progress=clear_once))

    assert done == [11]
    assert (report.faults, report.redacted) == ([], 11)


def test_a_large_disposal_is_told_in_several_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part says which of how many it is; together they account for everything, and the count follows."""
    monkeypatch.setattr("ledger.disposal.in_parts", partial(in_parts, size=2))
    house = a_full_ledger(tmp_path, people(8))
    to_be_cleared(house, *people(8)[::2])

    done = cleared(house)

    topics = [one.topic for one in house.ledger.store.select_notifications(done.position or 1, 100)]
    assert topics[-1] == "forgetting.counted"
    assert len(topics) > 2
    assert set(topics[:-1]) == {"streams.disposed"}
    for how in (How(), How(short=False)):
        assert audit(house.ledger, how=how).faults == []
    assert house.audit().redacted == 20


# ------------------------------------------------------------------ what is found


REDACT = (
    "UPDATE record SET stream = x'', version = position, topic = '', state = NULL, submission = NULL,"
    " row = NULL, gone = 'redacted', recorded_at_us = (SELECT r.recorded_at_us FROM record r"
    " WHERE r.position = record.position - 1) WHERE position = {}"
)


@pytest.mark.parametrize(
    "change",
    [
        "position = 5000",
        "stream = randomblob(16)",
        "stream = x'00'",
        "version = version + 1000",
        "topic = 'assessment.passed'",
        "topic = ' '",
        "state = x'93'",
        "state = x''",
        "recorded_at_us = recorded_at_us + 1",
        "recorded_at_us = recorded_at_us - 1",
        "entry = x'01'",
        "entry = CAST(substr(entry, 1, 32) || x'5a' AS BLOB)",
        "leaf = randomblob(32)",
        "submission = 3",
        "row = 0",
        "submission = 3, row = 4000",
        "gone = 'lost'",
        "gone = 'Redacted'",
        "gone = ''",
        "gone = NULL",
    ],
)
@pytest.mark.parametrize("order", ["MIN", "MAX"])
def test_every_column_of_a_cleared_row_has_one_permitted_value(
    disposed: House, bench: Bench, change: str, order: str
) -> None:
    """Whatever is changed in it is found, without any key."""
    ((at,),) = _rows(bench.path, f"SELECT {order}(position) FROM record WHERE gone = 'redacted'")  # noqa: S608

    found = _found(disposed, bench, f"UPDATE record SET {change} WHERE position = {at}")  # noqa: S608

    assert found


def test_a_row_that_is_cleared_behind_the_ledgers_back_is_found(disposed: House, bench: Bench) -> None:
    """In the very form of a cleared one, and nothing accounts for it: without keys too."""
    ((at,),) = _rows(bench.path, "SELECT MAX(position) FROM record WHERE topic = 'assessment.passed'")

    found = _found(disposed, bench, REDACT.format(at))

    assert {("gone", f"record {at}"), ("disposal", "records")} <= found


def test_one_that_is_put_back_is_found(disposed: House, bench: Bench) -> None:
    """Somebody kept a copy of a record that was to be cleared: it has no place any more."""
    ((at,),) = _rows(bench.path, "SELECT MAX(position) FROM record WHERE gone = 'redacted'")
    copied = (
        "UPDATE record SET (stream, version, topic, state) = (SELECT randomblob(16), 1, topic, state"  # noqa: S608
        f" FROM record WHERE topic = 'learner.registered'), gone = NULL WHERE position = {at}"
    )

    found = _found(disposed, bench, copied)

    assert ("disposal", f"record {at}") in found


def test_a_list_that_is_edited_is_found(disposed: House, bench: Bench) -> None:
    """One more position in the list, and that record cleared as well: the entry in the log is another."""
    ((told_at, state),) = _rows(
        bench.path, "SELECT position, state FROM record WHERE topic = 'streams.disposed'"
    )
    ((at,),) = _rows(bench.path, "SELECT MIN(position) FROM record WHERE gone = 'redacted'")
    edited = bytearray(state)
    place = edited.index(bytes([at]), 60)
    edited[place] -= 1

    found = _found(
        disposed,
        bench,
        f"UPDATE record SET state = x'{edited.hex()}' WHERE position = {told_at}",  # noqa: S608
        REDACT.format(at - 1),
    )

    assert ("entry", f"record {told_at}") in found


def test_a_disposal_that_is_made_up_is_found(house: House) -> None:
    """The rows are cleared, and the count that everybody sees says something else, or nothing."""
    chosen = due(house.ledger, 0)
    learner = chosen[0].learner
    cleared(house)
    made_up = Due(UUID(int=7), (), ())

    with pytest.raises(Stale):
        dispose(house.ledger, [made_up])

    with clearing(house.ledger.store) as connection:
        ((at,),) = _rows(
            house.files.ledger, "SELECT MAX(position) FROM record WHERE topic = 'assessment.passed'"
        )
        redact(connection, [at])
    found = {(fault.code, fault.where) for fault in house.audit(with_keys=False).faults}
    assert {("gone", f"record {at}"), ("disposal", "records")} <= found
    assert learner not in house.ledger.vault.keys([learner])


# ------------------------------------------------------------------ triggers


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE record SET gone = 'redacted' WHERE position = {live}",
        "UPDATE record SET state = NULL WHERE position = {live}",
        f"{REDACT.replace('{}', '1')}",
        f"{REDACT.replace('{}', '{public}')}",
        f"{REDACT.replace('redacted', 'lost').replace('{}', '{live}')}",
        f"{REDACT.replace('record.position - 1', '2').replace('{}', '{live}')}",
        "UPDATE record SET gone = NULL WHERE position = {gone}",
        "UPDATE record SET entry = x'01' WHERE position = {gone}",
        "UPDATE record SET recorded_at_us = recorded_at_us + 1 WHERE position = {gone}",
        "DELETE FROM record WHERE position = {gone}",
        "DELETE FROM submission",
        "UPDATE submission SET jws = ''",
    ],
)
def test_the_triggers_let_nothing_else_through(bench: Bench, change: str) -> None:
    """Any other change of a record is refused, as is a submission's end while a record cites it."""
    places = {
        "live": "SELECT MAX(position) FROM record WHERE topic = 'assessment.passed'",
        "public": "SELECT MAX(position) FROM record WHERE topic = 'organisation.registered'",
        "gone": "SELECT MAX(position) FROM record WHERE gone = 'redacted'",
    }
    found = {name: _rows(bench.path, query)[0][0] for name, query in places.items()}
    connection = database.connect(bench.path)

    with pytest.raises(IntegrityError, match="append-only"):
        connection.execute(change.format(**found))

    connection.close()


def test_triggers_of_an_earlier_version_are_replaced(house: House) -> None:
    """A database that knows nothing of disposals gets its triggers when it is opened."""
    with house.ledger.store.database.writing() as connection:
        connection.execute("DROP TRIGGER record_is_never_updated")
        connection.execute(
            "CREATE TRIGGER record_is_never_updated BEFORE UPDATE ON record"
            " BEGIN SELECT RAISE(ABORT, 'record is append-only'); END"
        )
        connection.execute("PRAGMA user_version=0")
    house.reopen()

    assert cleared(house).records == 11
    assert house.audit().faults == []


# ------------------------------------------------------------------ stops


STEPS = ("scanned", "begun", "cleared", "told", "committed")


@pytest.mark.parametrize("stop", STEPS)
def test_a_stop_at_any_step_is_finished_at_the_next_start(house: House, stop: str) -> None:
    """Before it is durable nothing has happened; afterwards only the file is left to be cleaned."""

    def step(name: str) -> None:
        if name == stop:
            raise Stopped

    states = dict(_rows(house.files.ledger, "SELECT position, state FROM record WHERE state IS NOT NULL"))
    with pytest.raises(Stopped):
        dispose(house.ledger, due(house.ledger, 0), at_step=step)

    house.reopen()
    assert redo(house.ledger)

    assert house.audit().faults == []
    again = cleared(house)
    assert again.records == (0 if stop == "committed" else 11)
    assert house.audit().redacted == 11
    house.close()
    left = dict(_rows(house.files.ledger, "SELECT position, state FROM record WHERE state IS NOT NULL"))
    data = house.files.ledger.read_bytes()
    assert not any(states[at][-32:] in data for at in states.keys() - left.keys())


def test_a_reader_of_an_older_moment_only_delays_the_cleaning(house: House) -> None:
    """Who still reads what was there keeps it in the WAL; once they let go the next turn cuts it off."""
    reader = database.connect(house.files.ledger)
    reader.execute("BEGIN")
    reader.execute("SELECT COUNT(*) FROM record").fetchone()

    assert not cleared(house).erased
    assert not redo(house.ledger)

    reader.execute("ROLLBACK")
    assert redo(house.ledger)
    assert not house.files.ledger.with_name("ledger.erase").exists()
    reader.close()


def test_the_store_alone_clears_nothing_twice(tmp_path: Path) -> None:
    """A position that is gone already, or was never there, is refused and changes nothing."""
    house = a_full_ledger(tmp_path, [ANA])
    store: LedgerRecorder = house.ledger.store
    ((at,),) = _rows(house.files.ledger, "SELECT MAX(position) FROM record WHERE topic = 'assessment.passed'")

    for wrong in ([at, at], [house.size() + 1]):
        with pytest.raises(Stale), clearing(store) as connection:
            redact(connection, wrong)

    assert house.audit().faults == []


# ------------------------------------------------------------------ beside it


def test_a_restore_goes_on_from_a_copy_that_was_cleared(house: House, tmp_path: Path) -> None:
    """A copy from after the disposal is put back: only what came later is lost, no revocation is missed."""
    cleared(house)
    house.publish()
    take_copy(house, tmp_path / "copy")
    newcomers = people(9)[6:]
    house.register(*newcomers)
    bits = {"issuer": 95001, "status_list": 1, "bits_sha256": _bits_of(house), "as_at": house.size()}
    house.ledger.note([Consequence(public_id("status_list", 95001, 1), StatusListChanged, bits)])
    house.publish()
    put_back(house, tmp_path / "copy")
    house.clock.advance(timedelta(minutes=1))

    plan = restore(house.ledger, accept_lost=True).plan

    assert (plan.lost, plan.revocations) == (len(newcomers), ())
    house.publish()
    report = house.audit()
    assert (report.faults, report.redacted, report.lost) == ([], 11, len(newcomers))


def _bits_of(house: House) -> bytes:
    """Return the digest of the status list's bits: the one revocation, though its award was cleared."""
    mapper = LedgerMapper.for_reading()
    (record,) = house.ledger.store.select_notifications(1, 10_000, topics=("streams.disposed",))
    bits = bytearray(STATUS_LIST_SIZE // 8)
    revoked = [slot.place for slot in mapper.to_domain_event(record).kept_slots() if slot.revoked_at]
    assert len(revoked) == 1
    bits[revoked[0] // 8] |= 0x80 >> revoked[0] % 8
    return sha256(bits).digest()
