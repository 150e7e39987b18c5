"""The ledger: the only place that loads and saves.

`submit` takes a submission in, decides it chunk by chunk and appends what was accepted; the same
submission again gets its first answer. Everything behind the register is replayed once and kept
exactly as long as no newer authority record exists.

Source: LEDGER.md 6, SPEC.md 3.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.persistence import JSONTranscoder, StoredEvent
from eventsourcing.utils import Environment

from ledger.authority import AUTHORITY_TOPICS, founder, keyring_of, purpose_of, registrar_key
from ledger.batched import batched
from ledger.clock import Clock, SystemClock, civil_date, instant
from ledger.deciding.batch import ACCEPTED, WARNED, Batch, Circumstances, Outcome, atomic_refusal, refusal
from ledger.deciding.private import PrivateDeciding
from ledger.deciding.public import decide_public
from ledger.domain.base import LEDGER, Act, LedgerAggregate, LedgerEvent, aggregate_of
from ledger.domain.founding import Founding, LedgerFounded
from ledger.domain.organisation import Organisation
from ledger.domain.register import Register
from ledger.errors import Corrupt, LedgerError, Stale, Taken, Unauthorised, Unavailable
from ledger.files import LedgerFiles
from ledger.ids import public_id
from ledger.keys.keyring import Keyring, RegisteredKey
from ledger.keys.keystore import KeyStore, current_signer
from ledger.keys.pkcs11 import Pkcs11Module
from ledger.keys.signer import Signer, jws_read, jws_verify
from ledger.mapper import LedgerMapper
from ledger.outcomes import OutcomeStore
from ledger.policy import law
from ledger.policy.findings import finding
from ledger.possession import check_possession
from ledger.privacy.epoch import EpochFile
from ledger.privacy.sealing import SubjectKey
from ledger.privacy.vault import Vault
from ledger.standing import Standings
from ledger.statements import (
    ATOMIC,
    SUBMISSION_TYP,
    ReceivedSubmission,
    Row,
    SignedClaims,
    Statement,
    read_statement,
)
from ledger.store.jobs import Jobs
from ledger.store.recorder import Head, Submission, Write
from ledger.store.sqlite import LedgerFactory, LedgerRecorder
from ledger.turns import Turns
from ledger.watch import DECIDE, SAVE, Watch

CHUNK_ROWS = 1000  # decided together and saved in one transaction
DECIDE_TRIES = 6  # each after somebody else was first; then the caller is told to come back
BESIDE_TRIES = 2  # of these, beside others of this process; a writer that was too late so often goes alone
_AUTHORITY_BATCH = 1000  # records of the register replayed at a time


@dataclass(frozen=True, slots=True)
class Consequence:
    """Something that the ledger itself records: the next event of a stream, or its first.

    fields: of the event, and `subject` where it is private.
    follows: version of the stream that it was concluded from, 0 for none; None where any will do.
    """

    stream: UUID
    event_class: type[LedgerEvent]
    fields: Mapping[str, Any]
    follows: int | None = None


class Ledger(Application[UUID]):
    """One ledger, open for reading and writing."""

    name = "ledger"
    mapper: LedgerMapper
    recorder: LedgerRecorder

    def __init__(
        self,
        files: LedgerFiles,
        passphrase: bytes,
        *,
        clock: Clock | None = None,
        module: Pkcs11Module | None = None,
    ) -> None:
        """Open the ledger in `files`; its databases are made when there is none yet.

        `module` is the hardware module in which some of its keys may lie.

        Raises:
            Unauthorised: the passphrase does not open the epoch file.
            Unavailable: records are there, and the vault or the jobs are not: made anew, they would say that
                nobody is known and nothing was answered.
        """
        files.check_complete()
        self.files = files
        self.clock = clock or SystemClock()
        self.keystore = KeyStore(files.keys, passphrase, module)
        self.vault = Vault.open(files.vault, EpochFile(files.epoch, passphrase))
        self.jobs = Jobs(files.jobs)
        # Set by whoever finds that database and anchor do not agree: reads go on, writes stop.
        self.fault: LedgerError | None = None
        self.watch = Watch()  # whoever serves puts somebody here who counts and times
        self._register = Register()
        self._keys = (self._register, Keyring(()))  # made anew with every newer register
        self._register_lock = threading.Lock()
        # Who decides at once saves at once, with one flush. Whoever was too late twice decides alone.
        self._turns = Turns()
        super().__init__(
            env={
                "PERSISTENCE_MODULE": "ledger.store.sqlite:LedgerFactory",
                LedgerFactory.DATABASE: str(files.ledger),
            }
        )
        self.outcomes = OutcomeStore(self.jobs, self.vault, self.store)

    # -------------------------------------------------------------- the library's construction hooks

    def construct_factory(self, env: Environment) -> LedgerFactory:
        """Return the factory, with our clock."""
        factory = LedgerFactory(env)
        factory.clock = self.clock
        return factory

    def construct_mapper(self) -> LedgerMapper:
        """Return the mapper that seals under the vault's keys."""
        return LedgerMapper(JSONTranscoder(), self._key_of)

    @property
    def store(self) -> LedgerRecorder:
        """The recorder, by the name of what it keeps."""
        return self.recorder

    def _key_of(self, subject: UUID) -> SubjectKey:
        key = self.vault.keys([subject]).get(subject)
        if key is None and subject == self.subject:
            return self.vault.key_of(subject, LEDGER)
        if key is None:
            raise Unavailable(
                "the subject's key is not in the vault: nothing can be sealed for it", code="vault"
            )
        return key

    # -------------------------------------------------------------- reading

    def replay(self, stored_events: Iterable[StoredEvent]) -> Any:
        """Return the aggregate that these records of one stream make, None for none."""
        aggregate: Any = None
        for stored in stored_events:
            aggregate = self.mapper.to_domain_event(stored).mutate(aggregate)
        return aggregate

    def get_many(self, streams: Iterable[UUID]) -> dict[UUID, LedgerAggregate]:
        """Return many aggregates at once; unknown ones are absent."""
        return {stream: self.replay(stored) for stream, stored in self.store.select_streams(streams).items()}

    def register(self, head: Head | None = None) -> Register:
        """Return the register as it stands, at least at `head`; treat it as read-only, or fork it.

        Args:
            head: of the store, where it was read a moment ago.
        """
        authority = (head or self.store.head()).authority
        with self._register_lock:
            if self._register.position < authority:
                self._register = self._advanced(self._register, authority)
            return self._register

    def register_as_at(self, position: int) -> Register:
        """Return the register as it stood when `position` was the newest record."""
        register = Register()
        self._follow(register, position)
        return register

    def _advanced(self, register: Register, authority: int) -> Register:
        fresh = register.fork()
        self._follow(fresh, authority)
        if fresh.position != authority:
            raise Corrupt("authority records are missing from the store", code="authority")
        return fresh

    def _follow(self, register: Register, upto: int) -> None:
        """Take every authority record up to a position into a register."""
        while batch := self.store.select_notifications(
            register.position + 1, _AUTHORITY_BATCH, stop=upto, topics=AUTHORITY_TOPICS
        ):
            for notification in batch:
                register.apply(self.mapper.to_domain_event(notification), notification.id)

    @property
    def subject(self) -> UUID:
        """The ledger as the one whom a record is about: its key seals what outlives a learner's."""
        return public_id("ledger", self.founding.origin)

    @property
    def founding(self) -> Founding:
        """How this ledger was founded, which never changes."""
        founding = self._register.founding or self.register().founding
        if founding is None:
            raise Unavailable("this ledger is not founded yet: run `roa init`", code="not-founded")
        return founding

    def keyring(self, head: Head | None = None) -> Keyring:
        """Return every registered key with its validity by position; `head` as in `register`."""
        register = self.register(head)
        if self._keys[0] is not register:
            self._keys = (register, keyring_of(register))
        return self._keys[1]

    def signer(self, label: str, organisation: UUID, purpose: str) -> Signer:
        """Return the key in custody here that signs for an organisation now.

        Raises:
            Unauthorised: (custody) none is here, or none that the register accepts for this purpose.
        """
        head = self.store.head()
        keyring = self.keyring(head)
        return current_signer(self.keystore, label, keyring, organisation, purpose, head.size + 1)

    def standings(self) -> Standings:
        """Return how records stand under the keys as they are registered now."""
        return Standings(self.store, self.keyring())

    # -------------------------------------------------------------- taking a submission in

    def submit(self, received: ReceivedSubmission) -> list[Outcome]:
        """Decide a submission, append what is accepted, and return an outcome for every row.

        The same submission (iss, jti, n, root) again gets the first answer again, and whatever a
        crash left undecided is decided now. Durable when it returns.

        Args:
            received: a submission whose parts belong together.

        Raises:
            Unauthorised: its key is unknown, of another organisation, retired, or for other purposes.
            Reused: the same id with other content.
            Unavailable: clock, disk, or too many writers: nothing of the failed chunk is recorded.
        """
        known = {outcome.row: outcome for part in self.submit_in_parts(received) for outcome in part}
        return [known[row] for row in range(received.claims.n)]

    def submit_in_parts(self, received: ReceivedSubmission) -> Iterator[Sequence[Outcome]]:
        """Do the same part by part: what was decided before, if anything, then each chunk when it is durable.

        The rows of one chunk are held at a time. Whoever stops asking leaves the rest undecided, to be
        decided when the submission comes again.

        Raises:
            As `submit`.
        """
        claims = received.claims
        self.check_signature(received)
        job = self.outcomes.find(received)
        before = self.outcomes.of(job) if job else []
        if before:
            yield before
        known, left = {outcome.row for outcome in before}, claims.n - len(before)
        if not left:
            return
        if job is None:
            # At first sight a key that does not count refuses the whole; once it was taken in, row by row.
            self.actor(received)
            job = self.outcomes.open(received, self.clock.now_us())
        pending = ((place, row) for place, row in enumerate(received.rows) if place not in known)
        width = left if claims.mode == ATOMIC else CHUNK_ROWS
        for chunk in batched(pending, width):
            left -= len(chunk)
            decided = self._commit(received, chunk)
            self.outcomes.keep(job, decided, done=not left)
            self.watch.decided((one.status for one in decided), done=not left)
            yield decided

    def check_signature(self, received: SignedClaims) -> RegisteredKey:
        """Return the registered key that signed a submission; a key that was retired since still signed it.

        Raises:
            Unauthorised: the key is unknown or another organisation's, or the signature is not its own.
        """
        kid, claims = received.jws.header["kid"], received.claims
        key = self._keyring_for(received, self.store.head()).get(kid)
        if key is None or key.organisation != claims.iss:
            raise Unauthorised("the signing key is not registered to this organisation", code="E909")
        jws_verify(received.token, key.jwk, SUBMISSION_TYP)
        return key

    def actor(self, received: ReceivedSubmission, head: Head | None = None) -> Organisation:
        """Return the organisation that says it, its key being valid now for everything it says.

        Args:
            received: what it says.
            head: what is meant by now, where it was read a moment ago.

        Raises:
            Unauthorised: the key is retired, revoked, or for other purposes.
        """
        claims, kid = received.claims, received.jws.header["kid"]
        head = head or self.store.head()
        keyring = self._keyring_for(received, head)
        for purpose in {purpose_of(kind) for kind in received.kinds}:
            keyring.valid(kid, claims.iss, purpose, head.size + 1)
        actor = self.register(head).organisation(claims.iss) or self._founder(received)
        if actor is None:
            raise Unauthorised("this organisation is not on the register", code="E909")
        return actor

    def _keyring_for(self, received: SignedClaims, head: Head) -> Keyring:
        """Return the keys that may have signed a submission: for the founding, the one inside it."""
        if head.size or not isinstance(received, ReceivedSubmission):
            return self.keyring(head)
        return Keyring([registrar_key(_founding_members(received), received.claims)])

    def _founder(self, received: ReceivedSubmission) -> Organisation | None:
        """Return the regulator as the founding names it, until it is registered like everybody."""
        founding = self.register().founding
        if founding is not None:
            number, name = founding.registrar_number, founding.registrar_name
        else:
            registrar = _founding_members(received)["registrar"]
            number, name = registrar["number"], registrar["name"]
        return founder(received.claims.iss, number, name, instant(self.clock.now_us()))

    def _commit(self, received: ReceivedSubmission, chunk: Sequence[tuple[int, Row]]) -> list[Outcome]:
        """Decide and save one chunk, again from the start whenever somebody else moved what was read."""
        for tried in range(DECIDE_TRIES):
            # What changes the register makes stale whatever is decided beside it, so it never is.
            alone = received.public or tried >= BESIDE_TRIES
            with suppress(Stale, Taken), self._turns.alone() if alone else self._turns.beside_others():
                return self._decide_what_is_left(received, chunk)
        raise Unavailable("too many writers at once: post again in a moment", code="busy")

    def _decide_what_is_left(
        self, received: ReceivedSubmission, chunk: Sequence[tuple[int, Row]]
    ) -> list[Outcome]:
        """Answer rows that are recorded from their records; decide and save the others."""
        places = [place for place, _ in chunk]
        done = self._recorded(received, places)
        rest = [(place, row) for place, row in chunk if place not in done]
        fresh = {one.row: one for one in (self._decide_and_save(received, rest) if rest else [])}
        if any(one.status not in (ACCEPTED, WARNED) for one in fresh.values()):
            # The same submission may have been recorded between the two looks, by another thread or process:
            # then its own records are what these rows were measured by.
            fresh |= self._recorded(received, list(fresh))
        return [known for _, known in sorted((done | fresh).items())]

    def _recorded(self, received: ReceivedSubmission, places: Sequence[int]) -> dict[int, Outcome]:
        """Return the outcomes of those rows that are recorded already, by their place."""
        claims = received.claims
        found = self.store.recorded_rows(claims.iss, claims.jti, places[0], places[-1])
        return {place: self.outcomes.recorded(place, found[place]) for place in places if place in found}

    def _decide_and_save(
        self, received: ReceivedSubmission, rows: Sequence[tuple[int, Row]]
    ) -> list[Outcome]:
        head = self.store.head()  # before anything is read: what is newer makes this stale
        as_of = head.size
        received = self._as_first_signed(received)
        try:
            actor = self.actor(received, head)
        except Unauthorised:
            # A key that was retired since the submission was taken in signs no further records.
            return [refusal(place, (finding("E909"),)) for place, _ in rows]
        case = Circumstances(received, actor, self.register(head).fork(), as_of, self.clock.now_us())
        with self.watch.step(DECIDE, rows=len(rows)):
            if received.public:
                batch = decide_public(case, rows, self._check_proofs)
            else:
                batch = PrivateDeciding(case, self.vault, self.store, self.replay).decide(rows)
        if received.claims.mode == ATOMIC and any(one.refused for one in batch.outcomes):
            return atomic_refusal(batch.outcomes)
        self._save_batch(received, batch, as_of)
        return batch.outcomes

    def _as_first_signed(self, received: ReceivedSubmission) -> ReceivedSubmission:
        """Return the submission under the signature it was first recorded with, which every record carries.

        An ES256 signature is random, so the same submission may come back as other bytes.
        """
        kept = self.store.submission(received.claims.iss, received.claims.jti)
        if kept is None or kept.jws == received.token:
            return received
        return replace(received, token=kept.jws, jws=jws_read(kept.jws))

    def _save_batch(self, received: ReceivedSubmission, batch: Batch, as_of: int) -> None:
        if not batch.events:
            return
        claims = received.claims
        write = Write(
            as_of=as_of,
            reads=batch.reads_of_others(),
            submission=Submission(claims.iss, claims.jti, received.token, received.leaf_hashes),
            takes=tuple(batch.takes),
            frees=tuple(batch.frees),
        )
        positions = self.save_events(batch.events, batch.keys, write)
        # From here the chunk is durable: a crash is finished by posting again, not undone.
        for outcome, position in zip(batch.recorded, positions, strict=True):
            outcome.position = position

    def check_writable(self) -> None:
        """Raise what stops writing; Unavailable with the code of the fault."""
        if self.fault is not None:
            raise Unavailable(f"writing has stopped: {self.fault}", code=self.fault.code)

    def save_events(self, events: Sequence[Any], keys: dict[UUID, SubjectKey], write: Write) -> Sequence[int]:
        """Seal and append these events in one transaction; return their positions."""
        # The last door: whatever came to be decided on another way stops here too.
        self.check_writable()
        with self.watch.step(SAVE, records=len(events)):
            stored = [self.mapper.to_stored(event, keys) for event in events]
            return self.store.insert_events(stored, write=write) or []

    def note(self, consequences: Sequence[Consequence], *, as_of: int | None = None) -> Sequence[int]:
        """Record what the ledger itself does, in one transaction: no statement, no decision of anybody's.

        Args:
            consequences: in the order in which they are recorded.
            as_of: size of the ledger that they were concluded from; the present one when left out.

        Returns:
            The positions, in order.

        Raises:
            Stale: a stream that one of them follows has moved: conclude again.
            Unavailable: clock, disk, a subject's key that is gone, or too many writers.
        """
        with self._turns.alone():
            for _ in range(DECIDE_TRIES):
                size, now_us = self.store.head().size, self.clock.now_us()
                decided_on = civil_date(now_us)
                ruleset = law.rules_on(decided_on)
                act = Act(size if as_of is None else as_of, ruleset.id, decided_on, instant(now_us))
                held = self.get_many({one.stream for one in consequences})
                _check_follows(consequences, held)
                events = [event for one in consequences for event in _events_of(one, held, act)]
                with suppress(Stale):
                    return self.save_events(events, {}, Write())
        raise Unavailable("too many writers at once: try again in a moment", code="busy")

    def _check_proofs(self, statement: Statement) -> None:
        if statement.kind.type == "key.registered":
            check_possession(statement.members, self.register(), self.founding.origin)

    def close(self) -> None:
        """Close every file."""
        super().close()
        self.store.close()
        self.vault.close()
        self.jobs.close()


