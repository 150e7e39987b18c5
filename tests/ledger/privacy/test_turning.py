"""The epoch turns: every row under new keys, the old keys destroyed, and nobody who looks notices."""

import multiprocessing
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from ledger.encoding.msgpack import pack
from ledger.errors import Corrupt, Unavailable
from ledger.privacy.epoch import EpochFile, load_epoch_keys, new_epoch_keys, save_epoch_keys
from ledger.privacy.vault import Match, Reference, Turn, Vault, VaultEnrolment

PASSPHRASE = b"a passphrase that lives for one test"
COST = 16
PROVIDER = UUID(int=95001)
ANA, BEN = UUID(int=1), UUID(int=2)
NSN, BENS = "9000000015", "9000000023"
MATCH = Match(("BROOA",), date(2001, 2, 3))
PLACE = VaultEnrolment(UUID(int=7), ANA)


def _open(folder: Path) -> Vault:
    return Vault.open(folder / "vault.sqlite", EpochFile(folder / "epoch.json", PASSPHRASE))


def _no_references(places: Sequence[VaultEnrolment]) -> Mapping[VaultEnrolment, Reference]:
    raise AssertionError(f"{len(places)} rows do not say what they are found by")


def _turn(vault: Vault, **options: Any) -> Turn | None:
    return vault.turn(1_000_000, covers=10, references=_no_references, **options)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files of a vault in which Ana and Ben are registered, and Ana is enrolled."""
    save_epoch_keys(tmp_path / "epoch.json", new_epoch_keys(), PASSPHRASE, scrypt_n=COST)
    with closing(_open(tmp_path)) as vault:
        vault.reserve_people({NSN: (ANA, MATCH), BENS: (BEN, MATCH)})
        vault.reserve_enrolments(PROVIDER, {"E1": PLACE})
        vault.key_of(PROVIDER, "organisation")
    return tmp_path


@pytest.fixture
def vault(folder: Path) -> Iterator[Vault]:
    """That vault, open."""
    with closing(_open(folder)) as opened:
        yield opened


def _content(vault: Vault) -> Any:
    keys = vault.keys([ANA, BEN, PROVIDER])
    people = vault.people([NSN, BENS])
    return (
        {subject: key.data_key for subject, key in keys.items()},
        {nsn: (one.learner_id, one.key.data_key, one.nsn, one.match) for nsn, one in people.items()},
        vault.enrolments(PROVIDER, ["E1", "E2"]),
        vault.is_forgotten([NSN, BENS]),
    )


def test_everything_is_found_after_a_turn(vault: Vault, folder: Path) -> None:
    """By id, NSN and reference, the same keys as before; and after a restart too."""
    vault.forget([BEN])
    before = _content(vault)

    turned = _turn(vault)

    assert turned == Turn(2, 1_000_000, 10)
    assert _content(vault) == before
    assert (vault.epoch, vault.turns()) == (2, [turned])
    with closing(_open(folder)) as again:
        assert _content(again) == before


def test_epoch_and_index_key_are_new_and_the_tombstone_key_is_not(vault: Vault, folder: Path) -> None:
    """Whom a vault has forgotten it recognises for ever; everything else turns."""
    old = load_epoch_keys(folder / "epoch.json", PASSPHRASE)

    _turn(vault)

    new = load_epoch_keys(folder / "epoch.json", PASSPHRASE)
    assert (new.epoch, new.tombstone_key) == (old.epoch + 1, old.tombstone_key)
    assert {new.epoch_key, new.index_key}.isdisjoint({old.epoch_key, old.index_key})


def test_nothing_of_the_old_epoch_is_left(vault: Vault, folder: Path) -> None:
    """No row in the file or its WAL, no key file: a copy from before is all that still holds any of it."""
    rows = [
        value
        for query in ("SELECT id_mac, nsn_mac, sealed FROM subject", "SELECT mac, id_mac, sealed FROM lookup")
        for row in vault._database.reader.execute(query).fetchall()
        for value in row
        if value is not None
    ]
    sealed_keys = (folder / "epoch.json").read_bytes()

    _turn(vault)
    assert vault.truncate_wal()

    held = b"".join(path.read_bytes() for path in sorted(folder.iterdir()))
    assert not [value for value in rows if value in held]
    assert sealed_keys not in held
    assert {path.name for path in folder.iterdir()} == {
        "epoch.json",
        "vault.sqlite",
        "vault.sqlite-shm",
        "vault.sqlite-wal",
    }


def test_a_copy_from_before_a_turn_is_refused(folder: Path) -> None:
    """Its keys are destroyed: it must not look like a ledger that knows nobody."""
    copy = (folder / "vault.sqlite").read_bytes()
    with closing(_open(folder)) as vault:
        _turn(vault)
    (folder / "vault.sqlite").write_bytes(copy)

    with pytest.raises(Corrupt, match="from epoch 1 and its key file from epoch 2: a copy") as refused:
        _open(folder)

    assert refused.value.code == "epoch"


def test_an_old_key_file_is_refused(folder: Path) -> None:
    """It opens nothing any more, and says which of the two is old."""
    copy = (folder / "epoch.json").read_bytes()
    with closing(_open(folder)) as vault:
        _turn(vault)
    (folder / "epoch.json").write_bytes(copy)

    with pytest.raises(Corrupt, match="from epoch 2 and its key file from epoch 1: an old key file"):
        _open(folder)


def test_an_empty_vault_beside_a_later_key_file_is_refused(folder: Path) -> None:
    """A vault that was lost is not begun anew: whatever was sealed under it could not be opened."""
    with closing(_open(folder)) as vault:
        _turn(vault)
    (folder / "vault.sqlite").unlink()

    with pytest.raises(Corrupt, match="a copy from before a turn"):
        _open(folder)


def test_a_vault_from_before_turns_is_in_the_epoch_of_its_file(folder: Path) -> None:
    """Existing ledgers open as they did, and other keys than theirs are refused."""
    with closing(_open(folder)) as vault:
        before = _content(vault)
        with vault._database.writing() as connection:
            connection.execute("DROP TABLE epoch")

    with pytest.raises(Corrupt):
        Vault(folder / "vault.sqlite", new_epoch_keys())
    with closing(_open(folder)) as vault:
        assert _content(vault) == before
        assert vault.epoch == 1


def test_look_ups_from_before_turns_are_found_by_what_the_ledger_recorded(vault: Vault) -> None:
    """Their rows do not say what they are found by; where the ledger knows none, it was a reservation."""
    rows, other = vault._file._rows, VaultEnrolment(UUID(int=9), BEN)
    with vault._database.writing() as connection:
        connection.execute("DELETE FROM lookup")
        for ref, place in (("E1", PLACE), ("E2", other)):
            mac = rows.enrolment_mac(PROVIDER, ref)
            body = pack([place.enrolment_id.bytes, place.learner_id.bytes])
            made = mac, rows.id_mac(place.learner_id), rows.seal(mac, "enrolment", body)
            connection.execute("INSERT INTO lookup VALUES (?,?,?)", made)
    assert vault.enrolments(PROVIDER, ["E1", "E2"]) == {"E1": PLACE, "E2": other}

    for _ in range(2):
        vault.turn(
            1, covers=0, references=lambda places: {PLACE: Reference(PROVIDER, "E1")} if places else {}
        )

        assert vault.enrolments(PROVIDER, ["E1", "E2"]) == {"E1": PLACE}


def test_a_turn_may_be_made_only_where_something_was_destroyed(vault: Vault) -> None:
    """Nightly: without a forgetting since the last turn there is nothing that copies should lose."""
    assert _turn(vault, only_if_destroyed=True) is None
    assert (vault.epoch, vault.destroyed_since_turn()) == (1, 0)

    vault.forget([BEN])

    assert vault.destroyed_since_turn() == 1
    assert _turn(vault, only_if_destroyed=True) == Turn(2, 1_000_000, 10)
    assert _turn(vault, only_if_destroyed=True) is None


def test_another_vault_follows(vault: Vault, folder: Path) -> None:
    """With the old keys in hand every read and every write still finds who is there, and adds to it."""
    with closing(_open(folder)) as other:
        before = _content(other)
        for number in range(3):
            _turn(vault)
            nsn, learner = f"{number:010}", UUID(int=100 + number)

            assert other.reserve_people({nsn: (learner, MATCH)})[nsn].learner_id == learner
            place = VaultEnrolment(UUID(int=200 + number), learner)
            assert other.reserve_enrolments(PROVIDER, {nsn: place}) == {nsn: place}
            assert _content(other) == before
            assert vault.enrolments(PROVIDER, [nsn]) == {nsn: place}
            assert vault.people([nsn]).keys() == {nsn}


@pytest.mark.parametrize(
    "call", ["keys", "people", "enrolments", "is_forgotten", "forget", "key_of", "rematch"]
)
def test_every_call_follows(vault: Vault, folder: Path, call: str) -> None:
    """Each of them is the first after a turn: none answers as if somebody were unknown."""
    with closing(_open(folder)) as other:
        person = other.people([NSN])[NSN]
        key = other.key_of(PROVIDER, "organisation").data_key
        vault.forget([BEN])
        _turn(vault)

        match call:
            case "keys":
                assert other.keys([ANA]).keys() == {ANA}
            case "people":
                assert other.people([NSN]).keys() == {NSN}
            case "enrolments":
                assert other.enrolments(PROVIDER, ["E1"]) == {"E1": PLACE}
            case "is_forgotten":
                assert other.is_forgotten([NSN, BENS]) == {BENS}
            case "forget":
                assert other.forget([ANA]).learners == 1
            case "key_of":
                assert other.key_of(PROVIDER, "organisation").data_key == key
            case "rematch":
                other.rematch(person, Match(("CLIFA",), None))
                assert vault.people([NSN])[NSN].match == Match(("CLIFA",), None)


def test_a_vault_that_cannot_read_the_keys_again_says_so(vault: Vault, folder: Path) -> None:
    """It neither turns nor takes everybody for unknown."""
    with closing(Vault(folder / "vault.sqlite", load_epoch_keys(folder / "epoch.json", PASSPHRASE))) as other:
        with pytest.raises(Unavailable, match="without its key file"):
            _turn(other)
        _turn(vault)

        with pytest.raises(Corrupt, match="epoch 2"):
            other.people([NSN])


def test_what_opens_a_vault_opens_it_after_a_turn_too(vault: Vault) -> None:
    """A process of the audit that starts while the epoch turns is not lost."""
    opening = vault.opening
    _turn(vault)

    with closing(Vault(*opening)) as other:
        assert _content(other) == _content(vault)


def test_threads_read_and_write_through_turns(vault: Vault) -> None:
    """Nobody known is ever unknown, and nobody who was reserved is lost, while the epoch turns ten times."""
    wrong: list[str] = []
    stopping = threading.Event()
    made: dict[str, UUID] = {}

    def work(first: int) -> None:
        number = first
        while not stopping.is_set():
            nsn, learner = f"{number:010}", UUID(int=10_000 + number)
            made.update({nsn: learner})
            if vault.reserve_people({nsn: (learner, MATCH)}).keys() != {nsn} or not vault.keys([ANA]):
                wrong.append(nsn)
            number += 1

    threads = [threading.Thread(target=work, args=(first,)) for first in (0, 100_000)]
    for thread in threads:
        thread.start()
    for _ in range(10):
        _turn(vault)
    stopping.set()
    for thread in threads:
        thread.join()

    assert not wrong
    assert {nsn: one.learner_id for nsn, one in vault.people(made).items()} == made
    assert vault.epoch == 11


def test_two_processes_turn_and_write(vault: Vault, folder: Path) -> None:
    """Another process turns the epoch while this one reserves: both see everything of both."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_turn_elsewhere, args=(folder, there), daemon=True)
    process.start()
    made = {}
    number = 0
    while not here.poll():
        nsn, learner = f"{number:010}", UUID(int=10_000 + number)
        made[nsn] = learner
        assert vault.reserve_people({nsn: (learner, MATCH)})[nsn].learner_id == learner
        assert vault.keys([ANA]).keys() == {ANA}
        number += 1

    seen, epoch = here.recv()
    process.join(60)

    assert {nsn: made[nsn] for nsn in seen} == seen
    assert {nsn: one.learner_id for nsn, one in vault.people(made).items()} == made
    assert epoch > 5
    assert vault.epoch >= epoch


def _turn_elsewhere(folder: Path, pipe: Any) -> None:
    with closing(_open(folder)) as vault:
        first = f"{20:010}"
        while vault.epoch <= 5 or not vault.people([first]):
            _turn(vault)
        nsns = [f"{number:010}" for number in range(21)]
        pipe.send(({nsn: one.learner_id for nsn, one in vault.people(nsns).items()}, vault.epoch))
