"""The vault: keys and look-ups of persons, durable before the ledger uses them, and nothing in clear."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from uuid import UUID

import pytest

from ledger.errors import Corrupt
from ledger.privacy.epoch import new_epoch_keys
from ledger.privacy.vault import Match, Vault, VaultEnrolment

KEYS = new_epoch_keys()
PROVIDER, OTHER = UUID(int=95001), UUID(int=95002)
ANA, BEN = UUID(int=1), UUID(int=2)
NSN = "9000000015"
MATCH = Match(("BROOA",), date(2001, 2, 3))


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    """An empty vault."""
    made = Vault(tmp_path / "vault.sqlite", KEYS)
    yield made
    made.close()


def test_a_person_comes_back_as_reserved(vault: Vault) -> None:
    """Id, NSN and what to match by; the key opens what it sealed."""
    made = vault.reserve_people({NSN: (ANA, MATCH)})[NSN]

    found = vault.people([NSN, "9000000023"])

    assert found.keys() == {NSN}
    person = found[NSN]
    assert (person.learner_id, person.nsn, person.match) == (ANA, NSN, MATCH)
    assert person.key.unseal(made.key.seal(b"text", b"aad"), b"aad") == b"text"


@pytest.mark.parametrize(
    "match", [Match((), None), Match(("BROOA", "CLIFA"), date(1999, 12, 31)), Match(("Ā    ",), None)]
)
def test_what_to_match_by_comes_back_whatever_is_known(vault: Vault, match: Match) -> None:
    """No name code, several, or no birth date."""
    vault.reserve_people({NSN: (ANA, match)})

    assert vault.people([NSN])[NSN].match == match


def test_who_was_first_keeps_the_nsn(vault: Vault) -> None:
    """A second reservation of an NSN gets the first one's id and key: read back, not what was written."""
    first = vault.reserve_people({NSN: (ANA, MATCH)})[NSN]

    second = vault.reserve_people({NSN: (BEN, Match(("CLIFB",), None))})[NSN]

    assert (second.learner_id, second.key.data_key, second.match) == (ANA, first.key.data_key, MATCH)
    assert vault.keys([ANA, BEN]).keys() == {ANA}


def test_a_reservation_is_there_after_a_restart(tmp_path: Path) -> None:
    """Durable when it returns, so before the ledger transaction that uses it."""
    vault = Vault(tmp_path / "vault.sqlite", KEYS)
    made = vault.reserve_people({NSN: (ANA, MATCH)})[NSN]
    place = vault.reserve_enrolments(PROVIDER, {"E1": VaultEnrolment(UUID(int=7), ANA)})["E1"]
    vault.close()

    again = Vault(tmp_path / "vault.sqlite", KEYS)

    assert again.people([NSN])[NSN].key.data_key == made.key.data_key
    assert again.enrolments(PROVIDER, ["E1"]) == {"E1": place}
    again.close()


def test_a_reservation_may_be_matched_by_something_else_later(vault: Vault) -> None:
    """The key stays the same, or what it sealed would be lost."""
    person = vault.reserve_people({NSN: (ANA, MATCH)})[NSN]

    vault.rematch(person, Match(("CLIFA",), None))

    found = vault.people([NSN])[NSN]
    assert (found.match, found.key.data_key) == (Match(("CLIFA",), None), person.key.data_key)


def test_references_belong_to_one_provider(vault: Vault) -> None:
    """The same reference of two providers leads to two enrolments; the first of one provider stands."""
    first, second = VaultEnrolment(UUID(int=7), ANA), VaultEnrolment(UUID(int=8), BEN)
    vault.reserve_people({NSN: (ANA, MATCH), "9000000023": (BEN, MATCH)})
    vault.reserve_enrolments(PROVIDER, {"E1": first})

    assert vault.reserve_enrolments(OTHER, {"E1": second}) == {"E1": second}
    assert vault.reserve_enrolments(PROVIDER, {"E1": second}) == {"E1": first}


def test_a_released_reference_is_free(vault: Vault) -> None:
    """A reservation whose stream never came may be taken over for another learner."""
    first, second = VaultEnrolment(UUID(int=7), ANA), VaultEnrolment(UUID(int=8), BEN)
    vault.reserve_people({NSN: (ANA, MATCH), "9000000023": (BEN, MATCH)})
    vault.reserve_enrolments(PROVIDER, {"E1": first, "E2": first})

    vault.release_enrolments(PROVIDER, ["E1"])

    assert vault.enrolments(PROVIDER, ["E1", "E2"]) == {"E2": first}
    assert vault.reserve_enrolments(PROVIDER, {"E1": second}) == {"E1": second}


def test_organisations_have_keys_without_an_nsn(vault: Vault) -> None:
    """Made when first needed, the same ever after; two organisations never share one."""
    first = vault.key_of(PROVIDER, "organisation")

    assert vault.key_of(PROVIDER, "organisation").data_key == first.data_key
    assert vault.key_of(OTHER, "organisation").data_key != first.data_key
    assert first.organisation_secret() != vault.key_of(OTHER, "organisation").organisation_secret()


def test_many_people_are_found_at_once(vault: Vault) -> None:
    """More than one `IN (…)` holds."""
    wanted = {f"{number:010}": (UUID(int=number + 1), MATCH) for number in range(1201)}

    made = vault.reserve_people(wanted)

    assert {nsn: person.learner_id for nsn, person in made.items()} == {
        nsn: learner for nsn, (learner, _) in wanted.items()
    }
    assert len(vault.keys([learner for learner, _ in wanted.values()])) == 1201


def test_nothing_personal_is_in_the_file(tmp_path: Path) -> None:
    """Neither an NSN, a name code, a birth date, a reference nor an id is to be read in file or WAL."""
    vault = Vault(tmp_path / "vault.sqlite", KEYS)
    learner = UUID("0190c0de-0000-7000-8000-0123456789ab")
    vault.reserve_people({NSN: (learner, MATCH)})
    vault.reserve_enrolments(PROVIDER, {"ENROLMENT-1": VaultEnrolment(UUID(int=7), learner)})
    held = b"".join(path.read_bytes() for path in sorted(tmp_path.iterdir()))
    vault.close()
    held += b"".join(path.read_bytes() for path in sorted(tmp_path.iterdir()))

    for secret in (
        NSN.encode(),
        b"BROOA",
        b"2001-02-03",
        b"ENROLMENT-1",
        learner.bytes,
        learner.hex.encode(),
    ):
        assert secret not in held


def test_a_row_that_was_moved_does_not_open(vault: Vault) -> None:
    """A sealed row is bound to the id it stands under: one person's key cannot be put under another."""
    vault.reserve_people({NSN: (ANA, MATCH), "9000000023": (BEN, MATCH)})
    with vault._database.writing() as connection:
        rows = connection.execute("SELECT id_mac, sealed FROM subject").fetchall()
        connection.execute("UPDATE subject SET sealed = ? WHERE id_mac = ?", (rows[0][1], rows[1][0]))

    with pytest.raises(Corrupt):
        vault.keys([ANA, BEN])


def test_another_epochs_keys_are_refused(tmp_path: Path) -> None:
    """Look-ups are MACs under the index key: another one would find nobody, and that is said instead."""
    vault = Vault(tmp_path / "vault.sqlite", KEYS)
    vault.reserve_people({NSN: (ANA, MATCH)})
    vault.close()

    with pytest.raises(Corrupt, match="belong to two ledgers") as refused:
        Vault(tmp_path / "vault.sqlite", new_epoch_keys())

    assert refused.value.code == "epoch"
