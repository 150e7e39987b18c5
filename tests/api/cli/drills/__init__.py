"""Drills: what goes wrong is found, and a drill whose finders are blind says so."""
