"""What came of a submission, kept so that the same submission gets the same answer.

Rows keep status and position in clear; codes with their parameters and the award's id are sealed, as
are received bodies and the files they were made from. Each submission is sealed under a key of its
own, made of a jobs key that turns with the epoch: copies of what was destroyed die with it. A row
whose record is there and whose outcome a crash lost is answered from the record.

Source: LEDGER.md 2 (jobs), 4; SPEC.md 3.
"""

import zlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple, TypeVar
from uuid import UUID

from ledger.batched import batched
from ledger.deciding.batch import ACCEPTED, Outcome
from ledger.domain.award import MicrocredentialAwarded
from ledger.encoding.msgpack import pack, unpack
from ledger.encoding.packed import Packed
from ledger.errors import Corrupt, Reused, Stale, Unavailable
from ledger.ids import random_bytes, uuid8
from ledger.policy.findings import Finding
from ledger.privacy.commitments import tag
from ledger.privacy.mentions import Mentions
from ledger.privacy.sealing import SubjectKey, keyed
from ledger.privacy.vault import Vault
from ledger.statements import ReceivedSubmission
from ledger.store.jobs import Content, Job, Jobs, StoredOutcome
from ledger.store.sqlite import LedgerRecorder

JOBS = "jobs"  # the kind of the key that all keys of submissions are made of
_JOB = tag("job")
_ID_BYTES = 16
_ROWS_AT_ONCE = 1000
_TRIES = 8  # each after a turn of the epoch came in between
_T = TypeVar("_T")


class Destroyed(NamedTuple):
    """What was destroyed of the submissions that mention somebody.

    now: how many lost what they kept.
    later: how many are being decided, and lose it in the moment that they are done.
    wal_empty: whether the WAL holds nothing of them either; see `Jobs.truncate_wal`.
    """

    now: int
    later: int
    wal_empty: bool


class SealingKey(NamedTuple):
    """A jobs key: its id, and the key itself."""

    id: UUID
    key: SubjectKey


