"""How the ledger says that it stands: in words for people, as data for programs, as a status for watchers."""

import shutil
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from api.house import Publishing
from api.operations.background import Background
from api.operations.troubles import FAILURES_MAX, trouble
from ledger.cosigning import Cosigning, Reply
from ledger.database import OperationalError
from ledger.errors import Corrupt, Rollback, Split
from ledger.keys.signer import ED25519, MemorySigner
from ledger.log.cosignature import Ed25519Cosigner
from ledger.log.note import format_signature, parse_note
from ledger.log.policy import KnownWitness, Policy
from ledger.restore import restore
from ledger.store.cosignatures import Cosignature, keep_cosignatures
from tests.api.door import Door, results_csv
from tests.support.rollbacks import RolledBack, a_rolled_back_ledger
from tests.support.world import ANA, ORIGIN

HTML = "text/html"


@pytest.fixture
def open_door(door: Door) -> Door:
    """A ledger of which everything is published."""
    door.house.catch_up()
    return door


@pytest.fixture
def lost(tmp_path: Path) -> Iterator[tuple[RolledBack, Door]]:
    """A ledger that was put back and restored, with its doors open."""
    made = a_rolled_back_ledger(tmp_path)
    made.house.clock.advance(timedelta(minutes=1))
    restore(made.house.ledger, accept_lost=True)
    door = Door(made.house)
    door.house.catch_up()
    yield made, door
    door.close()


def page(door: Door) -> str:
    """Return the page as a person sees it."""
    answer = door.get("/status", accept=HTML)
    assert answer.status_code == 200
    return answer.text


# ------------------------------------------------------------------ ready or not


def test_a_ledger_that_works_is_ready(open_door):
    """200 and one word; not kept by anybody on the way."""
    answer = open_door.get("/readyz")

    assert (answer.status_code, answer.json()) == (200, {"status": "ready"})
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Works as it should" in page(open_door)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Rollback("an old copy"), "rollback"),
        (Split("two histories"), "split"),
        (Corrupt("the anchor is missing", code="anchor"), "anchor"),
    ],
)
def test_a_ledger_that_reads_only_is_not_ready_and_says_why(open_door, fault, code):
    """503 with code, sentence and what the operator does; the page says it to people, and reading goes on."""
    open_door.house.fault = fault

    answer, status, shown = open_door.get("/readyz"), open_door.get("/status").json(), page(open_door)

    assert answer.status_code == 503
    assert answer.json() == {"status": "not ready", **trouble(code).as_json()}
    assert answer.headers["Retry-After"].isdigit()
    assert (status["status"], status["takes_submissions"]) == ("not ready", False)
    assert status["trouble"]["code"] == code
    assert "Reading only" in shown
    assert trouble(code).sentence in shown
    assert "to be published" not in shown
    assert open_door.get("/healthz").json() == {"status": "reading only", "reason": code}


def test_a_clock_that_went_back_stops_writing(open_door):
    """Until it is right again; then nobody has to do anything more."""
    open_door.ledger.clock.advance(timedelta(seconds=-2))

    back = open_door.get("/readyz")
    open_door.ledger.clock.advance(timedelta(seconds=2))

    assert (back.status_code, back.json()["code"]) == (503, "clock")
    assert open_door.get("/readyz").status_code == 200


@pytest.mark.parametrize(
    ("code", "failures", "ready"),
    [
        ("read-back", 1, True),
        ("read-back", FAILURES_MAX - 1, True),
        ("read-back", FAILURES_MAX, False),
        ("internal", FAILURES_MAX, False),
        ("views", FAILURES_MAX, False),
        ("storage", 1, False),
        ("clock", 1, False),
    ],
)
def test_publishing_that_fails_for_some_turns_is_said(open_door, code, failures, ready):
    """A full disk at once, whatever may pass by itself after a few turns; submissions go on being taken."""
    open_door.house.publishing = Publishing(failures, code)

    answer, status = open_door.get("/readyz"), open_door.get("/status").json()

    assert answer.status_code == (200 if ready else 503)
    assert answer.json().get("code") == (None if ready else code)
    assert status["takes_submissions"]
    assert ("Not everything works" in page(open_door)) != ready


