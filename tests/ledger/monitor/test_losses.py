"""A loss that a log tells of is held to what its entries show, and is told to everybody."""

from pathlib import Path
from typing import Any

import pytest

from ledger.application import Consequence
from ledger.domain.tail import TailLost
from ledger.ids import public_id
from ledger.monitor.findings import Findings
from ledger.monitor.following import Follower
from ledger.monitor.source import folder
from ledger.monitor.watching import Watch
from tests.ledger.monitor.forging import entries_of, trusted, write_log
from tests.support.ledgers import House, people


def _tell_loss(house: House, first: int, last: int, lost: int, root: bytes | None = None) -> None:
    """Record that private records are lost, which is so or not."""
    root = house.ledger.store.head().root if root is None else root
    fields = {"first": first, "last": last, "root": root, "lost": lost}
    house.ledger.note([Consequence(public_id("tail", first, last), TailLost, fields)])


def _look(house: House, state: Path, *wanted: str) -> Watch:
    watch = Watch(state, trusted(house), frozenset(wanted))
    watch.advance(folder(house.files.anchor))
    return watch


def _codes(watch: Watch) -> list[str]:
    return [one.code for one in watch.result.findings.found]


@pytest.fixture
def grown(house: House, tmp_path: Path) -> House:
    """A log that was looked at, and has three private records and a public one since, published."""
    house.publish()
    assert _codes(_look(house, tmp_path / "state.json")) == []
    house.register(*people(2, first=600))
    house.organisation(95002, "developer")
    house.register(*people(1, first=700))
    house.publish()
    return house


def test_a_loss_is_told_whoever_is_asked_about(grown: House, tmp_path: Path) -> None:
    """What a restore gave up may be anybody's: it is news without any organisation being named."""
    size = grown.size()
    _tell_loss(grown, size - 4, size, _private(grown, size - 4, size))
    grown.publish()

    watch = _look(grown, tmp_path / "state.json")

    assert _codes(watch) == []
    (news,) = watch.result.news
    assert (news.position, news.type, news.said_by) == (size + 1, "tail.lost", "the ledger")
    assert (news.what["first"], news.what["last"]) == (size - 4, size)
    assert news.as_json()["what"]["root"] == grown.publisher().tree.root(size).hex()


def _private(house: House, first: int, last: int) -> int:
    return sum(entry[:1] == b"\x01" for entry in entries_of(house)[first - 1 : last])


@pytest.mark.parametrize(
    "lie",
    [
        lambda size, private: (size - 4, size, private + 1, None),
        lambda size, private: (size - 4, size, private - 1, None),
        lambda size, private: (size - 4, size - 1, private - 1, None),
        lambda size, private: (size - 4, size, private, bytes(32)),
    ],
    ids=["one-more", "one-fewer", "late", "other-tree"],
)
def test_a_loss_that_cannot_be_is_found(grown: House, tmp_path: Path, lie: Any) -> None:
    """More or fewer than were private there, told late, or from another tree: none of it is news."""
    size = grown.size()
    _tell_loss(grown, *lie(size, _private(grown, size - 4, size)))
    grown.publish()

    watch = _look(grown, tmp_path / "state.json")

    assert _codes(watch) == ["ruling-consequence"]
    assert watch.result.news == []


def test_what_did_not_hold_is_not_counted_as_private(grown: House, tmp_path: Path) -> None:
    """A public record that was refused in an earlier look is still none whose content could be lost."""
    place, state = tmp_path / "log", tmp_path / "other.json"
    forged = [*entries_of(grown), b"\x02 is no record"]
    write_log(place, forged, grown.files)
    first = Watch(state, trusted(grown), frozenset())
    first.advance(folder(place))
    assert _codes(first) == ["entry-form"]

    second = Watch(state, trusted(grown), frozenset())

    assert list(second.follower._shown) == [at for at, one in enumerate(forged, 1) if one[:1] != b"\x01"]


def test_an_entry_that_breaks_the_judging_is_a_finding(grown: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever writes a log does not end the look at it by an entry that nobody thought of."""
    entries = entries_of(grown)

    def broken(*_args: Any) -> None:
        raise RecursionError("too deep")

    monkeypatch.setattr("ledger.monitor.following.check_public_ruling", broken)
    follower = Follower(Findings())

    follower.take(1, entries[0])

    assert [one.code for one in follower.findings.found] == ["entry-fields"]
