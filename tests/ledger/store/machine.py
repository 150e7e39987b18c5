"""A simple model of the store, and the store beside it, driven by Hypothesis: whatever is done, they agree.

The model is a list of records and a few dictionaries; it says for each write whether it is taken and with
which error it is refused. What is refused must leave the store as it was, and what is taken must be there, in
one tree, in every way of reading it, also after the file was opened anew.
"""

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ledger.clock import FixedClock
from ledger.errors import LedgerError, Reused, Stale, Taken, Unavailable
from ledger.log.merkle import leaf_hash, root_of
from ledger.log.tiles import TILE_WIDTH
from ledger.mapper import LedgerStoredEvent
from ledger.store.recorder import CLOCK_BACK_MAX_US, Submission, Write
from ledger.store.sqlite import LedgerRecorder
from tests.ledger.store.records import ISS, stream
from tests.support.world import MIDDAY

STREAMS, SUBMISSIONS, ROWS, KEYS = 6, 3, 8, 4
BEFORE = TILE_WIDTH - 12  # records that are there at once, so that the first tile becomes full on the way
TOPICS = ("organisation.registered", "organisation.role_granted")


@dataclass
class Model:
    """What a store has to hold."""

    records: list[tuple[LedgerStoredEvent, int]] = field(default_factory=list)  # and recorded_at_us
    leaves: list[bytes] = field(default_factory=list)
    versions: dict[UUID, int] = field(default_factory=dict)
    taken: dict[tuple[str, bytes], int] = field(default_factory=dict)
    submissions: dict[UUID, Submission] = field(default_factory=dict)
    rows: dict[tuple[UUID, int], int] = field(default_factory=dict)
    authority: int = 0
    last_us: int = 0

    def refusal(
        self, events: Sequence[LedgerStoredEvent], write: Write, now_us: int
    ) -> type[LedgerError] | None:
        """Return how a write is refused, None for one that is taken."""
        moved = any(self.versions.get(one, 0) != version for one, version in write.reads)
        if moved or (write.as_of is not None and self.authority > write.as_of):
            return Stale
        # A stream that begins and is not looked up for another record is refused by the unique index alone,
        # and that after the clock was looked at.
        looked_up = {_stream(event) for event in events if event.originator_version != 1}
        late, versions = False, dict(self.versions)
        for event in events:
            if event.originator_version != versions.get(_stream(event), 0) + 1:
                if _stream(event) in looked_up:
                    return Stale
                late = True
            looked_up.add(_stream(event))
            versions[_stream(event)] = event.originator_version
        early = self._submission_refusal(write)
        if early is None and now_us < self.last_us - CLOCK_BACK_MAX_US:
            return Unavailable
        return early or (Stale if late or self._is_recorded(events, write) else self._claim_refusal(write))

    def _submission_refusal(self, write: Write) -> type[LedgerError] | None:
        said = write.submission
        kept = None if said is None else self.submissions.get(said.jti)
        if said is None or kept is None or kept == said:
            return None
        return Stale if kept.leaf_hashes == said.leaf_hashes else Reused

    def _is_recorded(self, events: Sequence[LedgerStoredEvent], write: Write) -> bool:
        rows = [event.row for event in events if event.row is not None]
        jti = write.submission.jti if write.submission else None
        return len(set(rows)) < len(rows) or any((jti, row) in self.rows for row in rows)

    def _claim_refusal(self, write: Write) -> type[LedgerError] | None:
        held = self.taken.keys() - set(write.frees)
        wanted = [(kind, key) for kind, key, _, _ in write.takes]
        return Taken if held & set(wanted) or len(set(wanted)) < len(wanted) else None

    def take(self, events: Sequence[LedgerStoredEvent], write: Write, now_us: int) -> list[int]:
        """Take a write; return the positions of its records."""
        first, self.last_us = len(self.records) + 1, max(now_us, self.last_us)
        for claim in write.frees:
            self.taken.pop(claim, None)
        for position, event in enumerate(events, first):
            self.records.append((event, self.last_us))
            self.leaves.append(leaf_hash(event.entry(self.last_us)))
            self.versions[_stream(event)] = event.originator_version
            if event.authority:
                self.authority = position
            if write.submission is not None and event.row is not None:
                self.rows[write.submission.jti, event.row] = position
            self.taken.update(
                {
                    (kind, key): position
                    for kind, key, held_by, version in write.takes
                    if (held_by, version) == (event.originator_id, event.originator_version)
                }
            )
        if write.submission is not None:
            self.submissions.setdefault(write.submission.jti, write.submission)
        return list(range(first, len(self.records) + 1))


