"""Backups of a ledger that goes on meanwhile: whole, consistent, signed, or not there at all.

Source: LEDGER.md 4 (keys are never in a backup), 9 (P1, P7).
"""

import errno
import json
import resource
import sqlite3
import stat
import threading
from pathlib import Path
from uuid import UUID

import pytest

from ledger.backup import read_manifest, shelf, take
from ledger.backup.copying import ORDER
from ledger.encoding.strict_json import b64url
from ledger.errors import Corrupt, Refusal, Unavailable
from ledger.forgetting import redo
from ledger.keys.signer import jws_read
from ledger.turning import turn
from tests.support.backups import put_back_from, taken
from tests.support.forgetting import (
    a_published_ledger_with_officers,
    approved,
    forget,
    nothing_elsewhere,
    requested,
)
from tests.support.ledgers import PROVIDER_KEY, House, people, received, statement
from tests.support.world import ANA, ORIGIN, a_result

THREADS = 32
FILES = ["jobs.sqlite", "ledger.sqlite", "vault.sqlite"]


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A published ledger where Ana and Ben hold an award each, and two officers may forget them."""
    return a_published_ledger_with_officers(tmp_path / "ledger")


def left_in(place: Path) -> list[Path]:
    """Return whatever lies below a folder of backups."""
    return sorted(place.rglob("*"))


# ------------------------------------------------------------------ what it is


def test_a_backup_is_the_databases_and_a_signed_manifest(house, tmp_path):
    """Readable for their owner only, in a folder of their own, named for when it was begun."""
    done = taken(house, tmp_path / "backups")

    assert done.folder.parent == tmp_path / "backups"
    assert sorted(path.name for path in done.folder.iterdir()) == sorted(
        [*FILES, "manifest.json", "manifest.json.jws"]
    )
    assert {stat.S_IMODE(path.stat().st_mode) for path in done.folder.iterdir()} == {0o600}
    assert {stat.S_IMODE(one.stat().st_mode) for one in (done.folder, done.folder.parent)} == {0o700}
    assert [one.name for one in done.manifest.files] == FILES
    assert [one.size for one in done.manifest.files] == [
        (done.folder / name).stat().st_size for name in FILES
    ]


def test_the_manifest_says_how_far_the_copy_reaches(house, tmp_path):
    """Origin, size and root of the records, the newest checkpoint, the epoch of the vault; all in JCS."""
    head = house.ledger.store.head()

    done = taken(house, tmp_path / "backups")

    data = (done.folder / "manifest.json").read_bytes()
    value = json.loads(data)
    assert data == json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert (value["format"], value["origin"]) == ("achievement-ledger/backup/v1", ORIGIN)
    assert (value["size"], value["root"], value["epoch"]) == (head.size, b64url(head.root), 1)
    assert value["checkpoint"].splitlines()[:2] == [ORIGIN, str(head.size)]
    assert [one["version"] for one in value["files"]] == [2, 2, 2]


def test_the_operators_receipt_key_signs_the_exact_bytes(house, tmp_path):
    """Detached, under a type of its own: no acknowledgement is a manifest, and no manifest one of those."""
    done = taken(house, tmp_path / "backups")

    signed = read_manifest(done.folder)
    header, middle, _ = signed.signature.split(".")

    assert middle == ""
    assert signed.kid == house.signer("receipt").thumbprint
    signed.check(house.signer("receipt").public_key_jwk())
    assert jws_read(f"{header}.e30.AA").header["typ"] == "achievement-backup+jws"


def test_no_key_and_nothing_of_the_epoch_file_is_in_it(house, tmp_path):
    """Neither the files of keys, nor what is in them, nor the passphrase."""
    done = taken(house, tmp_path / "backups")

    copied = b"".join(path.read_bytes() for path in done.folder.iterdir())
    for path in house.files.keys.iterdir():
        lines = [line for line in path.read_bytes().split(b"\n") if len(line) > 40]
        assert lines
        assert not [line for line in lines if line in copied], path.name


def test_what_was_deleted_is_not_in_the_copy(house, tmp_path):
    """The copy has no free pages: what lingers in the vault's file and log stays there."""
    house.ledger.vault.truncate_wal()

    done = taken(house, tmp_path / "backups")

    for name in FILES:
        connection = sqlite3.connect(done.folder / name)
        assert connection.execute("PRAGMA freelist_count").fetchone() == (0,)
        connection.close()


