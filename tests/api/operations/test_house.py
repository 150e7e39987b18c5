"""Opening a house: what is missing or wrong is said at once; what was published decides what may go on."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from api.house import House, close_house, open_house
from api.operations.background import Background
from api.settings import DEMO_MARK, Settings
from ledger.errors import Absent, Corrupt, LedgerError, Rollback, Split, Unauthorised, Unavailable
from ledger.files import LedgerFiles
from ledger.founding import REGISTRAR
from ledger.publisher import latest
from tests.api.door import Door, copy_of, results_csv
from tests.support import ledgers
from tests.support.ledgers import PASSPHRASE, people
from tests.support.world import ANA, BEN, PROVIDER, identity


@contextmanager
def opened(folder: Path, settings: Settings | None = None) -> Iterator[House]:
    """Open a house, and close it."""
    house = open_house(folder, settings)
    try:
        yield house
    finally:
        close_house(house)


def size_of(house: House) -> int:
    """Return the number of records."""
    return house.ledger.store.head().size


# ------------------------------------------------------------------ what is missing or wrong


def test_a_house_opens_with_everything_around_the_ledger(folder):
    """Ledger, views, documents, tokens; nothing wrong, and no demonstration."""
    with opened(folder) as house:
        assert size_of(house) > 10
        assert house.fault is None
        assert not house.demo
        house.check_writable()


@pytest.mark.parametrize("there", [False, True], ids=["no folder", "an empty folder"])
def test_where_no_ledger_is_none_is_opened_or_made(tmp_path, there):
    """Absent, with the command that makes one; the folder is as it was."""
    folder = tmp_path / "nowhere"
    if there:
        folder.mkdir()

    with pytest.raises(Absent, match="roa init"):
        open_house(folder)

    assert folder.exists() is there
    assert not there or not list(folder.iterdir())


def test_without_its_passphrase_nothing_opens(folder):
    """The sentence names the file and the setting."""
    (folder / "keys" / "passphrase").unlink()

    with pytest.raises(Unauthorised, match="ROA_PASSPHRASE_FILE"):
        open_house(folder)


@pytest.mark.parametrize("wrong", [b"", b"another", PASSPHRASE[:-1]])
def test_a_wrong_passphrase_opens_nothing(folder, wrong):
    """Nor is the one given, or the right one, in the sentence."""
    (folder / "keys" / "passphrase").write_bytes(wrong)

    with pytest.raises(Unauthorised) as refused:
        open_house(folder)

    assert PASSPHRASE.decode() not in str(refused.value)


def test_the_passphrase_may_lie_elsewhere(folder, tmp_path, monkeypatch):
    """ROA_PASSPHRASE_FILE, or the setting of that name."""
    elsewhere = (folder / "keys" / "passphrase").rename(tmp_path / "secret")

    with opened(folder, Settings(passphrase_file=elsewhere)) as house:
        assert house.fault is None
    monkeypatch.setenv("ROA_PASSPHRASE_FILE", str(elsewhere))
    with opened(folder) as house:
        assert house.fault is None


@pytest.mark.parametrize("name", ["ledger.sqlite", "vault.sqlite", "jobs.sqlite"])
def test_a_damaged_file_is_named(folder, name):
    """Not a database any more: Corrupt, and which of them."""
    for old in folder.glob(f"{name}*"):
        old.unlink()
    (folder / name).write_bytes(b"this was a database once " * 100)

    with pytest.raises(Corrupt, match=name):
        open_house(folder)


def test_a_ledger_that_was_never_founded_says_so(folder):
    """Its file is there and empty: a stop interrupted the founding."""
    for old in folder.glob("ledger.sqlite*"):
        old.unlink()
    (folder / "ledger.sqlite").touch()

    with pytest.raises(LedgerError, match="not founded"):
        open_house(folder)


def test_lost_views_are_built_again(folder):
    """They hold nothing that the records do not say."""
    with opened(folder) as house:
        house.views.catch_up()
        listed = house.views.differences()
    for old in folder.glob("views.sqlite*"):
        old.unlink()

    with opened(folder) as house:
        house.views.catch_up()
        assert house.views.differences() == listed == []


def test_a_demonstration_is_known_by_its_mark(folder):
    """And so are its personas."""
    (folder / DEMO_MARK).write_text('{"personas": [{"learner": "x", "story": "y"}]}')

    with opened(folder) as house:
        assert house.demo
        assert [one["story"] for one in house.personas] == ["y"]


def test_the_anchors_place_may_lie_elsewhere(folder, tmp_path):
    """Published there and nowhere else; without it the same ledger says what is missing."""
    place = tmp_path / "another-disk"
    _publish_at(folder, place)

    with opened(folder, Settings(anchor=place)) as house:
        assert house.fault is None
    assert (place / "checkpoint").exists()
    assert not (folder / "anchor" / "checkpoint").exists()
    with opened(folder) as house:
        assert house.fault is not None
        assert house.fault.code == "anchor"


def _publish_at(folder: Path, place: Path) -> None:
    ledger = ledgers.open_house(folder)
    ledger.files = LedgerFiles(folder, place)
    ledger.publish()
    ledger.close()


# ------------------------------------------------------------------ rollback and split


def _put_back(old: Path, folder: Path) -> None:
    """Replace the ledger's database by the one in another folder."""
    for one in folder.glob("ledger.sqlite*"):
        one.unlink()
    for one in old.glob("ledger.sqlite*"):
        shutil.copy2(one, folder / one.name)


