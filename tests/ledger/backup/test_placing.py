"""A backup on a new machine: what is checked before it has its place, and what it is from then on.

Source: LEDGER.md 4, 5, 9 (P1, P6, P7).
"""

import json
import shutil
import sqlite3
import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from ledger.application import Ledger
from ledger.backup import (
    BY_ITSELF,
    OWN_KEY,
    TRUSTED,
    Taken,
    begin_anchor,
    placing,
    put_back,
    take,
    unfinished_restores,
)
from ledger.backup.copying import looked_at
from ledger.backup.manifest import sign_manifest
from ledger.encoding.strict_json import b64url, canonical
from ledger.errors import (
    Absent,
    Corrupt,
    Malformed,
    Refusal,
    Rollback,
    Unauthorised,
    Unavailable,
)
from ledger.files import LedgerFiles
from ledger.forgetting import redo
from ledger.keys.keystore import KeyStore
from ledger.keys.signer import MemorySigner
from ledger.log.note import ED25519_TYPE, VerifierKey, parse_vkey
from ledger.log_keys import log_keys_of
from ledger.monitor.trusted import Trusted
from ledger.restore import restore
from ledger.turning import turn
from projections.catalogue import Views
from tests.crash.steps import PLACE_STEPS
from tests.support.backups import placed, put_back_from, taken
from tests.support.forgetting import forget, learner_id, nothing_elsewhere
from tests.support.ledgers import (
    PASSPHRASE,
    PROVIDER_KEY,
    House,
    a_full_ledger,
    a_ledger,
    an_empty_ledger,
    people,
    received,
    statement,
)
from tests.support.world import ANA, BEN, ORIGIN, a_result


@pytest.fixture(scope="module")
def once(tmp_path_factory) -> tuple[House, Taken]:
    """A ledger where Ana and Ben hold an award each, and a backup of it, for tests that change neither."""
    place = tmp_path_factory.mktemp("once")
    house = a_full_ledger(place / "ledger", [ANA, BEN])
    return house, taken(house, place / "backups")


@pytest.fixture
def backup(once, tmp_path) -> Path:
    """A copy of the backup, to be damaged."""
    return Path(shutil.copytree(once[1].folder, tmp_path / "backup"))


@pytest.fixture
def house(tmp_path) -> House:
    """A ledger of one's own, where Ana and Ben hold an award each."""
    return a_full_ledger(tmp_path / "ledger", [ANA, BEN])


def changed(backup: Path, change: Callable[[dict], object], signer: MemorySigner | None = None) -> None:
    """Change what the manifest says, and sign it again where somebody does."""
    path = backup / "manifest.json"
    value = json.loads(path.read_bytes())
    change(value)
    path.write_bytes(canonical(value))
    if signer is not None:
        (backup / "manifest.json.jws").write_text(sign_manifest(path.read_bytes(), signer))


def without_keys(house: House, place: Path) -> Path:
    """Return a folder of keys that has the epoch file alone: whoever has it need not be who signed."""
    place.mkdir()
    shutil.copy2(house.files.epoch, place / house.files.epoch.name)
    return place


def log_key(house: House) -> VerifierKey:
    """Return the log's Ed25519 key, as anybody may know it."""
    return parse_vkey(house.ledger.founding.log_keys[0])


# ------------------------------------------------------------------ the drill


def test_a_ledger_goes_on_from_its_backup_on_a_new_machine(house, tmp_path):
    """With keys and anchor from elsewhere: the same answers and views, clean, and it takes new results."""
    unfinished = received(house.build(PROVIDER_KEY, [statement("assessment.passed", **a_result(ANA))]))
    first = house.ledger.submit(unfinished)
    house.publish()
    done = taken(house, tmp_path / "backups")
    root = house.ledger.store.head().root

    other = put_back_from(done.folder, house, tmp_path / "new" / "place")

    assert other.ledger.store.head().root == root
    other.publisher().check()
    views = [Views(one.ledger) for one in (house, other)]
    for one in views:
        one.catch_up()
    assert views[0].position() == views[1].position() == other.size()
    assert list(views[1].differences()) == []
    assert other.ledger.submit(unfinished) == first
    assert other.audit().faults == []
    other.register(*people(2))
    other.clock.advance(timedelta(minutes=1))
    assert other.publish().size == other.size()
    assert other.audit().faults == []
    for one in views:
        one.close()
    other.close()


