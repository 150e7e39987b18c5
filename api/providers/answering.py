"""What a submission is answered: from what was just decided, or from what is kept of it.

Source: LEDGER.md 2 (the same again gets the first answer again), SPEC.md 6.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from api.client import answers
from api.client import rows as files
from api.house import House
from api.providers.messages import Answer, Take, answer_head, outcomes_json, references, unbounded
from ledger.deciding.batch import Outcome
from ledger.domain.organisation import Organisation
from ledger.encoding.packed import Packed
from ledger.errors import Unauthorised
from ledger.founding import RECEIPT
from ledger.log_keys import OPERATOR
from ledger.receipts import acknowledge
from ledger.statements import (
    LINE_MAX_BYTES,
    ReceivedSubmission,
    Row,
    SignedClaims,
    read_rows,
    read_signed_claims,
    type_of,
)
from ledger.store.cosignatures import DURABLE, best_covering
from ledger.store.jobs import DONE, Job

_KINDS = {"learner.enrolled": "enrolments", "microcredential.awarded": "awards"}


class Answering:
    """Answers submissions of one ledger."""

    def __init__(self, house: House) -> None:
        self._house = house

    def kept(self, job: Job, signed: SignedClaims | None = None, *, take: Take = unbounded) -> Answer:
        """Return the answer to a submission from what is kept of it, as far as it is decided.

        Args:
            job: of the submission.
            signed: its first line, where it is at hand.
            take: asks for a place before rows are held.
        """
        take(job.n)
        ledger = self._house.ledger
        body = ledger.outcomes.body(job)
        if signed is None and body is not None:
            signed = read_signed_claims(next(body.lines(LINE_MAX_BYTES), b""), origin=ledger.founding.origin)
        outcomes = ledger.outcomes.of(job)
        return self.made(job, outcomes, signed, body=body, done=job.state == DONE, take=take)

    def waiting(self, job: Job) -> Answer:
        """Return how far a submission has come, without its rows: whoever posts it again asks just that."""
        counted = self._house.ledger.jobs.counts(job.number)
        statuses = (status for status, number in counted.items() for _ in range(number))
        head = answer_head(
            str(job.jti),
            _reference(organisation_in(self._house, job.iss)),
            answers.counts({"status": status} for status in statuses),
            done=False,
            acknowledgement=None,
            state=DURABLE,
        )
        return Answer(head, tuple, 0, done=False)

    def made(
        self,
        job: Job,
        outcomes: Sequence[Outcome],
        signed: SignedClaims | None,
        *,
        body: Packed | None = None,
        done: bool,
        take: Take = unbounded,
    ) -> Answer:
        """Return the answer to a submission.

        Args:
            job: under which it is kept.
            outcomes: of its rows, as far as they are decided.
            signed: the submission, or its first line; None where nothing of it is kept any more.
            body: as it is kept, where `signed` is its first line only.
            done: whether everything is decided.
            take: asks for a place before rows are held.
        """
        take(job.n)
        ledger = self._house.ledger
        acknowledgement = None
        if done and signed is not None:
            signer, origin = ledger.signer(RECEIPT, OPERATOR, RECEIPT), ledger.founding.origin
            acknowledgement = acknowledge(ledger.store, signer, signed.claims, outcomes, origin)

        def rows() -> Iterator[dict[str, Any]]:
            return outcomes_json(ledger.store, outcomes, references(_rows_of(signed, body)))

        head = answer_head(
            str(job.jti),
            _reference(organisation_in(self._house, job.iss)),
            answers.counts({"status": one.status} for one in outcomes),
            done=done,
            acknowledgement=acknowledgement,
            state=self._state(outcomes),
        )
        data = ledger.outcomes.source(job)
        if data is None:
            return Answer(head, rows, len(outcomes), done)
        file = files.read(data, kind=_kind(_rows_of(signed, body)))
        take(len(file.rows))  # those that were never sent among them
        return _of_file(head, list(rows()), file, done=done)

    def nothing_sent(
        self, organisation: Organisation, jti: UUID, file: files.ReadFile, *, take: Take = unbounded
    ) -> Answer:
        """Return the answer to a file in which no row could be read."""
        take(len(file.rows))
        nothing = answers.counts([])
        head = answer_head(
            str(jti), _reference(organisation), nothing, done=True, acknowledgement=None, state=DURABLE
        )
        return _of_file(head, [], file, done=True)

    def _state(self, outcomes: Sequence[Outcome]) -> str:
        """Return how far the newest record of a submission has come."""
        position = max((outcome.position or 0 for outcome in outcomes), default=0)
        reader, policy = self._house.ledger.store.database.reader, self._house.publisher.policy
        found = best_covering(reader, policy, position) if position else None
        if found is None:
            return DURABLE
        return found.state


def organisation_in(house: House, stream: UUID) -> Organisation:
    """Return an organisation on the register; Unauthorised (E909) when it is not there."""
    found = house.ledger.register().organisation(stream)
    if found is None:
        raise Unauthorised("this organisation is not on the register", code="E909")
    return found


def _reference(organisation: Organisation) -> int | str:
    """Return how an organisation is named in answers: its number as a number, else its body code."""
    return organisation.number if organisation.number is not None else str(organisation.body)


def _rows_of(signed: SignedClaims | None, body: Packed | None) -> Iterable[Row]:
    """Return the rows of a submission that was read, or read them one by one from where it is kept."""
    if isinstance(signed, ReceivedSubmission):
        return signed.rows
    return () if body is None else read_rows(body.lines(LINE_MAX_BYTES))


def _kind(rows: Iterable[Row]) -> str:
    """Return which kind of file became these rows: it may have been named, not told by the header."""
    return next((_KINDS[kind] for kind in map(type_of, rows) if kind in _KINDS), "results")


def _of_file(
    head: dict[str, Any], decided: Sequence[Mapping[str, Any]], file: files.ReadFile, *, done: bool
) -> Answer:
    """Return the answer to a file: its own rows, those that were never sent among them."""
    rows = answers.outcomes(_decided_part(file, len(decided)), decided)
    findings = [found.to_json() for found in file.findings]
    told = {**head, "counts": answers.counts(rows), "findings": findings}
    return Answer(told, lambda: rows, len(rows), done)


def _decided_part(file: files.ReadFile, decided: int) -> files.ReadFile:
    """Return a file as far as its rows are decided, which happens in their order."""
    waiting = file.sendable()[decided:]
    if not waiting:
        return file
    return replace(file, rows=[row for row in file.rows if row.number < waiting[0].number])
