"""Taking submissions in, signed or as a file: the same function for the HTTP door and the commands.

A signed submission is read and decided. A file becomes a submission under the organisation's
delegated key first: what is signed is kept before it is used, so that the same file again is
answered from there and never signed twice.

Source: LEDGER.md 2 (CSV path), SPEC.md 6.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from queue import Full, Queue
from typing import Any
from uuid import UUID

from anyio import CapacityLimiter

from api.client import rows as files
from api.client.submission import build
from api.house import House
from api.problems import Problem
from api.providers.answering import Answering, organisation_in
from api.providers.messages import Answer, LargeAnswers, Take, unbounded
from api.security.tokens import Bearer
from api.telemetry.logs import log, of_error
from ledger.domain.organisation import Organisation
from ledger.encoding.packed import Packed
from ledger.errors import Absent, Reused, Unauthorised, Unavailable
from ledger.ids import uuid7, uuid8
from ledger.keys.keystore import custody_label
from ledger.privacy.commitments import tag
from ledger.privacy.sealing import keyed
from ledger.statements import (
    LINE_MAX_BYTES,
    Claims,
    ReceivedSubmission,
    SignedClaims,
    read_signed_claims,
    read_submission,
)
from ledger.store.jobs import DONE, LOST, PROCESSING, Job
from ledger.watch import READ

THREADS_MAX = 2  # that take small submissions in at the same time: more cost twice the CPU for each
AT_ONCE_ROWS_MAX = 1000  # a larger submission is kept, answered 202 and decided in the background
_THREAD = "submissions"
WAITING_MAX = 100  # submissions; one more is told to come back
_JTI, _BODY = tag("jti"), tag("body")
_Name = tuple[UUID, UUID]  # organisation and submission: only both together name one


class Desk:
    """Decides small submissions at once and large ones one after another in the background."""

    def __init__(self, house: House) -> None:
        self._house, self._answering, self.large = house, Answering(house), LargeAnswers()
        self.threads = CapacityLimiter(THREADS_MAX)
        self._waiting: Queue[_Name | None] = Queue(WAITING_MAX)
        self._named: set[_Name] = set()  # those that wait, and the one that is decided
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()

    # -------------------------------------------------------------- in the background

    def start(self) -> None:
        """Begin working in the background, with what a stop interrupted first."""
        self._thread = threading.Thread(target=self._work, name=_THREAD, daemon=True)
        self._thread.start()
        self._house.threads[_THREAD] = self._thread.is_alive

    def stop(self) -> None:
        """Finish the chunk in hand and stop; the rest, and what waits, is resumed at the next start."""
        if self._thread is not None:
            self._house.threads.pop(_THREAD, None)
            self._stopping.set()
            self._named.clear()
            self._waiting.put(None)
            self._thread.join()

    def _work(self) -> None:
        with _logged("submissions-wait"):
            for job in self._house.ledger.jobs.unfinished():
                if self._stopping.is_set():
                    break
                self._resume(job)
        while (name := self._waiting.get()) is not None:
            if name in self._named:
                self._resume_named(name)
                self._named.discard(name)

    def _resume_named(self, name: _Name) -> None:
        """Decide what waits; it is read again from where it is kept, so what waits takes no memory."""
        with _logged("submission-not-resumed"):
            job = self._house.ledger.jobs.find(*name)
            if job is not None:
                self._resume(job)

    def _resume(self, job: Job) -> None:
        with _logged("submission-not-resumed"):
            received = self._read_kept(job)
            if received is not None:
                self._submit(received)

    def _read_kept(self, job: Job) -> ReceivedSubmission | None:
        """Return a submission from its kept body, which is let go when it has been read."""
        body = self._house.ledger.outcomes.body(job)
        return None if body is None else self._read(body)

    def _submit(self, received: ReceivedSubmission) -> None:
        # What fails stays unfinished: the next post of the same bytes, or the next start, goes on.
        with _logged("submission-waits"):
            self._house.check_writable()
            for _ in self._house.ledger.submit_in_parts(received):
                # Each part is durable: when the server is told to stop, the next start goes on from there.
                if self._stopping.is_set():
                    break

    def _enqueue(self, name: _Name) -> None:
        if name in self._named:
            return
        self._named.add(name)
        try:
            self._waiting.put_nowait(name)
        except Full:
            self._named.discard(name)
            raise Unavailable(
                "too many submissions are waiting: post again in a moment", code="busy"
            ) from None

    # -------------------------------------------------------------- signed submissions

    def post_signed(self, body: Packed, *, take: Take = unbounded) -> Answer:
        """Take in a submission signed by the organisation's own key; `take` as for `Answering.kept`.

        Raises:
            Malformed, Unauthorised, Reused, Unavailable: as `Ledger.submit`; nothing was recorded.
        """
        self._house.check_taking()
        signed = read_signed_claims(next(body.lines(LINE_MAX_BYTES), b""), origin=self._origin)
        if signed.claims.by is not None:
            raise Unauthorised(
                "`by` is for keys in the ledger's keeping: an own key signs without it", code="E909"
            )
        self._check_first(signed)
        return self._known(signed, take) or self._decide(self._read(body, signed), body, take)

    def _check_first(self, signed: SignedClaims) -> None:
        """Refuse a stranger's submission by its first line: the rows cost memory and time to read."""
        ledger = self._house.ledger
        # The key of the founding stands in its row, so of an empty ledger nothing can be said yet.
        if ledger.store.head().size:
            ledger.check_signature(signed)

    def _known(self, signed: SignedClaims, take: Take) -> Answer | None:
        """Return the answer to a large submission that is kept already, without reading it again."""
        claims, ledger = signed.claims, self._house.ledger
        if not self._is_large(claims):
            return None
        job = ledger.jobs.find(claims.iss, claims.jti)
        if job is None or not job.has_body or job.state == LOST:
            return None
        ledger.check_signature(signed)
        _check_same(job, claims)
        if job.state == PROCESSING:
            self._enqueue((claims.iss, claims.jti))
            return self._answering.waiting(job)
        return self._answering.kept(job, signed, take=take)

    def _is_large(self, claims: Claims) -> bool:
        return claims.n > AT_ONCE_ROWS_MAX and self._thread is not None

    @property
    def _origin(self) -> str:
        return self._house.ledger.founding.origin

    def queue(self) -> tuple[int, int]:
        """Return how many submissions wait to be decided in the background, and how many may."""
        return self._waiting.qsize(), WAITING_MAX

    def _read(self, body: Packed, signed: SignedClaims | None = None) -> ReceivedSubmission:
        lines = partial(body.lines, LINE_MAX_BYTES)
        with self._house.ledger.watch.step(READ, bytes=body.size):
            first = signed or read_signed_claims(next(lines(), b""), origin=self._origin)
            again = lines if first.claims.n > AT_ONCE_ROWS_MAX else None
            return read_submission(lines(), origin=self._origin, signed=first, again=again)

    def _decide(self, received: ReceivedSubmission, body: Packed, take: Take) -> Answer:
        ledger, claims = self._house.ledger, received.claims
        if self._is_large(claims):
            job = self._keep(received, body)
            if job.state != DONE:
                ledger.jobs.take_up(job.number)
                self._enqueue((claims.iss, claims.jti))
                if claims.by is None:
                    return self._answering.waiting(job)
                return self._answering.kept(job, received, take=take)
        outcomes = ledger.submit(received)
        job = self._job(claims.iss, claims.jti)
        return self._answering.made(job, outcomes, received, done=True, take=take)

    def _keep(self, received: ReceivedSubmission, body: Packed) -> Job:
        """Keep a body before it is answered 202: from here it will be decided, whatever happens."""
        ledger, claims = self._house.ledger, received.claims
        ledger.check_signature(received)
        job = ledger.jobs.find(claims.iss, claims.jti)
        if job is None:
            ledger.actor(received)
            job = ledger.outcomes.receive(received, ledger.clock.now_us(), body=body)
        _check_same(job, claims)
        return job

    # -------------------------------------------------------------- files

    def post_file(
        self,
        bearer: Bearer,
        data: bytes,
        *,
        kind: str | None = None,
        idempotency_key: str | None = None,
        take: Take = unbounded,
    ) -> Answer:
        """Take in a results, enrolments or awards file under the organisation's delegated key.

        Args:
            bearer: the organisation.
            data: the file.
            kind: results, enrolments or awards; told by the header where left out.
            idempotency_key: what names the file; what is in it where left out.
            take: as for `Answering.kept`.

        Raises:
            Problem: (422) nothing of the file could be read; the findings say why.
            Reused: (E908) the idempotency key was used with another file.
            Unauthorised: no delegated key of this organisation is in custody here, or it was retired.
        """
        self._house.check_taking()
        ledger = self._house.ledger
        organisation = self._organisation(bearer.organisation)
        file = files.read(data, kind=kind)
        if file.refused:
            raise UnreadableFile(file.findings)
        secret = ledger.vault.key_of(organisation.id, "organisation").organisation_secret()
        name = idempotency_key.encode() if idempotency_key else data
        jti = uuid8(keyed(secret, _JTI, name))
        body_mac = keyed(secret, _BODY, data)
        job = ledger.jobs.find(organisation.id, jti)
        body = None if job is None else ledger.outcomes.body(job)
        if job is not None and job.body_mac != body_mac:
            raise Reused("this idempotency key was used before with another file")
        if body is None and (job is not None or ledger.store.submission(organisation.id, jti) is not None):
            # Its job was destroyed after 30 days, or what it kept with somebody who was forgotten: under a
            # fresh id its rows meet their own records.
            job, jti = None, uuid7(ledger.clock.now_us())
        if job is None:
            if not file.sendable():
                return self._answering.nothing_sent(organisation, jti, file, take=take)
            job = self._sign(organisation, bearer, file, data, jti, body_mac)
            if job.body_mac != body_mac:
                raise Reused("this idempotency key was used before with another file")
            body = ledger.outcomes.body(job)
        if body is None:  # destroyed in this moment, with somebody who is forgotten
            raise Unavailable("what was kept of this file is being destroyed: post it again", code="busy")
        return self._decide(self._read(body), body, take)

    def _sign(
        self,
        organisation: Organisation,
        bearer: Bearer,
        file: files.ReadFile,
        data: bytes,
        jti: UUID,
        body_mac: bytes,
    ) -> Job:
        """Sign a file's rows and keep what was signed before anything of it is used."""
        ledger = self._house.ledger
        submission = build(
            file.sendable(),
            signer=ledger.signer(
                custody_label(organisation.label, "submission"), organisation.id, "submission"
            ),
            organisation=organisation.id,
            origin=ledger.founding.origin,
            now_s=ledger.clock.now_us() // 1_000_000,
            jti=jti,
            by=str(bearer.id),
        )
        body = Packed(*submission.lines())
        received = self._read(body)
        # A key that counts no longer is told so before anything is kept under this name.
        ledger.actor(received)
        return ledger.outcomes.receive(
            received, ledger.clock.now_us(), body=body, source=data, body_mac=body_mac
        )

    # -------------------------------------------------------------- reading back

    def look(self, bearer: Bearer, jti: UUID, *, take: Take = unbounded) -> Answer:
        """Return the answer to a submission of the bearer's organisation as far as it is decided.

        `take` as for `Answering.kept`.

        Raises:
            Absent: no such submission, or its job was destroyed after 30 days; `lost` when what it
                had recorded is not there any more, and it was not posted again.
        """
        job = self._job(bearer.organisation, jti)
        if job.state == LOST:
            raise Absent(
                "what this submission had recorded is lost: an old copy of the ledger was put back."
                " Post the same submission again",
                code="lost",
            )
        return self._answering.kept(job, take=take)

    def file_of(self, bearer: Bearer, jti: UUID) -> bytes | None:
        """Return the file a submission was made from, None when it came signed."""
        job = self._job(bearer.organisation, jti)
        return self._house.ledger.outcomes.source(job)

    def _job(self, iss: UUID, jti: UUID) -> Job:
        job = self._house.ledger.jobs.find(iss, jti)
        if job is None:
            raise Absent("there is no such submission of your organisation in the last 30 days")
        return job

    def _organisation(self, stream: UUID) -> Organisation:
        return organisation_in(self._house, stream)


@contextmanager
def _logged(event: str) -> Iterator[None]:
    """Log what goes wrong with one submission: those behind it must not wait for ever, unseen."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - see above
        log.error(event, **of_error(error))


class UnreadableFile(Problem):
    """Nothing of a file could be read; the findings say why."""

    def __init__(self, found: Sequence[Any]) -> None:
        first = found[0].to_json()
        super().__init__(422, first["code"], f"{first['message']} {first['fix']}")
        self.findings = [one.to_json() for one in found]


def _check_same(job: Job, claims: Claims) -> None:
    if (job.n, job.root) != (claims.n, claims.root):
        raise Reused("this submission id was used before with other content")
