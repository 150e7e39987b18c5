"""Status lists that a ledger serves and never recorded: nobody holds their bits to anything."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.application import Consequence
from ledger.domain.status_list import StatusListChanged
from ledger.errors import Absent, LedgerError, Malformed, Unavailable
from ledger.ids import public_id
from ledger.monitor.source import folder
from ledger.monitor.statuses import Served, StatusList
from ledger.monitor.watching import Watch
from tests.ledger.monitor.forging import trusted
from tests.support.ledgers import House
from tests.support.world import PROVIDER

BITS = bytes(32)
MOMENT = "2026-11-22T00:00:00Z"


def _record(house: House, number: int) -> None:
    fields = {"issuer": PROVIDER, "status_list": number, "bits_sha256": BITS, "as_at": house.size()}
    house.ledger.note([Consequence(public_id("status_list", PROVIDER, number), StatusListChanged, fields)])
    house.publish()


def _look(
    house: House, state: Path, serve: Callable[[StatusList], Served]
) -> tuple[list[tuple[str, str]], list[StatusList]]:
    """Look once; return what was found, and which lists were asked for."""
    asked: list[StatusList] = []

    def fetch(one: StatusList) -> Served:
        asked.append(one)
        return serve(one)

    watch = Watch(state, trusted(house), frozenset())
    watch.advance(folder(house.files.anchor))
    watch.judge_statuses(folder(house.files.anchor), fetch, beyond=True)
    return [(one.code, one.where) for one in watch.result.findings.found], asked


def _everything(_one: StatusList) -> Served:
    return Served(MOMENT, BITS)


def test_a_list_that_no_record_knows_is_found(house: House, tmp_path: Path) -> None:
    """Before a provider's first list, between its lists, and after the newest."""
    none = _look(house, tmp_path / "none.json", _everything)
    _record(house, 1)
    _record(house, 3)

    some = _look(house, tmp_path / "some.json", _everything)

    assert none == ([("status-unrecorded", "status list 95001/1")], [(PROVIDER, 1)])
    assert some[0] == [
        ("status-unrecorded", "status list 95001/2"),
        ("status-unrecorded", "status list 95001/4"),
    ]
    assert some[1] == [(PROVIDER, 1), (PROVIDER, 3), (PROVIDER, 2), (PROVIDER, 4)]


@pytest.mark.parametrize(
    ("refusal", "found"),
    [
        (Absent("no", code="missing"), []),
        (Unavailable("not yet", code="no-answer"), []),
        (Malformed("something", code="status-form"), ["status-form"]),
    ],
)
def test_a_list_that_is_not_served_is_no_fault(
    house: House, tmp_path: Path, refusal: LedgerError, found: list[str]
) -> None:
    """Missing or not published yet is as it should be; something that is no list is told."""

    def serve(_one: StatusList) -> Served:
        raise refusal

    assert [code for code, _ in _look(house, tmp_path / "state.json", serve)[0]] == found


def test_a_list_that_is_recorded_meanwhile_is_no_fault(house: House, tmp_path: Path) -> None:
    """Its record may be published between the two checkpoints that the look reads."""

    def serve(one: StatusList) -> Served:
        if one == (PROVIDER, 1):
            _record(house, 1)
        return Served(MOMENT, BITS)

    assert _look(house, tmp_path / "state.json", serve)[0] == []
