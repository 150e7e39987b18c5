"""A witness of other people's logs: it cosigns what is consistent, and remembers.

Source: C2SP tlog-witness; LEDGER.md 5.
"""

from ledger.witness.folder import KINDS, WitnessFiles, create_witness, open_witness
from ledger.witness.service import Answer, Witness
from ledger.witness.store import Evidence, Seen, WatchedLog, WitnessStore

__all__ = [
    "KINDS",
    "Answer",
    "Evidence",
    "Seen",
    "WatchedLog",
    "Witness",
    "WitnessFiles",
    "WitnessStore",
    "create_witness",
    "open_witness",
]
