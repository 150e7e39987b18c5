"""`roa restore`, and what the other commands do while the database is not the one that was published."""

import json
import shutil
from pathlib import Path

import pytest

from api.house import close_house, open_house
from ledger.clock import FixedClock, instant
from ledger.files import LedgerFiles
from ledger.log.tiles import entries_path
from ledger.restore import RECEIPTS_FILE
from tests.api.cli.conftest import NOW_US
from tests.api.cli.shell import roa
from tests.support import ledgers
from tests.support.rollbacks import put_back, take_copy
from tests.support.world import ANA, BEN, PROVIDER


@pytest.fixture
def behind(folder: Path, tmp_path: Path) -> Path:
    """A ledger whose database was put back to before Ben had passed and was awarded."""
    house = ledgers.open_house(folder)
    take_copy(house, tmp_path / "copy")
    house.organisation(96001)
    house.passed(BEN)
    house.award(BEN)
    house.publish()
    put_back(house, tmp_path / "copy")
    house.close()
    return folder


@pytest.fixture
def parted(behind: Path) -> Path:
    """A ledger whose old copy was written to: another history than the one that was published."""
    house = ledgers.open_house(behind)
    for number in range(96002, 96012):
        house.organisation(number)
    house.close()
    return behind


def _size(folder: Path) -> int:
    house = ledgers.open_house(folder)
    size = house.size()
    house.close()
    return size


def _garbled(folder: Path) -> Path:
    (folder / "anchor" / "anchor").write_bytes(b"garbled")
    return folder


# ------------------------------------------------------------------ restore


def test_restore_says_what_would_be_lost_and_exits_with_3(behind):
    """In words, with the command that accepts it; nothing is changed."""
    size = _size(behind)

    ran = roa("restore", "--data", behind)

    assert ran.code == 3
    assert f"Missing: positions {size + 1} to {size + 4}. Public ones to be read back: 1." in ran.out
    assert "Private ones whose content would be lost: 3." in ran.out
    assert f"roa restore --data {behind} --accept-lost" in ran.out
    assert ran.out.count("submission ") == 2
    assert _size(behind) == size
    assert not (behind / "out" / RECEIPTS_FILE).exists()


def test_restore_as_json_has_every_receipt(behind):
    """Organisation, submission, row from 1, position: ids and numbers, and no person."""
    ran = roa("restore", "--data", behind, "--json")

    assert ran.code == 3
    assert (ran.json["state"], ran.json["public"], ran.json["lost"]) == ("rollback", 1, 3)
    assert [(one["label"], one["row"]) for one in ran.json["receipts"]] == [
        (str(PROVIDER), 1),
        (str(PROVIDER), 2),
        (str(PROVIDER), 1),
    ]
    assert BEN.nsn not in ran.out


def test_restore_goes_on_where_the_published_log_ends(behind):
    """Exit 0: restored, published, views as the records make them, audit clean; then nothing is missing."""
    size = _size(behind)

    ran = roa("restore", "--data", behind, "--accept-lost", "--json")

    assert (ran.code, ran.err) == (0, "")
    assert ran.json["state"] == "restored"
    assert ran.json["told_at"] == ran.json["size"] == ran.json["checkpoint"] == size + 5
    listed = json.loads((behind / "out" / RECEIPTS_FILE).read_text())["receipts"]
    assert len(listed) == len(ran.json["receipts"]) == 3
    again = roa("restore", "--data", behind, "--accept-lost", "--json")
    assert (again.code, again.json["state"]) == (0, "nothing-missing")
    assert roa("restore", "--data", behind).code == 0
    audited = roa("audit", "--data", behind)
    assert (audited.code, audited.out.splitlines()[-1].endswith("clean")) == (0, True), audited.out
    assert roa("publish", "--data", behind).code == 0


def test_restore_in_words_says_whom_to_tell(behind):
    """Where the log says it, and which file has the receipts."""
    ran = roa("restore", "--data", behind, "--accept-lost")

    assert ran.code == 0
    assert "The log says so at position" in ran.out
    assert str(behind / "out" / RECEIPTS_FILE) in ran.out


def test_a_ledger_that_was_restored_serves_and_takes_what_is_posted_again(behind):
    """The house opens without a fault, and Ben is awarded once more."""
    roa("restore", "--data", behind, "--accept-lost")

    house = open_house(behind)
    fault = house.fault
    close_house(house)
    ledger = ledgers.open_house(behind, FixedClock(instant(NOW_US)))
    ledger.passed(BEN)
    ledger.award(BEN)
    ledger.close()

    assert fault is None


def test_two_histories_are_not_joined(parted):
    """Exit 4, with and without --accept-lost."""
    size = _size(parted)

    for words in ((), ("--accept-lost",)):
        ran = roa("restore", "--data", parted, *words)
        assert ran.code == 4
        assert "another history" in ran.err

    assert _size(parted) == size


