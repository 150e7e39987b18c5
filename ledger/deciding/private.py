"""Deciding statements about people: one chunk loaded in bulk, then row after row.

Nothing is written to the ledger here; the vault gets the reservations that must be durable before
the ledger transaction uses them.

Source: LEDGER.md 4 (look-ups, row keys), 6 (load in bulk, decide, save once); SPEC.md 2 and 3.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from eventsourcing.persistence import StoredEvent

from ledger.commands.base import Decision, Person, Request
from ledger.commands.catalogue import COMMANDS
from ledger.deciding.batch import UNCHANGED, Batch, Circumstances, Outcome, refusal
from ledger.deciding.forgettings import GROUP as FORGETTING
from ledger.deciding.forgettings import Forgettings
from ledger.deciding.loads import Loads
from ledger.deciding.rows import display_name, match_of, match_of_registered, row_content, row_name
from ledger.deciding.slots import Slots
from ledger.domain.award import IN_FORCE, Award
from ledger.domain.base import LEDGER, LedgerAggregate, PrivateEvent, Said
from ledger.domain.claims import AWARD, ROW, award_claim
from ledger.domain.enrolment import Enrolment
from ledger.domain.learner import Learner, is_forgotten
from ledger.encoding.msgpack import unpack
from ledger.errors import Refusal, Stale
from ledger.ids import award_id, public_id, uuid7
from ledger.mapper import PRIVATE_HEAD, SALT_BYTES, private_state, unseal
from ledger.policy.findings import Finding, finding
from ledger.privacy.sealing import SubjectKey
from ledger.privacy.vault import Vault, VaultEnrolment, VaultPerson
from ledger.statements import Row, Statement, read_statement

_ROW_MAC_AT = PRIVATE_HEAD.index("row_mac")
_SAME = (finding("W702"),)
_Read = Sequence[tuple[int, Row, Statement | tuple[Finding, ...]]]


class RowDigests(NamedTuple):
    """By which a row is known again; None for a row about nobody we know."""

    key: bytes | None = None
    mac: bytes | None = None


class PrivateDeciding:
    """Decides statements about people: one chunk, loaded in bulk, then row after row."""

    def __init__(
        self, case: Circumstances, vault: Vault, loads: Loads, replay: Callable[[Iterable[StoredEvent]], Any]
    ) -> None:
        self._case, self._vault, self._loads, self._replay = case, vault, loads, replay
        self._batch = Batch()
        self._people: dict[str, VaultPerson] = {}
        self._lookups: dict[str, VaultEnrolment] = {}
        self._streams: dict[UUID, LedgerAggregate] = {}
        self._stored: dict[UUID, list[StoredEvent]] = {}
        # Row key to (row mac, position); a row of this same chunk has no position yet.
        self._seen: dict[bytes, tuple[bytes | None, int | None]] = {}
        self._in_force: dict[bytes, UUID] = {}
        self._names: dict[UUID, str] = {}
        self._released: set[str] = set()  # references reserved for another learner, whose stream never came
        self._misplaced: dict[str, VaultEnrolment] = {}  # references that lead to another learner's enrolment
        self._rematched: list[VaultPerson] = []  # reserved under other data than they are registered with
        self._contradicted: set[str] = set()  # NSNs whose registration here was refused
        self._slots = Slots(case.actor, loads)
        self._forgotten: set[str] = set()  # NSNs that meet a tombstone
        self._forgettings = Forgettings(case, loads, self._streams)

    def decide(self, rows: Sequence[tuple[int, Row]]) -> Batch:
        """Return what the rows came to; reservations that the events need are durable in the vault."""
        read = [(place, row, read_statement(row)) for place, row in rows]
        statements = [one for _, _, one in read if isinstance(one, Statement)]
        self._load_people(statements)
        self._load_revoked(statements)
        self._load_forgettings(statements)
        digests = self._load_seen(read)
        # A row that was seen before is answered from its digests alone: nothing else is loaded for it.
        fresh = {place for place, known in digests.items() if known.key not in self._seen}
        self._load_streams([one for place, _, one in read if place in fresh and isinstance(one, Statement)])
        for place, row, statement in read:
            if isinstance(statement, Statement):
                outcome = self._decide(place, row, statement, digests[place])
                if outcome.refused and statement.kind.type == "learner.registered":
                    self._contradicted.add(statement.who["nsn"])
            else:
                outcome = refusal(place, statement)
            self._batch.outcomes.append(outcome)
        self._reserve()
        return self._batch

    # -------------------------------------------------------------- loading

    def _load_people(self, statements: Sequence[Statement]) -> None:
        newcomers = {
            one.who["nsn"]: (uuid7(self._case.now_us), match_of(one.who))
            for one in statements
            if one.kind.type == "learner.registered"
        }
        if newcomers and self._case.register.is_regulator(self._case.actor):
            self._people = self._vault.reserve_people(newcomers)
        others = {one.who["nsn"] for one in statements if "nsn" in one.who} - self._people.keys()
        self._people.update(self._vault.people(others))
        # After the look: who was forgotten between the two is found by neither, and is unknown.
        unknown = (others | newcomers.keys()) - self._people.keys()
        self._forgotten = self._vault.is_forgotten(unknown) if unknown else set()
        self._batch.keys.update((person.learner_id, person.key) for person in self._people.values())

    def _load_revoked(self, statements: Sequence[Statement]) -> None:
        named = [one.members["award"] for one in statements if one.kind.type == "award.revoked"]
        self._load(named)
        awards = [award for stream in named if isinstance(award := self._streams.get(stream), Award)]
        learners = {award.learner for award in awards}
        self._batch.keys.update(self._vault.keys(learners))
        self._load(learners)
        for learner in learners:
            if is_forgotten(self._streams.get(learner)):
                # Nobody is named in a revocation. The key that would seal it is destroyed or about to be,
                # and what bears a false award must be stopped all the same: the ledger's own key does it.
                self._batch.keys[learner] = self._ledger_key()

    def _load_forgettings(self, statements: Sequence[Statement]) -> None:
        forgetting = [one for one in statements if one.kind.group == FORGETTING]
        if forgetting:
            self._batch.keys[self._ledger_id] = self._ledger_key()
            self._load(self._forgettings.first(forgetting))
            self._load(self._forgettings.then(forgetting))

    @property
    def _ledger_id(self) -> UUID:
        founding = self._case.register.founding
        assert founding is not None, "nothing but the founding is decided before it"
        return public_id("ledger", founding.origin)

    def _ledger_key(self) -> SubjectKey:
        return self._vault.key_of(self._ledger_id, LEDGER)

    def _load_streams(self, statements: Sequence[Statement]) -> None:
        refs = {one.who["enrolment_ref"] for one in statements if "enrolment_ref" in one.who}
        self._lookups = self._vault.enrolments(self._case.actor.id, refs)
        enrolments = [found.enrolment_id for found in self._lookups.values()]
        nsns = {one.who["nsn"] for one in statements if "nsn" in one.who}
        learners = {person.learner_id for nsn in nsns if (person := self._people.get(nsn))}
        self._load({*learners, *enrolments, *(award_id(enrolment, 1) for enrolment in enrolments)})
        awarding = [one for one in statements if one.kind.type == "microcredential.awarded"]
        claims = {
            award_claim(person.learner_id, one.members["code"]).key
            for one in awarding
            if (person := self._people.get(one.who["nsn"]))
        }
        held = self._loads.taken(AWARD, list(claims))
        self._in_force = {key: UUID(str(record.originator_id)) for key, record in held.items()}

    def _load(self, streams: Iterable[UUID]) -> None:
        found = self._loads.select_streams(streams)
        self._stored.update(found)
        for stream, stored in found.items():
            self._streams[stream] = self._replay(stored)

    def _load_seen(self, read: _Read) -> dict[int, RowDigests]:
        digests: dict[int, RowDigests] = {}
        for place, _, statement in read:
            if isinstance(statement, Statement):
                digests[place] = self._digests(statement)
        keys = list({known.key for known in digests.values() if known.key is not None})
        for row_key, record in self._loads.taken(ROW, keys).items():
            opened = unpack(private_state(record.state).open_bytes[SALT_BYTES:])
            self._seen[row_key] = (opened[_ROW_MAC_AT], record.id)
        return digests

    def _digests(self, statement: Statement) -> RowDigests:
        if statement.kind.group == FORGETTING:
            return RowDigests()  # asked for again it is another request, or refused as the same one
        key = self._subject_key(statement)
        if key is None:
            return RowDigests()
        row_key = key.row_key(self._case.actor.id, statement.kind.group, row_name(statement))
        return RowDigests(row_key, key.row_mac(row_content(statement)))

    def _subject_key(self, statement: Statement) -> SubjectKey | None:
        """Return the key of the learner a statement is about, None where that is nobody we know."""
        if statement.kind.type == "award.revoked":
            award = self._streams.get(statement.members["award"])
            return self._batch.keys.get(award.learner) if isinstance(award, Award) else None
        person = self._people.get(statement.who["nsn"])
        return None if person is None else person.key

    # -------------------------------------------------------------- one row

    def _decide(self, place: int, row: Row, statement: Statement, digests: RowDigests) -> Outcome:
        if digests.key is not None and digests.key in self._seen:
            mac, position = self._seen[digests.key]
            if mac == digests.mac:
                return Outcome(place, UNCHANGED, _SAME, position)
            return refusal(place, (finding("E701"),))
        claims = self._case.received.claims
        said = Said(claims.jti, place, row.salt, row.statement, row.who_salt, row.who)
        try:
            act = self._case.act(statement, said, *digests)
        except Refusal as error:
            return refusal(place, (finding(error.code),))
        request = Request(
            statement.kind.type, statement.members, statement.who, act, self._case.actor, self._case.register
        )
        refused = self._complete(request, statement)
        if refused:
            return refusal(place, refused)
        decision = COMMANDS[statement.kind.type](request)
        if decision.refused:
            return refusal(place, decision.findings)
        return self._accept(place, statement, decision, digests)

    def _accept(self, place: int, statement: Statement, decision: Decision, digests: RowDigests) -> Outcome:
        batch = self._batch
        outcome = batch.accept(place, decision, digests.key)
        for aggregate in decision.changed:
            self._streams[aggregate.id] = aggregate
        event = batch.events[-1]
        assert isinstance(event, PrivateEvent), event.TOPIC
        learner = event.subject
        if learner in self._streams:
            # The learner's stream is always among the reads: a merge or a forgetting makes this stale.
            batch.reads.setdefault(learner, self._streams[learner].version)
        if digests.key is not None:
            self._seen[digests.key] = (digests.mac, None)
        self._note_award(decision, outcome)
        if statement.kind.type == "learner.registered":
            self._note_match(statement)
        if statement.kind.type == "learner.enrolled":
            ref, enrolment = statement.who["enrolment_ref"], decision.changed[0]
            self._lookups[ref] = batch.enrolments[ref] = VaultEnrolment(enrolment.id, learner)
        return outcome

    def _note_match(self, statement: Statement) -> None:
        """Match later rows by what is registered: a refused row may have reserved the NSN with other data."""
        nsn, match = statement.who["nsn"], match_of(statement.who)
        if self._people[nsn].match != match:
            self._people[nsn] = self._people[nsn]._replace(match=match)
            self._rematched.append(self._people[nsn])

    def _note_award(self, decision: Decision, outcome: Outcome) -> None:
        for claim in decision.takes:
            if claim.kind == AWARD and outcome.award is not None:
                self._in_force[claim.key] = outcome.award
        for claim in decision.frees:
            self._in_force.pop(claim.key, None)

    def _complete(self, request: Request, statement: Statement) -> tuple[Finding, ...]:
        """Fill a request with what the rows' identity columns lead to; return what already refuses it."""
        kind, who = statement.kind.type, statement.who
        if statement.kind.group == FORGETTING:
            self._forgettings.complete(request)
            return ()
        if kind == "award.revoked":
            award = self._streams.get(statement.members["award"])
            request.awards = (award,) if isinstance(award, Award) else ()
            return ()
        request.person = self._person(who["nsn"])
        request.forgotten = who["nsn"] in self._forgotten
        if kind == "learner.registered":
            person = self._people.get(who["nsn"])
            request.new_id = person.learner_id if person else None
            return ()
        lookup = self._lookups.get(who["enrolment_ref"])
        enrolment = self._streams.get(lookup.enrolment_id) if lookup else None
        assert enrolment is None or isinstance(enrolment, Enrolment)
        if lookup is not None and enrolment is not None and enrolment.learner != lookup.learner_id:
            # Another process began this enrolment after its reference was taken over, and was first.
            self._misplaced[who["enrolment_ref"]] = VaultEnrolment(enrolment.id, enrolment.learner)
        if kind == "learner.enrolled":
            # The reference leads to an enrolment already, and this is not the row that made it.
            if enrolment is not None:
                return (finding("E701", column="enrolment_ref"),)
            request.new_id = self._enrolment_id(who["enrolment_ref"], lookup, request.person)
            return ()
        request.enrolment = enrolment
        if lookup is not None and enrolment is not None:
            request.awards = self._awards(lookup.enrolment_id)
            if kind == "microcredential.awarded" and request.person:
                self._complete_award(request)
        return ()

    def _enrolment_id(self, ref: str, lookup: VaultEnrolment | None, person: Person | None) -> UUID:
        """Return the id for a new enrolment: the one reserved under its reference, else a fresh one.

        It is taken over from another learner too: of two processes that use one reference at once,
        both begin the same stream, so only one of them can.
        """
        if lookup is None:
            return uuid7(self._case.now_us)
        if person is not None and lookup.learner_id != person.learner_id:
            self._released.add(ref)
        return lookup.enrolment_id

    def _complete_award(self, request: Request) -> None:
        assert request.person is not None
        request.award_in_force = self._in_force.get(
            award_claim(request.person.learner_id, request.members["code"]).key
        )
        request.slot = self._slots.draw(uuid7(self._case.now_us))
        request.name = self._name(request.person.learner_id)

    def _person(self, nsn: str) -> Person | None:
        found = self._people.get(nsn)
        if found is None:
            return None
        learner = self._streams.get(found.learner_id)
        assert learner is None or isinstance(learner, Learner)
        return Person(found.learner_id, learner, found.match.name_ids, found.match.date_of_birth)

    def _awards(self, enrolment_id: UUID) -> tuple[Award, ...]:
        found: list[Award] = []
        while True:
            stream = award_id(enrolment_id, len(found) + 1)
            if stream not in self._streams and found:
                self._load([stream])  # a re-award: rare enough to be looked up alone
            award = self._streams.get(stream)
            if not isinstance(award, Award):
                return tuple(found)
            found.append(award)
            if award.state == IN_FORCE:
                return tuple(found)

    def _name(self, learner_id: UUID) -> str:
        """Return the learner's name as on record, unsealed once in a chunk."""
        name = self._names.get(learner_id)
        if name is None:
            stored = self._stored[learner_id][0]
            name = self._names[learner_id] = display_name(unseal(stored, self._batch.keys[learner_id]).fields)
        return name

    def _reserve(self) -> None:
        """Make the look-ups of new enrolments durable; Stale when another write had the reference first."""
        for person in (*self._rematched, *self._matched_wrongly()):
            self._vault.rematch(person, person.match)
        actor, wanted = self._case.actor.id, {**self._misplaced, **self._batch.enrolments}
        if not wanted:
            return
        self._vault.release_enrolments(actor, (self._released | self._misplaced.keys()) & wanted.keys())
        if self._vault.reserve_enrolments(actor, wanted) != wanted:
            raise Stale("an enrolment reference was taken meanwhile")

    def _matched_wrongly(self) -> list[VaultPerson]:
        """Return who is matched by other data than they are registered with, as they should be.

        Of two who register one NSN at once, the one that is too late may have replaced what the other is
        matched by before it was told so. It decides again, is refused, and puts that right.
        """
        people = [self._people[nsn] for nsn in sorted(self._contradicted & self._people.keys())]
        stored = self._loads.select_streams([person.learner_id for person in people]) if people else {}
        found = []
        for person in people:
            for first in stored.get(person.learner_id, [])[:1]:
                match = match_of_registered(unseal(first, person.key).fields)
                if match != person.match:
                    found.append(person._replace(match=match))
        return found
