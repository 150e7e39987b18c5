"""What may go wrong under a ledger goes wrong here, many times, by a seed: `python -m tests.reliability`."""
