"""Taking a backup of a ledger that may be in use: copies, checks, a signed manifest, and last its name.

Under its name it is whole, or it is not there: everything is made and flushed in a folder beside it whose
name says that it is unfinished, and the folder is renamed last.

Steps for crash tests, in order: the name of each file when its copy is durable, `checked`, `signed`,
`named`.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from ledger.application import Ledger
from ledger.backup.copying import (
    JOBS,
    LEDGER,
    ORDER,
    VAULT,
    checked_head,
    copy_database,
    copy_file,
    looked_at,
    newest_position,
    reading,
)
from ledger.backup.manifest import MANIFEST, SIGNATURE, CopiedFile, Manifest, sign_manifest
from ledger.clock import instant, rfc3339
from ledger.domain.forgetting import LearnerForgotten
from ledger.errors import Corrupt, Refusal, Unavailable
from ledger.files import flush_folder, replace_file
from ledger.forgetting import progress
from ledger.founding import RECEIPT
from ledger.log_keys import OPERATOR
from ledger.privacy.vault_rows import VaultRows
from ledger.store.cosignatures import newest
from ledger.store.recorder import Head

TRIES = 5  # each after a forgetting or a turn of the epoch came in between
UNFINISHED = ".unfinished-"
_SEALED_BY = "SELECT sealed_by FROM job WHERE sealed_by IS NOT NULL UNION SELECT key FROM sealing"


@dataclass(frozen=True, slots=True)
class Taken:
    """A backup that was taken: the folder it lies in, and what it says of itself."""

    folder: Path
    manifest: Manifest


class _Moved(Exception):
    """Something was destroyed or turned between the copies: they are not of one ledger."""


def take(ledger: Ledger, to: Path, *, at_step: Callable[[str], None] = lambda _name: None) -> Taken:
    """Copy a ledger into a new folder below `to`; whole and durable when it returns.

    Args:
        ledger: open; others may write to it meanwhile, in this process and in others.
        to: a folder of backups, on another disk; made when it is missing, for its owner only.
        at_step: crash tests put their own here.

    Raises:
        Refusal: the folder lies in the ledger's own.
        Unavailable: the disk is full, writing has stopped, the receipt key is not here, or too much was
            forgotten meanwhile.
        Corrupt: what is stored does not hold together: it is not copied over what did.
    """
    ledger.check_writable()
    if to.resolve().is_relative_to(ledger.files.folder.resolve()):
        raise Refusal("a backup in the ledger's own folder is none: name a folder on another disk")
    try:
        to.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _turn(to):
            return _taken(ledger, to, at_step)
    except OSError as error:
        raise Unavailable(f"the backup cannot be written now: {error.strerror}", code="storage") from error


def _taken(ledger: Ledger, to: Path, at_step: Callable[[str], None]) -> Taken:
    for left in to.glob(f"{UNFINISHED}*"):
        shutil.rmtree(left)  # of one that was stopped: whoever takes one holds the turn
    made_at_us = ledger.clock.now_us()
    target = _free(to, f"{instant(made_at_us):%Y%m%dT%H%M%SZ}")
    staging = to / f"{UNFINISHED}{target.name}"
    try:
        head, files = _copied(ledger, staging, at_step)
        manifest = _manifest(ledger, staging, head, files, rfc3339(made_at_us))
        at_step("checked")
        data = manifest.to_bytes()
        signer = ledger.signer(RECEIPT, OPERATOR, RECEIPT)
        replace_file(staging / SIGNATURE, sign_manifest(data, signer).encode(), mode=0o600)
        replace_file(staging / MANIFEST, data, mode=0o600)
        flush_folder(staging)
        at_step("signed")
        staging.rename(target)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)  # a full disk gets its room back
        raise
    flush_folder(to)
    # From here there is a backup.
    at_step("named")
    return Taken(target, manifest)


def _copied(
    ledger: Ledger, staging: Path, at_step: Callable[[str], None]
) -> tuple[Head, tuple[CopiedFile, ...]]:
    """Copy every file, again from the first where something was destroyed in between."""
    for _ in range(TRIES):
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(mode=0o700)
        try:
            return _copied_once(ledger, staging, at_step)
        except _Moved:
            continue
    raise Unavailable("learners are being forgotten: take the backup when that is done", code="busy")


def _copied_once(
    ledger: Ledger, staging: Path, at_step: Callable[[str], None]
) -> tuple[Head, tuple[CopiedFile, ...]]:
    begun = ledger.store.head().size
    if any(one.is_carried_out and one.in_vault for one in progress(ledger)):
        raise _Moved  # on record, and being destroyed at this moment
    for part in ORDER:
        source = part.of(ledger.files)
        if part.needed or source.exists():
            copy_database(source, staging / source.name)
            at_step(source.name)
    # Whoever is forgotten is so on record before anything of theirs is destroyed.
    if ledger.store.has_topic(LearnerForgotten.TOPIC, begun, ledger.store.head().size):
        raise _Moved
    _check_keys(ledger, staging)
    head = checked_head(staging / LEDGER.of(ledger.files).name)
    for part in ORDER:
        path = staging / part.of(ledger.files).name
        if part.positions and path.exists() and newest_position(path, part.positions) > head.size:
            raise Corrupt(f"{path.name} names a record that the ledger does not have", code="storage")
    files = [looked_at(path) for part in ORDER if (path := staging / part.of(ledger.files).name).exists()]
    if ledger.files.policy.exists():
        name = "policy"
        files.append(CopiedFile(name, *copy_file(ledger.files.policy, staging / name), None))
    return head, tuple(files)


def _check_keys(ledger: Ledger, staging: Path) -> None:
    """Check that the copied vault is of the epoch whose keys are here, and has the keys of copied jobs."""
    *_, key_file = ledger.vault.opening
    with reading(staging / JOBS.of(ledger.files).name) as jobs:
        sealed_by = [UUID(bytes=key) for (key,) in jobs.execute(_SEALED_BY)]
    with reading(staging / VAULT.of(ledger.files).name) as vault:
        (proof,) = vault.execute("SELECT proof FROM epoch").fetchone()
        keys = None if key_file is None else key_file.find(lambda one: VaultRows(one).proof == proof)
        if keys is None:
            raise _Moved
        rows = VaultRows(keys)
        for key in sealed_by:
            if (
                vault.execute("SELECT 1 FROM subject WHERE id_mac = ?", (rows.id_mac(key),)).fetchone()
                is None
            ):
                raise _Moved


def _manifest(
    ledger: Ledger, staging: Path, head: Head, files: tuple[CopiedFile, ...], made_at: str
) -> Manifest:
    with reading(staging / LEDGER.of(ledger.files).name) as connection:
        signed = newest(connection, None)
    with reading(staging / VAULT.of(ledger.files).name) as connection:
        (epoch,) = connection.execute("SELECT number FROM epoch").fetchone()
    note = None if signed is None else signed.note
    return Manifest(ledger.founding.origin, made_at, head.size, head.root, note, epoch, files)


def _free(to: Path, name: str) -> Path:
    """Return a folder's path that is not taken: two backups may be begun in one second."""
    target, number = to / name, 1
    while target.exists():
        number += 1
        target = to / f"{name}-{number}"
    return target


@contextmanager
def _turn(to: Path) -> Iterator[None]:
    """Hold the one turn to write backups to a folder; another process waits."""
    folder = os.open(to, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
