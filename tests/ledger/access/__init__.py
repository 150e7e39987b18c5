"""Tests of the access log: rows, days, and what an audit makes of them."""
