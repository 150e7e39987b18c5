"""Tests of what keeps persons private: the vault, the epoch file, sealing and commitments."""
