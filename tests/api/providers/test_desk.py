"""The desk: files under a token, large submissions in the background, and what is kept of both."""

import csv
import io
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from api.client.submission import Submission, organisation_id
from api.house import House, furnish
from api.providers import posting
from api.providers.posting import Desk
from api.security.tokens import Bearer
from api.settings import Settings
from ledger.encoding.packed import Packed
from ledger.errors import Rollback
from ledger.founding import REGISTRAR
from ledger.store.jobs import DONE
from tests.support import ledgers
from tests.support.ledgers import PROVIDER_KEY, a_study_ledger, people, statement
from tests.support.world import ANA, PROVIDER, an_enrolment, identity

OTHER = 95002
OTHER_KEY = "95002.submission"
BEARER = Bearer(uuid4(), organisation_id(PROVIDER))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[ledgers.House]:
    """A ledger in which 95001 and 95002 may deliver 6022."""
    made = a_study_ledger(tmp_path)
    made.organisation(OTHER, "provider")
    made.key(OTHER_KEY, OTHER)
    made.accredited(OTHER)
    yield made
    made.close()


@pytest.fixture
def house(ledger: ledgers.House) -> Iterator[House]:
    """The ledger with everything around it."""
    made = furnish(ledger.ledger, Settings())
    yield made
    made.views.close()


def enrolments_csv(**more: str) -> bytes:
    """Return a file with Ana's enrolment, and columns that it has no use for."""
    said = an_enrolment(ANA)
    who = {name: str(value) for name, value in said["who"].items()}
    members = {name: str(said[name]) for name in ("start_on", "mode", "language", "funding")}
    row = {**who, "mc_code": said["code"], **members, **more}
    out = io.StringIO()
    writer = csv.DictWriter(out, list(row))
    writer.writeheader()
    writer.writerow(row)
    return out.getvalue().encode()


def a_busy_desk(house: House) -> Desk:
    """Return a desk whose background is busy elsewhere, so that what is large waits until `work`."""
    desk = Desk(house)
    desk._thread = threading.current_thread()
    return desk


def work(desk: Desk) -> None:
    """Do what the background does from its start until it is told to stop."""
    desk._waiting.put(None)
    desk._work()


def test_a_file_whose_kind_was_named_is_answered_as_that_kind(ledger, house):
    """A column that marks another kind of file does not spoil the answer once the kind was named."""
    ledger.register(ANA)
    data = enrolments_csv(completed_on="")

    answer = Desk(house).post_file(BEARER, data, kind="enrolments")

    assert [row["status"] for row in answer.body["rows"]] == ["accepted"]
    assert [found["code"] for found in answer.body["findings"]] == ["W902"]


def test_a_file_that_comes_again_after_its_job_was_destroyed_is_unchanged(ledger, house):
    """After 30 days bodies and outcomes are gone; the same file again meets its own records."""
    ledger.register(ANA)
    desk, data = Desk(house), enrolments_csv()
    desk.post_file(BEARER, data)
    size = ledger.size()

    ledger.clock.advance(timedelta(days=31))
    assert house.ledger.jobs.destroy_old(ledger.clock.now_us()) > 0
    answer = desk.post_file(BEARER, data)

    assert [row["status"] for row in answer.body["rows"]] == ["unchanged"]
    assert ledger.size() == size


def test_a_file_that_comes_again_after_somebody_in_it_was_forgotten_is_answered(ledger, house):
    """What it kept is destroyed: asked for, it says what became of its rows; posted again, they are met."""
    ledger.register(ANA)
    desk, data = Desk(house), enrolments_csv()
    first = desk.post_file(BEARER, data)
    size, jti = ledger.size(), UUID(first.body["submission"])

    assert house.ledger.outcomes.destroy_about([ANA.nsn]).now == 1

    looked = desk.look(BEARER, jti)
    assert [(row["status"], row["position"]) for row in looked.body["rows"]] == [
        (row["status"], row["position"]) for row in first.body["rows"]
    ]
    assert looked.done
    assert desk.file_of(BEARER, jti) is None
    again = desk.post_file(BEARER, data)
    assert [row["status"] for row in again.body["rows"]] == ["unchanged"]
    assert ledger.size() == size


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rows are a large submission."""
    monkeypatch.setattr(posting, "AT_ONCE_ROWS_MAX", 1)


def two_enrolments(ledger: ledgers.House, key: str, **options: object) -> Submission:
    """Return a submission that enrols two learners, who are registered if they were not."""
    learners = people(2)
    ledger.post(REGISTRAR, [statement("learner.registered", who=identity(one)) for one in learners])
    return ledger.build(
        key, [statement("learner.enrolled", **an_enrolment(one)) for one in learners], **options
    )


@pytest.mark.usefixtures("large")
def test_two_organisations_may_use_one_id(ledger, house):
    """Large submissions that two organisations post under one id both wait, and both are decided."""
    jti, desk = uuid4(), a_busy_desk(house)
    for key in (PROVIDER_KEY, OTHER_KEY):
        assert not desk.post_signed(Packed(two_enrolments(ledger, key, jti=jti).body())).done
    waiting = desk._waiting.qsize()

    work(desk)

    jobs = [house.ledger.jobs.find(organisation_id(number), jti) for number in (PROVIDER, OTHER)]
    assert waiting == 2
    assert [job and job.state for job in jobs] == [DONE, DONE]


@pytest.mark.usefixtures("large")
def test_what_waits_is_not_written_once_writing_has_stopped(ledger, house):
    """A rollback that is found while submissions wait stops them too; they are kept, not lost."""
    desk, sent = a_busy_desk(house), two_enrolments(ledger, PROVIDER_KEY)
    assert not desk.post_signed(Packed(sent.body())).done
    size = ledger.size()

    house.fault = Rollback("an old copy was put back")
    work(desk)

    assert ledger.size() == size
    assert [job.jti for job in house.ledger.jobs.unfinished()] == [sent.jti]


@pytest.mark.usefixtures("large")
def test_an_unexpected_fault_of_one_submission_leaves_the_others_alone(ledger, house, monkeypatch, caplog):
    """What goes wrong with one waiting submission is logged without a word of it; the next is decided."""
    desk = a_busy_desk(house)
    first, second = two_enrolments(ledger, PROVIDER_KEY), two_enrolments(ledger, OTHER_KEY)
    for one in (first, second):
        desk.post_signed(Packed(one.body()))
    submit = house.ledger.submit_in_parts

    def faulty(received):
        if received.claims.jti == first.jti:
            raise ZeroDivisionError(ANA.nsn)
        return submit(received)

    monkeypatch.setattr(house.ledger, "submit_in_parts", faulty)
    work(desk)

    assert [job.jti for job in house.ledger.jobs.unfinished()] == [first.jti]
    assert "ZeroDivisionError" in caplog.text
    assert ANA.nsn not in caplog.text
