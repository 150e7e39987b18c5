"""Recorders, vault, jobs and anchor."""
