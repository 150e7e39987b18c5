"""What every recorder shares: what a write carries, and how it grows the tree.

A write is one transaction: versions, reads, uniqueness, positions, the instant, entries, leaves,
full tiles, tree state, records and the submission. Nothing here touches a database; a recorder
reads `Head` under its lock, calls `grow`, and writes what comes back.

Source: LEDGER.md 6 (one write transaction, no stale decisions, exactly once per row).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from eventsourcing.persistence import IntegrityError, StoredEvent

from ledger.clock import Clock
from ledger.errors import Stale, Unavailable
from ledger.log.merkle import HASH_BYTES, Frontier, leaf_hash, root_of
from ledger.log.tiles import TILE_WIDTH
from ledger.mapper import LedgerStoredEvent

CLOCK_BACK_MAX_US = 1_000_000  # as far as a clock that is kept right may step back

EntryOf = Callable[[StoredEvent, int], bytes]


class VersionConflict(Stale, IntegrityError):
    """A version is not the next of its stream: the library's own error, and a reason to decide again."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What the table `submission` keeps: only what verifies by itself."""

    iss: UUID
    jti: UUID
    jws: str
    leaf_hashes: bytes  # all n leaves of 32 bytes, whatever became of the rows


@dataclass(frozen=True, slots=True)
class Write:
    """What a save promises beside its events.

    as_of: ledger size when the reads began; a newer authority record makes the write stale.
    reads: stream to version, of everything read but not written.
    takes, frees: values that may be held once: (kind, key).
    """

    as_of: int | None = None
    reads: tuple[tuple[UUID, int], ...] = ()
    submission: Submission | None = None
    takes: tuple[tuple[str, bytes, UUID, int], ...] = ()  # kind, key, stream and version of the holder
    frees: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Head:
    """The ledger's state in one row, compared and swapped on size and root."""

    size: int
    root: bytes
    frontier: bytes
    authority: int  # position of the newest authority record
    recorded_at_us: int


@dataclass(frozen=True, slots=True)
class Growth:
    """The tree after new records: one entry and one leaf for each, and the head that replaces the old one."""

    entries: list[bytes]
    leaves: list[bytes]
    head: Head


def recorded_at(clock: Clock, last_us: int) -> int:
    """Return the instant of a transaction: never before the last one.

    Raises:
        Unavailable: the clock is more than a second behind the newest record.
    """
    now_us = clock.now_us()
    if now_us < last_us - CLOCK_BACK_MAX_US:
        raise Unavailable("the clock has gone back: writing stops until it is right again", code="clock")
    return max(now_us, last_us)


def grow(head: Head, stored_events: Sequence[StoredEvent], recorded_at_us: int, entry_of: EntryOf) -> Growth:
    """Return the entries, leaves and new head that these events make after `head`."""
    entries = [entry_of(stored, recorded_at_us) for stored in stored_events]
    leaves = [leaf_hash(entry) for entry in entries]
    frontier = Frontier.from_bytes(head.size, head.frontier)
    frontier.extend(leaves)
    authority = head.authority
    for position, stored in enumerate(stored_events, head.size + 1):
        if isinstance(stored, LedgerStoredEvent) and stored.authority:
            authority = position
    new = Head(frontier.size, frontier.root(), frontier.to_bytes(), authority, recorded_at_us)
    return Growth(entries, leaves, new)


def full_tiles(
    old_size: int, new_size: int, hashes: Callable[[int, int], Sequence[bytes]]
) -> Iterable[tuple[int, int, bytes]]:
    """Yield (level, index, 8192 bytes) of every tile that became full between two sizes.

    Args:
        old_size: records before.
        new_size: records after.
        hashes: (level, tile index) to the 256 hashes of a tile: leaves at level 0, above it
            the roots of 256 full tiles one level down, all of which were yielded before.
    """
    level, width = 0, TILE_WIDTH
    while new_size // width:
        for index in range(old_size // width, new_size // width):
            yield level, index, b"".join(hashes(level, index))
        level, width = level + 1, width * TILE_WIDTH


def tile_root(tile: bytes) -> bytes:
    """Return the root of a full tile's 256 hashes: one hash of the tile above it."""
    return root_of([tile[at : at + HASH_BYTES] for at in range(0, len(tile), HASH_BYTES)])
