"""`roa backup` and `roa restore --from`: a ledger out of its copies, on a machine that never had it."""

import json
import shutil
from pathlib import Path

import pytest

from ledger.clock import FixedClock, instant
from ledger.turning import turn
from tests.api.cli.conftest import NOW_US
from tests.api.cli.shell import roa
from tests.support import ledgers
from tests.support.forgetting import forget
from tests.support.world import ANA, BEN


@pytest.fixture
def kept(folder: Path, tmp_path: Path) -> Path:
    """A backup of the ledger in `folder`."""
    ran = roa("backup", "--data", folder, "--to", tmp_path / "backups", "--json")
    assert ran.code == 0, ran.err
    return Path(ran.json["folder"])


def restored(kept: Path, folder: Path, data: Path, *more: object) -> object:
    """Run `roa restore --from`, with the keys of the ledger in `folder`."""
    return roa("restore", "--from", kept, "--keys", folder / "keys", "--data", data, *more)


@pytest.fixture
def elsewhere(folder: Path, tmp_path: Path, monkeypatch) -> Path:
    """The ledger's anchor, on another disk."""
    place = tmp_path / "anchor"
    shutil.copytree(folder / "anchor", place)
    monkeypatch.setenv("ROA_ANCHOR", str(place))
    return place


def test_a_backup_says_where_it_is_and_what_is_not_in_it(folder, tmp_path):
    """Keys are not, and the anchor is not; when it closes is said, and nobody is named."""
    ran = roa("backup", "--data", folder, "--to", tmp_path / "backups")

    assert (ran.code, ran.err) == (0, "")
    assert f"In {tmp_path / 'backups'}/" in ran.out
    assert "Not in it: keys, epoch file and passphrase, nor the anchor." in ran.out
    assert "It opens in epoch 1 only" in ran.out
    assert ANA.nsn not in ran.out


def test_backups_from_before_a_turn_are_named_to_be_deleted(folder, kept):
    """Two numbers matter: who is forgotten and not yet in a turn, and which backups a turn has closed."""
    house = ledgers.open_house(folder, FixedClock(instant(NOW_US)))
    forget(house, ANA)
    house.close()
    between = roa("backup", "--data", folder, "--to", kept.parent)
    house = ledgers.open_house(folder, FixedClock(instant(NOW_US)))
    turn(house.ledger)
    house.close()

    after = roa("backup", "--data", folder, "--to", kept.parent, "--json")

    assert "Learners forgotten since the last turn: 1." in between.out
    assert (after.json["epoch"], after.json["forgotten_since_turn"]) == (2, 0)
    assert len(after.json["closed"]) == 2
    assert str(kept) in after.json["closed"]
    assert str(kept) in roa("backup", "--data", folder, "--to", kept.parent).out


@pytest.mark.usefixtures("elsewhere")
def test_a_ledger_is_put_back_on_a_new_machine_and_goes_on(folder, tmp_path, kept):
    """Restored and audited; then it exports what it exported, publishes and takes what is posted."""
    shown = roa("export", ANA.nsn, "--format", "json", "--data", folder, "--out", tmp_path / "before.json")
    assert shown.code == 0, shown.err
    new = tmp_path / "new"

    ran = restored(kept, folder, new, "--trust", folder / "trust.json", "--json")

    assert (ran.code, ran.err) == (0, "")
    assert (ran.json["state"], ran.json["vouched_by"], ran.json["anchor"]) == ("restored", "trusted", "found")
    assert ran.json["audit"]["ok"]
    assert (
        roa("export", ANA.nsn, "--format", "json", "--data", new, "--out", tmp_path / "after.json").code == 0
    )
    before, after = (json.loads((tmp_path / f"{one}.json").read_text()) for one in ("before", "after"))
    assert after == before
    house = ledgers.open_house(new, FixedClock(instant(NOW_US)))
    house.passed(BEN)
    house.award(BEN)
    house.close()
    assert roa("publish", "--data", new).code == 0
    bundle = roa("export", BEN.nsn, "--format", "bundle", "--data", new)
    assert bundle.code == 0, bundle.err
    assert roa("publish", "--data", new).code == 0
    assert roa("verify", bundle.out.strip(), "--trust", new / "trust.json").code == 0
    assert roa("audit", "--data", new).code == 0


