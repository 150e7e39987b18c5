"""The independent verifier: is this credential genuine, unchanged, in force, and by whom?

It shares no code with the ledger that issues credentials, on purpose: what it finds is a second
opinion. It works offline, from a credential or a bundle and a trust file.

    trust = Trust.parse(Path("trust.json").read_bytes())
    verdict = verify(Path("bundle.zip").read_bytes(), trust=trust, now_us=time.time_ns() // 1000)
    print(verdict.text())
"""

from .fetching import http_fetch
from .status import Fetch
from .trust import Trust
from .verdict import Check, Result, Verdict
from .verifying import verify

__all__ = ["Check", "Fetch", "Result", "Trust", "Verdict", "http_fetch", "verify"]
