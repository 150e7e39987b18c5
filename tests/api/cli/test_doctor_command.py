"""`roa doctor`: what it finds on a ledger that is well, and on one that is not."""

import shutil
import sqlite3
from pathlib import Path

import pytest

from api.cli import doctor_command
from api.operations.checkup import databases
from ledger.clock import FixedClock, SystemClock, instant
from ledger.cosigning import Reply
from ledger.errors import Unavailable
from ledger.keys.keyring import RegisteredKey
from ledger.keys.signer import MemorySigner
from ledger.log.cosignature import ED25519_COSIGNATURE_TYPE
from ledger.log.note import VerifierKey
from ledger.store.jobs import KEEP_DAYS
from tests.api.cli.conftest import NOW_US
from tests.api.cli.shell import Ran, roa
from tests.support import ledgers
from tests.support.forgetting import approved, forget, officers, requested
from tests.support.world import ANA, BEN

DAY_US = 86_400_000_000
WITNESS = "https://witness.example"


@pytest.fixture
def well(folder: Path) -> Path:
    """A ledger whose folder is as `roa init` makes it: for its owner only."""
    folder.chmod(0o700)
    (folder / "keys").chmod(0o700)
    for path in (folder / "keys").iterdir():
        path.chmod(0o600)
    return folder


def check(ran: Ran, name: str) -> dict:
    """Return one check of `roa doctor --json`."""
    (found,) = [one for one in ran.json["checks"] if one["name"] == name]
    return found


def files_in(folder: Path) -> list[Path]:
    """Return every file in a folder of a ledger, but for what SQLite keeps beside whatever is read."""
    beside = ("-shm", "-wal")
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(beside))


def doctor(folder: Path, *more: object) -> Ran:
    """Run the command for programs."""
    return roa("doctor", "--data", folder, "--json", *more)


def test_a_ledger_that_is_well_has_no_problem(well, tmp_path):
    """Exit 0; what is to be minded says why and what to do; nobody is named."""
    roa("backup", "--data", well, "--to", tmp_path / "backups")
    before = {path: path.stat().st_mtime_ns for path in well.glob("*.sqlite")}

    ran = doctor(well, "--backups", tmp_path / "backups", "--deep")
    said = roa("doctor", "--data", well, "--backups", tmp_path / "backups")

    assert (ran.code, ran.err) == (0, ""), ran.out
    assert ran.json["ok"]
    assert ran.json["counts"]["problem"] == 0
    assert all(bool(one["means"]) == bool(one["do"]) == (one["state"] != "ok") for one in ran.json["checks"])
    assert "every page holds together" in check(ran, "ledger.sqlite")["seen"]
    assert check(ran, "backups")["state"] == check(ran, "anchor")["state"] == "ok"
    assert said.code == 0
    assert said.out.splitlines()[-1].endswith("0 problems.")
    assert ANA.nsn not in ran.out + said.out
    assert {path: path.stat().st_mtime_ns for path in well.glob("*.sqlite")} == before


def test_where_no_ledger_is_there_is_nobody_to_look_over(tmp_path):
    """Exit 2."""
    assert roa("doctor", "--data", tmp_path).code == 2


# ------------------------------------------------------------------ problems


def lost_vault(folder: Path) -> None:
    """Take the vault away."""
    (folder / "vault.sqlite").unlink()


def torn(folder: Path) -> None:
    """Overwrite pages in the middle of the records."""
    with (folder / "ledger.sqlite").open("r+b") as file:
        file.seek(3 * 8192)
        file.write(b"\xff" * 8192 * 3)


def newer(folder: Path) -> None:
    """Let a newer program have upgraded the jobs."""
    connection = sqlite3.connect(folder / "jobs.sqlite")
    connection.execute("PRAGMA user_version=99")
    connection.close()


def readable(folder: Path) -> None:
    """Let everybody read a key."""
    (folder / "keys" / "receipt.pem").chmod(0o644)


def keyless(folder: Path) -> None:
    """Take the receipt key away."""
    (folder / "keys" / "receipt.pem").unlink()


def unsigned(folder: Path) -> None:
    """Take one of the log's keys away."""
    (folder / "keys" / "checkpoint-mldsa44.pem").unlink()


def closed(folder: Path) -> None:
    """Change the passphrase."""
    (folder / "keys" / "passphrase").write_bytes(b"another\n")


def no_passphrase(folder: Path) -> None:
    """Take the passphrase away."""
    (folder / "keys" / "passphrase").unlink()


def no_anchor(folder: Path) -> None:
    """Take the anchor away."""
    shutil.rmtree(folder / "anchor")


def old_anchor(folder: Path) -> None:
    """Empty the anchor's place."""
    shutil.rmtree(folder / "anchor")
    (folder / "anchor").mkdir()


def garbled_anchor(folder: Path) -> None:
    """Write something else over the anchor."""
    (folder / "anchor" / "anchor").write_bytes(b"garbled")