def test_what_is_put_in_place_is_for_its_owner_only(once, tmp_path):
    """Folder and keys 0700, every file 0600; nothing else lies beside it."""
    house, done = once

    placed(done.folder, house.files.keys, tmp_path / "new")

    made = list((tmp_path / "new").rglob("*"))
    assert {stat.S_IMODE(one.stat().st_mode) for one in made if one.is_file()} == {0o600}
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "new" / "keys").stat().st_mode) == 0o700
    assert [one.name for one in tmp_path.iterdir()] == ["new"]
    assert (tmp_path / "new" / "keys" / "epoch.json").read_bytes() == house.files.epoch.read_bytes()


def test_an_empty_folder_gives_way_and_any_other_is_refused(once, tmp_path):
    """Nothing in it is touched."""
    house, done = once
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "note").write_text("mine")

    placed(done.folder, house.files.keys, tmp_path / "empty")
    with pytest.raises(Refusal, match="is not empty"):
        placed(done.folder, house.files.keys, tmp_path / "full")

    assert LedgerFiles(tmp_path / "empty").exists
    assert [one.name for one in (tmp_path / "full").iterdir()] == ["note"]


def test_the_folder_may_be_named_from_within(once, tmp_path, monkeypatch):
    """As `.`, or through a link: the place that is meant gets the ledger, and nothing lies beside it."""
    house, done = once
    for name in ("inside", "far"):
        (tmp_path / name).mkdir()
    (tmp_path / "near").symlink_to(tmp_path / "far")
    monkeypatch.chdir(tmp_path / "inside")

    placed(done.folder, house.files.keys, Path())
    placed(done.folder, house.files.keys, tmp_path / "near")

    assert LedgerFiles(tmp_path / "inside").exists
    assert LedgerFiles(tmp_path / "far").exists
    assert sorted(one.name for one in tmp_path.iterdir()) == ["far", "inside", "near"]


# ------------------------------------------------------------------ while it is made


def put_back_until(step: Callable[[str], None], once, folder: Path) -> None:
    """Put the backup in place, calling `step` with the name of each step."""
    house, done = once
    files, keystore = LedgerFiles(folder), KeyStore(house.files.keys, PASSPHRASE)
    put_back(done.folder, files, house.files.keys, keystore, PASSPHRASE, Trusted(), at_step=step)


def test_keys_come_to_a_vault_when_nothing_is_left_to_be_checked(once, tmp_path):
    """Until the last step before the move, no folder of this restore holds both."""
    staging, seen = tmp_path / ".new.restoring", {}

    def look(step: str) -> None:
        folder = tmp_path / "new" if step == "placed" else staging
        seen[step] = ((folder / "vault.sqlite").exists(), (folder / "keys").exists())

    put_back_until(look, once, tmp_path / "new")

    assert list(seen) == list(PLACE_STEPS)
    assert [step for step, found in seen.items() if found == (True, True)] == ["keyed", "placed"]


def test_two_restores_into_one_place_do_not_meet(once, tmp_path):
    """The second is told that one is at work, changes nothing of it, and does it when that is gone."""
    house, done = once
    refused = []

    def second(step: str) -> None:
        before = sorted((tmp_path / ".new.restoring").iterdir()) if step != "placed" else None
        with pytest.raises((Unavailable, Refusal)) as found:
            placed(done.folder, house.files.keys, tmp_path / "new")
        refused.append(found.value.code)
        assert before is None or sorted((tmp_path / ".new.restoring").iterdir()) == before

    put_back_until(second, once, tmp_path / "new")

    assert refused == ["busy", "busy", "busy", "refused"]
    assert {one.name for one in done.manifest.files} <= {one.name for one in (tmp_path / "new").iterdir()}
    placed(done.folder, house.files.keys, tmp_path / "other")


def test_a_place_that_was_taken_meanwhile_is_refused(once, tmp_path, monkeypatch):
    """Another restore ended between the look at the folder and the turn."""
    house, done = once
    read = placing.read_manifest

    def slow(backup: Path) -> object:
        (tmp_path / "new").mkdir()
        (tmp_path / "new" / "note").write_text("mine")
        return read(backup)

    monkeypatch.setattr(placing, "read_manifest", slow)

    with pytest.raises(Refusal, match="is not empty"):
        placed(done.folder, house.files.keys, tmp_path / "new")

    assert [one.name for one in (tmp_path / "new").iterdir()] == ["note"]


