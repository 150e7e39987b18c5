"""Commands of whoever keeps a ledger: they open its files.

`init`, `serve`, `audit`, `publish`, `rebuild`, `export`.
"""

from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from api.cli.console import (
    REFUSED,
    ROLLBACK,
    SPLIT,
    WRONG_USE,
    AsJson,
    Data,
    fail,
    opened,
    out,
    print_json,
    spoken_errors,
)
from api.house import House, close_house, existing_files, files_of, furnish, open_house, passphrase_of
from api.operations.registrar import found
from api.settings import Settings
from ledger.audit import Report, audit_files
from ledger.database import is_sound
from ledger.files import LedgerFiles
from ledger.founding import Charter, make_passphrase
from ledger.privacy.epoch import load_epoch_keys
from ledger.privacy.vault import Vault
from projections.issuing import EXPORT_FORMATS

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def init(
    data: Data,
    origin: Annotated[str, typer.Option(help="Name of the log, for ever.")] = "ledger.example/log",
    host: Annotated[str, typer.Option(help="Host of did:web identifiers, for ever.")] = "ledger.example",
    registrar_number: Annotated[int, typer.Option(help="Number of the regulator.")] = 95000,
    registrar_name: Annotated[str, typer.Option(help="Name of the regulator.")] = "Qualifications Authority",
    operator_name: Annotated[str, typer.Option(help="Name of whoever runs the ledger.")] = "Ledger Operator",
) -> None:
    """Found a new ledger: folder, keys, first record, first checkpoint."""
    settings = Settings()
    with spoken_errors():
        files = files_of(data, settings)
        if files.exists or files.epoch.exists():
            # Not even the passphrase is made again: the old one opens the keys that are there.
            fail(f"{data} holds a ledger already", WRONG_USE)
        passphrase = (
            settings.passphrase_file.read_bytes().strip()
            if settings.passphrase_file
            else make_passphrase(files)
        )
        charter = Charter(origin, host, registrar_number, registrar_name, operator_name)
        house = furnish(found(files, passphrase, charter), settings)
        house.catch_up()
        house.issuer.write_trust()
        fingerprint = house.issuer.trust_fingerprint()
        close_house(house)
    out.print(f"Founded {origin} in {data}.", markup=False)
    out.print(f"Trust file: {files.trust} (SHA-256 {fingerprint})", markup=False)
    if settings.passphrase_file is None:
        out.print(
            f"The passphrase that opens its keys is in {files.passphrase}: keep a copy elsewhere.",
            markup=False,
        )
    out.print(f"Next: roa keys custody --data {data} NUMBER …, or roa serve --data {data}", markup=False)


def serve(
    data: Data,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8000,
) -> None:
    """Serve a ledger over HTTP until Ctrl-C."""
    with spoken_errors():
        run_server(data, host, port, Settings())


def run_server(data: Path, host: str, port: int, settings: Settings) -> None:
    """Open a ledger and serve it until a signal says stop."""
    # The web is not loaded for commands that need none of it.
    import uvicorn

    from api.app import create_app

    house = open_house(data, settings)
    if house.demo and host not in LOOPBACK:
        close_house(house)
        fail(
            "a demonstration ledger lets anyone pose as a learner: it is served on 127.0.0.1 only", WRONG_USE
        )
    if not is_sound():
        out.print("This SQLite can corrupt a database under load: use 3.51.3 or newer.", style="bold red")
    if house.fault is not None:
        out.print(f"Reading only: {house.fault}", style="bold red", markup=False)
    try:
        uvicorn.run(create_app(house), host=host, port=port, log_level="warning", server_header=False)
    finally:
        close_house(house)


