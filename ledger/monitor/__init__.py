"""Logs that somebody else keeps: checked byte for byte, followed, copied, and their register made again.

Nothing here opens a database or knows the web: what is read comes through a `LogSource`, which is
given a folder or a way to fetch paths.

Source: LEDGER.md 3, 5; C2SP tlog-tiles.
"""
