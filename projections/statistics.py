"""Statistics: how often something was recorded, with no person in it, and what of that is for everybody.

Exact numbers are the operator's. What anybody may see is rounded, small numbers are left out, and
where one number alone is left out of a total another goes with it, so that neither can be worked out.

Source: docs/decisions/0018 (what is for everybody).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ledger.domain.award import AwardRevoked, MicrocredentialAwarded
from ledger.domain.base import PrivateEvent
from ledger.domain.disposal import StreamsDisposed
from ledger.domain.enrolment import AssessmentNotAchieved, AssessmentPassed, LearnerEnrolled
from ledger.domain.learner import LearnerRegistered
from ledger.domain.statistics import Count, counts_of
from projections.base import Handlers, Updates, View, ViewProjection, Writes

ROUNDED_TO = 5
SUPPRESSED_BELOW = 6


class StatisticsView(View):
    """Counts by what, provider, micro-credential, year and grade."""

    NAME = "statistics"
    VERSION = 1
    # `award` says which counts a revocation belongs to. Columns of `total` in the order of `Count`.
    SCHEMA = """
    CREATE TABLE {award} (
      award BLOB PRIMARY KEY, provider INTEGER NOT NULL, code TEXT NOT NULL, version INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE {total} (
      what TEXT NOT NULL, provider INTEGER NOT NULL, code TEXT NOT NULL, version INTEGER NOT NULL,
      year INTEGER NOT NULL, grade TEXT NOT NULL, number INTEGER NOT NULL,
      PRIMARY KEY (what, provider, code, version, year, grade)
    ) STRICT, WITHOUT ROWID;
    """

    def counts(self) -> tuple[Count, ...]:
        """Return every count, ascending."""
        with self.reading() as rows:
            return tuple(
                Count(*row)
                for row in rows.all(
                    "SELECT * FROM {total} ORDER BY what, provider, code, version, year, grade"
                )
            )


# ------------------------------------------------------------------ what is for everybody


@dataclass(frozen=True, slots=True)
class Released:
    """A number as everybody may see it: rounded, or None where it is left out."""

    what: str
    year: int
    number: int | None
    provider: int | None = None
    code: str | None = None
    version: int | None = None
    grade: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as one JSON object; what does not apply is absent, what is left out is null."""
        of = {"provider": self.provider, "code": self.code, "version": self.version, "grade": self.grade}
        said = {name: value for name, value in of.items() if value is not None}
        return {"what": self.what, "year": self.year, **said, "number": self.number}


@dataclass(frozen=True, slots=True)
class Release:
    """Totals by what and year, and the numbers that they are made of."""

    totals: tuple[Released, ...]
    parts: tuple[Released, ...]


def released(counts: Iterable[Count]) -> Release:
    """Return what everybody may see of these counts, which are all there are."""
    years: dict[tuple[str, int], list[Count]] = defaultdict(list)
    for count in counts:
        years[count.what, count.year].append(count)
    totals, parts = [], []
    for (what, year), members in sorted(years.items()):
        shown = _shown(members)
        totals.append(Released(what, year, _rounded(sum(one.number for one in members))))
        if all(one.provider == 0 for one in members):
            continue  # a total that is made of nothing smaller
        for count in members:
            number = _rounded(count.number) if count in shown else None
            of = count.provider, count.code, count.version, count.grade or None
            parts.append(Released(what, year, number, *of))
    return Release(tuple(totals), tuple(parts))


def _shown(members: Sequence[Count]) -> set[Count]:
    """Return which parts of a total can be shown: none that is small, and never all but one."""
    shown = {one for one in members if one.number >= SUPPRESSED_BELOW}
    if len(members) - len(shown) == 1 and shown:
        shown.remove(min(shown, key=lambda one: (one.number, one)))
    return shown


def _rounded(number: int) -> int | None:
    if number < SUPPRESSED_BELOW:
        return None
    return (2 * number + ROUNDED_TO) // (2 * ROUNDED_TO) * ROUNDED_TO


# ------------------------------------------------------------------ folding


def _counted(writes: Writes, _position: int, event: PrivateEvent) -> None:
    for count in counts_of(event):
        writes.update("count", *count)


def _awarded(writes: Writes, position: int, event: MicrocredentialAwarded) -> None:
    writes.insert("award", event.originator_id, event.awarded_by, event.code, event.version)
    _counted(writes, position, event)


def _revoked(writes: Writes, _position: int, event: AwardRevoked) -> None:
    writes.update("revocation", event.originator_id, event.effective_on.year)


def _disposed(writes: Writes, _position: int, event: StreamsDisposed) -> None:
    """Count on what was cleared, as it was frozen."""
    for count in event.frozen_counts():
        writes.update("count", *count)


class StatisticsProjection(ViewProjection):
    """Folds what is recorded about learners into numbers."""

    VIEW = StatisticsView
    HANDLERS: ClassVar[Handlers] = {
        LearnerRegistered: _counted,
        LearnerEnrolled: _counted,
        AssessmentPassed: _counted,
        AssessmentNotAchieved: _counted,
        MicrocredentialAwarded: _awarded,
        AwardRevoked: _revoked,
        StreamsDisposed: _disposed,
    }
    UPDATES: ClassVar[Updates] = {
        "count": """
          INSERT INTO {total} VALUES (?,?,?,?,?,?,?)
          ON CONFLICT DO UPDATE SET number = number + excluded.number
        """,
        "revocation": """
          INSERT INTO {total} SELECT 'revocations', provider, code, version, ?2, '', 1 FROM {award}
          WHERE award = ?1 ON CONFLICT DO UPDATE SET number = number + excluded.number
        """,
    }
