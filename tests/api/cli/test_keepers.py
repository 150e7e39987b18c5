"""Commands of whoever keeps a ledger, by exit code and by what they print."""

import io
import json
import shutil
import signal
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest
import uvicorn

from api.client.verify import Trust
from api.client.verify.tlog import parse_checkpoint
from api.settings import DEMO_MARK
from ledger.database import connect
from ledger.keys.signer import ED25519, MemorySigner
from ledger.log.cosignature import Ed25519Cosigner
from projections.issuing import EXPORT_FORMATS
from tests.api.cli.shell import Ran, roa
from tests.scripts.server import free_port
from tests.support import ledgers
from tests.support.world import ANA, BEN


def on(folder: Path, command: str, *words: object) -> Ran:
    """Run a command on a ledger."""
    return roa(command, *words, "--data", folder)


# ------------------------------------------------------------------ init


def test_init_founds_a_ledger_that_is_published_and_clean(tmp_path):
    """Exit 0: the first checkpoint, the trust file with its signature, a passphrase only the owner reads."""
    folder = tmp_path / "new"

    ran = on(folder, "init", "--origin", "log.example/one", "--registrar-name", "Authority (demo)")

    trust = Trust.parse((folder / "trust.json").read_bytes(), (folder / "trust.json.jws").read_bytes())
    assert ran.code == 0
    assert "log.example/one" in ran.out
    assert trust.fingerprint in ran.out
    assert trust.origin == "log.example/one"
    assert (folder / "keys" / "passphrase").stat().st_mode & 0o777 == 0o600
    counted = {"records": 3, "submissions": 2, "checkpoints": 1, "accesses": 1}  # the audit's own
    assert on(folder, "audit", "--json").json == {**CLEAN, **counted}


CLEAN = {
    "ok": True,
    "findings": [],
    "more_findings": 0,
    "since": None,
    "not_looked_at": None,
    "cosignatures": 0,
    "not_checkable": 0,
    "forgotten": 0,
    "lost": 0,
    "redacted": 0,
    "suspect": 0,
    "annulled": 0,
}


def test_init_takes_its_passphrase_from_elsewhere(tmp_path, monkeypatch):
    """ROA_PASSPHRASE_FILE; then none is made, and without the setting nothing opens."""
    secret = tmp_path / "secret"
    secret.write_text("a passphrase of the operator\n")
    monkeypatch.setenv("ROA_PASSPHRASE_FILE", str(secret))

    made = on(tmp_path / "new", "init")
    audited = on(tmp_path / "new", "audit")
    monkeypatch.delenv("ROA_PASSPHRASE_FILE")

    assert (made.code, audited.code) == (0, 0)
    assert not (tmp_path / "new" / "keys" / "passphrase").exists()
    assert on(tmp_path / "new", "audit").code == 2


def test_init_never_touches_what_is_there(folder):
    """Exit 2 where a ledger is: every file stays as it was."""
    before = _contents(folder)

    ran = on(folder, "init")

    assert (ran.code, ran.out) == (2, "")
    assert _contents(folder) == before


def test_init_never_replaces_the_passphrase_of_keys_that_are_there(folder):
    """Nor where only the database was lost: with the old passphrase a copy of it still opens."""
    for lost in folder.glob("ledger.sqlite*"):
        lost.unlink()
    before = _contents(folder)

    codes = [on(folder, "init").code, on(folder, "demo", "--json").code]

    assert all(codes)
    assert _contents(folder) == before


def _contents(folder: Path) -> dict[Path, bytes]:
    return {one: one.read_bytes() for one in folder.rglob("*") if one.is_file()}


def test_init_where_no_folder_can_be_is_wrong_use(tmp_path):
    """Exit 2 below a file."""
    (tmp_path / "file").touch()

    assert on(tmp_path / "file" / "new", "init").code == 2


def test_a_passphrase_file_that_is_not_there_is_wrong_use(tmp_path, monkeypatch):
    """Exit 2, and no half of a ledger."""
    monkeypatch.setenv("ROA_PASSPHRASE_FILE", str(tmp_path / "nothing"))

    assert on(tmp_path / "new", "init").code == 2
    assert not (tmp_path / "new" / "ledger.sqlite").exists()


