"""Large submissions over HTTP: kept before they are answered, decided in the background, stops or not."""

import csv
import io
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import ledger.application
from api.client.acknowledgement import check_acknowledgement
from api.providers import posting
from api.providers.posting import AT_ONCE_ROWS_MAX
from ledger.errors import Unavailable
from ledger.founding import REGISTRAR
from tests.api.door import (
    OTHER,
    OTHER_KEY,
    Door,
    codes,
    copy_of,
    enrolment_line,
    enrolments_csv,
    enrolments_file,
    results_csv,
    statuses,
)
from tests.support.ledgers import people, statement
from tests.support.world import ANA, BEN, PROVIDER, Human, an_enrolment

MANY = AT_ONCE_ROWS_MAX + 5
CHUNK = 4  # rows that are decided together, where a test stops between two of them
TIMEOUT_S = 60


@pytest.fixture(scope="module")
def crowded(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a ledger with a thousand learners more."""
    folder = tmp_path_factory.mktemp("crowded") / "ledger"
    door = copy_of(made, folder)
    door.ledger.register(*people(MANY))
    door.close()
    return folder


@pytest.fixture
def crowd(crowded: Path, tmp_path: Path) -> Iterator[Door]:
    """That ledger behind its doors; what is large waits until the test lets it work."""
    door = copy_of(crowded, tmp_path / "ledger")
    door.hold_background()
    yield door
    door.close()


@pytest.fixture
def small(door: Door, monkeypatch: pytest.MonkeyPatch) -> Door:
    """A ledger for which three rows are large; four are decided together."""
    monkeypatch.setattr(posting, "AT_ONCE_ROWS_MAX", 2)
    monkeypatch.setattr(ledger.application, "CHUNK_ROWS", CHUNK)
    door.hold_background()
    return door


def learners(door: Door, number: int) -> list[Human]:
    """Return learners who were just registered."""
    made = people(number)
    door.ledger.register(*made)
    return made


class _LetGo:
    """A thread that is waiting for an event, which comes when somebody waits for the thread."""

    def __init__(self, thread: threading.Thread, event: threading.Event) -> None:
        self._thread, self._event = thread, event

    def join(self) -> None:
        self._event.set()
        self._thread.join()


def stop_after(door: Door, monkeypatch: pytest.MonkeyPatch, chunks: int) -> None:
    """Have deciding fail as if the process went, after so many chunks were recorded and answered."""
    decide, seen = door.house.ledger._decide_and_save, 0

    def stopped(*arguments: object) -> object:
        nonlocal seen
        seen += 1
        if seen > chunks:
            raise Unavailable("the process is gone")
        return decide(*arguments)

    monkeypatch.setattr(door.house.ledger, "_decide_and_save", stopped)


# ------------------------------------------------------------------ a thousand rows


def test_a_file_of_more_than_a_thousand_rows_is_kept_and_decided_later(crowd):
    """202 with where to look; then every row in the order of the file, and the same file answered as CSV."""
    rows = [enrolment_line(number, who) for number, who in enumerate(people(MANY), 1)]
    rows[1:1] = [
        enrolment_line(5001, ANA, start_on="soon"),
        enrolment_line(5002, ANA, nsn="9999999999", enrolment_ref="E-0"),
    ]
    data, size = enrolments_file(rows), crowd.ledger.size()

    posted = crowd.post_csv(data)
    waiting = crowd.get(posted.headers["location"], PROVIDER)
    nothing_yet = crowd.ledger.size() == size
    crowd.work()
    decided = crowd.get(posted.headers["location"], PROVIDER)

    assert posted.status_code == 202
    assert posted.headers["location"] == f"/v1/submissions/{posted.json()['submission']}"
    assert "retry-after" in posted.headers
    assert (waiting.status_code, waiting.json()["status"]) == (200, "processing")
    assert "retry-after" in waiting.headers
    assert nothing_yet
    assert decided.json()["status"] == "committed"
    assert "retry-after" not in decided.headers
    assert decided.json()["counts"] == {
        "accepted": MANY,
        "warned": 0,
        "unchanged": 0,
        "held": 0,
        "rejected": 2,
    }
    assert [row["row"] for row in decided.json()["rows"]] == list(range(1, MANY + 3))
    assert codes(decided)[:4] == [[], ["E501"], ["E102"], []]
    positions = [row["position"] for row in decided.json()["rows"] if row["position"]]
    assert positions == list(range(size + 1, size + MANY + 1))
    assert crowd.ledger.size() == size + MANY

    path = f"{posted.headers['location']}/rows"
    lines = crowd.get(path, PROVIDER).text.splitlines()
    rejected = crowd.get(f"{path}?status=rejected", PROVIDER).text.splitlines()
    assert len(lines) == MANY + 2
    assert rejected == lines[1:3]

    answered = list(csv.reader(io.StringIO(crowd.get(f"{path}?format=csv", PROVIDER).text)))
    assert [row[:-4] for row in answered] == list(csv.reader(io.StringIO(data.decode())))
    assert Counter(row[-4] for row in answered[1:]) == {"accepted": MANY, "rejected": 2}
    assert [row[-3] for row in answered[:4]] == ["code", "", "E501", "E102"]


def test_a_signed_submission_of_more_than_a_thousand_rows_is_decided_later(crowd):
    """202; posting the same bytes asks the same question, and gets the acknowledgement in the end."""
    said = [statement("learner.enrolled", **an_enrolment(who, by=None)) for who in people(MANY)]
    sent, size = crowd.ledger.build(OTHER_KEY, said), crowd.ledger.size()

    posted, meanwhile = crowd.post_signed(sent), crowd.post_signed(sent)
    crowd.work()
    answer = crowd.post_signed(sent)

    assert (posted.status_code, meanwhile.status_code, answer.status_code) == (202, 202, 200)
    assert posted.json()["acknowledgement"] is None
    assert crowd.ledger.size() == size + MANY
    rows = check_acknowledgement(answer.json()["acknowledgement"], crowd.receipt_jwk(), sent)["rows"]
    assert [[row, position] for row, position, _ in rows] == [[n, size + n] for n in range(1, MANY + 1)]
    looked = crowd.get(posted.headers["location"], OTHER)
    assert looked.json() == answer.json()
    assert crowd.get(posted.headers["location"], PROVIDER).status_code == 404


def test_the_background_decides_by_itself_while_the_server_runs(crowd, monkeypatch):
    """With the real threads: 202, processing while it is held up, committed when it is let go."""
    crowd.desk._thread = None
    data = enrolments_csv(people(MANY))
    held, finished = threading.Event(), threading.Event()
    submit = crowd.house.ledger.submit_in_parts

    def watched(received):
        assert held.wait(TIMEOUT_S)
        yield from submit(received)
        finished.set()

    monkeypatch.setattr(crowd.house.ledger, "submit_in_parts", watched)
    with TestClient(crowd.client.app) as client:
        crowd.client = client
        posted = crowd.post_csv(data)
        waiting = crowd.get(posted.headers["location"], PROVIDER)
        held.set()
        assert finished.wait(TIMEOUT_S)
        decided = crowd.get(posted.headers["location"], PROVIDER)

    assert (posted.status_code, waiting.json()["status"]) == (202, "processing")
    assert decided.json()["status"] == "committed"
    assert set(statuses(decided)) == {"accepted"}


def test_exactly_a_thousand_rows_are_decided_at_once(crowd):
    """The limit itself is not yet large."""
    answer = crowd.post_csv(enrolments_csv(people(AT_ONCE_ROWS_MAX)))

    assert (answer.status_code, answer.json()["status"]) == (200, "committed")
    assert answer.json()["counts"]["accepted"] == AT_ONCE_ROWS_MAX


# ------------------------------------------------------------------ the same again, and stops


def test_the_same_file_again_is_the_same_submission(small):
    """While it waits: 202 and the same id, and it waits once. After: the answer, and nothing written."""
    data = enrolments_csv(learners(small, 6))

    answers = [small.post_csv(data) for _ in range(3)]
    waiting = small.desk._waiting.qsize()
    small.work()
    head, jobs = small.head(), small.jobs()
    after = small.post_csv(data)

    assert [answer.status_code for answer in answers] == [202] * 3
    assert len({answer.json()["submission"] for answer in (*answers, after)}) == 1
    assert waiting == 1
    assert (after.status_code, statuses(after)) == (200, ["accepted"] * 6)
    assert (small.head(), small.jobs()) == (head, jobs)


def test_a_file_is_answered_as_far_as_it_is_decided(small, monkeypatch):
    """In the middle: the rows decided so far, under their own numbers, counted with those never posted."""
    who = learners(small, 6)
    rows = [enrolment_line(99, ANA, start_on="soon"), *map(enrolment_line, range(1, 7), who)]
    stop_after(small, monkeypatch, 1)
    posted = small.post_csv(enrolments_file(rows))
    small.work()

    middle = small.get(posted.headers["location"], PROVIDER)
    answered = small.get(f"{posted.headers['location']}/rows?format=csv", PROVIDER).text.splitlines()

    assert middle.json()["status"] == "processing"
    assert middle.json()["acknowledgement"] is None
    assert [(row["row"], row["row_ref"], row["status"]) for row in middle.json()["rows"]] == [
        (1, "N-99", "rejected"),
        *((number + 1, f"N-{number}", "accepted") for number in range(1, CHUNK + 1)),
    ]
    assert [line.split(",")[10] for line in answered[1:]] == ["rejected", *["accepted"] * CHUNK, "", ""]


@pytest.mark.parametrize("chunks", [0, 1], ids=["before its first chunk", "in its middle"])
def test_a_new_start_goes_on_where_a_stop_came(small, monkeypatch, chunks):
    """The process is gone after 202; the next one decides the rest by itself, and no row twice."""
    data, size = enrolments_csv(learners(small, 10)), small.ledger.size()
    with monkeypatch.context() as stop:
        stop_after(small, stop, chunks)
        posted = small.post_csv(data)
        small.work()
    recorded = small.ledger.size() - size

    small.restart()
    small.work()
    answer = small.get(posted.headers["location"], PROVIDER)

    assert recorded == chunks * CHUNK
    assert answer.json()["status"] == "committed"
    assert [row["position"] for row in answer.json()["rows"]] == list(range(size + 1, size + 11))
    assert small.ledger.size() == size + 10
    assert small.post_csv(data).json() == answer.json()


def test_a_signed_submission_is_resumed_too(small, monkeypatch):
    """And so is one that waited behind it when the server stopped."""
    first, second = (
        small.ledger.build(
            OTHER_KEY, [statement("learner.enrolled", **an_enrolment(one, by=None)) for one in humans]
        )
        for humans in (learners(small, 12)[:6], people(12)[6:])
    )
    with monkeypatch.context() as stop:
        stop_after(small, stop, 1)
        posted = [small.post_signed(one) for one in (first, second)]
        small.work()

    small.restart()
    small.work()

    answers = [small.get(one.headers["location"], OTHER) for one in posted]
    assert [answer.json()["counts"]["accepted"] for answer in answers] == [6, 6]
    assert [answer.json()["status"] for answer in answers] == ["committed", "committed"]


def test_a_stop_leaves_what_waits_to_the_next_start(small, monkeypatch):
    """The chunk in hand is finished, what is behind it is not begun; then both submissions are resumed."""
    small.desk._thread = None
    humans = learners(small, 12)
    submit, begun, go = small.house.ledger.submit_in_parts, threading.Event(), threading.Event()

    def held(received):
        begun.set()
        assert go.wait(TIMEOUT_S)
        return submit(received)

    monkeypatch.setattr(small.house.ledger, "submit_in_parts", held)
    small.desk.start()
    posted = [small.post_csv(enrolments_csv(some)) for some in (humans[:6], humans[6:])]
    assert begun.wait(TIMEOUT_S)
    # The submission in hand is let go when `stop` waits for it, and no sooner.
    small.desk._thread = _LetGo(small.desk._thread, go)
    small.desk.stop()
    stopped = [small.get(one.headers["location"], PROVIDER).json() for one in posted]

    small.restart()
    small.work()

    resumed = [small.get(one.headers["location"], PROVIDER).json() for one in posted]
    assert [one["status"] for one in stopped] == ["processing", "processing"]
    assert 0 < len(stopped[0]["rows"]) < 6
    assert stopped[1]["rows"] == []
    assert [one["status"] for one in resumed] == ["committed", "committed"]
    assert [one["counts"]["accepted"] for one in resumed] == [6, 6]


def test_a_job_that_cannot_be_resumed_stops_nobody(small, monkeypatch, caplog):
    """What goes wrong with one at the start is logged without a word of it; the next is decided."""
    humans = learners(small, 12)
    posted = [small.post_csv(enrolments_csv(some)) for some in (humans[:6], humans[6:])]
    small.restart()
    body, spoilt = small.house.ledger.outcomes.body, posted[0].json()["submission"]

    def spoiling(job):
        if str(job.jti) == spoilt:
            raise ZeroDivisionError(humans[0].nsn)
        return body(job)

    with monkeypatch.context() as spoil:
        spoil.setattr(small.house.ledger.outcomes, "body", spoiling)
        small.work()

    states = [small.get(one.headers["location"], PROVIDER).json()["status"] for one in posted]
    assert states == ["processing", "committed"]
    assert "ZeroDivisionError" in caplog.text
    assert humans[0].nsn not in caplog.text


def test_too_many_waiting_are_503_and_posted_again_later(small):
    """Kept all the same: the same bytes a moment later, or the next start, go on with them."""
    humans = learners(small, 6)
    small.desk._waiting.maxsize = 1
    first, second = (small.post_csv(enrolments_csv(some)) for some in (humans[:3], humans[3:]))

    assert first.status_code == 202
    assert (second.status_code, second.json()["code"]) == (503, "busy")
    assert "retry-after" in second.headers
    small.desk._waiting.maxsize = 0
    small.work()
    assert small.post_csv(enrolments_csv(humans[3:])).status_code == 200


def test_a_key_that_is_retired_while_its_submission_waits_says_nothing_more(small):
    """Keys count by position: what waits is not recorded, and its rows say why, however one asks."""
    said = [statement("learner.enrolled", **an_enrolment(one, by=None)) for one in learners(small, 3)]
    sent = small.ledger.build(OTHER_KEY, said)
    posted = small.post_signed(sent)
    kid = small.ledger.signer(OTHER_KEY).thumbprint
    small.ledger.must(REGISTRAR, [statement("key.retired", organisation=OTHER, kid=kid, from_="2026-11-22")])
    size = small.ledger.size()

    small.work()
    looked, again = small.get(posted.headers["location"], OTHER), small.post_signed(sent)

    assert posted.status_code == 202
    assert looked.json()["status"] == "committed"
    assert {row["findings"][0]["code"] for row in looked.json()["rows"]} == {"E909"}
    assert again.json()["rows"][0]["findings"] == looked.json()["rows"][0]["findings"]
    assert small.ledger.size() == size


def test_a_large_submission_is_checked_before_it_is_kept(small):
    """A stranger's signature, a key of another organisation, other content: refused at once, nothing kept."""
    said = [statement("learner.enrolled", **an_enrolment(one, by=None)) for one in learners(small, 3)]
    sent = small.ledger.build(OTHER_KEY, said)
    head, jobs = small.head(), small.jobs()
    spoilt = sent.body().replace(sent.jws.encode(), sent.jws[:-8].encode() + b"AAAAAAAA")

    refused = small.post_signed(spoilt)
    assert (refused.status_code, refused.json()["code"]) == (401, "signature")
    assert (small.head(), small.jobs()) == (head, jobs)

    small.post_signed(sent)
    other = small.post_signed(small.ledger.build(OTHER_KEY, said, jti=sent.jti))
    assert (other.status_code, other.json()["code"]) == (409, "E908")


def test_an_idempotency_key_is_kept_from_the_first_moment(small):
    """Another file under the key of one that still waits is a conflict."""
    humans = learners(small, 6)
    first = small.post_csv(enrolments_csv(humans[:3]), Idempotency_Key="march")

    conflict = small.post_csv(enrolments_csv(humans[3:]), Idempotency_Key="march")
    small_file = small.post_csv(results_csv([(BEN, "LO1", "A")]), Idempotency_Key="march")

    assert first.status_code == 202
    assert [one.status_code for one in (conflict, small_file)] == [409, 409]
