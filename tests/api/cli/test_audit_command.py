"""`roa audit` and the commands that write, on ledgers that are not what they should be."""

import json
import shutil
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli.commands import app
from ledger.audit import How
from ledger.database import connect
from ledger.store.sqlite import APPEND_ONLY, SCHEMA
from tests.support.ledgers import PASSPHRASE, House, a_full_ledger, a_ledger, people


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A published ledger that lies there closed, its passphrase beside its keys."""
    made = a_ledger(tmp_path / "ledger")
    made.publish()
    made.files.passphrase.write_bytes(PASSPHRASE)
    made.close()
    return made


def roa(house: House, *words: str) -> tuple[int, str]:
    """Return the exit code and what a command prints."""
    result = CliRunner().invoke(app, [*words, "--data", str(house.files.folder)])
    return result.exit_code, result.stdout


def change(house: House, statement: str) -> None:
    """Change the database as somebody with the file in hands would."""
    connection = connect(house.files.ledger)
    for table in APPEND_ONLY:
        for verb in ("update", "delete"):
            connection.execute(f"DROP TRIGGER {table}_is_never_{verb}d")
    connection.execute("PRAGMA ignore_check_constraints = 1")
    connection.execute(statement)
    connection.executescript(SCHEMA)
    connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE record SET topic = 'x' WHERE position = 1",
        "UPDATE record SET state = NULL WHERE position = 1",
        "UPDATE record SET stream = x'00' WHERE position = 1",
        "UPDATE record SET gone = 'x' WHERE position = 1",
        "UPDATE record SET position = 99 WHERE position = 2",
        "UPDATE head SET authority = authority + 1",
        "UPDATE head SET authority = -5",
        "UPDATE head SET id = 1",
        "UPDATE checkpoint SET size = size + 1",
    ],
)
def test_a_ledger_that_is_beyond_opening_is_audited(house, statement):
    """A value whose change keeps a ledger from being opened is a finding like any other: exit 1, JSON."""
    change(house, statement)

    code, printed = roa(house, "audit", "--json")

    assert code == 1
    assert json.loads(printed)["findings"]


def test_an_old_copy_is_a_rollback(house, tmp_path):
    """A sound database with fewer records than were published: exit 3; no command writes to it."""
    old = tmp_path / "old.sqlite"
    shutil.copy(house.files.ledger, old)
    house.reopen()
    house.organisation(95003)
    house.publish()
    house.close()
    shutil.copy(old, house.files.ledger)

    audited, printed = roa(house, "audit", "--json")
    written, _ = roa(house, "keys", "custody", "95000")
    after, _ = roa(house, "audit")

    assert (audited, written, after) == (3, 3, 3)
    assert {one["code"] for one in json.loads(printed)["findings"]} == {"rollback", "checkpoint"}


def test_another_history_is_a_split(house):
    """A sound database that went on otherwise than the one that was published: exit 4."""
    shutil.copy(house.files.ledger, house.files.folder / "old.sqlite")
    house.reopen()
    house.organisation(95003)
    house.publish()
    house.close()
    shutil.move(house.files.folder / "old.sqlite", house.files.ledger)
    house.reopen()
    house.organisation(95004)
    house.close()

    assert roa(house, "audit")[0] == 4
    assert roa(house, "keys", "custody", "95000")[0] == 4
    assert roa(house, "publish")[0] == 4


@pytest.mark.parametrize(("left", "code"), [(b"x" * 9999, 1), (b"", 3), (None, 3)])
def test_a_database_that_cannot_be_read_is_reported(house, left, code):
    """Garbage is a finding, exit 1; emptied or gone while the anchor has records is exit 3: never 70."""
    for file in house.files.folder.glob("ledger.sqlite*"):
        file.unlink()
    if left is not None:
        house.files.ledger.write_bytes(left)

    found, printed = roa(house, "audit", "--json")

    assert found == code
    assert [one["code"] for one in json.loads(printed)["findings"]] == [{1: "storage", 3: "rollback"}[code]]


# ------------------------------------------------------------------ how it looks


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A ledger of more than two tiles, published three times, that lies there closed."""
    made = a_full_ledger(tmp_path_factory.mktemp("grown") / "ledger", people(60))
    made.clock.advance(timedelta(minutes=1))
    made.register(*people(270, first=500))
    made.publish()
    made.files.passphrase.write_bytes(PASSPHRASE)
    made.close()
    return made


def test_several_processes_print_what_one_does(grown, monkeypatch):
    """With --jobs 2 the records are checked elsewhere, keys and all, and the report is the same."""
    monkeypatch.setattr("api.cli.keepers.How", partial(How, part=256))

    ran = [roa(grown, "audit", "--json", "--jobs", jobs) for jobs in ("1", "2")]
    alone, together = (json.loads(printed) for _, printed in ran)

    # Each audit is a read of everybody, and leaves a row more than the one before it.
    assert together == {**alone, "accesses": alone["accesses"] + 1}
    assert [code for code, _ in ran] == [0, 0]
    assert alone["records"] > 512


def test_since_says_what_it_did_not_look_at(grown):
    """What came after the second checkpoint; words and JSON say that the rest was taken for granted."""
    code, printed = roa(grown, "audit", "--json", "--since", "310")
    said, words = roa(grown, "audit", "--since", "310")

    found = json.loads(printed)
    assert (code, said) == (0, 0)
    assert found["since"] == 307
    assert found["records"] == 307 + 270 - 256
    assert found["not_looked_at"].startswith("records 1 to 256 ")
    assert "Not looked at: records 1 to 256 " in words


def test_a_finding_says_how_bad_it_is(house):
    """A head that names another root can be made again; a record that was changed cannot."""
    change(house, "UPDATE head SET root = randomblob(32)")
    _, derived = roa(house, "audit", "--json")
    change(house, "UPDATE record SET entry = randomblob(33) WHERE position = 2")
    _, recorded = roa(house, "audit", "--json")
    _, words = roa(house, "audit")

    assert {one["severity"] for one in json.loads(derived)["findings"]} == {"warning"}
    assert {one["severity"] for one in json.loads(recorded)["findings"]} == {"warning", "fault"}
    assert "fault   entry        record 2: " in words


@pytest.mark.parametrize(
    "words", [("--jobs", "0"), ("--jobs", "many"), ("--since", "-1"), ("--since", "last")]
)
def test_what_cannot_be_meant_is_wrong_use(house, words):
    """A number of processes that is none, a size that is none."""
    assert roa(house, "audit", *words)[0] == 2
