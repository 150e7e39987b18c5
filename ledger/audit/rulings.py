"""With keys: every decision about people is made again, and must come out as it was recorded.

The statement and the identity columns are those that were sealed; the register is the one that the
decision was made on; learner, enrolment and awards are played up to the record and no further. What
the ledger drew by chance (ids of streams and credentials, places in status lists) is given again. Of
two awards in force for one learner and code the table of what is taken tells, see `holdings`.
Findings that only warn are not recorded, so they are not compared. The vault is read, never written.

Source: LEDGER.md 6 (load in bulk, decide), 7 (rulings re-run); SPEC.md 2 and 3.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache, lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from ledger.audit.histories import KEPT_MAX, Histories
from ledger.audit.rows import RecordRow, stored, text
from ledger.clock import civil_date, instant
from ledger.commands.base import Decision, Person, Request, Slot
from ledger.commands.catalogue import COMMANDS, domain_date
from ledger.database import Connection
from ledger.deciding.rows import display_name, match_of
from ledger.deciding.slots import STATUS_LIST_SIZE
from ledger.domain.award import IN_FORCE, Award, AwardRevoked, MicrocredentialAwarded
from ledger.domain.base import LEDGER, Act, PrivateEvent, field_names
from ledger.domain.enrolment import Enrolment, LearnerEnrolled
from ledger.domain.forgetting import Forgetting, ForgettingRequested
from ledger.domain.learner import Learner, LearnerRegistered
from ledger.domain.register import Register
from ledger.encoding.strict_json import parse
from ledger.errors import Corrupt, LedgerError
from ledger.ids import award_id
from ledger.keys.signer import jws_read
from ledger.mapper import unseal
from ledger.policy import law
from ledger.privacy.sealing import SubjectKey
from ledger.privacy.vault import Match, Vault
from ledger.rulings import DECIDING_MAX_US
from ledger.statements import STATEMENT_MAX_BYTES, Statement

# What reading damaged records comes to.
_UNREADABLE = (
    LedgerError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)
# What must be the same beside an event's own fields.
_CIRCUMSTANCES = ("originator_id", "originator_version", "ruleset_id", "subject")


class Ruling(NamedTuple):
    """A decision that was recorded, opened, and the statement that it was about."""

    position: int
    event: PrivateEvent
    statement: Statement
    iss: UUID
    recorded_at_us: int
    submission: int | None


class _Known(NamedTuple):
    """A learner as registered: by what rows are matched, and the name that awards show."""

    nsn: str
    match: Match
    name: str


class RulingChecks:
    """Makes decisions about people again, in order of position."""

    def __init__(self, connection: Connection, vault: Vault) -> None:
        self._connection, self._vault = connection, vault
        self._histories = Histories(connection)
        self._keys: Mapping[UUID, SubjectKey] = {}
        self._learners: OrderedDict[UUID, _Known] = OrderedDict()
        # The submission that was looked up last, and whose it is.
        self._number: int | None = None
        self._iss_of_number = b""
        # Of an enrolment: whose submission began it, and under which reference.
        self._references: OrderedDict[UUID, tuple[bytes, str]] = OrderedDict()

    def begin(self, first: int) -> None:
        """Go on with the records from position `first`."""
        self._histories.begin(first)

    def prepare(
        self, private: Sequence[Any], keys: Mapping[UUID, SubjectKey], part: Sequence[RecordRow]
    ) -> None:
        """Load what the decisions behind these events, which stand in these rows, rested on."""
        self._keys = keys
        streams: set[UUID] = set()
        for event in private:
            if event.CONSEQUENCE:
                continue
            learner = event.learner if isinstance(event, ForgettingRequested) else event.subject
            streams.update((learner, event.originator_id))
            enrolment = _enrolment_of(event)
            if enrolment is not None:
                streams.update((enrolment, award_id(enrolment, 1)))
        self._histories.load(streams, part)
        for kept in (self._learners, self._references):
            while len(kept) > KEPT_MAX:
                kept.popitem(last=False)

    def check(self, ruling: Ruling, register: Register) -> None:
        """Decide again, on that register; Corrupt (`ruling`) unless the same comes out."""
        stream = ruling.event.originator_id
        try:
            request = self._request(ruling, register)
        except _UNREADABLE as error:
            if getattr(error, "code", "") == "ruling":
                raise
            # A record before it is damaged, which is said there too.
            raise Corrupt("what it rests on cannot be read", code="ruling") from error
        try:
            decision = COMMANDS[request.type](request)
            _compare(ruling.event, decision)
        except BaseException:
            self._histories.forget(stream)
            raise
        self._histories.keep(stream, decision.changed[0])
        self._remember(ruling)

    # -------------------------------------------------------------- what was asked

    def _request(self, ruling: Ruling, register: Register) -> Request:
        event, statement = ruling.event, ruling.statement
        if statement.kind.type != event.TOPIC:
            raise Corrupt("records something else than what was said", code="ruling")
        actor = register.organisation(ruling.iss)
        if actor is None:
            raise Corrupt("was said by an organisation that is not on the register", code="ruling")
        request = Request(event.TOPIC, statement.members, statement.who, _act(ruling), actor, register)
        if isinstance(event, AwardRevoked):
            self._complete_revocation(request, ruling)
        elif event.SUBJECT == LEDGER:
            self._complete_forgetting(request, ruling)
        elif isinstance(event, LearnerRegistered):
            self._complete_registration(request, ruling)
        else:
            self._complete(request, ruling)
        return request

    def _complete_revocation(self, request: Request, ruling: Ruling) -> None:
        if request.members["award"] != ruling.event.originator_id:
            raise Corrupt("revokes another award than was said", code="ruling")
        award = self._histories.at(ruling.event.originator_id, ruling.position)
        request.awards = (award,) if isinstance(award, Award) else ()

    def _complete_forgetting(self, request: Request, ruling: Ruling) -> None:
        """Fill in the learner, or the request that is decided about, and by which key it was signed.

        Of two requests that stand for one learner the table of what is taken tells.
        """
        event, position = ruling.event, ruling.position
        request.kid = self._kid(ruling.submission)
        if isinstance(event, ForgettingRequested):
            learner = self._histories.at(event.learner, position) or self._cleared(event.learner, position)
            request.learner = learner if isinstance(learner, Learner) else None
            request.new_id = event.originator_id
            return
        if request.members["forgetting"] != event.originator_id:
            raise Corrupt("is about another request than was said", code="ruling")
        forgetting = self._histories.at(event.originator_id, position)
        request.forgetting = forgetting if isinstance(forgetting, Forgetting) else None

    def _cleared(self, learner: UUID, position: int) -> Learner | None:
        """Return a learner whose beginning a disposal has cleared, as it stood before a position."""
        query = (
            "SELECT position, version, recorded_at_us FROM record WHERE stream = ? ORDER BY version LIMIT 1"
        )
        row = self._connection.execute(query, (learner.bytes,)).fetchone()
        if row is None or row[1] == 1 or row[0] < position:
            return None
        return Learner.without_beginning(learner, row[1] - 1, instant(row[2]))

    def _kid(self, number: int | None) -> str:
        """Return the thumbprint of the key that signed a submission."""
        query = "SELECT jws FROM submission WHERE number = ?"
        row = self._connection.execute(query, (number,)).fetchone()
        if row is None:
            raise Corrupt(f"cites submission {number}, which is not there", code="ruling")
        return str(jws_read(text(row[0])).header["kid"])

    def _complete_registration(self, request: Request, ruling: Ruling) -> None:
        learner, nsn = ruling.event.subject, request.who["nsn"]
        found = self._vault.people([nsn]).get(nsn)
        if found is None or found.learner_id != learner:
            raise Corrupt("registers a person whose number leads to somebody else", code="ruling")
        match = match_of(ruling.statement.who)
        earlier = self._histories.at(learner, ruling.position)
        request.person = Person(learner, earlier, match.name_ids, match.date_of_birth)
        request.new_id = learner

    def _complete(self, request: Request, ruling: Ruling) -> None:
        """Fill in learner, enrolment and awards as they were when the decision was made."""
        event, position = ruling.event, ruling.position
        known = self._known(event.subject, position)
        if known is None or known.nsn != request.who["nsn"]:
            raise Corrupt("is about somebody else than was said", code="ruling")
        learner = self._histories.at(event.subject, position)
        request.person = Person(event.subject, learner, known.match.name_ids, known.match.date_of_birth)
        if isinstance(event, LearnerEnrolled):
            request.new_id = event.originator_id
            return
        stream = _enrolment_of(event)
        assert stream is not None, event.TOPIC
        enrolment = self._histories.at(stream, position)
        if not isinstance(enrolment, Enrolment) or not self._is_referred_to(enrolment, request, ruling):
            raise Corrupt("stands on another enrolment than was said", code="ruling")
        request.enrolment = enrolment
        request.awards = self._awards(stream, position)
        if isinstance(event, MicrocredentialAwarded):
            _complete_award(request, event, known)

    def _awards(self, enrolment: UUID, position: int) -> tuple[Award, ...]:
        """Return the awards of an enrolment before a position, up to the one in force."""
        found: list[Award] = []
        while not found or found[-1].state != IN_FORCE:
            award = self._histories.at(award_id(enrolment, len(found) + 1), position)
            if not isinstance(award, Award):
                break
            found.append(award)
        return tuple(found)

    # -------------------------------------------------------------- how streams began

    def _remember(self, ruling: Ruling) -> None:
        """Remember how a stream began whose beginning was just looked at: what comes next needs it."""
        event = ruling.event
        if isinstance(event, LearnerRegistered):
            self._learners[event.subject] = _known_by(vars(event))
        elif isinstance(event, LearnerEnrolled):
            reference = ruling.statement.who["enrolment_ref"]
            self._references[event.originator_id] = ruling.iss.bytes, reference

    def _known(self, learner: UUID, position: int) -> _Known | None:
        """Return a learner as registered before a position, None where there is no such record."""
        row = self._histories.beginning(learner, position)
        if row is None or row[3] != LearnerRegistered.TOPIC.encode():
            return None
        known = self._learners.get(learner)
        if known is None:
            fields = unseal(stored(row).event, self._keys[learner]).fields
            known = self._learners[learner] = _known_by(fields)
        return known

    def _is_referred_to(self, enrolment: Enrolment, request: Request, ruling: Ruling) -> bool:
        """Whether a row's reference is the one under which its provider began this enrolment."""
        row = self._histories.beginning(enrolment.id, ruling.position)
        if row is None or enrolment.learner != ruling.event.subject:
            return False
        begun = self._references.get(enrolment.id)
        if begun is None:
            said = unseal(stored(row).event, self._keys[enrolment.learner]).said
            who = parse((said and said.who) or b"{}", size_max_bytes=STATEMENT_MAX_BYTES)
            begun = self._references[enrolment.id] = self._iss(row[8]), who.get("enrolment_ref", "")
        return begun == (ruling.iss.bytes, request.who["enrolment_ref"])

    def _iss(self, number: int | None) -> bytes:
        """Return the organisation of a submission, nothing where there is no such submission."""
        if number != self._number:
            query = "SELECT iss FROM submission WHERE number = ?"
            row = self._connection.execute(query, (number,)).fetchone()
            self._number, self._iss_of_number = number, b"" if row is None else bytes(row[0])
        return self._iss_of_number


