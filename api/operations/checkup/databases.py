"""The databases as they lie: versions, write-ahead logs, and, when asked, every page."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from api.operations.checkup.findings import Check, ok, problem, warning
from ledger import database
from ledger.database import DatabaseError
from ledger.files import LedgerFiles
from ledger.privacy import vault_file
from ledger.store import jobs, sqlite
from ledger.upgrading import Migration, stored_version, version_of

WAL_MAX_BYTES = 256 << 20


class Held(NamedTuple):
    """A database of a ledger: where it is, what leads to its newest version, whether it has to be there."""

    path: Path
    migrations: Sequence[Migration] = ()
    needed: bool = False


def held(files: LedgerFiles) -> tuple[Held, ...]:
    """Return the databases of a ledger."""
    return (
        Held(files.ledger, sqlite.MIGRATIONS, needed=True),
        Held(files.vault, vault_file.MIGRATIONS, needed=True),
        Held(files.jobs, jobs.MIGRATIONS, needed=True),
        Held(files.views),
        Held(files.documents),
        Held(files.access),
    )


def look_at_databases(files: LedgerFiles, *, deep: bool) -> Iterator[Check]:
    """Yield what there is to say of each database; `deep` reads every page of it."""
    for one in held(files):
        if one.path.exists():
            yield _database(one, deep=deep)
        elif one.needed:
            means = "Without it there is no ledger."
            yield problem(one.path.name, "is not there", means, "Put back a backup: roa restore --from")


def is_incomplete(files: LedgerFiles) -> bool:
    """Whether opening this ledger would make a database anew that had something in it."""
    return any(one.needed and not one.path.exists() for one in held(files))


def needs_upgrade(files: LedgerFiles) -> bool:
    """Whether opening this ledger would upgrade a file of it."""
    return any(
        0 <= _version(one.path) < version_of(one.migrations) for one in held(files) if one.path.exists()
    )


def _database(one: Held, *, deep: bool) -> Check:
    name, newest = one.path.name, version_of(one.migrations)
    try:
        found, mode = _version(one.path), _mode(one.path)
        damage = _damage(one.path) if deep else None
    except DatabaseError as error:
        means = "It is damaged, or is no database."
        return problem(name, str(error), means, "Stop the server, keep the file, put back a backup.")
    wal = one.path.with_name(f"{name}-wal")
    wal_bytes = wal.stat().st_size if wal.exists() else 0
    seen = f"version {found} of {newest}, {one.path.stat().st_size >> 10} KiB, log {wal_bytes >> 10} KiB"
    if damage is not None:
        means = "The file does not hold together."
        return problem(name, f"{seen}: {damage}", means, "Stop the server, keep the file, put back a backup.")
    aged = _aged(name, seen, found, newest)
    if aged is not None:
        return aged
    if mode != "wal":
        means = (
            "Readers and writers would wait for each other; the next opening puts it right where it can be."
        )
        return warning(name, f"{seen}, journal {mode}", means, "Start the server, then look again.")
    if wal_bytes > WAL_MAX_BYTES:
        means = "Something reads an old state and does not let go: what was deleted lingers, reads are slow."
        return warning(name, seen, means, "Find what reads for hours: a backup, an audit, a shell.")
    return ok(name, seen + (", every page holds together" if deep else ""))


def _aged(name: str, seen: str, found: int, newest: int) -> Check | None:
    """Return what there is to say of a version that is not the one this program knows."""
    if found > newest:
        means = "A newer program has upgraded it, and this one will not open it."
        return problem(name, seen, means, "Run the newer program.")
    if found < newest:
        means = "The next start upgrades it, and older programs will not open it any more."
        return warning(name, seen, means, "Take a backup first, with the program that is there.")
    return None


def _version(path: Path) -> int:
    with closing(database.open_to_read(path)) as connection:
        return stored_version(connection)


def _mode(path: Path) -> str:
    with closing(database.open_to_read(path)) as connection:
        return str(connection.execute("PRAGMA journal_mode").fetchone()[0])


def _damage(path: Path) -> str | None:
    with closing(database.open_to_read(path)) as connection:
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    return None if found == "ok" else str(found)
