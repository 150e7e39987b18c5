"""Which keys may be the log's: the operator's, for checkpoints alone, and never none of Ed25519."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from api.client.statements import Statement
from ledger.domain.founding import OPERATOR_BODY
from ledger.founding import REGISTRAR
from ledger.keys.mldsa import MldsaSigner
from ledger.keys.signer import ES256, MemorySigner
from ledger.log_keys import log_keys_of
from tests.support.ledgers import House, a_ledger, statement
from tests.support.rotation import a_log_key, log_signers, retired, with_operator
from tests.support.world import REGULATOR

ED25519_KEYS, ALL = 1, 2  # keys that a ledger is founded with


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A ledger whose operator is registered."""
    house = with_operator(a_ledger(tmp_path / "ledger"))
    yield house
    house.close()


def codes(house: House, *said: Statement) -> list[str]:
    """Post statements as the registrar; return the code of each, or how it was accepted."""
    outcomes = house.post(REGISTRAR, said)
    return [one.findings[0].code if one.findings else one.status for one in outcomes]


def revoked(kid: str) -> Statement:
    """Return the statement that revokes a key of the operator."""
    return statement("key.revoked", organisation=OPERATOR_BODY, kid=kid, reason="stolen")


@pytest.mark.parametrize("end", [retired, revoked])
def test_the_last_ed25519_key_does_not_end(house: House, end: Callable[[str], Statement]) -> None:
    """Retired or revoked, it is refused; the ML-DSA-44 key may end, for checkpoints can be read without."""
    ed25519, mldsa = log_signers(house)

    assert codes(house, end(ed25519)) == ["E830"]
    assert codes(house, end(mldsa)) == ["accepted"]
    assert codes(house, end(ed25519)) == ["E830"]
    assert len(log_keys_of(house.ledger.register()).in_force(house.size())) == ED25519_KEYS


def test_it_ends_with_another_registered_before_it_in_the_same_submission(house: House) -> None:
    """What comes first in a submission counts for what comes after, and not the other way round."""
    old, _ = log_signers(house)
    new = MemorySigner.generate()

    assert codes(house, retired(old), a_log_key(new)) == ["E830", "accepted"]
    assert codes(house, retired(old)) == ["accepted"]
    assert codes(house, retired(new.thumbprint)) == ["E830"]

    newer = MemorySigner.generate()
    assert codes(house, a_log_key(newer), retired(new.thumbprint)) == ["accepted", "accepted"]


def test_an_mldsa_key_is_registered_for_checkpoints_alone(house: House) -> None:
    """The operator's, for nothing else: not for submissions, not beside another purpose, not a provider's."""
    key = MldsaSigner.generate()

    assert codes(house, a_log_key(key, purposes=["submission"])) == ["E817"]
    assert codes(house, a_log_key(key, purposes=["checkpoint", "submission"])) == ["E817"]
    assert codes(house, a_log_key(key, whose=REGULATOR)) == ["E817"]
    assert codes(house, a_log_key(key)) == ["accepted"]
    assert codes(house, a_log_key(key)) == ["E817"]


def test_the_operator_s_other_keys_sign_no_checkpoints(house: House) -> None:
    """A key for checkpoints is Ed25519 and for nothing else."""
    assert codes(house, a_log_key(MemorySigner.generate(ES256))) == ["E817"]
    both = a_log_key(MemorySigner.generate(), purposes=["checkpoint", "receipt"])
    assert codes(house, both) == ["E817"]


def test_a_key_that_the_log_was_founded_with_is_not_registered_again(house: House) -> None:
    """Neither of both: what counts from position 1 counts from nowhere else."""
    ed25519, mldsa = log_signers(house).values()

    assert codes(house, a_log_key(ed25519), a_log_key(mldsa)) == ["E817", "E817"]
    assert [one.first for one in log_keys_of(house.ledger.register())] == [1] * ALL


def test_an_ended_key_stays_ended(house: House) -> None:
    """It is not retired twice, and not registered again."""
    _, mldsa = log_signers(house)
    house.must(REGISTRAR, [retired(mldsa)])

    assert codes(house, retired(mldsa)) == ["E826"]
    assert codes(house, a_log_key(log_signers(house)[mldsa])) == ["E817"]