def _known_by(fields: dict[str, Any]) -> _Known:
    """Return a learner by the sealed fields of the registration."""
    match = match_of({"name": fields, "date_of_birth": fields["date_of_birth"]})
    return _Known(fields["nsn"], match, display_name(fields))


def _complete_award(request: Request, event: MicrocredentialAwarded, known: _Known) -> None:
    if not 0 <= event.status_index < STATUS_LIST_SIZE or event.status_list < 1:
        raise Corrupt("points at a place that no status list has", code="ruling")
    in_force = [award.id for award in request.awards if award.state == IN_FORCE]
    request.award_in_force = in_force[-1] if in_force else None
    request.slot = Slot(event.status_list, event.status_index, event.credential_id)
    request.name = known.name


def _enrolment_of(event: PrivateEvent) -> UUID | None:
    """Return the enrolment that a decision rested on, None where it rested on none."""
    if isinstance(event, MicrocredentialAwarded):
        return event.enrolment
    stream: UUID = event.originator_id
    return stream if event.TOPIC.startswith("assessment.") else None


def _act(ruling: Ruling) -> Act:
    """Return the act as it was recorded, under the rule set that its dates select."""
    event, statement = ruling.event, ruling.statement
    if event.decided_on not in _deciding_days(ruling.recorded_at_us):
        raise Corrupt("was decided on another day than it was recorded", code="ruling")
    day = domain_date(statement.kind.type, statement.members) or event.decided_on
    ruleset = law.rules_on(min(day, event.decided_on))
    return Act(
        event.as_of,
        ruleset.id,
        event.decided_on,
        event.timestamp,
        event.said,
        event.row_key,
        event.row_mac,
    )


@lru_cache(maxsize=64)  # the records of one transaction share it
def _deciding_days(recorded_at_us: int) -> frozenset[date]:
    """Return the days on which something can have been decided that was recorded then."""
    return frozenset(civil_date(recorded_at_us - back) for back in (0, DECIDING_MAX_US))


@cache
def _compared(event_class: type[PrivateEvent]) -> tuple[str, ...]:
    """Return the names of what must come out the same."""
    return (*_CIRCUMSTANCES, *sorted(field_names(event_class)))


def _compare(recorded: PrivateEvent, decision: Decision) -> None:
    """Raise Corrupt, naming what differs, unless a decision made what was recorded."""
    if decision.refused:
        codes = ", ".join(one.code for one in decision.findings if one.severity in ("block", "hold"))
        raise Corrupt(f"the rules refuse it: {codes}", code="ruling")
    (again,) = (event for aggregate in decision.changed for event in aggregate.collect_events())
    held, made = vars(recorded), vars(again)
    differing = [name for name in _compared(type(recorded)) if held[name] != made.get(name)]
    if type(recorded) is not type(again) or differing:
        raise Corrupt(f"the rules make something else of it: {', '.join(differing)}", code="ruling")
