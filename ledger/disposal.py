"""Level 2 of forgetting: whole streams of learners are cleared when their disposal period has ended.

Two people have asked for it; the learners were forgotten before, and that is effective in copies.
Everything happens in one transaction: the records are cleared, what they held is freed or held on,
and records say what was cleared, what statistics lost with it, and how much it was. Then the file is
cleaned of what stood there. A stop in between leaves a mark, and the next start cleans.

The steps, in order: `scanned`, `begun`, `cleared`, `told`, `committed`, `erased`. `at_step` is called
with each name; crash tests stop the process there.

Source: LEDGER.md 4 (level 2).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from ledger.application import Ledger
from ledger.clock import civil_date, instant
from ledger.database import Connection
from ledger.domain.award import AwardRevoked, MicrocredentialAwarded
from ledger.domain.base import LEARNER, LEDGER, Act, LedgerEvent
from ledger.domain.claims import claims_of
from ledger.domain.disposal import Disposal, KeptSlot, StreamsDisposed, in_parts
from ledger.domain.forgetting import (
    APPROVED,
    LEVEL_STREAMS,
    REQUESTED,
    Forgetting,
    ForgettingCount,
    ForgettingCounted,
    ForgettingRequested,
    LearnerForgotten,
)
from ledger.domain.key import KeyAnnulled
from ledger.domain.registry import EVENTS
from ledger.domain.statistics import Count, counts_of, revocation_of
from ledger.encoding.msgpack import unpack
from ledger.errors import Stale
from ledger.files import flush_folder, write_private
from ledger.ids import public_id, uuid7
from ledger.mapper import PRIVATE_HEAD, SALT_BYTES, LedgerMapper, LedgerNotification, private_state, unseal
from ledger.policy import law
from ledger.standing import Standings
from ledger.store.disposal import clearing, erase, redact
from ledger.store.recorder import Write
from ledger.store.sqlite import read_head

Step = Callable[[str], None]
_TOPICS = tuple(topic for topic, one in EVENTS.items() if one.SUBJECT == LEARNER)
_SUBJECT = PRIVATE_HEAD.index("subject")
_SCAN = (
    "SELECT position, stream, version, topic, state, recorded_at_us FROM record"  # noqa: S608 - marks
    f" WHERE position > ? AND position <= ? AND gone IS NULL AND topic IN ({','.join('?' * len(_TOPICS))})"
    " ORDER BY position"
)
_BATCH = 1000


class Due(NamedTuple):
    """A learner whose streams are to be cleared, and the requests and authorities that say so."""

    learner: UUID
    forgettings: tuple[UUID, ...]
    authorities: tuple[str, ...]


class Disposed(NamedTuple):
    """What a disposal did.

    erased: whether the file holds nothing any more of what was cleared; else the next start sees to it.
    documents: ids under which documents may be kept: of learners, and of their awards' credentials.
    """

    learners: int
    records: int
    position: int | None
    erased: bool
    documents: tuple[UUID, ...] = ()


# ------------------------------------------------------------------ who


def due(ledger: Ledger, days: int) -> list[Due]:
    """Return the learners whose streams may be cleared now.

    Args:
        ledger: open.
        days: whole days that a record is kept after the forgetting was effective in copies.
    """
    asked = _approved(ledger)
    begun = ledger.store.select_streams(asked)
    found = []
    for learner, requests in asked.items():
        stored = begun.get(learner, [])
        if not stored or stored[0].originator_version != 1:
            continue  # cleared before
        if _has_ended(ledger, learner, days):
            ids = tuple(sorted((one.id for one in requests), key=lambda one: one.bytes))
            found.append(Due(learner, ids, _authorities(ledger, ids)))
    return found


def _approved(ledger: Ledger) -> dict[UUID, list[Forgetting]]:
    """Return the requests of level 2 that two people have made, by learner, in order of recording."""
    found: dict[UUID, list[Forgetting]] = {}
    for _, forgetting in _requests(ledger):
        if forgetting.state == APPROVED:
            found.setdefault(forgetting.learner, []).append(forgetting)
    return found


def _requests(ledger: Ledger) -> Iterator[tuple[int, Forgetting]]:
    """Yield the requests of level 2 in order of recording, with the instants they were recorded at."""
    at = 0
    while batch := ledger.store.select_notifications(at + 1, _BATCH, topics=(ForgettingRequested.TOPIC,)):
        at = batch[-1].id
        asked = {one.originator_id: one.recorded_at_us for one in batch}  # type: ignore[attr-defined]
        found = ledger.get_many(one for one in asked if isinstance(one, UUID))
        for stream, forgetting in found.items():
            assert isinstance(forgetting, Forgetting), "that is what such a stream begins with"
            if forgetting.level == LEVEL_STREAMS:
                yield asked[stream], forgetting


def _has_ended(ledger: Ledger, learner: UUID, days: int) -> bool:
    """Whether a learner was forgotten, in copies too, at least so many days ago."""
    newest = ledger.store.newest_of(learner, ledger.store.head().size)
    if newest is None or newest.topic != LearnerForgotten.TOPIC:
        return False
    turned_us = [turn.turned_at_us for turn in ledger.vault.turns() if turn.covers >= newest.id]
    if not turned_us:
        return False
    return civil_date(min(turned_us)) + timedelta(days=days) <= civil_date(ledger.clock.now_us())


def _authorities(ledger: Ledger, forgettings: Iterable[UUID]) -> tuple[str, ...]:
    key = ledger.vault.key_of(ledger.subject, LEDGER)
    streams = ledger.store.select_streams(forgettings).values()
    return tuple(sorted({str(unseal(stored[0], key).fields["authority"]) for stored in streams}))


class Clearing(NamedTuple):
    """A request that stands for the streams of a learner to be cleared.

    forgetting, learner: random ids. requested_by, approved_by: thumbprints of the keys.
    requested_at_us: microseconds since 1970. cleared: whether that has been done.
    """

    forgetting: UUID
    learner: UUID
    requested_by: str
    requested_at_us: int
    approved_by: str | None
    cleared: bool


def clearings(ledger: Ledger) -> list[Clearing]:
    """Return the requests of level 2 that stand, oldest first; those that were withdrawn stand no more."""
    found = []
    for asked_at_us, one in _requests(ledger):
        if one.state in (REQUESTED, APPROVED):
            stored = ledger.store.select_streams([one.learner]).get(one.learner, [])
            cleared = one.state == APPROVED and (not stored or stored[0].originator_version != 1)
            found.append(
                Clearing(one.id, one.learner, one.requested_by, asked_at_us, one.approved_by, cleared)
            )
    return found


# ------------------------------------------------------------------ what


@dataclass(slots=True)
class _Found:
    """Records about some learners, in order of position, and what has to be known of them."""

    learners: frozenset[bytes]
    positions: list[int] = field(default_factory=list)
    counts: Counter[tuple[Any, ...]] = field(default_factory=Counter)
    awards: dict[UUID, tuple[int, MicrocredentialAwarded]] = field(default_factory=dict)
    revoked: dict[UUID, int] = field(default_factory=dict)  # award to position of the revocation
    held: set[tuple[str, bytes]] = field(default_factory=set)  # what they took
    documents: set[UUID] = field(default_factory=set)

    def scan(self, connection: Connection, after: int, upto: int) -> None:
        """Take in the records beyond one position up to another."""
        mapper = LedgerMapper.for_reading()
        for row in connection.execute(_SCAN, (after, upto, *_TOPICS)):
            position, stream, version, topic, state, at_us = row
            values = unpack(private_state(state).open_bytes[SALT_BYTES:])
            if values[_SUBJECT] in self.learners:
                record = LedgerNotification(UUID(bytes=stream), version, topic, state, position, at_us)
                self._add(position, mapper.to_domain_event(record))

    def _add(self, position: int, event: Any) -> None:
        self.positions.append(position)
        counts = counts_of(event)
        if isinstance(event, MicrocredentialAwarded):
            self.awards[event.originator_id] = position, event
            self.documents.add(event.credential_id)
        elif isinstance(event, AwardRevoked):
            self.revoked.setdefault(event.originator_id, position)
            counts = (revocation_of(self.awards[event.originator_id][1], event),)
        for count in counts:
            self.counts[count[:-1]] += count.number
        takes, _ = claims_of(event, _no_code)
        self.held.update((claim.kind, claim.key) for claim in takes)

    def frozen(self) -> list[Count]:
        """Return what statistics lose with these records."""
        return [Count._make((*of, number)) for of, number in sorted(self.counts.items())]

    def slots(self, annulled: Mapping[int, int]) -> list[KeptSlot]:
        """Return the places that stay taken; `annulled` says since when awards at positions are."""
        kept = []
        for award, (position, event) in self.awards.items():
            since = [at for at in (self.revoked.get(award), annulled.get(position)) if at is not None]
            place = event.awarded_by, event.status_list, event.status_index
            kept.append(KeptSlot(*place, min(since, default=None)))
        return sorted(kept, key=lambda slot: slot[:3])


def _no_code(_stream: UUID) -> str:
    return ""  # of what a revocation frees: it is freed with its award


def _annulled(ledger: Ledger) -> dict[int, int]:
    """Return position of an award to that of the record which annulled it; there hardly ever is one."""
    if not any(key.annulled for key in ledger.keyring()):
        return {}
    found = {}
    records = list(_of_topic(ledger, KeyAnnulled.TOPIC))
    for award in Standings(ledger.store, ledger.keyring()).annulled(MicrocredentialAwarded.TOPIC):
        found[award.id] = min(at for at, event in records if event.first <= award.id <= event.last)
    return found


def _of_topic(ledger: Ledger, topic: str) -> Iterator[tuple[int, Any]]:
    at = 0
    while batch := ledger.store.select_notifications(at + 1, _BATCH, topics=(topic,)):
        at = batch[-1].id
        yield from ((one.id, ledger.mapper.to_domain_event(one)) for one in batch)


# ------------------------------------------------------------------ doing it


def dispose(ledger: Ledger, chosen: Sequence[Due], *, at_step: Step = lambda _name: None) -> Disposed:
    """Clear the streams of these learners and record that; durable when it returns.

    Raises:
        Stale: somebody else has cleared them meanwhile.
        Unavailable: clock, disk, a busy database, or writing has stopped.
    """
    ledger.check_writable()
    if not chosen:
        return Disposed(0, 0, None, erased=redo(ledger))
    found = _Found(frozenset(one.learner.bytes for one in chosen))
    # Most of it is read while others go on writing; what they wrote meanwhile is read under the lock.
    scanned = ledger.store.head().size
    found.scan(ledger.store.database.reader, 0, scanned)
    at_step("scanned")
    _mark(ledger)
    with clearing(ledger.store) as connection:
        at_step("begun")
        size = read_head(connection).size
        found.scan(connection, scanned, size)
        events = _told(ledger, chosen, found, size)
        redact(connection, found.positions)
        at_step("cleared")
        key = {ledger.subject: ledger.vault.key_of(ledger.subject, LEDGER)}
        stored = [ledger.mapper.to_stored(event, key) for event in events]
        positions = ledger.store.append(connection, stored, _write(events, found))
        at_step("told")
    # From here the records are gone from the ledger; a stop leaves their bytes to the next start.
    at_step("committed")
    erased = redo(ledger)
    at_step("erased")
    documents = tuple(found.documents | {one.learner for one in chosen})
    return Disposed(len(chosen), len(found.positions), positions[0], erased, documents)


def _told(ledger: Ledger, chosen: Sequence[Due], found: _Found, size: int) -> list[LedgerEvent]:
    """Return the records that account for what is cleared: as many parts as it takes, then the count."""
    if {one.learner for one in chosen} != _still_there(ledger, chosen):
        raise Stale("some of these learners' streams were cleared meanwhile")
    now_us = ledger.clock.now_us()
    decided_on = civil_date(now_us)
    act = Act(size, law.rules_on(decided_on).id, decided_on, instant(now_us))
    parts = in_parts(found.positions, found.slots(_annulled(ledger)), found.frozen())
    requests = tuple(sorted({one.bytes for due_one in chosen for one in due_one.forgettings}))
    authorities = tuple(sorted({one for due_one in chosen for one in due_one.authorities}))
    disposal: Disposal | None = None
    for number, (positions, slots, counts) in enumerate(parts, 1):
        first = number == 1
        fields: dict[str, Any] = {
            "subject": ledger.subject,
            "part": number,
            "parts": len(parts),
            "learners": len(chosen) if first else 0,
            "positions": positions,
            "slots": slots,
            "counts": counts,
            "authorities": authorities if first else (),
            "forgettings": requests if first else (),
        }
        if disposal is None:
            disposal = Disposal.begin(StreamsDisposed, uuid7(now_us), act, **fields)
        else:
            disposal.record(StreamsDisposed, act, **fields)
    assert disposal is not None, "there is at least one part"
    return [*disposal.collect_events(), *_counted(ledger, act, len(chosen), len(found.positions))]


def _still_there(ledger: Ledger, chosen: Sequence[Due]) -> set[UUID]:
    streams = ledger.store.select_streams([one.learner for one in chosen])
    return {stream for stream, stored in streams.items() if stored[0].originator_version == 1}


def _counted(ledger: Ledger, act: Act, learners: int, records: int) -> Sequence[LedgerEvent]:
    stream = public_id("forgetting", LEVEL_STREAMS)
    fields = {"level": LEVEL_STREAMS, "learners": learners, "records": records}
    count = ledger.get_many([stream]).get(stream)
    if count is None:
        count = ForgettingCount.begin(ForgettingCounted, stream, act, **fields)
    else:
        count.record(ForgettingCounted, act, **fields)
    return count.collect_events()


def _write(events: Sequence[LedgerEvent], found: _Found) -> Write:
    """Free what the records held; the records of the disposal hold on to places in status lists."""
    takes = [
        (claim.kind, claim.key, event.originator_id, event.originator_version)
        for event in events
        for claim in claims_of(event, _no_code)[0]
    ]
    return Write(takes=tuple(takes), frees=tuple(sorted(found.held)))


# ------------------------------------------------------------------ cleaning up


def redo(ledger: Ledger) -> bool:
    """Clean the file of what was cleared, if a disposal was begun; return whether nothing is left to do."""
    mark = _mark_of(ledger)
    if not mark.exists():
        return True
    if not erase(ledger.store):
        return False
    mark.unlink(missing_ok=True)
    flush_folder(mark.parent)
    return True


def _mark(ledger: Ledger) -> None:
    """Leave the mark that the file has to be cleaned, durable before anything is cleared."""
    write_private(_mark_of(ledger), b"The WAL may hold what a disposal has cleared: it is cut off next.\n")


def _mark_of(ledger: Ledger) -> Path:
    return ledger.files.ledger.with_name("ledger.erase")