class OutcomeStore:
    """Outcomes of submissions, sealed at rest."""

    def __init__(self, jobs: Jobs, vault: Vault, store: LedgerRecorder) -> None:
        self._jobs, self._vault, self._store = jobs, vault, store
        self._held: SealingKey | None = None  # the one that was used last
        self.at_step: Callable[[str], None] = _no_step

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
        job = self.find(received)
        if job is None:
            self.receive(received, now_us)
            job = self.find(received)  # of two at once, the other may have been first, with other content
            assert job is not None
        return job

    def receive(
        self,
        received: ReceivedSubmission,
        now_us: int,
        *,
        body: Packed | None = None,
        source: bytes | None = None,
        body_mac: bytes | None = None,
    ) -> Job:
        """Keep a submission that is to be decided, sealed; durable when it returns.

        Args:
            received: what the body holds.
            now_us: when it came.
            body: as it travelled; None for one that is answered at once.
            source: the file that it was made from.
            body_mac: a keyed digest by which that file is known again.

        Returns:
            The job; of two at once, both get the one that was first.
        """
        claims = received.claims
        packed = None if body is None else body.stored()
        for _ in range(_TRIES):
            sealing = self._sealing()
            key, aad = _job_key(sealing.key, claims.iss, claims.jti), _body_aad(claims.jti)
            content = Content(
                None if packed is None else key.seal(packed, aad),
                None if source is None else key.seal(zlib.compress(source), aad),
                body_mac,
                sealing.id,
            )
            with suppress(Stale):
                return self._jobs.receive(
                    claims.iss, claims.jti, claims.n, claims.root, received_at_us=now_us, content=content
                )
        raise Unavailable("the jobs key turns too often: post again in a moment", code="busy")

    def of(self, job: Job) -> list[Outcome]:
        """Return the outcomes kept so far, in input order; of destroyed ones status, position and award."""
        return self._read(job, self._outcomes)

    def _outcomes(self, job: Job, key: SubjectKey | None) -> list[Outcome]:
        found: list[Outcome] = []
        for some in batched(self._jobs.outcomes(job.number), _ROWS_AT_ONCE):
            bare = [one for one in some if key is None or not one.details]
            awards = self._awards([one.position for one in bare if one.position is not None])
            found += (
                Outcome(one.row, one.status, (), one.position, awards.get(one.position or 0))
                if key is None or not one.details
                else _opened(one, key, _aad(job, one.row))
                for one in some
            )
        return found

    def _awards(self, positions: Sequence[int]) -> dict[int, UUID]:
        """Return the award that is recorded at each of these positions; other records are absent."""
        return self._store.streams_at(positions, MicrocredentialAwarded.TOPIC)

    def keep(self, job: Job, outcomes: Sequence[Outcome], *, done: bool) -> None:
        """Keep what came of rows; durable when it returns."""
        for _ in range(_TRIES):
            key = self._key(job)
            if key is not None:
                kept = [_closed(outcome, key, _aad(job, outcome.row)) for outcome in outcomes]
                with suppress(Stale):
                    self._jobs.keep_outcomes(job.number, kept, done=done, sealed_by=job.sealed_by)
                    return
            else:
                # An older copy of these jobs was put back: what it sealed is gone, the job goes on.
                with suppress(Stale):
                    self._seal_anew(job.number, self._sealing())
            found = self._jobs.find(job.iss, job.jti)
            if found is None:
                return  # destroyed meanwhile: it was older than its 30 days
            job = found
        raise Unavailable("the jobs key turns too often: post again in a moment", code="busy")

    def recorded(self, row: int, position: int) -> Outcome:
        """Return the outcome of a row that is recorded while its outcome was lost to a crash."""
        (record,) = self._store.select_notifications(position, 1)
        assert isinstance(record.originator_id, UUID)
        award = record.originator_id if record.topic == MicrocredentialAwarded.TOPIC else None
        return Outcome(row, ACCEPTED, position=position, award=award)

    def body(self, job: Job) -> Packed | None:
        """Return the body a job was received with, None when it was answered at once or destroyed."""
        stored = self._read(job, lambda job, key: _content(job, key, self._jobs.body(job.number)))
        return None if stored is None else Packed.of_stored(stored)

    def source(self, job: Job) -> bytes | None:
        """Return the file a body was made from; None when it came signed, or was destroyed."""
        packed = self._read(job, lambda job, key: _content(job, key, self._jobs.file(job.number)))
        return None if packed is None else zlib.decompress(packed)

    # -------------------------------------------------------------- forgetting

    def destroy_about(self, nsns: Iterable[str]) -> Destroyed:
        """Destroy what was received about these people: bodies, files, and details of their rows.

        Of submissions that were answered at once no body is kept, so nobody can say whom their details are
        about; what those repeat of a row goes with them after 30 days.

        What came of the rows stays, so that the same submission is still answered. Done again, it finds
        nothing more to do. It is done before the vault forgets them, for then nobody knows these numbers any
        more, and once more afterwards, for what came in between.

        Args:
            nsns: ten digits each; found however they are written, see `ledger.privacy.mentions`.
        """
        mentions = Mentions(nsns)
        now = later = number = 0
        while (job := self._jobs.next_with_content(number)) is not None:
            number = job.number
            if self._mentions(job, mentions):
                done = self._jobs.destroy_content(number)
                now, later = now + done, later + (not done)
        return Destroyed(now, later, self._jobs.truncate_wal())

    def _mentions(self, job: Job, mentions: Mentions) -> bool:
        try:
            body, source = self.body(job), self.source(job)
            return (body is not None and mentions.in_text(body.whole())) or (
                source is not None and mentions.in_text(source)
            )
        except (Corrupt, ValueError, zlib.error):
            return True  # nobody can read it, so nobody can say that it does not

    # -------------------------------------------------------------- keys

    def turn_key(self) -> None:
        """Draw a new jobs key, seal everything anew under it, and destroy the old ones.

        One job at a time: the others are taken in and answered meanwhile. A crash on the way loses nothing,
        for the old keys are destroyed last, and the next turn begins again with what is left.

        Source: LEDGER.md 4 (the epoch turns on schedule).
        """
        self._replace_key(self._sealing().id)
        self.at_step("key_replaced")
        # From here nothing new is sealed under an older key. Where another process turns too, it may replace
        # this one in its turn: then both go on under that, and neither destroys what a row still needs.
        number = 0
        while True:
            sealing = self._sealing()
            found = self._jobs.next_sealed_otherwise(number, sealing.id)
            if found is None:
                break
            with suppress(Stale):
                self._seal_anew(found, sealing)
                number = found
                self.at_step("sealed_anew")
        unneeded = self._jobs.unneeded_keys()
        self._vault.destroy_keys(unneeded)
        self.at_step("keys_destroyed")
        # A crash before this line leaves them noted, and the next turn destroys them once more.
        self._jobs.drop_retired(unneeded)

    def _seal_anew(self, number: int, sealing: SealingKey) -> None:
        def anew(job: Job, row: int | None, sealed: bytes) -> bytes | None:
            key = self._key(job)
            if key is None:
                return None
            aad = _body_aad(job.jti) if row is None else _aad(job, row)
            return _job_key(sealing.key, job.iss, job.jti).seal(key.unseal(sealed, aad), aad)

        self._jobs.seal_anew(number, sealing.id, anew)

    def _sealing(self) -> SealingKey:
        """Return the jobs key that counts now, drawing one where there is none."""
        for _ in range(_TRIES):
            current = self._jobs.sealing_key()
            found = None if current is None else self._jobs_key(current)
            if found is not None:
                return found
            # A ledger from before there was one, or an old copy of its jobs, whose key was destroyed.
            self._replace_key(current)
        raise Unavailable("the jobs key turns too often: post again in a moment", code="busy")

    def _replace_key(self, current: UUID | None) -> None:
        """Let a new key count instead of the current one, unless another process was first."""
        fresh = uuid8(random_bytes(_ID_BYTES))
        # Durable in the vault before anything can be sealed under it.
        self._vault.key_of(fresh, JOBS)
        if not self._jobs.set_sealing_key(fresh, instead_of=current):
            self._vault.destroy_keys([fresh])

    def _jobs_key(self, wanted: UUID) -> SealingKey | None:
        held = self._held
        if held is not None and held.id == wanted:
            return held
        key = self._vault.keys([wanted]).get(wanted)
        if key is not None:
            self._held = SealingKey(wanted, key)
            return self._held
        return None

    def _key(self, job: Job) -> SubjectKey | None:
        """Return what a job is sealed under, None where it was destroyed."""
        if job.sealed_by is None:
            return self._vault.key_of(job.iss, "organisation")
        found = self._jobs_key(job.sealed_by)
        return None if found is None else _job_key(found.key, job.iss, job.jti)

    def _read(self, job: Job, read: Callable[[Job, SubjectKey | None], _T]) -> _T:
        """Return what is read of a job under its key, again where it was sealed anew in between."""
        while True:
            key = self._key(job)
            try:
                if key is not None:
                    return read(job, key)
            except Corrupt:
                found = self._jobs.find(job.iss, job.jti)
                if found is None or found.sealed_by == job.sealed_by:
                    raise
            else:
                found = self._jobs.find(job.iss, job.jti)
                if found is None or found.sealed_by == job.sealed_by:
                    return read(job, None)
            job = found


def _content(job: Job, key: SubjectKey | None, sealed: bytes | None) -> bytes | None:
    return None if key is None or sealed is None else key.unseal(sealed, _body_aad(job.jti))


def _job_key(sealing: SubjectKey, iss: UUID, jti: UUID) -> SubjectKey:
    """Return the key of one submission: HMAC(jobs key, T(job) || organisation || id)."""
    return SubjectKey(jti, keyed(sealing.data_key, _JOB, iss.bytes, jti.bytes))


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


def _no_step(_name: str) -> None:
    """Crash tests put their own here."""
