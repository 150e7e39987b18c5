"""What witnesses said comes back too: their lines lie under the signed checkpoint at the anchor's place.

Source: LEDGER.md 5 (publisher step 6, `restore --accept-lost`).
"""

from datetime import timedelta
from pathlib import Path

import pytest

from ledger.restore import restore
from tests.support.ledgers import House, a_study_ledger, people
from tests.support.rollbacks import put_back, take_copy
from tests.support.witnessing import Network, witnessed_publisher


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A ledger that was not published yet."""
    return a_study_ledger(tmp_path / "ledger")


def rolled_back(house: House, network: Network, copy: Path) -> str:
    """Publish to the witnesses, put an old copy back; return what lies at the anchor's place."""
    take_copy(house, copy)
    house.clock.advance(timedelta(days=2))
    house.register(*people(2))
    house.organisation(96001, "provider")
    witnessed_publisher(house, network, enough=1).publish()
    put_back(house, copy)
    house.clock.advance(timedelta(days=2))
    return (house.files.anchor / "checkpoint").read_text()


def kept(house: House, size: int) -> list[str]:
    """Return the lines that are kept under the checkpoint of a size."""
    query = (
        "SELECT c.line FROM cosignature c JOIN checkpoint p ON p.number = c.checkpoint WHERE p.size = ?"
        " ORDER BY c.cosigner"
    )
    return [line for (line,) in house.ledger.store.database.reader.execute(query, (size,))]


@pytest.mark.parametrize("known", ["by what they cosigned before", "by the policy"])
def test_cosignatures_come_back(house, tmp_path, known):
    """Both lines of the witness, as they stood; an audit holds them to the records."""
    network = Network(tmp_path, house, 1)
    if known == "by what they cosigned before":
        witnessed_publisher(house, network, enough=1).publish()
    note = rolled_back(house, network, tmp_path / "copy")
    house.files.policy.unlink(missing_ok=True)
    if known == "by the policy":
        house.files.policy.write_text(network.policy(1))

    published = restore(house.ledger, accept_lost=True).plan.published

    lines = kept(house, published)
    assert len(lines) == 2
    assert note.endswith("".join(lines))
    assert house.audit().faults == []
    witnessed_publisher(house, network, enough=1).publish()
    network.close()


def test_lines_that_do_not_hold_or_of_nobody_known_stay_where_they_are(house, tmp_path):
    """A line that was changed, and one by a witness that nobody here knows: neither is taken in."""
    network = Network(tmp_path, house, 2)
    one = Network(tmp_path / "alone", house, 0)
    one.witnesses = {"https://w1.example": network.witnesses["https://w1.example"]}
    note = rolled_back(house, network, tmp_path / "copy")
    house.files.policy.write_text(one.policy(1))
    mine = next(line for line in note.splitlines() if line.startswith("— w1.example "))
    stands = next(line for line in reversed(note.splitlines()) if line.startswith("— w1.example "))
    (house.files.anchor / "checkpoint").write_text(note.replace(mine, f"{mine[:-8]}AAAAAAA="))

    published = restore(house.ledger, accept_lost=True).plan.published

    assert note.count("— w2.example ") == 2
    assert kept(house, published) == [stands + "\n"]
    network.close()
