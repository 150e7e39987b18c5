"""`roa keys rotate, retire, revoke, reaffirm, annul, suspects`: words, exit codes, what stands after them."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.api.cli.shell import Ran, roa
from tests.support.hardware import TOKEN, softhsm
from tests.support.ledgers import open_house
from tests.support.rotation import with_operator
from tests.support.world import PROVIDER, REGULATOR

OTHER = 95002
NOBODY = "x" * 43


def keys(folder: Path, command: str, *words: object) -> Ran:
    """Run a command of `roa keys` on the ledger in a folder."""
    return roa("keys", command, "--data", folder, *words)


def listed(folder: Path) -> list[dict[str, Any]]:
    """Return every key, as the list in JSON has it."""
    return list(keys(folder, "list", "--json").json["keys"])


def kid_of(folder: Path, organisation: int | str, purpose: str) -> str:
    """Return the thumbprint of the key in force."""
    (found,) = [
        one["kid"]
        for one in listed(folder)
        if one["organisation"] == organisation and purpose in one["purposes"] and one["to"] is None
    ]
    return str(found)


def trust(folder: Path) -> dict[str, Any]:
    """Return the trust file in the ledger's folder."""
    return dict(json.loads((folder / "trust.json").read_bytes()))


def provider_keys(folder: Path) -> list[dict[str, Any]]:
    """Return the provider's keys, as the trust file has them."""
    (issuer,) = [one for one in trust(folder)["issuers"] if one["number"] == PROVIDER]
    return list(issuer["keys"])


def positions(ran: Ran) -> list[int]:
    """Return the positions that a list of suspects has."""
    return [one["position"] for one in ran.json["suspects"]]


# ------------------------------------------------------------------ rotating


@pytest.mark.parametrize(
    ("organisation", "purpose"),
    [(PROVIDER, "submission"), (PROVIDER, "credential"), (REGULATOR, "keys")],
)
def test_a_key_is_rotated(folder, organisation, purpose):
    """Exit 0: who signs from where on, and who ended; list and trust file have both at once."""
    old = kid_of(folder, organisation, purpose)

    ran = keys(folder, "rotate", organisation, purpose)

    fresh = kid_of(folder, organisation, purpose)
    entries = {one["kid"]: one for one in listed(folder)}
    assert ran.code == 0
    assert ran.lines == [
        f"{fresh} signs from position {entries[fresh]['from'] + 1} on.",
        f"{old} is retired: what it signed stays valid.",
    ]
    assert entries[old]["to"] == entries[fresh]["from"] + 1
    assert trust(folder)["as_at_position"] >= entries[old]["to"]
    assert roa("audit", "--data", folder).code == 0
    if purpose == "credential":
        assert [one["to"] is None for one in provider_keys(folder)] == [False, True]


def test_a_submission_key_may_become_p256(folder):
    """`--alg ES256`; documents are Ed25519, so there it is refused."""
    word = keys(folder, "rotate", PROVIDER, "submission", "--alg", "ES256")
    document = keys(folder, "rotate", PROVIDER, "credential", "--alg", "ES256")

    assert (word.code, document.code) == (0, 1)
    assert "Ed25519" in document.err


@pytest.mark.parametrize(
    "words",
    [
        (99999, "submission"),
        ("NOBODY", "credential"),
        (OTHER, "credential"),
        (PROVIDER, "receipt"),
        (PROVIDER, "no purpose at all"),
        (PROVIDER, "../../etc"),
        (PROVIDER, "submission", "--alg", "RSA"),
    ],
)
def test_what_cannot_be_rotated_is_refused(folder, words):
    """Exit 1 with a sentence; no key is made and nothing is recorded."""
    before, files = listed(folder), sorted((folder / "keys").iterdir())

    ran = keys(folder, "rotate", *words)

    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("roa: ")
    assert listed(folder) == before
    assert sorted((folder / "keys").iterdir()) == files


def test_a_module_that_is_not_set_makes_no_key(folder):
    """`--token` without a module: refused, and no file is made in its place."""
    ran = keys(folder, "rotate", PROVIDER, "submission", "--token", "roa")

    assert ran.code == 1
    assert len(list((folder / "keys").glob("95001.submission*"))) == 1


