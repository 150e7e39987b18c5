"""Forgetting a learner: two people ask for it, the ledger says that it did it, the public sees a count.

Request and approval are sealed under the ledger's own key, which outlives the learner, so they name
the learner by the random id and by nothing else.

Source: LEDGER.md 4.
"""

from typing import Any
from uuid import UUID

from ledger.domain.base import LEDGER, Created, LedgerAggregate, PrivateEvent, PublicEvent
from ledger.domain.learner import Learner

LEVEL_SEALED, LEVEL_STREAMS = 1, 2  # what is sealed is gone; whole streams are gone
REQUESTED, APPROVED, WITHDRAWN = "requested", "approved", "withdrawn"


class ForgettingRequested(Created, PrivateEvent):
    """Somebody asked that a learner be forgotten; nothing is destroyed before somebody else approves.

    learner: random id. level: how much of it, `LEVEL_SEALED` or `LEVEL_STREAMS`. kid: the key that said it.
    basis: the law that asks for it, one of `framework.FORGETTING_BASES`.
    authority: the disposal authority's reference, as prose.
    """

    TOPIC = "forgetting.requested"
    SUBJECT = LEDGER
    OPEN = ("learner", "level", "kid")
    SEALED = ("basis", "authority")

    learner: UUID
    level: int
    kid: str
    basis: str
    authority: str

    def apply(self, aggregate: "Forgetting") -> None:
        """Set who is to be forgotten, and by which key that was said."""
        aggregate.learner, aggregate.level = self.learner, self.level
        aggregate.requested_by, aggregate.approved_by = self.kid, None
        aggregate.state = REQUESTED


class ForgettingApproved(PrivateEvent):
    """A second person approved it: from here the ledger forgets the learner.

    kid: the key that said it, never the one that requested.
    """

    TOPIC = "forgetting.approved"
    SUBJECT = LEDGER
    OPEN = ("kid",)

    kid: str

    def apply(self, aggregate: "Forgetting") -> None:
        """Mark it as approved."""
        aggregate.state, aggregate.approved_by = APPROVED, self.kid


class ForgettingWithdrawn(PrivateEvent):
    """The request is taken back before anybody approved it; nothing was destroyed.

    learner, level: of the request, so that another one may be made. kid: the key that said it.
    """

    TOPIC = "forgetting.withdrawn"
    SUBJECT = LEDGER
    OPEN = ("learner", "level", "kid")

    learner: UUID
    level: int
    kid: str

    def apply(self, aggregate: "Forgetting") -> None:
        """Mark it as withdrawn."""
        aggregate.state = WITHDRAWN


class Forgetting(LedgerAggregate):
    """One request with what became of it. Stream: a random id."""

    TOPIC = "forgetting"
    BEGINS = (ForgettingRequested,)

    learner: UUID
    level: int
    requested_by: str
    approved_by: str | None
    state: str


class LearnerForgotten(PrivateEvent):
    """The learner is forgotten: stands at the end of the learner's own stream.

    Whatever was being decided about the learner is stale from here. The ledger records it, then it
    destroys; whoever reads this record later destroys again.

    forgetting: the request that was approved.
    """

    TOPIC = "learner.forgotten"
    SUBJECT = LEDGER
    CONSEQUENCE = True
    OPEN = ("forgetting",)

    forgetting: UUID

    def mutate(self, aggregate: Any) -> Any:
        """Go on with the stream; where a disposal has cleared what was before, this is all there is of it."""
        begun = Learner.without_beginning(self.originator_id, self.originator_version - 1, self.timestamp)
        return super().mutate(begun if aggregate is None else aggregate)

    def apply(self, aggregate: Learner) -> None:
        """Mark the learner as forgotten."""
        aggregate.forgotten_by = self.forgetting


class ForgettingCounted(Created, PublicEvent):
    """How many learners were forgotten, and how many records about them there were: nobody is named.

    level: `LEVEL_SEALED` or `LEVEL_STREAMS`. learners: how many.
    records: about them, among the first `as_of` of the ledger.

    Source: LEDGER.md 3 (public facts), 4.
    """

    TOPIC = "forgetting.counted"
    AUTHORITY = False  # no decision rests on it
    CONSEQUENCE = True
    OPEN = ("level", "learners", "records")

    level: int
    learners: int
    records: int

    def mutate(self, aggregate: Any) -> Any:
        """Begin the stream, or go on with it."""
        return super().mutate(None) if aggregate is None else PublicEvent.mutate(self, aggregate)

    def apply(self, aggregate: "ForgettingCount") -> None:
        """Add to the count."""
        first = self.originator_version == aggregate.INITIAL_VERSION
        aggregate.level = self.level
        aggregate.learners = self.learners + (0 if first else aggregate.learners)
        aggregate.records = self.records + (0 if first else aggregate.records)


class ForgettingCount(LedgerAggregate):
    """All forgettings of one level. Stream: `forgetting|<level>`."""

    TOPIC = "forgetting_count"
    BEGINS = (ForgettingCounted,)

    level: int
    learners: int
    records: int
