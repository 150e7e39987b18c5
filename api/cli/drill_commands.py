"""`roa drill`: split, rollback, backup, compromise, forgetting, and the table of tamperings."""

import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from api.cli.console import WRONG_USE, AsJson, fail, out, print_json, spoken_errors
from api.cli.drills.result import Drill
from ledger.files import replace_file

app = typer.Typer(help="Let go wrong, on an invented ledger, what must be found.", no_args_is_help=True)

# Between these two lines of a document stands what the drill prints.
_TABLE = re.compile(r"(<!-- drills: begin -->\n).*?(<!-- drills: end -->\n)", re.DOTALL)


@app.command()
def split(as_json: AsJson = False) -> None:
    """Fork the log with its real key: a witness, a monitor, an audit and start-up must find it."""
    from api.cli.drills.split import run

    _play(run, as_json=as_json)


@app.command()
def rollback(as_json: AsJson = False) -> None:
    """Put an old copy of the database back: it must be found, restored, and the loss accounted for."""
    from api.cli.drills.rollback import run

    _play(run, as_json=as_json)


@app.command()
def backup(as_json: AsJson = False) -> None:
    """Lose the machine: a backup, the keys and the anchor make the ledger again, and nobody notices."""
    from api.cli.drills.backup import run

    _play(run, as_json=as_json)


@app.command()
def compromise(as_json: AsJson = False) -> None:
    """Steal a provider's keys: what was signed before stays verified, what is back-dated does not."""
    from api.cli.drills.compromise import run

    _play(run, as_json=as_json)


@app.command()
def forgetting(as_json: AsJson = False) -> None:
    """Forget a learner, and search every file for what could say who it was: nothing may be left."""
    from api.cli.drills.forgetting import run

    _play(run, as_json=as_json)


@app.command()
def tampering(
    as_json: AsJson = False,
    into: Annotated[
        Path | None, typer.Option(help="Document whose table is written anew, between its two marks.")
    ] = None,
) -> None:
    """Tamper with the past in every way there is, and print who finds each."""
    from api.cli.drills.tampering import run, table

    with spoken_errors(), tempfile.TemporaryDirectory(prefix="roa-drill-") as place:
        rows = run(Path(place))
        text = table(rows)
        if into is not None:
            _write(into, text)
    missed = [f"{row.kind} ({row.way})" for row in rows if not row.is_found]
    if as_json:
        found = [{"tampering": row.kind, "how": row.way, "found": dict(row.found)} for row in rows]
        print_json({"ok": not missed, "drill": "tampering", "rows": found})
    else:
        out.print(text, end="", markup=False)
    if missed:
        fail(f"nobody found: {', '.join(missed)}")


def _write(path: Path, text: str) -> None:
    document = path.read_text(encoding="utf-8")
    if not _TABLE.search(document):
        fail(f"{path} has no place for the table: two lines <!-- drills: begin --> and end", WRONG_USE)
    written = _TABLE.sub(lambda marks: f"{marks[1]}{text}{marks[2]}", document)
    replace_file(path, written.encode())


def _play(run: Callable[[Path], Drill], *, as_json: bool) -> None:
    with spoken_errors(), tempfile.TemporaryDirectory(prefix="roa-drill-") as place:
        drill = run(Path(place))
    if as_json:
        print_json(drill.as_json())
    else:
        for step in drill.steps:
            out.print(f"{'ok ' if step.ok else 'NO '} {step.what}: {step.seen}", markup=False)
        for what, number in drill.numbers.items():
            out.print(f"    {what}: {number}", markup=False)
    if not drill.ok:
        fail(f"the drill {drill.name} did not come out as it had to: see its steps")
