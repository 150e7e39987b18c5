"""Tests of the witness: what it answers, and that it never cosigns two histories."""
