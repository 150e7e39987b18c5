"""Cosignatures that are kept, one mutation each, and what their times say of when records were recorded.

Source: LEDGER.md 7; C2SP tlog-cosignature.
"""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import database
from ledger.audit import audit_files
from ledger.audit.cosignatures import BEFORE_MAX_US, SECOND_US, Bounds
from ledger.cosigning import Cosigning
from ledger.files import LedgerFiles
from ledger.keys.signer import MemorySigner
from ledger.log.cosignature import Ed25519Cosigner
from ledger.log.note import format_signature, note_signature, parse_note, vkey_of_signer
from ledger.publisher import Publisher
from tests.ledger.audit.tampering import Bench, Change
from tests.support.ledgers import House, a_ledger
from tests.support.witnessing import Network, witnessed_publisher

NAME = "w9.example"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A closed ledger with three checkpoints, each cosigned by two witnesses with both their keys."""
    folder = tmp_path_factory.mktemp("witnessed")
    made = a_ledger(folder / "ledger")
    network = Network(folder, made, 2)
    publisher = witnessed_publisher(made, network, enough=2)
    for number in range(95100, 95103):
        made.clock.advance(timedelta(minutes=1))
        made.organisation(number)
        publisher.publish()
    network.close()
    made.close()
    report = audit_files(made.files)
    assert (report.faults, report.cosignatures) == ([], 12)
    return made


@pytest.fixture
def bench(house: House, tmp_path: Path) -> Bench:
    """A copy of its database to tamper with."""
    return Bench(house.files.ledger, tmp_path)


def _found(house: House, bench: Bench, *statements: str) -> dict[str, str]:
    """Return where something is found after a change, and what; nothing but cosignatures is touched."""
    assert bench.apply(Change("", statements))
    faults = audit_files(LedgerFiles(bench.path.parent, house.files.anchor)).faults
    assert {fault.code for fault in faults} <= {"cosignature"}
    return {fault.where: fault.what for fault in faults}


def _note(bench: Bench, number: int) -> str:
    connection = database.connect(bench.path)
    (note,) = connection.execute("SELECT note FROM checkpoint WHERE number = ?", (number,)).fetchone()
    connection.close()
    return str(note)


_LINE_OF = (
    "UPDATE cosignature SET line = (SELECT c.line FROM cosignature c WHERE c.checkpoint = {}"
    " AND c.cosigner = {}) WHERE checkpoint = 2 AND cosigner = 1"
)
MUTATIONS: dict[str, tuple[str, str, str]] = {
    "another second": (
        "UPDATE cosignature SET timestamp_s = timestamp_s - 1 WHERE checkpoint = 2 AND cosigner = 1",
        "cosignature 2/1",
        "another time",
    ),
    "the line over another checkpoint": (
        _LINE_OF.format(1, 1),
        "cosignature 2/1",
        "does not hold",
    ),
    "the line of another witness": (
        _LINE_OF.format(2, 3),
        "cosignature 2/1",
        "has not signed",
    ),
    "two lines": (
        "UPDATE cosignature SET line = line || line WHERE checkpoint = 2 AND cosigner = 1",
        "cosignature 2/1",
        "one signature line",
    ),
    "a line without its end": (
        "UPDATE cosignature SET line = rtrim(line, char(10)) WHERE checkpoint = 2 AND cosigner = 1",
        "cosignature 2/1",
        "does not hold",
    ),
    "a checkpoint that is not there": (
        "UPDATE cosignature SET checkpoint = 77 WHERE checkpoint = 3 AND cosigner = 1",
        "cosignature 77/1",
        "is not there",
    ),
    "a cosigner that is not there": (
        "UPDATE cosignature SET cosigner = 77 WHERE checkpoint = 3 AND cosigner = 1",
        "cosignature 3/77",
        "its cosigner is not there",
    ),
}


@pytest.mark.parametrize(("statement", "where", "what"), MUTATIONS.values(), ids=MUTATIONS)
def test_a_changed_cosignature_is_found(
    house: House, bench: Bench, statement: str, where: str, what: str
) -> None:
    """It is named by checkpoint and cosigner, and what is wrong with it is said."""
    found = _found(house, bench, statement)

    assert list(found) == [where]
    assert what in found[where]


def test_a_cosigner_without_a_cosignature_is_found(house: House, bench: Bench) -> None:
    """All that a witness gave taken away: what is left of it says so."""
    assert list(_found(house, bench, "DELETE FROM cosignature WHERE cosigner = 2")) == ["cosigner 2"]


def _kept(vkey: str, line: str, timestamp_s: int) -> tuple[str, str]:
    return (
        f"INSERT INTO cosigner VALUES (9, '{vkey}')",  # noqa: S608 - a test's own
        f"INSERT INTO cosignature VALUES (1, 9, {timestamp_s}, '{line}')",  # noqa: S608 - a test's own
    )


def _the_log_itself(house: House, bench: Bench) -> tuple[str, str]:
    """The log's second signature, which looks like a cosignature, under its own key."""
    vkey = house.ledger.founding.log_keys[1]
    line = next(one for one in parse_note(_note(bench, 1).encode()).signatures[1:])
    return _kept(vkey, format_signature(line), int.from_bytes(line.blob[:8], "big"))


def _a_log_key(_house: House, bench: Bench) -> tuple[str, str]:
    """A signature of the kind that logs give, without a time."""
    signer = MemorySigner.generate()
    text = parse_note(_note(bench, 1).encode()).text
    key = vkey_of_signer(NAME, signer)
    return _kept(str(key), format_signature(note_signature(text, NAME, signer)), 0)