def rolled_back(made: Path, place: Path) -> Path:
    """Return a ledger whose database is older than what was published of it."""
    door = copy_of(made, place / "ledger")
    door.house.catch_up()
    door.close()
    shutil.copytree(place / "ledger", place / "old")
    door = _again(place / "ledger")
    door.ledger.passed(ANA)
    door.house.catch_up()
    door.close()
    _put_back(place / "old", place / "ledger")
    return place / "ledger"


def split(made: Path, place: Path) -> Path:
    """Return a ledger whose database tells another history than the one that was published."""
    folder = place / "ledger"
    shutil.copytree(made, folder)
    shutil.copytree(made, place / "other")
    for one, human in ((folder, ANA), (place / "other", BEN)):
        door = _again(one)
        door.ledger.passed(human)
        door.house.catch_up()
        door.close()
    _put_back(place / "other", folder)
    return folder


def _again(folder: Path) -> Door:
    return Door(ledgers.open_house(folder))


Wrong = Callable[[Path, Path], Path]
WRONGS = pytest.mark.parametrize(("wrong", "kind"), [(rolled_back, Rollback), (split, Split)])


@WRONGS
def test_another_database_than_was_published_is_found_at_the_start(made, tmp_path, wrong: Wrong, kind):
    """An old copy put back, or another history: the house opens, reads go on, writing has stopped."""
    with opened(wrong(made, tmp_path)) as house:
        size, number = size_of(house), house.ledger.register().organisation(PROVIDER).number
        house.views.catch_up()

        assert type(house.fault) is kind
        assert number == PROVIDER
        with pytest.raises(Unavailable) as stopped:
            house.check_writable()
        assert stopped.value.code == kind.code
        with pytest.raises(kind):
            house.publisher.publish()
        assert size_of(house) == size


@WRONGS
def test_the_doors_of_such_a_house_read_and_do_not_write(made, tmp_path, wrong: Wrong, kind):
    """503 for a file or what somebody signed, 200 for what is there; `/healthz` says which it is."""
    door = _again(wrong(made, tmp_path))
    size = door.ledger.size()

    refused = door.post_csv(results_csv([(ANA, "LO1", "A")]))
    said = [ledgers.statement("learner.registered", who=identity(ANA))]
    signed = door.post_signed(door.ledger.build(REGISTRAR, said))
    with pytest.raises(Unavailable) as beneath:
        door.ledger.organisation(98000)  # past the house: the ledger itself refuses
    health, checkpoint = door.get("/healthz").json(), door.get("/log/checkpoint")

    for answer in (refused, signed):
        assert (answer.status_code, answer.json()["code"]) == (503, kind.code)
        assert answer.headers["Retry-After"].isdigit()
    assert beneath.value.code == kind.code
    assert health == {"status": "reading only", "reason": kind.code}
    assert checkpoint.status_code == 200
    assert door.ledger.size() == size
    door.close()


