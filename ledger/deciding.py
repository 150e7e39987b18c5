"""Deciding a chunk of statements: load what they need in bulk, ask the commands, gather what to save.

Rows are decided in order and see each other's effects. Nothing is written to the ledger here; the
vault gets the reservations that must be durable before the ledger transaction uses them.

Source: LEDGER.md 6 (load in bulk, decide, save once; no stale decisions), SPEC.md 2 and 3.
"""

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol
from uuid import UUID

from eventsourcing.persistence import StoredEvent

from ledger.clock import civil_date, instant
from ledger.commands.base import Decision, Person, Request, Slot
from ledger.commands.catalogue import COMMANDS, domain_date
from ledger.domain.award import IN_FORCE, Award
from ledger.domain.base import Act, LedgerAggregate, LedgerEvent, Said
from ledger.domain.claims import AWARD, ROW, SLOT, award_claim, slot_claim, slot_prefix
from ledger.domain.organisation import Organisation
from ledger.domain.register import Register
from ledger.encoding.msgpack import unpack
from ledger.encoding.strict_json import canonical_plain
from ledger.errors import Refusal, Stale
from ledger.ids import award_id, uuid7
from ledger.mapper import PRIVATE_HEAD, SALT_BYTES, LedgerNotification, private_state, unseal
from ledger.policy import rules
from ledger.policy.findings import Finding, finding
from ledger.privacy.matching import name_id
from ledger.privacy.sealing import SubjectKey
from ledger.privacy.vault import Match, Vault, VaultEnrolment, VaultPerson
from ledger.statements import ReceivedSubmission, Row, Statement, read_statement

ACCEPTED, WARNED, UNCHANGED, HELD, REJECTED = "accepted", "accepted_with_warnings", "unchanged", "held", "rejected"
STATUS_LIST_SIZE = 131_072
STATUS_LIST_FULL_AT = STATUS_LIST_SIZE * 3 // 4
_ROW_MAC_AT = PRIVATE_HEAD.index("row_mac")


@dataclass(slots=True)
class Outcome:
    """What became of one row (counted from 0)."""

    row: int
    status: str
    findings: tuple[Finding, ...] = ()
    position: int | None = None
    award: UUID | None = None


@dataclass(slots=True)
class Batch:
    """What a chunk came to: events to append with what they rest on, and an outcome for every row."""

    outcomes: list[Outcome] = field(default_factory=list)
    events: list[LedgerEvent] = field(default_factory=list)
    recorded: list[Outcome] = field(default_factory=list)  # one for each event, in their order
    takes: list[tuple[str, bytes, UUID, int]] = field(default_factory=list)
    frees: list[tuple[str, bytes]] = field(default_factory=list)
    reads: dict[UUID, int] = field(default_factory=dict)
    keys: dict[UUID, SubjectKey] = field(default_factory=dict)
    enrolments: dict[str, VaultEnrolment] = field(default_factory=dict)

    def accept(self, row: int, decision: Decision, row_key: bytes | None = None) -> Outcome:
        """Take in a decision that was not refused: its events, claims and reads."""
        events = [event for aggregate in decision.changed for event in aggregate.collect_events()]
        assert len(events) == 1, "one accepted statement is exactly one event"
        event = events[0]
        holder = (event.originator_id, event.originator_version)
        self.takes += [(claim.kind, claim.key, *holder) for claim in decision.takes]
        if row_key is not None:
            self.takes.append((ROW, row_key, *holder))
        self.frees += [(claim.kind, claim.key) for claim in decision.frees]
        for aggregate in decision.reads:
            self.reads.setdefault(aggregate.id, aggregate.version)
        status = WARNED if any(one.severity == "warn" for one in decision.findings) else ACCEPTED
        outcome = Outcome(row, status, decision.findings, award=decision.award)
        self.events.append(event)
        self.recorded.append(outcome)
        return outcome

    def reads_of_others(self) -> tuple[tuple[UUID, int], ...]:
        """Return streams that were read and are not written by this batch, with their versions."""
        written = {event.originator_id for event in self.events}
        return tuple((stream, version) for stream, version in self.reads.items() if stream not in written)


class Loads(Protocol):
    """What deciding needs of the store."""

    def select_streams(self, streams: Iterable[UUID]) -> dict[UUID, list[StoredEvent]]:
        """Return the records of many streams, each oldest first."""
        ...

    def taken(self, kind: str, keys: Sequence[bytes]) -> dict[bytes, LedgerNotification]:
        """Return which record holds each of these values."""
        ...

    def taken_count(self, kind: str, prefix: bytes) -> int:
        """Return how many values of a kind begin with `prefix`."""
        ...


