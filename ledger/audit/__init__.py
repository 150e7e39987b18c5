"""Audit: from stored bytes alone, everything in a ledger is checked, and every fault reported.

Without keys: positions and versions, canonical encoding, every entry, leaf, tile and root, every
checkpoint with its signatures and its place in the chain, cosignatures and what they say of time, the
anchor, every submission's signature by a key valid at that position, every record's statement, every
decision about the register made again, what is taken, losses that were accepted, the tiles and
bundles at the anchor's place, and the schema
itself. With keys: sealed parts, claims, row keys and the statements inside, and every decision about
people made again.

Source: LEDGER.md 7.
"""

from ledger.audit.report import FAULT, WARNING, Fault, Report
from ledger.audit.run import JOBS_MAX, How, audit, audit_files

__all__ = ["FAULT", "JOBS_MAX", "WARNING", "Fault", "How", "Report", "audit", "audit_files"]
