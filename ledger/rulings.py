"""Public records judged again: who said each, and whether the rules make the same of it once more.

Whatever is public carries the statement it rests on, so nothing but the records before it is needed:
neither the database of whoever recorded it nor anybody's key. An audit, a monitor and the rebuilding
of the register ask here.

Source: LEDGER.md 2 (genesis, keys by position), 3 (public record), 7 (rulings re-run).
"""

from contextlib import suppress
from datetime import date
from hashlib import sha256
from typing import Any
from uuid import UUID

from ledger.authority import founder, keyring_of, purpose_of, registrar_key
from ledger.clock import civil_date, instant
from ledger.commands.base import Request
from ledger.commands.catalogue import COMMANDS, domain_date
from ledger.domain.access import AccessDayClosed
from ledger.domain.base import PUBLIC, Act, LedgerEvent, Said, codecs
from ledger.domain.forgetting import LEVEL_SEALED, LEVEL_STREAMS, ForgettingCounted
from ledger.domain.founding import LedgerFounded
from ledger.domain.key import KeyRegistered
from ledger.domain.organisation import Organisation
from ledger.domain.register import Register
from ledger.domain.status_list import StatusListChanged
from ledger.domain.tail import TailLost
from ledger.errors import (
    BadSignature,
    Corrupt,
    LedgerError,
    Malformed,
    ProofShapeError,
    Refusal,
    Unauthorised,
)
from ledger.ids import public_id
from ledger.keys.keyring import FOUNDING_POSITION, Keyring
from ledger.keys.signer import jws_read, jws_verify
from ledger.log.merkle import HASH_BYTES, verify_inclusion
from ledger.log.note import parse_vkey
from ledger.mapper import store_public
from ledger.policy import law
from ledger.possession import check_possession
from ledger.privacy.commitments import statement_leaf
from ledger.statements import (
    ROWS_MAX,
    SALT_BYTES,
    SUBMISSION_TYP,
    Claims,
    Row,
    Statement,
    read_claims,
    read_statement,
)

# Midnight may fall between deciding and recording, which never lie further apart than this.
DECIDING_MAX_US = 3_600_000_000
_PLACE_BYTES = 16


# ------------------------------------------------------------------ who said it


def check_who_said(
    said: Said | None, topic: str, position: int, register: Register, keyring: Keyring | None = None
) -> Claims:
    """Check that a public record's statement was said by whoever had the key for it at that position.

    Args:
        said: the statement as the record carries it.
        topic: of the record.
        position: of the record.
        register: as it stands with everything before the record, and nothing after it.
        keyring: the keys of that register, where the caller has them at hand.

    Returns:
        What the submission's signature says: among it, who spoke.

    Raises:
        Corrupt: `said-missing`, `said-shape`, `said-type`, `said-path`, `said-audience`, `said-key`,
            `said-signature`, `said-founding`.

    Source: LEDGER.md 2.
    """
    if said is None:
        raise Corrupt("carries no statement", code="said-missing")
    statement = read_carried(said, topic)
    try:
        header, claims = _token(said)
        if claims.by is not None:
            raise Corrupt("a public submission never carries `by`", code="said-shape")
        check_carried(said, claims.n, claims.root)
        keys = _founding_keys(statement, claims, position, register) or keyring or keyring_of(register)
        key = keys.valid(header["kid"], claims.iss, purpose_of(topic), position)
        jws_verify(said.jws, key.jwk, SUBMISSION_TYP)
    except BadSignature as error:
        raise Corrupt("the signature of its submission does not hold", code="said-signature") from error
    except Unauthorised as error:
        raise Corrupt(f"was said without the right to: {error}", code="said-key") from error
    origin = statement.members["origin"] if register.founding is None else register.founding.origin
    if claims.aud != origin:
        raise Corrupt("was said to another log", code="said-audience")
    return claims


def read_carried(said: Said, topic: str) -> Statement:
    """Return the statement that a public record of this topic carries; Corrupt when it is none such."""
    if not _has_shape(said):
        raise Corrupt("the statement it carries does not have its shape", code="said-shape")
    statement = read_statement(Row(said.statement, said.salt))
    if not isinstance(statement, Statement):
        raise Corrupt(f"the statement it carries cannot be read: {statement[0].code}", code="said-shape")
    if statement.kind.type != topic or not statement.kind.public:
        raise Corrupt("records something else than what was said", code="said-type")
    return statement


def place_said(said: Said) -> bytes:
    """Return 16 bytes that stand for one row of one submission of one speaker: nothing is said there twice.

    Raises:
        Corrupt: `said-shape`: the submission cannot be read.
    """
    claims = _token(said)[1]
    return sha256(claims.iss.bytes + claims.jti.bytes + said.row.to_bytes(8, "big")).digest()[:_PLACE_BYTES]