@dataclass(slots=True)
class Circumstances:
    """What every row of a chunk shares."""

    received: ReceivedSubmission
    actor: Organisation
    register: Register  # a fork of the register as it stood at as_of
    as_of: int
    now_us: int

    @property
    def decided_on(self) -> date:
        """The civil date used for "future" and "late"."""
        return civil_date(self.now_us)

    def act(self, statement: Statement, said: Said, row_key: bytes | None = None, row_mac: bytes | None = None) -> Act:
        """Return the act of one statement, under the rule set of its own date."""
        decided_on = self.decided_on
        day = domain_date(statement.kind.type, statement.members) or decided_on
        # A date that has not come yet is refused by the command; no law of the future decides it.
        ruleset = rules.rules_on(min(day, decided_on))
        return Act(self.as_of, ruleset.id, decided_on, instant(self.now_us), said, row_key, row_mac)


def refusal(row: int, findings: tuple[Finding, ...]) -> Outcome:
    """Return the outcome of a row that is not recorded: held when a person must decide, else rejected."""
    held = all(one.severity != "block" for one in findings) and any(one.severity == "hold" for one in findings)
    return Outcome(row, HELD if held else REJECTED, findings)


# ------------------------------------------------------------------ public statements


def decide_public(case: Circumstances, rows: Sequence[tuple[int, Row]], check: Callable[[Statement], None]) -> Batch:
    """Decide statements about the register.

    Args:
        case: what the rows share.
        rows: (place in the submission, row).
        check: raises Refusal where a statement carries a proof that does not hold.
    """
    batch = Batch()
    for place, row in rows:
        batch.outcomes.append(_decide_public(case, batch, place, row, check))
    return batch


def _decide_public(
    case: Circumstances, batch: Batch, place: int, row: Row, check: Callable[[Statement], None]
) -> Outcome:
    statement = read_statement(row)
    if not isinstance(statement, Statement):
        return refusal(place, statement)
    received = case.received
    path = tuple(received.tree.inclusion_path(place))
    said = Said(
        received.claims.jti, place, row.salt, row.statement, jws=received.token, size=received.claims.n, path=path
    )
    try:
        check(statement)
        act = case.act(statement, said)
    except Refusal as error:
        return refusal(place, (finding(error.code),))
    request = Request(statement.kind.type, statement.members, {}, act, case.actor, case.register)
    decision = COMMANDS[statement.kind.type](request)
    if decision.refused:
        return refusal(place, decision.findings)
    for aggregate in decision.changed:
        case.register.add(aggregate)
    return batch.accept(place, decision)


# ------------------------------------------------------------------ private statements


