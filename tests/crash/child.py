"""A process that ends itself with SIGKILL at a named step.

    python -m tests.crash.child submit LEDGER NOW_US STEP NTH FILE     post the submission in FILE
    python -m tests.crash.child publish LEDGER NOW_US STEP NTH FILE    publish, noting what is signed in FILE
    python -m tests.crash.child restore LEDGER NOW_US STEP NTH FILE    restore, accepting what is lost
    python -m tests.crash.child forget LEDGER NOW_US STEP NTH FILE     carry out what is approved
    python -m tests.crash.child turn LEDGER NOW_US STEP NTH FILE       turn the epoch
    python -m tests.crash.child dispose LEDGER NOW_US STEP NTH FILE    clear everybody who is due
    python -m tests.crash.child backup LEDGER NOW_US STEP NTH FOLDER   take a backup into the folder
    python -m tests.crash.child place LEDGER NOW_US STEP NTH FOLDER    put the backup in the folder in place
                                                                       of `new` beside it

The NTH time that STEP is reached the kill comes, as unannounced as a power cut to the process. What
was acknowledged before (rows decided, checkpoint returned) is printed as it happens.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import ledger.application
from api.client.submission import Submission
from ledger.backup import put_back, take
from ledger.checkpoint_signing import CheckpointSigner
from ledger.clock import FixedClock, instant
from ledger.disposal import dispose, due
from ledger.files import LedgerFiles
from ledger.forgetting import redo
from ledger.log.checkpoint import Checkpoint, format_checkpoint
from ledger.monitor.trusted import Trusted
from ledger.publisher import Publisher
from ledger.restore import restore
from ledger.store.anchor import Anchor
from ledger.turning import turn
from projections.catalogue import Views
from projections.issuing import Issuer
from tests.crash.steps import CHUNK_ROWS
from tests.support.ledgers import PASSPHRASE, House, open_house, received
from tests.support.noting import NotingSigner
from tests.support.world import ORIGIN


def main(action: str, folder: str, now_us: str, step: str, nth: str, file: str) -> None:
    """Do it, and die on the way."""
    ledger.application.CHUNK_ROWS = CHUNK_ROWS
    house = open_house(Path(folder), FixedClock(instant(int(now_us))))
    kill = _killer(step, int(nth))
    if action == "submit":
        house.ledger.store.at_step = kill
        submission = received(Submission.load(Path(file)))
        decided = 0
        for part in house.ledger.submit_in_parts(submission):
            decided += len(part)
            if part:
                _acknowledge(decided)
    elif action == "restore":
        _acknowledge(restore(house.ledger, accept_lost=True, at_step=kill).size)
    elif action == "forget":
        issuer = Issuer(house.ledger, house.publisher(), Views(house.ledger))
        _acknowledge(redo(house.ledger, issuer.destroy, at_step=kill).carried_out)
    elif action == "turn":
        house.ledger.vault.at_step = house.ledger.outcomes.at_step = kill
        turned = turn(house.ledger)
        assert turned is not None
        _acknowledge(turned.epoch)
    elif action == "dispose":
        _acknowledge(dispose(house.ledger, due(house.ledger, 0), at_step=kill).records)
    elif action == "backup":
        _acknowledge(take(house.ledger, Path(file), at_step=kill).manifest.size)
    elif action == "place":
        files, keys = LedgerFiles(Path(file).with_name("new")), house.files.keys
        put_back(Path(file), files, keys, house.keystore, PASSPHRASE, Trusted(), at_step=kill)
    else:
        publisher = _publisher(house, Path(file))
        publisher.at_step = kill
        published = publisher.publish()
        assert published is not None
        _acknowledge(published.size)


def _acknowledge(number: int) -> None:
    print(number, flush=True)  # noqa: T201


def _killer(step: str, nth: int) -> Callable[[str], None]:
    seen = 0

    def at_step(name: str) -> None:
        nonlocal seen
        seen += name == step
        if name == step and seen == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    return at_step


def _publisher(house: House, notes: Path) -> Publisher:
    signing = NotingSigner(CheckpointSigner(ORIGIN, house.keystore, house.ledger.register), noting_in(notes))
    return Publisher(house.ledger.store, Anchor(house.files.anchor, ORIGIN), signing, house.clock)


def noting_in(notes: Path) -> Callable[[Checkpoint], None]:
    """Return what notes checkpoints in a file, durable before they are signed."""

    def note(checkpoint: Checkpoint) -> None:
        with notes.open("ab") as file:
            file.write(format_checkpoint(checkpoint) + b"\0")
            file.flush()
            os.fsync(file.fileno())

    return note


if __name__ == "__main__":
    main(*sys.argv[1:])
