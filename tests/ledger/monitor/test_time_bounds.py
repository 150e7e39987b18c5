"""The operator dates records, and witnesses bound what can be true of those dates."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from ledger.founding import REGISTRAR
from ledger.log.add_checkpoint import format_add_checkpoint
from ledger.log.merkle import MemoryTree, consistency_path, leaf_hash
from ledger.log.policy import parse_policy
from ledger.monitor.entries import parse_entry
from ledger.monitor.rebuilding import rebuild
from ledger.monitor.source import folder
from ledger.monitor.trusted import Trusted
from ledger.monitor.watching import Watch
from tests.ledger.monitor.forging import entries_of, trusted, write_log
from tests.support.ledgers import House, a_study_ledger, people, statement
from tests.support.witnessing import Network, witnessed_publisher
from tests.support.world import PROVIDER

SECOND_US = 1_000_000
BEFORE_S = 2 * 10 + 5 * 60


@dataclass
class Scene:
    """A witnessed log that a monitor has seen, with a record after it that may be dated at will."""

    house: House
    network: Network
    place: Path
    state: Path
    before: list[bytes]
    said: bytes
    witnessed_s: int  # when the log was cosigned without the record

    @property
    def trusted(self) -> Trusted:
        """The log's keys and the network's policy."""
        return Trusted(trusted(self.house).keys, parse_policy(self.network.policy(1)))

    def look(self) -> Watch:
        """Look once and be told, as a monitor that wants news of the provider."""
        watch = Watch(self.state, self.trusted, frozenset([str(PROVIDER)]))
        watch.advance(folder(self.place))
        watch.told()
        return watch

    def dated(self, recorded_at_us: int) -> None:
        """Publish the record under another date, and have it cosigned by witnesses that see no dates."""
        entries = [*self.before, self.said[:1] + recorded_at_us.to_bytes(8, "big") + self.said[9:]]
        note = write_log(self.place, entries, self.house.files)
        leaves = list(map(leaf_hash, entries))

        def node(level: int, index: int) -> bytes:
            if (index + 1) << level > len(leaves):
                raise IndexError
            return MemoryTree(leaves[index << level : (index + 1) << level]).root()

        (witness,) = self.network.witnesses.values()
        path = consistency_path(len(self.before), len(leaves), node)
        answer = witness.add_checkpoint(format_add_checkpoint(len(self.before), path, note))
        assert answer.status == 200
        (self.place / "checkpoint").write_bytes(note.encode() + answer.body)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Sixty days after the last public record the log is cosigned; an hour later something is said."""
    house = a_study_ledger(tmp_path / "ledger")
    house.publish()
    house.clock.advance(timedelta(days=60))
    house.register(*people(1))
    network = Network(tmp_path, house, 1)
    witnessed_publisher(house, network, enough=1).publish()
    entries, witnessed_s = entries_of(house), house.clock.now_us() // SECOND_US
    made = Scene(house, network, house.files.anchor, tmp_path / "state.json", entries, b"", witnessed_s)
    first = made.look()
    assert (first.result.findings.found, len(first.result.seen.witnessed)) == ([], 2)  # type: ignore[union-attr]
    house.clock.advance(timedelta(hours=1))
    role = statement(
        "organisation.role_granted", organisation=PROVIDER, role="developer", valid_from="2018-08-22"
    )
    house.must(REGISTRAR, [role])
    house.publish()
    made.said, made.place = entries_of(house)[-1], tmp_path / "log"
    yield made
    network.close()
    house.close()


def test_a_record_dated_back_behind_a_witness_is_found(scene: Scene) -> None:
    """Said today and dated to the day of the last public record: witnesses saw the log without it since."""
    earlier = max(one.recorded_at_us for one in map(parse_entry, scene.before) if one)
    scene.dated(earlier)

    watch = scene.look()

    assert [one.code for one in watch.result.findings.found] == ["time-bounds"]
    assert [one.type for one in watch.result.news] == ["organisation.role_granted"]


@pytest.mark.parametrize(
    ("after_s", "found"),
    [(-BEFORE_S - 1, ["time-bounds"]), (-BEFORE_S, []), (0, []), (3601, []), (3602, ["time-bounds"])],
)
def test_bounds_leave_room_for_honest_clocks(scene: Scene, after_s: int, found: list[str]) -> None:
    """Two intervals and five minutes before, and the second of the first cosignature after, are no fault."""
    scene.dated((scene.witnessed_s + after_s) * SECOND_US)

    watch = scene.look()

    assert [one.code for one in watch.result.findings.found] == found


def test_who_names_no_witness_has_no_bounds(scene: Scene) -> None:
    """Times under a checkpoint count only for who trusts their signers."""
    scene.dated((scene.witnessed_s + 3602) * SECOND_US)
    watch = Watch(scene.state.with_name("other.json"), trusted(scene.house), frozenset())

    watch.advance(folder(scene.place))

    assert watch.result.findings.found == []


def test_a_rebuilt_register_is_not_from_the_future(scene: Scene) -> None:
    """Whoever makes the register again is told of records dated after they were witnessed."""
    scene.dated((scene.witnessed_s + 3602) * SECOND_US)

    found = rebuild(folder(scene.place), scene.trusted).findings.found

    assert [one.code for one in found] == ["time-bounds"]
