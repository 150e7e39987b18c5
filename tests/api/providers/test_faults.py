"""When something is wrong here: a clear 503 or 500, reads go on, and what was sent can be sent again."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from ledger import database
from ledger.errors import Corrupt, Rollback, Split
from ledger.founding import REGISTRAR
from tests.api.door import Door, results_csv, statuses
from tests.support.ledgers import PROVIDER_KEY, statement
from tests.support.world import ANA, BEN, PROVIDER, a_result

HOUR = timedelta(hours=1)
RESULTS = results_csv([(ANA, "LO1", "A"), (BEN, "LO1", "A")])


def signed(door: Door) -> bytes:
    """Return a signed result on LO2 for each of two learners."""
    said = [statement("assessment.passed", **a_result(one, "LO2")) for one in (ANA, BEN)]
    return door.ledger.build(PROVIDER_KEY, said).body()


@pytest.mark.parametrize("fault", [Rollback("an old copy was put back"), Split("two histories")])
def test_writing_stops_and_reads_go_on(door, fault):
    """A rollback or a split: 503 for whatever would be written, 200 for everything that is there."""
    submission = door.post_csv(RESULTS).json()["submission"]
    door.house.catch_up()
    door.house.fault = fault
    head, jobs = door.head(), door.jobs()

    refused = [
        door.post_csv(RESULTS),
        door.post_csv(RESULTS.replace(b"LO1", b"LO2")),
        door.post_signed(signed(door)),
    ]
    reads = [
        door.get(path, PROVIDER)
        for path in (
            f"/v1/submissions/{submission}",
            f"/v1/submissions/{submission}/rows",
            "/v1/receipts/1",
            "/log/checkpoint",
            f"/log/tile/0/000.p/{head.size}",
            "/trust.json",
            "/register",
            "/.well-known/did.json",
        )
    ]

    assert [(one.status_code, one.json()["code"]) for one in refused] == [(503, fault.code)] * 3
    assert all("retry-after" in one.headers for one in refused)
    assert [one.status_code for one in reads] == [200] * len(reads)
    assert door.get("/healthz").json() == {"status": "reading only", "reason": fault.code}
    assert (door.head(), door.jobs()) == (head, jobs)


@pytest.mark.parametrize("how", ["a file", "signed"])
def test_a_fault_of_ours_leaves_a_submission_to_be_answered_again(door, monkeypatch, caplog, how):
    """500 without a word of what was sent; it counts as being decided until the same bytes come again."""
    data = RESULTS if how == "a file" else signed(door)
    post = door.post_csv if how == "a file" else door.post_signed
    size = door.ledger.size()

    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError(ANA.nsn)

    with monkeypatch.context() as fault:
        fault.setattr(door.house.ledger, "_decide_and_save", broken)
        failed = post(data)
    (job,) = door.house.ledger.jobs.unfinished()
    middle = door.get(f"/v1/submissions/{job.jti}", PROVIDER)
    again = post(data)

    assert (failed.status_code, failed.json()["code"]) == (500, "internal")
    assert failed.headers["content-type"] == "application/problem+json"
    assert ANA.nsn not in failed.text + caplog.text
    assert (middle.status_code, middle.json()["status"], middle.json()["rows"]) == (200, "processing", [])
    assert (again.status_code, statuses(again)) == (200, ["accepted", "accepted"])
    assert again.json()["submission"] == str(job.jti)
    assert door.ledger.size() == size + 2
    assert not door.house.ledger.jobs.unfinished()


def test_a_file_that_a_fault_stopped_is_decided_at_the_next_start(door, monkeypatch):
    """What was signed for it is kept first, so nobody has to send it again."""
    size = door.ledger.size()

    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as fault:
        fault.setattr(door.house.ledger, "_decide_and_save", broken)
        door.post_csv(RESULTS)
    door.restart()
    door.work()

    assert door.ledger.size() == size + 2
    assert statuses(door.post_csv(RESULTS)) == ["accepted", "accepted"]
    assert door.ledger.size() == size + 2


def test_a_row_that_was_recorded_while_its_answer_was_lost_is_answered_from_its_record(door, monkeypatch):
    """The process goes between the record and the outcome: the same bytes get both, once."""
    size = door.ledger.size()

    def lost(*_arguments: object, **_options: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as fault:
        fault.setattr(door.house.ledger.outcomes, "keep", lost)
        assert door.post_csv(RESULTS).status_code == 500
    door.restart()
    answer = door.post_csv(RESULTS)

    assert statuses(answer) == ["accepted", "accepted"]
    assert [row["position"] for row in answer.json()["rows"]] == [size + 1, size + 2]
    assert door.ledger.size() == size + 2


def test_what_does_not_check_is_500_without_details(door, monkeypatch):
    """The operator is told what is damaged, not whoever asks."""

    def damaged(*_arguments: object) -> None:
        raise Corrupt("record 7 of learner 9000000001 does not open")

    monkeypatch.setattr(door.house.ledger, "_decide_and_save", damaged)

    answer = door.post_csv(RESULTS)

    assert (answer.status_code, answer.json()["code"]) == (500, "corrupt")
    assert "record 7" not in answer.text


def test_a_clock_that_went_back_stops_writing_for_a_while(door):
    """503, nothing recorded; when the clock is right again the same bytes are decided."""
    size = door.ledger.size()
    door.ledger.clock.advance(-HOUR)
    early = door.post_csv(RESULTS)

    door.ledger.clock.advance(HOUR)
    later = door.post_csv(RESULTS)

    assert early.status_code == 503
    assert "retry-after" in early.headers
    assert statuses(later) == ["accepted", "accepted"]
    assert door.ledger.size() == size + 2


def test_a_retired_key_in_our_keeping_signs_no_file(door):
    """Files of an organisation whose key in our keeping was retired: 403, and nothing is kept or recorded."""
    kid = door.ledger.signer(PROVIDER_KEY).thumbprint
    retired = statement("key.retired", organisation=PROVIDER, kid=kid, from_="2026-11-22")
    door.ledger.must(REGISTRAR, [retired])
    head, jobs = door.head(), door.jobs()

    answer = door.post_csv(RESULTS)

    assert (answer.status_code, answer.json()["code"]) == (403, "custody")
    assert (door.head(), door.jobs()) == (head, jobs)


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the write transaction of a database, as another process would."""
    other = database.connect(path)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