PROBLEMS = [
    (lost_vault, "vault.sqlite", "roa restore --from"),
    (torn, "ledger.sqlite", "put back a backup"),
    (newer, "jobs.sqlite", "newer program"),
    (readable, "permissions of the keys", "chmod"),
    (keyless, "key receipt", "register a new one"),
    (unsigned, "key checkpoint", "register a new one"),
    (closed, "ledger", "look again"),
    (no_passphrase, "ledger", "look again"),
    (no_anchor, "anchor", "ROA_ANCHOR"),
    (old_anchor, "anchor", "Put it back"),
    (garbled_anchor, "anchor", "rollback or split"),
]


@pytest.mark.parametrize(("damage", "name", "todo"), PROBLEMS)
def test_what_is_wrong_is_said_with_what_to_do(well, damage, name, todo):
    """Exit 1, and one of the checks is a problem that says so."""
    damage(well)

    ran = doctor(well, "--deep")

    assert ran.code == 1
    assert not ran.json["ok"]
    found = check(ran, name)
    assert found["state"] == "problem"
    assert todo in found["do"]


@pytest.mark.parametrize("name", ["ledger", "vault", "jobs"])
def test_a_database_that_is_missing_is_not_made_by_a_look(well, name):
    """However often somebody looks: it is said each time, and no file has appeared."""
    (well / f"{name}.sqlite").unlink()
    before = files_in(well)

    first, second = doctor(well), doctor(well, "--deep")

    assert (first.code, second.code) == (1, 1)
    for ran in (first, second):
        assert check(ran, f"{name}.sqlite")["seen"] == "is not there"
    assert files_in(well) == before


def test_a_turn_that_was_left_half_done_is_said_once(well):
    """Whoever opens the vault settles it, so it is looked for before that."""
    shutil.copy2(well / "keys" / "epoch.json", well / "keys" / "epoch.json.next")

    first, second = doctor(well), doctor(well)

    assert (first.code, second.code) == (0, 0)
    assert check(first, "turn of the epoch")["state"] == "warning"
    assert check(second, "turn of the epoch")["state"] == "ok"
    assert check(first, "epoch file")["state"] == check(second, "epoch file")["state"] == "ok"


def test_a_turn_that_cannot_be_settled_is_said_too(well):
    """The ledger does not open, and why keys lie beside each other is still told."""
    shutil.copy2(well / "keys" / "epoch.json", well / "keys" / "epoch.json.next")
    closed(well)

    ran = doctor(well)

    assert ran.code == 1
    assert check(ran, "turn of the epoch")["state"] == "warning"
    assert check(ran, "ledger")["state"] == "problem"


def test_what_a_killed_restore_left_is_a_problem(well):
    """Beside the ledger's folder, whatever place it was for: it is named, and what to do."""
    left = well.with_name(".other.restoring")
    left.mkdir()

    found = doctor(well)
    left.rmdir()

    assert found.code == 1
    assert check(found, "restores")["state"] == "problem"
    assert left.name in check(found, "restores")["seen"]
    assert "delete it" in check(found, "restores")["do"]
    assert check(doctor(well), "restores")["state"] == "ok"


def test_a_clock_that_has_gone_back_is_a_problem(well, monkeypatch):
    """By more than a second before the newest record."""
    monkeypatch.setattr(SystemClock, "now_us", lambda _self: NOW_US - 10 * DAY_US)

    assert check(doctor(well), "clock")["state"] == "problem"


def test_a_stolen_key_that_is_still_in_force_is_a_problem(well, monkeypatch):
    """What it signs now is not believed."""
    monkeypatch.setattr(RegisteredKey, "standing", lambda _self, _position: "suspect")

    assert check(doctor(well), "stolen keys")["state"] == "problem"


def test_an_old_ledger_is_not_upgraded_by_a_look(well):
    """It is said that the next start does it, and to take a backup before."""
    connection = sqlite3.connect(well / "ledger.sqlite")
    connection.execute("PRAGMA user_version=0")
    connection.close()

    ran = doctor(well)

    assert check(ran, "ledger.sqlite")["state"] == "warning"
    assert check(ran, "ledger")["seen"] == "not opened"
    connection = sqlite3.connect(well / "ledger.sqlite")
    assert connection.execute("PRAGMA user_version").fetchone() == (0,)
    connection.close()


def test_a_file_that_left_its_write_ahead_log_is_to_be_minded(well):
    """Somebody's tool has changed the journal; a start puts it back."""
    connection = sqlite3.connect(well / "jobs.sqlite")
    connection.execute("PRAGMA journal_mode=DELETE")
    connection.close()

    first, second = doctor(well), doctor(well)

    assert check(first, "jobs.sqlite")["state"] == "warning"
    assert "journal delete" in check(first, "jobs.sqlite")["seen"]
    assert check(second, "jobs.sqlite")["state"] == "ok"  # the first look opened the ledger


def test_a_log_that_grows_without_end_is_to_be_minded(well, monkeypatch):
    """Whoever reads an old state keeps what was deleted from going."""
    monkeypatch.setattr(databases, "WAL_MAX_BYTES", -1)

    assert check(doctor(well), "ledger.sqlite")["state"] == "warning"


