"""What came of a submission, kept so that the same submission gets the same answer.

Rows keep status and position in clear; codes with their parameters and the award's id are sealed
under the organisation's key. A row whose record is there and whose outcome a crash lost is
answered from the record.

Source: LEDGER.md 2 (jobs), SPEC.md 3.
"""

from collections.abc import Sequence
from uuid import UUID

from ledger.deciding.batch import ACCEPTED, Outcome
from ledger.domain.award import MicrocredentialAwarded
from ledger.encoding.msgpack import pack, unpack
from ledger.errors import Reused
from ledger.policy.findings import Finding
from ledger.privacy.sealing import SubjectKey
from ledger.privacy.vault import Vault
from ledger.statements import ReceivedSubmission
from ledger.store.jobs import Job, Jobs, StoredOutcome
from ledger.store.sqlite import LedgerRecorder


class OutcomeStore:
    """Outcomes of submissions, sealed at rest."""

    def __init__(self, jobs: Jobs, vault: Vault, store: LedgerRecorder) -> None:
        self._jobs, self._vault, self._store = jobs, vault, store

    def find(self, received: ReceivedSubmission) -> Job | None:
        """Return the job of a submission, None when it is new.

        Raises:
            Reused: the id was used with other content.
        """
        claims = received.claims
        job = self._jobs.find(claims.iss, claims.jti)
        if job is None:
            kept = self._store.submission(claims.iss, claims.jti)
            if kept is not None and kept.leaf_hashes != received.leaf_hashes:
                raise Reused("this submission id was used before with other content")
        elif (job.n, job.root) != (claims.n, claims.root):
            raise Reused("this submission id was used before with other content")
        return job

    def open(self, received: ReceivedSubmission, now_us: int) -> Job:
        """Return the job of a submission, making it when it is new.

        Raises:
            Reused: the id was used with other content.
        """
        claims = received.claims
        job = self.find(received)
        if job is None:
            self._jobs.receive(
                claims.iss, claims.jti, claims.n, claims.root, body=None, received_at_us=now_us
            )
            job = self.find(received)  # of two at once, the other may have been first, with other content
            assert job is not None
        return job

    def of(self, job: Job) -> list[Outcome]:
        """Return the outcomes kept so far, in input order."""
        stored = self._jobs.outcomes(job.number)
        if not stored:
            return []
        key = self._key(job)
        return [_opened(outcome, key, _aad(job, outcome.row)) for outcome in stored]

    def keep(self, job: Job, outcomes: Sequence[Outcome], *, done: bool) -> None:
        """Keep what came of rows; durable when it returns."""
        key = self._key(job)
        self._jobs.keep_outcomes(
            job.number, [_closed(outcome, key, _aad(job, outcome.row)) for outcome in outcomes], done=done
        )

    def recorded(self, row: int, position: int) -> Outcome:
        """Return the outcome of a row that is recorded while its outcome was lost to a crash."""
        (record,) = self._store.select_notifications(position, 1)
        assert isinstance(record.originator_id, UUID)
        award = record.originator_id if record.topic == MicrocredentialAwarded.TOPIC else None
        return Outcome(row, ACCEPTED, position=position, award=award)

    def seal_body(self, iss: UUID, jti: UUID, body: bytes) -> bytes:
        """Return a received body, or the file it was made from, sealed under its organisation's key."""
        return self._vault.key_of(iss, "organisation").seal(body, _body_aad(jti))

    def body(self, job: Job) -> bytes | None:
        """Return the body a job was received with, None when it was answered at once or destroyed."""
        return None if job.body is None else self._key(job).unseal(job.body, _body_aad(job.jti))

    def source(self, job: Job) -> bytes | None:
        """Return the file a body was made from, as it was given to `seal_body`; None when it came signed."""
        return None if job.extra is None else self._key(job).unseal(job.extra, _body_aad(job.jti))

    def _key(self, job: Job) -> SubjectKey:
        return self._vault.key_of(job.iss, "organisation")


def _body_aad(jti: UUID) -> bytes:
    return b"body" + jti.bytes


def _aad(job: Job, row: int) -> bytes:
    return b"outcome" + job.jti.bytes + row.to_bytes(4, "big")


def _closed(outcome: Outcome, key: SubjectKey, aad: bytes) -> StoredOutcome:
    findings = [
        [one.code, one.rule, one.severity, one.column, [list(param) for param in one.params]]
        for one in outcome.findings
    ]
    details = pack([findings, outcome.award.bytes if outcome.award else None])
    return StoredOutcome(outcome.row, outcome.status, outcome.position, key.seal(details, aad))


def _opened(stored: StoredOutcome, key: SubjectKey, aad: bytes) -> Outcome:
    findings, award = unpack(key.unseal(stored.details, aad))
    return Outcome(
        stored.row,
        stored.status,
        tuple(
            Finding(code, rule, severity, column, tuple((name, value) for name, value in params))
            for code, rule, severity, column, params in findings
        ),
        stored.position,
        UUID(bytes=award) if award else None,
    )
