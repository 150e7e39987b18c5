"""Looking a ledger over: machine, file system, clock, keys, anchor, databases, backups, in plain words.

It records nothing, opens nothing that is sealed about people, and asks nobody over the network but the
witnesses of the policy, and those only when it is told to. What it changes is what every opening of a ledger
changes: a turn of the epoch that was left half done is settled, and a journal that is not a write-ahead log
becomes one. A ledger that lacks a database, or that opening would upgrade, is not opened; beside a database
that is there, reading may leave an empty `-wal` and a `-shm`.
"""

from api.operations.checkup.findings import OK, PROBLEM, WARNING, Check
from api.operations.checkup.run import Asked, checkup

__all__ = ("OK", "PROBLEM", "WARNING", "Asked", "Check", "checkup")
