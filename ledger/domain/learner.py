"""A learner, known by a random id; everything personal is sealed."""

from datetime import date, datetime
from typing import Self
from uuid import UUID

from ledger.domain.base import Created, LedgerAggregate, PrivateEvent


class LearnerRegistered(Created, PrivateEvent):
    """A person is known here. `subject` is the stream itself; nothing of this event is open."""

    TOPIC = "learner.registered"
    SEALED = ("nsn", "family", "given", "whole", "date_of_birth")

    nsn: str
    family: str | None
    given: str | None
    whole: str | None
    date_of_birth: date

    def apply(self, aggregate: "Learner") -> None:
        """Nothing is kept of the person: an event that comes from the store stays sealed."""
        aggregate.forgotten_by = None


class Learner(LedgerAggregate):
    """A learner. Stream: a random id, never an NSN."""

    TOPIC = "learner"
    BEGINS = (LearnerRegistered,)

    @classmethod
    def without_beginning(cls, learner: UUID, version: int, timestamp: datetime) -> Self:
        """Return a learner of whom a disposal has cleared the first `version` records: nothing was open."""
        made = cls.__new__(cls)
        made.__base_init__(learner, version, timestamp)
        made.forgotten_by = None
        return made

    forgotten_by: UUID | None  # the forgetting that was carried out; its events are in `forgetting`


def is_forgotten(aggregate: object) -> bool:
    """Return whether that is a learner who was forgotten."""
    return isinstance(aggregate, Learner) and aggregate.forgotten_by is not None
