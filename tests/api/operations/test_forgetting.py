"""A server that took in an approval forgets by itself, and with the learner what was posted about them."""

from pathlib import Path

import pytest

from api.operations.background import Background
from ledger.errors import Unavailable
from ledger.forgetting import APPROVED, DESTROYED, progress
from tests.api.door import a_door, results_csv
from tests.support.forgetting import approved, officers, requested
from tests.support.world import ANA, BEN, PROVIDER


def test_what_was_posted_about_somebody_forgotten_is_destroyed_and_still_answered(tmp_path: Path):
    """Body, file and details go; what came of the rows stays, for whoever asks again."""
    door = a_door(tmp_path / "ledger")
    officers(door.ledger)
    about = door.post_csv(results_csv([(ANA, "LO1", "A"), (BEN, "LO1", "A")])).json()
    other = door.post_csv(results_csv([(BEN, "LO2", "A")])).json()
    approved(door.ledger, requested(door.ledger, ANA))

    door.house.forget_approved()

    kept = {
        job: sealed is not None
        for job, sealed in door.ledger.ledger.jobs._database.reader.execute(
            "SELECT lower(hex(jti)), extra FROM job"
        )
    }
    names = {
        name: str(answer["submission"]).replace("-", "")
        for name, answer in (("about", about), ("other", other))
    }
    assert (kept[names["about"]], kept[names["other"]]) == (False, True)
    again = door.get(f"/v1/submissions/{about['submission']}", PROVIDER).json()
    assert again["counts"] == about["counts"]
    door.close()


def test_a_row_about_somebody_forgotten_is_held_in_words(tmp_path: Path):
    """The provider is told to take it out; the others of the file are decided."""
    door = a_door(tmp_path / "ledger")
    officers(door.ledger)
    approved(door.ledger, requested(door.ledger, ANA))
    door.house.forget_approved()

    answer = door.post_csv(results_csv([(ANA, "LO1", "A"), (BEN, "LO1", "A")])).json()

    assert (answer["counts"]["held"], answer["counts"]["accepted"]) == (1, 1)
    assert "E111" in str(answer)
    door.close()


def test_the_background_forgets_and_tries_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A disk that is full does not stop publishing, and is asked again at the next turn."""
    door = a_door(tmp_path / "ledger")
    officers(door.ledger)
    background = Background(door.house)
    approved(door.ledger, requested(door.ledger, ANA))

    def full(*_arguments: object) -> bool:
        raise Unavailable("the disk is full", code="storage")

    with monkeypatch.context() as stopped:
        stopped.setattr(type(door.house.issuer), "destroy", full)
        background._forget()
        waits = [one.state for one in progress(door.ledger.ledger)]
    background._forget()

    assert waits == [APPROVED]
    assert [one.state for one in progress(door.ledger.ledger)] == [DESTROYED]
    door.close()
