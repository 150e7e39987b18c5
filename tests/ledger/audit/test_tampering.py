"""Any change to any stored value in the ledger database is found, without keys, and nothing stops the audit.

Source: LEDGER.md 9, P5. The changes are generated from the schema: a table or column that is added
is tampered with here from then on.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger import database
from ledger.audit import How, Report, audit_files
from ledger.domain.base import PRIVATE
from ledger.domain.registry import EVENTS
from ledger.encoding.msgpack import pack, unpack
from ledger.encoding.strict_json import b64url, canonical, parse, unb64url
from ledger.files import LedgerFiles
from ledger.log.merkle import node_hash, root_of
from ledger.store.sqlite import APPEND_ONLY, SCHEMA
from tests.ledger.audit.houses import a_ledger_of_everything
from tests.ledger.audit.tampering import (
    Bench,
    Change,
    Column,
    columns,
    row_changes,
    tables,
    unlocked,
    value_changes,
)
from tests.support.ledgers import House


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A ledger with something in every table: over 256 records, four checkpoints, a loss, a witness."""
    made = a_ledger_of_everything(tmp_path_factory.mktemp("ledger"))
    assert audit_files(made.files).faults == []
    return made


@pytest.fixture
def bench(house: House, tmp_path: Path) -> Bench:
    """A copy of its database to tamper with."""
    return Bench(house.files.ledger, tmp_path)


def _audited(house: House, bench: Bench, *, short: bool = True) -> Report:
    """Audit the copy, against the anchor of the original."""
    return audit_files(LedgerFiles(bench.path.parent, house.files.anchor), how=How(short=short))


def _undetected(house: House, bench: Bench, changes: list[Change]) -> list[str]:
    """Return the changes that went through and were not found, or on which the two ways disagree.

    The short way is through records; one change in six is also looked at the plain way.
    """
    missed, made = [], 0
    for change in changes:
        if bench.apply(change):
            made += 1
            report = _audited(house, bench)
            if report.ok:
                missed.append(change.words)
            elif made % 6 == 0 and report.faults != _audited(house, bench, short=False).faults:
                missed.append(f"the plain way says something else: {change.words}")
            bench.restore()
    assert made, "nothing was changed, so nothing is shown"
    return missed


def _cases(house: House, of: Column | str) -> list[Change]:
    connection = database.connect(house.files.ledger)
    try:
        return value_changes(connection, of) if isinstance(of, Column) else row_changes(connection, of)
    finally:
        connection.close()


@pytest.mark.parametrize("column", columns(), ids=lambda column: f"{column.table}.{column.name}")
def test_a_changed_value_is_found(house: House, bench: Bench, column: Column) -> None:
    """Flipped, shortened, lengthened, swapped with another row's, or garbage of every kind the type takes."""
    assert _undetected(house, bench, _cases(house, column)) == []


@pytest.mark.parametrize("table", tables())
def test_a_row_taken_away_or_put_in_is_found(house: House, bench: Bench, table: str) -> None:
    """Any row deleted, all of them, or one there twice under another key.

    One cosignature of several by the same witness may be taken away: that is evidence less, and
    nothing says that it was there.
    """
    missed = _undetected(house, bench, _cases(house, table))

    assert [one for one in missed if not one.startswith("delete from cosignature where")] == []


def test_the_ledger_has_rows_in_every_table(house: House) -> None:
    """Otherwise the tests above would show less than they say."""
    connection = database.connect(house.files.ledger)
    counts = {table: connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0] for table in tables()}  # noqa: S608
    connection.close()

    assert min(counts.values()) >= 1
    assert counts["record"] > 256
    assert counts["checkpoint"] >= 3
    assert counts["cosigner"] == 2
    assert counts["cosignature"] >= 4
    assert counts["head"] == 1


@pytest.mark.parametrize("short", [True, False])
def test_a_row_counted_from_the_end_is_found(house: House, bench: Bench, *, short: bool) -> None:
    """Row 3 of 53 written as -50: to a careless reader the very same statement."""
    rows = "(SELECT length(leaf_hashes) / 32 FROM submission WHERE number = record.submission)"
    assert bench.apply(Change("from the end", (f"UPDATE record SET row = row - {rows} WHERE position = 20",)))  # noqa: S608

    faults = _audited(house, bench, short=short).faults

    assert [(fault.code, fault.where) for fault in faults] == [("submission", "record 20")]


# ------------------------------------------------------------------ changes that fit together


def _rewrite(bench: Bench, table: str, column: str, change: Callable[[Any], Any], where: str) -> None:
    """Replace a value by what a function makes of it."""
    with unlocked(bench.path) as connection:
        (value,) = connection.execute(f"SELECT {column} FROM {table} WHERE {where}").fetchone()  # noqa: S608
        connection.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (change(value),))  # noqa: S608


def _found_both_ways(house: House, bench: Bench) -> set[tuple[str, str]]:
    """Return code and place of what is found; the short and the plain way say the same."""
    found, plain = _audited(house, bench).faults, _audited(house, bench, short=False).faults
    assert found == plain
    return {(fault.code, fault.where) for fault in found}


