"""Taking submissions in, signed or as a file: the same function for the HTTP door and the commands.

A signed submission is read and decided. A file becomes a submission under the organisation's
delegated key first: what is signed is kept before it is used, so that the same file again is
answered from there and never signed twice.

Source: LEDGER.md 2 (CSV path), SPEC.md 6.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from queue import Full, Queue
from typing import Any
from uuid import UUID

from api.client import answers
from api.client import rows as files
from api.client.submission import build
from api.house import House
from api.problems import Problem
from api.providers.messages import answer_json, outcomes_json
from api.security.tokens import Bearer
from api.telemetry.logs import log, of_error
from ledger.deciding.batch import Outcome
from ledger.domain.organisation import Organisation
from ledger.errors import Absent, Reused, Unauthorised, Unavailable
from ledger.founding import RECEIPT
from ledger.ids import uuid7, uuid8
from ledger.keys.keystore import custody_label
from ledger.log_keys import OPERATOR
from ledger.privacy.commitments import tag
from ledger.privacy.sealing import keyed
from ledger.receipts import acknowledge
from ledger.statements import ReceivedSubmission, read_submission
from ledger.store.cosignatures import DURABLE, best_covering
from ledger.store.jobs import DONE, LOST, Job
from ledger.watch import READ

AT_ONCE_ROWS_MAX = 1000  # a larger submission is kept, answered 202 and decided in the background
_THREAD = "submissions"
WAITING_MAX = 100  # submissions; one more is told to come back
_JTI, _BODY = tag("jti"), tag("body")
_KINDS = {"learner.enrolled": "enrolments", "microcredential.awarded": "awards"}
_Name = tuple[UUID, UUID]  # organisation and submission: only both together name one


@dataclass(frozen=True, slots=True)
class Answer:
    """What a submission is answered: the body, and whether everything is decided."""

    body: dict[str, Any]
    done: bool


class Desk:
    """Decides small submissions at once and large ones one after another in the background."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._waiting: Queue[_Name | None] = Queue(WAITING_MAX)
        self._received: dict[_Name, ReceivedSubmission] = {}
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
            self._received.clear()
            self._waiting.put(None)
            self._thread.join()

    def _work(self) -> None:
        with _logged("submissions-wait"):
            for job in self._house.ledger.jobs.unfinished():
                if self._stopping.is_set():
                    break
                self._resume(job)
        while (name := self._waiting.get()) is not None:
            received = self._received.pop(name, None)
            if received is not None:
                self._submit(received)

    def _resume(self, job: Job) -> None:
        with _logged("submission-not-resumed"):
            body = self._house.ledger.outcomes.body(job)
            if body is not None:
                self._submit(self._read(body.splitlines()))

    def _submit(self, received: ReceivedSubmission) -> None:
        # What fails stays unfinished: the next post of the same bytes, or the next start, goes on.
        with _logged("submission-waits"), suppress(_Stopping):
            self._house.check_writable()
            self._house.ledger.submit(received, progress=partial(self._go_on, received.claims.n))

    def _go_on(self, n: int, decided: int) -> None:
        """Leave a submission after a chunk, which is durable, when the server is told to stop."""
        if decided < n and self._stopping.is_set():
            raise _Stopping

    def _enqueue(self, received: ReceivedSubmission) -> None:
        name = received.claims.iss, received.claims.jti
        if name in self._received:
            return
        self._received[name] = received
        try:
            self._waiting.put_nowait(name)
        except Full:
            del self._received[name]
            raise Unavailable(
                "too many submissions are waiting: post again in a moment", code="busy"
            ) from None

    # -------------------------------------------------------------- signed submissions

    def post_signed(self, lines: Sequence[bytes]) -> Answer:
        """Take in a submission signed by the organisation's own key.

        Raises:
            Malformed, Unauthorised, Reused, Unavailable: as `Ledger.submit`; nothing was recorded.
        """
        self._house.check_writable()
        received = self._read(lines)
        if received.claims.by is not None:
            raise Unauthorised(
                "`by` is for keys in the ledger's keeping: an own key signs without it", code="E909"
            )
        return self._decide(received, body=b"\n".join(lines))

    def queue(self) -> tuple[int, int]:
        """Return how many submissions wait to be decided in the background, and how many may."""
        return len(self._received), WAITING_MAX

    def _read(self, lines: Sequence[bytes]) -> ReceivedSubmission:
        with self._house.ledger.watch.step(READ, rows=max(len(lines) - 1, 0)):
            return read_submission(lines, origin=self._house.ledger.founding.origin)

    def _decide(self, received: ReceivedSubmission, *, body: bytes) -> Answer:
        ledger = self._house.ledger
        organisation = self._organisation(received.claims.iss)
        if received.claims.n > AT_ONCE_ROWS_MAX and self._thread is not None:
            job = self._keep(received, body)
            if job.state != DONE:
                ledger.jobs.take_up(job.number)
                self._enqueue(received)
                known = ledger.outcomes.of(job)
                return self._answer(received.claims.jti, organisation, known, received, job, done=False)
        outcomes = ledger.submit(received)
        job = self._job(received.claims.iss, received.claims.jti)
        return self._answer(received.claims.jti, organisation, outcomes, received, job, done=True)

    def _keep(self, received: ReceivedSubmission, body: bytes) -> Job:
        """Keep a body before it is answered 202: from here it will be decided, whatever happens."""
        ledger, claims = self._house.ledger, received.claims
        ledger.check_signature(received)
        job = ledger.jobs.find(claims.iss, claims.jti)
        if job is None:
            ledger.actor(received)
            job = ledger.outcomes.receive(received, ledger.clock.now_us(), body=body)
        if (job.n, job.root) != (claims.n, claims.root):
            raise Reused("this submission id was used before with other content")
        return job

    # -------------------------------------------------------------- files

    def post_file(
        self, bearer: Bearer, data: bytes, *, kind: str | None = None, idempotency_key: str | None = None
    ) -> Answer:
        """Take in a results, enrolments or awards file under the organisation's delegated key.

        Raises:
            Problem: (422) nothing of the file could be read; the findings say why.
            Reused: (E908) the idempotency key was used with another file.
            Unauthorised: no delegated key of this organisation is in custody here, or it was retired.
        """
        self._house.check_writable()
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
                rows = answers.outcomes(file, [])
                said = answer_json(
                    str(jti), _reference(organisation), rows, done=True, acknowledgement=None, state=DURABLE
                )
                return Answer(_with_file_findings(said, file), done=True)
            job = self._sign(organisation, bearer, file, data, jti, body_mac)
            if job.body_mac != body_mac:
                raise Reused("this idempotency key was used before with another file")
            body = ledger.outcomes.body(job)
        assert body is not None, "what was signed a moment ago is kept"
        return self._decide(self._read(body.splitlines()), body=body)

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
        body = submission.body()
        received = self._read(body.splitlines())
        # A key that counts no longer is told so before anything is kept under this name.
        ledger.actor(received)
        return ledger.outcomes.receive(
            received, ledger.clock.now_us(), body=body, source=data, body_mac=body_mac
        )

    # -------------------------------------------------------------- reading back

    def look(self, bearer: Bearer, jti: UUID) -> Answer:
        """Return the answer to a submission of the bearer's organisation as far as it is decided.

        Raises:
            Absent: no such submission, or its job was destroyed after 30 days; `lost` when what it
                had recorded is not there any more, and it was not posted again.
        """
        ledger = self._house.ledger
        job = self._job(bearer.organisation, jti)
        if job.state == LOST:
            raise Absent(
                "what this submission had recorded is lost: an old copy of the ledger was put back."
                " Post the same submission again",
                code="lost",
            )
        outcomes = ledger.outcomes.of(job)
        organisation = self._organisation(bearer.organisation)
        body = ledger.outcomes.body(job)
        received = None if body is None else self._read(body.splitlines())
        return self._answer(jti, organisation, outcomes, received, job, done=job.state == DONE)

    def file_of(self, bearer: Bearer, jti: UUID) -> bytes | None:
        """Return the file a submission was made from, None when it came signed."""
        job = self._job(bearer.organisation, jti)
        return self._file(job)

    def _file(self, job: Job) -> bytes | None:
        return self._house.ledger.outcomes.source(job)

    def _job(self, iss: UUID, jti: UUID) -> Job:
        job = self._house.ledger.jobs.find(iss, jti)
        if job is None:
            raise Absent("there is no such submission of your organisation in the last 30 days")
        return job

    def _answer(
        self,
        jti: UUID,
        organisation: Organisation,
        outcomes: Sequence[Outcome],
        received: ReceivedSubmission | None,
        job: Job,
        *,
        done: bool,
    ) -> Answer:
        ledger = self._house.ledger
        rows = outcomes_json(ledger.store, outcomes, received.rows if received else ())
        acknowledgement = None
        if done and received is not None:
            signer = ledger.signer(RECEIPT, OPERATOR, RECEIPT)
            acknowledgement = acknowledge(ledger.store, signer, received, outcomes, ledger.founding.origin)
        data = self._file(job)
        file = None if data is None else files.read(data, kind=None if received is None else _kind(received))
        if file is not None:
            rows = answers.outcomes(_decided_part(file, len(rows)), rows)
        body = answer_json(
            str(jti),
            _reference(organisation),
            rows,
            done=done,
            acknowledgement=acknowledgement,
            state=self._state(outcomes),
        )
        return Answer(body if file is None else _with_file_findings(body, file), done)

    def _state(self, outcomes: Sequence[Outcome]) -> str:
        """Return how far the newest record of a submission has come."""
        position = max((outcome.position or 0 for outcome in outcomes), default=0)
        reader, policy = self._house.ledger.store.database.reader, self._house.publisher.policy
        found = best_covering(reader, policy, position) if position else None
        if found is None:
            return DURABLE
        return found.state

    def _organisation(self, stream: UUID) -> Organisation:
        found = self._house.ledger.register().organisation(stream)
        if found is None:
            raise Unauthorised("this organisation is not on the register", code="E909")
        return found


