"""Tests: one folder for each room of the house, and the words they share in `support`."""
