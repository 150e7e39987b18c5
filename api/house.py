"""One open ledger with everything around it: publisher, views, documents, tokens.

Source: SPEC.md 4 (files), LEDGER.md 5 (start-up compares the anchor).
"""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from api.security.tokens import Tokens
from api.settings import DEMO_MARK, Settings
from api.transport import post_to_witness
from ledger import disposal
from ledger.application import Ledger
from ledger.checkpoint_signing import CheckpointSigner
from ledger.cosigning import Cosigning, Transport, policy_of_log
from ledger.domain.forgetting import ForgettingApproved
from ledger.errors import (
    Absent,
    Corrupt,
    LedgerError,
    Refusal,
    Rollback,
    Split,
    Unauthorised,
    Unavailable,
)
from ledger.files import LedgerFiles
from ledger.forgetting import Redone, redo
from ledger.founding import RECEIPT
from ledger.keys.pkcs11 import Pkcs11Module
from ledger.log_keys import OPERATOR, log_keys_of
from ledger.publisher import Publisher
from ledger.store.anchor import Anchor
from ledger.watch import FOLD, PUBLISH
from projections.catalogue import Views
from projections.issuing import Issuer


@dataclass(slots=True)
class Publishing:
    """How publishing and folding go: how many turns failed in a row, and the code of the last failure."""

    failures: int = 0
    code: str | None = None

    def failed(self, code: str) -> None:
        """Note a turn that failed."""
        self.failures += 1
        self.code = code

    def went_well(self) -> None:
        """Note a turn in which everything was published and folded."""
        self.failures, self.code = 0, None


@dataclass(slots=True)
class House:
    """One ledger with its publisher, views, documents and tokens.

    publishing: how that goes while the house is served.
    threads: those that have to live while it is served, by name, and how to ask whether they do.
    stopping: whether the server was told to stop: it takes what is posted, and nobody should be sent here.
    """

    ledger: Ledger
    publisher: Publisher
    views: Views
    issuer: Issuer
    tokens: Tokens
    settings: Settings
    demo: bool = False
    personas: list[dict[str, str]] = field(default_factory=list)
    publishing: Publishing = field(default_factory=Publishing)
    forgotten_upto: int = 0  # every forgetting that is approved up to there is carried out
    threads: dict[str, Callable[[], bool]] = field(default_factory=dict)
    stopping: bool = False

    @property
    def fault(self) -> LedgerError | None:
        """What stops writing: anchor and database do not agree, or nobody can tell. Reads go on."""
        return self.ledger.fault

    @fault.setter
    def fault(self, fault: LedgerError | None) -> None:
        self.ledger.fault = fault

    def check_writable(self) -> None:
        """Raise what stops writing: a rollback, two histories, or an anchor that does not check."""
        self.ledger.check_writable()

    def check_taking(self) -> None:
        """Raise what keeps a submission from being recorded and answered, before anything of it is.

        Raises:
            Unavailable: (code `receipt-key`) no receipt can be signed here now.
        """
        self.check_writable()
        try:
            self.ledger.signer(RECEIPT, OPERATOR, RECEIPT)
        except Unauthorised as error:
            raise Unavailable(
                "no receipt can be signed now: nothing was recorded", code="receipt-key"
            ) from error

    def forget(self) -> Redone:
        """Carry out the forgettings that are approved, and destroy again what is there again.

        Raises:
            Unavailable: disk, or writing has stopped; what is not done yet is done when asked again.
        """
        upto = self.ledger.store.head().size
        done = redo(self.ledger, self.issuer.destroy)
        self.forgotten_upto = upto
        return done

    def forget_approved(self) -> None:
        """Do `forget` where somebody has approved one since it was done last.

        Raises:
            Unavailable: see `forget`.
        """
        size = self.ledger.store.head().size
        if self.ledger.store.has_topic(ForgettingApproved.TOPIC, self.forgotten_upto, size):
            self.forget()
        self.forgotten_upto = max(self.forgotten_upto, size)

    def dispose(self, after_days: int) -> disposal.Disposed:
        """Clear the streams of those whose period is over, and the documents that were kept about them.

        Args:
            after_days: the disposal period: whole days since a forgetting was effective in copies.

        Raises:
            Unavailable: clock, disk, or writing has stopped; what is not done is done when asked again.
        """
        self.catch_up()  # what is to be cleared is published, with the bits that it set
        done = disposal.dispose(self.ledger, disposal.due(self.ledger, after_days))
        emptied = self.issuer.credentials.destroy(done.documents)
        self.catch_up()
        return done._replace(erased=done.erased and emptied)

    def deleting(self) -> tuple[tuple[Path, Callable[[], bool]], ...]:
        """Return each database from which something about people is deleted, and what empties its WAL."""
        ledger, issuer = self.ledger, self.issuer
        return (
            (ledger.files.jobs, ledger.jobs.truncate_wal),
            (ledger.files.vault, ledger.vault.truncate_wal),
            (ledger.files.documents, issuer.credentials.truncate_wal),
            (ledger.files.access, issuer.accesses.truncate_wal),
        )

    def close_days(self) -> int:
        """Record the root of every day of the access log that is over; return how many there were.

        Raises:
            Unavailable: clock, disk, or writing has stopped; what is not done is done when asked again.
        """
        return 0 if self.fault is not None else self.issuer.accesses.days.close()

    def catch_up(self) -> None:
        """Fold what is stored into the views, record what follows from it, and publish it all, now.

        Publishing does not wait for views that cannot be folded: it was promised, they can be made again.
        """
        watch = self.ledger.watch
        try:
            with watch.step(FOLD):
                self.views.catch_up()
            if self.fault is None:
                self.issuer.status_lists.record_changes()
        finally:
            if self.fault is None:
                with watch.step(PUBLISH):
                    self.publisher.publish()
        with watch.step(FOLD):
            self.views.catch_up()


