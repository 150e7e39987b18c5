"""What holds for every command: help, wrong use, and what nobody foresaw."""

import pytest

from api.cli import keepers
from tests.api.cli.shell import roa

COMMANDS = ["init", "demo", "serve", "post", "verify", "prove", "audit", "publish", "export", "rebuild"]
KEYS = ["create", "request", "register", "custody", "token", "list"]
EVERY = [[one] for one in COMMANDS] + [["keys", one] for one in KEYS]


@pytest.mark.parametrize("command", EVERY, ids=" ".join)
def test_every_command_has_help(command):
    """Exit 0, and the options in it."""
    ran = roa(*command, "--help")

    assert ran.code == 0
    assert "--help" in ran.out


@pytest.mark.parametrize("command", [[], ["keys"]])
def test_help_names_every_command(command):
    """With `--help`, exit 0; and without a word, where it is wrong use."""
    for words, code in (([*command, "--help"], 0), (command, 2)):
        ran = roa(*words)
        assert ran.code == code
        for name in KEYS if command else [*COMMANDS, "keys"]:
            assert name in ran.out + ran.err


@pytest.mark.parametrize("command", EVERY, ids=" ".join)
def test_an_option_that_there_is_not_is_wrong_use(command):
    """Exit 2, and nothing on standard output."""
    ran = roa(*command, "--sideways")

    assert (ran.code, ran.out) == (2, "")
    assert "--sideways" in ran.err


@pytest.mark.parametrize(
    "words",
    [
        ["dance"],
        ["keys", "dance"],
        ["audit"],
        ["publish"],
        ["rebuild"],
        ["init"],
        ["serve"],
        ["export"],
        ["export", "9000000010"],
        ["post"],
        ["verify"],
        ["prove"],
        ["prove", "one"],
        ["serve", "--data", "x", "--port", "http"],
        ["keys", "list"],
        ["keys", "token", "--data", "x"],
        ["keys", "custody", "--data", "x"],
        ["keys", "request", "x.pem"],
        ["keys", "register", "--data", "x"],
    ],
    ids=" ".join,
)
def test_what_is_missing_or_no_command_is_wrong_use(words):
    """Exit 2, before anything is opened."""
    ran = roa(*words)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err


def test_what_nobody_foresaw_is_70_without_its_words(folder, monkeypatch):
    """Where it happened, never what was in it: that may be somebody's."""

    def broken(*_arguments: object, **_options: object) -> None:
        raise ZeroDivisionError("9000000001 Ana Brook")

    monkeypatch.setattr(keepers, "audit_files", broken)

    ran = roa("audit", "--data", folder)

    assert ran.code == 70
    assert "ZeroDivisionError" in ran.err
    assert "9000000001" not in ran.err + ran.out


@pytest.mark.parametrize(
    "words",
    [
        ["audit"],
        ["publish"],
        ["rebuild"],
        ["serve"],
        ["export", "9000000010"],
        ["keys", "list"],
        ["keys", "token", "95001"],
        ["keys", "custody", "95001"],
    ],
    ids=" ".join,
)
def test_where_there_is_no_ledger_none_is_opened_or_made(tmp_path, words):
    """Wrong use, and the command that makes one."""
    ran = roa(*words, "--data", tmp_path / "nowhere")

    assert (ran.code, ran.out) == (2, "")
    assert "roa init" in ran.err
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("words", [["audit"], ["publish"], ["keys", "list"]], ids=" ".join)
def test_a_passphrase_file_that_is_not_there_is_wrong_use(folder, words):
    """Exit 2, and the variable that says where it is."""
    (folder / "keys" / "passphrase").unlink()

    ran = roa(*words, "--data", folder)

    assert (ran.code, ran.out) == (2, "")
    assert "ROA_PASSPHRASE_FILE" in ran.err


@pytest.mark.parametrize("words", [["audit"], ["publish"], ["keys", "list"]], ids=" ".join)
def test_a_wrong_passphrase_is_refused(folder, words):
    """Exit 1, one sentence."""
    (folder / "keys" / "passphrase").write_bytes(b"another")

    ran = roa(*words, "--data", folder)

    assert (ran.code, ran.out) == (1, "")
    assert len(ran.err.splitlines()) == 1
