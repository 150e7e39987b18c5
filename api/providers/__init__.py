"""The providers' door: submissions in, outcomes and receipts out."""
