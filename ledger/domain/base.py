"""What every aggregate and event of the ledger has in common.

An event states a fact: who said it, when it was decided and by which rules, and its own fields.
Its class declares, for ever, its TOPIC, whether it is public, whose key seals it, which fields
stay open (in that order), which are sealed, and which claims a credential may show. Nearly all rest
on somebody's statement; the ledger's own consequences say so.

Source: LEDGER.md 3 (records), 6 (built on eventsourcing).
"""

import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any, ClassVar, Self, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from eventsourcing.domain import AggregateEvent, BaseAggregate

PUBLIC = "public"
PRIVATE = "private"
LEARNER, ORGANISATION, LEDGER = "learner", "organisation", "ledger"


@dataclass(frozen=True, slots=True)
class Said:
    """The statement behind an event, exactly as it was signed (LEDGER.md 2).

    `jti` names the submission, `row` the statement's place in it (from 0). `who` and `who_salt`
    are the identity columns as exact JSON text, only where a person is concerned. `jws`, `size`
    and `path` (n and the inclusion path of the statement) are filled for public submissions,
    whose records carry them.
    """

    jti: UUID | None  # None in one read back from a public record: it is inside `jws`
    row: int
    salt: bytes
    statement: bytes
    who_salt: bytes | None = None
    who: bytes | None = None
    jws: str = ""
    size: int = 0
    path: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Act:
    """The circumstances of a decision, handed to every command.

    as_of: ledger size (number of records) when the reads behind the decision began.
    ruleset_id: rule set in force on the date of the act, for example `MC-2026`.
    decided_on: the Pacific/Auckland date used for "future" and "late".
    timestamp: the application's instant; nothing decides by it.
    row_key, row_mac: 16 bytes each, keyed by the learner; tell a repeated row from a changed one.
    """

    as_of: int
    ruleset_id: str
    decided_on: date
    timestamp: datetime
    said: Said | None = None
    row_key: bytes | None = None
    row_mac: bytes | None = None


class LedgerEvent(AggregateEvent):
    """Base of every event. Made by `LedgerAggregate.record`, or by the mapper from stored bytes.

    A class whose fields have to change gets the next `class_version`. How the versions before it were
    stored stays declared, by a class for each in FORMER, oldest first; `upcast_v1_v2(values)` puts the open
    fields of version 1 into the words of version 2, `upcast_sealed_v1_v2(values)` the sealed ones, each
    changing the dict it is given. Stored bytes stay as they are: what was hashed and signed then is read
    through them for ever, and an audit holds each record to the version that it was stored under. TOPIC,
    privacy, subject and the fields that all records begin with never change.
    """

    TOPIC: ClassVar[str]
    PRIVACY: ClassVar[str]
    SUBJECT: ClassVar[str | None] = None
    AUTHORITY: ClassVar[bool] = False
    CONSEQUENCE: ClassVar[bool] = False  # recorded by the ledger itself: it carries no statement
    OPEN: ClassVar[tuple[str, ...]] = ()
    SEALED: ClassVar[tuple[str, ...]] = ()
    SHOWS: ClassVar[tuple[str, ...]] = ()
    class_version: ClassVar[int] = 1
    FORMER: "ClassVar[tuple[type[LedgerEvent], ...]]" = ()

    as_of: int
    ruleset_id: str
    said: Said | None

    def __post_init__(self) -> None:
        """Events are not built by their constructors: see `LedgerAggregate.record`."""

    def shown(self) -> tuple[tuple[str, str], ...]:
        """Return the claims a credential may show, as (name, text) in SHOWS order."""
        return ()


def declared_in(event_class: type[LedgerEvent], version: Any) -> type[LedgerEvent] | None:
    """Return how a version of an event class is stored; None where it never had that version."""
    if version == event_class.class_version:
        return event_class
    return next((one for one in event_class.FORMER if one.class_version == version), None)


def upcast(event_class: type[LedgerEvent], version: int, values: dict[str, Any], *, sealed: bool) -> None:
    """Put the open or the sealed fields of a former version into the words of the present one.

    Args:
        event_class: in its present version.
        version: the one that the fields were stored under.
        values: the fields by name; changed.
        sealed: which of the two they are.

    Source: the library's way, `upcast_v1_v2`, one step for each version.
    """
    prefix = "upcast_sealed" if sealed else "upcast"
    for step in range(version, event_class.class_version):
        getattr(event_class, f"{prefix}_v{step}_v{step + 1}")(values)


class PublicEvent(LedgerEvent):
    """A decided fact about the register: stays in the public log, whole, for ever."""

    PRIVACY = PUBLIC
    AUTHORITY = True


