"""Keys of the trust file, and where in the log each counts: by position, never by "now".

One rule for a document whose signing the ledger recorded at position p (`credential.issued`), with
the members `from` (the record that registered the key), `to` (the record that retired or revoked
it, whichever came first), `suspected_from`, `reaffirmed` and `annulled` of the key:

* p ≤ from: the key was not registered yet · p ≥ to: it counted no longer. The records at `from` and
  `to` are the key's own; no document's stands there, so "up to `to`", as the log judges submissions,
  and "before `to`" are the same for documents.
* p < suspected_from, or no such member: what it signed is valid for ever.
* otherwise the key was declared stolen, and p is suspect, unless a range of positions that holds p
  was reaffirmed (the organisation stands by it) or annulled (it was the thief's).

Source: SPEC.md 5; LEDGER.md 2 (keys count by log position).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import Any, TypeAlias

from ..errors import Malformed
from .members import member, members, position, position_or_none, wrong
from .tlog import LOG_KINDS, LogKey, parse_vkey

CREDENTIAL = "credential"
Ranges: TypeAlias = tuple[tuple[int, int], ...]  # first and last position, both included
_PAIR = 2


class Standing(Enum):
    """How what a key signed at a position stands."""

    NOT_YET = "not yet registered"
    ENDED = "retired or revoked"
    VALID = "valid"
    SUSPECT = "suspect"
    REAFFIRMED = "reaffirmed"
    ANNULLED = "annulled"


@dataclass(frozen=True, slots=True)
class Span:
    """Positions between which something counts: `start` included, `end` excluded, None while it counts."""

    start: int
    end: int | None

    def covers(self, size: int) -> bool:
        """Return whether it counted when the log had that many records."""
        return self.start <= size and (self.end is None or size < self.end)


@dataclass(frozen=True, slots=True)
class Key:
    """A key that signs documents.

    Attributes:
        suspected_from: first position from which on what it signed is suspect; None: never stolen.
        reaffirmed, annulled: ranges of suspect positions that were settled since.
    """

    multibase: str
    purpose: str
    span: Span
    suspected_from: int | None = None
    reaffirmed: Ranges = ()
    annulled: Ranges = ()

    def counts_at(self, size: int) -> bool:
        """Return whether it counted, beyond suspicion, when the log had that many records."""
        return self.suspected_from is None and self.span.covers(size)

    def standing(self, at: int) -> Standing:
        """Return how a document stands whose signing was recorded at a position; the rule is above."""
        if at <= self.span.start:
            return Standing.NOT_YET
        if self.span.end is not None and at >= self.span.end:
            return Standing.ENDED
        if self.suspected_from is None or at < self.suspected_from:
            return Standing.VALID
        if _holds(self.annulled, at):
            return Standing.ANNULLED
        return Standing.REAFFIRMED if _holds(self.reaffirmed, at) else Standing.SUSPECT


def _holds(ranges: Ranges, at: int) -> bool:
    return any(first <= at <= last for first, last in ranges)


@dataclass(frozen=True, slots=True)
class LogKeyUse:
    """A key of the log, when it counts, and whether a checkpoint needs its signature."""

    key: LogKey
    span: Span
    must_verify: bool

    @property
    def checkable(self) -> bool:
        """Whether this program knows its kind of signature, and logs sign in that way."""
        return self.key.kind in LOG_KINDS


# ------------------------------------------------------------------ reading


def read_key(content: Mapping[str, Any]) -> Key:
    """Return a key of an issuer.

    Members `suspected_from`, `reaffirmed` and `annulled` may be missing: never declared stolen.

    Raises:
        Malformed: a member of another kind, or positions that cannot be (`trust-key`).
    """
    key = Key(
        multibase=member(content, "multibase", str),
        purpose=member(content, "purpose", str),
        span=_span(content),
        suspected_from=position_or_none({"suspected_from": None, **content}, "suspected_from"),
        reaffirmed=_ranges(content, "reaffirmed"),
        annulled=_ranges(content, "annulled"),
    )
    _check_positions(key)
    return key


def read_log_key(content: Mapping[str, Any], origin: str) -> LogKeyUse:
    """Return a key of the log; Malformed when it is none, or that of a log of another name."""
    key = parse_vkey(member(content, "vkey", str))
    if key.name != origin:
        raise wrong("vkey")
    return LogKeyUse(key, _span(content), member(content, "must_verify", bool))


def _span(content: Mapping[str, Any]) -> Span:
    span = Span(position(content, "from"), position_or_none(content, "to"))
    if span.end is not None and span.end < span.start:
        raise _impossible("ends before it begins")
    return span


def _ranges(content: Mapping[str, Any], name: str) -> Ranges:
    found = []
    for pair in members({name: [], **content}, name, list):
        if len(pair) != _PAIR or not all(type(one) is int for one in pair):
            raise wrong(name)
        found.append((pair[0], pair[1]))
    return tuple(found)


def _check_positions(key: Key) -> None:
    """Refuse a key whose positions contradict each other, before somebody relies on one of them."""
    settled = sorted((*key.reaffirmed, *key.annulled))
    since, end = key.suspected_from, key.span.end
    if since is None:
        if settled:
            raise _impossible("was never suspected, and yet positions of it are settled")
        return
    if end is None:
        raise _impossible("is suspected, and yet counts on")
    if since <= key.span.start:
        raise _impossible("is suspected from before it was registered")
    if any(not since <= first <= last <= end for first, last in settled):
        raise _impossible("is settled where it is not suspected")
    if any(begin <= last for (_, last), (begin, _) in pairwise(settled)):
        raise _impossible("is settled twice at one position")


def _impossible(why: str) -> Malformed:
    return Malformed(f"a key of the trust file {why}", code="trust-key")
