"""What the ledger tells its operator while it runs: log lines, figures, traces, and never about whom."""
