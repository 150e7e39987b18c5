"""Sealing and keyed digests of one subject.

The published vectors of AES-GCM and HMAC are read in tests/ledger/keys/test_published_signatures.py.
"""

from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import Corrupt
from ledger.privacy.sealing import NONCE_BYTES, SubjectKey, keyed, record_aad

STREAM = UUID(int=7)
BYTES = st.binary(max_size=300)


def _key(data_key: bytes = bytes(32)) -> SubjectKey:
    return SubjectKey(UUID(int=1), data_key)


@given(BYTES, BYTES, st.binary(min_size=32, max_size=32))
def test_what_is_sealed_comes_back(plaintext: bytes, aad: bytes, data_key: bytes) -> None:
    """Under the same key and place, also from a key made anew."""
    sealed = _key(data_key).seal(plaintext, aad)

    assert _key(data_key).unseal(sealed, aad) == plaintext
    assert len(sealed) == NONCE_BYTES + len(plaintext) + 16


@given(BYTES, BYTES, st.data())
def test_one_changed_bit_does_not_open(plaintext: bytes, aad: bytes, data: st.DataObject) -> None:
    """In nonce, ciphertext or tag."""
    sealed = bytearray(_key().seal(plaintext, aad))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= 1 << data.draw(st.integers(0, 7))

    with pytest.raises(Corrupt):
        _key().unseal(bytes(sealed), aad)


@pytest.mark.parametrize("sealed", [b"", bytes(11), bytes(12), bytes(27), bytes(28)])
def test_too_few_bytes_are_corrupt(sealed: bytes) -> None:
    """Nothing of the cipher's own errors comes out."""
    with pytest.raises(Corrupt):
        _key().unseal(sealed, b"")


def test_nothing_opens_under_another_key_or_in_another_place() -> None:
    """Another learner's key; another stream, version or topic."""
    aad = record_aad(STREAM, 1, "assessment.passed")
    sealed = _key().seal(b"grade", aad)

    for key, place in (
        (_key(b"\1" * 32), aad),
        (_key(), record_aad(UUID(int=8), 1, "assessment.passed")),
        (_key(), record_aad(STREAM, 2, "assessment.passed")),
        (_key(), record_aad(STREAM, 1, "assessment.not_achieved")),
    ):
        with pytest.raises(Corrupt):
            key.unseal(sealed, place)


def test_the_same_text_is_never_sealed_to_the_same_bytes() -> None:
    """A fresh nonce every time."""
    key = _key()

    assert len({key.seal(b"same", b"") for _ in range(1000)}) == 1000


def test_row_digests_tell_rows_apart_and_are_nobody_elses() -> None:
    """By learner, organisation, type group and name; 16 bytes each; content apart from name."""
    first, second = UUID(int=1), UUID(int=2)
    digests = [
        _key().row_key(first, "award", b"R1"),
        _key(b"\1" * 32).row_key(first, "award", b"R1"),
        _key().row_key(second, "award", b"R1"),
        _key().row_key(first, "assessment", b"R1"),
        _key().row_key(first, "award", b"R2"),
        _key().row_mac(b"R1"),
    ]

    assert len(set(digests)) == len(digests)
    assert {len(one) for one in digests} == {16}
    assert _key().row_key(first, "award", b"R1") == digests[0]


def test_group_and_name_do_not_run_into_each_other() -> None:
    """A zero byte stands between them: `award` + `R1` is not `awardR` + `1`."""
    assert _key().row_key(STREAM, "award", b"R1") != _key().row_key(STREAM, "awardR", b"1")


def test_no_key_derived_here_is_another() -> None:
    """What seals, what names rows and what names submissions are three keys."""
    key = _key()
    seals = keyed(key.data_key, b"achievement-ledger/seal/v1\0")
    rows = keyed(key.data_key, b"achievement-ledger/row/v1\0")

    assert len({key.data_key, seals, rows, key.organisation_secret()}) == 4
    assert AESGCM(seals).decrypt(*_split(key.seal(b"text", b"aad")), b"aad") == b"text"


def _split(sealed: bytes) -> tuple[bytes, bytes]:
    return sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