# ------------------------------------------------------------------ ending


def test_a_key_is_retired(folder):
    """Exit 0 and its position; a second time there is nothing to retire."""
    kid = kid_of(folder, PROVIDER, "submission")

    first, second = (keys(folder, "retire", PROVIDER, kid) for _ in range(2))

    (entry,) = [one for one in listed(folder) if one["kid"] == kid]
    assert (first.code, first.out) == (0, f"Retired at position {entry['to']}.\n")
    assert (second.code, second.out) == (1, "")
    assert "E826" in second.err


def test_a_key_that_was_lost_is_revoked(folder):
    """No position, no suspects: what it signed stays valid, and so does the award."""
    kid = kid_of(folder, PROVIDER, "submission")

    ran = keys(folder, "revoke", PROVIDER, kid, "--reason", "lost")

    assert ran.code == 0
    assert len(ran.lines) == 1
    assert keys(folder, "suspects", kid).out == "0 records to settle.\n"


def test_a_stolen_key_is_revoked_and_settled(folder):
    """From revoking to the last record settled, in the order of docs/key-ceremonies.md."""
    kid = kid_of(folder, PROVIDER, "submission")
    first = next(one["from"] for one in listed(folder) if one["kid"] == kid) + 1

    revoked = keys(folder, "revoke", PROVIDER, kid, "--reason", "stolen", "--suspected-from", first)
    open_ones = positions(keys(folder, "suspects", kid, "--json"))
    words = keys(folder, "suspects", kid)
    reaffirmed = keys(folder, "reaffirm", PROVIDER, kid, open_ones[0], open_ones[-2])
    left = positions(keys(folder, "suspects", kid, "--json"))
    annulled = keys(folder, "annul", PROVIDER, kid, open_ones[-1], open_ones[-1])
    none = keys(folder, "suspects", kid)

    assert [one.code for one in (revoked, words, reaffirmed, annulled, none)] == [0] * 5
    assert revoked.lines[0].startswith("Revoked at position ")
    assert f"Suspect from position {first} on: {len(open_ones)} records" in revoked.lines[1]
    assert len(words.lines) == len(open_ones) + 1
    assert words.lines[-1] == f"{len(open_ones)} records to settle."
    assert f"{open_ones[-1]}  microcredential.awarded" in words.lines
    assert left == open_ones[-1:]
    assert reaffirmed.out.startswith(f"Reaffirmed positions {open_ones[0]} to {open_ones[-2]}, at position ")
    assert annulled.out.startswith(f"Annulled positions {open_ones[-1]} to {open_ones[-1]}, at position ")
    assert none.out == "0 records to settle.\n"
    assert roa("audit", "--data", folder).code == 0


@pytest.mark.parametrize(
    ("since", "all_of_it"),
    [
        ("2026-11-21T23:59:59Z", None),
        ("2026-11-22T13:00:00+13:00", False),
        ("2026-11-22T00:00:00Z", False),
        ("2026-11-21T12:00:00-12:00", False),
        ("2026-11-22T00:30:00+00:00", False),
        ("9998-01-01T00:00:00Z", False),
    ],
)
def test_since_when_is_an_instant_with_its_zone(folder, since, all_of_it):
    """The ledger's records are all of 22 November, midday in Auckland: by then nothing was suspect yet."""
    kid = kid_of(folder, PROVIDER, "submission")

    ran = keys(folder, "revoke", PROVIDER, kid, "--reason", "stolen", "--suspected-since", since)

    if all_of_it is None:  # before the key was registered: from position 1, which is refused in words
        assert (ran.code, ran.out) == (1, "")
        assert "E828" in ran.err
    else:
        assert ran.code == 0
        assert ": 0 records that it signed" in ran.out


@pytest.mark.parametrize(
    "since",
    [
        "yesterday",
        "",
        "2026-11-22",
        "2026-11-22T00:00:00",
        "2026-13-01T00:00:00Z",
        "1793000000",
        "0001-01-01T00:00:00+13:00",
        "9999-12-31T23:59:59-12:00",
    ],
)
def test_what_is_no_instant_is_wrong_use(folder, since):
    """Exit 2, and nothing is recorded: a day without a zone is two days."""
    kid, before = kid_of(folder, PROVIDER, "submission"), listed(folder)

    ran = keys(folder, "revoke", PROVIDER, kid, "--reason", "stolen", "--suspected-since", since)

    assert (ran.code, ran.out) == (2, "")
    assert "2026-11-02T10:00:00Z" in ran.err
    assert listed(folder) == before


