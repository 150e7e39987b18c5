"""What witnesses said: every cosignature that is kept, and when records can have been recorded by it.

A cosignature taken away leaves less evidence and no contradiction: that one is missing is seen only
where a cosigner is left that cosigned nothing.

Source: C2SP tlog-cosignature; LEDGER.md 5, 7.
"""

from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate

from ledger.audit.checkpoints import PublishedLog
from ledger.audit.report import Report
from ledger.audit.rows import text
from ledger.database import Connection
from ledger.errors import Corrupt, LedgerError, Malformed
from ledger.log.checkpoint import parse_checkpoint
from ledger.log.cosignature import ED25519_COSIGNATURE_TYPE, MLDSA44_TYPE, verify_signed
from ledger.log.note import VerifierKey, format_note, parse_note, parse_vkey
from ledger.publisher import Published

SECOND_US = 1_000_000
# How long before a cosignature the records after it may begin: two intervals of publishing, and what a
# witness may take to answer or its clock be ahead.
BEFORE_MAX_US = (2 * 10 + 5 * 60) * SECOND_US
_EVER_US = 2**63
_COSIGNATURES = (
    "SELECT c.checkpoint, c.cosigner, c.timestamp_s, c.line, p.note FROM cosignature c"
    " LEFT JOIN checkpoint p ON p.number = c.checkpoint WHERE c.checkpoint >= ?"
    " ORDER BY c.checkpoint, c.cosigner"
)


class Bounds:
    """When a record can have been recorded, by its position: two functions that only ever rise."""

    def __init__(self, seen: Iterable[tuple[int, int]]) -> None:
        """Take what was cosigned: (size, seconds since 1970), in any order."""
        ordered = sorted(seen)
        self._sizes = [size for size, _ in ordered]
        self._latest = list(accumulate((at for _, at in ordered), max))
        self._first = list(accumulate((at for _, at in reversed(ordered)), min))[::-1]

    def latest_us(self, position: int) -> int:
        """Return the end of the second in which a tree with this record was cosigned first."""
        place = bisect_left(self._sizes, position)
        return (self._first[place] + 1) * SECOND_US if place < len(self._sizes) else _EVER_US

    def earliest_us(self, position: int) -> int:
        """Return when a tree without this record was cosigned last, less what may lie between."""
        place = bisect_left(self._sizes, position)
        return self._latest[place - 1] * SECOND_US - BEFORE_MAX_US if place else -_EVER_US


def check_cosignatures(
    connection: Connection, published: PublishedLog, report: Report, base: Published | None = None
) -> Bounds:
    """Check every cosignature, of checkpoints from `base` on, and return what those that hold say of time."""
    keys = _cosigners(connection, published, report)
    seen = []
    first = -(2**63) if base is None else base.number
    for number, cosigner, timestamp_s, line, note in connection.execute(_COSIGNATURES, (first,)):
        report.cosignatures += 1
        with report.at(f"cosignature {number}/{cosigner}"):
            seen.append((_size_signed(keys.get(cosigner), text(line), note, timestamp_s), timestamp_s))
    return Bounds(seen)


def _cosigners(connection: Connection, published: PublishedLog, report: Report) -> dict[int, VerifierKey]:
    """Return the witnesses' keys by number, and report those that are none."""
    found: dict[int, VerifierKey] = {}
    log_keys = {one.key.key for one in published.keys}
    for number, stored in connection.execute("SELECT number, vkey FROM cosigner ORDER BY number"):
        with report.at(f"cosigner {number}"):
            key = _witness_key(text(stored))
            if key.key in log_keys:
                raise Corrupt("is a key of the log itself", code="cosignature")
            if any(key.key == other.key for other in found.values()):
                raise Corrupt("is the key of another cosigner too", code="cosignature")
            found[number] = key
    for (number,) in connection.execute(
        "SELECT number FROM cosigner WHERE number NOT IN (SELECT cosigner FROM cosignature)"
    ):
        report.add("cosignature", f"cosigner {number}", "nothing is kept that it cosigned")
    return found


def _witness_key(vkey: str) -> VerifierKey:
    try:
        key = parse_vkey(vkey)
    except LedgerError as error:
        raise Corrupt(f"is no key: {error}", code="cosignature") from error
    if str(key) != vkey or key.type not in (ED25519_COSIGNATURE_TYPE, MLDSA44_TYPE):
        raise Corrupt("is not the key of a witness", code="cosignature")
    return key


def _size_signed(key: VerifierKey | None, line: str, note: bytes | None, timestamp_s: int) -> int:
    """Return the size of the tree that a kept line is about, once it holds; Corrupt when it does not."""
    if note is None:
        raise Corrupt("the checkpoint that it is over is not there", code="cosignature")
    if key is None:
        raise Corrupt("its cosigner is not there, or has no key that counts", code="cosignature")
    try:
        signed = parse_note(note).text
        whole = f"{signed}\n{line}".encode()
        given = parse_note(whole)
        if format_note(given) != whole or given.text != signed or len(given.signatures) != 1:
            raise Malformed("it is not one signature line in its one form")
        if verify_signed(given, key) != timestamp_s:
            raise Malformed("it was signed for another time than it is kept for")
        return parse_checkpoint(signed.encode()).size
    except LedgerError as error:
        raise Corrupt(f"does not hold: {error}", code="cosignature") from error
