"""Received submissions and what came of them: durable, first answers stand, and gone after thirty days."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from ledger.store.jobs import DONE, KEEP_DAYS, PROCESSING, Content, Jobs, StoredOutcome

ISS, JTI, ROOT = UUID(int=1), UUID(int=2), bytes(32)
DAY_US = 86_400_000_000


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    """An empty file of jobs."""
    made = Jobs(tmp_path / "jobs.sqlite")
    yield made
    made.close()


def _outcome(row: int, status: str = "accepted", position: int | None = None) -> StoredOutcome:
    return StoredOutcome(row, status, position, b"sealed")


def test_a_received_body_is_there_after_a_restart(tmp_path: Path) -> None:
    """202 promises that: durable when `receive` returns, and unfinished until it is done."""
    jobs = Jobs(tmp_path / "jobs.sqlite")
    made = jobs.receive(
        ISS, JTI, 3, ROOT, received_at_us=1, content=Content(b"sealed body", b"extra", b"mac")
    )
    jobs.close()

    again = Jobs(tmp_path / "jobs.sqlite")

    assert again.find(ISS, JTI) == made
    assert again.unfinished() == [made]
    assert (made.n, made.root, made.has_body, made.body_mac) == (3, ROOT, True, b"mac")
    assert (again.body(made.number), again.file(made.number)) == (b"sealed body", b"extra")
    assert made.state == PROCESSING
    again.close()


def test_of_two_at_once_both_get_the_first(jobs: Jobs) -> None:
    """Same id, whatever the content: what was kept first comes back, for the caller to compare."""
    first = jobs.receive(ISS, JTI, 3, ROOT, received_at_us=1, content=Content(b"one"))

    assert jobs.receive(ISS, JTI, 4, b"\1" * 32, received_at_us=2, content=Content(b"two")) == first


def test_ids_belong_to_organisations(jobs: Jobs) -> None:
    """The same id of another organisation is another job."""
    first = jobs.receive(ISS, JTI, 3, ROOT, received_at_us=1)
    second = jobs.receive(UUID(int=9), JTI, 3, ROOT, received_at_us=1)

    assert first.number != second.number
    assert jobs.find(ISS, UUID(int=9)) is None


def test_a_rows_first_outcome_stands(jobs: Jobs) -> None:
    """Kept again, by somebody who decided it twice: nothing changes; rows come in input order."""
    job = jobs.receive(ISS, JTI, 3, ROOT, received_at_us=1)
    jobs.keep_outcomes(job.number, [_outcome(2, position=7), _outcome(0, "rejected")], done=False)

    jobs.keep_outcomes(job.number, [_outcome(0, position=9), _outcome(1, position=8)], done=True)

    assert list(jobs.outcomes(job.number)) == [
        _outcome(0, "rejected"),
        _outcome(1, position=8),
        _outcome(2, position=7),
    ]
    kept = jobs.find(ISS, JTI)
    assert kept is not None
    assert kept.state == DONE
    assert jobs.unfinished() == []


def test_everything_is_destroyed_after_thirty_days_and_nothing_before(tmp_path: Path) -> None:
    """Bodies and outcomes, from the file too: the bytes are overwritten."""
    jobs = Jobs(tmp_path / "jobs.sqlite")
    old = jobs.receive(ISS, JTI, 1, ROOT, received_at_us=0, content=Content(b"a body to be forgotten"))
    jobs.keep_outcomes(old.number, [StoredOutcome(0, "accepted", 1, b"details to be forgotten")], done=True)
    young = jobs.receive(ISS, UUID(int=3), 1, ROOT, received_at_us=1, content=Content(b"a body to be kept"))

    assert jobs.destroy_old(KEEP_DAYS * DAY_US) == 0
    assert jobs.destroy_old(KEEP_DAYS * DAY_US + 1) == 1

    assert jobs.find(ISS, JTI) is None
    assert list(jobs.outcomes(old.number)) == []
    assert jobs.find(ISS, UUID(int=3)) == young
    jobs.close()
    held = (tmp_path / "jobs.sqlite").read_bytes()
    assert b"to be forgotten" not in held
    assert b"to be kept" in held


def test_a_token_is_known_by_its_digest_only(jobs: Jobs) -> None:
    """Whose it is, and under which id; another digest is nobody's."""
    jobs.keep_token(b"d" * 32, UUID(int=5), ISS, 1)

    assert jobs.token(b"d" * 32) == (UUID(int=5), ISS)
    assert jobs.token(b"e" * 32) is None
