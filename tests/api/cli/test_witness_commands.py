"""`roa witness`: home, told which logs to watch, asked who it is."""

import json
import socket

import pytest
from starlette.testclient import TestClient

from api.cli import witness_commands
from api.witnesses import create_witness_app
from ledger.log.note import parse_vkey
from ledger.log.policy import parse_policy
from ledger.witness import open_witness
from tests.api.cli.shell import roa
from tests.ledger.witness.logs import NAME, ORIGIN, ALog

LOG = ALog()


@pytest.fixture
def home(tmp_path):
    """The folder of a witness with both keys."""
    folder = tmp_path / "witness"
    assert roa("witness", "init", "--data", folder, "--name", NAME).code == 0
    return folder


def shown(folder):
    """Return what `roa witness show --json` prints."""
    return roa("witness", "show", "--data", folder, "--json").json


def opened(folder):
    """Open the witness as `serve` does."""
    return open_witness(folder, (folder / "keys" / "passphrase").read_bytes().strip())


# ------------------------------------------------------------------ init


def test_init_makes_keys_and_prints_them(tmp_path):
    """Two vkeys under its name, of types 0x04 and 0x06; the keys are their owner's alone."""
    ran = roa("witness", "init", "--data", tmp_path / "w", "--name", NAME)

    told = [line.removesuffix("…") for line in ran.lines if line.startswith(f"{NAME}+")]
    (full,) = [line.partition(": roa ")[2] for line in ran.lines if line.startswith("In full")]
    keys = [parse_vkey(line.split()[2]) for line in roa(*full.split()).lines if line.startswith("witness ")]
    assert ran.code == 0
    assert all(str(key).startswith(start) for key, start in zip(keys, told, strict=True))
    assert all(len(line) < 150 for line in told)
    assert [(key.name, key.type) for key in keys] == [(NAME, 4), (NAME, 6)]
    assert shown(tmp_path / "w")["vkeys"] == [str(key) for key in keys]
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "w" / "keys").iterdir())


@pytest.mark.parametrize(("kind", "types"), [("ed25519", [4]), ("mldsa44", [6]), ("both", [4, 6])])
def test_init_makes_the_keys_that_are_asked_for(tmp_path, kind, types):
    """One of them, or both."""
    roa("witness", "init", "--data", tmp_path / "w", "--name", NAME, "--keys", kind)

    assert [parse_vkey(vkey).type for vkey in shown(tmp_path / "w")["vkeys"]] == types


def test_init_never_makes_a_second_witness_in_a_folder(home):
    """Its keys would be another's, its memory the first one's."""
    before = shown(home)

    again = roa("witness", "init", "--data", home, "--name", "other.example")

    assert again.code == 2
    assert "already" in again.err
    assert shown(home) == before


def test_init_does_not_touch_a_ledger(folder):
    """A witness has a folder of its own."""
    ran = roa("witness", "init", "--data", folder, "--name", NAME)

    assert ran.code == 2
    assert not (folder / "witness.sqlite").exists()


@pytest.mark.parametrize("name", ["", "two words", "a+b", "x" * 256, "line\nbreak"])
def test_a_name_that_no_key_can_have_is_refused(tmp_path, name):
    """Exit 1, with a sentence and an example."""
    ran = roa("witness", "init", "--data", tmp_path / "w", "--name", name)

    assert ran.code == 1
    assert "witness.example/w1" in ran.err


def test_wrong_keys_are_wrong_use(tmp_path):
    """Exit 2, before anything is made."""
    ran = roa("witness", "init", "--data", tmp_path / "w", "--name", NAME, "--keys", "rsa")

    assert ran.code == 2
    assert not (tmp_path / "w").exists()


# ------------------------------------------------------------------ add-log


def test_a_log_is_told_by_its_keys(home):
    """Its name is that of its keys, and both count."""
    ran = roa("witness", "add-log", "--data", home, *LOG.vkeys)

    (log,) = shown(home)["logs"]
    assert (ran.code, ran.lines) == (0, [f"Watching {ORIGIN}."])
    assert (log["origin"], log["size"], sorted(log["vkeys"])) == (ORIGIN, 0, sorted(LOG.vkeys))


def test_a_log_is_told_by_a_policy_or_a_trust_file(home, tmp_path):
    """The log lines of the one, the log keys of the other that have not ended."""
    (tmp_path / "policy").write_text("".join(f"log {vkey}\n" for vkey in LOG.vkeys) + "quorum none\n")
    other = ALog("other.example/log")
    keys = [{"vkey": vkey, "from": 1, "to": None, "must_verify": True} for vkey in other.vkeys]
    ended = {"vkey": ALog("old.example/log").vkeys[0], "from": 1, "to": 9, "must_verify": True}
    (tmp_path / "trust.json").write_text(json.dumps({"log_keys": [*keys, ended]}))

    files = ("--policy", tmp_path / "policy", "--trust", tmp_path / "trust.json")
    ran = roa("witness", "add-log", "--data", home, *files)

    assert ran.code == 0
    assert [log["origin"] for log in shown(home)["logs"]] == [ORIGIN, "other.example/log"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([], 2),
        (["no-key"], 1),
        (["--policy", "missing"], 2),
        (["--trust", "missing"], 2),
        (["--policy", "garbage"], 2),
        (["--trust", "garbage"], 2),
    ],
)
def test_what_names_no_log_is_refused(home, tmp_path, words, code):
    """With a sentence, and nothing is watched."""
    (tmp_path / "garbage").write_bytes(b"\xffnone of these\n")

    named = [tmp_path / one if one in {"missing", "garbage"} else one for one in words]

    ran = roa("witness", "add-log", "--data", home, *named)

    assert ran.code == code
    assert ran.err
    assert shown(home)["logs"] == []


