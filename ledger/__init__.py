"""The write side: what was said is checked, decided, sealed, appended and proven here."""
