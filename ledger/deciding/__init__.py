"""Deciding a chunk of statements: load in bulk, ask the commands, gather what to save.

Rows are decided in order and see each other's effects.

Source: LEDGER.md 6 (load in bulk, decide, save once; no stale decisions), SPEC.md 2 and 3.
"""