@pytest.mark.parametrize(
    "more",
    [
        ("--suspected-from", "3", "--suspected-since", "2026-11-22T00:00:00Z", "--reason", "stolen"),
        ("--suspected-from", "0", "--reason", "stolen"),
        ("--suspected-from", "x", "--reason", "stolen"),
        (),
    ],
    ids=["both", "position-0", "no-position", "no-reason"],
)
def test_wrong_words_are_wrong_use(folder, more):
    """Exit 2, and the key counts as before."""
    kid = kid_of(folder, PROVIDER, "submission")

    ran = keys(folder, "revoke", PROVIDER, kid, *more)

    assert (ran.code, ran.out) == (2, "")
    assert kid_of(folder, PROVIDER, "submission") == kid


@pytest.mark.parametrize("since", [1, 10**6, 2**53 - 1])
def test_a_position_that_cannot_be_is_refused(folder, since):
    """Before the key was registered, or still to come: exit 1, E828, and the key counts as before."""
    kid = kid_of(folder, PROVIDER, "submission")

    ran = keys(folder, "revoke", PROVIDER, kid, "--reason", "stolen", "--suspected-from", since)

    assert (ran.code, ran.out) == (1, "")
    assert "E828" in ran.err
    assert kid_of(folder, PROVIDER, "submission") == kid


@pytest.mark.parametrize("command", ["reaffirm", "annul"])
@pytest.mark.parametrize(("first", "last"), [(-1, 0), (0, 3), (2, 1), (1, 10**6)])
def test_positions_that_were_never_suspect_are_not_settled(folder, command, first, last):
    """Before, after, or the wrong way round: exit 1, E828, and nothing is recorded."""
    kid = kid_of(folder, PROVIDER, "submission")
    since = trust(folder)["as_at_position"] - 1
    keys(folder, "revoke", PROVIDER, kid, "--reason", "stolen", "--suspected-from", since)
    before = positions(keys(folder, "suspects", kid, "--json"))

    ran = keys(folder, command, PROVIDER, kid, max(1, since + first), since + last)

    assert (ran.code, ran.out) == (1, "")
    assert "E828" in ran.err
    assert positions(keys(folder, "suspects", kid, "--json")) == before


@pytest.mark.parametrize("command", ["retire", "revoke", "reaffirm", "annul"])
@pytest.mark.parametrize("who", ["another-organisation", "nobody", "no-key"])
def test_keys_of_others_stay_as_they_are(folder, command, who):
    """Exit 1 with a sentence, whoever is named instead."""
    kid = kid_of(folder, PROVIDER, "submission")
    organisation, named = {
        "another-organisation": (OTHER, kid),
        "nobody": (99999, kid),
        "no-key": (PROVIDER, NOBODY),
    }[who]
    more = {"revoke": ("--reason", "stolen"), "reaffirm": (1, 2), "annul": (1, 2)}.get(command, ())
    before = listed(folder)

    ran = keys(folder, command, organisation, named, *more)

    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("roa: ")
    assert listed(folder) == before


def test_suspects_of_no_key_is_refused(folder):
    """Exit 1: no such key is registered."""
    assert keys(folder, "suspects", NOBODY).code == 1


@pytest.mark.parametrize("command", ["rotate", "retire", "revoke", "reaffirm", "annul", "suspects"])
def test_where_there_is_no_ledger_it_is_wrong_use(tmp_path, command):
    """Exit 2, and none is made."""
    more = {
        "rotate": (PROVIDER, "submission"),
        "retire": (PROVIDER, NOBODY),
        "revoke": (PROVIDER, NOBODY, "--reason", "lost"),
        "reaffirm": (PROVIDER, NOBODY, 1, 2),
        "annul": (PROVIDER, NOBODY, 1, 2),
        "suspects": (NOBODY,),
    }[command]

    ran = keys(tmp_path / "none", command, *more)

    assert (ran.code, ran.out) == (2, "")
    assert not (tmp_path / "none").exists()


