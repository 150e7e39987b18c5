"""Audit: from stored bytes alone, everything in a ledger is checked, and every fault reported.

Without keys: positions and versions, canonical encoding, every entry, leaf, tile and root, every
checkpoint with its signature and its place in the chain, the anchor, every submission's signature
by a key valid at that position, every record's statement, what is taken, instants that never go
back, and the schema itself. With keys: sealed parts, claims, row keys and the statements inside.

Source: LEDGER.md 7.
"""

from ledger.audit.report import Fault, Report
from ledger.audit.run import audit, audit_files

__all__ = ["Fault", "Report", "audit", "audit_files"]