def _remove(anchor: Path) -> None:
    (anchor / "anchor").unlink()


def _remove_all(anchor: Path) -> None:
    shutil.rmtree(anchor)


def _garble(anchor: Path) -> None:
    (anchor / "anchor").write_bytes(b"\xff\xfe")


def _garble_checkpoint(anchor: Path) -> None:
    (anchor / "checkpoint").write_bytes(b"no note")


WRONG_ANCHORS = pytest.mark.parametrize("wrong", [_remove, _remove_all, _garble, _garble_checkpoint])


@WRONG_ANCHORS
def test_an_anchor_that_does_not_check_is_no_fresh_start(door, wrong):
    """Whoever removes or damages it gets a ledger that reads, and neither writes nor signs."""
    door.house.catch_up()
    anchor, size = door.ledger.files.anchor, door.ledger.size()
    wrong(anchor)
    left = {path: path.read_bytes() for path in anchor.rglob("*") if path.is_file()}

    door.restart()

    assert door.house.fault is not None
    assert door.house.fault.code == "anchor"
    refused = door.post_csv(results_csv([(ANA, "LO1", "A")]))
    assert (refused.status_code, refused.json()["code"]) == (503, "anchor")
    assert refused.headers["Retry-After"].isdigit()
    with pytest.raises(Corrupt, match="anchor"):
        door.house.publisher.publish()
    assert door.get("/log/checkpoint").status_code == 200
    assert door.ledger.size() == size
    assert {path: path.read_bytes() for path in left} == left
    assert not (anchor / "anchor").exists() or wrong in (_garble, _garble_checkpoint)


def test_an_anchor_that_goes_while_the_server_runs_stops_writing(door):
    """Found at the next turn, whoever removed it."""
    background = Background(door.house)
    background._turn()
    _garble(door.ledger.files.anchor)
    door.ledger.passed(ANA)

    background._turn()

    assert door.house.fault.code == "anchor"
    assert door.post_csv(results_csv([(BEN, "LO1", "A")])).json()["code"] == "anchor"


def test_another_server_that_publishes_this_log_stops_this_one(door, tmp_path):
    """Two copies of one ledger at one anchor's place: whoever comes second stops writing."""
    door.house.catch_up()
    door.ledger.close()
    shutil.copytree(door.ledger.files.folder, tmp_path / "other")
    door.restart()
    other = ledgers.open_house(tmp_path / "other")
    other.files = LedgerFiles(tmp_path / "other", door.ledger.files.anchor)
    other.passed(BEN)
    other.publish()
    other.close()
    background = Background(door.house)

    background._turn()
    behind = door.house.fault
    door.house.fault = None
    door.ledger.passed(ANA)
    background._turn()

    assert isinstance(behind, Rollback)
    assert isinstance(door.house.fault, Split)
    assert door.post_csv(results_csv([(BEN, "LO1", "A")])).json()["code"] == "split"


def test_a_stop_between_anchor_and_checkpoint_is_no_fault(door, monkeypatch):
    """The next publication completes it."""
    door.ledger.register(*people(3))

    def stopped(name: str) -> None:
        if name == "anchor_swapped":
            raise KeyboardInterrupt

    monkeypatch.setattr(door.house.publisher, "at_step", stopped)
    with pytest.raises(KeyboardInterrupt):
        door.house.catch_up()
    door.restart()
    unpublished = latest(door.ledger.ledger.store.database.reader)
    door.house.catch_up()

    assert door.house.fault is None
    assert unpublished is None
    assert door.get("/log/checkpoint").status_code == 200
