"""Putting a backup in place on a new machine: sums, formats, signature, keys, and the folder's name last.

What a backup proves, and to whom. Its manifest is signed by a receipt key that the records in it register,
and its checkpoint by the log keys that they register: so it agrees with itself, and that is all
(`BY_ITSELF`). Whoever can make a whole ledger can make such a one. Where that receipt key is among the
private keys that the operator kept elsewhere, nobody without those keys has made it (`OWN_KEY`). Where the
operator names a key of the log, or has a trust file, and it has signed the checkpoint, then every record up
to that size is the one that was published (`TRUSTED`), and the receipt key that they register is the
operator's. That nothing was recorded after it, no backup can say: the anchor does, and the witnesses.

Everything is made in a hidden folder beside the place, `.NAME.restoring`, which one restore at a time has.
Whoever is killed leaves it there. So the keys come into it last, when nothing is left to be checked: a vault
that lies beside its keys opens, and no turn of the epoch reaches a copy that nobody knows of.

Steps for crash tests, in order: `copied`, `checked`, `keyed`, `placed`.

Source: LEDGER.md 4 (keys are never in a backup), 5 (start-up).
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ledger.authority import AUTHORITY_TOPICS, keyring_of
from ledger.backup.copying import ORDER, checked_head, copy_file, reading
from ledger.backup.manifest import Manifest, SignedManifest, read_manifest
from ledger.domain.register import Register
from ledger.errors import Absent, Corrupt, Malformed, Refusal, Unauthorised, Unavailable
from ledger.files import LedgerFiles, destroy_file, flush_folder
from ledger.founding import RECEIPT
from ledger.keys.keystore import KeyStore
from ledger.log.checkpoint import Checkpoint
from ledger.log_keys import OPERATOR, log_keys_of
from ledger.mapper import LedgerMapper
from ledger.monitor.findings import Findings
from ledger.monitor.trusted import Seen, Trusted, check_own_keys, read_checkpoint
from ledger.privacy.epoch import EpochFile
from ledger.privacy.vault_rows import VaultRows
from ledger.publisher import latest
from ledger.store.anchor import Anchor
from ledger.store.cosignatures import newest
from ledger.store.sqlite import LedgerRecorder
from ledger.store.tree import StoredTree

TRUSTED, OWN_KEY, BY_ITSELF = "trusted", "own-key", "itself"
_RESTORING = ".restoring"  # the end of a hidden folder's name
_RECORDS_AT_ONCE = 1000
_KNOWN = frozenset(part.of(LedgerFiles(Path())).name for part in ORDER) | {"policy"}


@dataclass(frozen=True, slots=True)
class PutBack:
    """A backup that was put in place.

    vouched_by: the strongest of TRUSTED, OWN_KEY and BY_ITSELF.
    kid: thumbprint of the receipt key that signed it.
    """

    manifest: Manifest
    vouched_by: str
    kid: str


def put_back(
    backup: Path,
    files: LedgerFiles,
    keys: Path,
    keystore: KeyStore,
    passphrase: bytes,
    trusted: Trusted,
    *,
    at_step: Callable[[str], None] = lambda _name: None,
) -> PutBack:
    """Put a backup and the keys in place of a folder that is empty or not there; durable when it returns.

    Nothing has the folder's name before everything was checked.

    Args:
        backup: the folder of one backup.
        files: where the ledger will be.
        keys: the folder of private keys and epoch file, from elsewhere; it is copied.
        keystore: over that folder.
        passphrase: opens its epoch file.
        trusted: what the operator knows of the log's keys; empty for nothing.
        at_step: crash tests put their own here.

    Raises:
        Refusal: the folder is not empty.
        Absent, Malformed: this is no backup, or a file of it is missing.
        Corrupt: a file is not the one that was signed, the records do not make the root; (code `epoch`)
            the keys are not those of its vault.
        Unauthorised: the manifest or the checkpoint is not signed as it must be.
        Unavailable: the disk is full; (code `busy`) another is being put back beside it; (code `upgraded`)
            the backup is of a newer program.
    """
    folder = files.folder.resolve()  # "." has no name of its own
    _check_free(folder)
    signed = read_manifest(backup)
    staging = folder.with_name(f".{folder.name}{_RESTORING}")
    epoch_file = EpochFile(keys / files.epoch.name, passphrase)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _turn(folder.parent), _made(staging):
            _check_free(folder)  # another may have been put back since it was looked at
            _copy_databases(backup, signed.manifest, staging)
            at_step("copied")
            staged = LedgerFiles(staging)
            _check_epoch(staged, epoch_file, signed.manifest)
            vouched_by = _check_records(staged, signed, keystore, trusted)
            at_step("checked")
            # From here until it is moved, whoever finds the hidden folder can open its vault.
            _copy_keys(keys, staged.keys)
            for one in (staged.keys, staging, staging.parent):
                flush_folder(one)
            at_step("keyed")
            staging.rename(folder)  # an empty folder gives way to it, any other refuses
            flush_folder(folder.parent)
            # From here the ledger is in its place, whole.
            at_step("placed")
    except OSError as error:
        raise Unavailable(f"the backup cannot be put back now: {error.strerror}", code="storage") from error
    return PutBack(signed.manifest, vouched_by, signed.kid)


def unfinished_restores(folder: Path) -> list[Path]:
    """Return the hidden folders beside a ledger's in which a restore was stopped, or goes on at this moment.

    Raises:
        OSError: the folder that they are in cannot be read.
    """
    beside = sorted(folder.resolve().parent.iterdir())
    return [one for one in beside if one.name.startswith(".") and one.name.endswith(_RESTORING)]


def begin_anchor(store: LedgerRecorder, place: Path, origin: str) -> Checkpoint:
    """Make an anchor from the records alone, at the newest checkpoint that was signed.

    For whoever has lost the anchor with the machine. What was published after the backup is not known
    then: a ledger that goes on from here forks what others have seen, and they will say so.

    Raises:
        Refusal: there is an anchor at the place.
        Absent: no checkpoint was signed.
    """
    anchor, signed = Anchor(place, origin), latest(store.database.reader)
    if not anchor.is_new:
        raise Refusal("there is an anchor at this place: it is the one to go on from")
    if signed is None:
        raise Absent("no checkpoint was signed: there is nothing that an anchor could say")
    tree, served = StoredTree(store.database), newest(store.database.reader, None)
    assert served is not None, "one was signed"
    found = Checkpoint(origin, signed.size, signed.root)
    with anchor.turn():
        anchor.write_tiles(tree, 0, signed.size)
        anchor.frontier(found)  # what was written leads to the root that was signed
        anchor.swap(None, found)
        anchor.put_checkpoint(served.note)
    return found


# ------------------------------------------------------------------ the place


def _check_free(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Refusal(f"{folder} is not empty: a backup is put back into a new folder")


@contextmanager
def _turn(parent: Path) -> Iterator[None]:
    """Hold the one turn to put a backup into a folder of this parent; it goes with the process.

    Raises:
        Unavailable: (code `busy`) somebody has it.
    """
    held = os.open(parent, os.O_RDONLY)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            said = f"another restore, or a backup, is at work in {parent}: let it end, then see what is there"
            raise Unavailable(said, code="busy") from error
        yield
    finally:
        os.close(held)


@contextmanager
def _made(staging: Path) -> Iterator[None]:
    """Make the hidden folder anew; whatever is left of it in the end is removed. For whoever has the turn."""
    _discard(staging)  # of one that was stopped
    try:
        staging.mkdir(mode=0o700)
        yield
    finally:
        _discard(staging)


def _discard(staging: Path) -> None:
    """Remove the hidden folder with what is in it; keys are overwritten first."""
    with suppress(OSError):
        for path in LedgerFiles(staging).keys.iterdir():
            if path.resolve() == path:  # a link leads to keys that are not ours to destroy
                destroy_file(path)
    shutil.rmtree(staging, ignore_errors=True)


# ------------------------------------------------------------------ files


def _copy_databases(backup: Path, manifest: Manifest, staging: Path) -> None:
    """Copy what the manifest lists, each with its sum."""
    names = {one.name for one in manifest.files}
    if needed := {part.of(LedgerFiles(staging)).name for part in ORDER if part.needed} - names:
        raise Malformed(f"the manifest does not list {', '.join(sorted(needed))}")
    if unknown := names - _KNOWN:
        raise Malformed(f"the manifest lists what belongs to no ledger: {', '.join(sorted(unknown))}")
    for one in manifest.files:
        try:
            found = copy_file(backup / one.name, staging / one.name)
        except FileNotFoundError as error:
            raise Absent(f"{one.name} is not in the backup") from error
        if found != (one.size, one.sha256):
            raise Corrupt(
                f"{one.name} in the backup is not the file that was signed: use another backup",
                code="storage",
            )


def _copy_keys(keys: Path, to: Path) -> None:
    to.mkdir(mode=0o700)
    for path in sorted(keys.iterdir()):
        if path.is_file() and not path.name.startswith("."):
            copy_file(path, to / path.name)


def _check_epoch(staged: LedgerFiles, epoch_file: EpochFile, manifest: Manifest) -> None:
    with reading(staged.vault) as vault:
        row = vault.execute("SELECT number, proof FROM epoch").fetchone()
    if row is None or row[0] != manifest.epoch:
        raise Corrupt("the vault in the backup is not of the epoch that the manifest names", code="epoch")
    try:
        if epoch_file.find(lambda keys: VaultRows(keys).proof == row[1]) is not None:
            return
        held = epoch_file.load().epoch
    except FileNotFoundError as error:
        raise Absent(f"{epoch_file.path.name} is not among the keys: without it nothing opens") from error
    if held > manifest.epoch:
        said = (
            f"the backup is of epoch {manifest.epoch} and the keys are of epoch {held}: its keys were"
            " destroyed when the epoch turned, so it opens for nobody any more. Use one from after the turn"
        )
    else:
        said = f"the backup is of epoch {manifest.epoch} and these keys, of epoch {held}, do not open it"
    raise Corrupt(said, code="epoch")


# ------------------------------------------------------------------ who vouches for it


def _check_records(staged: LedgerFiles, signed: SignedManifest, keystore: KeyStore, trusted: Trusted) -> str:
    """Check records, signature and checkpoint against each other, and say who vouches for them."""
    manifest = signed.manifest
    head = checked_head(staged.ledger)
    if (head.size, head.root) != (manifest.size, manifest.root):
        raise Corrupt("the records in the backup are not those that the manifest names", code="head")
    store = LedgerRecorder(staged.ledger)
    try:
        register = _register(store)
        seen = _checkpoint(store, manifest, register, trusted)
        key = keyring_of(register).valid(signed.kid, OPERATOR, RECEIPT, manifest.size + 1)
    finally:
        store.close()
    signed.check(key.jwk)
    if seen is not None and not trusted.is_empty and key.registered_at <= seen.checkpoint.size:
        return TRUSTED
    if not trusted.is_empty:
        raise Unauthorised(
            "no checkpoint in the backup covers the key that signed it: what you know of the log's keys says"
            " nothing of it"
        )
    try:
        keystore.by_thumbprint(RECEIPT, signed.kid)
    except Unauthorised:
        return BY_ITSELF
    return OWN_KEY


def _register(store: LedgerRecorder) -> Register:
    register, mapper = Register(), LedgerMapper.for_reading()
    while batch := store.select_notifications(
        register.position + 1, _RECORDS_AT_ONCE, topics=AUTHORITY_TOPICS
    ):
        for record in batch:
            register.apply(mapper.to_domain_event(record), record.id)
    return register


def _checkpoint(
    store: LedgerRecorder, manifest: Manifest, register: Register, trusted: Trusted
) -> Seen | None:
    """Return the checkpoint of a backup, held to its own records and to what the operator knows."""
    founding = register.founding
    if founding is None or founding.origin != manifest.origin:
        raise Corrupt("the records found another log than the one that the manifest names", code="head")
    if manifest.checkpoint is None:
        return None
    findings = Findings()
    named = replace(trusted, origin=trusted.origin or manifest.origin, policy=None)
    seen = read_checkpoint(manifest.checkpoint.encode(), named, findings, "the checkpoint in the backup")
    if seen is None:
        first = findings.found[0]
        raise Unauthorised(f"{first.where} does not hold: {first.what}", code=first.code)
    check_own_keys(seen, log_keys_of(register))
    size = seen.checkpoint.size
    if size > manifest.size or StoredTree(store.database).root(size) != seen.checkpoint.root:
        raise Corrupt("the records are not those that the checkpoint in the backup signs", code="head")
    return seen