def test_what_a_stopped_restore_left_goes_with_the_next(once, tmp_path):
    """Its keys are overwritten; what a link leads to is left alone."""
    house, done = once
    left = tmp_path / ".new.restoring" / "keys"
    left.mkdir(parents=True)
    (left / "epoch.json").write_bytes(b"sealed")
    (tmp_path / "kept").write_bytes(b"sealed")
    (left / "passphrase").symlink_to(tmp_path / "kept")
    second_name = tmp_path / "second-name"
    second_name.hardlink_to(left / "epoch.json")
    found = unfinished_restores(tmp_path / "new")

    placed(done.folder, house.files.keys, tmp_path / "new")

    assert found == [left.parent]
    assert unfinished_restores(tmp_path / "new") == []
    assert second_name.read_bytes() == bytes(6)
    assert (tmp_path / "kept").read_bytes() == b"sealed"


# ------------------------------------------------------------------ who vouches for it


def test_a_backup_alone_vouches_for_itself_only(once, tmp_path):
    """It agrees with itself, and whoever can make a ledger can make such a one: it is said."""
    house, done = once
    keys = without_keys(house, tmp_path / "keys")

    found = placed(done.folder, keys, tmp_path / "new")

    assert found.vouched_by == BY_ITSELF
    assert found.kid == house.signer("receipt").thumbprint


def test_the_operators_own_key_vouches_for_it(once, tmp_path):
    """The private half of the key that signed it is among the keys that were kept elsewhere."""
    house, done = once

    assert placed(done.folder, house.files.keys, tmp_path / "new").vouched_by == OWN_KEY


@pytest.mark.parametrize("way", ["key", "trust file"])
def test_a_known_key_of_the_log_vouches_for_the_records(once, tmp_path, way):
    """It signed the checkpoint; the records are those, and they register the key that signed the manifest."""
    house, done = once
    key = log_key(house)
    trusted = (
        Trusted(keys=(key,))
        if way == "key"
        else Trusted(origin=ORIGIN, by_size=log_keys_of(house.ledger.register()))
    )
    keys = without_keys(house, tmp_path / "keys")

    assert placed(done.folder, keys, tmp_path / "new", trusted).vouched_by == TRUSTED


def test_another_logs_key_vouches_for_nothing(once, tmp_path):
    """Nor does the name of another log: the backup is refused, whatever it says of itself."""
    house, done = once
    stranger = VerifierKey(ORIGIN, ED25519_TYPE, MemorySigner.generate().public_key().public_bytes_raw())

    for trusted in (
        Trusted(keys=(stranger,)),
        Trusted(origin="another.example/log", keys=(log_key(house),)),
    ):
        with pytest.raises(Unauthorised, match="the checkpoint in the backup"):
            placed(done.folder, house.files.keys, tmp_path / "new", trusted)

    assert not (tmp_path / "new").exists()


def test_a_known_key_says_nothing_of_a_backup_without_a_checkpoint(tmp_path):
    """A ledger that was never published has nothing that anybody signed for everybody."""
    house = a_ledger(tmp_path / "ledger")
    done = taken(house, tmp_path / "backups")

    with pytest.raises(Unauthorised, match="no checkpoint in the backup covers"):
        placed(done.folder, house.files.keys, tmp_path / "new", Trusted(keys=(log_key(house),)))

    assert placed(done.folder, house.files.keys, tmp_path / "new").vouched_by == OWN_KEY


# ------------------------------------------------------------------ what is refused


def flipped(backup: Path) -> None:
    """Change one byte in the middle of the records."""
    path = backup / "ledger.sqlite"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def swapped(backup: Path) -> None:
    """Let the signature be a stranger's, under his own name."""
    changed(backup, lambda _value: None, MemorySigner.generate())


def resigned(backup: Path) -> None:
    """Leave the signature as it was under a manifest that says more."""
    changed(backup, lambda value: value.update(made_at="2030-01-01T00:00:00Z"))


def renamed(backup: Path) -> None:
    """Let the manifest list a file that leads out of the backup."""
    changed(backup, lambda value: value["files"][0].update(name="../jobs.sqlite"))


def listed(backup: Path) -> None:
    """Let the manifest list a file that belongs to no ledger."""
    changed(
        backup,
        lambda value: value["files"].append({"name": "x", "bytes": 0, "sha256": value["root"], "version": 1}),
    )


def shortened(backup: Path) -> None:
    """Leave the vault out of the manifest."""
    changed(backup, lambda value: value["files"].pop())


def spaced(backup: Path) -> None:
    """Write the manifest in another form than the canonical one."""
    path = backup / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_bytes())))


def claimed(backup: Path) -> None:
    """Let the manifest speak of another root than the records make."""
    changed(backup, lambda value: value.update(root=b64url(bytes(32))))


