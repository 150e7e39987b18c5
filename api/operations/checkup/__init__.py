"""Looking a ledger over: machine, file system, clock, keys, anchor, databases, backups, in plain words.

It changes nothing, opens nothing that is sealed about people, and asks nobody over the network but the
witnesses of the policy, and those only when it is told to.
"""

from api.operations.checkup.findings import OK, PROBLEM, WARNING, Check
from api.operations.checkup.run import Asked, checkup

__all__ = ("OK", "PROBLEM", "WARNING", "Asked", "Check", "checkup")
