"""What the public log knows of reads of records: for each day how many there were, and their root."""

from datetime import date

from ledger.domain.base import Created, LedgerAggregate, PublicEvent


class AccessDayClosed(Created, PublicEvent):
    """No row is added to the access log of a day any more: what it held is fixed from here.

    The ledger records it when the day is over; nobody makes a statement. A day without rows has no record.

    day: in Pacific/Auckland. rows: how many, at least one.
    root: 32 bytes, of the tree (RFC 6962) over the rows' leaves, in the order in which they were written.

    Source: LEDGER.md 5 (its daily root is a record).
    """

    TOPIC = "access.day_closed"
    AUTHORITY = False  # no decision rests on it
    CONSEQUENCE = True
    OPEN = ("day", "rows", "root")

    day: date
    rows: int
    root: bytes

    def apply(self, aggregate: "AccessDay") -> None:
        """Set what the day held."""
        aggregate.day, aggregate.rows, aggregate.root = self.day, self.rows, self.root


class AccessDay(LedgerAggregate):
    """One day of the access log. Stream: `access|<day>`."""

    TOPIC = "access_day"
    BEGINS = (AccessDayClosed,)

    day: date
    rows: int
    root: bytes
