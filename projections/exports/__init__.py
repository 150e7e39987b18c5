"""Documents that leave the ledger and can be checked without it: pure builders, no database."""
