"""`roa forget`: two officers with a key of their own each, and what is left afterwards."""

import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from api.client import keys, submission
from ledger.clock import instant
from tests.api.cli.shell import Ran, roa
from tests.support import ledgers
from tests.support.forgetting import AUTHORITY, BASIS
from tests.support.world import ANA, ORIGIN, REGULATOR

WHY = ("--basis", BASIS, "--authority", AUTHORITY)
ANA_IN_FILES = (ANA.nsn.encode(), b"Ana Brook")


@pytest.fixture
def officers(folder: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Return the key files of two officers, made and registered as the guide says."""
    files = tmp_path / "first.pem", tmp_path / "second.pem"
    for key in files:
        assert roa("keys", "create", key).code == 0
        asked = roa(
            "keys", "request", key, "--organisation", REGULATOR, "--purpose", "forgetting", "--origin", ORIGIN
        )
        registered = roa("keys", "register", "--data", folder, "-", stdin=asked.out.encode())
        assert registered.code == 0, registered.err
    return files


def request(folder: Path, key: object, name: str = ANA.nsn, **options: str) -> Ran:
    """Ask for a learner to be forgotten."""
    return roa("forget", "request", name, "--data", folder, "--key", key, *WHY, "--json", **options)


def approve(folder: Path, key: object, asked: Ran) -> Ran:
    """Approve what was asked."""
    return roa("forget", "approve", asked.json["forgetting"], "--data", folder, "--key", key)


def listed(folder: Path) -> list[dict[str, str]]:
    """Return the requests as `roa forget list --json` has them."""
    found: list[dict[str, str]] = roa("forget", "list", "--data", folder, "--json").json["forgettings"]
    return found


def test_two_officers_forget_a_learner(folder, officers):
    """Asked for, approved, destroyed at once; the list says that copies still open until the turn."""
    asked = request(folder, officers[0])
    assert listed(folder)[0]["state"] == "requested"

    done = approve(folder, officers[1], asked)

    assert done.code == 0, done.err
    assert "The learner's key is destroyed here" in done.out
    (one,) = listed(folder)
    assert (one["state"], one["basis"], one["authority"]) == ("destroyed", BASIS, AUTHORITY)
    assert one["effective_in_copies_at"] is None
    assert "old copies still open" in roa("forget", "list", "--data", folder).out

    assert roa("forget", "turn", "--data", folder).code == 0
    (one,) = listed(folder)
    assert one["state"] == "effective"
    assert one["effective_in_copies_at"] is not None


def test_the_number_may_be_typed_unseen(folder, officers):
    """With - it is asked for, or read from standard input: it stands in no history of commands."""
    asked = roa(
        "forget", "request", "-", "--data", folder, "--key", officers[0], *WHY, stdin=f"{ANA.nsn}\n".encode()
    )

    assert asked.code == 0, asked.err
    assert ANA.nsn not in asked.out + asked.err
    assert "Next, somebody else: roa forget approve" in asked.out


def test_one_officer_is_not_enough(folder, officers):
    """The key that asked cannot approve, and is told why."""
    asked = request(folder, officers[0])

    done = approve(folder, officers[0], asked)

    assert done.code == 1
    assert "E844" in done.err
    assert listed(folder)[0]["state"] == "requested"


def test_a_request_is_taken_back(folder, officers):
    """It stands no more, and another may be made."""
    asked = request(folder, officers[0])

    done = roa("forget", "withdraw", asked.json["forgetting"], "--data", folder, "--key", officers[1])

    assert done.code == 0, done.err
    assert listed(folder) == []
    assert request(folder, officers[1]).code == 0


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (("9999999999", "first.pem", BASIS), 1, "no learner with this NSN"),
        (("nobody", "first.pem", BASIS), 2, "named by an id or an NSN"),
        ((ANA.nsn, "first.pem", "because"), 1, "E911"),
        ((ANA.nsn, "no-such-key", BASIS), 2, "no such file"),
        ((ANA.nsn, "registrar", BASIS), 1, "purpose `forgetting`"),
    ],
    ids=["unknown", "no name", "basis", "key", "other purpose"],
)
@pytest.mark.usefixtures("officers")
def test_what_cannot_be_is_refused_in_words(folder, tmp_path, words, code, why):
    """Nothing is recorded."""
    name, key, basis = words
    path = tmp_path / key if key.endswith(".pem") else key
    options = ("--data", folder, "--key", path, "--basis", basis, "--authority", AUTHORITY)

    done = roa("forget", "request", name, *options)

    assert (done.code, why in done.err) == (code, True), done.err
    assert listed(folder) == []


def test_exports_and_kept_documents_go_too(folder, officers):
    """The folder with her exports, and the documents that were signed about her; others stay."""
    written = [Path(roa("export", ANA.nsn, "--data", folder).out.strip())]
    written.append(Path(roa("export", ANA.nsn, "--data", folder, "--format", "bundle").out.strip()))
    other = folder / "out" / "register.json"
    other.write_text("{}")
    assert all(path.exists() for path in written)

    approve(folder, officers[1], request(folder, officers[0]))

    assert list((folder / "out").iterdir()) == [other]
    documents = sqlite3.connect(folder / "documents.sqlite")
    assert documents.execute("SELECT COUNT(*) FROM document").fetchone() == (0,)
    documents.close()


def test_afterwards_everything_answers_sensibly(folder, officers, tmp_path):
    """Audit 0, the bundle of before verifies, exports say that it cannot be opened, and no file names her."""
    bundle = tmp_path / "bundle.zip"
    assert roa("export", ANA.nsn, "--data", folder, "--format", "bundle", "--out", bundle).code == 0
    trust = tmp_path / "trust.json"
    for suffix in ("", ".jws"):
        shutil.copy(f"{folder / 'trust.json'}{suffix}", f"{trust}{suffix}")
    asked = request(folder, officers[0])
    learner = asked.json["learner"]

    approve(folder, officers[1], asked)

    report = roa("audit", "--data", folder, "--json")
    assert (report.code, report.json["ok"]) == (0, True), report.json["findings"]
    assert report.json["forgotten"] > 0
    assert "forgotten" in roa("audit", "--data", folder).out
    verified = roa("verify", bundle, "--trust", trust)
    assert verified.code == 0, verified.out
    assert roa("export", ANA.nsn, "--data", folder).code == 1
    by_id = roa("export", learner, "--data", folder)
    assert by_id.code == 1
    assert "can no longer be opened" in by_id.err
    record = json.loads(
        Path(roa("export", learner, "--data", folder, "--format", "json").out.strip()).read_bytes()
    )
    assert record["learner"]["legal_name"] is None
    for path in folder.rglob("*"):
        if path.is_file():
            assert not [text for text in ANA_IN_FILES if text in path.read_bytes()], path


def test_a_start_carries_out_what_is_approved(folder, officers):
    """Whoever opens the ledger next, whatever for."""
    asked = request(folder, officers[0])
    house = ledgers.open_house(folder)
    # The command before took its time from the machine: the standing clock goes on from there.
    recorded_at = instant(house.ledger.store.head().recorded_at_us)
    house.clock.advance(recorded_at - instant(house.clock.now_us()))
    approval = submission.build(
        [ledgers.statement("forgetting.approved", forgetting=asked.json["forgetting"])],
        signer=keys.load(officers[1]),
        organisation=submission.organisation_id(REGULATOR),
        origin=ORIGIN,
        now_s=house.clock.now_us() // 1_000_000,
    )
    (outcome,) = house.send(approval)
    assert outcome.position is not None
    house.close()

    assert listed(folder)[0]["state"] == "destroyed"


def test_redo_says_what_there_was_to_do(folder, officers):
    """Nothing, when everything is done."""
    approve(folder, officers[1], request(folder, officers[0]))

    done = roa("forget", "redo", "--data", folder, "--json")

    assert done.json == {"forgotten": 0, "destroyed_again": 0, "wal_empty": True}
