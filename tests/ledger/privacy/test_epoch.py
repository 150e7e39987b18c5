"""The epoch file opens for its passphrase only, and says nothing else."""

import json
import stat
from base64 import b64decode, b64encode
from pathlib import Path

import pytest

from ledger.errors import Unauthorised
from ledger.privacy.epoch import SCRYPT_N_MAX, EpochKeys, load_epoch_keys, new_epoch_keys, save_epoch_keys

COST = 16


def _saved(folder: Path, keys: EpochKeys, passphrase: bytes = b"right") -> Path:
    path = folder / "epoch.json"
    save_epoch_keys(path, keys, passphrase, scrypt_n=COST)
    return path


def test_keys_come_back(tmp_path: Path) -> None:
    """All three, and the number of their epoch."""
    keys = EpochKeys(7, b"\x01" * 32, b"\x02" * 32, b"\x03" * 32)

    assert load_epoch_keys(_saved(tmp_path, keys), b"right") == keys


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    """Mode 0600, and no leftover beside it."""
    path = _saved(tmp_path, new_epoch_keys())

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_no_key_is_in_clear(tmp_path: Path) -> None:
    """The sealed text holds none of the three."""
    keys = new_epoch_keys()
    fields = json.loads(_saved(tmp_path, keys).read_bytes())

    sealed = b64decode(fields["sealed"])
    for key in (keys.epoch_key, keys.index_key, keys.tombstone_key):
        assert key not in sealed


@pytest.mark.parametrize("passphrase", [b"", b"wrong", b"right ", b"Right"])
def test_another_passphrase_does_not_open_it(tmp_path: Path, passphrase: bytes) -> None:
    """The sentence says what may be wrong, and neither passphrase nor key."""
    with pytest.raises(Unauthorised, match=r"epoch\.json does not open: wrong passphrase") as refused:
        load_epoch_keys(_saved(tmp_path, new_epoch_keys()), passphrase)

    assert "right" not in str(refused.value)


@pytest.mark.parametrize("name", ["salt", "nonce", "sealed"])
def test_a_changed_part_does_not_open(tmp_path: Path, name: str) -> None:
    """One flipped bit anywhere."""
    path = _saved(tmp_path, new_epoch_keys())
    fields = json.loads(path.read_bytes())
    data = bytearray(b64decode(fields[name]))
    data[0] ^= 1
    path.write_text(json.dumps({**fields, name: b64encode(data).decode()}))

    with pytest.raises(Unauthorised):
        load_epoch_keys(path, b"right")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"null",
        b"not json",
        b"\xff\xfe",
        b'{"format": "achievement-ledger/epoch/v1"}',
        b'{"salt": 1, "nonce": 2, "sealed": 3, "scrypt_n": 16}',
        b'{"salt": "AA==", "nonce": "AA==", "sealed": "AA==", "scrypt_n": "16"}',
        b'{"salt": "AA==", "nonce": "AA==", "sealed": "AA==", "scrypt_n": 16}',
    ],
)
def test_another_file_is_refused_in_our_words(tmp_path: Path, text: bytes) -> None:
    """Whatever lies there: no KeyError, no binascii.Error."""
    path = tmp_path / "epoch.json"
    path.write_bytes(text)

    with pytest.raises(Unauthorised):
        load_epoch_keys(path, b"right")


@pytest.mark.parametrize("cost", [0, 1, 3, -16, SCRYPT_N_MAX * 2, 2**40])
def test_a_cost_out_of_range_is_refused_before_it_is_paid(tmp_path: Path, cost: int) -> None:
    """A file from elsewhere must not ask for a terabyte of memory."""
    path = _saved(tmp_path, new_epoch_keys())
    fields = json.loads(path.read_bytes())
    path.write_text(json.dumps({**fields, "scrypt_n": cost}))

    with pytest.raises(Unauthorised):
        load_epoch_keys(path, b"right")


def test_a_new_epoch_replaces_the_file_in_one_step(tmp_path: Path) -> None:
    """Saved again under another passphrase and cost, only the new one opens."""
    path = _saved(tmp_path, new_epoch_keys())
    keys = new_epoch_keys()

    save_epoch_keys(path, keys, b"new", scrypt_n=2 * COST)

    assert load_epoch_keys(path, b"new") == keys
    with pytest.raises(Unauthorised):
        load_epoch_keys(path, b"right")
