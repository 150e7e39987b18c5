"""Tests of events, aggregates and the public register."""
