"""What is handed out about a record: when there is something to hand out, and that it leads to the log.

The bytes of receipts are frozen in tests/ledger/golden.
"""

from datetime import timedelta
from pathlib import Path

import pytest

from ledger.errors import Absent, Corrupt, Unavailable
from ledger.log.checkpoint import parse_checkpoint
from ledger.log.cosignature import verify_signed
from ledger.log.merkle import leaf_hash, verify_inclusion
from ledger.log.note import parse_note, parse_vkey
from ledger.log.proof import parse_proof
from ledger.mapper import LedgerMapper
from ledger.receipts import Proven, award_receipt, prove, provider_receipt
from tests.support.ledgers import House, a_full_ledger, a_ledger, people


def _prove(house: House, position: int) -> Proven:
    return prove(house.ledger.store, house.publisher().tree, position)


def _lead_to_the_log(house: House, proven: Proven) -> None:
    """Check a proof with the log's keys as the founding names them."""
    proof = parse_proof(proven.proof())
    note = parse_note(proof.checkpoint_note.encode())
    for vkey in house.ledger.founding.log_keys:
        verify_signed(note, parse_vkey(vkey))
    checkpoint = parse_checkpoint(note.text.encode())
    leaf = leaf_hash(proven.record.entry)
    verify_inclusion(leaf, proof.index, checkpoint.size, list(proof.path), checkpoint.root)


def test_every_published_record_can_be_proven(tmp_path: Path) -> None:
    """Public and private ones, in the newest checkpoint."""
    house = a_full_ledger(tmp_path, people(60))

    for position in range(1, house.size() + 1):
        _lead_to_the_log(house, _prove(house, position))
    assert house.size() > 300


def test_what_is_durable_and_not_published_is_to_be_asked_for_again(tmp_path: Path) -> None:
    """Unavailable before the publication, proven after it; older records by the newer checkpoint then."""
    house = a_ledger(tmp_path)
    with pytest.raises(Unavailable) as early:
        _prove(house, 1)
    house.publish()
    house.clock.advance(timedelta(minutes=1))
    house.organisation(95100)

    with pytest.raises(Unavailable) as unpublished:
        _prove(house, 3)
    assert {early.value.code, unpublished.value.code} == {"unpublished"}
    assert _prove(house, 1).size == 2

    house.publish()
    assert [_prove(house, position).size for position in (1, 3)] == [3, 3]


@pytest.mark.parametrize("position", [0, -1, 3, 10**9, 2**63 - 1])
def test_a_position_without_a_record_is_absent(tmp_path: Path, position: int) -> None:
    """Not found, whatever number is asked for."""
    house = a_ledger(tmp_path)
    house.publish()

    with pytest.raises(Absent):
        _prove(house, position)


def test_receipts_need_the_subjects_own_key(tmp_path: Path) -> None:
    """Under another learner's key nothing opens."""
    learners = people(2)
    house = a_full_ledger(tmp_path, learners)
    keys = [person.key for person in house.ledger.vault.people([one.nsn for one in learners]).values()]
    awards = [_prove(house, house.size() - 1), _prove(house, house.size())]
    subjects = [LedgerMapper.for_reading().to_domain_event(one.record.event).subject for one in awards]
    own = next(key for key in keys if key.subject == subjects[0])
    other = next(key for key in keys if key.subject != subjects[0])

    assert "extra" in award_receipt(awards[0], own, LedgerMapper.for_reading())
    for make in (
        lambda: award_receipt(awards[0], other, LedgerMapper.for_reading()),
        lambda: provider_receipt(awards[0], other),
    ):
        with pytest.raises(Corrupt):
            make()
