"""What a restore had to give up: records that were published and are not in the database any more."""

from ledger.domain.base import Created, LedgerAggregate, PublicEvent


class TailLost(Created, PublicEvent):
    """The content of private records at positions `first` to `last` is lost; their entries stay.

    The ledger records it when an operator restores an old copy and accepts the loss. The public
    records among those positions were read back from what was published.

    root: 32 bytes, of the tree with `last` leaves, as it was published.
    lost: how many records lost their content.

    Source: LEDGER.md 5 (`restore --accept-lost`).
    """

    TOPIC = "tail.lost"
    AUTHORITY = False  # no decision rests on it
    CONSEQUENCE = True
    OPEN = ("first", "last", "root", "lost")

    first: int
    last: int
    root: bytes
    lost: int

    def apply(self, aggregate: "Tail") -> None:
        """Set which positions they were."""
        aggregate.first, aggregate.last = self.first, self.last
        aggregate.root, aggregate.lost = self.root, self.lost


class Tail(LedgerAggregate):
    """One loss that was accepted. Stream: `tail|<first>|<last>`."""

    TOPIC = "tail"
    BEGINS = (TailLost,)

    first: int
    last: int
    root: bytes
    lost: int
