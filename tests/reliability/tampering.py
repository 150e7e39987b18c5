"""Every column of every table: a bit flipped, two rows swapped; every table: a row deleted, a copy put in.

The columns are those that the schema names, so one that is added is tampered with from then on. Each change
is made to a ledger in which everything has happened that can, and an audit has to find it, without keys and
with them.

Source: LEDGER.md 9, P5.
"""
# ruff: noqa: S608 - tables and columns come from the schema

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

from ledger import database
from ledger.audit import audit_files
from ledger.database import Connection
from ledger.files import LedgerFiles
from ledger.privacy.vault import Vault
from tests.ledger.audit.houses import a_ledger_of_everything
from tests.ledger.audit.tampering import (
    Bench,
    Change,
    Column,
    columns,
    row_changes,
    some_rows,
    tables,
    value_changes,
)
from tests.reliability.harness import Campaign, Line, Setting, Trials
from tests.support.documents import spaced
from tests.support.ledgers import open_house

FLIP, SWAP, DELETE, INSERT = "a bit flipped", "two rows swapped", "a row deleted", "a copy of a row put in"
KINDS = (FLIP, SWAP, DELETE, INSERT)
WAYS = ("without keys", "with keys")
# Of several cosignatures of one witness one may be taken away: evidence less, and nothing says it was there.
EVIDENCE = "delete from cosignature where"


def every_change(connection: Connection, chance: Random) -> list[tuple[str, Change]]:
    """Return every change to the ledger database that `connection` reads, with its kind."""
    changes: list[tuple[str, Change]] = []
    for column in columns():
        swaps = [one for one in value_changes(connection, column) if " swapped between " in one.words]
        changes += [(FLIP, flip) for flip in _flips(connection, column, chance)]
        changes += [(SWAP, swap) for swap in swaps]
    for table in tables():
        rows = row_changes(connection, table)
        changes += [(DELETE if one.words.startswith("delete ") else INSERT, one) for one in rows]
    return changes


def _flips(connection: Connection, column: Column, chance: Random) -> Iterator[Change]:
    """Yield one bit flipped in a value of several rows; a value that is absent has none."""
    table, name = column.table, column.name
    for where in some_rows(connection, table):
        (held,) = connection.execute(f"SELECT CAST({name} AS BLOB) FROM {table} WHERE {where}").fetchone()
        if not held:
            continue
        if column.type == "INTEGER":
            literal = str(int(held) ^ (1 << chance.randrange(16)))
        else:
            at = chance.randrange(len(held))
            # Only the lowest bits of text: it stays text.
            flipped = bytes([*held[:at], held[at] ^ (1 << chance.randrange(4)), *held[at + 1 :]])
            literal = f"CAST(x'{flipped.hex()}' AS {column.type})"
        yield Change(
            f"a bit of {table}.{name} where {where}",
            (f"UPDATE {table} SET {name} = {literal} WHERE {where}",),
        )


def missed(bench: Bench, anchor: Path, vault: Vault, change: Change) -> list[str]:
    """Return what of a change that was made is not found: without keys, with keys."""
    files = LedgerFiles(bench.path.parent, anchor)
    keys = dict(zip(WAYS, (None, vault), strict=True))
    return [f"{change.words} is not found {way}" for way in WAYS if audit_files(files, keys[way]).ok]


def run(setting: Setting) -> list[Line]:
    """Make so many changes, drawn by the seed, of each kind, or all that there are."""
    chance = Random(setting.seed)
    closed = a_ledger_of_everything(setting.folder / "ledger")
    original = Path(shutil.copytree(closed.files.folder, setting.folder / "original"))
    house = open_house(closed.files.folder, closed.clock)
    connection = database.connect(house.files.ledger)
    changes = every_change(connection, chance)
    connection.close()
    (setting.folder / "bench").mkdir()
    bench = Bench(original / "ledger.sqlite", setting.folder / "bench")
    untouched = missed(bench, house.files.anchor, house.ledger.vault, Change("nothing", ()))
    assert len(untouched) == len(WAYS), "as long as nothing is changed, nothing is found"
    lines = []
    for kind in KINDS:
        of_kind = [change for one, change in changes if one == kind]
        if len(of_kind) > setting.trials:
            of_kind = chance.sample(of_kind, setting.trials)
        lines.append(_line(kind, of_kind, bench, house.files.anchor, house.ledger.vault, setting))
    house.close()
    return lines


def _line(
    kind: str, changes: Sequence[Change], bench: Bench, anchor: Path, vault: Vault, setting: Setting
) -> Line:
    trials, less = Trials("tampering"), 0
    for change in changes:
        if not bench.apply(change):
            continue  # the schema lets nobody do it
        not_found = missed(bench, anchor, vault, change)
        if not_found and change.words.startswith(EVIDENCE):
            less += 1
        else:
            trials.add(setting.seed, not_found)
        bench.restore()
    seen = f"each found, without keys and with them, in {len(columns())} columns of {len(tables())} tables"
    if less:
        seen += f"; {spaced(less)} cosignatures taken away, which nothing says were there"
    return trials.line(f"tampering: {kind}", seen)


TAMPERING = Campaign("tampering", "P5", run, trials=10_000)
