"""Killed while witnesses are asked: nothing that was signed or cosigned is lost, and the next start goes on.

Source: LEDGER.md 5 (publisher steps 5 to 7), 9 (P4).
"""

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from ledger.clock import FixedClock, instant
from ledger.log.note import parse_note
from ledger.publisher import latest
from tests.support.ledgers import a_ledger, open_house, people
from tests.support.tree import ROOT
from tests.support.witnessing import Network, witnessed_publisher

# The publisher's, and one inside the first witness: it has remembered and not answered.
STEPS = ("inserted", "persisted", "cosigned", "served")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("grows", [False, True])
def test_a_killed_publication_is_witnessed_by_the_next(tmp_path: Path, step: str, *, grows: bool) -> None:
    """With more recorded before the next, or not: the same histories, cosigned by two of two."""
    house = a_ledger(tmp_path / "ledger")
    house.publish()
    house.clock.advance(timedelta(minutes=1))
    house.register(*people(3, first=500))
    Network(tmp_path / "witnesses", house, 2).close()
    clock = house.clock
    house.close()

    child = subprocess.run(
        list(map(str, (sys.executable, "-m", "tests.crash.test_witnessing", tmp_path, clock.now_us(), step))),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert child.returncode == -signal.SIGKILL, child.stderr[-2000:]
    house = open_house(tmp_path / "ledger", clock)
    inserted = latest(house.ledger.store.database.reader)
    assert inserted is not None
    assert inserted.size == house.size()
    if grows:
        house.register(*people(3, first=600))
    network = Network(tmp_path / "witnesses", house, 2)
    publisher = witnessed_publisher(house, network, enough=2)
    publisher.publish()
    served = publisher.served()
    assert served is not None
    assert (served.state, served.size) == ("witnessed", house.size())
    assert len(publisher.policy.check(parse_note(served.note.encode()))) == 4
    assert (house.files.anchor / "checkpoint").read_text() == served.note
    assert all(not witness.evidence() for witness in network.witnesses.values())
    assert house.audit().faults == []
    network.close()
    house.close()


def main(folder: str, now_us: str, step: str) -> None:
    """Publish with two witnesses, and die at a step."""

    def at_step(name: str) -> None:
        if name == step:
            os.kill(os.getpid(), signal.SIGKILL)

    house = open_house(Path(folder, "ledger"), FixedClock(instant(int(now_us))))
    network = Network(Path(folder, "witnesses"), house, 2)
    next(iter(network.witnesses.values())).at_step = at_step
    publisher = witnessed_publisher(house, network, enough=2)
    publisher.at_step = at_step
    publisher.publish()


if __name__ == "__main__":
    main(*sys.argv[1:])
