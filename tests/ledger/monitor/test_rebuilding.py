"""The register comes out of the log alone, field by field; what a ledger serves otherwise is found."""

import json
from pathlib import Path
from typing import Any

import pytest

from ledger.application import Consequence
from ledger.domain.tail import TailLost
from ledger.errors import Corrupt
from ledger.founding import REGISTRAR
from ledger.ids import public_id
from ledger.log.checkpoint import parse_checkpoint
from ledger.log.note import parse_note
from ledger.monitor.authentic import AuthenticLog
from ledger.monitor.entries import parse_entry
from ledger.monitor.findings import Findings
from ledger.monitor.rebuilding import compare_registers, differences, rebuild, register_json
from ledger.monitor.source import LogSource, folder
from ledger.monitor.trusted import Trusted
from tests.ledger.monitor.forging import changed, entries_of, entry_of, trusted, write_log
from tests.support.ledgers import House, a_study_ledger, people, statement
from tests.support.world import PROVIDER


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A published ledger with some of everything on its register."""
    house = a_study_ledger(tmp_path_factory.mktemp("rebuilding"))
    house.register(*people(20))
    house.key("95001.keys", PROVIDER, "keys")
    house.must(
        REGISTRAR,
        [
            statement(
                "accreditation.ended",
                provider=PROVIDER,
                code="6022",
                ended_on="2026-06-30",
                reason="withdrawn",
            )
        ],
    )
    house.publish()
    return house


def test_the_register_of_the_log_is_the_ledgers_own(house: House) -> None:
    """Every field of every aggregate, and every key's positions, from public entries alone."""
    result = rebuild(folder(house.files.anchor), trusted(house))

    compare_registers(result.register, house.ledger.register_as_at(house.size()), result.findings)

    assert result.findings.ok, result.findings.found
    written = json.loads(json.dumps(result.as_json()))
    assert written["size"] == house.size()
    assert written["organisations"]["95001"]["roles"][0]["role"] == "provider"
    assert len(written["keys"]) == 2
    assert written["accreditations"]["95001/6022"]["grants"][0]["ended_on"] == "2026-06-30"


def test_nothing_personal_is_in_it(house: House) -> None:
    """Of what was said about learners the rebuilt register has nothing, and the log could not give it."""
    text = json.dumps(rebuild(folder(house.files.anchor), Trusted()).as_json())

    assert "Brook" not in text
    assert not any(one.nsn in text for one in people(20))


def test_the_register_as_at_a_position_before(house: House) -> None:
    """Asked for an earlier position, it is as it was then."""
    result = rebuild(folder(house.files.anchor), trusted(house), positions=(4, house.size()))

    assert register_json(result.registers[4]) == register_json(house.ledger.register_as_at(4))
    assert result.registers[house.size()] is result.register


def test_a_served_register_that_differs_is_found_where_it_does(house: House) -> None:
    """One value changed, one thing missing, one thing too many: three findings, each at its place."""
    result = rebuild(folder(house.files.anchor), trusted(house))
    lying = house.ledger.register_as_at(house.size()).fork()
    lying.edit_microcredential("6022", 1).level = 9
    lying.keys = {kid: key for kid, key in lying.keys.items() if key.purposes != frozenset({"keys"})}
    lying.edit_accreditation(PROVIDER, "6022").grants += ("more",)  # type: ignore[assignment]
    findings = Findings()

    compare_registers(result.register, lying, findings)

    assert [one.where.split(".")[0] for one in findings.found] == [
        "accreditations",
        "keys",
        "microcredentials",
    ]
    assert findings.found[2].where == "microcredentials.6022/1.level"
    assert findings.found[2].what == "the log says 4, served is 9"


def test_what_was_never_rightly_said_is_not_on_the_rebuilt_register(house: House, tmp_path: Path) -> None:
    """An operator who raised a level in the log is found, and the register keeps what the rules made."""
    entries = entries_of(house)
    for place, data in enumerate(entries):
        entry = parse_entry(data)
        if entry is not None and entry.topic == "microcredential.registered":
            event: Any = entry.event(place + 1)
            entries[place] = entry_of(changed(event, level=9), entry.recorded_at_us)
    write_log(tmp_path / "log", entries, house.files)

    result = rebuild(folder(tmp_path / "log"), trusted(house))

    assert [one.code for one in result.findings.found][:1] == ["ruling"]
    assert "level" in result.findings.found[0].what
    assert not result.register.microcredentials


def test_differences_tell_kinds_apart() -> None:
    """In JSON 1, true and "1" are three values, and nothing is a fourth."""
    assert [place for place, _ in differences({"a": 1, "b": 1, "c": 1}, {"a": True, "b": "1"})] == [
        "a",
        "b",
        "c",
    ]
    assert list(differences({"a": [1, {"b": None}]}, {"a": [1, {"b": None}]})) == []


def test_a_log_whose_tiles_lead_elsewhere_is_not_read(house: House) -> None:
    """Nothing is believed before it leads to the root: not the first entry, not a tile."""
    place = house.files.anchor
    inner = folder(place)
    checkpoint = AuthenticLog(inner, _checkpoint(house)).checkpoint

    def lying(path: str, size_max_bytes: int) -> bytes:
        data = bytearray(inner._fetch(path, size_max_bytes))
        if path.startswith("tile/0"):
            data[5] ^= 1
        return bytes(data)

    with pytest.raises(Corrupt) as refused:
        AuthenticLog(LogSource(lying, "lying"), checkpoint)
    assert refused.value.code == "root"


def _checkpoint(house: House) -> Any:
    return parse_checkpoint(parse_note((house.files.anchor / "checkpoint").read_bytes()).text.encode())


@pytest.mark.parametrize("lie", [False, True])
def test_a_loss_is_told_from_this_logs_own_tree(tmp_path: Path, *, lie: bool) -> None:
    """A record of a loss that names another tree than the log had at that size is found."""
    house = a_study_ledger(tmp_path)
    house.publish()
    first, last = 3, house.size()
    root = bytes(32) if lie else house.publisher().tree.root(last)
    lost = {"first": first, "last": last, "root": root, "lost": 0}
    house.ledger.note([Consequence(public_id("tail", first, last), TailLost, lost)])
    house.publish()

    found = rebuild(folder(house.files.anchor), trusted(house)).findings.found

    assert [one.code for one in found] == (["ruling-consequence"] if lie else [])