def files_of(data: Path, settings: Settings) -> LedgerFiles:
    """Return where the ledger in `data` keeps its files."""
    return LedgerFiles(data, settings.anchor, settings.policy)


def existing_files(data: Path, settings: Settings) -> LedgerFiles:
    """Return where the ledger in `data` keeps its files; Absent when there is none."""
    files = files_of(data, settings)
    if not files.exists:
        raise Absent(f"there is no ledger in {data}: make one with `roa init` or `roa demo`")
    return files


def passphrase_of(files: LedgerFiles, settings: Settings, keys: Path | None = None) -> bytes:
    """Return the passphrase that opens keys and epoch file; `passphrase` when its file is not there.

    Args:
        files: of the ledger.
        settings: may name the file.
        keys: folder of the keys beside which it lies otherwise; the ledger's own when left out.
    """
    path = settings.passphrase_file or (keys / files.passphrase.name if keys else files.passphrase)
    try:
        return path.read_bytes().strip()
    except FileNotFoundError as error:
        raise Unauthorised(
            f"the passphrase file {path} is not there: put it back, or name it with ROA_PASSPHRASE_FILE",
            code="passphrase",
        ) from error


def module_of(settings: Settings) -> Pkcs11Module | None:
    """Return the hardware module that is set, None where none is; Refusal where only one half of it is."""
    path, pin_file = settings.pkcs11_module, settings.pkcs11_pin_file
    if path and pin_file:
        return Pkcs11Module(path, pin_file)
    if path or pin_file:
        raise Refusal("set both ROA_PKCS11_MODULE and ROA_PKCS11_PIN_FILE, or neither")
    return None


def open_house(data: Path, settings: Settings | None = None) -> House:
    """Open the ledger in a folder, compare it with its anchor, and open its views.

    Raises:
        Absent: there is no ledger in the folder.
        Unauthorised: the passphrase is missing or wrong.
    """
    settings = settings or Settings()
    files = existing_files(data, settings)
    ledger = Ledger(files, passphrase_of(files, settings), module=module_of(settings))
    return furnish(ledger, settings)


def furnish(ledger: Ledger, settings: Settings, *, transport: Transport = post_to_witness) -> House:
    """Put publisher, views, documents and tokens around an open ledger.

    `transport` is how the publisher reaches the witnesses of the log's policy.

    Raises:
        Malformed: (code `policy`) the policy in the ledger's folder cannot be used.
    """
    origin = ledger.founding.origin
    policy = policy_of_log(ledger.files.policy, log_keys_of(ledger.register()).every)
    publisher = Publisher(
        ledger.store,
        Anchor(ledger.files.anchor, origin),
        CheckpointSigner(origin, ledger.keystore, ledger.register),
        ledger.clock,
        Cosigning(policy, transport, ledger.clock),
    )
    views = Views(ledger)
    house = House(
        ledger=ledger,
        publisher=publisher,
        views=views,
        issuer=Issuer(ledger, publisher, views),
        tokens=Tokens(ledger.jobs),
        settings=settings,
    )
    mark = ledger.files.folder / DEMO_MARK
    if mark.exists():
        house.demo, house.personas = True, json.loads(mark.read_text())["personas"]
    try:
        publisher.check()
    except Corrupt as error:
        # Among them a rollback and a split. What else does not check cannot vouch for the database either.
        house.fault = error
    # Before anybody reads: a crash may have left it half done, or an old copy brought somebody back. What
    # cannot be done now is tried again while the house is served; `roa forget list` says that it is not done.
    with suppress(Unavailable, Corrupt):  # what is damaged is for an audit to say
        house.forget()
    with suppress(Unavailable, Corrupt):
        disposal.redo(ledger)
    return house


def stops_writing(error: LedgerError) -> bool:
    """Return whether an error met while serving means that anchor and database are no longer one ledger."""
    return isinstance(error, Rollback | Split) or (isinstance(error, Corrupt) and error.code == "anchor")


def settle_house(house: House) -> None:
    """Copy back what the databases have in their write-ahead logs, so that one file is all of each.

    What cannot be copied back now, because another process reads, waits where it is: nothing is lost.
    """
    with suppress(LedgerError):
        house.ledger.store.database.truncate_wal()
        house.views.truncate_wal()
        for _, copy_back in house.deleting():
            copy_back()


def close_house(house: House) -> None:
    """Close every file."""
    house.issuer.close()
    house.views.close()
    house.ledger.close()
