"""`roa keys`: making keys, proving that they are held, registering them, and tokens for files."""

from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.console import WRONG_USE, AsJson, Data, fail, opened, out, print_json, read_input, spoken_errors
from api.client import keys as kit
from api.client.errors import Malformed
from api.client.jose import read_json
from api.client.submission import organisation_id
from api.operations.custody import take_into_custody
from api.operations.registrar import say_or_fail
from ledger.clock import SystemClock, civil_date
from ledger.keys.keyring import VALID

app = typer.Typer(help="Keys and tokens.", no_args_is_help=True)

KeyFile = Annotated[Path, typer.Argument(help="File of the private key.")]
Reference = Annotated[str, typer.Argument(help="Number of an organisation, or its body code.")]
PassphraseFile = Annotated[Path | None, typer.Option(help="File with the passphrase of the key.")]


@app.command()
def create(
    path: KeyFile,
    alg: Annotated[str, typer.Option(help="Ed25519 or ES256.")] = "Ed25519",
    passphrase_file: PassphraseFile = None,
) -> None:
    """Make a key of your own. Nobody else ever sees the file."""
    with spoken_errors():
        key = kit.create(path, alg=alg, passphrase=passphrase_of(passphrase_file))
        out.print(f"{path}: {key.alg}, kid {key.thumbprint}", markup=False)


@app.command()
def request(
    path: KeyFile,
    organisation: Annotated[str, typer.Option(help="Your number, or body code.")],
    origin: Annotated[
        str, typer.Option(help="Name of the log; the first line of /log/checkpoint.")
    ] = "ledger.example/log",
    purpose: Annotated[
        list[str] | None, typer.Option(help="What it is for: submission or keys; submission when left out.")
    ] = None,
    not_before: Annotated[
        str | None, typer.Option(help="Date from which it is meant to be used; today when left out.")
    ] = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Print the statement by which the registrar can register your key, with proof that you hold it."""
    with spoken_errors():
        key = kit.load(path, passphrase=passphrase_of(passphrase_file))
        statement = kit.key_registered(
            key,
            organisation=reference(organisation),
            organisation_id=organisation_id(reference(organisation)),
            origin=origin,
            purposes=purpose or ["submission"],
            not_before=not_before or today(),
        )
        print_json(statement)


@app.command()
def register(
    data: Data, request_file: Annotated[str, typer.Argument(help="What `roa keys request` printed, or -.")]
) -> None:
    """Register a key that an organisation asked for, as the registrar."""
    with spoken_errors():
        statement = _statement(read_input(request_file))
        with opened(data, writes=True) as house:
            (outcome,) = say_or_fail(house.ledger, [statement])
            house.catch_up()
            house.issuer.write_trust()
        out.print(f"Registered at position {outcome.position}.", markup=False)


@app.command()
def custody(
    data: Data, references: Annotated[list[str], typer.Argument(help="Numbers or body codes.")]
) -> None:
    """Keep keys for organisations that have none: one for submissions, one for credentials."""
    with spoken_errors(), opened(data, writes=True) as house:
        register = house.ledger.register()
        for one in references:
            if register.organisation(reference(one)) is None:
                fail(f"{one} is not on the register: no key is made")
        outcomes = take_into_custody(house.ledger, [reference(one) for one in references])
        house.catch_up()
        house.issuer.write_trust()
        out.print(f"{len(outcomes)} keys registered.", markup=False)


@app.command()
def token(data: Data, organisation: Reference) -> None:
    """Print a new token with which an organisation may post files. It is shown once."""
    with spoken_errors(), opened(data, writes=True) as house:
        found = house.ledger.register().organisation(reference(organisation))
        if found is None:
            fail(f"{organisation} is not on the register", WRONG_USE)
        out.print(house.tokens.make(found.id, house.ledger.clock.now_us()), markup=False)


@app.command("list")
def list_keys(data: Data, as_json: AsJson = False) -> None:
    """List every registered key with the positions between which it counts."""
    with spoken_errors(), opened(data) as house:
        ledger_register, keyring = house.ledger.register(), list(house.ledger.keyring())
        # A key that a thief registered counts as long as nobody ends it, whatever became of the statement.
        registrations = house.ledger.standings().of([key.registered_at for key in keyring])
        rows: list[dict[str, Any]] = []
        for key in keyring:
            holder = ledger_register.organisation(key.organisation)
            rows.append(
                {
                    "kid": key.kid,
                    "organisation": reference(holder.label) if holder else None,
                    "purposes": sorted(key.purposes),
                    "custody": key.custody,
                    "from": key.registered_at,
                    "to": key.ended_at,
                    "suspected_from": key.suspected_from,
                    "registration": registrations[key.registered_at],
                }
            )
    if as_json:
        print_json({"keys": rows})
        return
    for row in rows:
        out.print(
            f"{row['kid']}  {row['organisation']}  {','.join(row['purposes'])}  {_counts(row)}", markup=False
        )


def _counts(row: dict[str, Any]) -> str:
    """Return the positions between which a key counts, and what is wrong with it."""
    said = f"from {row['from']} " + (f"to {row['to']}" if row["to"] else "in force")
    if row["suspected_from"]:
        said += f", suspect from {row['suspected_from']}"
    if row["registration"] != VALID:
        said += f", its registration is {row['registration']}"
    return said


def passphrase_of(path: Path | None) -> str | None:
    """Return the passphrase that a file holds, None where no file is named."""
    try:
        return None if path is None else path.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError:
        fail(f"{path} holds no passphrase: it is not text", WRONG_USE)


def reference(text: str) -> int | str:
    """Return an organisation's number as a number, a body code as text."""
    return int(text) if text.isascii() and text.isdigit() else text


def today() -> str:
    """Return today's civil date in New Zealand."""
    return civil_date(SystemClock().now_us()).isoformat()


def _statement(data: bytes) -> dict[str, Any]:
    try:
        statement = read_json(data)
    except Malformed:
        fail("this is not what `roa keys request` prints", WRONG_USE)
    if not isinstance(statement, dict):
        fail("this is not what `roa keys request` prints", WRONG_USE)
    return statement