class StoreMachine(RuleBasedStateMachine):
    """Writes, reads and reopenings in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="roa-store-"))
        self.clock = FixedClock(MIDDAY)
        self.model = Model()
        self.store = self._opened()
        self._fresh = count(5_000)  # numbers of streams that nobody has used

    def _opened(self) -> LedgerRecorder:
        return LedgerRecorder(self.folder / "ledger.sqlite", clock=self.clock)

    def teardown(self) -> None:
        """Leave nothing behind."""
        self.store.close()
        shutil.rmtree(self.folder)

    # -------------------------------------------------------------- writing

    @initialize()
    def almost_a_tile(self) -> None:
        """Fill most of the first tile, one stream for each record."""
        self._write([self._event(1000 + number, 1) for number in range(BEFORE)], Write())

    @rule(
        wanted=st.lists(
            st.tuples(st.integers(0, STREAMS - 1), st.sampled_from((1, 1, 1, 1, 0, 2))),
            min_size=1,
            max_size=6,
        ),
        authority=st.booleans(),
        as_of=st.none() | st.integers(-2, 0),
        reads=st.lists(st.tuples(st.integers(0, STREAMS - 1), st.sampled_from((0, 0, 0, 1))), max_size=3),
    )
    def append(
        self,
        wanted: list[tuple[int, int]],
        authority: bool,  # noqa: FBT001 - Hypothesis names what it draws
        as_of: int | None,
        reads: list[tuple[int, int]],
    ) -> None:
        """Append to streams: versions that follow or do not, decided on what is there or was."""
        versions, events = dict(self.model.versions), []
        for number, step in wanted:
            version = versions.get(stream(number), 0) + step
            versions[stream(number)] = version
            events.append(self._event(number, version, authority=authority))
        seen = tuple(
            (stream(number), self.model.versions.get(stream(number), 0) + by) for number, by in reads
        )
        size = None if as_of is None else len(self.model.records) + as_of
        self._write(events, Write(as_of=size, reads=seen))

    @rule(
        number=st.integers(0, SUBMISSIONS - 1),
        rows=st.lists(st.integers(0, ROWS - 1), min_size=1, max_size=4),
        jws=st.sampled_from(("signed", "signed", "signed", "signed again")),
        width=st.sampled_from((ROWS, ROWS, ROWS, ROWS + 1)),
    )
    def submit(self, number: int, rows: list[int], jws: str, width: int) -> None:
        """Record rows of a submission: new ones, the same once more, other content under its id."""
        submission = Submission(ISS, UUID(int=100 + number), jws, bytes(32 * width))
        events = [self._event(next(self._fresh), 1, row=row) for row in rows]
        self._write(events, Write(submission=submission))

    @rule(
        takes=st.lists(st.integers(0, KEYS - 1), max_size=3),
        frees=st.lists(st.integers(0, KEYS - 1), max_size=2),
    )
    def claim(self, takes: list[int], frees: list[int]) -> None:
        """Take and free values that may be held once."""
        event = self._event(next(self._fresh), 1)
        self._write(
            [event],
            Write(
                takes=tuple(("award", bytes([key]), _stream(event), 1) for key in takes),
                frees=tuple(("award", bytes([key])) for key in frees),
            ),
        )

    def _event(self, number: int, version: int, **options: Any) -> LedgerStoredEvent:
        topic = TOPICS[number % len(TOPICS)]
        state = b"%d/%d/%d" % (number, version, len(self.model.records))
        return LedgerStoredEvent(stream(number), version, topic, state, public=True, **options)

    def _write(self, events: Sequence[LedgerStoredEvent], write: Write) -> None:
        refused = self.model.refusal(events, write, self.clock.now_us())
        if refused is None:
            positions = self.store.insert_events(events, write=write)
            assert positions == self.model.take(events, write, self.clock.now_us())
            return
        said = self._said(events, write)
        assert isinstance(said, refused), f"the model refuses it: {refused.__name__}, the store said {said!r}"

    def _said(self, events: Sequence[LedgerStoredEvent], write: Write) -> LedgerError | None:
        """Return with what the store refuses a write, None where it takes it."""
        try:
            self.store.insert_events(events, write=write)
        except LedgerError as error:
            return error
        return None

    # -------------------------------------------------------------- the world around

    @rule(step_us=st.sampled_from((0, 1, 1_000_000, 3_600_000_000, -1, -999_999, -1_000_000, -1_000_001)))
    def clock_moves(self, step_us: int) -> None:
        """Let the clock go on, jump, or go back."""
        self.clock.advance(timedelta(microseconds=step_us))

    @rule()
    def clock_is_right(self) -> None:
        """Put the clock right: not before the newest record."""
        behind = self.model.last_us - self.clock.now_us()
        self.clock.advance(timedelta(microseconds=max(0, behind)))

    @rule()
    def reopen(self) -> None:
        """Close the file and open it again."""
        self.store.close()
        self.store = self._opened()

    # -------------------------------------------------------------- reading

    @rule(
        number=st.integers(0, STREAMS - 1),
        gt=st.none() | st.integers(0, 4),
        desc=st.booleans(),
        limit=st.none() | st.integers(1, 3),
    )
    def read_stream(self, number: int, gt: int | None, desc: bool, limit: int | None) -> None:  # noqa: FBT001
        """Read a stream, or a part of it."""
        found = self.store.select_events(stream(number), gt=gt, desc=desc, limit=limit)

        wanted = [
            (event.originator_version, event.state)
            for event, _ in self.model.records
            if event.originator_id == stream(number) and event.originator_version > (gt or 0)
        ]
        assert [(one.originator_version, one.state) for one in found] == wanted[:: -1 if desc else 1][:limit]

    @rule(
        start=st.none() | st.integers(1, BEFORE + 60),
        limit=st.integers(1, 40),
        topics=st.sampled_from(((), TOPICS[:1], TOPICS)),
    )
    def read_log(self, start: int | None, limit: int, topics: tuple[str, ...]) -> None:
        """Read the log from somewhere on."""
        found = self.store.select_notifications(start, limit, topics=topics)

        wanted = [
            (position, event.state)
            for position, (event, _) in enumerate(self.model.records, 1)
            if position >= (start or 1) and (not topics or event.topic in topics)
        ]
        assert [(one.id, one.state) for one in found] == wanted[:limit]

    # -------------------------------------------------------------- what always holds

    @invariant()
    def it_is_one_tree(self) -> None:
        """Head, leaves and instants are those of the records in their order."""
        head = self.store.head()
        rows = self.store.database.reader.execute("SELECT leaf, recorded_at_us FROM record ORDER BY position")
        leaves, instants = map(list, zip(*rows, strict=True)) if self.model.records else ([], [])
        assert leaves == self.model.leaves
        assert instants == sorted(instants) == [at_us for _, at_us in self.model.records]
        assert (head.size, head.root) == (len(leaves), root_of(leaves))
        assert head.authority == self.model.authority
        tiles = self.store.database.reader.execute("SELECT number, hashes FROM tile WHERE level = 0")
        full = range(len(leaves) // TILE_WIDTH)
        assert dict(tiles) == {at: b"".join(leaves[at * TILE_WIDTH : (at + 1) * TILE_WIDTH]) for at in full}

    @invariant()
    def it_holds_what_the_model_holds(self) -> None:
        """Values that are taken, submissions and their rows."""
        taken = self.store.database.reader.execute("SELECT kind, key, position FROM taken")
        assert {(kind, key): position for kind, key, position in taken} == self.model.taken
        for number in range(SUBMISSIONS):
            jti = UUID(int=100 + number)
            assert self.store.submission(ISS, jti) == self.model.submissions.get(jti)
            rows = {row: position for (said, row), position in self.model.rows.items() if said == jti}
            assert self.store.recorded_rows(ISS, jti) == rows


def _stream(event: LedgerStoredEvent) -> UUID:
    assert isinstance(event.originator_id, UUID)
    return event.originator_id
