"""Somebody publishes while another process starts, audits or looks: nobody finds a fault in that."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import ledger.publisher
from ledger.audit import run
from ledger.store.anchor import Anchor
from ledger.store.sqlite import LedgerRecorder
from tests.support.ledgers import PROVIDER_KEY, House, a_study_ledger, open_house, statement
from tests.support.world import ANA, BEN, a_result

Patch = pytest.MonkeyPatch
# What is read of a ledger and of its anchor's place, each at a moment of its own.
READS = (
    (Anchor, "read"),
    (Anchor, "signed"),
    (LedgerRecorder, "head"),
    (ledger.publisher, "latest"),
    (run, "_is_empty"),
)


@pytest.fixture
def houses(tmp_path: Path) -> Iterator[tuple[House, House]]:
    """Two processes on one published ledger: one that looks, and one that records and publishes."""
    first = a_study_ledger(tmp_path)
    first.register(ANA, BEN)
    first.enrol(ANA, BEN)
    first.publish()
    second = open_house(tmp_path, first.clock)
    yield first, second
    first.close()
    second.close()


def publishing(patch: Patch, house: House, owner: Any, name: str, *, before: bool) -> list[str]:
    """Let `house` record and publish once, just before or after the next read; return what was done so."""
    original: Callable[..., Any] = getattr(owner, name)
    done: list[str] = []

    def publish() -> None:
        if not done:
            done.append("publishing")
            house.must(PROVIDER_KEY, [statement("assessment.passed", **a_result(BEN, "LO1"))])
            house.publish()
            done.append("published")

    def read(*arguments: Any, **options: Any) -> Any:
        if before:
            publish()
        found = original(*arguments, **options)
        publish()
        return found

    patch.setattr(owner, name, read)
    return done


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize(("owner", "name"), READS[:4], ids=[name for _, name in READS[:4]])
def test_a_start_beside_a_publisher_finds_no_fault(
    houses: tuple[House, House], monkeypatch: Patch, owner: Any, name: str, *, before: bool
) -> None:
    """Whatever was read already when the other publishes: no rollback, no split, no anchor that is old."""
    first, second = houses
    publisher = first.publisher()

    with monkeypatch.context() as patch:
        done = publishing(patch, second, owner, name, before=before)
        publisher.check()

    assert done == ["publishing", "published"]


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize(("owner", "name"), [READS[0], READS[1], READS[4]], ids=["read", "signed", "begin"])
def test_an_audit_beside_a_publisher_is_clean(
    houses: tuple[House, House], monkeypatch: Patch, owner: Any, name: str, *, before: bool
) -> None:
    """It holds to each other what was there at one moment, whenever the other publishes."""
    first, second = houses

    with monkeypatch.context() as patch:
        done = publishing(patch, second, owner, name, before=before)
        report = first.audit()

    assert done == ["publishing", "published"]
    assert report.faults == []