def test_the_keys_of_a_log_that_rotated_them_are_forgotten(home):
    """Added first, forgotten then; never the last one."""
    new = ALog(seed=5)
    roa("witness", "add-log", "--data", home, *LOG.vkeys, *new.vkeys)

    ran = roa("witness", "forget-key", "--data", home, *LOG.vkeys)

    assert (ran.code, ran.lines) == (0, ["2 forgotten."])
    assert sorted(shown(home)["logs"][0]["vkeys"]) == sorted(new.vkeys)
    assert roa("witness", "forget-key", "--data", home, *new.vkeys).code == 1
    assert roa("witness", "forget-key", "--data", home, *LOG.vkeys).code != 0
    assert sorted(shown(home)["logs"][0]["vkeys"]) == sorted(new.vkeys)


def test_a_witness_does_not_watch_itself(home):
    """Its own key is not a log's."""
    vkey = shown(home)["vkeys"][1]

    assert roa("witness", "add-log", "--data", home, vkey).code == 1


# ------------------------------------------------------------------ serve, show, policy-line


def test_show_is_short_and_says_what_is_not(home):
    """A long key is cut after 16 characters of it, and the command that prints it whole is named."""
    words = roa("witness", "show", "--data", home)

    (full,) = [line.partition("In full: roa ")[2] for line in words.lines if "In full" in line]
    short, long = roa(*full.split()).json["vkeys"]
    assert f"  {short}" in words.lines
    assert f"  {NAME}+{long.split('+')[1]}+{long.split('+', 2)[2][:16]}…" in words.lines
    assert long not in words.out


def test_serve_serves_the_witness(home, monkeypatch):
    """The application of that folder, at the address that was asked for."""
    roa("witness", "add-log", "--data", home, *LOG.vkeys)
    answers = []

    def served(app, held):
        client = TestClient(app)
        asked = client.post("/add-checkpoint", content=LOG.request(0, 5))
        answers.append((client.get("/").json()["name"], asked.status_code))
        held.close()

    monkeypatch.setattr(witness_commands, "run_app", served)

    ran = roa("witness", "serve", "--data", home, "--port", _free_port())

    assert ran.code == 0
    assert answers == [(NAME, 200)]
    assert shown(home)["logs"][0]["size"] == 5


def _free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def test_show_says_which_logs_signed_what_they_did_not_prove(home):
    """In words, and as JSON with the notes and the proof that others can check."""
    roa("witness", "add-log", "--data", home, *LOG.vkeys)
    witness = opened(home)
    client = TestClient(create_witness_app(witness))
    for body in (LOG.request(0, 5), LOG.forked(at=3).request(5, 5), LOG.forked(at=3).request(5, 9)):
        client.post("/add-checkpoint", content=body)
    witness.close()

    words, evidence = roa("witness", "show", "--data", home), shown(home)["evidence"]

    assert "another root at this size" in words.out
    assert "not proven to follow" in words.out
    assert [(one["kind"], one["size"]) for one in evidence] == [("split", 5), ("no-proof", 9)]
    assert all(one["note"].startswith(ORIGIN) and one["seen_note"].startswith(ORIGIN) for one in evidence)


def test_the_policy_lines_are_lines_of_a_policy(home):
    """A group that wants both keys, named as the witness is."""
    ran = roa("witness", "policy-line", "--data", home, "--url", "https://w1.example")

    policy = parse_policy(ran.out + f"quorum {NAME}\n")
    assert [str(one.key) for one in policy.witnesses] == shown(home)["vkeys"]
    assert {one.url for one in policy.witnesses} == {"https://w1.example"}
    assert policy.is_met([one.name for one in policy.witnesses])
    assert not policy.is_met([policy.witnesses[0].name])


def test_with_one_key_there_is_one_line(tmp_path):
    """And no group."""
    roa("witness", "init", "--data", tmp_path / "w", "--name", NAME, "--keys", "ed25519")

    ran = roa("witness", "policy-line", "--data", tmp_path / "w")

    assert [line.split()[:2] for line in ran.lines] == [["witness", NAME]]


@pytest.mark.parametrize("command", ["show", "serve", "policy-line", "add-log"])
def test_without_a_witness_it_is_wrong_use(tmp_path, command):
    """Exit 2, and what to do."""
    ran = roa("witness", command, "--data", tmp_path)

    assert ran.code == 2
    assert "roa witness init" in ran.err


def test_a_policy_that_cannot_be_used_is_wrong_use_of_the_ledger(folder):
    """At the start of every command that opens it: exit 2, with the file and the line."""
    (folder / "policy").write_text("quorum everybody\n")

    ran = roa("publish", "--data", folder)

    assert ran.code == 2
    assert "policy" in ran.err
    assert "line 1" in ran.err
