"""Public records on their way back: who said each, what the rules make of it, whose submission it was.

The newest signed checkpoint vouches for what it covers; beyond it nothing does but the records
themselves, so every one is judged as if it came through the door: who said it, under the rules, on
the register before it, once, and next in its stream.

Source: LEDGER.md 2 (submission), 3 (public record), 7 (rulings re-run).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from uuid import UUID

from eventsourcing.domain import OriginatorVersionError

from ledger.authority import AUTHORITY_TOPICS, keyring_of
from ledger.domain.base import PUBLIC, LedgerEvent, Said
from ledger.domain.register import Register
from ledger.domain.registry import EVENTS
from ledger.domain.status_list import StatusListChanged
from ledger.domain.tail import TailLost
from ledger.errors import Corrupt, LedgerError
from ledger.keys.keyring import Keyring
from ledger.keys.signer import jws_read
from ledger.log.merkle import root_of
from ledger.mapper import LedgerMapper, LedgerNotification, public_state
from ledger.privacy.commitments import PRIVATE_ENTRY, PublicEntry, statement_leaf
from ledger.rulings import check_public_ruling, check_who_said
from ledger.statements import Claims, read_claims
from ledger.store.recorder import Submission
from ledger.store.sqlite import LedgerRecorder

# What reading values of the wrong shape comes to.
_SHAPELESS = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class Place:
    """Which statement a record rests on: the submission, and the row in it from 0."""

    iss: UUID
    jti: UUID
    row: int


@dataclass(slots=True)
class _Heard:
    """What the records say of one submission: its signature, and the leaves that are known."""

    jws: str
    claims: Claims
    leaves: dict[int, bytes] = field(default_factory=dict)

    def add(self, said: Said) -> None:
        """Note a statement's leaf, and what of its inclusion path are leaves themselves."""
        size, nodes = self.claims.n, iter(said.path)
        self.leaves[said.row] = statement_leaf(said.salt, said.statement)
        for level in range((size - 1).bit_length()):
            sibling = said.row >> level ^ 1
            first, after = sibling << level, min((sibling + 1) << level, size)
            if first < size:
                node = next(nodes)
                if after - first == 1:
                    self.leaves[first] = node

    def submission(self) -> Submission | None:
        """Return the submission as the ledger keeps it; None while one of its leaves is not known."""
        claims = self.claims
        if len(self.leaves) != claims.n:
            return None
        leaves = [self.leaves[row] for row in range(claims.n)]
        assert root_of(leaves) == claims.root, "every path led to the root that was signed"
        return Submission(claims.iss, claims.jti, self.jws, b"".join(leaves))


class Stored:
    """What must be known of the records that the database holds, to judge those that come after them."""

    def __init__(self, store: LedgerRecorder) -> None:
        """Ask a store that nobody writes to meanwhile."""
        head = store.head()
        self._store, self.size, self.recorded_at_us = store, head.size, head.recorded_at_us

    def version(self, stream: UUID) -> int:
        """Return how many records a stream has."""
        newest = self._store.newest_of(stream, self.size)
        return 0 if newest is None else newest.originator_version

    def newest_said(self) -> tuple[str, int]:
        """Return the signature behind the newest authority record, and the newest position of another."""
        newest = ""
        for position, state in self._store.database.reader.execute(
            f"SELECT position, state FROM record WHERE topic IN ({_marks(AUTHORITY_TOPICS)})"  # noqa: S608
            " AND gone IS NULL ORDER BY position DESC",
            tuple(AUTHORITY_TOPICS),
        ):
            said = public_state(state)[1]
            jws = "" if said is None else said.jws
            if newest and jws != newest:
                return newest, position
            newest = jws
        return newest, 0

    def has_row(self, place: Place) -> bool:
        """Whether a statement is recorded that the database can name the submission of."""
        return bool(self._store.recorded_rows(place.iss, place.jti, place.row, place.row))

    def carried_alone(self) -> set[Place]:
        """Return the statements that came back before, without the submission that they were in."""
        found = set()
        for (state,) in self._store.database.reader.execute(
            f"SELECT state FROM record WHERE topic IN ({_marks(AUTHORITY_TOPICS)})"  # noqa: S608
            " AND gone IS NULL AND submission IS NULL",
            tuple(AUTHORITY_TOPICS),
        ):
            said = public_state(state)[1]
            assert said is not None, "what is about the register was said"
            claims = read_claims(jws_read(said.jws).payload)
            found.add(Place(claims.iss, claims.jti, said.row))
        return found

    def private_between(self, first: int, last: int) -> tuple[int, int]:
        """Return how many private records lie there, and how many of them no restore gave up."""
        every, whole = self._store.database.reader.execute(
            "SELECT COUNT(*), COUNT(*) FILTER (WHERE gone IS NOT 'lost') FROM record"
            " WHERE position >= ? AND position <= ? AND substr(entry, 1, 1) = ?",
            (first, last, PRIVATE_ENTRY),
        ).fetchone()
        return every, whole