# ------------------------------------------------------------------ audit, publish


def test_a_sound_ledger_is_clean(folder):
    """Exit 0, in words and as JSON, with keys and without."""
    words, as_json, keyless = (on(folder, "audit", *more) for more in ((), ("--json",), ("--without-keys",)))

    assert (words.code, as_json.code, keyless.code) == (0, 0, 0)
    assert "clean" in words.out
    assert as_json.json["ok"] is True
    assert as_json.json["findings"] == []
    assert as_json.json["records"] > 15


def test_without_keys_the_passphrase_is_not_asked_for(folder):
    """Anyone with a copy can audit what is not sealed."""
    (folder / "keys" / "passphrase").unlink()

    assert (on(folder, "audit", "--without-keys").code, on(folder, "audit").code) == (0, 2)


def test_a_view_that_says_something_else_is_a_finding(folder):
    """Exit 1; rebuilding it makes it clean again."""
    on(folder, "rebuild")
    connection = connect(folder / "views.sqlite")
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")]
    register = next(name for name in tables if "microcredential" in name or "listing" in name)
    connection.execute(f"DELETE FROM {register}")  # noqa: S608 - a name from the schema
    connection.close()

    found, rebuilt, clean = on(folder, "audit", "--json"), on(folder, "rebuild"), on(folder, "audit")

    assert found.code == 1
    assert {one["code"] for one in found.json["findings"]} == {"view"}
    assert (rebuilt.code, clean.code) == (0, 0)


def test_publish_prints_the_checkpoint(folder):
    """A note with its long signatures cut, and where it is whole; number, size, root and state as JSON."""
    note, as_json, again = (on(folder, "publish", *more) for more in ((), ("--json",), ("--json",)))

    whole = Path(note.lines[-1].removeprefix("In full: ")).read_text()
    checkpoint = parse_checkpoint(whole)
    assert note.lines[:4] == whole.splitlines()[:4]
    assert all(len(line) < 150 for line in note.lines[:-1])
    assert (note.code, as_json.code) == (0, 0)
    assert as_json.json == {
        "number": 1,
        "size": checkpoint.size,
        "root": checkpoint.root.hex(),
        "state": "published",
    }
    assert again.out == as_json.out


def test_publish_says_which_witness_did_not_cosign(folder):
    """On the error stream; the exit is 0, because everything is published."""
    key = Ed25519Cosigner("w1.example", MemorySigner.generate(ED25519)).vkey
    (folder / "policy").write_text(f"witness w1 {key} http://127.0.0.1:9\nquorum w1\n")

    ran = on(folder, "publish")

    assert ran.code == 0
    assert "No cosignature of w1: unreachable" in ran.err
    assert "not witnessed yet" in ran.err


def test_publish_takes_in_what_was_appended(folder):
    """A new checkpoint over all of it, and the trust file as at its size."""
    before = on(folder, "publish", "--json").json
    _passed_since(folder)

    after = on(folder, "publish", "--json").json

    trust = Trust.parse((folder / "trust.json").read_bytes(), (folder / "trust.json.jws").read_bytes())
    assert after["number"] == before["number"] + 1
    assert after["size"] == before["size"] + 2 == trust.as_at_position


def _passed_since(folder: Path) -> None:
    house = ledgers.open_house(folder)
    house.passed(BEN)
    house.close()


def rolled_back(folder: Path) -> None:
    """Publish something, and put the older database back."""
    old = shutil.copytree(folder, folder.with_name("old"))
    _passed_since(folder)
    assert on(folder, "publish").code == 0
    for name in ("ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"):
        (folder / name).unlink(missing_ok=True)
        if (old / name).exists():
            shutil.copy2(old / name, folder / name)


