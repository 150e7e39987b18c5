"""Looking in parts, by several processes, or only at what is newer: the same findings, or said to be fewer.

Source: LEDGER.md 7.
"""

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ledger import database
from ledger.audit import How, Report, audit_files
from ledger.audit.outline import read_outline
from ledger.audit.report import FAULTS_MAX
from ledger.audit.rows import open_for_audit
from ledger.audit.tree import TreeChecks
from ledger.audit.workers import parts_elsewhere
from ledger.errors import Corrupt, Unavailable
from ledger.files import LedgerFiles
from ledger.log.merkle import Frontier, leaf_hash
from ledger.log.tiles import TILE_WIDTH
from ledger.privacy.epoch import load_epoch_keys
from ledger.privacy.vault import Vault
from ledger.store.recorder import full_tiles, tile_root
from ledger.store.sqlite import SCHEMA
from tests.ledger.audit.tampering import Bench, Change
from tests.support.ledgers import PASSPHRASE, PROVIDER_KEY, House, a_full_ledger, people, statement
from tests.support.world import ANA, an_award

ALONE, TOGETHER = How(part=TILE_WIDTH, jobs=1), How(part=TILE_WIDTH, jobs=3)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A closed ledger of three tiles, whose middle checkpoint lies within the second."""
    made = a_full_ledger(tmp_path_factory.mktemp("ledger"), [ANA, *people(60)])
    made.clock.advance(timedelta(minutes=1))
    said = {"award": _award_of(made), "reason": "issued_in_error", "effective_on": "2026-11-22"}
    again = {**an_award(ANA), "who": {**an_award(ANA)["who"], "row_ref": "again"}}
    made.must(PROVIDER_KEY, [statement("award.revoked", **said)])
    made.must(PROVIDER_KEY, [statement("microcredential.awarded", **again)])
    made.register(*people(250, first=500))
    made.publish()
    made.close()
    return made


def _award_of(house: House) -> Any:
    learner = house.ledger.vault.people([ANA.nsn])[ANA.nsn].learner_id
    key = learner.bytes + b"6022"
    return house.ledger.store.taken("award", [key])[key].originator_id


@pytest.fixture
def bench(house: House, tmp_path: Path) -> Bench:
    """A copy of its database to tamper with."""
    return Bench(house.files.ledger, tmp_path)


@contextmanager
def _vault(house: House) -> Iterator[Vault]:
    vault = Vault(house.files.vault, load_epoch_keys(house.files.epoch, PASSPHRASE))
    try:
        yield vault
    finally:
        vault.close()


def _files(house: House, bench: Bench) -> LedgerFiles:
    return LedgerFiles(bench.path.parent, house.files.anchor)


def _all_ways(house: House, bench: Bench) -> Report:
    """Return what is found with keys, after checking that processes and parts make no difference."""
    with _vault(house) as vault:
        files = _files(house, bench)
        whole, alone, together = (audit_files(files, vault, how) for how in (How(), ALONE, TOGETHER))
    assert alone == together
    # In larger parts the order is another: what the tree says comes first in each.
    assert whole.as_json() | {"findings": 0} == alone.as_json() | {"findings": 0}
    assert set(whole.faults) == set(alone.faults) or whole.more
    return together


BROKEN = (
    "UPDATE submission SET jws = substr(jws, 2) WHERE number ="
    " (SELECT submission FROM record WHERE position = 256)"
)
OVERFLOW = "UPDATE record SET entry = randomblob(33), leaf = randomblob(32), state = x'93'"
TAMPERINGS: dict[str, tuple[str, ...]] = {
    "nothing": (),
    "a submission whose records lie in two parts": (BROKEN,),
    "records, keys, tiles, values that are taken": (
        "UPDATE record SET state = randomblob(60) WHERE position IN (4, 6, 20, 257, 300, 513)",
        "UPDATE record SET topic = CAST(x'ff' AS TEXT) WHERE position IN (5, 256)",
        "UPDATE record SET recorded_at_us = 0 WHERE position IN (255, 400)",
        "UPDATE tile SET hashes = zeroblob(8192) WHERE number = 1",
        "DELETE FROM taken WHERE position % 7 = 0",
        "UPDATE record SET submission = 999 WHERE position IN (100, 300)",
    ),
    "rows put in and taken away": (
        "DELETE FROM record WHERE position IN (3, 200, 511, 512)",
        "UPDATE record SET position = -5 WHERE position = 100",
        "UPDATE record SET position = 9223372036854775807 WHERE position = 300",
    ),
    "more than can be told": (OVERFLOW,),
}


@pytest.mark.parametrize("statements", TAMPERINGS.values(), ids=TAMPERINGS)
def test_several_processes_find_what_one_does(
    house: House, bench: Bench, statements: tuple[str, ...]
) -> None:
    """In parts, by three processes or all at once by one: every finding and every count is the same."""
    if statements:
        assert bench.apply(Change("", statements))

    report = _all_ways(house, bench)

    assert report.ok is (not statements)
    assert len(report.faults) <= FAULTS_MAX
    assert (report.more > 0) is (OVERFLOW in statements)


def test_a_submission_that_does_not_hold_is_said_once(house: House, bench: Bench) -> None:
    """Its records lie in two parts, and each of them finds it."""
    assert bench.apply(Change("", (BROKEN,)))

    found = _all_ways(house, bench).faults

    assert [fault.where for fault in found if fault.code in ("malformed", "E909")] == ["record 252"]


def test_a_process_that_ends_early_is_no_finding(house: House) -> None:
    """Nobody knows what it would have found: the audit says so, and does not say that all is well."""
    connection = open_for_audit(house.files.ledger)
    outline = read_outline(connection)
    connection.close()

    spans = outline.spans(TILE_WIDTH)
    with parts_elsewhere(house.files.ledger, outline, None, spans, 2, short=True) as parts:
        for process in multiprocessing.active_children():
            process.kill()
            process.join()

        with pytest.raises(Unavailable, match="ended before"):
            list(parts)


def test_what_stops_a_process_is_raised_here(house: House, tmp_path: Path) -> None:
    """A file that cannot be read is the same elsewhere as here."""
    connection = open_for_audit(house.files.ledger)
    outline = read_outline(connection)
    connection.close()
    (tmp_path / "ledger.sqlite").write_bytes(b"this is no database, and long enough to be seen as none" * 9)

    with (
        parts_elsewhere(
            tmp_path / "ledger.sqlite", outline, None, outline.spans(TILE_WIDTH), 1, short=True
        ) as parts,
        pytest.raises(database.DatabaseError),
    ):
        list(parts)


def test_what_is_recorded_meanwhile_is_for_the_next_audit(house: House, bench: Bench) -> None:
    """A record put in after the outline was read belongs to no part."""
    connection = database.connect(bench.path)
    outline = read_outline(connection)
    size = outline.size
    connection.execute(
        "INSERT INTO record SELECT position + 1, stream, version + 1, topic, state, recorded_at_us, entry,"
        " leaf, NULL, NULL, NULL FROM record WHERE position = ?",
        (size,),
    )
    connection.close()

    assert outline.spans(TILE_WIDTH)[-1].last == size
    assert not audit_files(_files(house, bench)).ok


def test_progress_is_told_part_by_part(house: House) -> None:
    """As many times as there are parts, up to all of them."""
    told: list[tuple[int, int]] = []
    how = How(part=TILE_WIDTH, progress=lambda done, total: told.append((done, total)))

    size = audit_files(house.files, how=how).records

    assert told == [(256, size), (512, size), (size, size)]


# ------------------------------------------------------------------ only what is newer


def _since(house: House, bench: Bench, since: int = 320) -> Report:
    with _vault(house) as vault:
        return audit_files(_files(house, bench), vault, How(since=since))


def test_since_looks_at_what_is_newer_and_says_so(house: House, bench: Bench) -> None:
    """From the tile of the newest checkpoint of at most so many records; an award from before is revoked."""
    report = _since(house, bench)

    assert report.faults == []
    assert (report.since, report.skipped) == (312, 256)
    assert report.records == 564 - 256
    assert report.checkpoints == 2
    assert "records 1 to 256 " in (report.not_looked_at or "")


@pytest.mark.parametrize("since", [0, 1, 311])
def test_since_before_there_is_such_a_checkpoint_looks_at_everything(
    house: House, bench: Bench, since: int
) -> None:
    """None of at most so many records, or one within the first tile: there is nothing to skip."""
    report = _since(house, bench, since)

    assert (report.ok, report.records, report.since, report.not_looked_at) == (True, 564, None, None)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("UPDATE record SET state = x'90' WHERE position = 530", True),
        ("UPDATE record SET state = x'90' WHERE position = 300", True),
        ("UPDATE record SET state = x'90' WHERE position = 253", False),
        ("UPDATE taken SET key = randomblob(20) WHERE position = 530 AND kind = 'row'", True),
        ("UPDATE taken SET key = randomblob(20) WHERE position = 253 AND kind = 'row'", False),
        ("UPDATE tile SET hashes = randomblob(8192) WHERE level = 0 AND number = 0", True),
        ("UPDATE tile SET hashes = randomblob(8191) WHERE level = 0 AND number = 0", True),
        ("DELETE FROM tile WHERE level = 0 AND number = 0", True),
        ("UPDATE checkpoint SET note = note || 'x' WHERE number = 3", True),
        ("UPDATE checkpoint SET note = note || 'x' WHERE number = 2", True),
        ("UPDATE checkpoint SET note = note || 'x' WHERE number = 1", False),
        ("UPDATE record SET version = 7 WHERE position = 530", True),
        ("UPDATE head SET authority = authority + 1", True),
    ],
)
def test_since_finds_what_is_wrong_with_what_it_looks_at(
    house: House, bench: Bench, change: str, *, found: bool
) -> None:
    """Newer records, their values, tiles, checkpoints, and what it begins with; a whole audit finds all."""
    assert bench.apply(Change("", (change,)))

    assert _since(house, bench).ok is not found
    assert not audit_files(_files(house, bench)).ok


def test_since_several_processes_find_what_one_does(house: House, bench: Bench) -> None:
    """Both ways of looking at less go together."""
    assert bench.apply(Change("", TAMPERINGS["records, keys, tiles, values that are taken"]))
    with _vault(house) as vault:
        one, other = (
            audit_files(_files(house, bench), vault, How(since=320, part=TILE_WIDTH, jobs=jobs))
            for jobs in (1, 2)
        )

    assert one == other
    assert not one.ok


def test_a_tree_goes_on_from_tiles_of_every_level() -> None:
    """From 65 792 leaves on, one tile of level 1 full and one begun: the same roots as from the first."""
    entries = [str(number).encode() for number in range(66_300)]
    leaves = list(map(leaf_hash, entries))
    connection = database.in_memory()
    connection.executescript(SCHEMA)
    tiles: dict[tuple[int, int], bytes] = {}

    def hashes(level: int, number: int) -> list[bytes]:
        first = number * TILE_WIDTH
        if level == 0:
            return leaves[first : first + TILE_WIDTH]
        return [tile_root(tiles[level - 1, below]) for below in range(first, first + TILE_WIDTH)]

    for level, number, tile in full_tiles(0, len(leaves), hashes):
        tiles[level, number] = tile
        connection.execute("INSERT INTO tile VALUES (?,?,?)", (level, number, tile))
    begin = 65_792
    report = Report()
    later = TreeChecks(connection, report, [66_000, 66_300], begin=begin)
    newer = zip(entries[begin:], leaves[begin:], strict=True)
    later.take([(position, entry, leaf, 0, None) for position, (entry, leaf) in enumerate(newer, begin + 1)])
    later.finish()

    plain = Frontier()
    plain.extend(leaves[:66_000])
    assert later.roots[66_000] == plain.root()
    plain.extend(leaves[66_000:])
    assert later.roots[66_300] == plain.root()
    assert {one.code for one in report.faults} == {"head"}, "this database has no records"
    connection.executescript("DROP TRIGGER tile_is_never_deleted; DELETE FROM tile WHERE level = 1")
    with pytest.raises(Corrupt, match="tile 1/0"):
        TreeChecks(connection, Report(), [], begin=begin)
