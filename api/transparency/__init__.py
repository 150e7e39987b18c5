"""The log's door: checkpoints, tiles and keys, for anyone, without an account."""