# ------------------------------------------------------------------ what waits


def test_backups_are_judged_by_their_age_and_their_epoch(well, tmp_path, monkeypatch):
    """None at all, one of yesterday, one of last week, one that a turn has closed."""
    place = tmp_path / "backups"
    unnamed = check(doctor(well), "backups")
    none = check(doctor(well, "--backups", place), "backups")
    roa("backup", "--data", well, "--to", place)
    found = {}
    for days in (0, 2, 8):
        monkeypatch.setattr(SystemClock, "now_us", lambda _self, days=days: NOW_US + days * DAY_US)
        found[days] = check(doctor(well, "--backups", place), "backups")["state"]
    monkeypatch.setattr(SystemClock, "now_us", lambda _self: NOW_US)
    assert roa("forget", "turn", "--data", well).code == 0

    turned = doctor(well, "--backups", place)

    assert (unnamed["state"], none["state"]) == ("warning", "problem")
    assert found == {0: "ok", 2: "warning", 8: "problem"}
    assert check(turned, "backups")["state"] == "problem"
    assert "open for nobody" in check(turned, "backups")["means"]


def test_what_was_received_long_ago_should_be_gone(well, monkeypatch):
    """Whoever starts a server destroys it."""
    monkeypatch.setattr(SystemClock, "now_us", lambda _self: NOW_US + (KEEP_DAYS + 2) * DAY_US)

    found = check(doctor(well), "received")

    assert found["state"] == "problem"
    assert "older than that" in found["seen"]


def test_forgettings_that_wait_are_counted_and_nobody_is_named(well, monkeypatch):
    """Asked for is well; approved and not carried out, or not effective after two days, is a problem."""
    house = ledgers.open_house(well, FixedClock(instant(NOW_US)))
    officers(house)
    asked = requested(house, BEN)
    house.close()
    waits = check(doctor(well), "forgettings")
    house = ledgers.open_house(well, FixedClock(instant(NOW_US)))
    officers(house)
    approved(house, asked)
    house.close()
    due = check(doctor(well), "forgettings")
    house = ledgers.open_house(well, FixedClock(instant(NOW_US)))
    forget(house, ANA)
    house.close()
    fresh = check(doctor(well), "forgettings")
    monkeypatch.setattr(SystemClock, "now_us", lambda _self: NOW_US + 3 * DAY_US)

    late = check(doctor(well), "forgettings")

    assert (waits["state"], waits["seen"]) == ("ok", "1 wait for a second officer")
    assert (due["state"], due["seen"]) == ("problem", "1 approved and not carried out")
    assert fresh["state"] == "ok"
    assert (late["state"], late["seen"]) == ("problem", "2 not effective in copies")


def test_records_that_nobody_publishes_are_to_be_minded(well, monkeypatch):
    """After an hour."""
    house = ledgers.open_house(well, FixedClock(instant(NOW_US)))
    house.organisation(96001)
    house.close()
    monkeypatch.setattr(SystemClock, "now_us", lambda _self: NOW_US + DAY_US)

    found = check(doctor(well), "anchor")

    assert found["state"] == "warning"
    assert "not published" in found["seen"]


# ------------------------------------------------------------------ witnesses


@pytest.fixture
def witnessed(well: Path) -> Path:
    """A ledger whose policy asks for a witness that has seen nothing."""
    public = MemorySigner.generate().public_key().public_bytes_raw()
    key = VerifierKey("witness.example/w1", ED25519_COSIGNATURE_TYPE, public)
    (well / "policy").write_text(f"witness w1 {key} {WITNESS}\nquorum w1\n")
    return well


def test_witnesses_are_asked_only_when_somebody_says_so(witnessed, monkeypatch):
    """Without the option nothing leaves the machine; what they have seen is known from what they signed."""

    def asked(url: str, _body: bytes) -> Reply:
        raise AssertionError(url)

    monkeypatch.setattr(doctor_command, "post_to_witness", asked)

    ran = doctor(witnessed)

    assert ran.code == 0
    assert check(ran, "witnesses")["state"] == "warning"
    assert "w1" in check(ran, "witnesses")["seen"]


@pytest.mark.parametrize(("status", "state"), [(400, "ok"), (403, "ok"), (502, "warning"), (None, "warning")])
def test_a_witness_that_answers_anything_is_there(witnessed, monkeypatch, status, state):
    """Nothing is shown to it: an empty request, at the address that the policy names."""
    sent = []

    def answer(url: str, body: bytes) -> Reply:
        sent.append((url, body))
        if status is None:
            raise Unavailable("the witness gave no answer", code="witness")
        return Reply(status, "text/plain", b"")

    monkeypatch.setattr(doctor_command, "post_to_witness", answer)

    found = check(doctor(witnessed, "--witnesses"), f"witness {WITNESS}")

    assert found["state"] == state
    assert sent == [(f"{WITNESS}/add-checkpoint", b"")]
