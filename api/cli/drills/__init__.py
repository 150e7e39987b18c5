"""`roa drill`: what goes wrong is made to go wrong on an invented ledger, and must be found.

Each drill works in a folder of its own that is gone afterwards, with real keys, a real log and a
real witness. It asks for every step whether what had to happen did, and answers `ok` only if all did.
"""
