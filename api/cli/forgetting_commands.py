"""`roa forget`: learners who are to be forgotten, and how far that came.

Source: LEDGER.md 4.
"""

import typer

from api.cli import epoch_commands

app = typer.Typer(help="Forgetting learners, and putting the vault under new keys.", no_args_is_help=True)
app.command("turn")(epoch_commands.turn)
