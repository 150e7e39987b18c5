"""The transparency log, pure: trees, tiles, notes, checkpoints and proofs in C2SP formats."""
