"""Parts of the records, checked by several processes.

Every process has its own connections. All of them look at one state of the ledger: that which the
outline was read from, since records up to its size are never changed, and none beyond is looked at.
Only a disposal changes them: where one was recorded meanwhile, everything is looked at once more.
What opens the vault goes through a pipe to the process, and nowhere else.
"""

import multiprocessing
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import NamedTuple

from ledger.audit.outline import Outline
from ledger.audit.parts import Part, PartChecks
from ledger.audit.rows import Span, open_for_audit
from ledger.errors import Unavailable
from ledger.privacy.epoch import EpochFile, EpochKeys
from ledger.privacy.vault import Vault

_CONTEXT = multiprocessing.get_context("spawn")  # a fork would share locks and open databases
_END_S = 10


class Work(NamedTuple):
    """What one process needs: the ledger's file, what is known of it, its spans, what opens the vault."""

    ledger: Path
    outline: Outline
    spans: Sequence[Span]
    short: bool
    vault: tuple[Path, EpochKeys, EpochFile | None] | None


@contextmanager
def parts_elsewhere(
    ledger: Path, outline: Outline, vault: Vault | None, spans: Sequence[Span], jobs: int, *, short: bool
) -> Iterator[Iterator[Part]]:
    """Start processes that check the spans in turn; give the parts in order, as they are taken.

    Each process is at most one part ahead of who takes them, so memory is bounded by their number.
    """
    opening = None if vault is None else vault.opening
    pipes: list[Pipe] = []
    processes = []
    try:
        for number in range(jobs):
            here, there = _CONTEXT.Pipe()
            pipes.append(here)
            process = _CONTEXT.Process(target=_serve, args=(there,), daemon=True)
            process.start()
            processes.append(process)
            there.close()  # so that the end of the process is the end of the pipe
            with suppress(OSError):  # it has ended already, which is seen when its first part is asked for
                here.send(Work(ledger, outline, spans[number::jobs], short, opening))
        yield _in_turn(pipes, len(spans))
    finally:
        for pipe in pipes:
            pipe.close()
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(_END_S)


def _in_turn(pipes: Sequence[Pipe], count: int) -> Iterator[Part]:
    for number in range(count):
        try:
            part = pipes[number % len(pipes)].recv()
        except (EOFError, OSError) as error:
            raise Unavailable(
                "a process of the audit ended before its work was done: try again, or in one process",
                code="audit",
            ) from error
        if isinstance(part, Exception):
            raise part
        yield part


def _serve(pipe: Pipe) -> None:
    """Check what comes through the pipe, in a process of its own."""
    work: Work = pipe.recv()
    try:
        connection = open_for_audit(work.ledger)
        vault = None if work.vault is None else Vault(*work.vault)
        checks = PartChecks(connection, work.outline, vault, short=work.short)
        for span in work.spans:
            pipe.send(checks.check(span))
    except OSError:
        return  # whoever asked is gone
    except Exception as error:  # noqa: BLE001 - whoever asked raises it, as if it had happened there
        pipe.send(error)
