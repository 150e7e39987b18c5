"""Killed at each step of a turn of the epoch: the ledger opens, in the one epoch or the other, and whole.

Source: LEDGER.md 4; the steps are those of `ledger.outcomes`, `ledger.privacy.vault_file` and
`ledger.privacy.epoch`.
"""

from pathlib import Path

import pytest

from ledger.founding import REGISTRAR
from ledger.privacy.epoch import EpochFile, EpochKeys, load_epoch_keys
from ledger.turning import turn
from tests.crash.steps import JOBS_KEY_STEPS, TURN_STEPS, killed_at
from tests.support.ledgers import (
    PASSPHRASE,
    House,
    a_study_ledger,
    an_enrolled_ledger,
    open_house,
    people,
    statement,
)
from tests.support.world import Human, identity

LEARNERS = people(3)
COMMITTED = TURN_STEPS[TURN_STEPS.index("committed") :]


@pytest.mark.parametrize("step", TURN_STEPS)
def test_a_killed_turn_is_completed_or_discarded_by_the_next_start(tmp_path: Path, step: str) -> None:
    """What the vault says counts: the other keys are destroyed, and a turn can be made after it."""
    house = an_enrolled_ledger(tmp_path / "ledger", LEARNERS)
    gone = [house.ledger.vault.people([LEARNERS[2].nsn])[LEARNERS[2].nsn].learner_id]
    house.ledger.vault.forget(gone)
    house.ledger.vault.let_go(gone)
    files, before = house.files, load_epoch_keys(house.files.epoch, PASSPHRASE)

    assert killed_at("turn", house, step, tmp_path / "unused") == []

    house = open_house(files.folder)
    vault, after = house.ledger.vault, load_epoch_keys(files.epoch, PASSPHRASE)
    done = step in COMMITTED
    assert vault.epoch == after.epoch == (2 if done else 1)
    assert (after == before) == (not done)
    assert [one.epoch for one in vault.turns()] == ([2] if done else [])
    assert sorted(path.name for path in files.keys.glob("epoch.json*")) == ["epoch.json"]
    _goes_on(house, LEARNERS[0])
    assert turn(house.ledger, only_if_destroyed=True) == (None if done else vault.turns()[-1])
    _goes_on(house, LEARNERS[1])
    house.close()


@pytest.mark.parametrize("step", JOBS_KEY_STEPS)
def test_submissions_survive_a_turn_that_is_killed_while_they_are_sealed_anew(
    tmp_path: Path, step: str
) -> None:
    """Under the one key or the other, all of them open; the next turn leaves one key for all."""
    house = a_study_ledger(tmp_path / "ledger")
    sent = [house.build(REGISTRAR, [statement("learner.registered", who=identity(one))]) for one in LEARNERS]
    said = [house.send(one) for one in sent]

    killed_at("turn", house, step, tmp_path / "unused", nth=1 if step != "sealed_anew" else 4)

    house = open_house(house.files.folder)
    assert house.ledger.vault.epoch == 1
    assert [house.send(one) for one in sent] == said
    turn(house.ledger)
    assert [house.send(one) for one in sent] == said
    reader = house.ledger.vault._database.reader
    assert reader.execute("SELECT COUNT(*) FROM subject WHERE kind = 'jobs'").fetchone() == (1,)
    house.close()


@pytest.mark.parametrize(("first", "second"), [("old_kept", "old_kept"), ("committed", "renamed")])
def test_a_start_that_is_killed_too_is_completed_by_the_one_after(
    tmp_path: Path, first: str, second: str
) -> None:
    """Killed while a start completes a turn: never are the keys that count destroyed."""
    house = an_enrolled_ledger(tmp_path / "ledger", LEARNERS)
    files = house.files
    killed_at("turn", house, first, tmp_path / "unused")
    keys = EpochFile(files.epoch, PASSPHRASE)

    class Killed(Exception):
        """Stands for the end of the process: nothing after it is done."""

    def stop(step: str) -> None:
        if step == second:
            raise Killed

    with pytest.raises(Killed):
        keys.settle(_is_second, stop)
    house = open_house(files.folder)

    assert house.ledger.vault.epoch == 2
    assert sorted(path.name for path in files.keys.glob("epoch.json*")) == ["epoch.json"]
    _goes_on(house, LEARNERS[0])
    house.close()


def test_a_turn_without_a_kill_takes_every_step(tmp_path: Path) -> None:
    """The steps above are all there are, in their order; settling has nothing to do before a turn."""
    house = an_enrolled_ledger(tmp_path / "ledger", LEARNERS)
    taken: list[str] = []
    house.ledger.vault.at_step = house.ledger.outcomes.at_step = taken.append

    turn(house.ledger)

    assert tuple(dict.fromkeys(taken)) == JOBS_KEY_STEPS + TURN_STEPS
    house.close()


def _is_second(keys: EpochKeys) -> bool:
    return keys.epoch == 2


def _goes_on(house: House, human: Human) -> None:
    """New results are taken, and everything that is not forgotten opens."""
    house.passed(human)
    report = house.audit()
    assert {fault.code for fault in report.faults} <= {"vault"}