def split(folder: Path) -> None:
    """Publish something, and have the database tell another history of the same length."""
    rolled_back(folder)
    house = ledgers.open_house(folder)
    house.must(
        ledgers.PROVIDER_KEY,
        [
            ledgers.statement("assessment.passed", **ledgers.a_result(BEN, one, grade="E"))
            for one in ("LO1", "LO2")
        ],
    )
    house.close()


Wrong = Callable[[Path], None]
WRONGS = pytest.mark.parametrize(("wrong", "code"), [(rolled_back, 3), (split, 4)])


@WRONGS
@pytest.mark.parametrize(
    "words",
    [["publish"], ["publish", "--json"], ["audit"], ["audit", "--json"], ["keys", "custody", "95002"]],
    ids=" ".join,
)
def test_a_rollback_is_3_and_a_split_is_4(folder, wrong: Wrong, code, words):
    """For whatever writes, and for the audit that finds it."""
    wrong(folder)
    size = _size(folder)

    assert roa(*words, "--data", folder).code == code
    assert _size(folder) == size


@WRONGS
def test_reading_goes_on_after_either(folder, wrong: Wrong, code):
    """Exports, views and keys answer as before."""
    wrong(folder)
    del code

    assert on(folder, "export", ANA.nsn, "--format", "json").code == 0
    assert on(folder, "rebuild").code == 0
    assert roa("keys", "list", "--data", folder, "--json").code == 0


def _size(folder: Path) -> int:
    house = ledgers.open_house(folder)
    size = house.size()
    house.close()
    return size


# ------------------------------------------------------------------ rebuild, export


def test_rebuild_builds_all_views_or_the_one_named(folder):
    """A line for each, with the position it reached."""
    size = _size(folder)

    every = on(folder, "rebuild")
    names = [line.partition(":")[0] for line in every.lines]
    one = on(folder, "rebuild", names[-1])

    assert (every.code, one.code) == (0, 0)
    assert {"record_of_achievement", "public_register", "directory", "status"} <= set(names)
    assert all(line.endswith(f" {size}") for line in every.lines)
    assert one.lines == every.lines[-1:]


def test_rebuild_of_a_view_that_there_is_not_is_wrong_use(folder):
    """Exit 2, and the names that there are."""
    ran = on(folder, "rebuild", "everything")

    assert ran.code == 2
    assert "record_of_achievement" in ran.err


@pytest.mark.parametrize("format_", EXPORT_FORMATS)
def test_a_record_is_exported_in_every_format(folder, tmp_path, format_):
    """By NSN, to the file that was named, which the command prints."""
    target = tmp_path / "some" / "where" / "document"

    award = ["--award", award_of_ana(folder)] if format_ == "ob3" else []

    ran = on(folder, "export", ANA.nsn, "--format", format_, *award, "--out", target)

    assert (ran.code, ran.out.strip()) == (0, str(target))
    data = target.read_bytes()
    document = json.loads(_credential_of(data) if format_ == "bundle" else data)
    assert "6022" in json.dumps(document)
    assert ("proof" in document) is (format_ != "json")


def award_of_ana(folder: Path) -> str:
    """Return the id of Ana's award, as her record names it."""
    record = json.loads(Path(on(folder, "export", ANA.nsn, "--format", "json").out.strip()).read_bytes())
    (award,) = record["micro_credentials"]
    return str(award["award_id"])


