"""Submissions whose rows were lost in a restore: said so, and decided again when they are posted again."""

import pytest

from api.providers import posting
from ledger.store.jobs import DONE, LOST, PROCESSING, PlacedRow
from tests.api.door import Door, codes, results_csv, statuses
from tests.support.ledgers import PROVIDER_KEY
from tests.support.world import ANA, BEN, PROVIDER

DATA = results_csv([(ANA, "LO1", "A"), (ANA, "LO9", "A"), (BEN, "LO1", "A"), (BEN, "LO2", "A")])


@pytest.fixture
def large(door: Door, monkeypatch: pytest.MonkeyPatch) -> Door:
    """A ledger for which four rows are many, and whose background works when it is told to."""
    monkeypatch.setattr(posting, "AT_ONCE_ROWS_MAX", 3)
    door.hold_background()
    return door


def lose(door: Door, row: int) -> None:
    """Forget what became of a row, as a restore does that could not read its record back."""
    jobs = door.ledger.ledger.jobs
    placed = [one for one in jobs.placed_after(0) if one.row == row]
    assert len(placed) == 1
    jobs.lose(placed)


def test_a_large_submission_that_lost_rows_is_taken_up_when_it_is_posted_again(large):
    """404 until then, 202 while it waits, then an answer for every row of the file, in its order."""
    first = large.post_csv(DATA)
    large.work()
    path = f"/v1/submissions/{first.json()['submission']}"
    before = large.get(path, PROVIDER)
    lose(large, 2)

    lost = large.get(path, PROVIDER)
    large.restart()
    large.hold_background()
    again = large.post_csv(DATA)
    waiting = large.get(path, PROVIDER)
    large.work()
    after = large.get(path, PROVIDER)

    assert statuses(before) == ["accepted", "rejected", "accepted", "accepted"]
    assert (lost.status_code, lost.json()["code"]) == (404, "lost")
    assert (again.status_code, again.json()["submission"]) == (202, first.json()["submission"])
    assert waiting.json()["status"] == "processing"
    assert [row["row"] for row in waiting.json()["rows"]] == [1, 2]
    assert after.json()["status"] == "committed"
    assert codes(after)[:2] == codes(before)[:2]
    assert [row["row"] for row in after.json()["rows"]] == [1, 2, 3, 4]


def test_rows_of_a_file_answer_at_once_when_they_are_posted_again(door):
    """Fewer rows than are kept for later: decided while the provider waits; what stood before stays."""
    first = door.post_csv(DATA)
    lose(door, 3)

    gone = door.get(f"/v1/submissions/{first.json()['submission']}/rows", PROVIDER)
    again = door.post_csv(DATA)

    assert (gone.status_code, gone.json()["code"]) == (404, "lost")
    assert (again.status_code, again.json()["status"]) == (200, "committed")
    assert [row["position"] for row in again.json()["rows"]] == [
        row["position"] for row in first.json()["rows"]
    ]


def test_lost_answers_are_those_from_the_first_lost_row_on(door):
    """Rows are decided in their order, so what stands is a beginning; nothing is resumed by itself."""
    first = door.post_csv(DATA)
    jobs = door.ledger.ledger.jobs
    (job,) = [jobs.find(one.iss, one.jti) for one in jobs.placed_after(0) if one.row == 0 and _is(first, one)]
    jobs.lose([PlacedRow(job.iss, job.jti, row, 1) for row in (3, 2)])

    found = jobs.find(job.iss, job.jti)

    assert found.state == LOST
    assert [one.row for one in jobs.outcomes(job.number)] == [0, 1]
    assert jobs.unfinished() == []
    jobs.take_up(job.number)
    assert [one.number for one in jobs.unfinished()] == [job.number]
    jobs.keep_outcomes(job.number, [], done=True)
    jobs.take_up(job.number)
    assert jobs.find(job.iss, job.jti).state == DONE != PROCESSING


def _is(answer, row: PlacedRow) -> bool:
    return answer.json()["submission"] == str(row.jti)


def test_a_restore_leaves_other_submissions_alone(door):
    """Only those that named a lost position."""
    kept = door.post_csv(results_csv([(ANA, "LO1", "A")], first=1))
    door.post_csv(results_csv([(BEN, "LO1", "A")], first=2))
    jobs = door.ledger.ledger.jobs
    newest = door.ledger.size()

    jobs.lose(list(jobs.placed_after(newest - 1)))

    assert door.get(f"/v1/submissions/{kept.json()['submission']}", PROVIDER).status_code == 200
    assert PROVIDER_KEY in door.ledger.speakers
