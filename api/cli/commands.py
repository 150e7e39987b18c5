"""Every command of `roa`: Record of Achievement.

What a command needs is loaded when it runs, or when somebody asks for help about it: `roa --help` tells
of all of them and loads none. So the sentence of each stands here too, and a test compares them.
"""

from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command


class Entry(NamedTuple):
    """A command, or a family of them: its name, where it is (`module:name` in this room), its sentence."""

    name: str
    where: str
    sentence: str


TABLE = (
    Entry("init", "keepers:init", "Found a new ledger: folder, keys, first record, first checkpoint."),
    Entry(
        "demo",
        "demonstration:demo",
        "Run the whole arrow on invented data: post, decide, seal, prove, show, export, check.",
    ),
    Entry("serve", "keepers:serve", "Serve a ledger over HTTP until Ctrl-C."),
    Entry(
        "post",
        "visitors:post_file",
        "Post a file, signed with your own key or under your token, and show what became of it.",
    ),
    Entry(
        "verify",
        "visitors:verify_file",
        "Check a credential, a record or an offline bundle. Nobody is asked but whom you name with --url.",
    ),
    Entry("prove", "visitors:prove", "Print the proof that the public log holds a record (C2SP tlog-proof)."),
    Entry("audit", "keepers:audit", "Check everything that is stored; exit 1 when something does not check."),
    Entry(
        "doctor",
        "doctor_command:doctor",
        "Look a ledger and its machine over, and say in plain words what to do; exit 1 for problems.",
    ),
    Entry(
        "publish",
        "keepers:publish",
        "Publish what is stored: a checkpoint over everything appended so far, shown to the witnesses.",
    ),
    Entry(
        "fsck",
        "watchers:fsck",
        "Check every tile, entry bundle, entry and signature of a log; exit 1 when something does not check.",
    ),
    Entry(
        "monitor",
        "watchers:monitor",
        "Follow a log from where it was last seen; "
        "exit 1 for findings, 3 for a step back, 4 for two histories.",
    ),
    Entry(
        "export",
        "keepers:export",
        "Write a learner's record, or one award, as a document that others can check without us.",
    ),
    Entry(
        "rebuild",
        "keepers:rebuild",
        "Build views again from the records, beside the old ones, and put them in their place.",
    ),
    Entry(
        "statistics",
        "disposal_commands:statistics",
        "Count what was recorded about learners, exactly: the numbers for everybody are at /v1/statistics.",
    ),
    Entry(
        "backup",
        "backup_commands:backup",
        "Copy a ledger, running or not, into a new folder: checked, signed, and never with its keys.",
    ),
    Entry(
        "restore",
        "recovery:restore",
        "Go on from an old copy of the database: read back what is public, account for what is lost.",
    ),
    Entry("keys", "commands:keys", "Keys and tokens."),
    Entry("witness", "witness_commands:app", "A witness that cosigns other people's logs."),
    Entry("forget", "commands:forget", "Forgetting learners, and putting the vault under new keys."),
    Entry("drill", "drill_commands:app", "Let go wrong, on an invented ledger, what must be found."),
    Entry("mirror", "watchers:mirror", "A copy of somebody's log that never goes back."),
    Entry("register", "watchers:register", "The register, made again from a log alone."),
)


def keys() -> typer.Typer:
    """Return the family `keys`, which is put together from three modules."""
    from api.cli import hsm_commands, key_ceremonies, key_commands

    family = key_commands.app
    family.add_typer(hsm_commands.app, name="hsm")
    family.command("next")(key_ceremonies.next_keys)
    for ceremony in ("rotate", "retire", "revoke", "reaffirm", "annul", "suspects"):
        # One thumbprint in 64 begins with a hyphen; it is a word all the same.
        words = {"ignore_unknown_options": True}
        family.command(ceremony, context_settings=words)(getattr(key_ceremonies, ceremony))
    return family


def forget() -> typer.Typer:
    """Return the family `forget`, which is put together from two modules."""
    from api.cli import disposal_commands, forgetting_commands

    forgetting_commands.app.command("dispose")(disposal_commands.dispose)
    return forgetting_commands.app


_FAMILIES = {"commands:keys": keys, "commands:forget": forget}


@cache
def loaded(entry: Entry) -> Any:
    """Return a command as it is run, with everything that it needs."""
    holder = typer.Typer(add_completion=False)
    holder.callback()(_nothing)
    if entry.where in _FAMILIES:
        found: Any = _FAMILIES[entry.where]()
    else:
        module, _, name = entry.where.partition(":")
        found = getattr(import_module(f"api.cli.{module}"), name)
    if isinstance(found, typer.Typer):
        holder.add_typer(found, name=entry.name)
    else:
        holder.command(entry.name)(found)
    return get_command(holder).commands[entry.name]  # type: ignore[attr-defined]


def _nothing() -> None:
    """Make a family of whatever stands under it, be it one command."""


class _Later(TyperCommand):
    """A command of which only name and sentence are known until it is called."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(entry.name, help=entry.sentence)
        self._entry = entry

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        """Return the context of the command itself, which then runs in the place of this one."""
        return loaded(self._entry).make_context(*arguments, **options)


class _Commands(TyperGroup):
    """All of TABLE."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = {entry.name: _Later(entry) for entry in TABLE}


app = typer.Typer(
    cls=_Commands,
    help="Achievement Ledger: records of achievement that anyone can check.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
)
app.callback()(_nothing)
