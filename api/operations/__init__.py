"""Running a ledger: opening it, keeping it published and folded, speaking for its registrar."""