def test_records_that_wait_longer_than_promised_are_said(open_door):
    """Even where nothing fails: a publisher that hangs tells nobody."""
    open_door.ledger.passed(ANA)
    at_once = open_door.get("/readyz").status_code
    open_door.ledger.clock.advance(timedelta(seconds=61))

    answer, shown = open_door.get("/readyz"), page(open_door)
    open_door.house.catch_up()

    assert (at_once, answer.status_code, answer.json()["code"]) == (200, 503, "unpublished")
    assert "2\u00a0records to be published" in shown
    assert open_door.get("/readyz").status_code == 200


def test_a_disk_that_does_not_answer_is_no_stack_trace(open_door, monkeypatch):
    """What the database says is for the log; whoever asks is told what to do."""

    def broken() -> None:
        raise OperationalError("disk I/O error at /secret/place")

    monkeypatch.setattr(open_door.house.ledger.store, "head", broken)

    answer = open_door.get("/readyz")

    assert (answer.status_code, answer.json()["code"]) == (503, "storage")
    assert "secret" not in answer.text


# ------------------------------------------------------------------ how it stands


def test_the_status_says_what_is_held_and_published(open_door):
    """Origin, newest position, newest checkpoint, each with its time; a page and JSON at one address."""
    status, shown = open_door.get("/status"), page(open_door)

    body, size = status.json(), open_door.ledger.size()
    assert status.headers["Vary"] == "Accept"
    assert body["origin"] == ORIGIN
    assert body["newest"] == {"position": size, "recorded_at": "2026-11-22T00:00:00Z"}
    assert body["checkpoint"] == {
        "number": 1,
        "size": size,
        "covers_until": "2026-11-22T00:00:00Z",
        "signed_at": "2026-11-22T00:00:00Z",
    }
    assert body["witnessed"] == {"asked": False, "size": None, "witnesses": []}
    assert body["lost"] == []
    assert ORIGIN in shown
    assert "nothing: all of it is published" in shown
    assert "What was lost" not in shown


def test_nothing_about_anybody_is_in_it(open_door):
    """Not even which organisations there are."""
    text = open_door.get("/status").text + page(open_door)

    assert ANA.nsn not in text
    assert ANA.family not in text
    assert "95001" not in text


def test_before_the_first_publication_there_is_none(door):
    """A ledger that was just founded has nothing to show yet, and says so."""
    body = door.get("/status").json()

    assert body["checkpoint"] is None
    assert "none yet" in page(door)


def test_the_status_says_which_witness_saw_what_and_when(open_door):
    """By the names of the policy; who has not cosigned yet stands there too."""
    keys = [MemorySigner.generate(ED25519) for _ in range(2)]
    seen, silent = (
        Ed25519Cosigner(f"{name}.example", key) for name, key in zip(("a", "b"), keys, strict=True)
    )
    served, now_s = open_door.house.publisher.served(), open_door.ledger.clock.now_us() // 1_000_000
    text = parse_note(served.note.encode()).text.encode()
    line = format_signature(seen.cosign(text, now_s))
    with open_door.house.ledger.store.database.writing() as connection:
        keep_cosignatures(connection, served.number, [Cosignature(str(seen.vkey), now_s, line)])
    known = tuple(KnownWitness(one.vkey.name, one.vkey, None) for one in (seen, silent))
    policy = Policy((), known, {}, "a.example")
    publisher = open_door.house.publisher
    publisher.cosigning = Cosigning(policy, lambda _url, _body: None, open_door.ledger.clock)

    body, shown = open_door.get("/status").json()["witnessed"], page(open_door)

    assert body["asked"]
    assert body["size"] == served.size
    assert body["witnesses"] == [
        {"name": "a.example", "size": served.size, "at": "2026-11-22T00:00:00Z", "state": None},
        {"name": "b.example", "size": None, "at": None, "state": None},
    ]
    assert "a.example" in shown
    assert "not yet" in shown


