"""One database after another, in the one order in which the copies fit together.

Each copy is a moment of its own, and the ledger goes on between them. What makes them one ledger all the
same is in which order the program makes things durable, so that is the order here:

    1 jobs       what came of a row names its position only when the record is durable. Copied before
                 the records, every position it names is there; copied after them, it might answer for a
                 record that the copy does not have, and nobody would post it again.
    2 documents  the same: a signed document names the position of the record about it.
    3 ledger     the records.
    4 vault      a key is durable before the record that it seals. Copied after the records, it has all of
                 their keys; copied before, somebody's records might have none.
    5 access     the rows of a day are durable before the record of its root. Copied after the records,
                 it has the rows of every day that they close.

Backwards, the order would hold for nothing of this. Two things move in the other direction, rarely: a
forgetting destroys keys and bodies, a turn of the epoch replaces keys. Where one of them came between, the
copies are taken again. Views are not copied: they are made of the records.

Source: LEDGER.md 2 (jobs), 4 (vault: durable before the ledger transaction), 6.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from ledger import database
from ledger.backup.manifest import CopiedFile
from ledger.database import Connection, DatabaseError, OperationalError
from ledger.errors import Corrupt, Unavailable
from ledger.files import LedgerFiles
from ledger.log.merkle import Frontier
from ledger.store.recorder import Head
from ledger.store.sqlite import leaf_range, read_head

_CHUNK_BYTES = 1 << 20
_LEAVES_AT_ONCE = 8_192
_CACHE_KIB = 8 * 1024


class Part(NamedTuple):
    """A file that belongs to a backup.

    of: where it is. positions: a query for the newest position that it names; None where it names none.
    needed: whether there is no ledger without it.
    """

    of: Callable[[LedgerFiles], Path]
    positions: str | None = None
    needed: bool = False


JOBS = Part(lambda files: files.jobs, "SELECT MAX(position) FROM outcome", needed=True)
DOCUMENTS = Part(lambda files: files.documents, "SELECT MAX(position) FROM document")
LEDGER = Part(lambda files: files.ledger, needed=True)
VAULT = Part(lambda files: files.vault, needed=True)
ACCESS = Part(lambda files: files.access)
ORDER = (JOBS, DOCUMENTS, LEDGER, VAULT, ACCESS)


def copy_database(source: Path, target: Path) -> None:
    """Copy one moment of a database that may be in use; flushed when it returns, for its owner only.

    Raises:
        Unavailable: the disk is full or fails.
        Corrupt: the database is damaged.
    """
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with _speaking_of(source):
        connection = database.connect(source, cache_kib=_CACHE_KIB)
        try:
            connection.execute("VACUUM INTO ?", (str(target),))
        finally:
            connection.close()
    # SQLite does not flush what it copies into.
    with target.open("rb") as file:
        os.fsync(file.fileno())


def looked_at(path: Path) -> CopiedFile:
    """Return what a manifest says of a copied database, after checking that it holds together.

    Raises:
        Corrupt: it does not.
    """
    with reading(path) as connection:
        (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        if found != "ok":
            raise Corrupt(f"the copy of {path.name} does not hold together: {found}", code="storage")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    return CopiedFile(path.name, path.stat().st_size, digest_of(path), version)


def checked_head(path: Path) -> Head:
    """Return the head of a copied ledger, after making the root again from its leaves.

    Raises:
        Corrupt: the leaves make another.
    """
    with reading(path) as connection:
        head, frontier = read_head(connection), Frontier()
        while leaves := leaf_range(connection, frontier.size, frontier.size + _LEAVES_AT_ONCE):
            for leaf in leaves:
                frontier.append(leaf)
    if (frontier.size, frontier.root()) != (head.size, head.root):
        raise Corrupt("the records in the copy do not make the root that goes with them", code="head")
    return head


def newest_position(path: Path, query: str) -> int:
    """Return the newest position that a copied database names, 0 for none."""
    with reading(path) as connection:
        return connection.execute(query).fetchone()[0] or 0


@contextmanager
def reading(path: Path) -> Iterator[Connection]:
    """Read a file that nobody writes to, without a trace beside it."""
    with _speaking_of(path):
        connection = database.open_still(path)
        try:
            yield connection
        finally:
            connection.close()


def digest_of(path: Path) -> bytes:
    """Return the SHA-256 of a file."""
    digest = sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.digest()


def copy_file(source: Path, target: Path) -> tuple[int, bytes]:
    """Copy a file's bytes to a new one of mode 0600, flushed; return how many they are, and their SHA-256."""
    digest, size = sha256(), 0
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as made, source.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            made.write(chunk)
            digest.update(chunk)
            size += len(chunk)
        made.flush()
        os.fsync(made.fileno())
    return size, digest.digest()


@contextmanager
def _speaking_of(path: Path) -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        raise Unavailable(f"{path.name} cannot be copied now: {error}", code="storage") from error
    except DatabaseError as error:
        raise Corrupt(f"{path.name} is damaged: {error}", code="storage") from error
