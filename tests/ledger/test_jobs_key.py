"""What was received is sealed under a key that turns, and is destroyed with whom it mentions."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.client.submission import Submission
from ledger.encoding.packed import Packed
from ledger.founding import REGISTRAR
from ledger.outcomes import OutcomeStore
from ledger.store.jobs import DONE, PROCESSING, Job, Jobs
from ledger.turning import turn
from tests.support.ledgers import PROVIDER_KEY, House, a_study_ledger, people, received, statement
from tests.support.world import Human, a_result, an_award, identity

ANA, BEN = people(2)
SOURCE = b"nsn,name\r\n" + ANA.nsn.encode() + b",Brook\r\n"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A ledger in which Ana and Ben are enrolled."""
    made = a_study_ledger(tmp_path / "ledger")
    made.register(ANA, BEN)
    made.enrol(ANA, BEN)
    yield made
    made.close()


def _results(house: House, human: Human) -> Submission:
    return house.build(
        PROVIDER_KEY,
        [
            statement("assessment.passed", **a_result(human)),
            statement("assessment.passed", **a_result(human, "LO2", grade="??")),
        ],
    )


def _kept(house: House, submission: Submission, *, source: bytes | None = None) -> Job:
    return house.ledger.outcomes.receive(
        received(submission), house.clock.now_us(), body=Packed(submission.body()), source=source
    )


def _job(house: House, submission: Submission) -> Job:
    found = house.ledger.jobs.find(house.speakers[PROVIDER_KEY], submission.jti)
    assert found is not None
    return found


def _content(house: House, job: Job) -> tuple[bytes | None, bytes | None]:
    """Return body and file as they are sealed."""
    return house.ledger.jobs.body(job.number), house.ledger.jobs.file(job.number)


def _body(house: House, job: Job) -> bytes | None:
    return _opened(house.ledger.outcomes.body(job))


def _opened(body: Packed | None) -> bytes | None:
    return None if body is None else body.whole()


def _jobs_keys(house: House) -> int:
    reader = house.ledger.vault._database.reader
    (count,) = reader.execute("SELECT COUNT(*) FROM subject WHERE kind = 'jobs'").fetchone()
    return int(count)


# ---------------------------------------------------------------------- the key that turns


def test_what_was_kept_comes_back_after_turns(house: House) -> None:
    """Body, file and answers; each turn leaves one jobs key, and it is another one."""
    sent = _results(house, ANA)
    _kept(house, sent, source=SOURCE)
    said = house.send(sent)
    keys = set()

    for _ in range(3):
        job = _job(house, sent)
        keys.add(job.sealed_by)
        assert _body(house, job) == sent.body()
        assert house.ledger.outcomes.source(job) == SOURCE
        assert house.ledger.outcomes.of(job) == said
        assert said[1].findings
        turn(house.ledger)
        assert _jobs_keys(house) == 1

    assert len(keys) == 3
    assert None not in keys


def test_a_copy_from_before_a_turn_does_not_open(house: House, tmp_path: Path) -> None:
    """Its key is destroyed: what is left of it are states and positions."""
    sent = _results(house, ANA)
    _kept(house, sent, source=SOURCE)
    said = house.send(sent)
    house.ledger.jobs.truncate_wal()
    shutil.copy(house.files.jobs, tmp_path / "copy.sqlite")

    turn(house.ledger)

    jobs = Jobs(tmp_path / "copy.sqlite")
    old = OutcomeStore(jobs, house.ledger.vault, house.ledger.store)
    job = jobs.find(house.speakers[PROVIDER_KEY], sent.jti)
    assert job is not None
    assert job.has_body
    assert (old.body(job), old.source(job)) == (None, None)
    assert [(one.status, one.position, one.findings) for one in old.of(job)] == [
        (one.status, one.position, ()) for one in said
    ]
    jobs.close()


