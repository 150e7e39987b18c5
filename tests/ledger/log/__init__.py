"""Tests of the transparency log: trees, tiles, notes, checkpoints, proofs."""
