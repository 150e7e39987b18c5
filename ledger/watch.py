"""Whoever looks on while the ledger works: told of steps and of what came of rows, and changes nothing.

The ledger knows neither figures nor traces. It says when a step begins and ends, once for each chunk
and never for each row, and how rows came out, without a word of what was in them. Nobody looks on
until somebody is put here (`Ledger.watch`).
"""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext

READ, DECIDE, SAVE, FOLD, PUBLISH = STEPS = ("read", "decide", "save", "fold", "publish")


class Watch:
    """Sees nothing; whoever wants to see makes a class of it."""

    def step(self, name: str, **numbers: int) -> AbstractContextManager[object]:
        """Return what surrounds a step: its name is one of STEPS, its numbers are counts of things."""
        del name, numbers
        return nullcontext()

    def decided(self, statuses: Iterable[str], *, done: bool) -> None:
        """See how rows came out that were decided just now; `done` when they were a submission's last."""
        del statuses, done

    def failed(self, code: str) -> None:
        """See that a turn of publishing and folding failed, by the code of the error."""
        del code