def aged(backup: Path) -> None:
    """Let the manifest speak of another epoch than the vault is in."""
    changed(backup, lambda value: value.update(epoch=7))


def unnoted(backup: Path) -> None:
    """Cut the signatures off the checkpoint."""

    def cut(value: dict) -> None:
        value["checkpoint"] = value["checkpoint"].partition("\n\n")[0] + "\n\n— x AAAAAAAA\n"

    changed(backup, cut)


REFUSED = [
    (flipped, Corrupt, "ledger.sqlite in the backup is not the file that was signed"),
    (lambda backup: (backup / "vault.sqlite").unlink(), Absent, "vault.sqlite is not in the backup"),
    (lambda backup: (backup / "manifest.json").unlink(), Absent, "was not finished"),
    (lambda backup: (backup / "manifest.json.jws").unlink(), Absent, "was not finished"),
    (lambda backup: (backup / "manifest.json").write_text("{"), Malformed, "not JSON"),
    (lambda backup: (backup / "manifest.json.jws").write_text("a.b.c"), Malformed, "detached"),
    (lambda backup: (backup / "manifest.json.jws").write_bytes(b"\xff"), Malformed, "not text"),
    (swapped, Unauthorised, "not registered"),
    (resigned, Unauthorised, "signature does not hold"),
    (renamed, Malformed, "other kinds"),
    (listed, Malformed, "belongs to no ledger"),
    (shortened, Malformed, "does not list vault.sqlite"),
    (spaced, Malformed, "canonical form"),
    (claimed, Corrupt, "not those that the manifest names"),
    (aged, Corrupt, "not of the epoch"),
    (unnoted, Unauthorised, "has not signed this note"),
]


@pytest.mark.parametrize(("damage", "kind", "sentence"), REFUSED)
def test_a_backup_that_was_changed_is_not_put_in_place(once, backup, tmp_path, damage, kind, sentence):
    """Whatever was changed is said, and nothing has the folder's name, or lies beside it."""
    house, _ = once
    damage(backup)

    with pytest.raises(kind, match=sentence):
        placed(backup, house.files.keys, tmp_path / "new")

    assert [one.name for one in tmp_path.iterdir()] == ["backup"]


def test_whoever_has_the_receipt_key_cannot_change_the_records(once, backup, tmp_path):
    """Their sums may be signed again; the checkpoint and the root still say what they were."""
    house, _ = once
    connection = sqlite3.connect(backup / "ledger.sqlite")
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute("UPDATE record SET leaf = zeroblob(32) WHERE position = 9")
    connection.commit()
    connection.close()
    found = looked_at(backup / "ledger.sqlite")

    def again(value: dict) -> None:
        (listed,) = [one for one in value["files"] if one["name"] == found.name]
        listed.update(bytes=found.size, sha256=b64url(found.sha256))

    changed(backup, again, house.signer("receipt"))

    with pytest.raises(Corrupt, match="do not make the root"):
        placed(backup, house.files.keys, tmp_path / "new")


def test_a_backup_of_a_newer_program_is_left_to_it(once, backup, tmp_path):
    """The versions of its databases are not known here."""
    house, _ = once
    connection = sqlite3.connect(backup / "ledger.sqlite")
    connection.execute("PRAGMA user_version=99")
    connection.close()
    found = looked_at(backup / "ledger.sqlite")

    def again(value: dict) -> None:
        (listed,) = [one for one in value["files"] if one["name"] == found.name]
        listed.update(bytes=found.size, sha256=b64url(found.sha256), version=99)

    changed(backup, again, house.signer("receipt"))

    with pytest.raises(Unavailable, match="newer program") as refused:
        placed(backup, house.files.keys, tmp_path / "new")

    assert refused.value.code == "upgraded"


def test_the_wrong_keys_do_not_open_it(once, tmp_path):
    """A wrong passphrase, no epoch file, another ledger's: said before anything has its place."""
    house, done = once
    empty, other = tmp_path / "no-keys", an_empty_ledger(tmp_path / "other")
    empty.mkdir()
    folder = tmp_path / "new"

    with pytest.raises(Unauthorised):
        put_back(
            done.folder,
            LedgerFiles(folder),
            house.files.keys,
            KeyStore(house.files.keys, b"wrong"),
            b"wrong",
            Trusted(),
        )
    with pytest.raises(Absent, match=r"epoch\.json is not among the keys"):
        placed(done.folder, empty, folder)
    with pytest.raises(Corrupt, match="do not open it"):
        placed(done.folder, other.files.keys, folder)

    assert not folder.exists()
    other.close()


