"""Public records on their way back: who said each, and what they tell of the submissions behind them.

The newest signed checkpoint vouches for what it covers; beyond it nothing does but the signatures
that the records themselves carry, so all of them are checked.

Source: LEDGER.md 2 (submission), 3 (public record).
"""

from dataclasses import dataclass, field
from uuid import UUID

from eventsourcing.domain import OriginatorVersionError

from ledger.authority import keyring_of
from ledger.domain.base import PUBLIC, LedgerEvent, Said
from ledger.domain.register import Register
from ledger.domain.registry import EVENTS
from ledger.errors import Corrupt, LedgerError
from ledger.keys.keyring import Keyring
from ledger.log.merkle import root_of
from ledger.mapper import LedgerMapper, LedgerNotification
from ledger.privacy.commitments import PublicEntry, statement_leaf
from ledger.rulings import check_who_said
from ledger.statements import Claims
from ledger.store.recorder import Submission

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


class PublicRecords:
    """Public records in order of position, judged by the register as it stands before each."""

    def __init__(self, register: Register) -> None:
        """Begin with the register before the first of them, which is changed: give a fork."""
        self.register = register
        self.places: dict[int, Place | None] = {}  # by position; None where no statement stands behind it
        self._mapper = LedgerMapper.for_reading()
        self._keyring: Keyring | None = None
        self._heard: dict[tuple[UUID, UUID], _Heard] = {}

    def judge(self, position: int, record: PublicEntry) -> None:
        """Check who said a record, and take it in.

        Raises:
            Corrupt: (`anchor`) it is none of ours, or nobody who could say it has said it.
        """
        try:
            event = self.event(position, record)
            self.places[position] = None if event.CONSEQUENCE else self._hear(event, position)
            if event.AUTHORITY:
                self.register.apply(event, position)
                self._keyring = None
        except LedgerError as error:
            raise Corrupt(f"entry {position} at the anchor's place: {error}", code="anchor") from error
        except OriginatorVersionError as error:
            raise Corrupt(
                f"entry {position} at the anchor's place is not the next record of its stream", code="anchor"
            ) from error
        except _SHAPELESS as error:
            raise Corrupt(f"entry {position} at the anchor's place has no shape", code="anchor") from error

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

    def _hear(self, event: LedgerEvent, position: int) -> Place | None:
        self._keyring = self._keyring or keyring_of(self.register)
        claims = check_who_said(event.said, event.TOPIC, position, self.register, self._keyring)
        said = event.said
        assert said is not None, "it was said"
        heard = self._heard.setdefault((claims.iss, claims.jti), _Heard(said.jws, claims))
        if heard.jws != said.jws:
            return None  # every record carries the first signature: this one is on its own
        heard.add(said)
        return Place(claims.iss, claims.jti, said.row)