def check_carried(said: Said, size: int, root: bytes) -> None:
    """Check that a statement is in its place of the submission with that root; Corrupt otherwise."""
    if said.size != size:
        raise Corrupt("counts the statements of its submission otherwise than was signed", code="said-path")
    leaf = statement_leaf(said.salt, said.statement)
    try:
        verify_inclusion(leaf, said.row, said.size, list(said.path), root)
    except ProofShapeError as error:
        raise Corrupt("the statement is not in the submission that was signed", code="said-path") from error


def _has_shape(said: Said) -> bool:
    """Whether what a record carries has the types it must have: an outsider may have packed anything."""
    whole, parts = (said.row, said.size), (said.salt, said.statement, *said.path)
    return (
        type(said.jws) is str
        and all(type(number) is int and 0 <= number <= ROWS_MAX for number in whole)
        and all(type(part) is bytes for part in parts)
        and len(said.salt) == SALT_BYTES
        and all(len(node) == HASH_BYTES for node in said.path)
    )


def _token(said: Said) -> tuple[dict[str, str], Claims]:
    try:
        jws = jws_read(said.jws)
        return jws.header, read_claims(jws.payload)
    except Malformed as error:
        raise Corrupt(f"the submission it carries cannot be read: {error}", code="said-shape") from error


def _founding_keys(statement: Statement, claims: Claims, position: int, register: Register) -> Keyring | None:
    """Return the key that may found a ledger, which is inside the founding; None for other statements."""
    founding = statement.kind.type == LedgerFounded.TOPIC
    if founding != (position == FOUNDING_POSITION) or founding != (register.founding is None):
        raise Corrupt("a ledger is founded by its first record, and by no other", code="said-founding")
    if not founding:
        return None
    try:
        return Keyring([registrar_key(statement.members, claims)])
    except Unauthorised as error:
        raise Corrupt(str(error), code="said-key") from error
    except Refusal as error:
        raise Corrupt(f"the registrar's key is not proven: {error}", code="said-founding") from error


# ------------------------------------------------------------------ what the rules make of it


def check_public_ruling(
    event: LedgerEvent, said: Said | None, position: int, recorded_at_us: int, register: Register
) -> None:
    """Decide about a public record's statement again, and compare what comes out with what was recorded.

    Args:
        event: the record as the mapper reads it.
        said: the statement it carries; None for what the ledger records itself.
        position: of the record.
        recorded_at_us: microseconds since 1970.
        register: as it stood before the record; it stays as it is.

    Raises:
        Corrupt: `ruling`: the rules refuse it, or make something else of it. `ruling-consequence`:
            something the ledger records itself is not what it can be. `ruling-possession`: the key
            that it registers was not proven to be held. `said-…` where there is nothing to decide about.
    """
    if not 0 <= event.as_of < position:
        raise Corrupt("was decided after it was recorded", code="ruling")
    if type(event).CONSEQUENCE:
        _check_consequence(event, said, position, recorded_at_us)
        return
    if said is None:
        raise Corrupt("carries no statement", code="said-missing")
    statement = read_carried(said, type(event).TOPIC)
    _check_keys(statement, register)
    *before, day = _deciding_days(recorded_at_us)
    for earlier in before:
        with suppress(Corrupt):
            _compare(event, _decided_again(event, said, statement, earlier, recorded_at_us, register))
            return
    _compare(event, _decided_again(event, said, statement, day, recorded_at_us, register))


def _deciding_days(recorded_at_us: int) -> list[date]:
    """Return the days on which a record can have been decided: midnight may have fallen meanwhile."""
    try:
        return sorted({civil_date(recorded_at_us - back) for back in (0, DECIDING_MAX_US)})
    except (OverflowError, ValueError) as error:
        raise Corrupt("was recorded at no time that there is", code="ruling") from error


def _check_keys(statement: Statement, register: Register) -> None:
    """Check what the command leaves to the door: that keys are held, and that log keys are some."""
    if statement.kind.type == LedgerFounded.TOPIC:
        try:
            keys = [parse_vkey(text) for text in statement.members["log_keys"]]
        except Malformed as error:
            raise Corrupt(f"a log key of the founding is none: {error}", code="ruling-possession") from error
        if any(key.name != statement.members["origin"] for key in keys):
            raise Corrupt("a log key of the founding is another log's", code="ruling-possession")
    if statement.kind.type == KeyRegistered.TOPIC and register.founding is not None:
        try:
            check_possession(statement.members, register, register.founding.origin)
        except LedgerError as error:
            raise Corrupt(f"the key was not proven to be held: {error}", code="ruling-possession") from error


