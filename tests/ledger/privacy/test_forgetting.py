"""Rows of the vault are destroyed for good, and who was forgotten is recognised and never made again."""

import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from uuid import UUID

import pytest

from ledger.privacy.epoch import new_epoch_keys
from ledger.privacy.vault import Match, Vault, VaultEnrolment

KEYS = new_epoch_keys()
PROVIDER = UUID(int=95001)
ANA, BEN, EVE = UUID(int=1), UUID(int=2), UUID(int=3)
NSN, BENS = "9000000015", "9000000023"
MATCH = Match(("BROOA",), date(2001, 2, 3))


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    """A vault in which Ana and Ben are registered and enrolled."""
    made = Vault(tmp_path / "vault.sqlite", KEYS)
    made.reserve_people({NSN: (ANA, MATCH), BENS: (BEN, MATCH)})
    made.reserve_enrolments(
        PROVIDER, {"E1": VaultEnrolment(UUID(int=7), ANA), "E2": VaultEnrolment(UUID(int=8), BEN)}
    )
    yield made
    made.close()


def test_who_is_forgotten_is_found_by_nothing(vault: Vault) -> None:
    """Neither key, nor person, nor enrolment; everybody else stays."""
    done = vault.forget([ANA])

    assert done == (1, True)
    assert vault.keys([ANA, BEN]).keys() == {BEN}
    assert vault.people([NSN, BENS]).keys() == {BENS}
    assert vault.enrolments(PROVIDER, ["E1", "E2"]).keys() == {"E2"}
    assert vault.is_forgotten([NSN, BENS, "9000000031"]) == {NSN}


def test_nobody_who_is_forgotten_is_made_again(vault: Vault) -> None:
    """The monthly file must not bring a person back, nor a reference of hers."""
    vault.forget([ANA])

    assert vault.reserve_people({NSN: (EVE, MATCH), "9000000031": (UUID(int=4), MATCH)}).keys() == {
        "9000000031"
    }
    assert vault.reserve_enrolments(PROVIDER, {"E9": VaultEnrolment(UUID(int=9), ANA)}) == {}
    assert vault.keys([ANA, EVE]) == {}


def test_forgetting_again_changes_nothing(vault: Vault) -> None:
    """It is done again after every restore, so it must find nothing to do where it was done."""
    vault.forget([ANA, EVE])

    assert vault.forget([ANA, EVE]) == (0, True)
    assert vault.is_forgotten([NSN]) == {NSN}
    assert vault.keys([BEN]).keys() == {BEN}


def test_an_organisation_is_no_learner(vault: Vault) -> None:
    """Forgetting is for learners: the key of an organisation is not destroyed by a wrong id."""
    vault.key_of(PROVIDER, "organisation")

    assert vault.forget([PROVIDER]) == (0, True)
    assert vault.keys([PROVIDER]).keys() == {PROVIDER}


def test_no_byte_of_a_destroyed_row_is_left(vault: Vault, tmp_path: Path) -> None:
    """Neither in the file nor in its WAL: what is deleted is overwritten, and the WAL is emptied."""
    rows = vault._database.reader.execute("SELECT id_mac, sealed FROM subject").fetchall()
    mac = vault._file._rows.id_mac(ANA)
    (sealed,) = (one for id_mac, one in rows if id_mac == mac)
    assert sealed in _bytes_of(tmp_path)

    vault.forget([ANA])
    assert sealed not in _bytes_of(tmp_path)
    ((_, number),) = vault._database.reader.execute("SELECT id_mac, sealed FROM leaving").fetchall()
    assert vault.leaving() == {ANA: NSN}
    assert vault.let_go([ANA])

    held = _bytes_of(tmp_path)
    assert number not in held
    assert mac not in held
    assert not vault.leaving()
    assert (tmp_path / "vault.sqlite-wal").stat().st_size == 0


def test_a_reader_that_does_not_let_go_is_told(vault: Vault, tmp_path: Path) -> None:
    """The rows are gone at once; that the WAL still holds them is said; asked again, it is emptied."""
    other = Vault(tmp_path / "vault.sqlite", KEYS)
    other._database.reader.execute("BEGIN")
    other._database.reader.execute("SELECT COUNT(*) FROM subject").fetchone()

    done = vault.forget([ANA])

    assert done == (1, False)
    assert vault.keys([ANA]) == {}
    other._database.reader.execute("COMMIT")
    assert vault.truncate_wal()
    assert (tmp_path / "vault.sqlite-wal").stat().st_size == 0
    other.close()


def test_reservations_that_race_with_a_forgetting_bring_nobody_back(tmp_path: Path) -> None:
    """Whoever comes first: once it is forgotten, no thread's reservation of the NSN is there."""
    vault = Vault(tmp_path / "vault.sqlite", KEYS)
    nsns = [f"{number:010}" for number in range(40)]
    learners = {nsn: UUID(int=number + 1) for number, nsn in enumerate(nsns)}
    vault.reserve_people({nsn: (learner, MATCH) for nsn, learner in learners.items()})
    together = threading.Barrier(2)

    def reserve() -> None:
        together.wait()
        for place, nsn in enumerate(nsns):
            vault.reserve_people({nsn: (UUID(int=1000 + place), MATCH)})
            vault.reserve_enrolments(PROVIDER, {nsn: VaultEnrolment(UUID(int=7), learners[nsn])})

    thread = threading.Thread(target=reserve)
    thread.start()
    together.wait()
    for learner in learners.values():
        vault.forget([learner])
    thread.join()

    assert vault.is_forgotten(nsns) == set(nsns)
    assert vault.people(nsns) == {}
    assert vault.enrolments(PROVIDER, nsns) == {}
    vault.close()


def _bytes_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))