def test_a_copy_that_was_put_back_goes_on(house: House) -> None:
    """What it had sealed is gone; what was half decided is completed, and new ones are taken in."""
    sent = _results(house, ANA)
    job = _kept(house, sent)
    house.ledger.jobs.truncate_wal()
    copy = house.files.jobs.read_bytes()
    turn(house.ledger)
    house.close()
    house.files.jobs.write_bytes(copy)
    house.reopen()
    assert house.ledger.outcomes.body(_job(house, sent)) is None

    said = house.send(sent)

    assert [one.status for one in said] == ["accepted", "rejected"]
    assert house.ledger.outcomes.of(_job(house, sent)) == said
    assert _job(house, sent).number == job.number
    other = house.send(_results(house, BEN))
    assert [one.status for one in other] == ["accepted", "rejected"]


def test_existing_ledgers_are_sealed_anew_at_their_first_turn(house: House) -> None:
    """Their rows are under the organisation's key, in a file without the newer columns."""
    sent = _results(house, ANA)
    _kept(house, sent, source=SOURCE)
    said = house.send(sent)
    _make_old(house, sent)
    assert _job(house, sent).sealed_by is None
    assert house.send(sent) == said
    assert house.ledger.outcomes.source(_job(house, sent)) == SOURCE

    turn(house.ledger)

    assert _job(house, sent).sealed_by is not None
    assert _body(house, _job(house, sent)) == sent.body()
    assert house.ledger.outcomes.source(_job(house, sent)) == SOURCE
    assert house.send(sent) == said


def _make_old(house: House, sent: Submission) -> None:
    """Seal a job as ledgers did before the jobs key, and take the newer columns away."""
    ledger, job = house.ledger, _job(house, sent)
    key = ledger.vault.key_of(job.iss, "organisation")
    seen = ledger.outcomes._key(job)
    assert seen is not None
    with ledger.jobs._database.writing() as connection:
        aad = b"body" + job.jti.bytes
        sealed = [key.seal(seen.unseal(one or b"", aad), aad) for one in _content(house, job)]
        connection.execute("UPDATE job SET body = ?, extra = ? WHERE number = ?", (*sealed, job.number))
        for one in ledger.jobs.outcomes(job.number):
            aad = b"outcome" + job.jti.bytes + one.row.to_bytes(4, "big")
            connection.execute(
                "UPDATE outcome SET details = ? WHERE job = ? AND row = ?",
                (key.seal(seen.unseal(one.details, aad), aad), job.number, one.row),
            )
        connection.execute("DELETE FROM job WHERE number <> ?", (job.number,))
        connection.execute("ALTER TABLE job DROP COLUMN sealed_by")
        connection.execute("ALTER TABLE job DROP COLUMN forgetting")
        connection.execute("DROP TABLE sealing")
        connection.execute("DROP TABLE retired")
        connection.execute("PRAGMA user_version=0")
    house.reopen()


def test_who_holds_the_old_key_follows(house: House) -> None:
    """Another process has turned the key between its look and its write: nothing goes under the old one."""
    ledger = house.ledger
    other = OutcomeStore(Jobs(house.files.jobs), ledger.vault, ledger.store)
    first, second = _results(house, ANA), _results(house, BEN)
    job = other.receive(received(first), house.clock.now_us(), body=Packed(first.body()))
    outcomes = house.send(house.build(REGISTRAR, [statement("learner.registered", who=identity(ANA))]))

    turn(ledger)
    other.keep(job, outcomes, done=False)
    turn(ledger)
    kept = other.receive(received(second), house.clock.now_us(), body=Packed(second.body()))

    assert ledger.outcomes.of(_job(house, first)) == outcomes
    assert other.of(job) == outcomes
    assert _opened(other.body(job)) == first.body()
    assert kept.sealed_by == ledger.jobs.sealing_key()
    assert _jobs_keys(house) == 1


