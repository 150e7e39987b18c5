"""Going on from an old copy of the database without a fork: what was published stays published.

A database behind its anchor lacks records that others rely on. Their entries lie at the anchor's
place: public records are put back whole, of private ones the entry stays (`gone = 'lost'`), and a
public `tail.lost` says which and how many. Everything is checked before anything is written, and
the ledger is changed in one transaction, so a restore that was stopped is finished by another one.

Source: LEDGER.md 5 (`restore --accept-lost`).
"""

from ledger.restore.plan import LostReceipt, Restored, RestorePlan
from ledger.restore.run import RECEIPTS_FILE, plan_restore, restore
from ledger.restore.statuses import LostRevocations, lost_revocations

__all__ = [
    "RECEIPTS_FILE",
    "LostReceipt",
    "LostRevocations",
    "RestorePlan",
    "Restored",
    "lost_revocations",
    "plan_restore",
    "restore",
]
