"""`roa keys`: own keys made and registered, keys kept for others, tokens, and the list of all."""

import json
from pathlib import Path

import pytest

from api.client.submission import organisation_id
from api.house import House
from tests.api.cli.shell import Ran, roa
from tests.support.world import PROVIDER, REGULATOR

NEW = 95002


def requested(tmp_path: Path, *more: str, organisation: int = NEW) -> tuple[Path, Ran]:
    """Make a key and return its file with what its owner sends to the registrar."""
    key = tmp_path / "own.pem"
    roa("keys", "create", key)
    return key, roa("keys", "request", key, "--organisation", organisation, *more)


def listed(folder: Path) -> list[dict[str, object]]:
    """Return every key, as the list in JSON has it."""
    ran = roa("keys", "list", "--data", folder, "--json")
    assert ran.code == 0
    return list(ran.json["keys"])


@pytest.mark.parametrize("alg", ["Ed25519", "ES256"])
def test_a_key_is_made_for_its_owner_only(tmp_path, alg):
    """Exit 0, the public name printed, the file readable by nobody else."""
    ran = roa("keys", "create", tmp_path / "own.pem", "--alg", alg)

    assert ran.code == 0
    assert alg in ran.out
    assert (tmp_path / "own.pem").stat().st_mode & 0o777 == 0o600


def test_a_key_is_never_written_over(tmp_path):
    """Exit 1, and the key is the old one."""
    roa("keys", "create", tmp_path / "own.pem")
    before = (tmp_path / "own.pem").read_bytes()

    ran = roa("keys", "create", tmp_path / "own.pem")

    assert (ran.code, ran.out) == (1, "")
    assert (tmp_path / "own.pem").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "code"),
    [(["own.pem", "--alg", "RSA"], 1), (["no/folder/own.pem"], 2)],
    ids=["RSA", "no folder"],
)
def test_a_key_that_cannot_be_made(tmp_path, monkeypatch, words, code):
    """Another algorithm is refused; a folder that there is not is wrong use."""
    monkeypatch.chdir(tmp_path)

    ran = roa("keys", "create", *words)

    assert (ran.code, ran.out) == (code, "")
    assert not list(tmp_path.iterdir())


def test_a_key_may_have_a_passphrase(tmp_path):
    """Then nothing is said with it unless the passphrase is given."""
    key, secret = tmp_path / "own.pem", tmp_path / "secret"
    secret.write_text("a passphrase\n")
    roa("keys", "create", key, "--passphrase-file", secret)

    without = roa("keys", "request", key, "--organisation", NEW)
    given = roa("keys", "request", key, "--organisation", NEW, "--passphrase-file", secret)

    assert (without.code, without.out) == (1, "")
    assert given.code == 0


def test_a_request_is_one_statement_with_proof(tmp_path):
    """JSON for the registrar: whose, the public key, what for, and the proof that it is in hand."""
    _, ran = requested(tmp_path, "--purpose", "submission", "--purpose", "keys")

    assert ran.code == 0
    assert ran.json["type"] == "key.registered"
    assert ran.json["organisation"] == NEW
    assert ran.json["purposes"] == ["submission", "keys"]
    assert ran.json["not_before"] == "2026-11-22"
    assert "d" not in ran.json["jwk"]
    assert ran.json["possession"].count(".") == 2


def test_the_registrar_registers_what_was_asked_for(folder, tmp_path):
    """From a file or standard input; the list has it from that position on, the trust file is as at it."""
    _, ran = requested(tmp_path)
    before = listed(folder)

    registered = roa("keys", "register", "--data", folder, "-", stdin=ran.out.encode())

    assert registered.code == 0
    (found,) = [one for one in listed(folder) if one not in before]
    assert (found["organisation"], found["purposes"]) == (NEW, ["submission"])
    assert (found["custody"], found["to"]) == ("own", None)
    assert str(found["from"]) in registered.out
    assert json.loads((folder / "trust.json").read_bytes())["as_at_position"] == found["from"]


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"", 2),
        (b"not JSON", 2),
        (b"[]", 2),
        (b'{"type": "key.registered", "type": "key.retired"}', 2),
        (b"[" * 100_000, 2),
        (b"{}", 1),
        (b'{"type": "key.registered", "v": 1}', 1),
        (b'{"type": "organisation.registered", "v": 1, "number": 95002}', 1),
    ],
)
def test_what_is_no_request_registers_nothing(folder, sent, code):
    """2 for what `roa keys request` never prints, 1 for what the rules refuse."""
    before = listed(folder)

    ran = roa("keys", "register", "--data", folder, "-", stdin=sent)

    assert (ran.code, ran.out) == (code, "")
    assert ran.err
    assert listed(folder) == before


def test_a_request_for_another_ledger_or_organisation_is_refused(folder, tmp_path):
    """The proof of possession is for one ledger and one organisation."""
    _, elsewhere = requested(tmp_path, "--origin", "other.example/log")
    borrowed = roa("keys", "request", tmp_path / "own.pem", "--organisation", PROVIDER).json
    borrowed["organisation"] = NEW

    for sent in (elsewhere.json, borrowed):
        ran = roa("keys", "register", "--data", folder, "-", stdin=json.dumps(sent).encode())
        assert (ran.code, ran.out) == (1, "")
        assert "E817" in ran.err


def test_custody_is_two_keys_each(folder):
    """One for submissions, one for credentials; a second time there is nothing to take."""
    before = listed(folder)

    first, second = (roa("keys", "custody", "--data", folder, REGULATOR) for _ in range(2))

    fresh = [one for one in listed(folder) if one not in before]
    assert (first.code, second.code) == (0, 1)
    assert sorted(one["purposes"] for one in fresh) == [["credential"], ["submission"]]
    assert {(one["organisation"], one["custody"]) for one in fresh} == {(REGULATOR, "delegated")}


def test_custody_for_somebody_unknown_is_refused(folder):
    """Exit 1, and no key of theirs counts."""
    before = listed(folder)

    assert roa("keys", "custody", "--data", folder, 99999).code == 1
    assert listed(folder) == before


def test_a_token_speaks_for_its_organisation(folder, request):
    """Shown once; each is another one, and the ledger knows them by digest only."""
    tokens = [roa("keys", "token", "--data", folder, NEW).out.strip() for _ in range(2)]

    house: House = request.getfixturevalue("served")
    found = [house.tokens.bearer(one) for one in tokens]
    assert len(set(tokens)) == 2
    assert [one and one.organisation for one in found] == [organisation_id(NEW)] * 2
    assert all(one.encode() not in (folder / "jobs.sqlite").read_bytes() for one in tokens)


@pytest.mark.parametrize("organisation", ["99999", "NOBODY", "²"])
def test_a_token_for_somebody_unknown_is_wrong_use(folder, organisation):
    """Exit 2, and none is made."""
    ran = roa("keys", "token", "--data", folder, organisation)

    assert (ran.code, ran.out) == (2, "")


def test_the_list_has_every_key_with_its_positions(folder):
    """In words and as JSON: the founding's own from position 1, whoever holds them."""
    words, keys = roa("keys", "list", "--data", folder), listed(folder)

    assert words.code == 0
    assert len(words.lines) == len(keys)
    assert [one["kid"] for one in keys] == [line.split()[0] for line in words.lines]
    assert {tuple(one["purposes"]) for one in keys if one["from"] == 1} == {
        ("keys", "submission"),
        ("checkpoint",),
        ("receipt",),
        ("credential",),
    }
    assert {PROVIDER, REGULATOR, NEW} <= {one["organisation"] for one in keys}
    assert all(one["to"] is None for one in keys)
