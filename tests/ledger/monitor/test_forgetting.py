"""What was found stays in the memory of a monitor until somebody has been told."""

import json
from pathlib import Path
from typing import Any

import pytest

from ledger.application import Consequence
from ledger.clock import microseconds
from ledger.domain.status_list import StatusListChanged
from ledger.errors import Corrupt
from ledger.ids import public_id
from ledger.keys.signer import MemorySigner
from ledger.log.note import VerifierKey
from ledger.log.policy import parse_policy
from ledger.monitor.entries import parse_entry
from ledger.monitor.findings import FINDINGS_MAX, Findings
from ledger.monitor.source import folder
from ledger.monitor.state import Memory, Untold
from ledger.monitor.statuses import Served, StatusList
from ledger.monitor.trusted import Trusted
from ledger.monitor.watching import Watch
from tests.ledger.monitor.forging import changed, entries_of, entry_of, trusted, write_log
from tests.support.ledgers import House
from tests.support.world import MIDDAY, PROVIDER


def _codes(watch: Watch) -> list[str]:
    return [one.code for one in watch.result.findings.found]


def _watch(house: House, state: Path) -> Watch:
    return Watch(state, trusted(house), frozenset([str(PROVIDER)]))


@pytest.fixture
def lying(house: House, tmp_path: Path) -> Path:
    """A log whose last record nobody can have said, after some that are news."""
    house.publish()
    entries = entries_of(house)
    parsed = [(at, parse_entry(entry)) for at, entry in enumerate(entries, 1)]
    (role, *_) = (one.event(at) for at, one in parsed if one and one.topic == "organisation.role_granted")
    forged = changed(role, originator_version=9, role="ssb", as_of=len(entries))
    write_log(tmp_path / "log", [*entries, entry_of(forged, microseconds(MIDDAY))], house.files)
    return tmp_path / "log"


def test_what_was_not_told_is_told_again(house: House, lying: Path, tmp_path: Path) -> None:
    """A look that ends after the checkpoint is kept and before anybody is told: the next one says it all."""
    state = tmp_path / "state.json"
    first = _watch(house, state)
    first.advance(folder(lying))
    assert (_codes(first), len(first.result.news)) == (["ruling"], 4)

    second = _watch(house, state)
    second.advance(folder(lying))
    second.told()
    third = _watch(house, state)
    third.advance(folder(lying))

    assert second.result.findings.found == first.result.findings.found
    assert second.result.news == first.result.news
    assert second.result.size_before == first.memory.state.checkpoint.size  # type: ignore[union-attr]
    assert (_codes(third), third.result.news) == ([], [])


def test_what_still_is_so_is_told_once(house: House, tmp_path: Path) -> None:
    """A finding that was not told, and is found again, stands there once."""
    policy = "".join(f"log {vkey}\n" for vkey in house.ledger.founding.log_keys)
    known = "".join(f"witness w{n} {vkey}\n" for n, vkey in enumerate(_witness_keys()))
    asked = Trusted(policy=parse_policy(f"{policy}{known}quorum w0\n"))
    for _ in range(3):
        watch = Watch(tmp_path / "state.json", asked, frozenset())
        watch.advance(folder(house.files.anchor))

        assert _codes(watch) == ["quorum"]


def _witness_keys() -> list[str]:
    key = MemorySigner.generate().public_key().public_bytes_raw()
    return [str(VerifierKey("witness.example/w", 4, key))]


def test_a_finding_about_a_status_list_is_kept_too(house: House, tmp_path: Path) -> None:
    """Bits that were not in force, seen by a look that was cut off, are told by the next."""
    fields = {"issuer": PROVIDER, "status_list": 1, "bits_sha256": bytes(32), "as_at": house.size()}
    house.ledger.note([Consequence(public_id("status_list", PROVIDER, 1), StatusListChanged, fields)])
    house.publish()
    log = folder(house.files.anchor)
    first = _watch(house, tmp_path / "state.json")
    first.advance(log)

    def fetch(_one: StatusList) -> Served:
        return Served("2026-11-22T00:00:00Z", bytes([1]) * 32)

    first.judge_statuses(log, fetch)

    assert _codes(_watch(house, tmp_path / "state.json")) == ["status-bits"]


def test_what_is_untold_has_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much is found, the state can be read again: what has no room is counted."""
    monkeypatch.setattr("ledger.monitor.state._UNTOLD_MAX_BYTES", 10_000)
    findings = Findings()
    for number in range(FINDINGS_MAX + 7):
        findings.add("entry-form", f"record {number}", "x" * 100_000)
    assert max(len(one.what) for one in findings.found) < 3000
    memory = Memory(tmp_path / "state.json")

    memory.keep("", Untold(findings.found, findings.more, []))

    again = Memory(tmp_path / "state.json").state.untold
    assert again.findings == findings.found[: len(again.findings)]
    assert (len(again.findings) > 0, len(again.findings) + again.more) == (True, FINDINGS_MAX + 7)


@pytest.mark.parametrize(
    "untold",
    [
        None,
        {"findings": [], "news": []},
        {"findings": [{"code": "x"}], "news": [], "more": 0},
        {"findings": [{"code": "x", "where": 7, "what": ""}], "news": [], "more": 0},
        {"findings": [], "news": [{"position": "1"}], "more": 0},
        {"findings": [], "news": [], "more": "0"},
    ],
)
def test_a_damaged_account_of_the_untold_is_refused(tmp_path: Path, untold: Any) -> None:
    """A monitor does not go on from what it did not write."""
    state = tmp_path / "state.json"
    Memory(state).keep("", Untold())
    state.write_text(json.dumps({**json.loads(state.read_text()), "untold": untold}))

    with pytest.raises(Corrupt) as refused:
        Memory(state)
    assert refused.value.code == "state"
