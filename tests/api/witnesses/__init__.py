"""Tests of the witnesses' door, and of how the log reaches other people's."""
