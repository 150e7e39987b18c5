"""How far each request came: asked for, approved, destroyed here, effective in copies.

The honest date is the last one. Until the epoch has turned, whoever holds an old copy of the vault and
of the epoch file can still open what was destroyed here.

Source: LEDGER.md 4.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from eventsourcing.persistence import StoredEvent

from ledger.application import Ledger
from ledger.domain.forgetting import APPROVED, REQUESTED, Forgetting, LearnerForgotten
from ledger.errors import Corrupt
from ledger.mapper import LedgerNotification, unseal
from ledger.privacy.sealing import SubjectKey
from ledger.privacy.vault import Turn
from ledger.store.about import standing_requests

DESTROYED, EFFECTIVE = "destroyed", "effective"
_AT_ONCE = 500  # requests that are read together


@dataclass(frozen=True, slots=True)
class Progress:
    """One request that stands.

    forgetting, learner: random ids. basis, authority: what was said of the reason.
    requested_by, approved_by: thumbprints of the keys. Instants are microseconds since 1970.
    forgotten_at: position of the record that says so; None while there is none, and when it was cleared
        with the learner's streams (`cleared`).
    in_vault: the learner's key or number is in the vault: nothing is destroyed yet, not all of it, or an
        old copy was put back.
    turn: the turn of the epoch since which it is effective in copies.
    """

    forgetting: UUID
    learner: UUID
    basis: str
    authority: str
    requested_by: str
    requested_at_us: int
    approved_by: str | None
    approved_at_us: int | None
    forgotten_at: int | None
    forgotten_at_us: int | None
    cleared: bool
    in_vault: bool
    turn: Turn | None

    @property
    def is_carried_out(self) -> bool:
        """Whether the ledger says that the learner is forgotten."""
        return self.forgotten_at is not None or (self.cleared and self.approved_by is not None)

    @property
    def state(self) -> str:
        """`requested`, `approved`, `destroyed` or `effective`; what is not done yet is `approved`."""
        if self.approved_by is None:
            return REQUESTED
        if not self.is_carried_out or self.in_vault:
            return APPROVED
        return EFFECTIVE if self.turn is not None or self.cleared else DESTROYED


def progress(ledger: Ledger) -> Iterator[Progress]:
    """Yield how far every request that stands came, oldest first; what was withdrawn stands no more."""
    turns = ledger.vault.turns()
    standing = standing_requests(ledger.store)
    for at in range(0, len(standing), _AT_ONCE):
        yield from _progress(ledger, standing[at : at + _AT_ONCE], turns)


def _progress(
    ledger: Ledger, standing: Sequence[tuple[UUID, UUID]], turns: Sequence[Turn]
) -> Iterator[Progress]:
    learners = [learner for learner, _ in standing]
    newest = ledger.store.newest_of_each(learners)
    in_vault = ledger.vault.holds(learners)
    ours = ledger.vault.keys([ledger.subject]).get(ledger.subject)
    streams = ledger.store.select_streams([stream for _, stream in standing])
    for learner, stream in standing:
        stored: list[Any] = streams[stream]
        forgetting = ledger.replay(stored)
        assert isinstance(forgetting, Forgetting), "nothing else takes that claim"
        hidden = _reason(stored[0], ours)
        last = _forgotten(newest.get(learner))
        approved = stored[-1].recorded_at_us if forgetting.state == APPROVED else None
        yield Progress(
            forgetting=stream,
            learner=learner,
            basis=hidden.get("basis", ""),
            authority=hidden.get("authority", ""),
            requested_by=forgetting.requested_by,
            requested_at_us=stored[0].recorded_at_us,
            approved_by=forgetting.approved_by,
            approved_at_us=approved,
            forgotten_at=None if last is None else last.id,
            forgotten_at_us=None if last is None else last.recorded_at_us,
            cleared=learner not in newest,
            in_vault=learner in in_vault,
            turn=next((one for one in turns if last is not None and one.covers >= last.id), None),
        )


def _reason(stored: StoredEvent, ours: SubjectKey | None) -> dict[str, str]:
    """Return basis and authority of a request; nothing where the vault has another key by now."""
    try:
        return {} if ours is None else unseal(stored, ours).fields
    except Corrupt:
        return {}


def _forgotten(newest: LedgerNotification | None) -> LedgerNotification | None:
    """Return the end of a learner's stream where it says that the learner is forgotten."""
    return newest if newest is not None and newest.topic == LearnerForgotten.TOPIC else None