def test_a_witness_that_is_down_is_said_and_what_waits_for_it(open_door, caplog):
    """On the page, as data, and in one log line, not one a turn."""
    key = MemorySigner.generate(ED25519)
    witness = Ed25519Cosigner("a.example", key)
    house, clock, down = open_door.house, open_door.ledger.clock, threading.Event()

    def answer(_url: str, body: bytes) -> Reply:
        if down.is_set():
            raise ConnectionRefusedError
        text = parse_note(body.partition(b"\n\n")[2]).text.encode()
        line = format_signature(witness.cosign(text, clock.now_us() // 1_000_000))
        return Reply(200, "text/plain", line.encode())

    known = KnownWitness("a.example", witness.vkey, "https://a.example")
    house.publisher.cosigning = Cosigning(Policy((), (known,), {}, "a.example"), answer, clock)
    background = Background(house)
    open_door.post_csv(results_csv([(ANA, "LO1", "A")]))
    background._turn()
    seen = open_door.get("/status").json()["witnessed"]
    down.set()
    clock.advance(timedelta(minutes=1))
    open_door.post_csv(results_csv([(ANA, "LO2", "A")], first=2))
    with caplog.at_level("WARNING", logger="roa"):
        background._turn()
        background._turn()

    body, shown = open_door.get("/status").json(), page(open_door)

    assert [one["state"] for one in seen["witnesses"]] == ["cosigned"]
    assert [one["state"] for one in body["witnessed"]["witnesses"]] == ["unreachable"]
    assert body["witnessed"]["size"] == seen["size"] < body["checkpoint"]["size"]
    assert "no answer" in shown
    assert "waits for them" in shown
    told = [one.msg for one in caplog.records if one.name == "roa" and one.msg["event"] == "witness-missing"]
    assert [one["witness"] for one in told] == ["a.example"]


def test_what_was_lost_stays_said(lost):
    """Positions, how many, where the log tells it: for ever, on the page and as data."""
    made, door = lost

    (told,) = door.get("/status").json()["lost"]
    shown = page(door)

    assert (told["first"], told["last"]) == (made.stored + 1, made.published)
    assert (told["lost"], told["position"]) == (15, made.published + 1)
    assert "What was lost" in shown
    assert f"/v1/receipts/{told['position']}" in shown
    assert door.get("/status").json()["lost"] == [told]


def test_a_receipt_of_a_lost_record_proves_it_and_says_that_it_is_lost(lost):
    """To anyone, and to whoever said it: the entry and its proof, and no time that is not known."""
    made, door = lost
    position = made.private[-1][2][0].position

    for number in (None, 95001):
        answer = door.get(f"/v1/receipts/{position}", number)
        assert answer.status_code == 200
        assert answer.json()["gone"] == "lost"
        assert not {"recorded_at", "receipt"} & answer.json().keys()
        assert answer.json()["proof"].startswith("c2sp.org/tlog-proof@v1\n")


def test_a_submission_whose_rows_are_lost_says_so_until_it_is_posted_again(lost):
    """404 with its own code; then the same submission is answered as any other."""
    made, door = lost
    _, submission, _ = made.private[1]

    gone = door.get(f"/v1/submissions/{submission.jti}", 95001)
    first = door.post_signed(made.private[0][1])
    posted = door.post_signed(submission)
    found = door.get(f"/v1/submissions/{submission.jti}", 95001)

    assert (gone.status_code, gone.json()["code"]) == (404, "lost")
    assert (first.status_code, posted.status_code, found.status_code) == (200, 200, 200)
    assert [row["status"] for row in posted.json()["rows"]] == ["accepted"] * 3


def test_a_front_page_whose_checkpoint_ends_in_a_lost_record_is_served(tmp_path):
    """Its newest record has no content any more; when it was published up to is still said."""
    made = a_rolled_back_ledger(tmp_path)
    restore(made.house.ledger, accept_lost=True)
    door = Door(made.house)

    assert door.get("/", accept=HTML).status_code == 200
    assert door.get("/status").json()["checkpoint"]["size"] == made.published
    door.close()


def test_an_anchor_on_a_disk_that_is_not_there_is_said_at_the_start(open_door):
    """The place is empty: reading goes on, and the page says what the operator looks for."""
    shutil.rmtree(open_door.ledger.files.anchor)

    open_door.restart()

    assert open_door.get("/readyz").json()["code"] == "anchor"
    assert "ROA_ANCHOR" in page(open_door)


def test_a_status_list_is_still_found_beneath_this_address(open_door):
    """`/status/{number}/{list}` is another thing, and answers as before."""
    assert open_door.get("/status/95001/0").status_code == 404
    assert open_door.get("/status/95001/0").json()["code"] == "not-found"