# ------------------------------------------------------------------ while others write


def test_the_copy_fits_together_while_many_threads_write(house, tmp_path):
    """Thirty-two threads post as it is taken: put back, it is clean, and has all that came before."""
    learners = people(THREADS)
    house.register(*learners)
    house.enrol(*learners)
    ledger, failed = house.ledger, []
    started, stop = threading.Semaphore(0), threading.Event()
    sent = {
        one.nsn: [
            received(house.build(PROVIDER_KEY, [statement("assessment.passed", **a_result(one, outcome))]))
            for outcome in ("LO1", "LO2")
        ]
        for one in learners
    }

    def post(number: int) -> None:
        one = learners[number]
        try:
            ledger.submit(sent[one.nsn][0])
            started.release()
            stop.wait(60)
            ledger.submit(sent[one.nsn][1])
        except BaseException as error:  # noqa: BLE001 - told by the test's thread
            failed.append(error)
            started.release()

    threads = [threading.Thread(target=post, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for _ in threads[: THREADS // 2]:
        assert started.acquire(timeout=60)
    before = house.size()

    def step(name: str) -> None:
        if name == "jobs.sqlite":
            stop.set()  # the second half of the posts comes while the copies are taken

    done = take(ledger, tmp_path / "backups", at_step=step)
    for thread in threads:
        thread.join()

    assert failed == []
    other = put_back_from(done.folder, house, tmp_path / "new")
    assert before <= other.size() == done.manifest.size <= house.size()
    assert other.audit().faults == []
    # What its jobs do not know is answered from its records, and what it does not have is decided.
    for submissions in sent.values():
        for one in submissions:
            assert [outcome.status for outcome in other.ledger.submit(one)] == ["accepted"]
    assert other.size() == house.size()
    assert other.audit().faults == []
    other.close()


def test_the_order_is_what_makes_the_copies_fit(house, tmp_path):
    """Whatever is recorded between two copies: no copied outcome names a record that was copied before it."""
    order = [part.of(house.files).name for part in ORDER]
    told = []

    def step(name: str) -> None:
        told.append(name)
        if name == "jobs.sqlite":
            house.register(*people(1, first=500))
        if name == "ledger.sqlite":
            house.register(*people(1, first=501))

    done = take(house.ledger, tmp_path / "backups", at_step=step)

    assert [name for name in order if name in told] == FILES == told[: len(FILES)]
    assert done.manifest.size == house.size() - 1
    other = put_back_from(done.folder, house, tmp_path / "new")
    assert other.audit().faults == []
    newest = max(row.position for row in other.ledger.jobs.placed_after(0))
    assert newest == done.manifest.size - 1
    other.close()


# ------------------------------------------------------------------ forgetting and turning


def test_copies_between_which_somebody_was_forgotten_are_taken_again(house, tmp_path):
    """The first has her body and not her key; what is kept is of after the forgetting, and clean."""
    asked, tries = requested(house, ANA), []

    def step(name: str) -> None:
        tries.append(name)
        if tries == ["jobs.sqlite"]:
            approved(house, asked)
            redo(house.ledger, nothing_elsewhere)

    done = take(house.ledger, tmp_path / "backups", at_step=step)

    assert tries.count("jobs.sqlite") == 2
    other = put_back_from(done.folder, house, tmp_path / "new")
    report = other.audit()
    assert (report.faults, report.without_key) == ([], 0)
    assert report.forgotten > 0
    other.close()


def test_copies_between_which_the_epoch_turned_are_taken_again(house, tmp_path):
    """What is kept opens under the keys that are there when it is done."""
    tries = []

    def step(name: str) -> None:
        tries.append(name)
        if tries == ["jobs.sqlite", "ledger.sqlite"]:
            turn(house.ledger)

    done = take(house.ledger, tmp_path / "backups", at_step=step)

    assert tries.count("jobs.sqlite") == 2
    assert done.manifest.epoch == house.ledger.vault.epoch == 2
    other = put_back_from(done.folder, house, tmp_path / "new")
    assert other.audit().faults == []
    other.close()


def test_a_ledger_that_forgets_without_end_is_not_copied(house, tmp_path):
    """After a few tries it says so, and leaves nothing: here a key of the jobs is never in the vault."""
    jobs = house.ledger.jobs
    jobs.set_sealing_key(UUID(int=1), instead_of=jobs.sealing_key())

    with pytest.raises(Unavailable, match="are being forgotten") as caught:
        taken(house, tmp_path / "backups")

    assert caught.value.code == "busy"
    assert left_in(tmp_path / "backups") == []


# ------------------------------------------------------------------ what goes wrong

STEPS = (*FILES, "checked", "signed")


@pytest.mark.parametrize("at", STEPS)
def test_a_disk_that_is_full_at_any_step_leaves_nothing_that_looks_like_a_backup(house, tmp_path, at):
    """Unavailable, the room given back; the next one is taken as if nothing had been."""

    def step(name: str) -> None:
        if name == at:
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(Unavailable, match="No space left") as caught:
        take(house.ledger, tmp_path / "backups", at_step=step)

    assert caught.value.code == "storage"
    assert left_in(tmp_path / "backups") == []
    assert taken(house, tmp_path / "backups").folder.exists()


def test_a_copy_that_the_disk_cuts_off_is_none(house, tmp_path):
    """The operating system refuses to let a file grow in the middle of a copy."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    house.ledger.store.database.truncate_wal()
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, before[1]))
        with pytest.raises(Unavailable):
            taken(house, tmp_path / "backups")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert left_in(tmp_path / "backups") == []
    assert taken(house, tmp_path / "backups").folder.exists()


def test_what_a_kill_leaves_is_no_backup_and_goes_with_the_next_one(house, tmp_path):
    """Its folder is named as unfinished, no list of backups has it, and nobody has to clean up."""
    left = tmp_path / "backups" / ".unfinished-20200101T000000Z"
    left.mkdir(parents=True)
    (left / "jobs.sqlite").write_bytes(b"half of it")

    assert shelf(tmp_path / "backups", ORIGIN) == []
    done = taken(house, tmp_path / "backups")

    assert not left.exists()
    assert [one.folder for one in shelf(tmp_path / "backups", ORIGIN)] == [done.folder]


def test_records_that_do_not_make_their_root_are_not_copied_over_those_that_did(house, tmp_path):
    """A leaf that changed in the file: the backup is refused, and nothing is left of it."""
    connection = sqlite3.connect(house.files.ledger)
    connection.execute("DROP TRIGGER record_is_never_updated")
    connection.execute("UPDATE record SET leaf = zeroblob(32) WHERE position = 5")
    connection.commit()
    connection.close()

    with pytest.raises(Corrupt, match="do not make the root"):
        taken(house, tmp_path / "backups")

    assert left_in(tmp_path / "backups") == []


def test_a_backup_into_the_ledgers_own_folder_is_refused(house):
    """It would burn with it."""
    with pytest.raises(Refusal, match="another disk"):
        taken(house, house.files.folder / "backups")


def test_a_ledger_that_stopped_writing_is_not_copied(house, tmp_path):
    """What is behind its anchor must not take the place of what was not."""
    house.ledger.fault = Corrupt("an old copy was put back", code="rollback")

    with pytest.raises(Unavailable, match="writing has stopped"):
        taken(house, tmp_path / "backups")


def test_two_in_one_second_have_two_names_and_an_order(house, tmp_path):
    """The shelf has both; the epoch says which of them are closed."""
    first, second = taken(house, tmp_path / "backups"), taken(house, tmp_path / "backups")
    forget(house, ANA)
    turn(house.ledger)
    third = taken(house, tmp_path / "backups")

    found = shelf(tmp_path / "backups", ORIGIN)

    assert second.folder.name == f"{first.folder.name}-2"
    assert {one.folder for one in found} == {first.folder, second.folder, third.folder}
    assert {one.folder for one in found if not one.is_closed(2)} == {third.folder}
    assert shelf(tmp_path / "backups", "another.example/log") == []
    assert shelf(tmp_path / "nowhere", ORIGIN) == []