class PrivateDeciding:
    """Decides statements about people: one chunk, loaded in bulk, then row after row."""

    def __init__(self, case: Circumstances, vault: Vault, loads: Loads, replay: Callable[[Iterable[StoredEvent]], Any]):
        self._case, self._vault, self._loads, self._replay = case, vault, loads, replay
        self._batch = Batch()
        self._people: dict[str, VaultPerson] = {}
        self._places: dict[str, VaultEnrolment] = {}
        self._streams: dict[UUID, LedgerAggregate] = {}
        self._stored: dict[UUID, list[StoredEvent]] = {}
        self._seen: dict[bytes, tuple[bytes | None, int | None]] = {}
        self._in_force: dict[bytes, UUID] = {}
        self._names: dict[UUID, str] = {}
        self._released: set[str] = set()  # references reserved for another learner, whose stream never came
        self._slots = _Slots(case.actor, loads)

    def decide(self, rows: Sequence[tuple[int, Row]]) -> Batch:
        """Return what the rows came to; reservations that the events need are durable in the vault."""
        read = [(place, row, read_statement(row)) for place, row in rows]
        statements = [one for _, _, one in read if isinstance(one, Statement)]
        self._load_people(statements)
        self._load_streams(statements)
        keyed = self._load_seen(read)
        for place, row, statement in read:
            if isinstance(statement, Statement):
                outcome = self._decide(place, row, statement, *keyed[place])
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
        refs = {one.who["enrolment_ref"] for one in statements if "enrolment_ref" in one.who}
        self._places = self._vault.enrolments(self._case.actor.id, refs)

    def _load_streams(self, statements: Sequence[Statement]) -> None:
        wanted = {person.learner_id for person in self._people.values()}
        for place in self._places.values():
            wanted.add(place.enrolment_id)
        awarding = [one for one in statements if one.kind.type == "microcredential.awarded"]
        wanted |= {
            award_id(self._places[ref].enrolment_id, 1)
            for ref in (one.who.get("enrolment_ref") for one in awarding)
            if ref in self._places
        }
        wanted |= {one.members["award"] for one in statements if one.kind.type == "award.revoked"}
        self._load(wanted)
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

    def _load_seen(
        self, read: Sequence[tuple[int, Row, Statement | tuple[Finding, ...]]]
    ) -> dict[int, tuple[SubjectKey | None, bytes | None, bytes | None]]:
        keyed: dict[int, tuple[SubjectKey | None, bytes | None, bytes | None]] = {}
        for place, _, statement in read:
            if isinstance(statement, Statement):
                key = self._subject_key(statement)
                if key is None:
                    keyed[place] = (None, None, None)
                else:
                    row_key = key.row_key(self._case.actor.id, statement.kind.group, row_name(statement))
                    keyed[place] = (key, row_key, key.row_mac(row_content(statement)))
        keys = list({row_key for _, row_key, _ in keyed.values() if row_key is not None})
        for row_key, record in self._loads.taken(ROW, keys).items():
            opened = unpack(private_state(record.state).open_bytes[SALT_BYTES:])
            self._seen[row_key] = (opened[_ROW_MAC_AT], record.id)
        return keyed

    def _subject_key(self, statement: Statement) -> SubjectKey | None:
        """Return the key of the learner a statement is about, None where that is nobody we know."""
        if statement.kind.type == "award.revoked":
            award = self._streams.get(statement.members["award"])
            if not isinstance(award, Award):
                return None
            if award.learner not in self._batch.keys:
                self._batch.keys.update(self._vault.keys([award.learner]))
                self._load([award.learner])
            return self._batch.keys.get(award.learner)
        person = self._people.get(statement.who["nsn"])
        if person is None:
            return None
        self._batch.keys[person.learner_id] = person.key
        return person.key

    # -------------------------------------------------------------- one row

    def _decide(
        self, place: int, row: Row, statement: Statement, key: SubjectKey | None, row_key: bytes | None, row_mac: bytes | None
    ) -> Outcome:
        if row_key in self._seen:
            mac, position = self._seen[row_key]
            if mac == row_mac:
                return Outcome(place, UNCHANGED, (finding("W702"),), position)
            return refusal(place, (finding("E701"),))
        claims = self._case.received.claims
        said = Said(claims.jti, place, row.salt, row.statement, row.who_salt, row.who)
        try:
            act = self._case.act(statement, said, row_key, row_mac)
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
        return self._accept(place, statement, request, decision, row_key, row_mac)

    def _accept(
        self,
        place: int,
        statement: Statement,
        request: Request,
        decision: Decision,
        row_key: bytes | None,
        row_mac: bytes | None,
    ) -> Outcome:
        batch = self._batch
        outcome = batch.accept(place, decision, row_key)
        for aggregate in decision.changed:
            self._streams[aggregate.id] = aggregate
        learner = batch.events[-1].subject  # type: ignore[attr-defined]
        if learner in self._streams:
            # The learner's stream is always among the reads: a merge or a forgetting makes this stale.
            batch.reads.setdefault(learner, self._streams[learner].version)
        if row_key is not None:
            self._seen[row_key] = (row_mac, None)
        self._note_award(decision, outcome)
        if statement.kind.type == "learner.enrolled":
            ref, enrolment = statement.who["enrolment_ref"], decision.changed[0]
            self._places[ref] = batch.enrolments[ref] = VaultEnrolment(enrolment.id, learner)
        return outcome

    def _note_award(self, decision: Decision, outcome: Outcome) -> None:
        for claim in decision.takes:
            if claim.kind == AWARD and outcome.award is not None:
                self._in_force[claim.key] = outcome.award
        for claim in decision.frees:
            self._in_force.pop(claim.key, None)

    def _complete(self, request: Request, statement: Statement) -> tuple[Finding, ...]:
        """Fill a request with what the rows' identity columns lead to; return what already refuses it."""
        kind, who = statement.kind.type, statement.who
        if kind == "award.revoked":
            award = self._streams.get(statement.members["award"])
            request.awards = (award,) if isinstance(award, Award) else ()
            return ()
        request.person = self._person(who["nsn"])
        if kind == "learner.registered":
            person = self._people.get(who["nsn"])
            request.new_id = person.learner_id if person else None
            return ()
        place = self._places.get(who["enrolment_ref"])
        enrolment = self._streams.get(place.enrolment_id) if place else None
        if kind == "learner.enrolled":
            # The reference leads to an enrolment already, and this is not the row that made it.
            if enrolment is not None:
                return (finding("E701", column="enrolment_ref"),)
            request.new_id = self._enrolment_id(who["enrolment_ref"], place, request.person)
            return ()
        request.enrolment = enrolment  # type: ignore[assignment]
        if kind == "microcredential.awarded" and request.person and place and enrolment:
            self._complete_award(request, place)
        return ()

    def _enrolment_id(self, ref: str, place: VaultEnrolment | None, person: Person | None) -> UUID:
        """Return the id for a new enrolment: the one reserved for this learner before, else a fresh one."""
        if place is not None and person is not None:
            if place.learner_id == person.learner_id:
                return place.enrolment_id
            self._released.add(ref)
        return uuid7(self._case.now_us)

    def _complete_award(self, request: Request, place: VaultEnrolment) -> None:
        assert request.person is not None
        request.awards = self._awards(place.enrolment_id)
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
        return Person(found.learner_id, learner, found.match.name_ids, found.match.date_of_birth)  # type: ignore[arg-type]

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
        if not self._batch.enrolments:
            return
        actor, wanted = self._case.actor.id, self._batch.enrolments
        self._vault.release_enrolments(actor, self._released & wanted.keys())
        if self._vault.reserve_enrolments(actor, wanted) != wanted:
            raise Stale("an enrolment reference was taken meanwhile")