@contextmanager
def _logged(event: str) -> Iterator[None]:
    """Log what goes wrong with one submission: those behind it must not wait for ever, unseen."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - see above
        log.error(event, **of_error(error))


class _Stopping(Exception):
    """The server stops: what is decided so far is kept, the rest is decided at the next start."""


class UnreadableFile(Problem):
    """Nothing of a file could be read; the findings say why."""

    def __init__(self, found: Sequence[Any]) -> None:
        first = found[0].to_json()
        super().__init__(422, first["code"], f"{first['message']} {first['fix']}")
        self.findings = [one.to_json() for one in found]


def _reference(organisation: Organisation) -> int | str:
    """Return how an organisation is named in answers: its number as a number, else its body code."""
    return organisation.number if organisation.number is not None else str(organisation.body)


def _kind(received: ReceivedSubmission) -> str:
    """Return which kind of file became this submission: it may have been named, not told by the header."""
    return next((_KINDS[kind] for kind in received.kinds if kind in _KINDS), "results")


def _decided_part(file: files.ReadFile, decided: int) -> files.ReadFile:
    """Return a file as far as its rows are decided, which happens in their order."""
    waiting = file.sendable()[decided:]
    if not waiting:
        return file
    return replace(file, rows=[row for row in file.rows if row.number < waiting[0].number])


def _with_file_findings(body: dict[str, Any], file: files.ReadFile) -> dict[str, Any]:
    return {**body, "findings": [found.to_json() for found in file.findings]}
