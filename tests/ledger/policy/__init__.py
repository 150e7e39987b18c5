"""Tests of the rules as data and of the checks that read them."""
