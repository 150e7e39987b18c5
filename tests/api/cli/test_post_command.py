"""`roa post`: files and statements to a served ledger, under a token or an own key."""

import csv
import io
import json
from pathlib import Path

import pytest

from api.client.acknowledgement import check_acknowledgement
from api.client.submission import Submission, organisation_id
from api.house import House
from ledger.errors import Rollback
from ledger.founding import RECEIPT
from tests.api.cli.shell import Ran, roa
from tests.api.door import OTHER, results_csv
from tests.support.world import BEN, PROVIDER

GOOD = results_csv([(BEN, "LO1", "A"), (BEN, "LO2", "M")])
MIXED = results_csv([(BEN, "LO1", "A"), (BEN, "LO9", "A")])
UNREADABLE = GOOD.replace(b"2026-03-02", b"soon")
NOBODY_LISTENS = "http://127.0.0.1:9"
OPEN = "http://ledger.example"


@pytest.fixture
def token(served: House) -> str:
    """A token of 95001."""
    return served.tokens.make(organisation_id(PROVIDER), served.ledger.clock.now_us())


@pytest.fixture
def own_key(folder: Path) -> list[object]:
    """The options that post as 95001 with its own key."""
    keys = folder / "keys"
    return [
        "--organisation",
        PROVIDER,
        "--key",
        keys / "95001.submission.pem",
        "--passphrase-file",
        keys / "passphrase",
    ]


def post(data: bytes, url: str, *more: object) -> Ran:
    """Post from standard input."""
    return roa("post", "-", "--url", url, *more, stdin=data)


def size_of(house: House) -> int:
    """Return the number of records."""
    return house.ledger.store.head().size


# ------------------------------------------------------------------ under a token


def test_a_file_is_posted_and_ends_with_its_receipt(served, url, token):
    """Exit 0: the figures, the positions, and the ledger's signature over them as the last line."""
    size = size_of(served)

    ran = post(GOOD, url, "--token", token)

    said = check_acknowledgement(ran.lines[-1], served.ledger.keystore.get(RECEIPT).public_key_jwk())
    assert ran.code == 0
    assert "accepted 2" in ran.out
    assert [[row, position] for row, position, _ in said["rows"]] == [[1, size + 1], [2, size + 2]]
    assert size_of(served) == size + 2


def test_a_rejected_row_is_told_and_ends_with_1(url, token):
    """Which row, its code, its column, what is wrong, what to do; the others are recorded."""
    ran = post(MIXED, url, "--token", token)

    assert ran.code == 1
    assert "accepted 1" in ran.out
    assert "rejected 1" in ran.out
    for word in ("row 2", "R-2", "E203", "outcome_id"):
        assert word in ran.out


def test_the_answer_is_one_json_object(url, token):
    """With --json, and nothing else on standard output; the exit code is the same."""
    ran = post(MIXED, url, "--token", token, "--json")

    assert (ran.code, len(ran.lines)) == (1, 1)
    assert ran.json["organisation"] == PROVIDER
    assert ran.json["counts"] == {"accepted": 1, "warned": 0, "unchanged": 0, "held": 0, "rejected": 1}
    assert [row["status"] for row in ran.json["rows"]] == ["accepted", "rejected"]


def test_the_same_again_writes_nothing(served, url, token):
    """The same exit code, the same words."""
    first = post(MIXED, url, "--token", token)
    size = size_of(served)

    again = post(MIXED, url, "--token", token)

    assert (again.code, again.out) == (first.code, first.out)
    assert size_of(served) == size


def test_the_answered_file_is_written_where_it_was_asked_for(url, token, tmp_path):
    """The file that was posted, with four columns more."""
    target = tmp_path / "answered.csv"

    post(MIXED, url, "--token", token, "--out", target)

    sent, back = (list(csv.reader(io.StringIO(data.decode()))) for data in (MIXED, target.read_bytes()))
    assert [row[:-4] for row in back] == sent
    assert [row[-4] for row in back] == ["status", "accepted", "rejected"]


