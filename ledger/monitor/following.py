"""The register followed through somebody's public entries: every record is judged before it counts.

What its signer had no right to say, or the rules make something else of, is a finding, and changes
nothing here: whoever follows a log is not bound by what its keeper let in.

Source: LEDGER.md 2, 3 (anyone can rebuild the register from the log alone).
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from copy import copy
from typing import Any, NamedTuple
from uuid import UUID

from ledger.authority import AUTHORITY_TOPICS, keyring_of
from ledger.clock import rfc3339
from ledger.domain.register import Register
from ledger.domain.status_list import StatusListChanged
from ledger.domain.tail import TailLost
from ledger.errors import Corrupt, LedgerError
from ledger.keys.keyring import Keyring
from ledger.monitor.entries import PublicEntry, is_private, parse_entry
from ledger.monitor.findings import Findings
from ledger.privacy.commitments import PUBLIC_ENTRY
from ledger.rulings import check_public_ruling, check_who_said, place_said

_KEY_TOPICS = frozenset(topic for topic in AUTHORITY_TOPICS if topic.split(".")[0] in ("key", "ledger"))
REFUSED = PUBLIC_ENTRY  # what is kept of a public record that does not hold
_INSTANT_MAX_US = 253_370_764_800_000_000  # the year 9999, where calendars end


_SECOND_US = 1_000_000
# How long before a cosignature the records after it may begin: two intervals of publishing, and what a
# witness may take to answer or its clock be ahead.
_BEFORE_MAX_US = (2 * 10 + 5 * 60) * _SECOND_US


class Followed(NamedTuple):
    """A public record that holds."""

    position: int
    entry: PublicEntry
    event: Any
    said_by: UUID | None  # organisation; None for what the ledger records itself


@contextmanager
def _foreign() -> Iterator[None]:
    """Refuse what an entry does to us that nobody thought of: its writer must not end the look at a log."""
    try:
        yield
    except LedgerError:
        raise
    except Exception as error:
        raise Corrupt(f"cannot be judged: {type(error).__name__}", code="entry-fields") from error


class TimeBounds(NamedTuple):
    """Between which instants new records can have been recorded, by what witnesses said; both may be."""

    earliest_us: int = 0
    latest_us: int = _INSTANT_MAX_US

    @classmethod
    def of(cls, before_s: int, witnessed_s: Iterable[int]) -> "TimeBounds":
        """Return the bounds of what is new between two checkpoints.

        Args:
            before_s: when a witness cosigned the log without it last, in seconds since 1970; 0: none did.
            witnessed_s: when witnesses cosigned the log with it.
        """
        first_s = min((at for at in witnessed_s if at), default=None)
        return cls(
            before_s * _SECOND_US - _BEFORE_MAX_US if before_s else 0,
            _INSTANT_MAX_US if first_s is None else (first_s + 1) * _SECOND_US,
        )


class Follower:
    """Takes entries in order of position and keeps the register they make.

    Attributes:
        bounds: when the records to come can have been recorded.
        register: as it stands; it is replaced, never changed, so it may be kept.
        status_lists: (issuer, list) to the digest in force, as the newest of its records says.
    """

    def __init__(self, findings: Findings, root: Callable[[int], bytes] | None = None) -> None:
        """Follow from the beginning.

        Args:
            findings: where what does not hold is told.
            root: returns the log's root at a size, to hold losses to; None where none can be asked for.
        """
        self.findings, self.root, self.bounds = findings, root, TimeBounds()
        self.register = Register()
        self.status_lists: dict[tuple[int, int], bytes] = {}
        self._keys: Keyring | None = None
        self._streams: dict[UUID, int] = {}  # versions of streams that are not on the register
        self._said: set[bytes] = set()  # where each statement that counts was said, 16 bytes a record
        self._shown = array("Q")  # positions of all entries that are not private, whether they hold or not
        self._last_us = 0
        # The submission of the newest authority record, and the newest one of another: see `_check_fresh`.
        self._newest_jws = ""
        self._newest_of_others = 0

    def fork(self) -> "Follower":
        """Return another that stands where this one does; what either takes in, the other does not know."""
        made = copy(self)
        made.__dict__.update(
            status_lists=dict(self.status_lists),
            _streams=dict(self._streams),
            _said=set(self._said),
            _shown=self._shown[:],
        )
        return made

    def take(self, position: int, data: bytes) -> Followed | None:
        """Take in the entry at a position; return the public record that it is, if it holds.

        Raises:
            LedgerError: the log's root was not to be had.
        """
        if is_private(data):
            return None
        self._shown.append(position)
        where, entry = f"record {position}", None
        with self.findings.at(where), _foreign():
            entry = parse_entry(data)
        if entry is None:
            return None
        # Asked for outside: where it is not to be had, nothing is known of the record.
        loss = entry.topic == TailLost.TOPIC
        root = self.root(position - 1) if loss and self.root is not None else None
        with self.findings.at(where), _foreign():
            followed = self._judged(position, entry, root)
            self._count(followed)
            self._check_bounds(followed)
            return followed
        return None

    def _check_bounds(self, followed: Followed) -> None:
        """Tell of a record that witnesses place elsewhere in time.

        It counts all the same: it was said by whoever could, and it may be a clock that is wrong.
        """
        at_us = followed.entry.recorded_at_us
        if not self.bounds.earliest_us <= at_us <= self.bounds.latest_us:
            self.findings.add(
                "time-bounds",
                f"record {followed.position}",
                f"says to be recorded at {rfc3339(at_us)}, and witnesses saw the log without it later,"
                " or with it before",
            )

    def restore(self, position: int, data: bytes) -> None:
        """Take in an entry that was judged before, or what stands for one that did not hold.

        Args:
            position: of the entry.
            data: the entry; `REFUSED` for a public one that did not hold.

        Raises:
            LedgerError: it was not judged before.
        """
        if data != REFUSED:
            entry = parse_entry(data)
            if entry is None:
                raise Corrupt("a private record is not part of the register", code="entry-form")
            self._count(Followed(position, entry, entry.event(position), None))
        self._shown.append(position)

    def _judged(self, position: int, entry: PublicEntry, root: bytes | None) -> Followed:
        if not self._last_us <= entry.recorded_at_us <= _INSTANT_MAX_US:
            raise Corrupt("was recorded before the public record ahead of it", code="recorded-at")
        event = entry.event(position)
        said_by = None
        if not type(event).CONSEQUENCE:
            claims = check_who_said(event.said, entry.topic, position, self.register, self._keyring())
            said_by = claims.iss
            self._check_fresh(event)
        else:
            self._check_version(event)
        check_public_ruling(event, event.said, position, entry.recorded_at_us, self.register)
        if event.said is not None and place_said(event.said) in self._said:
            raise Corrupt("records again what was said and recorded before", code="said-twice")
        if isinstance(event, TailLost):
            self._check_loss(event, root)
        return Followed(position, entry, event, said_by)

    def _check_loss(self, event: TailLost, root: bytes | None) -> None:
        """Check what the log shows of a loss: the tree it is told from, and how many could be lost there."""
        if root is not None and event.root != root:
            raise Corrupt("tells a loss from a tree that is not this log's", code="ruling-consequence")
        shown = bisect_right(self._shown, event.last) - bisect_left(self._shown, event.first)
        private = event.last - event.first + 1 - shown
        if event.lost != private:
            raise Corrupt(
                f"tells of {event.lost} lost records where {private} were private", code="ruling-consequence"
            )

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
