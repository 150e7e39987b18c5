"""`roa --help` tells of every command and loads none."""

import json
import subprocess
import sys

import pytest

from api.cli.commands import TABLE, loaded
from tests.api.cli.shell import roa

# What takes long to load, and nobody needs who reads which commands there are.
HEAVY = (
    "api.house", "cryptography", "eventsourcing", "fastapi", "httpx2", "jinja2", "joserfc", "ledger",
    "opentelemetry", "prometheus_client", "projections", "pyld", "pysqlite3", "starlette",
    "structlog", "uvicorn",
)  # fmt: skip
MODULES_MAX = 450


@pytest.mark.parametrize("words", [["--help"], ["nothing"], []], ids=["help", "unknown", "none"])
def test_whoever_asks_what_there_is_waits_for_nothing(words):
    """Modules are counted, not time: none of the ledger, of its databases or of the web, and not many."""
    program = (
        "import json, sys; sys.argv[0] = 'roa'; import api.cli.main as m\n"
        "try: m.main()\n"
        "except SystemExit: pass\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    )

    ran = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=True)

    modules = json.loads(ran.stderr.splitlines()[-1])
    assert "typer" in modules
    assert [name for name in HEAVY if name in modules] == []
    assert len(modules) < MODULES_MAX


@pytest.mark.parametrize("entry", TABLE, ids=lambda entry: entry.name)
def test_the_sentence_of_a_command_is_its_own(entry):
    """What the table says is how the command itself begins, and its own help is there to be read."""
    command = loaded(entry)

    assert command.help.split("\n\n")[0].replace("\n", " ") == entry.sentence
    assert command.name == entry.name
    assert loaded(entry) is command
    assert roa(entry.name, "--help").code == 0


def test_help_tells_of_every_command():
    """Each by its name, with no name twice."""
    told = roa("--help").out

    names = [entry.name for entry in TABLE]
    assert len(names) == len(set(names))
    assert [name for name in names if f" {name} " not in told] == []


def test_a_word_that_is_nearly_a_command_is_answered_with_it():
    """Exit 2, and what may have been meant."""
    ran = roa("audt")

    assert ran.code == 2
    assert "audit" in ran.err
