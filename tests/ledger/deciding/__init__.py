"""Deciding submissions, row by row, against a real ledger."""