class _Slots:
    """Draws places in a provider's status lists: at random, never twice, the next list at 75 %."""

    def __init__(self, actor: Organisation, loads: Loads) -> None:
        self._number, self._loads = actor.number or 0, loads
        self._list, self._used = 0, STATUS_LIST_FULL_AT
        self._drawn: set[bytes] = set()

    def draw(self, credential_id: UUID) -> Slot:
        while self._used >= STATUS_LIST_FULL_AT:
            self._list += 1
            self._used = self._loads.taken_count(SLOT, slot_prefix(self._number, self._list))
        while True:
            index = secrets.randbelow(STATUS_LIST_SIZE)
            key = slot_claim(self._number, self._list, index).key
            if key not in self._drawn and not self._loads.taken(SLOT, [key]):
                self._drawn.add(key)
                self._used += 1
                return Slot(self._list, index, credential_id)


def match_of(who: dict[str, Any]) -> Match:
    """Return what later rows about this person are compared with."""
    name = who["name"]
    code = name_id(family=name.get("family"), given=name.get("given"), whole=name.get("whole"))
    return Match((code,), who["date_of_birth"])


def display_name(fields: dict[str, Any]) -> str:
    """Return a learner's name as credentials show it: the whole name, else given and family.

    Source: LEDGER.md 3 (award receipt).
    """
    if fields["whole"]:
        return str(fields["whole"])
    return " ".join(part for part in (fields["given"], fields["family"]) if part)


def row_name(statement: Statement) -> bytes:
    """Return what names a row for its provider: its row_ref, else JCS of its natural key."""
    who, members = statement.who, statement.members
    if "row_ref" in who:
        return str(who["row_ref"]).encode()
    natural: dict[str, Sequence[Any]] = {
        "learner": (who.get("nsn"),),
        "revocation": (str(members.get("award")),),
        "assessment": (who.get("enrolment_ref"), members.get("code"), members.get("outcome"), members.get("attempt")),
    }
    return canonical_plain(
        list(natural.get(statement.kind.group, (who.get("enrolment_ref"), members.get("code"))))
    )


def row_content(statement: Statement) -> bytes:
    """Return JCS([statement without who, who without row_ref]): what makes a row the same as before."""
    said = {name: value for name, value in statement.raw.items() if name != "who"}
    who = {name: value for name, value in statement.raw_who.items() if name != "row_ref"}
    return canonical_plain([said, who])


def atomic_refusal(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Return the outcomes of an atomic submission in which a row was refused: nothing is recorded."""
    return [
        outcome
        if outcome.status in (HELD, REJECTED, UNCHANGED)
        else Outcome(outcome.row, REJECTED, (finding("E920"),))
        for outcome in outcomes
    ]


