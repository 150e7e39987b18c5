"""Tests of how values become bytes."""
