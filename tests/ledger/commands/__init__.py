"""Tests of what actors may ask for."""
