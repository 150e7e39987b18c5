"""What a ledger is kept with: keys, epoch, anchor, witnesses, jobs, forgettings, backups."""

from collections.abc import Callable, Iterator
from pathlib import Path

from api.operations.checkup.findings import Check, ok, problem, warning
from api.operations.checkup.places import mount_of
from ledger.application import Ledger
from ledger.backup import shelf
from ledger.checkpoint_signing import CheckpointSigner
from ledger.clock import rfc3339
from ledger.cosigning import Transport, policy_of_log
from ledger.errors import LedgerError
from ledger.forgetting import DESTROYED, progress
from ledger.founding import CREDENTIAL, RECEIPT
from ledger.keys.keyring import SUSPECT
from ledger.log.add_checkpoint import PATH
from ledger.log.checkpoint import Checkpoint
from ledger.log_keys import OPERATOR, log_keys_of
from ledger.privacy.epoch import EpochFile
from ledger.publisher import latest
from ledger.store.anchor import Anchor
from ledger.store.cosignatures import last_seen
from ledger.store.jobs import KEEP_DAYS
from ledger.store.tree import StoredTree

_DAY_US = 86_400_000_000
UNPUBLISHED_MAX_US = 3_600_000_000
BACKUP_OLD_DAYS, BACKUP_TOO_OLD_DAYS = 1, 7
EFFECTIVE_WITHIN_DAYS = 2
ANSWERED_BELOW = 500  # a witness that understands nothing has answered too


def look_at_turn(epoch_file: EpochFile) -> Iterator[Check]:
    """Yield whether a turn of the epoch was left half done; to be asked before the vault is opened."""
    if epoch_file.unsettled:
        means = (
            "It was stopped half way, or goes on now. This look opens the vault, which settles what was left."
        )
        do = "Look again: it is gone. Then take a backup, and destroy copies of the old epoch file."
        yield warning("turn of the epoch", "found half done", means, do)
    else:
        yield ok("turn of the epoch", "none was left half done")