def _first_citing(bench: Bench, number: int) -> str:
    connection = database.connect(bench.path)
    (position,) = connection.execute(
        "SELECT MIN(position) FROM record WHERE submission = ?", (number,)
    ).fetchone()
    connection.close()
    return f"record {position}"


def _private_submissions(house: House) -> list[int]:
    """Return the numbers of the submissions that no public record carries a copy of."""
    connection = database.connect(house.files.ledger)
    rows = connection.execute(
        "SELECT DISTINCT submission, topic FROM record WHERE submission IS NOT NULL"
    ).fetchall()
    connection.close()
    return sorted({number for number, topic in rows if EVENTS[topic].PRIVACY is PRIVATE})


def test_another_signature_of_the_right_form_is_found(house: House, bench: Bench) -> None:
    """One sign of the signature changed, in every submission whose token stands nowhere else."""
    for number in _private_submissions(house):
        _rewrite(bench, "submission", "jws", _other_signature, f"number = {number}")

        assert ("signature", _first_citing(bench, number)) in _found_both_ways(house, bench), number
        bench.restore()


def _other_signature(token: str) -> str:
    head, _, signature = token.rpartition(".")
    return f"{head}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"


def test_another_payload_under_the_same_signature_is_found(house: House, bench: Bench) -> None:
    """The time it was made: nothing else in the ledger knows it."""
    number = _private_submissions(house)[-1]

    def later(token: str) -> str:
        head, body, signature = token.split(".")
        payload = parse(unb64url(body), size_max_bytes=4096)
        return f"{head}.{b64url(canonical({**payload, 'iat': payload['iat'] + 1}))}.{signature}"

    _rewrite(bench, "submission", "jws", later, f"number = {number}")

    assert ("signature", _first_citing(bench, number)) in _found_both_ways(house, bench)


def test_inner_nodes_in_place_of_leaves_are_found(house: House, bench: Bench) -> None:
    """Half as many hashes with the very same root: a tree does not say by itself how many leaves it has."""
    number = _private_submissions(house)[0]

    def folded(leaves: bytes) -> bytes:
        pairs = [leaves[at : at + 64] for at in range(0, len(leaves), 64)]
        nodes = [node_hash(pair[:32], pair[32:]) if len(pair) == 64 else pair for pair in pairs]
        assert root_of(nodes) == root_of([leaves[at : at + 32] for at in range(0, len(leaves), 32)])
        return b"".join(nodes)

    _rewrite(bench, "submission", "leaf_hashes", folded, f"number = {number}")

    assert ("submission", _first_citing(bench, number)) in _found_both_ways(house, bench)


def test_a_byte_moved_from_one_commitment_to_the_next_is_found(house: House, bench: Bench) -> None:
    """Hashed one after the other they give the same entry; each must have its own 32 bytes."""

    def moved(state: bytes) -> bytes:
        opened, claims, sealed_commit, sealed = unpack(state)
        return pack([opened, claims[:-1], claims[-1:] + sealed_commit, sealed])

    _rewrite(bench, "record", "state", moved, "position = 30")

    assert ("state", "record 30") in _found_both_ways(house, bench)


def test_another_spelling_of_the_same_values_is_found(house: House, bench: Bench) -> None:
    """The outer array written longer than it need be: the entry is the same, the bytes are not canonical."""

    def longer(state: bytes) -> bytes:
        assert state[0] == 0x94, "an array of four in its shortest form"
        return b"\xdc\x00\x04" + state[1:]

    _rewrite(bench, "record", "state", longer, "position = 30")

    assert _found_both_ways(house, bench) == {("encoding", "record 30")}


SCHEMA_CHANGES = {
    **{
        f"no trigger on {table} against {verb}": f"DROP TRIGGER {table}_is_never_{verb}d"
        for table in APPEND_ONLY
        for verb in ("update", "delete")
    },
    "no index over rows": "DROP INDEX record_row",
    "no index over streams": "DROP INDEX record_stream",
    "another index": "CREATE INDEX another ON record (topic)",
    "another table": "CREATE TABLE another (value INTEGER) STRICT",
    "another trigger": "CREATE TRIGGER another AFTER INSERT ON record BEGIN SELECT 1; END",
    "another view": "CREATE VIEW another AS SELECT position FROM record",
    "another column": "ALTER TABLE taken ADD COLUMN note TEXT",
}


@pytest.mark.parametrize("statement", SCHEMA_CHANGES.values(), ids=SCHEMA_CHANGES)
def test_an_altered_schema_is_found(house: House, bench: Bench, statement: str) -> None:
    """What forbids changes may not be taken away for a while, and nothing may be added unseen."""
    connection = database.connect(bench.path)
    connection.execute(statement)
    connection.close()

    assert "schema" in {fault.code for fault in _audited(house, bench).faults}


def test_how_the_schema_is_broken_into_lines_means_nothing(tmp_path: Path) -> None:
    """A ledger made by a version that wrote its statements on other lines is no finding."""
    connection = database.connect(tmp_path / "ledger.sqlite")
    connection.executescript(SCHEMA.replace(",\n", ",").replace(", ", ",\n     "))
    connection.close()

    assert audit_files(LedgerFiles(tmp_path)).faults == []