def audit(
    data: Data,
    as_json: AsJson = False,
    without_keys: Annotated[
        bool, typer.Option("--without-keys", help="Open nothing that is sealed.")
    ] = False,
) -> None:
    """Check everything that is stored; exit 1 when something does not check.

    Exit 3 or 4 when all that is wrong is that something else was published: more, or another history.
    """
    with spoken_errors():
        settings = Settings()
        report = _audited(existing_files(data, settings), settings, with_keys=not without_keys)
        if report.ok:
            # Only a sound ledger says what its views should be.
            with opened(data) as house:
                for difference in house.views.differences():
                    report.add("view", difference.view, difference.what)
        found = report.as_json()
    if as_json:
        print_json(found)
    else:
        for one in found["findings"]:
            out.print(f"{one['code']:12} {one['where']}: {one['what']}", markup=False)
        words = "clean" if report.ok else f"{len(found['findings']) + found['more_findings']} findings"
        out.print(
            f"{found['records']} records, {found['submissions']} submissions,"
            f" {found['checkpoints']} checkpoints: {words}",
            markup=False,
        )
    if not report.ok:
        raise typer.Exit(_exit_code(report))


def _audited(files: LedgerFiles, settings: Settings, *, with_keys: bool) -> Report:
    """Audit the files as they lie: what is damaged may be beyond opening, and is looked at all the same."""
    if not with_keys:
        return audit_files(files)
    vault = Vault(files.vault, load_epoch_keys(files.epoch, passphrase_of(files, settings)))
    try:
        return audit_files(files, vault)
    finally:
        vault.close()


# Findings of a ledger that is sound in itself, and is not the one that was published.
_AGAINST_THE_ANCHOR = frozenset(("rollback", "split", "anchor", "checkpoint"))


def _exit_code(report: Report) -> int:
    codes = {one.code for one in report.faults}
    if codes <= _AGAINST_THE_ANCHOR and "rollback" in codes:
        return ROLLBACK
    return SPLIT if codes <= _AGAINST_THE_ANCHOR and "split" in codes else REFUSED


def publish(data: Data, as_json: AsJson = False) -> None:
    """Publish what is stored: a checkpoint over everything appended so far."""
    with spoken_errors(), opened(data) as house:
        published = house.publisher.publish()
        house.views.catch_up()
        house.issuer.write_trust()
    if published is None:
        fail("there is nothing to publish")
    if as_json:
        print_json({"number": published.number, "size": published.size, "root": published.root.hex()})
    else:
        out.print(published.note, end="", markup=False)


def rebuild(
    data: Data,
    view: Annotated[str | None, typer.Argument(help="One view; all of them when left out.")] = None,
) -> None:
    """Build views again from the records, beside the old ones, and put them in their place."""
    with spoken_errors(), opened(data) as house:
        names = [view] if view else list(house.views.names)
        if view and view not in house.views.names:
            fail(f"there is no view {view}: the views are {', '.join(house.views.names)}", WRONG_USE)
        for name in names:
            position = house.views.rebuild(name)
            out.print(f"{name}: rebuilt to position {position}", markup=False)


def export(
    learner: Annotated[str, typer.Argument(help="The learner's id, or NSN.")],
    data: Data,
    format: Annotated[str, typer.Option(help=f"One of {', '.join(EXPORT_FORMATS)}.")] = "clr",  # noqa: A002
    award: Annotated[str | None, typer.Option(help="One award instead of the whole record.")] = None,
    to: Annotated[Path | None, typer.Option("--out", help="Where to write; D/out when left out.")] = None,
) -> None:
    """Write a learner's record, or one award, as a document that others can check without us."""
    if format not in EXPORT_FORMATS:
        fail(f"--format is one of {', '.join(EXPORT_FORMATS)}", WRONG_USE)
    with spoken_errors(), opened(data) as house:
        learner_id = _learner(house, learner)
        made = house.issuer.export(learner_id, format, _uuid(award) if award else None)
        target = to or house.ledger.files.out / made.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(made.data)
    out.print(str(target), markup=False)


def _learner(house: House, text: str) -> UUID:
    digits = text.replace(" ", "")
    if digits.isdigit():
        found = house.ledger.vault.people([digits.zfill(10)])
        if not found:
            fail("no learner with this NSN is known here")
        return next(iter(found.values())).learner_id
    return _uuid(text)


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        fail("that is neither an id nor an NSN", WRONG_USE)
