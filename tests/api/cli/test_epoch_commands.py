"""`roa forget turn`: the vault under new keys, and in words what that does not reach."""

from tests.api.cli.shell import roa
from tests.support import ledgers
from tests.support.world import ANA


def _forget(folder) -> None:
    house = ledgers.open_house(folder)
    vault = house.ledger.vault
    vault.forget([vault.people([ANA.nsn])[ANA.nsn].learner_id])
    house.close()


def test_a_turn_says_what_people_still_have_to_destroy(folder):
    """Copies of the key file: nothing here reaches them, and they open the copies of their time."""
    _forget(folder)

    done = roa("forget", "turn", "--data", folder)

    assert done.code == 0, done.err
    assert "The vault is in epoch 2 since 2026-" in done.out
    assert f"every copy of {folder / 'keys' / 'epoch.json'} that was made before" in done.out
    assert "make a new backup now" in done.out
    house = ledgers.open_house(folder)
    assert house.ledger.vault.epoch == 2
    assert house.ledger.vault.is_forgotten([ANA.nsn]) == {ANA.nsn}
    house.close()


def test_a_turn_says_the_same_to_programs(folder):
    """Epoch, instant, and up to which position forgettings are effective in copies."""
    house = ledgers.open_house(folder)
    size = house.size()
    house.close()

    done = roa("forget", "turn", "--data", folder, "--json").json

    assert (done["epoch"], done["covers"] >= size, done["effective"], done["wal_empty"]) == (2, True, 0, True)
    assert done["turned_at"].endswith("Z")


def test_a_copy_of_the_vault_from_before_is_refused_in_words(folder):
    """It must not look like a ledger that knows nobody: the sentence says which copy to put back."""
    vault = folder / "vault.sqlite"
    ledgers.open_house(folder).close()
    copy = vault.read_bytes()
    assert roa("forget", "turn", "--data", folder).code == 0
    vault.write_bytes(copy)

    done = roa("audit", "--data", folder)

    assert done.code == 1
    assert "a copy from before a turn was put back" in done.err
