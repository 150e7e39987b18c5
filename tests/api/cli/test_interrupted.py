"""Ctrl-C, at the moments at which nobody has begun anything yet."""

import builtins
import subprocess
import sys
from typing import Any

import pytest

from api.cli import keepers
from tests.api.cli.shell import roa


def test_while_a_command_runs_it_ends_without_a_word(folder, monkeypatch):
    """Exit 130, nothing on standard error."""

    def interrupted(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(keepers, "audit_files", interrupted)

    ran = roa("audit", "--data", folder)

    assert (ran.code, ran.err) == (130, "")


def test_while_the_commands_are_loaded_it_ends_without_a_word(monkeypatch):
    """Exit 130 too, though nothing is there yet that could say so."""
    load = builtins.__import__

    def interrupted(name: str, *more: Any, **named: Any) -> Any:
        if name == "api.cli.commands":
            raise KeyboardInterrupt
        return load(name, *more, **named)

    monkeypatch.setattr(builtins, "__import__", interrupted)

    ran = roa("--help")

    assert (ran.code, ran.out, ran.err) == (130, "", "")


@pytest.mark.parametrize("module", ["typer", "rich", "pydantic", "ledger", "sqlite3"])
def test_where_a_shell_comes_in_hardly_anything_is_loaded(module):
    """What takes long is loaded inside of `main`, where Ctrl-C is met."""
    words = [sys.executable, "-c", f"import sys, api.cli.main; sys.exit({module!r} in sys.modules)"]

    assert subprocess.run(words, check=False).returncode == 0