# ------------------------------------------------------------------ forgetting


def test_a_backup_from_before_a_turn_opens_for_nobody(house, tmp_path):
    """On purpose: its keys were destroyed, and with them all copies of who was forgotten."""
    done = taken(house, tmp_path / "backups")
    forget(house, ANA)
    turn(house.ledger)

    with pytest.raises(Corrupt, match="opens for nobody any more") as refused:
        placed(done.folder, house.files.keys, tmp_path / "new")

    assert refused.value.code == "epoch"
    assert not (tmp_path / "new").exists()
    newer = put_back_from(taken(house, tmp_path / "backups").folder, house, tmp_path / "new")
    assert newer.audit().faults == []
    newer.close()


def test_whoever_was_forgotten_is_forgotten_again_after_a_restore(house, tmp_path):
    """An old copy of the vault beside newer records: what they say is destroyed again at the start."""
    forget(house, BEN)  # so that the ledger's own key is in the old vault
    learner = learner_id(house, ANA)
    kept = tmp_path / "old-vault"
    shutil.copytree(taken(house, tmp_path / "backups").folder, kept)
    forget(house, ANA)
    house.publish()
    done = taken(house, tmp_path / "backups")
    other = put_back_from(done.folder, house, tmp_path / "new")
    other.close()
    shutil.copy2(kept / "vault.sqlite", tmp_path / "new" / "vault.sqlite")
    other.ledger = Ledger(other.files, PASSPHRASE, clock=other.clock)
    assert learner in other.ledger.vault.keys([learner])

    redone = redo(other.ledger, nothing_elsewhere)

    assert redone.again == 1
    assert learner not in other.ledger.vault.keys([learner])
    assert other.audit().faults == []
    other.close()


# ------------------------------------------------------------------ the anchor


def test_records_after_the_backup_that_were_published_are_a_rollback(house, tmp_path):
    """The anchor says so at the start; public ones come back from it, private ones are accounted for."""
    done = taken(house, tmp_path / "backups")
    house.clock.advance(timedelta(minutes=1))
    house.register(*people(2))
    house.organisation(96001)
    house.publish()
    house.clock.advance(timedelta(minutes=1))
    other = put_back_from(done.folder, house, tmp_path / "new")

    with pytest.raises(Rollback):
        other.publisher().check()
    restored = restore(other.ledger, accept_lost=True)
    other.publish()

    assert (restored.plan.public, restored.plan.lost) == (1, 2)
    assert other.audit().faults == []
    other.close()


def test_an_anchor_that_is_lost_is_begun_from_the_newest_checkpoint(house, tmp_path):
    """Only where there is none: a ledger that goes on from there has the root that was signed."""
    house.register(*people(1))  # recorded, and not published yet
    done = taken(house, tmp_path / "backups")
    placed(done.folder, house.files.keys, tmp_path / "new")
    files = LedgerFiles(tmp_path / "new")
    other = House(
        files, KeyStore(files.keys, PASSPHRASE), house.clock, Ledger(files, PASSPHRASE, clock=house.clock)
    )
    with pytest.raises(Corrupt, match="the anchor does not say so"):
        other.publisher().check()

    begun = begin_anchor(other.ledger.store, files.anchor, ORIGIN)

    assert begun.size == done.manifest.size - 1
    other.publisher().check()
    with pytest.raises(Refusal, match="there is an anchor"):
        begin_anchor(other.ledger.store, files.anchor, ORIGIN)
    house.clock.advance(timedelta(minutes=1))
    assert other.publish().size == done.manifest.size
    assert other.audit().faults == []
    other.close()


def test_a_ledger_without_a_checkpoint_begins_no_anchor(tmp_path):
    """There is nothing that it could say."""
    house = a_ledger(tmp_path / "ledger")

    with pytest.raises(Absent, match="no checkpoint was signed"):
        begin_anchor(house.ledger.store, tmp_path / "anchor", ORIGIN)


def test_the_files_of_views_are_made_again(once, tmp_path):
    """They are in no backup, and the policy of witnesses is."""
    house, _ = once
    house.files.policy.write_text("quorum none\n")
    done = take(house.ledger, tmp_path / "backups")
    house.files.policy.unlink()

    placed(done.folder, house.files.keys, tmp_path / "new")

    assert "views.sqlite" not in [one.name for one in done.manifest.files]
    assert (tmp_path / "new" / "policy").read_text() == "quorum none\n"
