"""The destroying: first the record that says so, the key last, and everything else in between.

As long as the key or the number is there, somebody can tell that the work is not done, and whose it is:
so a crash between any two steps leaves the next start what it needs to begin again. Each step done twice
does nothing the second time.

    1 recorded    learner.forgotten and forgetting.counted, in one transaction
    2 bodies      what was received about the learner
    3 elsewhere   what the floors above keep: documents, exports
    4 keys        the row in the vault; a tombstone takes its place, and the number stays, sealed
    5 after       steps 2 and 3 once more, for what came in between
    6 numbers     the number: from here nobody can say any more whose it was

Source: LEDGER.md 4.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from ledger.application import Consequence, Ledger
from ledger.domain.award import MicrocredentialAwarded
from ledger.domain.forgetting import LEVEL_SEALED, ForgettingCounted, LearnerForgotten
from ledger.domain.learner import LearnerRegistered, is_forgotten
from ledger.errors import Stale, Unavailable
from ledger.forgetting.progress import Progress, progress
from ledger.ids import public_id
from ledger.mapper import unseal
from ledger.store.about import records_about

STEPS = ("recorded", "bodies", "elsewhere", "keys", "after", "numbers")
_TRIES = 6  # each after somebody recorded something about the learner in between


@dataclass(frozen=True, slots=True)
class Remains:
    """What others may keep of a learner who is forgotten.

    learner: random id. credentials: ids of the credentials of the learner's awards.
    """

    learner: UUID
    credentials: frozenset[UUID] = frozenset()


class Redone(NamedTuple):
    """What there was to do: forgettings that were carried out, keys that were there again, and the WAL.

    wal_empty: False where a reader did not let go of what was destroyed: whoever serves empties it each hour.
    """

    carried_out: int = 0
    again: int = 0
    wal_empty: bool = True


# Destroys what a floor above keeps of learners; durable when it returns, and nothing when done twice.
# False where a reader did not let go, so that a WAL still holds it.
Elsewhere = Callable[[Sequence[Remains]], bool]


def _no_step(_name: str) -> None:
    """Nothing stops here."""


def redo(ledger: Ledger, elsewhere: Elsewhere, *, at_step: Callable[[str], None] = _no_step) -> Redone:
    """Carry out what is approved and destroy again whatever the ledger says is forgotten.

    Args:
        ledger: open.
        elsewhere: see `Elsewhere`.
        at_step: called with the name of each of STEPS when it is durable, for crash tests.

    Raises:
        Unavailable: clock, disk, or writing has stopped; what is not done yet is done when asked again.
    """
    due: list[Progress] = []
    again: list[UUID] = []  # also who is leaving by a request that was lost with the ledger's tail
    for one in progress(ledger):
        if one.approved_by is not None and not one.is_carried_out:
            due.append(one)
        elif one.approved_by is not None and one.in_vault:
            again.append(one.learner)
    known = {*again, *(one.learner for one in due)}
    again += (learner for learner in ledger.vault.leaving() if learner not in known)
    if not due and not again:
        return Redone()
    # What is on record already is destroyed first: nothing that stops writing stops this.
    empty = not again or _destroy(ledger, again, elsewhere, at_step)
    for one in due:
        _record(ledger, one)
    if due:
        at_step("recorded")
        empty = _destroy(ledger, [one.learner for one in due], elsewhere, at_step) and empty
    return Redone(len(due), len(again), empty)


def _record(ledger: Ledger, one: Progress) -> None:
    """Record that a learner is forgotten, and that one more was; done already, it does nothing."""
    for _ in range(_TRIES):
        as_of = ledger.store.head().size
        held = ledger.get_many([one.learner]).get(one.learner)
        if held is None or is_forgotten(held):
            return  # another process was first
        records = sum(1 for _ in records_about(ledger.store, one.learner, as_of))
        forgotten = {"forgetting": one.forgetting, "subject": ledger.subject}
        counted = {"level": LEVEL_SEALED, "learners": 1, "records": records}
        consequences = [
            Consequence(one.learner, LearnerForgotten, forgotten, follows=held.version),
            Consequence(public_id("forgetting", LEVEL_SEALED), ForgettingCounted, counted),
        ]
        try:
            ledger.note(consequences, as_of=as_of)
        except Stale:
            continue
        return
    raise Unavailable("too many writers at once: try again in a moment", code="busy")


def _destroy(
    ledger: Ledger, learners: Sequence[UUID], elsewhere: Elsewhere, at_step: Callable[[str], None]
) -> bool:
    """Destroy all there is of learners who are forgotten on record; return whether no WAL holds it."""
    nsns, remains = _numbers(ledger, learners), [_remains(ledger, learner) for learner in learners]
    bodies = ledger.outcomes.destroy_about(nsns)
    at_step("bodies")
    above = elsewhere(remains)
    at_step("elsewhere")
    forgotten = ledger.vault.forget(learners)
    # From here nobody can open any more what was sealed for them, and nothing new is.
    at_step("keys")
    later = ledger.outcomes.destroy_about(nsns)
    above = elsewhere(remains) and above
    at_step("after")
    # A damaged number was not looked for: it stays, and an audit says so.
    let_go = ledger.vault.let_go(ledger.vault.leaving().keys() & set(learners))
    at_step("numbers")
    return above and bodies.wal_empty and forgotten.wal_empty and later.wal_empty and let_go


def _numbers(ledger: Ledger, learners: Iterable[UUID]) -> list[str]:
    """Return the NSNs of these learners: sealed in the registration, and after their key in the vault."""
    wanted = list(learners)
    keys = ledger.vault.keys(wanted)
    leaving = ledger.vault.leaving()
    found = [leaving[learner] for learner in wanted if learner in leaving]
    for learner, stored in ledger.store.select_streams(keys).items():
        if stored[0].topic == LearnerRegistered.TOPIC:
            found.append(str(unseal(stored[0], keys[learner]).fields["nsn"]))
    return found


def _remains(ledger: Ledger, learner: UUID) -> Remains:
    upto = ledger.store.head().size
    awarded = (
        ledger.mapper.to_domain_event(record)
        for record in records_about(ledger.store, learner, upto)
        if record.topic == MicrocredentialAwarded.TOPIC
    )
    return Remains(learner, frozenset(event.credential_id for event in awarded))
