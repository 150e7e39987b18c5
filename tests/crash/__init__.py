"""Tests that kill the process at every named step, open the ledger again and audit it."""
