"""Tests of forgetting: what is asked for is destroyed, once, and stays destroyed."""
