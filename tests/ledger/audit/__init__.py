"""Tests of the audit: whatever is changed is found, and nothing stored can stop it."""