def test_two_who_turn_the_key_at_once_lose_nothing(house: House) -> None:
    """One replaces the key that the other seals under: both go on under the newer, no needed key goes."""
    ledger = house.ledger
    sent = [_results(house, human) for human in (ANA, BEN)]
    for one in sent:
        _kept(house, one)
    other = OutcomeStore(Jobs(house.files.jobs), ledger.vault, ledger.store)
    turned = []

    def turn_too(step: str) -> None:
        if step == "sealed_anew" and not turned:
            turned.append(step)
            other.turn_key()

    ledger.outcomes.at_step = turn_too
    ledger.outcomes.turn_key()

    assert turned
    assert [_opened(ledger.outcomes.body(_job(house, one))) for one in sent] == [one.body() for one in sent]
    assert {_job(house, one).sealed_by for one in sent} == {ledger.jobs.sealing_key()}
    assert _jobs_keys(house) == 1


# ---------------------------------------------------------------------- forgetting


def test_what_mentions_somebody_is_destroyed_and_nothing_else(house: House) -> None:
    """Body, file and details go; what came of the rows stays, and posted again it is answered as before."""
    about, other = _results(house, ANA), _results(house, BEN)
    for one in (about, other):
        _kept(house, one)
    said, said_of_other = house.send(about), house.send(other)

    done = house.ledger.outcomes.destroy_about([ANA.nsn])

    assert done == (1, 0, True)
    job = _job(house, about)
    assert (*_content(house, job), job.state) == (None, None, DONE)
    assert [(one.status, one.position, one.findings) for one in house.send(about)] == [
        (one.status, one.position, ()) for one in said
    ]
    assert _body(house, _job(house, other)) == other.body()
    assert house.send(other) == said_of_other
    assert house.ledger.outcomes.destroy_about([ANA.nsn]) == (0, 0, True)


def test_a_file_that_mentions_somebody_is_destroyed(house: House) -> None:
    """Also where only the file does: a row that could not be read was never posted."""
    sent = _results(house, BEN)
    _kept(house, sent, source=SOURCE)
    house.send(sent)

    assert house.ledger.outcomes.destroy_about([ANA.nsn]).now == 1
    assert house.ledger.outcomes.source(_job(house, sent)) is None


def test_no_byte_of_what_was_destroyed_is_left(house: House) -> None:
    """Neither in the file nor in its WAL."""
    sent = _results(house, ANA)
    job = _kept(house, sent, source=SOURCE)
    house.send(sent)
    body, source = _content(house, job)
    assert body is not None
    assert source is not None

    house.ledger.outcomes.destroy_about([ANA.nsn])

    held = b"".join(path.read_bytes() for path in sorted(house.files.folder.glob("jobs.sqlite*")))
    assert source not in held
    assert body[:64] not in held
    assert (house.files.folder / "jobs.sqlite-wal").stat().st_size == 0


def test_what_is_being_decided_is_destroyed_when_it_is_done(house: House) -> None:
    """Its body is needed until then: a crash is finished from it."""
    sent = _results(house, ANA)
    _kept(house, sent)

    assert house.ledger.outcomes.destroy_about([ANA.nsn]) == (0, 1, True)
    assert _job(house, sent).state == PROCESSING
    assert _body(house, _job(house, sent)) == sent.body()
    said = house.send(sent)

    assert [one.status for one in said] == ["accepted", "rejected"]
    job = _job(house, sent)
    assert (job.has_body, job.state) == (False, DONE)
    assert [one.position for one in house.send(sent)] == [one.position for one in said]


def test_a_destroyed_award_is_still_named(house: House) -> None:
    """Posted again, the answer carries the award: it is in the record."""
    house.passed(ANA)
    sent = house.build(PROVIDER_KEY, [statement("microcredential.awarded", **an_award(ANA))])
    _kept(house, sent)
    (said,) = house.send(sent)

    house.ledger.outcomes.destroy_about([ANA.nsn])

    (again,) = house.send(sent)
    assert said.award is not None
    assert (again.award, again.position) == (said.award, said.position)