@contextmanager
def no_room() -> Iterator[None]:
    """Let no file grow, or be written beyond its first page, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (database.PAGE_BYTES // 2, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for other processes no time at all: nothing that writes is open before."""
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("name", ["ledger", "jobs"])
def test_another_process_that_does_not_let_go_is_busy_and_no_fault(door, name):
    """503 with Retry-After for the post; reads go on; the same bytes are taken when it has let go."""
    door.restart()  # so that all is opened by who does not wait
    files, size, _ = door.ledger.files, door.ledger.size(), door.token(PROVIDER)

    with held(getattr(files, name)):
        refused = door.post_csv(RESULTS)
        read = door.get("/register")
    taken = door.post_csv(RESULTS)

    assert (refused.status_code, refused.json()["code"]) == (503, "busy")
    assert refused.headers["retry-after"].isdigit()
    assert read.status_code == 200
    assert statuses(taken) == ["accepted", "accepted"]
    assert door.ledger.size() == size + 2


def test_a_disk_that_is_full_is_told_and_everything_goes_on_when_there_is_room(door):
    """503 with Retry-After, nothing half; nobody has to start anything again. Source: P10."""
    size, _ = door.ledger.size(), door.token(PROVIDER)

    with no_room():
        refused = [door.post_csv(RESULTS), door.post_signed(signed(door)), door.post_csv(RESULTS)]
        read = door.get("/register")
    full = door.ledger.size()
    taken = [door.post_csv(RESULTS), door.post_signed(signed(door))]

    assert [(one.status_code, one.json()["code"]) for one in refused] == [(503, "storage")] * 3
    assert all(one.headers["retry-after"].isdigit() for one in refused)
    assert read.status_code == 200
    assert full == size
    assert [statuses(one) for one in taken] == [["accepted", "accepted"]] * 2
    assert door.ledger.audit().ok


def test_without_the_key_that_signs_receipts_nothing_is_recorded(door):
    """Nobody has to wonder whether rows landed for which no receipt came; and /readyz says why."""
    key, data = door.house.ledger.files.keys / "receipt.pem", results_csv([(ANA, "LO1", "A")])
    size, kept = door.house.ledger.store.head().size, key.read_bytes()
    key.unlink()

    refused, ready = door.post_csv(data), door.get("/readyz")
    key.write_bytes(kept)
    posted = door.post_csv(data)

    assert (refused.status_code, refused.json()["code"]) == (503, "receipt-key")
    assert (ready.status_code, ready.json()["code"]) == (503, "receipt-key")
    assert posted.status_code == 200
    assert door.house.ledger.store.head().size == size + 1
