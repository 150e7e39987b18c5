"""`roa witness`: a witness of other people's logs, in a folder of its own.

It has nothing to do with a ledger's folder, and does best on another machine under other hands.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from api.cli.console import (
    WRONG_USE,
    AsJson,
    fail,
    new_passphrase,
    out,
    print_json,
    settings_of_environment,
    shortened,
    spoken_errors,
)
from api.cli.serving import Address, Port, listening, reserved, run_app
from api.client.errors import Malformed as NotJson
from api.client.jose import read_json
from api.house import passphrase_of
from ledger.clock import rfc3339
from ledger.database import is_sound
from ledger.errors import Absent, Malformed
from ledger.files import LedgerFiles
from ledger.log.note import parse_vkey
from ledger.log.policy import parse_policy
from ledger.witness import KINDS, Witness, WitnessFiles, create_witness, open_witness

app = typer.Typer(help="A witness that cosigns other people's logs.", no_args_is_help=True)

DEFAULT_PORT = 8100
BOTH = "both"
_FILE_MAX_BYTES = 4_000_000

Folder = Annotated[Path, typer.Option("--data", help="Folder of the witness.", envvar="ROA_WITNESS")]


@app.command()
def init(
    data: Folder,
    name: Annotated[str, typer.Option(help="Name of its keys, for ever, such as witness.example/w1.")],
    keys: Annotated[str, typer.Option(help=f"{BOTH}, or one of {', '.join(KINDS)}.")] = BOTH,
) -> None:
    """Make a new witness: its keys, and a database that has seen nothing."""
    settings = settings_of_environment()
    if keys not in (BOTH, *KINDS):
        fail(f"--keys is {BOTH}, {' or '.join(KINDS)}", WRONG_USE)
    files = LedgerFiles(data)  # keys and passphrase lie where a ledger's do
    if files.exists or files.keys.exists() or WitnessFiles(data).exists:
        fail(f"{data} holds a witness or a ledger already: a witness has a folder of its own", WRONG_USE)
    with spoken_errors():
        passphrase = new_passphrase(files, settings)
        witness = create_witness(data, name, passphrase, kinds=KINDS if keys == BOTH else (keys,))
        vkeys = witness.vkeys
        witness.close()
    out.print(f"Made the witness {name} in {data}.", markup=False)
    for vkey in vkeys:
        out.print(shortened(vkey), markup=False)
    # A policy is what they are copied into.
    _say_where_in_full(vkeys, f"roa witness policy-line --data {data}")
    if settings.passphrase_file is None:
        out.print(
            f"The passphrase that opens its keys is in {files.passphrase}: keep a copy elsewhere.",
            markup=False,
        )
    out.print(f"Next: roa witness add-log --data {data} VKEY; roa witness serve --data {data}", markup=False)


@app.command("add-log")
def add_log(
    data: Folder,
    vkeys: Annotated[list[str] | None, typer.Argument(help="Keys of one log, as vkeys.")] = None,
    policy: Annotated[Path | None, typer.Option(help="A tlog-policy: the keys of its log lines.")] = None,
    trust: Annotated[Path | None, typer.Option(help="A trust file: its log keys.")] = None,
) -> None:
    """Watch a log: it is known by the name of its keys, whichever way they come."""
    with spoken_errors(), opened_witness(data) as witness:
        given = [*(vkeys or ()), *_keys_of_policy(policy), *_keys_of_trust(trust)]
        if not given:
            fail("name the keys of the log: VKEY, --policy or --trust", WRONG_USE)
        by_origin: dict[str, list[str]] = {}
        for vkey in given:
            by_origin.setdefault(parse_vkey(vkey).name, []).append(vkey)
        for origin, keys in by_origin.items():
            witness.add_log(keys)
            out.print(f"Watching {origin}.", markup=False)


@app.command("forget-key")
def forget_key(
    data: Folder,
    vkeys: Annotated[list[str], typer.Argument(help="Keys of a log that were retired or stolen, as vkeys.")],
) -> None:
    """Accept keys of a log no longer, after it has rotated them. What was seen of the log stays."""
    with spoken_errors(), opened_witness(data) as witness:
        witness.forget_keys(vkeys)
        out.print(f"{len(vkeys)} forgotten.", markup=False)


@app.command()
def serve(data: Folder, host: Address = "127.0.0.1", port: Port = DEFAULT_PORT) -> None:
    """Serve a witness over HTTP until Ctrl-C."""
    with spoken_errors(), opened_witness(data) as witness:
        from api.witnesses import create_witness_app

        held = reserved(host, port)
        listening(held)
        if not is_sound():
            out.print("This SQLite can corrupt a database under load: use 3.51.3 or newer.", style="bold red")
        out.print(f"Witness {witness.name}.", markup=False)
        run_app(create_witness_app(witness), held)


@app.command()
def show(data: Folder, as_json: AsJson = False) -> None:
    """Show who a witness is, what it has seen, and which logs signed what they did not prove.

    With --json, evidence is shown in full: the two notes and the proof, for others to check.
    """
    with spoken_errors(), opened_witness(data) as witness:
        from api.witnesses.app import identity_json

        found = {**identity_json(witness), "evidence": [one.as_json() for one in witness.evidence()]}
    if as_json:
        print_json(found)
        return
    out.print(found["name"], markup=False)
    for vkey in found["vkeys"]:
        out.print(f"  {shortened(vkey)}", markup=False)
    _say_where_in_full(found["vkeys"], f"roa witness show --data {data} --json")
    for log in found["logs"]:
        at = f" at {rfc3339(log['timestamp_s'] * 1_000_000)}" if log["timestamp_s"] else ""
        out.print(f"{log['origin']}: size {log['size']}{at}", markup=False)
    for one in found["evidence"]:
        what = "another root at this size" if one["kind"] == "split" else "not proven to follow"
        out.print(f"{one['origin']}: size {one['size']} was signed, and is {what}", markup=False)


@app.command("policy-line")
def policy_line(
    data: Folder,
    url: Annotated[str | None, typer.Option(help="Where logs reach it; left out, the line has none.")] = None,
) -> None:
    """Print the lines that name this witness in a tlog-policy; with two keys, a group that wants both."""
    with spoken_errors(), opened_witness(data) as witness:
        name, vkeys = witness.name, witness.vkeys
    address = "" if url is None else f" {url}"
    if len(vkeys) == 1:
        out.print(f"witness {name} {vkeys[0]}{address}", markup=False)
        return
    names = [f"{name}#{kind}" for kind in KINDS]
    for one, vkey in zip(names, vkeys, strict=True):
        out.print(f"witness {one} {vkey}{address}", markup=False)
    out.print(f"group {name} all {' '.join(names)}", markup=False)


def _say_where_in_full(vkeys: Iterable[str], command: str) -> None:
    if any(shortened(vkey) != vkey for vkey in vkeys):
        out.print(f"In full: {command}", markup=False)


@contextmanager
def opened_witness(data: Path) -> Iterator[Witness]:
    """Open the witness in a folder for one command; wrong use where there is none."""
    settings = settings_of_environment()
    if not WitnessFiles(data).exists:
        fail(f"there is no witness in {data}: make one with `roa witness init`", WRONG_USE)
    try:
        witness = open_witness(data, passphrase_of(LedgerFiles(data), settings))
    except Absent as error:
        fail(str(error), WRONG_USE)
    try:
        yield witness
    finally:
        witness.close()


def _keys_of_policy(path: Path | None) -> list[str]:
    if path is None:
        return []
    try:
        return [str(log.key) for log in parse_policy(_read(path)).logs]
    except Malformed as error:
        fail(f"{path} is no tlog-policy: {error}", WRONG_USE)


def _keys_of_trust(path: Path | None) -> list[str]:
    """Return the log keys of a trust file; who gave it to the operator is the operator's to know."""
    if path is None:
        return []
    try:
        keys = read_json(_read(path))["log_keys"]
        return [str(key["vkey"]) for key in keys if key.get("to") is None]
    except (NotJson, KeyError, TypeError, AttributeError):
        fail(f"{path} is no trust file", WRONG_USE)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_FILE_MAX_BYTES)