class PublicRecords:
    """Public records in order of position, judged by the register as it stands before each."""

    def __init__(self, register: Register, stored: Stored, root: Callable[[int], bytes]) -> None:
        """Begin where the database ends.

        Args:
            register: as it stands before the first of them; it is changed: give a fork.
            stored: the records before them.
            root: returns the root of the published log at a size.
        """
        self.register = register
        self.places: dict[int, Place | None] = {}  # by position; None where no statement stands behind it
        self.status_lists: list[tuple[int, StatusListChanged]] = []
        self._stored, self._root = stored, root
        self._mapper = LedgerMapper.for_reading()
        self._keyring: Keyring | None = None
        self._heard: dict[tuple[UUID, UUID], _Heard] = {}
        self._said: set[Place] | None = None  # rows that no row of the database names; read when first needed
        self._versions: dict[UUID, int] = {}
        self._last_us = stored.recorded_at_us
        # The submission of the newest authority record, and the newest one of another.
        self._newest_jws, self._newest_of_others = stored.newest_said()

    def judge(self, position: int, record: PublicEntry) -> None:
        """Check that a record may stand where it stands, and take it in.

        Raises:
            Corrupt: (`anchor`) it is none of ours, nobody who could say it has said it, the rules make
                something else of it, it was said before, or it does not follow what is before it.
        """
        try:
            event = self.event(position, record)
            self._check_place(record)
            self.places[position] = self._judged(event, position, record.recorded_at_us)
            if event.AUTHORITY:
                self._apply(event, position)
        except LedgerError as error:
            raise Corrupt(f"entry {position} at the anchor's place: {error}", code="anchor") from error
        except OriginatorVersionError as error:
            raise Corrupt(
                f"entry {position} at the anchor's place is not the next record of its stream", code="anchor"
            ) from error
        except _SHAPELESS as error:
            raise Corrupt(f"entry {position} at the anchor's place has no shape", code="anchor") from error

    def _check_place(self, record: PublicEntry) -> None:
        """Check that a record follows the one ahead of it, in time and in its stream."""
        if record.recorded_at_us < self._last_us:
            raise Corrupt("it was recorded before the one ahead of it", code="anchor")
        known = self._versions.get(record.stream)
        if record.version != (self._stored.version(record.stream) if known is None else known) + 1:
            raise Corrupt("it is not the next record of its stream", code="anchor")
        self._versions[record.stream], self._last_us = record.version, record.recorded_at_us

    def _judged(self, event: LedgerEvent, position: int, recorded_at_us: int) -> Place | None:
        """Check who said a record and what the rules make of it; return the statement that is kept whole."""
        if event.CONSEQUENCE:
            check_public_ruling(event, event.said, position, recorded_at_us, self.register)
            if isinstance(event, StatusListChanged):
                self.status_lists.append((position, event))
            if isinstance(event, TailLost):
                self._check_loss(event)
            return None
        self._keyring = self._keyring or keyring_of(self.register)
        claims = check_who_said(event.said, event.TOPIC, position, self.register, self._keyring)
        said = event.said
        assert said is not None, "it was said"
        check_public_ruling(event, said, position, recorded_at_us, self.register)
        same = said.jws == self._newest_jws
        if event.as_of < (self._newest_of_others if same else self.register.position):
            raise Corrupt("it was decided on a register that had changed meanwhile", code="anchor")
        self._check_once(Place(claims.iss, claims.jti, said.row))
        return self._hear(said, claims)

    def _check_once(self, place: Place) -> None:
        if self._said is None:
            self._said = self._stored.carried_alone()
        if place in self._said or self._stored.has_row(place):
            raise Corrupt("the statement behind it is recorded already", code="anchor")
        self._said.add(place)

    def _check_loss(self, event: TailLost) -> None:
        """Check that an earlier restore, here in the log, accounts for exactly what was lost by then."""
        if self._root(event.last) != event.root:
            raise Corrupt("it tells of a loss from a tree that is not this log's", code="anchor")
        stored = self._stored.size
        private, whole = self._stored.private_between(event.first, min(event.last, stored))
        begun = max(event.first, stored + 1)
        public = list(self.places)
        private += event.last - begun + 1 - (bisect_right(public, event.last) - bisect_left(public, begun))
        if whole:
            raise Corrupt(
                f"it accounts for the loss of records from {event.first} on, and the database holds {whole}"
                " of them: put a copy back that was taken before that one, or after it",
                code="anchor",
            )
        if event.lost != private:
            raise Corrupt(f"it tells of {event.lost} lost records where {private} were lost", code="anchor")

    def _apply(self, event: LedgerEvent, position: int) -> None:
        before = self.register.position
        self.register.apply(event, position)
        self._keyring = None
        if event.said is not None and event.said.jws != self._newest_jws:
            self._newest_jws, self._newest_of_others = event.said.jws, before

    def event(self, position: int, record: PublicEntry) -> LedgerEvent:
        """Return the event of a public record; Corrupt when its topic is not that of one."""
        event_class = EVENTS.get(record.topic)
        if event_class is None or event_class.PRIVACY is not PUBLIC:
            raise Corrupt("it is of a kind that is not public here", code="topic")
        event: LedgerEvent = self._mapper.to_domain_event(
            LedgerNotification(
                record.stream, record.version, record.topic, record.state, position, record.recorded_at_us
            )
        )
        return event

    def submission(self, iss: UUID, jti: UUID) -> Submission | None:
        """Return a submission that was heard of; None where its leaves are not all known."""
        return self._heard[iss, jti].submission()

    def jws(self, iss: UUID, jti: UUID) -> str:
        """Return the signature under which a submission was heard of."""
        return self._heard[iss, jti].jws

    def _hear(self, said: Said, claims: Claims) -> Place | None:
        heard = self._heard.setdefault((claims.iss, claims.jti), _Heard(said.jws, claims))
        if heard.jws != said.jws:
            return None  # every record carries the first signature: this one is on its own
        heard.add(said)
        return Place(claims.iss, claims.jti, said.row)


def _marks(values: Collection[str]) -> str:
    return ",".join("?" * len(values))
