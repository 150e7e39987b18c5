"""Keys count by log position, never by now."""

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import Unauthorised
from ledger.keys.keyring import Keyring, RegisteredKey

PROVIDER, OTHER = UUID(int=1), UUID(int=2)
KEY = RegisteredKey(
    kid="kid-1",
    organisation=PROVIDER,
    jwk={},
    purposes=frozenset(("submission", "keys")),
    custody="own",
    registered_at=10,
    retired_at=None,
    revoked_at=None,
    suspected_from=None,
)
POSITIONS = st.integers(1, 100)


def counts(key: RegisteredKey, position: int) -> bool:
    """Whether a key counts at a position for its own organisation, submitting."""
    try:
        return Keyring([key]).valid(key.kid, PROVIDER, "submission", position) is key
    except Unauthorised:
        return False


def test_a_key_counts_after_its_registration():
    """A key registered at 10 counts from 11: the record that registers it is signed by another."""
    assert [position for position in range(1, 15) if counts(KEY, position)] == [11, 12, 13, 14]


def test_the_founding_key_signs_the_founding():
    """Only the first record of a ledger is signed by a key that it contains itself."""
    founding = replace(KEY, registered_at=1)

    assert counts(founding, 1)
    assert counts(founding, 2)
    assert not counts(replace(KEY, registered_at=2), 1)
    assert not counts(replace(KEY, registered_at=2), 2)


@pytest.mark.parametrize("end", ["retired_at", "revoked_at"])
def test_a_key_counts_up_to_the_record_that_ends_it(end):
    """A key retired or revoked at 20 may sign that record itself, and nothing after it."""
    ended = replace(KEY, **{end: 20})

    assert counts(ended, 19)
    assert counts(ended, 20)
    assert not counts(ended, 21)


@given(registered=POSITIONS, retired=st.none() | POSITIONS, revoked=st.none() | POSITIONS, position=POSITIONS)
def test_a_key_counts_between_its_two_records(registered, retired, revoked, position):
    """Whichever of retirement and revocation comes first ends it; nothing later makes it count again."""
    key = replace(KEY, registered_at=registered, retired_at=retired, revoked_at=revoked)
    ends = [end for end in (retired, revoked) if end is not None]
    begun = registered < position or registered == position == 1

    assert key.ended_at == (min(ends) if ends else None)
    assert counts(key, position) == (begun and all(position <= end for end in ends))


def test_a_suspected_key_still_counts_for_what_it_signed():
    """Suspicion is about later records and is reported by audit: the signature itself stays valid."""
    assert counts(replace(KEY, suspected_from="2026-11-01"), 11)


@pytest.mark.parametrize(
    ("kid", "organisation", "purpose", "position", "sentence"),
    [
        ("kid-2", PROVIDER, "submission", 11, "not registered"),
        ("", PROVIDER, "submission", 11, "not registered"),
        ("kid-1", OTHER, "submission", 11, "another organisation"),
        ("kid-1", PROVIDER, "credential", 11, "purpose `credential`"),
        ("kid-1", PROVIDER, "submission", 10, "after position 10"),
        ("kid-1", PROVIDER, "submission", 31, "retired or revoked at position 30"),
    ],
)
def test_a_key_that_does_not_count_is_refused_with_its_reason(kid, organisation, purpose, position, sentence):
    """Unknown, another organisation's, for other purposes, too early, too late: each has its sentence."""
    keyring = Keyring([replace(KEY, retired_at=30)])

    with pytest.raises(Unauthorised, match=sentence) as refused:
        keyring.valid(kid, organisation, purpose, position)
    assert refused.value.code == "E909"


def test_old_keys_stay():
    """A keyring answers for every key it ever had, whatever its state."""
    keys = [KEY, replace(KEY, kid="kid-2", revoked_at=11)]
    keyring = Keyring(keys)

    assert list(keyring) == keys
    assert keyring.get("kid-2") is keys[1]
    assert keyring.get("kid-3") is None
