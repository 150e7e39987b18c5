"""The order in which a ledger is looked over; what cannot be opened does not stop the rest."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from api.house import files_of, module_of, passphrase_of
from api.operations.checkup.clocks import look_at_clock
from api.operations.checkup.databases import is_incomplete, look_at_databases, needs_upgrade
from api.operations.checkup.findings import Check, guarded, warning
from api.operations.checkup.keeping import (
    look_at_anchor,
    look_at_backups,
    look_at_keys,
    look_at_turn,
    look_at_witnesses,
    look_at_work,
)
from api.operations.checkup.machine import look_at_machine, look_at_software
from api.operations.checkup.places import (
    look_at_file_system,
    look_at_permissions,
    look_at_restores,
    look_at_space,
)
from api.settings import Settings
from ledger.application import Ledger
from ledger.clock import Clock, SystemClock
from ledger.cosigning import Transport
from ledger.errors import Absent
from ledger.files import LedgerFiles
from ledger.privacy.epoch import EpochFile


@dataclass(frozen=True, slots=True)
class Asked:
    """What a checkup was asked for.

    deep: read every page of every database. backups: the folder of backups. witnesses: how to ask them;
    None where they are not to be asked. clock: what instant it is. root: of the system's own files.
    """

    deep: bool = False
    backups: Path | None = None
    witnesses: Transport | None = None
    clock: Clock = SystemClock()  # noqa: RUF009 - it cannot be changed
    root: Path = Path("/")


def checkup(data: Path, settings: Settings, asked: Asked) -> Iterator[Check]:
    """Yield what every look at a ledger comes to.

    Raises:
        Absent: there is no ledger in the folder.
    """
    files = files_of(data, settings)
    if not files.exists and not files.epoch.exists():
        raise Absent(f"there is no ledger in {data}")
    yield from guarded("machine", lambda: look_at_machine(asked.root))
    yield from guarded("software", look_at_software)
    yield from guarded("file system", lambda: look_at_file_system(files, asked.root))
    yield from guarded("permissions", lambda: look_at_permissions(files, settings.passphrase_file))
    yield from guarded("restores", lambda: look_at_restores(files))
    yield from guarded("databases", lambda: look_at_databases(files, deep=asked.deep))
    yield from guarded("ledger", lambda: _look_inside(files, settings, asked))


def _look_inside(files: LedgerFiles, settings: Settings, asked: Asked) -> Iterator[Check]:
    if is_incomplete(files):
        # Said with the databases. To open it would make them anew, empty, and the next look find all well.
        return
    if needs_upgrade(files):
        means = "To open it would upgrade it."
        yield warning(
            "ledger", "not opened", means, "Upgrade it as docs/for-operators.md says, then look again."
        )
        yield from look_at_space(files, None)
        return
    passphrase = passphrase_of(files, settings)
    epoch_file = EpochFile(files.epoch, passphrase)
    yield from guarded("turn of the epoch", lambda: look_at_turn(epoch_file))
    ledger = Ledger(files, passphrase, clock=asked.clock, module=module_of(settings))
    try:
        head = ledger.store.head()
        newest_us = head.recorded_at_us if head.size else None
        looks: tuple[tuple[str, Callable[[], Iterable[Check]]], ...] = (
            ("room", lambda: look_at_space(files, head.size)),
            ("clock", lambda: look_at_clock(asked.clock.now_us(), newest_us, asked.root)),
            ("keys", lambda: look_at_keys(ledger, epoch_file)),
            ("anchor", lambda: look_at_anchor(ledger, asked.root)),
            ("witnesses", lambda: look_at_witnesses(ledger, asked.witnesses)),
            ("received", lambda: look_at_work(ledger)),
            ("backups", lambda: look_at_backups(ledger, asked.backups)),
        )
        for name, look in looks:
            yield from guarded(name, look)
    finally:
        ledger.close()