# ------------------------------------------------------------------ the log's own keys


@pytest.fixture
def operated(folder):
    """The same ledger, with its operator on the register."""
    house = with_operator(open_house(folder))
    house.publish()
    house.close()
    return folder


def test_the_log_s_own_keys_are_told_of_and_then_rotated(operated):
    """`next` prints the same two verifier keys until `rotate` has registered them; a size says from where."""
    told = keys(operated, "next", "OPERATOR", "checkpoint")
    again = keys(operated, "next", "OPERATOR", "checkpoint")
    before = [one["kid"] for one in listed(operated) if one["purposes"] == ["checkpoint"]]

    ran = keys(operated, "rotate", "OPERATOR", "checkpoint")

    entries = {one["kid"]: one for one in listed(operated) if one["purposes"] == ["checkpoint"]}
    new = [kid for kid in entries if kid not in before]
    size = max(one["to"] for one in entries.values() if one["to"])
    assert (told.code, again.out, ran.code) == (0, told.out, 0)
    assert len(told.lines) == len(before) == len(new) == 2
    assert ran.lines[:2] == [f"{kid} signs checkpoints from size {size} on." for kid in new]
    assert {*ran.lines[2:]} == {f"{kid} is retired: what it signed stays valid." for kid in before}
    log_keys = {one["vkey"]: one["to"] for one in trust(operated)["log_keys"]}
    assert [log_keys[vkey] for vkey in told.lines] == [None, None]
    assert roa("audit", "--data", operated).code == 0
    assert roa("fsck", operated / "anchor", "--trust", operated / "trust.json").code == 0
    assert keys(operated, "next", "OPERATOR", "checkpoint").out != told.out


def test_the_log_s_next_key_may_lie_in_a_module(operated, monkeypatch):
    """Told of with `--token`, registered without: the key that was told of signs, and lies in the module."""
    module = softhsm()
    keys(operated, "next", "OPERATOR", "checkpoint")  # in files, until a token is named
    monkeypatch.setenv("ROA_PKCS11_MODULE", str(module.path))
    monkeypatch.setenv("ROA_PKCS11_PIN_FILE", str(module.pin_file))
    told = keys(operated, "next", "OPERATOR", "checkpoint", "--token", TOKEN)

    ran = keys(operated, "rotate", "OPERATOR", "checkpoint")

    assert (told.code, ran.code) == (0, 0)
    assert (operated / "keys" / "checkpoint~3.pkcs11.json").exists()
    assert told.lines == [one["vkey"] for one in trust(operated)["log_keys"] if one["to"] is None]
    assert roa("audit", "--data", operated).code == 0
    assert roa("keys", "hsm", "check", "--data", operated).code == 0


def test_what_is_wrong_about_the_log_s_own_keys(operated):
    """Only they are told of beforehand; they have their algorithms; the last one does not end."""
    kid = next(one["kid"] for one in listed(operated) if one["purposes"] == ["checkpoint"])

    assert keys(operated, "next", PROVIDER, "credential").code == 2
    assert keys(operated, "rotate", "OPERATOR", "checkpoint", "--alg", "ES256").code == 2
    refused = keys(operated, "retire", "OPERATOR", kid)
    assert refused.code == 1
    assert "E830" in refused.err


@pytest.mark.parametrize("kid", ["-2" + "x" * 41, "--" + "x" * 41, "-h" + "x" * 41])
def test_a_thumbprint_may_begin_with_a_hyphen(folder, kid):
    """It is taken as one, and said to be unknown; an option that there is not is still wrong use."""
    for command, words in {
        "retire": (PROVIDER, kid),
        "revoke": (PROVIDER, kid, "--reason", "stolen", "--suspected-from", 3),
        "reaffirm": (PROVIDER, kid, 1, 2),
        "annul": (PROVIDER, kid, 1, 2),
        "suspects": (kid,),
    }.items():
        ran = keys(folder, command, *words)

        assert ran.code == 1, ran
        assert "No such option" not in ran.err
        assert keys(folder, command, *words, "--no-such-option").code == 2
