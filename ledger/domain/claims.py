"""Values that may be held once: who holds what is derived from events, and uniqueness rests on it.

Kinds: `number` (an organisation's number or body code), `award` (one in force for each learner and
code), `slot` (a place in a status list), `row` (a posted row, by its learner's keyed digest),
`forgetting` (the request that stands for a learner).

Source: LEDGER.md 6 (`taken`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from ledger.domain.award import AwardRevoked, MicrocredentialAwarded
from ledger.domain.base import LedgerEvent, PrivateEvent
from ledger.domain.disposal import StreamsDisposed
from ledger.domain.forgetting import LEVEL_SEALED, ForgettingRequested, ForgettingWithdrawn
from ledger.domain.organisation import OrganisationRegistered

NUMBER, AWARD, SLOT, ROW, FORGETTING = "number", "award", "slot", "row", "forgetting"


@dataclass(frozen=True, slots=True)
class Claim:
    """A value that may be held once."""

    kind: str
    key: bytes


def number_claims(number: int | None, body: str | None) -> tuple[Claim, ...]:
    """Return the claims to an organisation's number and body code."""
    return tuple(Claim(NUMBER, str(label).encode()) for label in (number, body) if label is not None)


def award_claim(learner: UUID, code: str) -> Claim:
    """Return the claim to the one award in force for a learner and a code."""
    return Claim(AWARD, learner.bytes + code.encode())


def slot_prefix(number: int, status_list: int) -> bytes:
    """Return what the keys of all places in one status list begin with."""
    return number.to_bytes(4, "big") + status_list.to_bytes(4, "big")


def slot_claim(number: int, status_list: int, index: int) -> Claim:
    """Return the claim to a place in a provider's status list: never given out again."""
    return Claim(SLOT, slot_prefix(number, status_list) + index.to_bytes(4, "big"))


def forgetting_claim(learner: UUID) -> Claim:
    """Return the claim to the one request to forget a learner that stands."""
    return Claim(FORGETTING, learner.bytes)


def forgetting_claims(learner: UUID, level: int) -> tuple[Claim, ...]:
    """Return what a request of a level claims: of those to clear streams any number may stand."""
    return (forgetting_claim(learner),) if level == LEVEL_SEALED else ()


def claims_of(
    event: LedgerEvent, code_of: Callable[[UUID], str]
) -> tuple[tuple[Claim, ...], tuple[Claim, ...]]:
    """Return what a recorded event takes and frees.

    Args:
        event: from the store.
        code_of: the code of the award whose stream that is.
    """
    takes: tuple[Claim, ...] = ()
    frees: tuple[Claim, ...] = ()
    if isinstance(event, OrganisationRegistered):
        takes = number_claims(event.number, event.body)
    elif isinstance(event, MicrocredentialAwarded):
        slot = slot_claim(event.awarded_by, event.status_list, event.status_index)
        takes = (award_claim(event.subject, event.code), slot)
    elif isinstance(event, AwardRevoked):
        frees = (award_claim(event.subject, code_of(event.originator_id)),)
    elif isinstance(event, StreamsDisposed):
        # The record of a disposal holds in their place what awards that were cleared held for ever.
        takes = tuple(slot_claim(*slot[:3]) for slot in event.slots)
    elif isinstance(event, ForgettingRequested):
        takes = forgetting_claims(event.learner, event.level)
    elif isinstance(event, ForgettingWithdrawn):
        frees = forgetting_claims(event.learner, event.level)
    if isinstance(event, PrivateEvent) and event.row_key is not None:
        takes = (*takes, Claim(ROW, event.row_key))
    return takes, frees