def test_an_idempotency_key_is_sent_along(url, token):
    """The same key with another file is refused."""
    assert post(GOOD, url, "--token", token, "--idempotency-key", "march").code == 0

    ran = post(MIXED, url, "--token", token, "--idempotency-key", "march")

    assert (ran.code, ran.out) == (1, "")
    assert "409" in ran.err


def test_token_and_address_may_be_set_once(url, token, monkeypatch):
    """ROA_URL and ROA_TOKEN."""
    monkeypatch.setenv("ROA_URL", url)
    monkeypatch.setenv("ROA_TOKEN", token)

    assert roa("post", "-", stdin=GOOD).code == 0


def test_a_file_is_posted_from_its_path(url, token, tmp_path):
    """As well as from standard input."""
    (tmp_path / "results.csv").write_bytes(GOOD)

    assert roa("post", tmp_path / "results.csv", "--url", url, "--token", token).code == 0


# ------------------------------------------------------------------ with an own key


def test_a_file_is_signed_with_an_own_key(served, url, own_key):
    """The log's name is asked of the ledger; the acknowledgement is about what was signed here."""
    size = size_of(served)

    ran = post(GOOD, url, *own_key)

    assert ran.code == 0
    assert "accepted 2" in ran.out
    assert (
        check_acknowledgement(ran.lines[-1], served.ledger.keystore.get(RECEIPT).public_key_jwk())["n"] == 2
    )
    assert size_of(served) == size + 2


def test_what_was_signed_is_kept_for_another_try(served, url, own_key, tmp_path):
    """The same bytes again: the same answer; and they are what a receipt is checked against."""
    kept = tmp_path / "kept"
    first = post(GOOD, url, *own_key, "--keep", kept)
    size = size_of(served)

    again = post(GOOD, url, *own_key, "--keep", kept)

    assert (again.code, again.out) == (first.code, first.out)
    assert len(Submission.load(kept)) == 2
    assert size_of(served) == size


def test_what_was_signed_is_kept_also_when_nobody_answers(url, own_key, tmp_path):
    """That is what it is kept for: the next try sends it."""
    kept = tmp_path / "kept"
    lost = post(GOOD, NOBODY_LISTENS, *own_key, "--keep", kept, "--origin", "ledger.example/log")
    signed = kept.read_bytes()

    ran = post(GOOD, url, *own_key, "--keep", kept)

    assert (lost.code, ran.code) == (1, 0)
    assert kept.read_bytes() == signed
    assert str(Submission.load(kept).jti) in ran.out


@pytest.mark.parametrize(
    "other", [MIXED, GOOD.replace(b"LO1,Ben-6022,A", b"LO1,Ben-6022,M"), GOOD[: GOOD.index(b"R-2")]]
)
def test_a_kept_submission_of_another_file_is_not_sent(served, url, own_key, tmp_path, other):
    """Or the answer to one file would be shown for another."""
    kept = tmp_path / "kept"
    post(GOOD, url, *own_key, "--keep", kept)
    size = size_of(served)

    ran = post(other, url, *own_key, "--keep", kept)

    assert (ran.code, ran.out) == (1, "")
    assert size_of(served) == size


def test_statements_are_posted_as_json(served, url, folder):
    """An array of them; identity columns stand under `who`."""
    keys = folder / "keys"
    said = [
        {
            "type": "organisation.registered",
            "v": 1,
            "number": 95009,
            "kind": "pte",
            "name": {"en": "Ninth (demo)"},
            "valid_from": "2024-01-01",
        }
    ]
    words = [
        "--organisation",
        95000,
        "--key",
        keys / "registrar.pem",
        "--passphrase-file",
        keys / "passphrase",
    ]

    public = post(json.dumps(said).encode(), url, *words)
    learner = {
        "type": "learner.registered",
        "v": 1,
        "who": {"nsn": "9000000036", "name": {"whole": "Sukarno"}, "date_of_birth": "1999-12-31"},
    }
    private = post(json.dumps(learner).encode(), url, *words)

    assert (public.code, private.code) == (0, 0)
    assert served.ledger.register().organisation(95009) is not None


