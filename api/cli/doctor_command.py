"""`roa doctor`: is machine, file system, clock, keys, anchor, disk and backup as it should be?"""

from pathlib import Path
from typing import Annotated

import typer

from api.cli.console import (
    REFUSED,
    AsJson,
    Data,
    ledger_in,
    out,
    print_json,
    settings_of_environment,
    spoken_errors,
)
from api.house import files_of
from api.operations.checkup import OK, PROBLEM, WARNING, Asked, Check, checkup
from api.transport import post_to_witness

_STYLES = {OK: "green", WARNING: "yellow", PROBLEM: "bold red"}


def doctor(
    data: Data,
    as_json: AsJson = False,
    deep: Annotated[bool, typer.Option("--deep", help="Read every page of every database.")] = False,
    backups: Annotated[Path | None, typer.Option(help="Folder of backups, to see how old they are.")] = None,
    witnesses: Annotated[
        bool, typer.Option("--witnesses", help="Ask the witnesses of the policy whether they answer.")
    ] = False,
) -> None:
    """Look a ledger and its machine over, and say in plain words what to do; exit 1 for problems."""
    settings = settings_of_environment()
    with spoken_errors():
        if not files_of(data, settings).epoch.exists():
            ledger_in(data, settings)
        asked = Asked(deep=deep, backups=backups, witnesses=post_to_witness if witnesses else None)
        found = []
        for one in checkup(data, settings, asked):
            found.append(one)
            if not as_json:
                _say(one)
    counts = {state: sum(one.state == state for one in found) for state in (OK, WARNING, PROBLEM)}
    if as_json:
        print_json({"ok": not counts[PROBLEM], "counts": counts, "checks": [one.as_json() for one in found]})
    else:
        out.print(f"{counts[OK]} well, {counts[WARNING]} to be minded, {counts[PROBLEM]} problems.")
    if counts[PROBLEM]:
        raise typer.Exit(REFUSED)


def _say(one: Check) -> None:
    style = _STYLES[one.state] if out.is_terminal else None
    out.print(f"{one.state:8}{one.name}: {one.seen}", style=style, markup=False)
    if one.means:
        out.print(f"        {one.means}", markup=False)
        out.print(f"        {one.do}", markup=False)
