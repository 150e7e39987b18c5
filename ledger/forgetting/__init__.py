"""Forgetting learners: what was asked for, how far it came, and the destroying itself.

What two people asked for is carried out at once, and whatever a crash or an old copy left undone is
done by whoever opens the ledger next.

Source: LEDGER.md 4.
"""

from ledger.domain.forgetting import APPROVED, REQUESTED
from ledger.forgetting.carrying_out import Elsewhere, Redone, Remains, redo
from ledger.forgetting.progress import DESTROYED, EFFECTIVE, Progress, progress

__all__ = (
    "APPROVED",
    "DESTROYED",
    "EFFECTIVE",
    "REQUESTED",
    "Elsewhere",
    "Progress",
    "Redone",
    "Remains",
    "progress",
    "redo",
)