def test_damaged_tiles_are_named(behind, tmp_path, monkeypatch):
    """Exit 1, wherever the anchor lies."""
    place = tmp_path / "another-disk"
    shutil.move(behind / "anchor", place)
    monkeypatch.setenv("ROA_ANCHOR", str(place))
    house = ledgers.open_house(behind)
    house.files = LedgerFiles(behind, place)
    size = house.publisher()._anchor.read().size
    house.close()
    (place / entries_path(0, size)).unlink()

    ran = roa("restore", "--data", behind, "--accept-lost")

    assert ran.code == 1
    assert entries_path(0, size) in ran.err


def test_where_no_ledger_is_nothing_is_restored(tmp_path):
    """Exit 2, and no folder is made."""
    ran = roa("restore", "--data", tmp_path / "nowhere")

    assert ran.code == 2
    assert not (tmp_path / "nowhere").exists()


def test_a_database_that_is_gone_is_made_again(behind):
    """Keys, vault and anchor are there: the register is read back, the people are lost."""
    for file in behind.glob("ledger.sqlite*"):
        file.unlink()

    planned = roa("restore", "--data", behind, "--json")
    done = roa("restore", "--data", behind, "--accept-lost", "--json")

    assert (planned.code, planned.json["first"]) == (3, 1)
    assert (done.code, done.json["state"]) == (0, "restored")
    assert roa("audit", "--data", behind).code == 0


# ------------------------------------------------------------------ the other commands meanwhile

WRITING = [
    ("publish",),
    ("keys", "token", PROVIDER),
    ("keys", "custody", PROVIDER),
]


@pytest.mark.parametrize("words", WRITING)
@pytest.mark.parametrize(("wrong", "code"), [("behind", 3), ("parted", 4)])
def test_commands_that_write_say_which_it_is(request, words, wrong, code):
    """Exit 3 for an old copy, 4 for two histories; nothing is written."""
    folder = request.getfixturevalue(wrong)
    size = _size(folder)
    (folder / "jobs.sqlite").chmod(0o600)

    ran = roa(*words, "--data", folder)

    assert (ran.code, ran.out) == (code, "")
    assert _size(folder) == size


@pytest.mark.parametrize("words", WRITING)
def test_commands_that_write_do_not_trust_a_damaged_anchor(folder, words):
    """Exit 1, and the sentence is about the anchor."""
    ran = roa(*words, "--data", _garbled(folder))

    assert (ran.code, ran.out) == (1, "")
    assert "anchor" in ran.err


def test_a_key_is_not_registered_in_an_old_copy(behind, tmp_path):
    """Exit 3, before the register is asked."""
    roa("keys", "create", tmp_path / "own.pem")
    asked = roa("keys", "request", tmp_path / "own.pem", "--organisation", PROVIDER)

    ran = roa("keys", "register", "-", "--data", behind, stdin=asked.out.encode())

    assert ran.code == 3


@pytest.mark.parametrize(("wrong", "code"), [("behind", 3), ("parted", 4)])
def test_an_audit_says_which_it_is(request, wrong, code):
    """All that is wrong with the ledger is what was published: exit 3 or 4."""
    folder = request.getfixturevalue(wrong)

    assert roa("audit", "--data", folder).code == code


def test_reading_commands_go_on(behind):
    """Views are built from what is there."""
    assert roa("rebuild", "--data", behind).code == 0
    assert roa("keys", "list", "--data", behind).code == 0


def test_a_credential_whose_record_of_signing_was_lost_is_signed_and_proven_again(folder, tmp_path):
    """The award is older than the copy, and its credential was handed out after it: a fresh one checks."""
    house = ledgers.open_house(folder)
    take_copy(house, tmp_path / "copy")
    house.close()
    assert roa("export", ANA.nsn, "--format", "bundle", "--data", folder).code == 0
    assert roa("publish", "--data", folder).code == 0
    house = ledgers.open_house(folder, FixedClock(instant(NOW_US)))
    put_back(house, tmp_path / "copy")
    house.close()
    meanwhile = roa("export", ANA.nsn, "--format", "bundle", "--data", folder)
    assert roa("restore", "--data", folder, "--accept-lost").code == 0

    again = roa("export", ANA.nsn, "--format", "bundle", "--data", folder)

    assert meanwhile.code == 3  # a document that is signed leaves a record
    assert again.code == 0, again.err
    assert roa("publish", "--data", folder).code == 0
    checked = roa("verify", again.out.strip(), "--trust", folder / "trust.json")
    assert checked.code == 0, checked.out + checked.err
    assert roa("audit", "--data", folder).code == 0