def look_at_keys(ledger: Ledger, epoch_file: EpochFile) -> Iterator[Check]:
    """Yield whether the keys that sign are here and count, and whether the epoch file opens the vault."""
    if epoch_file.unsettled:
        means = "A turn was stopped half way; whoever opens the vault next completes it."
        yield warning("epoch file", "a turn is not settled", means, "Start the server, then look again.")
    else:
        yield ok("epoch file", f"opens, and the vault is of its epoch {ledger.vault.epoch}")
    position = ledger.store.head().size + 1
    for label in (RECEIPT, CREDENTIAL):
        yield _signing(label, lambda label=label: ledger.signer(label, OPERATOR, label))  # type: ignore[misc]
    signer = CheckpointSigner(ledger.founding.origin, ledger.keystore, ledger.register)
    trial = Checkpoint(ledger.founding.origin, position - 1, ledger.store.head().root)
    yield _signing("checkpoint", lambda: signer.sign(trial, ledger.clock.now_us() // 1_000_000))
    suspect = [one for one in ledger.keyring() if one.standing(position) == SUSPECT]
    if suspect:
        means = "What they sign now is not believed."
        seen = f"{len(suspect)} declared stolen and still in force"
        yield problem("stolen keys", seen, means, "Retire them: docs/key-ceremonies.md.")
    else:
        yield ok("stolen keys", "none in force")


def _signing(label: str, sign: Callable[[], object]) -> Check:
    name = f"key {label}"
    try:
        sign()
    except LedgerError as error:
        means = "The register has it in force, or will have another: what it signs cannot be signed here."
        return problem(name, str(error), means, "Put the key back, or register a new one.")
    return ok(name, "is here, opens, and counts")


def look_at_anchor(ledger: Ledger, root: Path) -> Iterator[Check]:
    """Yield whether the anchor agrees with the records, lies elsewhere, and is recent."""
    files = ledger.files
    if not files.anchor.is_dir():
        means = "It says what was published; without it a rollback cannot be seen."
        yield problem("anchor", "is not there", means, "Mount its disk, or set ROA_ANCHOR to where it is.")
        return
    anchor = Anchor(files.anchor, ledger.founding.origin)
    last = latest(ledger.store.database.reader)
    try:
        anchor.check(StoredTree(ledger.store.database), lambda: ledger.store.head().size)
        anchored = anchor.current()
    except LedgerError as error:
        means = "Reads go on, writes have stopped."
        yield problem(
            "anchor", str(error), means, "docs/for-operators.md, when the ledger says rollback or split."
        )
        return
    if last is not None and (anchored is None or anchored.size < last.size):
        means = "An old anchor was put back, or it was taken away: writes have stopped."
        yield problem("anchor", f"says less than the {last.size} that were signed", means, "Put it back.")
        return
    size, head = 0 if anchored is None else anchored.size, ledger.store.head()
    if size < head.size and ledger.clock.now_us() - head.recorded_at_us > UNPUBLISHED_MAX_US:
        means = "Acknowledged records wait for their proof."
        seen = f"{head.size - size} records older than an hour are not published"
        yield warning("anchor", seen, means, "roa publish, or see why the server does not.")
    else:
        yield ok("anchor", f"agrees with the records at size {size}")
    mounts = [mount_of(path, root) for path in (files.folder, files.anchor)]
    if files.folder.stat().st_dev == files.anchor.stat().st_dev or (mounts[0] and mounts[0] == mounts[1]):
        means = "One disk takes both, and with an old copy of both a rollback is not seen here."
        yield warning("place of the anchor", "the disk of the databases", means, "Another disk: ROA_ANCHOR.")
    else:
        yield ok("place of the anchor", "another disk")


def look_at_witnesses(ledger: Ledger, ask: Transport | None) -> Iterator[Check]:
    """Yield what the policy asks for, who has seen how much, and, where they may be asked, who answers."""
    policy = policy_of_log(ledger.files.policy, log_keys_of(ledger.register()).every)
    if not policy.needs_witnesses:
        means = "Only you vouch that there is one history."
        yield warning(
            "witnesses", "the policy asks for none", means, "Ask others: for-operators.md, Witnesses."
        )
        return
    published = latest(ledger.store.database.reader)
    size = 0 if published is None else published.size
    seen = last_seen(ledger.store.database.reader, [str(one.key) for one in policy.witnesses])
    behind = [one.name for one in policy.witnesses if seen.get(str(one.key), (0, 0))[0] < size]
    if behind:
        means = "Receipts wait for as many as the policy asks for."
        yield warning(
            "witnesses", f"have not seen size {size}: {', '.join(behind)}", means, "Ask whoever runs them."
        )
    else:
        yield ok("witnesses", f"{len(policy.witnesses)} keys, all have seen size {size}")
    if ask is not None:
        for url in sorted({one.url for one in policy.witnesses if one.url}):
            yield _answering(url, ask)


def _answering(url: str, ask: Transport) -> Check:
    name = f"witness {url}"
    try:
        # Nothing is shown to it: that it refuses an empty request is answer enough.
        status = ask(f"{url.rstrip('/')}/{PATH}", b"").status
    except LedgerError as error:
        return warning(name, str(error), "It cannot cosign.", "See to the way there, or ask who runs it.")
    if status >= ANSWERED_BELOW:
        return warning(name, f"answers {status}", "It cannot cosign.", "Ask whoever runs it.")
    return ok(name, "answers")


def look_at_work(ledger: Ledger) -> Iterator[Check]:
    """Yield what was received and should be gone by now, and which forgettings wait."""
    now_us = ledger.clock.now_us()
    old = ledger.jobs.count_received_before(now_us - KEEP_DAYS * _DAY_US)
    if old:
        means = f"What is received is promised to be destroyed after {KEEP_DAYS} days."
        yield problem("received", f"{old} older than that", means, "Start the server: it destroys them.")
    else:
        yield ok("received", f"nothing older than {KEEP_DAYS} days")
    waiting = overdue = asked = 0
    for one in progress(ledger):
        asked += one.approved_by is None
        waiting += one.approved_by is not None and (not one.is_carried_out or one.in_vault)
        since_us = one.forgotten_at_us
        late = since_us is not None and now_us - since_us > EFFECTIVE_WITHIN_DAYS * _DAY_US
        overdue += one.state == DESTROYED and late
    if waiting:
        means = "Two people decided it, and the learner is still known."
        yield problem("forgettings", f"{waiting} approved and not carried out", means, "Start the server.")
    elif overdue:
        means = f"Old copies still open for who was forgotten, {EFFECTIVE_WITHIN_DAYS} days later."
        yield problem("forgettings", f"{overdue} not effective in copies", means, "roa forget turn")
    else:
        yield ok("forgettings", f"{asked} wait for a second officer" if asked else "none wait")


def look_at_backups(ledger: Ledger, place: Path | None) -> Iterator[Check]:
    """Yield how old the newest backup is, which open for nobody any more, and on which disk they lie."""
    name = "backups"
    if place is None:
        means = "Whether there is a copy is not known."
        yield warning(name, "no folder was named", means, "roa doctor --backups FOLDER")
        return
    found = shelf(place, ledger.founding.origin)
    usable = [one for one in found if not one.is_closed(ledger.vault.epoch)]
    closed = len(found) - len(usable)
    if not usable:
        means = "If this disk dies, the ledger is gone." + (
            f" The {closed} there are from before the last turn, and open for nobody." if closed else ""
        )
        yield problem(name, "none that opens", means, "roa backup --to FOLDER, now and after every turn")
        return
    newest = usable[-1].manifest
    since = [
        days
        for days in (BACKUP_OLD_DAYS, BACKUP_TOO_OLD_DAYS)
        if newest.made_at < rfc3339(ledger.clock.now_us() - days * _DAY_US)
    ]
    seen = f"newest of {newest.made_at} with {newest.size} records"
    if since:
        report = problem if since[-1] == BACKUP_TOO_OLD_DAYS else warning
        means = "What came after it would be lost with this disk."
        yield report(
            name, f"{seen}, older than {since[-1]} days", means, "roa backup --to FOLDER, every night"
        )
    else:
        yield ok(name, seen)
    if place.stat().st_dev == ledger.files.folder.stat().st_dev:
        means = "They die with the disk of the databases."
        yield warning(
            "place of the backups", "the disk of the databases", means, "Another disk, another place."
        )
    if closed:
        means = "They open for nobody, and take room."
        yield warning("closed backups", f"{closed} from before the last turn", means, "Delete them.")
