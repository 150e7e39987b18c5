"""The register followed through somebody's public entries: every record is judged before it counts.

What its signer had no right to say, or the rules make something else of, is a finding, and changes
nothing here: whoever follows a log is not bound by what its keeper let in.

Source: LEDGER.md 2, 3 (anyone can rebuild the register from the log alone).
"""

from collections.abc import Callable
from copy import copy
from typing import Any, NamedTuple
from uuid import UUID

from ledger.authority import AUTHORITY_TOPICS, keyring_of
from ledger.domain.register import Register
from ledger.domain.status_list import StatusListChanged
from ledger.domain.tail import TailLost
from ledger.errors import Corrupt
from ledger.keys.keyring import Keyring
from ledger.monitor.entries import PublicEntry, parse_entry
from ledger.monitor.findings import Findings
from ledger.rulings import check_public_ruling, check_who_said, place_said

_KEY_TOPICS = frozenset(topic for topic in AUTHORITY_TOPICS if topic.split(".")[0] in ("key", "ledger"))
_INSTANT_MAX_US = 253_370_764_800_000_000  # the year 9999, where calendars end


class Followed(NamedTuple):
    """A public record that holds."""

    position: int
    entry: PublicEntry
    event: Any
    said_by: UUID | None  # organisation; None for what the ledger records itself


class Follower:
    """Takes entries in order of position and keeps the register they make.

    Attributes:
        register: as it stands; it is replaced, never changed, so it may be kept.
        status_lists: (issuer, list) to the digest in force, as the newest of its records says.
    """

    def __init__(self, findings: Findings, root: Callable[[int], bytes] | None = None) -> None:
        """Follow from the beginning.

        Args:
            findings: where what does not hold is told.
            root: returns the log's root at a size, to hold losses to; None where none can be asked for.
        """
        self.findings, self.root = findings, root
        self.register = Register()
        self.status_lists: dict[tuple[int, int], bytes] = {}
        self._keys: Keyring | None = None
        self._streams: dict[UUID, int] = {}  # versions of streams that are not on the register
        self._said: set[bytes] = set()  # where each statement that counts was said, 16 bytes a record
        self._last_us = 0
        # The submission of the newest authority record, and the newest one of another: see `_check_fresh`.
        self._newest_jws = ""
        self._newest_of_others = 0

    def fork(self) -> "Follower":
        """Return another that stands where this one does; what either takes in, the other does not know."""
        made = copy(self)
        made.__dict__.update(
            status_lists=dict(self.status_lists), _streams=dict(self._streams), _said=set(self._said)
        )
        return made

    def take(self, position: int, data: bytes) -> Followed | None:
        """Take in the entry at a position; return the public record that it is, if it holds."""
        with self.findings.at(f"record {position}"):
            entry = parse_entry(data)
            if entry is None:
                return None
            followed = self._judged(position, entry)
            self._count(followed)
            return followed
        return None

    def restore(self, position: int, data: bytes) -> Followed:
        """Take in an entry that was judged before; LedgerError when it was not."""
        entry = parse_entry(data)
        if entry is None:
            raise Corrupt("a private record is not part of the register", code="entry-form")
        event = entry.event(position)
        followed = Followed(position, entry, event, None)
        self._count(followed)
        return followed

    def _judged(self, position: int, entry: PublicEntry) -> Followed:
        if not self._last_us <= entry.recorded_at_us <= _INSTANT_MAX_US:
            raise Corrupt("was recorded before the public record ahead of it", code="recorded-at")
        event = entry.event(position)
        said_by = None
        if not type(event).CONSEQUENCE:
            claims = check_who_said(event.said, entry.topic, position, self.register, self._keyring())
            said_by = claims.iss
            if place_said(event.said) in self._said:
                raise Corrupt("records again what was said and recorded before", code="said-twice")
            self._check_fresh(event)
        else:
            self._check_version(event)
        check_public_ruling(event, event.said, position, entry.recorded_at_us, self.register)
        if isinstance(event, TailLost) and self.root is not None and self.root(event.last) != event.root:
            raise Corrupt("tells a loss from a tree that is not this log's", code="ruling-consequence")
        return Followed(position, entry, event, said_by)

    def _check_fresh(self, event: Any) -> None:
        """Check that the decision knew everything before it but the rows of its own submission."""
        same = event.said.jws == self._newest_jws
        newest = self._newest_of_others if same else self.register.position
        if event.as_of < newest:
            raise Corrupt(f"was decided without regard to record {newest}", code="stale-ruling")

    def _check_version(self, event: Any) -> None:
        """Check the place of a record whose stream is not part of the register."""
        known = self._streams.get(event.originator_id, 0)
        if event.originator_version != known + 1:
            raise Corrupt(f"is version {event.originator_version} after {known}", code="version")
        if isinstance(event, TailLost) and known:
            raise Corrupt("a loss is told once", code="version")

    def _count(self, followed: Followed) -> None:
        """Let a record count from here on."""
        event, position = followed.event, followed.position
        self._last_us = followed.entry.recorded_at_us
        if event.said is not None:
            self._said.add(place_said(event.said))
        if type(event).AUTHORITY:
            self._apply(event, position)
            return
        self._streams[event.originator_id] = event.originator_version
        if isinstance(event, StatusListChanged):
            self.status_lists[event.issuer, event.status_list] = event.bits_sha256

    def _apply(self, event: Any, position: int) -> None:
        fresh, before = self.register.fork(), self.register.position
        try:
            fresh.apply(event, position)
        except Exception as error:
            # What was judged fits; what is restored may be anything.
            raise Corrupt("does not fit what is before it", code="entry-fields") from error
        self.register = fresh
        if event.said.jws != self._newest_jws:
            self._newest_jws, self._newest_of_others = event.said.jws, before
        if event.TOPIC in _KEY_TOPICS:
            self._keys = None

    def _keyring(self) -> Keyring:
        if self._keys is None:
            self._keys = keyring_of(self.register)
        return self._keys
