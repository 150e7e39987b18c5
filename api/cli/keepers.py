"""Commands of whoever keeps a ledger: they open its files.

`init`, `serve`, `audit`, `publish`, `rebuild`, `export`.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from api.cli.console import (
    REFUSED,
    ROLLBACK,
    SPLIT,
    WRONG_USE,
    AsJson,
    Data,
    err,
    fail,
    learner_of,
    ledger_in,
    new_passphrase,
    opened,
    out,
    print_json,
    settings_of_environment,
    shortened,
    spoken_errors,
    uuid_of,
)
from api.cli.serving import Address, Port, reserved, run_server
from api.house import House, close_house, files_of, furnish, module_of, passphrase_of
from api.operations.registrar import found
from api.settings import Settings
from ledger.access import Reader, note_audit
from ledger.access.rows import OPERATOR, STATED, UNSTATED
from ledger.audit import JOBS_MAX, How, Report, audit_files
from ledger.clock import SystemClock
from ledger.errors import LedgerError
from ledger.files import LedgerFiles
from ledger.founding import Charter
from ledger.privacy.epoch import EpochFile
from ledger.privacy.vault import Vault
from projections.issuing import EXPORT_FORMATS

NUMBER_MAX = 99_999

_HOST = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_ORIGIN = re.compile(rf"{_HOST.pattern}(/[A-Za-z0-9._~-]+)*")


def init(
    data: Data,
    origin: Annotated[str, typer.Option(help="Name of the log, for ever.")] = "ledger.example/log",
    host: Annotated[str, typer.Option(help="Host of did:web identifiers, for ever.")] = "ledger.example",
    registrar_number: Annotated[
        int, typer.Option(help="Number of the regulator.", min=1, max=NUMBER_MAX)
    ] = 95000,
    registrar_name: Annotated[str, typer.Option(help="Name of the regulator.")] = "Qualifications Authority",
    operator_name: Annotated[str, typer.Option(help="Name of whoever runs the ledger.")] = "Ledger Operator",
) -> None:
    """Found a new ledger: folder, keys, first record, first checkpoint."""
    settings = settings_of_environment()
    charter = _charter(origin, host, registrar_number, registrar_name, operator_name)
    with spoken_errors():
        files = files_of(data, settings)
        if files.exists or files.epoch.exists():
            # Not even the passphrase is made again: the old one opens the keys that are there.
            fail(f"{data} holds a ledger already", WRONG_USE)
        passphrase = new_passphrase(files, settings)
        house = furnish(found(files, passphrase, charter, module=module_of(settings)), settings)
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
    out.print(
        f"Next: roa serve --data {data}; the regulator then posts who is on the register:"
        f" roa post FILE --organisation {registrar_number} --key {files.keys / 'registrar.pem'}"
        f" --passphrase-file {settings.passphrase_file or files.passphrase}",
        markup=False,
    )


def _charter(origin: str, host: str, number: int, registrar: str, operator: str) -> Charter:
    """Return what is fixed for ever; wrong use, before anything is written, where it cannot be."""
    if not _ORIGIN.fullmatch(origin):
        fail("--origin is a host name, with a path or without, such as ledger.example/log", WRONG_USE)
    if not _HOST.fullmatch(host):
        fail("--host is a host name in small letters, such as ledger.example", WRONG_USE)
    if not registrar.strip() or not operator.strip():
        fail("--registrar-name and --operator-name say who they are", WRONG_USE)
    return Charter(origin, host, number, registrar, operator)


def serve(data: Data, host: Address = "127.0.0.1", port: Port = 8000) -> None:
    """Serve a ledger over HTTP until Ctrl-C."""
    settings = settings_of_environment()
    with spoken_errors():
        ledger_in(data, settings)
        run_server(data, reserved(host, port), settings)


def audit(
    data: Data,
    as_json: AsJson = False,
    without_keys: Annotated[
        bool, typer.Option("--without-keys", help="Open nothing that is sealed.")
    ] = False,
    since: Annotated[
        int | None,
        typer.Option(help="Look only at what came after the newest checkpoint of so many records.", min=0),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            help="Processes that check records; one, and for more than 100 000 records one for each core.",
            min=1,
            max=JOBS_MAX,
        ),
    ] = None,
) -> None:
    """Check everything that is stored; exit 1 when something does not check.

    Exit 3 or 4 when all that is wrong is that something else was published: more, or another history.
    """
    settings = settings_of_environment()
    with spoken_errors(), _progress(shown=not as_json) as progress:
        how = How(jobs, since, progress=progress)
        if not without_keys:
            _note_audit(_left_in(data, settings))
        report = _audited(_left_in(data, settings), settings, how, with_keys=not without_keys)
        if report.ok and not without_keys and since is None:
            # Only a sound ledger says what its views should be; it is opened with its keys.
            with opened(data) as house:
                for difference in house.views.differences():
                    report.add("view", difference.view, difference.what)
    if as_json:
        print_json(report.as_json())
    else:
        _say(report)
    if not report.ok:
        raise typer.Exit(_exit_code(report))


def _note_audit(files: LedgerFiles) -> None:
    """Have every learner see that everything is opened to be checked.

    An audit shows nobody's content, and has to look at what is damaged too: it goes on where this fails.
    """
    try:
        note_audit(files, SystemClock())
    except LedgerError as error:
        err.print(f"This audit is not in the access log: {error}", markup=False)


def _left_in(data: Path, settings: Settings) -> LedgerFiles:
    """Return the files of a ledger, of which the database may be gone: that is for an audit to say."""
    files = files_of(data, settings)
    return files if files.epoch.exists() else ledger_in(data, settings)


def _say(report: Report) -> None:
    """Print what was found: each finding with how bad it is, then how much was looked at."""
    for one in report.faults:
        out.print(f"{one.severity:7} {one.code:12} {one.where}: {one.what}", markup=False)
    if report.not_looked_at:
        out.print(f"Not looked at: {report.not_looked_at}; nor were the views.", markup=False)
    apart = {
        "forgotten": report.forgotten,
        "without a key": report.without_key,
        "lost": report.lost,
        "cleared": report.redacted,
        "suspect": report.suspect,
        "annulled": report.annulled,
    }
    counted = ", ".join(f"{number} {words}" for words, number in apart.items() if number)
    seen = f", {report.cosignatures} cosignatures" if report.cosignatures else ""
    out.print(
        f"{report.records} records{counted and f' ({counted})'}, {report.submissions} submissions,"
        f" {report.checkpoints} checkpoints{seen}:"
        f" {'clean' if report.ok else f'{len(report.faults) + report.more} findings'}",
        markup=False,
    )


@contextmanager
def _progress(*, shown: bool) -> Iterator[Callable[[int, int], None] | None]:
    """Show on a terminal how far an audit has come; nothing where nobody looks on."""
    if not shown or not err.is_terminal:
        yield None
        return
    from rich.progress import Progress

    with Progress(console=err, transient=True) as bar:
        task = bar.add_task("records", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _audited(files: LedgerFiles, settings: Settings, how: How, *, with_keys: bool) -> Report:
    """Audit the files as they lie: what is damaged may be beyond opening, and is looked at all the same."""
    if not with_keys:
        return audit_files(files, how=how)
    if not files.vault.exists():
        report = audit_files(files, how=how)
        report.add("vault", files.vault.name, "is not there: what is sealed cannot be opened")
        return report
    vault = Vault.open(files.vault, EpochFile(files.epoch, passphrase_of(files, settings)))
    try:
        return audit_files(files, vault, how)
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
    """Publish what is stored: a checkpoint over everything appended so far, shown to the witnesses."""
    with spoken_errors(), opened(data) as house:
        published = house.publisher.publish()
        served, missing = house.publisher.served(), _missing_witnesses(house)
        house.views.catch_up()
        house.issuer.write_trust()
    if published is None or served is None:
        fail("there is nothing to publish")
    if as_json:
        print_json(
            {
                "number": published.number,
                "size": published.size,
                "root": published.root.hex(),
                "state": served.state,
            }
        )
    else:
        out.print(shortened(served.note), end="", markup=False)
        out.print(f"In full: {house.ledger.files.anchor / 'checkpoint'}", markup=False)
    for line in missing:
        err.print(line, markup=False)


def _missing_witnesses(house: House) -> list[str]:
    """Return who did not cosign the newest checkpoint, and whether it waits for them, in words."""
    publisher = house.publisher
    served, cosigning = publisher.served(), publisher.cosigning
    lines = [
        f"No cosignature of {', '.join(one.names)}: {one.state} {one.detail}".rstrip()
        for one in (cosigning.states() if cosigning else ())
        if one.is_missing
    ]
    if publisher.policy.needs_witnesses and served is not None and not served.witnessed:
        lines.append("Published, and not witnessed yet: too few of the policy's witnesses cosigned.")
    return lines


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
    award: Annotated[
        str | None, typer.Option(help="Id of one award, for ob3 or bundle; the whole record when left out.")
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option("--out", help="File to write; one in the ledger's folder out when left out."),
    ] = None,
    why: Annotated[
        str,
        typer.Option(help=f"What for, as the learner will read it: one of {', '.join(STATED)}."),
    ] = UNSTATED,
) -> None:
    """Write a learner's record, or one award, as a document that others can check without us."""
    if format not in EXPORT_FORMATS:
        fail(f"--format is one of {', '.join(EXPORT_FORMATS)}", WRONG_USE)
    if format == "ob3" and award is None:
        fail("ob3 is a document of one award: name it with --award; --format json has the ids", WRONG_USE)
    if format in ("json", "clr") and award is not None:
        fail(f"{format} is a document of the whole record: with --award, ask for ob3 or bundle", WRONG_USE)
    if why not in STATED:
        fail(f"--why is one of {', '.join(STATED)}", WRONG_USE)
    reader = Reader(OPERATOR, why)
    with spoken_errors(), opened(data) as house:
        learner_id = learner_of(house, learner, reader)
        award_id = None if award is None else uuid_of(award, "--award is the id of an award")
        if award_id is None and format != "json" and not house.issuer.awards_in_force(learner_id):
            fail("a signed record holds at least one award in force, and this record has none yet")
        made = house.issuer.export(learner_id, format, award_id, reader=reader)
        if to is None:
            target = house.issuer.write(learner_id, made)
        else:
            target = to
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(made.data)
    out.print(str(target), markup=False)
