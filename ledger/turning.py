"""Turning the epoch of a ledger: what was destroyed is then gone from every copy of its databases too.

Source: LEDGER.md 4 (the epoch turns on schedule; only then is a forgetting effective in copies).
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from ledger.application import Ledger
from ledger.domain.enrolment import LearnerEnrolled
from ledger.encoding.strict_json import parse
from ledger.forgetting import DESTROYED, progress
from ledger.ids import public_id
from ledger.mapper import unseal
from ledger.privacy.vault import Reference, Turn, VaultEnrolment
from ledger.statements import STATEMENT_MAX_BYTES


def turn(ledger: Ledger, *, only_if_destroyed: bool = False) -> Turn | None:
    """Turn the epoch; None where it would put nothing out of reach, and only for that it is asked for.

    Raises:
        Unavailable: the disk is full, or another process does not let go; the epoch is what it was.
    """
    owed = only_if_destroyed and _is_owed(ledger)
    if only_if_destroyed and not owed and not ledger.vault.destroyed_since_turn():
        return None
    covers = _covers(ledger)
    # The jobs key before the epoch: a copy of the vault holds the old jobs key under the old epoch only.
    ledger.outcomes.turn_key()
    return ledger.vault.turn(
        ledger.clock.now_us(),
        covers=covers,
        references=lambda places: references(ledger, places),
        only_if_destroyed=only_if_destroyed and not owed,
    )


def _covers(ledger: Ledger) -> int:
    """Return the position up to which everybody who is forgotten on record is destroyed here.

    Whoever another process is about to destroy, or a crash has left, is not covered by this turn: who
    asks for a turn does that first. Where a submission that mentions somebody is still being decided, or
    is yet to be looked for, a copy from after this turn holds it under keys that count: then nobody more
    is covered than before.
    """
    size = ledger.store.head().size
    undone = [
        one.forgotten_at - 1 for one in progress(ledger) if one.forgotten_at is not None and one.in_vault
    ]
    if _is_under_way(ledger):
        return max((one.covers for one in ledger.vault.turns()), default=0)
    return min(undone, default=size)


def _is_owed(ledger: Ledger) -> bool:
    """Whether somebody is destroyed here whom no turn has covered, and one would now."""
    if _is_under_way(ledger):
        return False
    return any(one.state == DESTROYED for one in progress(ledger))


def _is_under_way(ledger: Ledger) -> bool:
    """Whether something is still to be destroyed of somebody whose key is gone."""
    return ledger.jobs.waits_to_destroy() or ledger.vault.count_leaving() > 0


def references(ledger: Ledger, places: Sequence[VaultEnrolment]) -> dict[VaultEnrolment, Reference]:
    """Return by which reference each enrolment was posted; absent where none is recorded.

    For the look-ups of ledgers that were founded before the epoch could turn: their rows do not say it,
    and the statement that is sealed in the record does.
    """
    by_stream = {place.enrolment_id: place for place in places}
    keys = ledger.vault.keys({place.learner_id for place in places})
    found: dict[VaultEnrolment, Reference] = {}
    for stream, stored in ledger.store.select_streams(by_stream).items():
        place = by_stream[stream]
        key = keys.get(place.learner_id)
        if stored[0].topic == LearnerEnrolled.TOPIC and key is not None:
            event: Any = ledger.mapper.to_domain_event(stored[0])
            said = unseal(stored[0], key).said
            if said is not None and said.who is not None:
                provider: UUID = public_id("organisation", event.provider)
                found[place] = Reference(
                    provider, parse(said.who, size_max_bytes=STATEMENT_MAX_BYTES)["enrolment_ref"]
                )
    return found
