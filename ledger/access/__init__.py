"""Who read which learner's record and why: rows sealed under the learner's key, a root for every day.

A row is written before anybody is shown anything. What each of its parts says is a closed list: there
is no place in it for a name.

Source: LEDGER.md 5 (reads of a learner's record; its daily root is a record).
"""

from ledger.access.days import Closed, Place
from ledger.access.log import KEEP_YEARS, PAGE_MAX, AccessLog, Listed, Shown, note_audit
from ledger.access.rows import Access, Reader

__all__ = (
    "KEEP_YEARS",
    "PAGE_MAX",
    "Access",
    "AccessLog",
    "Closed",
    "Listed",
    "Place",
    "Reader",
    "Shown",
    "note_audit",
)
