"""The tables behind a Record of Achievement: awards, enrolments and results by learner, nothing sealed.

Source: DOMAIN.md 6.3.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import ClassVar
from uuid import UUID

from ledger.domain.award import IN_FORCE, REVOKED, AwardRevoked, MicrocredentialAwarded
from ledger.domain.enrolment import AssessmentNotAchieved, AssessmentPassed, LearnerEnrolled
from ledger.domain.learner import LearnerRegistered
from ledger.policy.framework import GRADE_ORDER, NOT_ACHIEVED
from projections.base import Handlers, Row, Rows, View, ViewProjection, Writes, loaded


@dataclass(frozen=True, slots=True)
class Attempt:
    """One result on one outcome; attempts count from 1.

    position, recorded_at_us, ruleset_id: when it was posted, and by which rules it was let in.
    """

    enrolment_id: UUID
    position: int
    outcome: str
    attempt: int
    grade: str
    method: str
    assessed_on: date
    language: str
    recorded_at_us: int
    ruleset_id: str


@dataclass(frozen=True, slots=True)
class Revocation:
    """Where it is recorded, from which day an award counts no longer, why, and who said so.

    reason: one of `framework.REVOCATION_REASONS`.
    """

    award_id: UUID
    position: int
    effective_on: date
    reason: str
    revoked_by: int


@dataclass(frozen=True, slots=True)
class HeldAward:
    """An award as recorded; `results` are (outcome, grade, method), those that counted, in listed order."""

    award_id: UUID
    learner_id: UUID
    enrolment_id: UUID
    position: int
    code: str
    version: int
    level: int
    credits: int
    completed_on: date
    conferred_on: date
    awarded_by: int
    basis: str
    language: str
    funding: str
    results: tuple[tuple[str, str, str], ...]
    status_list: int
    status_index: int
    credential_id: UUID
    recorded_at_us: int
    ruleset_id: str
    revocation: Revocation | None = None

    @property
    def state(self) -> str:
        """`in_force` or `revoked`."""
        return IN_FORCE if self.revocation is None else REVOKED

    @property
    def state_since(self) -> date:
        """The day it was conferred; of one that was revoked, the first day on which it counts no longer."""
        return self.conferred_on if self.revocation is None else self.revocation.effective_on

    @property
    def newest(self) -> int:
        """Position of the newest record about it."""
        return self.position if self.revocation is None else self.revocation.position


@dataclass(frozen=True, slots=True)
class HeldEnrolment:
    """An enrolment with every result on it, in the order of recording."""

    enrolment_id: UUID
    learner_id: UUID
    position: int
    provider: int
    code: str
    version: int
    start_on: date
    planned_end_on: date | None
    mode: str
    language: str
    funding: str
    attempts: tuple[Attempt, ...] = ()

    def attempts_at(self, outcome: str) -> tuple[Attempt, ...]:
        """Return the attempts at one outcome, in the order of recording."""
        return tuple(one for one in self.attempts if one.outcome == outcome)

    def best(self, outcome: str) -> Attempt | None:
        """Return the result that counts: highest grade, earliest of equals; None when none was achieved.

        Source: DOMAIN.md 5.8, best result counts.
        """
        achieved = [one for one in self.attempts_at(outcome) if one.grade != NOT_ACHIEVED]
        return min(achieved, key=lambda one: (-GRADE_ORDER[one.grade], one.assessed_on), default=None)


@dataclass(frozen=True, slots=True)
class HeldRecord:
    """Everything recorded about one learner; awards in force first, each kind newest first."""

    learner_id: UUID
    registered_at: int  # position of the record that holds name and NSN, sealed
    awards: tuple[HeldAward, ...]
    enrolments: tuple[HeldEnrolment, ...]

    @property
    def newest(self) -> int:
        """Position of the newest record about this learner."""
        enrolled = (enrolment.position for enrolment in self.enrolments)
        assessed = (one.position for enrolment in self.enrolments for one in enrolment.attempts)
        awarded = (award.newest for award in self.awards)
        return max((self.registered_at, *enrolled, *assessed, *awarded))

    @property
    def in_progress(self) -> tuple[HeldEnrolment, ...]:
        """The enrolments that have led to no award, newest first."""
        awarded = {award.enrolment_id for award in self.awards}
        return tuple(one for one in self.enrolments if one.enrolment_id not in awarded)

    def enrolment(self, enrolment_id: UUID) -> HeldEnrolment | None:
        """Return the enrolment with that id, None when this learner has none such."""
        return next((one for one in self.enrolments if one.enrolment_id == enrolment_id), None)


class RecordOfAchievementView(View):
    """Awards, enrolments and results by learner."""

    NAME = "record_of_achievement"
    VERSION = 1
    # Columns in the order of the fields of HeldEnrolment, Attempt, HeldAward and Revocation.
    SCHEMA = """
    CREATE TABLE {learner} (learner BLOB PRIMARY KEY, position INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE {enrolment} (
      enrolment BLOB PRIMARY KEY, learner BLOB NOT NULL, position INTEGER NOT NULL,
      provider INTEGER NOT NULL, code TEXT NOT NULL, version INTEGER NOT NULL, start_on TEXT NOT NULL,
      planned_end_on TEXT, mode TEXT NOT NULL, language TEXT NOT NULL, funding TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX {enrolment}_learner ON {enrolment} (learner);
    CREATE TABLE {result} (
      enrolment BLOB NOT NULL, position INTEGER NOT NULL, outcome TEXT NOT NULL, attempt INTEGER NOT NULL,
      grade TEXT NOT NULL, method TEXT NOT NULL, assessed_on TEXT NOT NULL, language TEXT NOT NULL,
      recorded_at_us INTEGER NOT NULL, ruleset TEXT NOT NULL, PRIMARY KEY (enrolment, position)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE {award} (
      award BLOB PRIMARY KEY, learner BLOB NOT NULL, enrolment BLOB NOT NULL, position INTEGER NOT NULL,
      code TEXT NOT NULL, version INTEGER NOT NULL, level INTEGER NOT NULL, credits INTEGER NOT NULL,
      completed_on TEXT NOT NULL, conferred_on TEXT NOT NULL, awarded_by INTEGER NOT NULL,
      basis TEXT NOT NULL, language TEXT NOT NULL, funding TEXT NOT NULL, results TEXT NOT NULL,
      status_list INTEGER NOT NULL, status_index INTEGER NOT NULL, credential_id BLOB NOT NULL,
      recorded_at_us INTEGER NOT NULL, ruleset TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX {award}_learner ON {award} (learner);
    CREATE UNIQUE INDEX {award}_credential ON {award} (credential_id);
    CREATE TABLE {revocation} (
      award BLOB PRIMARY KEY, position INTEGER NOT NULL, effective_on TEXT NOT NULL, reason TEXT NOT NULL,
      revoked_by INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    """

    def held(self, learner_id: UUID) -> HeldRecord | None:
        """Return everything recorded about a learner, None when the learner is not known here."""
        key = (learner_id.bytes,)
        with self.reading() as rows:
            found = rows.one("SELECT position FROM {learner} WHERE learner = ?", key)
            if found is None:
                return None
            return HeldRecord(learner_id, found[0], _awards(rows, key), _enrolments(rows, key))

    def award(self, award_id: UUID) -> HeldAward | None:
        """Return the award with that id."""
        return self._award(_AWARDS + "WHERE a.award = ?", award_id)

    def award_of_credential(self, credential_id: UUID) -> HeldAward | None:
        """Return the award that the verifiable credential with that id is about."""
        return self._award(_AWARDS + "WHERE a.credential_id = ?", credential_id)

    def _award(self, query: str, name: UUID) -> HeldAward | None:
        with self.reading() as rows:
            row = rows.one(query, (name.bytes,))
        return None if row is None else _held_award(row)

    def awards_in_force(self) -> int:
        """Return how many awards are in force."""
        with self.reading() as rows:
            return rows.count(
                "SELECT COUNT(*) FROM {award} WHERE award NOT IN (SELECT award FROM {revocation})"
            )

    def learners(self) -> int:
        """Return how many learners are known here."""
        with self.reading() as rows:
            return rows.count("SELECT COUNT(*) FROM {learner}")

    def learner_with_most_awards(self) -> tuple[UUID, UUID] | None:
        """Return the learner with the most awards in force, and the newest of them; None without awards."""
        with self.reading() as rows:
            learner = rows.one(
                "SELECT learner FROM {award} WHERE award NOT IN (SELECT award FROM {revocation})"
                " GROUP BY learner ORDER BY COUNT(*) DESC, MIN(position) LIMIT 1"
            )
            if learner is None:
                return None
            return UUID(bytes=learner[0]), _awards(rows, learner)[0].award_id

    def examples(self, number: int) -> list[tuple[UUID, str]]:
        """Return learners whose records differ, each with what there is to be seen; for demonstrations.

        One learner for each kind of record in turn, then a second one, so that few show much.
        """
        with self.reading() as rows:
            kinds = {story: rows.all(query, (number,)) for story, query in _STORIES.items()}
        told: dict[UUID, str] = {}
        for turn in range(number):
            for story, learners in kinds.items():
                if turn < len(learners):
                    told.setdefault(UUID(bytes=learners[turn][0]), story)
        return list(told.items())[:number]


# What a record shows: a query for the learners of whom that is true.
_STORIES = {
    "several awards": """
      SELECT learner FROM {award} WHERE award NOT IN (SELECT award FROM {revocation})
      GROUP BY learner HAVING COUNT(*) > 1 ORDER BY COUNT(*) DESC, MIN(position) LIMIT ?
    """,
    "an award that was revoked": """
      SELECT learner FROM {award} WHERE award IN (SELECT award FROM {revocation})
      GROUP BY learner ORDER BY MIN(position) LIMIT ?
    """,
    "an outcome to try again": """
      SELECT learner FROM {result} JOIN {enrolment} USING (enrolment)
      WHERE enrolment NOT IN (SELECT enrolment FROM {award})
      GROUP BY enrolment, outcome HAVING MIN(grade = 'N') = 1 ORDER BY enrolment LIMIT ?
    """,
    "an award, and more in progress": """
      SELECT learner FROM {enrolment}
      WHERE enrolment NOT IN (SELECT enrolment FROM {award})
      AND learner IN (SELECT learner FROM {award} WHERE award NOT IN (SELECT award FROM {revocation}))
      GROUP BY learner ORDER BY MIN(position) LIMIT ?
    """,
    "one award": """
      SELECT learner FROM {award} WHERE award NOT IN (SELECT award FROM {revocation})
      GROUP BY learner HAVING COUNT(*) = 1 ORDER BY MIN(position) LIMIT ?
    """,
    "no award yet": """
      SELECT learner FROM {enrolment} WHERE learner NOT IN (SELECT learner FROM {award})
      GROUP BY learner ORDER BY MIN(position) LIMIT ?
    """,
}
_AWARDS = "SELECT a.*, r.* FROM {award} a LEFT JOIN {revocation} r USING (award) "
_AWARD_COLUMNS = len(fields(HeldAward)) - 1


def _awards(rows: Rows, learner: Row) -> tuple[HeldAward, ...]:
    query = _AWARDS + "WHERE learner = ? ORDER BY r.award IS NOT NULL, conferred_on DESC, a.position DESC"
    return tuple(map(_held_award, rows.all(query, learner)))


def _held_award(row: Row) -> HeldAward:
    award, revocation = loaded(HeldAward, row[:_AWARD_COLUMNS]), row[_AWARD_COLUMNS:]
    return award if revocation[0] is None else replace(award, revocation=loaded(Revocation, revocation))


def _enrolments(rows: Rows, learner: Row) -> tuple[HeldEnrolment, ...]:
    found = rows.all(
        "SELECT * FROM {enrolment} WHERE learner = ? ORDER BY start_on DESC, position DESC", learner
    )
    attempts: dict[UUID, tuple[Attempt, ...]] = {}
    for row in rows.all(
        "SELECT * FROM {result} WHERE enrolment IN (SELECT enrolment FROM {enrolment} WHERE learner = ?)"
        " ORDER BY position",
        learner,
    ):
        attempt = loaded(Attempt, row)
        attempts[attempt.enrolment_id] = (*attempts.get(attempt.enrolment_id, ()), attempt)
    return tuple(_with_attempts(loaded(HeldEnrolment, row), attempts) for row in found)


def _with_attempts(enrolment: HeldEnrolment, attempts: Mapping[UUID, tuple[Attempt, ...]]) -> HeldEnrolment:
    return replace(enrolment, attempts=attempts.get(enrolment.enrolment_id, ()))


# ------------------------------------------------------------------ folding


def _registered(writes: Writes, position: int, event: LearnerRegistered) -> None:
    writes.insert("learner", event.originator_id, position)


def _enrolled(writes: Writes, position: int, event: LearnerEnrolled) -> None:
    writes.insert(
        "enrolment",
        event.originator_id,
        event.subject,
        position,
        event.provider,
        event.code,
        event.version,
        event.start_on,
        event.planned_end_on,
        event.mode,
        event.language,
        event.funding,
    )


def _assessed(writes: Writes, position: int, event: AssessmentPassed | AssessmentNotAchieved) -> None:
    writes.insert(
        "result",
        event.originator_id,
        position,
        event.outcome,
        event.attempt,
        event.grade,
        event.method,
        event.assessed_on,
        event.language,
        event.timestamp,
        event.ruleset_id,
    )


def _awarded(writes: Writes, position: int, event: MicrocredentialAwarded) -> None:
    writes.insert(
        "award",
        event.originator_id,
        event.subject,
        event.enrolment,
        position,
        event.code,
        event.version,
        event.level,
        event.credits,
        event.completed_on,
        event.conferred_on,
        event.awarded_by,
        event.basis,
        event.language,
        event.funding,
        event.results,
        event.status_list,
        event.status_index,
        event.credential_id,
        event.timestamp,
        event.ruleset_id,
    )


def _revoked(writes: Writes, position: int, event: AwardRevoked) -> None:
    writes.insert(
        "revocation", event.originator_id, position, event.effective_on, event.reason, event.revoked_by
    )


class RecordOfAchievementProjection(ViewProjection):
    """Folds what is recorded about learners."""

    VIEW = RecordOfAchievementView
    HANDLERS: ClassVar[Handlers] = {
        LearnerRegistered: _registered,
        LearnerEnrolled: _enrolled,
        AssessmentPassed: _assessed,
        AssessmentNotAchieved: _assessed,
        MicrocredentialAwarded: _awarded,
        AwardRevoked: _revoked,
    }