def test_a_file_in_which_no_row_can_be_read_is_told_row_by_row(served, url, own_key, token):
    """Nothing is there to be signed; what is wrong with each row is said all the same."""
    size = size_of(served)

    for words in (own_key, ["--token", token]):
        ran, as_json = (post(UNREADABLE, url, *words, *more) for more in ((), ("--json",)))
        assert (ran.code, as_json.code) == (1, 1)
        assert "rejected 2" in ran.out
        assert ran.out.count("E501") == 2
        assert as_json.json["counts"]["rejected"] == 2
    assert size_of(served) == size


# ------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"Dear Sir or Madam",
        b"[",
        b"[1]",
        b'{"type": "learner.registered", "type": "key.retired"}',
        b'[{"type": NaN}]',
        b"[" * 100_000,
        b"PK\x03\x04",
        GOOD.replace(b",", b";"),
        GOOD.replace(b"BROOA", b"BR\xd6OA").replace(b"CLIFB", b"CL\xd6FB"),
    ],
    ids=[
        "empty",
        "prose",
        "cut JSON",
        "numbers",
        "a key twice",
        "NaN",
        "endless",
        "ZIP",
        "semicolons",
        "cp1252",
    ],
)
def test_what_is_neither_a_file_nor_statements_is_refused(own_key, data):
    """Exit 1 with one sentence, before anything is asked or sent."""
    ran = post(data, NOBODY_LISTENS, *own_key)

    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("roa: ")
    assert NOBODY_LISTENS not in ran.err


def test_what_the_ledger_refuses_is_1_with_its_sentence(url, own_key, tmp_path):
    """An unknown token, a stranger's key, another log."""
    stranger = tmp_path / "stranger.pem"
    roa("keys", "create", stranger)

    for words, status in (
        (["--token", "roa_nobody"], "401"),
        (["--organisation", PROVIDER, "--key", stranger], "403"),
        ([*own_key[2:], "--organisation", OTHER], "403"),
        ([*own_key, "--origin", "other.example/log"], "400"),
    ):
        ran = post(GOOD, url, *words)
        assert (ran.code, ran.out) == (1, "")
        assert status in ran.err


def test_writing_that_has_stopped_is_1_after_some_tries(served, url, token):
    """503 until the tries are used up; the sentence is the ledger's."""
    served.fault = Rollback("an old copy was put back")

    ran = post(GOOD, url, "--token", token)

    assert (ran.code, ran.out) == (1, "")
    assert "503" in ran.err


@pytest.mark.parametrize("words", [["--token", "roa_x"], ["own"]])
@pytest.mark.parametrize("address", [NOBODY_LISTENS, "ledger.example", "ftp://127.0.0.1", "http://[", OPEN])
def test_where_no_ledger_answers(own_key, words, address):
    """Exit 1 and one sentence; results never leave this machine without TLS."""
    own = [*own_key, *(["--origin", "ledger.example/log"] if address == OPEN else [])]

    ran = post(GOOD, address, *(own if words == ["own"] else words))

    assert (ran.code, ran.out) == (1, "")
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--key", "own.pem"],
        ["--key", "nowhere.pem", "--organisation", "95001"],
        ["--token", "roa_x", "--out", "nowhere/answered.csv"],
    ],
    ids=" ".join,
)
def test_wrong_use_is_2_before_anything_is_sent(served, url, tmp_path, monkeypatch, words):
    """Neither token nor key, a key without its organisation, files and folders that there are not."""
    monkeypatch.chdir(tmp_path)
    size = size_of(served)

    ran = post(GOOD, url, *words)

    assert (ran.code, ran.out) == (2, "")
    assert size_of(served) == size


def test_a_file_that_there_is_not_is_wrong_use(tmp_path):
    """Exit 2 for no file and for a folder."""
    for path in (tmp_path / "nothing.csv", tmp_path):
        assert roa("post", path, "--token", "roa_x").code == 2


def test_posting_needs_no_ledger_here(url, token, tmp_path, monkeypatch):
    """Nor does it make one."""
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())

    assert post(GOOD, url, "--token", token).code == 0
    assert sorted(tmp_path.iterdir()) == before