def _check_follows(consequences: Sequence[Consequence], held: Mapping[UUID, LedgerAggregate]) -> None:
    for one in consequences:
        version = held[one.stream].version if one.stream in held else 0
        if one.follows not in (None, version):
            raise Stale("what this follows from has changed")


def _events_of(
    consequence: Consequence, held: dict[UUID, LedgerAggregate], act: Act
) -> Sequence[LedgerEvent]:
    """Return the event of a consequence; `held` then has the aggregate as it stands after it."""
    assert consequence.event_class.CONSEQUENCE, consequence.event_class.TOPIC
    aggregate = held.get(consequence.stream)
    if aggregate is None:
        begun = aggregate_of(consequence.event_class)
        aggregate = begun.begin(consequence.event_class, consequence.stream, act, **consequence.fields)
        held[consequence.stream] = aggregate
    else:
        aggregate.record(consequence.event_class, act, **consequence.fields)
    return aggregate.collect_events()


def _founding_members(received: ReceivedSubmission) -> dict[str, Any]:
    """Return the members of the one statement that an empty ledger accepts; Unauthorised otherwise."""
    statement = read_statement(next(iter(received.rows)))
    if (
        received.claims.n != 1
        or not isinstance(statement, Statement)
        or statement.kind.type != LedgerFounded.TOPIC
    ):
        raise Unauthorised("this ledger is not founded yet: run `roa init`", code="not-founded")
    return statement.members
