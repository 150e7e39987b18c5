"""Damaged files, here and at the anchor's place: the audit says what is wrong, and goes on with the rest.

Source: LEDGER.md 5 (publisher step 4), 7 (every fault, not the first).
"""

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from ledger.audit import FAULT, WARNING, How, Report, audit_files
from ledger.audit import run as running
from ledger.database import connect
from ledger.files import LedgerFiles
from ledger.log.tiles import entries_path, tile_path
from ledger.store.anchor import Anchor
from tests.ledger.audit.tampering import tables
from tests.support.ledgers import a_full_ledger, open_house, people
from tests.support.world import ORIGIN


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published ledger of more than one tile, that lies there closed."""
    house = a_full_ledger(tmp_path_factory.mktemp("original") / "ledger", people(60))
    house.close()
    return house.files.folder


@pytest.fixture
def files(original: Path, tmp_path: Path) -> LedgerFiles:
    """A copy of it to damage."""
    shutil.copytree(original, tmp_path / "ledger")
    return LedgerFiles(tmp_path / "ledger")


def _found(report: Report) -> set[tuple[str, str]]:
    return {(one.code, one.where) for one in report.faults}


# ------------------------------------------------------------------ the database


@pytest.mark.parametrize("damage", [lambda data: b"x" * len(data), lambda data: data[:-40960]])
def test_a_database_that_is_none_is_a_finding(files: LedgerFiles, damage: Callable[[bytes], bytes]) -> None:
    """Garbage, or cut off: a report with one finding, and no exception."""
    for beside in files.folder.glob("ledger.sqlite-*"):
        beside.unlink()
    files.ledger.write_bytes(damage(files.ledger.read_bytes()))

    (fault,) = audit_files(files).faults

    assert (fault.code, fault.where, fault.severity) == ("storage", "ledger.sqlite", FAULT)


@pytest.mark.parametrize("empty", [True, False])
def test_a_database_that_is_gone_is_a_rollback(files: LedgerFiles, *, empty: bool) -> None:
    """Emptied, or not there at all, while records were published; looking for it does not make one."""
    for file in files.folder.glob("ledger.sqlite*"):
        file.unlink()
    if empty:
        files.ledger.touch()

    found = _found(audit_files(files))

    assert found == {("rollback", "anchor")}
    assert files.ledger.exists() == empty


def test_nothing_stored_and_nothing_published_is_no_ledger(tmp_path: Path) -> None:
    """Nothing was lost that anybody knows of."""
    assert _found(audit_files(LedgerFiles(tmp_path))) == {("storage", "ledger.sqlite")}


@pytest.mark.parametrize("table", [one for one in tables() if one != "record"])
def test_a_table_that_is_gone_does_not_end_the_audit(files: LedgerFiles, table: str) -> None:
    """Its own section says so; a record that was changed elsewhere is found all the same."""
    connection = connect(files.ledger)
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute("PRAGMA foreign_keys=OFF")
    connection.execute(f"DROP TABLE {table}")
    connection.execute("UPDATE record SET leaf = zeroblob(32) WHERE position = 40")
    connection.close()

    report = audit_files(files)

    assert {("schema", "schema"), ("leaf", "record 40")} <= _found(report)
    assert report.records > 256
    assert {one.code for one in report.faults} & {"storage", "tile"}


def test_a_page_that_is_damaged_costs_what_is_on_it(files: LedgerFiles) -> None:
    """The records beyond it are looked at: a change in another part of them is found."""
    connection = connect(files.ledger)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute("UPDATE record SET leaf = zeroblob(32) WHERE position = 290")
    (leaf,) = connection.execute("SELECT leaf FROM record WHERE position = 100").fetchone()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    data = bytearray(files.ledger.read_bytes())
    page = data.index(leaf) // size * size
    data[page] ^= 0xFF  # what kind of page it is
    files.ledger.write_bytes(data)

    report = audit_files(files, how=How(part=256))

    assert ("storage", "records -9223372036854775808 to 256") in _found(report)
    assert ("leaf", "record 290") in _found(report)


# ------------------------------------------------------------------ the anchor's place


def _paths(files: LedgerFiles) -> list[str]:
    size = Anchor(files.anchor, ORIGIN).read().size
    width = size - 256
    return [
        entries_path(0),
        entries_path(1, width),
        tile_path(0, 0),
        tile_path(0, 1, width),
        tile_path(1, 0, 1),
    ]


@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(path.read_bytes()[:-1] + b"\x00"),
        lambda path: path.unlink(),
    ],
)
def test_a_damaged_tile_or_bundle_is_named(
    files: LedgerFiles, number: int, damage: Callable[[Path], None]
) -> None:
    """Only a warning while the records are here: they make it again."""
    path = _paths(files)[number]
    damage(files.anchor / path)

    report = audit_files(files)

    assert ("anchor", path) in _found(report)
    assert {(one.code, one.severity) for one in report.faults} == {("anchor", WARNING)}


def test_damage_to_what_only_the_anchor_has_is_a_fault(files: LedgerFiles) -> None:
    """The database is gone back: a restore would need the very bundle that is damaged."""
    house = open_house(files.folder)
    size = house.size()
    house.close()
    shutil.copy(files.ledger, files.folder / "old.sqlite")
    house.reopen()
    house.clock.advance(timedelta(minutes=2))
    house.register(*people(20, first=700))
    house.publish()
    house.close()
    for file in files.folder.glob("ledger.sqlite*"):
        file.unlink()
    shutil.move(files.folder / "old.sqlite", files.ledger)
    path = entries_path(1, size + 20 - 256)
    (files.anchor / path).write_bytes((files.anchor / path).read_bytes()[:-1])

    found = {(one.code, one.severity) for one in audit_files(files).faults}

    assert {("rollback", FAULT), ("anchor", FAULT)} <= found


# ------------------------------------------------------------------ keys and processes


def test_keys_that_are_gone_are_a_finding(tmp_path: Path) -> None:
    """Nothing says yet that a key was destroyed on purpose: how many records, and of how many learners."""
    house = a_full_ledger(tmp_path, people(3))
    with house.ledger.vault._database.writing() as connection:
        connection.execute("DELETE FROM subject WHERE kind = 'learner'")
    house.reopen()

    report = house.audit()

    (fault,) = report.faults
    assert (fault.code, fault.severity) == ("vault", FAULT)
    assert "of 15 records are gone, 3 of them registrations" in fault.what
    assert report.not_checkable == report.without_key == 15


@pytest.mark.parametrize(("many", "processes"), [(10**9, 1), (10, 2)])
def test_how_many_processes_is_decided_by_the_number_of_records(
    files: LedgerFiles, monkeypatch: pytest.MonkeyPatch, many: int, processes: int
) -> None:
    """One for few records, one for each core for many; what is found is the same."""
    asked: list[int] = [1]
    real = running.parts_elsewhere

    def counting(ledger, outline, vault, spans, jobs, *, short):
        asked.append(jobs)
        return real(ledger, outline, vault, spans, jobs, short=short)

    monkeypatch.setattr(running, "parts_elsewhere", counting)
    monkeypatch.setattr(running, "MANY", many)
    monkeypatch.setattr(running, "_PARTS_PER_START", 1)
    monkeypatch.setattr("os.cpu_count", lambda: 2)

    assert audit_files(files, how=How(jobs=None, part=128 * 2)).faults == []
    assert asked[-1] == processes