@pytest.mark.usefixtures("elsewhere")
def test_a_ledger_is_put_back_where_one_stands(folder, tmp_path, kept, monkeypatch):
    """`--data .`: the empty folder gives way, and whoever stood in it is told to go there again."""
    new = tmp_path / "new"
    new.mkdir()
    monkeypatch.chdir(new)

    ran = restored(kept, folder, Path())

    assert (ran.code, ran.err) == (0, "")
    assert "Audit: clean." in ran.out
    assert ran.lines[-1] == f"The folder that you are in gave way to it: cd {new}"
    assert roa("audit", "--data", new).code == 0


@pytest.mark.usefixtures("elsewhere")
def test_words_say_who_vouches_for_it(folder, tmp_path, kept):
    """The operator's own key, where no other is named."""
    ran = restored(kept, folder, tmp_path / "new")

    assert ran.code == 0, ran.err
    assert "The receipt key that signed it is among your keys." in ran.out
    assert "Audit: clean." in ran.out
    assert f"roa publish --data {tmp_path / 'new'}" in ran.out


def test_what_was_published_after_the_backup_is_a_rollback(folder, tmp_path, kept, monkeypatch):
    """Exit 3: it is in place and reads only, and the way on is the one that there was before."""
    house = ledgers.open_house(folder, FixedClock(instant(NOW_US)))
    house.passed(BEN)
    house.publish()
    house.close()
    monkeypatch.setenv("ROA_ANCHOR", str(folder / "anchor"))
    new = tmp_path / "new"

    ran = restored(kept, folder, new, "--json")
    said = roa("restore", "--data", new)
    done = roa("restore", "--data", new, "--accept-lost")

    assert (ran.code, ran.json["state"]) == (3, "rollback")
    assert said.code == 3
    assert "Private ones whose content would be lost: 2." in said.out
    assert done.code == 0, done.err
    assert roa("audit", "--data", new).code == 0


def test_without_an_anchor_somebody_has_to_say_that_it_is_lost(folder, tmp_path, kept):
    """Exit 2 and nothing in place; then one is begun at the newest checkpoint, and the ledger goes on."""
    new = tmp_path / "new"

    asked = restored(kept, folder, new)
    done = restored(kept, folder, new, "--without-anchor", "--json")

    assert asked.code == 2
    assert "set ROA_ANCHOR" in asked.err
    assert (done.code, done.json["anchor"]) == (0, "begun"), done.err
    assert roa("publish", "--data", new).code == 0
    assert roa("audit", "--data", new).code == 0


@pytest.mark.usefixtures("elsewhere")
def test_an_anchor_that_is_there_is_not_begun_anew(folder, tmp_path, kept):
    """Exit 2: with it, nothing that was published can be overlooked."""
    ran = restored(kept, folder, tmp_path / "new", "--without-anchor")

    assert ran.code == 2
    assert "leave --without-anchor out" in ran.err
    assert not (tmp_path / "new").exists()


@pytest.mark.usefixtures("elsewhere")
def test_a_backup_that_was_changed_is_refused(folder, tmp_path, kept):
    """Exit 1, and nothing is in place."""
    path = kept / "vault.sqlite"
    path.write_bytes(path.read_bytes()[:-1] + b"x")

    ran = restored(kept, folder, tmp_path / "new")

    assert ran.code == 1
    assert "vault.sqlite in the backup is not the file that was signed" in ran.err
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("--from", "b"),
        ("--from", "b", "--keys", "k", "--accept-lost"),
        ("--keys", "k"),
        ("--without-anchor",),
        ("--vkey", "x"),
        ("--from", "b", "--keys", "k", "--vkey", "no key"),
    ],
)
def test_options_that_do_not_go_together_are_wrong_use(tmp_path, words):
    """Exit 2, before anything is looked at."""
    ran = roa("restore", "--data", tmp_path / "new", *words)

    assert ran.code == 2
    assert not (tmp_path / "new").exists()


@pytest.mark.usefixtures("elsewhere")
def test_a_passphrase_that_is_not_there_is_asked_for(folder, tmp_path, kept):
    """Keys without it open nothing; where it lies elsewhere, the same variable says so as ever."""
    (folder / "keys" / "passphrase").rename(tmp_path / "passphrase")

    ran = restored(kept, folder, tmp_path / "new")

    assert ran.code == 2
    assert "ROA_PASSPHRASE_FILE" in ran.err
