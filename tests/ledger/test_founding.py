"""Founding a ledger: its files, their modes, and the record that everything rests on."""

import stat
from pathlib import Path

import pytest

from ledger.application import Ledger
from ledger.errors import Unauthorised, Unavailable
from ledger.files import LedgerFiles
from ledger.founding import (
    CHECKPOINT,
    CHECKPOINT_MLDSA,
    CREDENTIAL,
    RECEIPT,
    REGISTRAR,
    make_passphrase,
    prepare_files,
)
from ledger.keys.keystore import KeyStore
from ledger.log.cosignature import MLDSA44_TYPE
from ledger.log.note import VerifierKey, vkey_of_signer
from tests.support.ledgers import CHARTER, SCRYPT_N, a_ledger, an_empty_ledger
from tests.support.world import ORIGIN, REGULATOR


def test_keys_are_for_their_owner_only(tmp_path: Path) -> None:
    """The folder 0700, every file in it 0600."""
    house = an_empty_ledger(tmp_path)
    house.close()

    assert stat.S_IMODE(house.files.keys.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in house.files.keys.iterdir()}
    assert set(modes.values()) == {0o600}
    assert modes.keys() == {
        "epoch.json",
        *(f"{label}.pem" for label in (REGISTRAR, CHECKPOINT, CHECKPOINT_MLDSA, RECEIPT, CREDENTIAL)),
    }


def test_a_folder_that_holds_a_ledger_is_left_alone(tmp_path: Path) -> None:
    """Preparing it again would make the old vault unreadable."""
    house = a_ledger(tmp_path)
    before = {path: path.read_bytes() for path in house.files.keys.iterdir()}

    with pytest.raises(FileExistsError):
        prepare_files(house.files, b"another", scrypt_n=SCRYPT_N)

    assert {path: path.read_bytes() for path in house.files.keys.iterdir()} == before


def test_a_made_passphrase_opens_what_was_sealed_with_it(tmp_path: Path) -> None:
    """Written beside the keys, readable by its owner only, different every time."""
    first, second = LedgerFiles(tmp_path / "1"), LedgerFiles(tmp_path / "2")
    passphrase = make_passphrase(first)
    prepare_files(first, passphrase, scrypt_n=SCRYPT_N)

    assert first.passphrase.read_bytes().strip() == passphrase
    assert stat.S_IMODE(first.passphrase.stat().st_mode) == 0o600
    # It is the first that is written, so it makes the folder in which everything about people will lie.
    assert {stat.S_IMODE(one.stat().st_mode) for one in (first.folder, first.keys)} == {0o700}
    assert make_passphrase(second) != passphrase
    assert KeyStore(first.keys, passphrase).get(REGISTRAR).alg == "Ed25519"
    Ledger(first, passphrase).close()


def test_another_passphrase_opens_nothing(tmp_path: Path) -> None:
    """Neither the vault nor a key."""
    house = an_empty_ledger(tmp_path)
    house.close()

    with pytest.raises(Unauthorised, match="wrong passphrase"):
        Ledger(house.files, b"another")
    with pytest.raises(Unauthorised, match="wrong passphrase"):
        KeyStore(house.files.keys, b"another").get(REGISTRAR)


def test_the_founding_names_the_keys_that_were_made(tmp_path: Path) -> None:
    """Position 1: origin, host, the log's verifier key, the registrar's key, the operator's by purpose."""
    house = a_ledger(tmp_path)
    founding = house.ledger.founding

    assert (founding.origin, founding.host) == (ORIGIN, CHARTER.host)
    assert founding.registrar_number == REGULATOR
    ed25519 = str(vkey_of_signer(ORIGIN, house.signer(CHECKPOINT)))
    mldsa = VerifierKey(ORIGIN, MLDSA44_TYPE, house.keystore.mldsa(CHECKPOINT_MLDSA).public_bytes)
    assert founding.log_keys == (ed25519, str(mldsa))
    keys = {one.kid: one for one in house.ledger.keyring()}
    assert {keys[house.signer(label).thumbprint].purposes for label in (CHECKPOINT, RECEIPT, CREDENTIAL)} == {
        frozenset((label,)) for label in (CHECKPOINT, RECEIPT, CREDENTIAL)
    }
    assert keys[house.signer(REGISTRAR).thumbprint].purposes == {"keys", "submission"}


def test_what_is_not_founded_yet_says_so(tmp_path: Path) -> None:
    """With the command that founds it."""
    house = an_empty_ledger(tmp_path)

    with pytest.raises(Unavailable, match="roa init") as refused:
        _ = house.ledger.founding

    assert refused.value.code == "not-founded"
    house.close()
