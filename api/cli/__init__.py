"""The command line `roa`."""