def _decided_again(
    event: LedgerEvent, said: Said, statement: Statement, day: date, recorded_at_us: int, register: Register
) -> LedgerEvent:
    """Return the event that the rules of that day make of a statement."""
    kind, members = statement.kind.type, statement.members
    ruleset = law.rules_on(min(domain_date(kind, members) or day, day))
    act = Act(event.as_of, ruleset.id, day, instant(recorded_at_us), said)
    actor = _actor(said, statement, register, recorded_at_us)
    try:
        decision = COMMANDS[kind](Request(kind, members, {}, act, actor, register.fork()))
    except Refusal as error:
        raise Corrupt(f"the rules refuse it: {error.code}", code="ruling") from error
    if decision.refused:
        codes = ", ".join(one.code for one in decision.findings if one.severity in ("block", "hold"))
        raise Corrupt(f"the rules refuse it: {codes}", code="ruling")
    made = [one for aggregate in decision.changed for one in aggregate.collect_events()]
    assert len(made) == 1, "one accepted statement is exactly one event"
    again: LedgerEvent = made[0]
    return again


def _actor(said: Said, statement: Statement, register: Register, recorded_at_us: int) -> Organisation:
    iss, founding = _token(said)[1].iss, register.founding
    if founding is not None:
        registrar = founding.registrar_number, founding.registrar_name
    elif statement.kind.type == LedgerFounded.TOPIC:
        registrar = statement.members["registrar"]["number"], statement.members["registrar"]["name"]
    else:
        raise Corrupt("a ledger is founded by its first record", code="said-founding")
    actor = register.organisation(iss) or founder(iss, *registrar, instant(recorded_at_us))
    if actor is None:
        raise Corrupt("was said by an organisation that is not on the register", code="said-key")
    return actor


def _compare(recorded: LedgerEvent, again: LedgerEvent) -> None:
    """Raise Corrupt, naming what differs, unless both would be stored as the same bytes."""
    place = [(one.TOPIC, one.originator_id, one.originator_version) for one in (recorded, again)]
    if place[0] != place[1]:
        raise Corrupt("the rules put it elsewhere: another stream, or another version of it", code="ruling")
    try:
        same = store_public(recorded).state == store_public(again).state
    except (TypeError, ValueError, AttributeError, OverflowError, Refusal) as error:
        raise Corrupt("holds values of other kinds than its class", code="ruling") from error
    if not same:
        names = ("ruleset_id", *(codec.name for codec in codecs(type(again), again.OPEN)))
        differing = [name for name in names if vars(recorded).get(name) != vars(again)[name]]
        raise Corrupt(f"the rules make something else of it: {', '.join(differing)}", code="ruling")


# ------------------------------------------------------------------ what the ledger records itself


def _check_consequence(event: LedgerEvent, said: Said | None, position: int, recorded_at_us: int) -> None:
    """Check what can be known of a record that no statement stands behind."""
    if said is not None:
        raise Corrupt("carries a statement, and the ledger itself records it", code="ruling-consequence")
    if type(event).PRIVACY is not PUBLIC:
        raise Corrupt("is not for the public log", code="ruling-consequence")
    sets = {law.rules_on(day).id for day in _deciding_days(recorded_at_us)}
    if event.ruleset_id not in sets or not _is_possible(event, position, recorded_at_us):
        raise Corrupt("is not what the ledger can have recorded", code="ruling-consequence")


def _is_possible(event: LedgerEvent, position: int, recorded_at_us: int) -> bool:
    stream: UUID
    if isinstance(event, StatusListChanged):
        numbers: tuple[Any, ...] = (event.issuer, event.status_list, event.as_at)
        stream = public_id("status_list", event.issuer, event.status_list)
        return (
            _whole(numbers)
            and _is_digest(event.bits_sha256)
            and event.originator_id == stream
            and event.as_at <= event.as_of
        )
    if isinstance(event, TailLost):
        stream = public_id("tail", event.first, event.last)
        return (
            _whole((event.first, event.last, event.lost))
            and _is_digest(event.root)
            and event.originator_id == stream
            # A restore tells of its loss in the first record after what was published.
            and 1 <= event.first <= event.last == event.as_of == position - 1
            and event.lost <= event.last - event.first + 1
        )
    if isinstance(event, ForgettingCounted):
        return (
            _whole((event.level, event.learners, event.records))
            and event.level in (LEVEL_SEALED, LEVEL_STREAMS)
            and event.originator_id == public_id("forgetting", event.level)
            # Of everybody there is at least the record that registered them.
            and 1 <= event.learners <= event.records <= event.as_of
        )
    if isinstance(event, AccessDayClosed):
        return (
            _whole((event.rows,))
            and event.rows >= 1
            and _is_digest(event.root)
            and event.originator_id == public_id("access", event.day)
            # A day is closed when it is over.
            and event.day < civil_date(recorded_at_us)
        )
    raise Corrupt("is a consequence that is not known here", code="ruling-consequence")


def _is_digest(value: Any) -> bool:
    return type(value) is bytes and len(value) == HASH_BYTES


def _whole(numbers: tuple[Any, ...]) -> bool:
    return all(type(number) is int and number >= 0 for number in numbers)
