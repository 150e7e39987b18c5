"""Golden vectors: our own bytes, one file for each kind of record, never rewritten once published.

`python -m tests.ledger.golden.make` adds the files of kinds that have none yet. A change of bytes is
a new class version with a new file, never an edit of an old one.
"""