def _two_names(house: House, bench: Bench) -> tuple[str, ...]:
    """One key under two names: two witnesses, for whoever counts names."""
    signer = MemorySigner.generate()
    text = parse_note(_note(bench, 1).encode()).text.encode()
    at_s = house.clock.now_us() // SECOND_US
    made: list[str] = []
    for number, name in ((9, NAME), (10, f"other.{NAME}")):
        cosigner = Ed25519Cosigner(name, signer)
        made += [
            one.replace("(9,", f"({number},").replace("(1, 9,", f"(1, {number},")
            for one in _kept(str(cosigner.vkey), format_signature(cosigner.cosign(text, at_s)), at_s)
        ]
    return tuple(made)


STRANGERS: dict[str, tuple[Callable[[House, Bench], tuple[str, ...]], str]] = {
    "the log itself": (_the_log_itself, "cosigner 9"),
    "a key of a log": (_a_log_key, "cosigner 9"),
    "one key twice": (_two_names, "cosigner 10"),
}


@pytest.mark.parametrize(("stranger", "where"), STRANGERS.values(), ids=STRANGERS)
def test_who_is_no_witness_is_found(
    house: House, bench: Bench, stranger: Callable[[House, Bench], tuple[str, ...]], where: str
) -> None:
    """Signatures that hold, by keys that cannot be those of another witness."""
    house.reopen()

    found = _found(house, bench, *stranger(house, bench))

    house.close()
    assert where in found
    assert {where, f"cosignature 1/{where.split()[1]}"} == set(found)


# ------------------------------------------------------------------ when records were recorded


@pytest.fixture
def watched(tmp_path: Path) -> tuple[House, Publisher, Network]:
    """An open ledger whose witness has cosigned it twice, an hour apart."""
    made = a_ledger(tmp_path / "ledger")
    network = Network(tmp_path, made)
    publisher = witnessed_publisher(made, network, enough=1)
    publisher.publish()
    made.organisation(95100)
    made.clock.advance(timedelta(hours=1))
    publisher.publish()
    return made, publisher, network


def test_a_record_dated_back_is_found(watched: tuple[House, Publisher, Network]) -> None:
    """The clock was put back by nearly an hour: no instant goes back, and a witness saw the log since."""
    house, _, _ = watched
    house.clock.advance(timedelta(minutes=-59))
    house.organisation(95101)

    assert _faults(house) == [("time-bounds", f"record {house.size()}")]


@pytest.mark.parametrize(("earlier_us", "found"), [(0, 0), (1, 1)])
def test_a_record_may_be_older_than_the_last_log_without_it(
    watched: tuple[House, Publisher, Network], earlier_us: int, found: int
) -> None:
    """By two intervals of publishing and five minutes, and by no more."""
    house, _, _ = watched
    house.clock.advance(timedelta(microseconds=-BEFORE_MAX_US - earlier_us))
    house.organisation(95101)

    assert _faults(house) == [("time-bounds", f"record {house.size()}")] * found


@pytest.mark.parametrize(("behind_s", "found"), [(0, 0), (1, 1)])
def test_a_record_dated_later_than_a_witness_saw_it_is_found(
    watched: tuple[House, Publisher, Network], behind_s: int, found: int
) -> None:
    """The second in which the first witness saw it is the last in which it can have been recorded."""
    house, publisher, network = watched
    house.clock.advance(timedelta(minutes=1, milliseconds=500))
    house.organisation(95101)
    house.clock.advance(timedelta(seconds=-1))
    (witness,) = network.witnesses.values()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(witness, "_clock", _Behind(house, behind_s - 1))
        # A log that looks at such times keeps none that accuses it; this one has kept what it was given.
        patch.setattr(Cosigning, "_check_time", lambda *_: None)
        publisher.publish()

    assert _faults(house) == [("time-bounds", f"record {house.size()}")] * found


class _Behind:
    """A clock that is some seconds behind another."""

    def __init__(self, house: House, seconds: int) -> None:
        self._house, self._seconds = house, seconds

    def now_us(self) -> int:
        return self._house.clock.now_us() - self._seconds * SECOND_US


def _faults(house: House) -> list[tuple[str, str]]:
    return [(fault.code, fault.where) for fault in house.audit(with_keys=False).faults]


@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(0, 100)), max_size=12),
    st.integers(0, 41),
)
def test_bounds_are_those_of_every_cosignature_looked_at(seen: list[tuple[int, int]], position: int) -> None:
    """The plain twin: the first of all cosignatures with the record, the last of all without it."""
    bounds = Bounds(seen)

    after = [at for size, at in seen if size >= position]
    before = [at for size, at in seen if size < position]
    assert bounds.latest_us(position) == (min(after) + 1) * SECOND_US if after else 2**63
    assert bounds.earliest_us(position) == (max(before) * SECOND_US - BEFORE_MAX_US if before else -(2**63))


def test_all_ways_to_look_find_the_same(house: House, bench: Bench) -> None:
    """Instants in the batch of which one does not fit are looked at one by one."""
    found: list[Any] = []
    for change in ("- 1800000000", "+ 1800000000"):
        assert bench.apply(
            Change("", (f"UPDATE record SET recorded_at_us = recorded_at_us {change} WHERE position = 4",))  # noqa: S608
        )
        faults = audit_files(LedgerFiles(bench.path.parent, house.files.anchor)).faults
        found.append({fault.code for fault in faults if fault.where == "record 4"})
        bench.restore()

    assert found == [{"recorded-at", "time-bounds", "entry"}, {"time-bounds", "entry"}]
