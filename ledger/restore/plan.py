"""What a restore would put back, and what would be lost."""

from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from ledger.restore.statuses import LostRevocations
from ledger.store.jobs import PlacedRow


@dataclass(frozen=True, slots=True)
class LostReceipt:
    """A row that somebody was told is recorded at a position, and whose content is lost.

    `row` counts from 1, as receipts do. One that was not `published` has no entry in the log either:
    another record will stand at its position.
    """

    organisation: UUID
    submission: UUID
    row: int
    position: int
    published: bool

    @classmethod
    def of(cls, row: PlacedRow, published: int) -> Self:
        """Return the receipt of a row that was told a position in a log of which so much was published."""
        return cls(row.iss, row.jti, row.row + 1, row.position, published=row.position <= published)

    def as_json(self) -> dict[str, Any]:
        """Return it as commands print it and the file of lost receipts keeps it: ids and numbers."""
        return {
            "organisation": str(self.organisation),
            "submission": str(self.submission),
            "row": self.row,
            "position": self.position,
            "published": self.published,
        }


@dataclass(frozen=True, slots=True)
class RestorePlan:
    """What a restore would do; with nothing `missing` there is nothing to do.

    stored, published: how many records the database holds, and the log at the anchor's place.
    root: 32 bytes, of the published log.
    public: how many of the missing records are put back whole.
    lost: how many lose their content for ever.
    receipts: what was acknowledged and is lost, as far as `jobs` still knows it.
    revocations: status lists whose published bits cannot be made any more.
    """

    stored: int
    published: int
    root: bytes
    public: int = 0
    lost: int = 0
    receipts: tuple[LostReceipt, ...] = ()
    revocations: tuple[LostRevocations, ...] = ()

    @property
    def missing(self) -> int:
        """How many records were published and are not in the database."""
        return max(0, self.published - self.stored)

    def as_json(self) -> dict[str, Any]:
        """Return the plan as one JSON object: positions, numbers, ids."""
        return {
            "stored": self.stored,
            "published": self.published,
            "root": self.root.hex(),
            "first": self.stored + 1 if self.missing else None,
            "last": self.published if self.missing else None,
            "public": self.public,
            "lost": self.lost,
            "receipts": [one.as_json() for one in self.receipts],
            "status_lists": [one.as_json() for one in self.revocations],
        }


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did.

    plan: what it was.
    size: how many records there are now.
    told_at: position of `tail.lost`, None when nothing was missing.
    receipts: as in the file of lost receipts, those of this loss: an interrupted restore may have
        listed them before.
    """

    plan: RestorePlan
    size: int
    told_at: int | None
    receipts: tuple[dict[str, Any], ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return it as one JSON object."""
        return {
            **self.plan.as_json(),
            "size": self.size,
            "told_at": self.told_at,
            "receipts": list(self.receipts),
        }
