"""The trust file of a position is that of the position, whatever has been recorded since."""

from pathlib import Path

from projections.exports.trust import trust_file
from projections.trust_facts import trust_facts
from tests.support.ledgers import a_study_ledger


def test_one_position_has_one_trust_file(tmp_path: Path) -> None:
    """What was recorded after the checkpoint is not in it: same position, same bytes, same fingerprint."""
    house = a_study_ledger(tmp_path / "ledger")
    published = house.publish()
    assert published is not None
    before = trust_file(trust_facts(house.ledger, published))

    house.listing("6023")
    house.key("95001.credential", 95001, "credential")

    assert trust_file(trust_facts(house.ledger, published)) == before
    newer = house.publish()
    assert newer is not None
    assert trust_file(trust_facts(house.ledger, newer)) != before
    house.close()