def _credential_of(bundle: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        assert {"credential.json", "HOW-TO-CHECK.txt", "status-list.json"} <= set(archive.namelist())
        return archive.read("credential.json")


def test_an_export_goes_to_the_ledgers_own_folder_unless_told_otherwise(folder):
    """A folder of D/out for each learner, by random id; the file is readable by its owner only."""
    ran = on(folder, "export", ANA.nsn)

    target = Path(ran.out.strip())
    assert target.parent.parent == folder / "out"
    assert str(UUID(target.parent.name)) == target.parent.name
    assert target.stat().st_mode & 0o777 == 0o600
    assert ANA.nsn not in str(target)


def test_a_learner_is_named_by_nsn_or_id(folder):
    """Also with the blanks that people write: the same record."""
    spaced = f"{ANA.nsn[:3]} {ANA.nsn[3:6]} {ANA.nsn[6:]}"
    house = ledgers.open_house(folder)
    (found,) = house.ledger.vault.people([ANA.nsn]).values()
    house.close()

    by_nsn, by_id = (on(folder, "export", name, "--format", "json") for name in (spaced, found.learner_id))

    assert (by_nsn.code, by_id.code) == (0, 0)
    assert by_nsn.out == by_id.out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([ANA.nsn, "--format", "pdf"], 2),
        (["Ana Brook"], 2),
        ([ANA.nsn, "--format", "ob3", "--award", "the first"], 2),
        (["9999999999"], 1),
        (["00000000-0000-7000-8000-000000000000"], 1),
        ([ANA.nsn, "--format", "ob3", "--award", "00000000-0000-7000-8000-000000000000"], 1),
        ([ANA.nsn, "--format", "ob3"], 2),
        ([BEN.nsn, "--format", "clr"], 1),
        ([BEN.nsn, "--format", "bundle"], 1),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_what_cannot_be_exported(folder, words, code):
    """2 where the command makes no sense, 1 where there is nothing of the kind; nothing is written."""
    ran = on(folder, "export", *words)

    assert (ran.code, ran.out) == (code, "")
    assert ran.err
    assert not list((folder / "out").glob("*"))


# ------------------------------------------------------------------ serve, demo


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Servers that end at once; the list tells what served."""
    ran: list[str] = []
    monkeypatch.setattr(uvicorn.Server, "run", lambda self, **_options: ran.append(self.config.app.title))
    before = signal.getsignal(signal.SIGTERM)
    yield ran
    signal.signal(signal.SIGTERM, before)


def test_a_demonstration_is_served_to_this_machine_only(folder, served):
    """Exit 2 on any other address: it lets anyone pose as a learner."""
    (folder / DEMO_MARK).write_text('{"personas": []}')

    elsewhere = on(folder, "serve", "--host", "0.0.0.0", "--port", free_port())  # noqa: S104 - refused
    nothing = list(served)
    here = on(folder, "serve", "--port", free_port())

    assert (elsewhere.code, nothing) == (2, [])
    assert "127.0.0.1" in elsewhere.err
    assert (here.code, len(served)) == (0, 1)


@pytest.mark.parametrize("name", ["vault.sqlite", "jobs.sqlite"])
def test_a_ledger_that_lacks_a_file_is_opened_by_nobody(folder, name):
    """Made anew, the vault would know nobody: every row would be refused, with a signed answer."""
    (folder / name).unlink()

    for command in ("publish", "statistics"):
        ran = on(folder, command)
        assert ran.code != 0
        assert f"{name} is not there: put it back" in ran.err
    assert not (folder / name).exists()


def test_a_token_file_that_is_not_there_is_said_before_anything_is_served(folder, monkeypatch):
    """Not by the first who asks for figures."""
    monkeypatch.setenv("ROA_METRICS_TOKEN_FILE", "/nowhere/token")

    ran = on(folder, "serve", "--port", free_port())

    assert ran.code == 2
    assert "ROA_METRICS_TOKEN_FILE names /nowhere/token: No such file" in ran.err


def test_any_other_ledger_is_served_where_the_operator_says(folder, served):
    """Exit 0 when it was told to stop."""
    ran = on(folder, "serve", "--host", "0.0.0.0", "--port", free_port())  # noqa: S104 - nothing listens

    assert (ran.code, len(served)) == (0, 1)


@WRONGS
def test_a_ledger_that_was_rolled_back_is_served_for_reading(folder, served, wrong: Wrong, code):
    """And says so when it starts."""
    wrong(folder)
    del code

    ran = on(folder, "serve", "--port", free_port())

    assert (ran.code, len(served)) == (0, 1)
    assert "Reading only" in ran.out


def test_a_demonstration_does_not_begin_in_a_ledger_that_is_none(folder):
    """Refused, and the ledger is as it was."""
    size = _size(folder)

    ran = on(folder, "demo", "--json")

    assert ran.code != 0
    assert ran.out == ""
    assert _size(folder) == size