class PrivateEvent(LedgerEvent):
    """A fact with a person (or an organisation) behind it: the log carries commitments only.

    `subject` is the id whose key seals it. `sealed` holds the stored bytes of an event that came
    from the store: sealed fields and the statement are not read unless a reader unseals them.
    """

    PRIVACY = PRIVATE
    SUBJECT = LEARNER

    subject: UUID
    decided_on: date
    row_key: bytes | None
    row_mac: bytes | None
    sealed: bytes | None


class Created:
    """Mix-in of an event that begins a stream; takes the aggregate class from our registry.

    The library would import whatever module a stored topic names; nothing stored is ever
    resolved to code here.
    """

    def mutate(self, aggregate: Any) -> Any:
        """Return a new aggregate in its first version."""
        assert aggregate is None, "a stream begins once"
        event: Any = self
        cls = _CREATES[event.TOPIC]
        made = cls.__new__(cls)
        made.__base_init__(event.originator_id, event.originator_version, event.timestamp)
        event.apply(made)
        return made


_CREATES: "dict[str, type[LedgerAggregate]]" = {}


def aggregate_of(event_class: "type[LedgerEvent]") -> "type[LedgerAggregate]":
    """Return the aggregate whose streams begin with that event."""
    return _CREATES[event_class.TOPIC]


class LedgerAggregate(BaseAggregate[UUID]):
    """Base of every aggregate: explicit event classes, recorded with the act that allowed them."""

    BEGINS: ClassVar[tuple[type[LedgerEvent], ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Register which events begin a stream of this class."""
        super().__init_subclass__(**kwargs)
        for event_class in cls.BEGINS:
            _CREATES[event_class.TOPIC] = cls

    @classmethod
    def begin(cls, event_class: type[LedgerEvent], stream: UUID, act: Act, **fields: Any) -> Self:
        """Return a new aggregate with its first event pending."""
        event = _event(event_class, stream, cls.INITIAL_VERSION, act, fields)
        made: Self = event.mutate(None)  # type: ignore[assignment]
        made.pending_events.append(event)
        return made

    def record(self, event_class: type[LedgerEvent], act: Act, **fields: Any) -> None:
        """Make the next event of this stream, apply it, and keep it pending."""
        event = _event(event_class, self.id, self.version + 1, act, fields)
        event.mutate(self)
        self.pending_events.append(event)

    def collect_events(self) -> Sequence[Any]:
        """Return and clear the pending events (the library's own loop is quadratic)."""
        pending = self._pending_events
        self._pending_events = []
        return pending


def _event(
    event_class: type[LedgerEvent], stream: UUID, version: int, act: Act, fields: dict[str, Any]
) -> LedgerEvent:
    values: dict[str, Any] = {
        "originator_id": stream,
        "originator_version": version,
        "timestamp": act.timestamp,
        "as_of": act.as_of,
        "ruleset_id": act.ruleset_id,
        "said": act.said,
    }
    if event_class.PRIVACY is PRIVATE:
        values["decided_on"] = act.decided_on
        values["row_key"] = act.row_key
        values["row_mac"] = act.row_mac
        values["sealed"] = None
        values["subject"] = fields.pop("subject")
    names = field_names(event_class)
    assert fields.keys() == names, f"{event_class.__name__}: {sorted(names ^ fields.keys())}"
    values.update(fields)
    event = object.__new__(event_class)
    object.__setattr__(event, "__dict__", values)
    return event


@cache
def field_names(event_class: type[LedgerEvent]) -> frozenset[str]:
    """Return the names of an event class's own fields, open and sealed."""
    return frozenset(event_class.OPEN + event_class.SEALED)


# ------------------------------------------------------------------ how a field is stored


@dataclass(frozen=True, slots=True)
class Codec:
    """How one field is stored: `pack` to a MessagePack value, `unpack` back, None stays None."""

    name: str
    kind: str
    optional: bool
    pack: Callable[[Any], Any] | None  # None: the value is stored as it is
    unpack: Callable[[Any], Any] | None


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


_KINDS: dict[Any, tuple[str, Callable[[Any], Any] | None, Callable[[Any], Any] | None]] = {
    str: ("text", None, None),
    int: ("int", None, None),
    bool: ("bool", None, None),
    bytes: ("bytes", None, None),
    date: ("date", date.isoformat, date.fromisoformat),
    UUID: ("uuid", lambda value: value.bytes, lambda data: UUID(bytes=data)),
    tuple: ("array", None, _tuples),
}


def codecs(event_class: type[LedgerEvent], names: Sequence[str]) -> tuple[Codec, ...]:
    """Return how the named fields of an event class are stored, read from its annotations."""
    hints = get_type_hints(event_class)
    return tuple(_codec(name, hints[name]) for name in names)


def _codec(name: str, hint: Any) -> Codec:
    optional = False
    if get_origin(hint) in (Union, types.UnionType):
        (hint,) = (arg for arg in get_args(hint) if arg is not type(None))
        optional = True
    kind, pack, unpack = _KINDS[get_origin(hint) or hint]
    return Codec(name, kind, optional, pack, unpack)
