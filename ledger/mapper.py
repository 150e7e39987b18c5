"""Domain event to stored record and back; nothing stored is ever resolved to code.

Values are MessagePack arrays in the frozen order of the class, the class version first. Private
records keep an open part, readable by rules and views, and a part sealed under their subject's
key that holds the statement, the identity columns and what else is personal. `to_domain_event`
never unseals: replay, rules and views work the same after a person was forgotten. A record that was
stored under a former version of its class is read by that version, then upcast; its bytes stay.

Source: LEDGER.md 3.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any, NamedTuple, Never, Self
from uuid import UUID

from eventsourcing.persistence import JSONTranscoder, Mapper, Notification, StoredEvent, Transcoder

from ledger.clock import instant
from ledger.domain.base import PUBLIC, Codec, LedgerEvent, PrivateEvent, Said, codecs, declared_in, upcast
from ledger.domain.registry import EVENTS
from ledger.encoding.msgpack import pack, unpack
from ledger.errors import Corrupt, Refusal
from ledger.ids import random_bytes
from ledger.log.merkle import HASH_BYTES
from ledger.privacy import commitments
from ledger.privacy.sealing import SubjectKey, record_aad

SALT_BYTES = 32
# Open part of every private record, before the fields of its class.
PRIVATE_HEAD = ("class_version", "subject", "as_of", "ruleset_id", "decided_on", "row_key", "row_mac")
PUBLIC_HEAD = ("class_version", "as_of", "ruleset_id")


@dataclass(frozen=True, init=False)
class LedgerStoredEvent(StoredEvent):
    """A record on its way to the store, or back from it.

    On the way in the mapper fills `public`, `authority`, `row` and, for a private record, the five
    commitments; `recorded_at_us` is None. On the way out the recorder fills `recorded_at_us`, and
    the commitments stay empty.
    """

    recorded_at_us: int | None
    public: bool
    authority: bool
    row: int | None  # the statement's place in its submission, from 0
    commitments: tuple[bytes, ...]  # statement, open, claims, sealed, ciphertext

    def __init__(  # noqa: PLR0913 - as many as it has fields
        self,
        originator_id: UUID | str,
        originator_version: int,
        topic: str,
        state: bytes,
        recorded_at_us: int | None = None,
        *,
        public: bool = False,
        authority: bool = False,
        row: int | None = None,
        commitments: tuple[bytes, ...] = (),
    ) -> None:
        # What the generated one does field by field, in one step: this is made for every record.
        values = {
            "originator_id": originator_id,
            "originator_version": originator_version,
            "topic": topic,
            "state": state,
            "recorded_at_us": recorded_at_us,
            "public": public,
            "authority": authority,
            "row": row,
            "commitments": commitments,
        }
        object.__setattr__(self, "__dict__", values)

    def entry(self, recorded_at_us: int) -> bytes:
        """Return the bytes that the public log carries for this record."""
        if self.public:
            return commitments.public_entry(
                recorded_at_us, _uuid(self.originator_id), self.originator_version, self.topic, self.state
            )
        return commitments.private_entry(recorded_at_us, self.commitments)


@dataclass(frozen=True, init=False)
class LedgerNotification(Notification):
    """A stored record with its position (`id`)."""

    recorded_at_us: int

    def __init__(
        self,
        originator_id: UUID | str,
        originator_version: int,
        topic: str,
        state: bytes,
        id: int,  # noqa: A002 - the library's name
        recorded_at_us: int = 0,
    ) -> None:
        values = {
            "originator_id": originator_id,
            "originator_version": originator_version,
            "topic": topic,
            "state": state,
            "id": id,
            "recorded_at_us": recorded_at_us,
        }
        object.__setattr__(self, "__dict__", values)


class PrivateState(NamedTuple):
    """The four stored parts of a private record."""

    open_bytes: bytes
    claims_commit: bytes
    sealed_commit: bytes
    sealed: bytes

    @property
    def open_salt(self) -> bytes:
        """The 32 random bytes the open part begins with."""
        return self.open_bytes[:SALT_BYTES]


@dataclass(frozen=True, slots=True)
class Unsealed:
    """What a private record hides: read only to show it to whom it belongs, or to audit.

    fields: in the words of the present version of its class. stored: as they were stored.
    """

    content_salt: bytes
    said: Said | None
    fields: dict[str, Any]
    plaintext: bytes
    stored: dict[str, Any]


class _Fields:
    """How the fields of one part of a record are stored, in their frozen order."""

    __slots__ = ("_names", "_packs", "_unpacks")

    def __init__(self, layout: Sequence[Codec]) -> None:
        self._names = tuple(codec.name for codec in layout)
        # Most values are stored as they are; only the others are looked at one by one.
        self._packs = tuple(
            (place, codec.pack) for place, codec in enumerate(layout) if codec.pack is not None
        )
        self._unpacks = tuple((codec.name, codec.unpack) for codec in layout if codec.unpack is not None)

    def pack(self, event: Any) -> list[Any]:
        """Return the stored values of an event's fields."""
        values = vars(event)
        packed = [values[name] for name in self._names]
        for place, pack_one in self._packs:
            if packed[place] is not None:
                packed[place] = pack_one(packed[place])
        return packed

    def unpack(self, stored: Sequence[Any], values: dict[str, Any]) -> None:
        """Put the fields that these stored values mean into `values`."""
        if len(stored) != len(self._names):
            raise Corrupt("a record has more or fewer fields than its class", code="fields")
        values.update(zip(self._names, stored, strict=True))
        for name, unpack_one in self._unpacks:
            if values[name] is not None:
                values[name] = unpack_one(values[name])


@dataclass(frozen=True, slots=True)
class _Layout:
    """How one version of an event class is stored."""

    event_class: type[LedgerEvent]
    version: int
    public: bool
    open: _Fields
    sealed: _Fields


@cache
def _layout(topic: str) -> _Layout:
    event_class = EVENTS.get(topic)
    if event_class is None:
        raise Corrupt(f"no event class has the topic {topic!r}", code="topic")
    return _layout_of(event_class)


def _layout_of(event_class: type[LedgerEvent]) -> _Layout:
    return _Layout(
        event_class,
        event_class.class_version,
        event_class.PRIVACY is PUBLIC,
        _Fields(codecs(event_class, event_class.OPEN)),
        _Fields(codecs(event_class, event_class.SEALED)),
    )


def _former_layout(topic: str, version: Any) -> _Layout:
    """Return how a class was stored in a former version; Corrupt where it never had that version."""
    return _layout_in(topic, version if type(version) is int else 0)


@cache
def _layout_in(topic: str, version: int) -> _Layout:
    declared = declared_in(_layout(topic).event_class, version)
    if declared is None:
        raise Corrupt(
            f"{topic} has no class version {version} here: it is damaged, or of a newer program",
            code="fields",
        )
    return _layout_of(declared)


class LedgerMapper(Mapper[UUID]):
    """Seals what is personal and keeps the registry of topics closed."""

    def __init__(self, transcoder: Transcoder, key_of: Callable[[UUID], SubjectKey]) -> None:
        super().__init__(transcoder)
        self._key_of = key_of

    @classmethod
    def for_reading(cls) -> Self:
        """Return a mapper that can read every record and seal none."""
        return cls(JSONTranscoder(), _no_key)

    def to_stored_event(self, domain_event: Any) -> LedgerStoredEvent:
        """Return the record of a new event, sealed under its subject's key."""
        return self.to_stored(domain_event, {})

    def to_stored(self, event: Any, keys: Mapping[UUID, SubjectKey]) -> LedgerStoredEvent:
        """Return the record of a new event, with its key from `keys`, else from the vault."""
        if event.PRIVACY is PUBLIC:
            return store_public(event)
        return store_private(event, keys.get(event.subject) or self._key_of(event.subject))

    def to_domain_event(self, stored_event: StoredEvent) -> Any:
        """Return the event of a stored record; sealed fields and the statement are not read."""
        layout = _layout(stored_event.topic)
        values: dict[str, Any] = {
            "originator_id": stored_event.originator_id,
            "originator_version": stored_event.originator_version,
            "timestamp": instant(getattr(stored_event, "recorded_at_us", None) or 0),
        }
        read = _read_public if layout.public else _read_private
        read(layout, stored_event.state, values)
        event = object.__new__(layout.event_class)
        object.__setattr__(event, "__dict__", values)
        return event


# ------------------------------------------------------------------ public records


def store_public(event: LedgerEvent) -> LedgerStoredEvent:
    """Return the record of a public event; Refusal where its entry would pass 65 535 bytes."""
    layout = _layout(event.TOPIC)
    values = [event.class_version, event.as_of, event.ruleset_id, *layout.open.pack(event)]
    said = event.said
    statement = None
    if said is not None:
        statement = [said.jws, said.row, said.size, list(said.path), said.salt, said.statement]
    stored = LedgerStoredEvent(
        originator_id=event.originator_id,
        originator_version=event.originator_version,
        topic=event.TOPIC,
        state=pack([values, statement]),
        public=True,
        authority=event.AUTHORITY,
        row=said.row if said else None,
    )
    if len(stored.entry(0)) > commitments.PUBLIC_ENTRY_MAX_BYTES:
        raise Refusal(f"{event.TOPIC} is too large for the public log: shorten its texts", code="entry-size")
    return stored


def public_state(state: bytes) -> tuple[list[Any], Said | None]:
    """Return the values of a public record (PUBLIC_HEAD, then fields) and the statement behind it."""
    try:
        values, statement = unpack(state)
        if statement is None:
            return values, None
        jws, row, size, path, salt, text = statement
    except (ValueError, TypeError) as error:
        raise Corrupt("a public record does not have its shape", code="state") from error
    return values, Said(None, row, salt, text, jws=jws, size=size, path=tuple(path))


def _read_public(layout: _Layout, state: bytes, values: dict[str, Any]) -> None:
    stored, values["said"] = public_state(state)
    version, values["as_of"], values["ruleset_id"], *fields = stored
    _read_open(layout, version, fields, values)


# ------------------------------------------------------------------ private records


def store_private(event: Any, key: SubjectKey) -> LedgerStoredEvent:
    """Return the record of a private event with its five commitments, sealed under `key`."""
    layout = _layout(event.TOPIC)
    stream, version, topic, said = event.originator_id, event.originator_version, event.TOPIC, event.said
    salts = random_bytes(2 * SALT_BYTES)
    open_salt, content_salt = salts[:SALT_BYTES], salts[SALT_BYTES:]
    head = [
        event.class_version,
        event.subject.bytes,
        event.as_of,
        event.ruleset_id,
        event.decided_on.isoformat(),
        event.row_key,
        event.row_mac,
    ]
    open_bytes = open_salt + pack(head + layout.open.pack(event))
    plaintext = content_salt + pack([_packed_said(said), *layout.sealed.pack(event)])
    sealed = key.seal(plaintext, record_aad(stream, version, topic))
    shown = event.shown()
    claims = (
        commitments.claims_commit(topic, claim_digests(shown, content_salt)) if shown else _no_claims(topic)
    )
    sealed_commit = commitments.sealed_commit(plaintext)
    leaf = commitments.statement_leaf(said.salt, said.statement) if said else None
    return LedgerStoredEvent(
        originator_id=stream,
        originator_version=version,
        topic=topic,
        state=pack([open_bytes, claims, sealed_commit, sealed]),
        row=said.row if said else None,
        commitments=(
            commitments.statement_commit(commitments.statement_blind(open_salt), leaf),
            commitments.open_commit(stream, version, topic, open_bytes),
            claims,
            sealed_commit,
            commitments.ciphertext_hash(sealed),
        ),
    )


@cache
def _no_claims(topic: str) -> bytes:
    """Return the commitment to nothing: the same for every record of a topic that shows nothing."""
    return commitments.claims_commit(topic, ())


def claim_digests(shown: Sequence[tuple[str, str]], content_salt: bytes) -> list[bytes]:
    """Return the digest of every claim, each blinded by its own salt."""
    return [
        commitments.claim_digest(commitments.claim_salt(content_salt, place), name, value)
        for place, (name, value) in enumerate(shown)
    ]


def private_state(state: bytes) -> PrivateState:
    """Return the four parts of a private record as stored.

    Raises:
        Corrupt: there are not four, or a commitment is not 32 bytes: hashed one after the other,
            they would stay the same if a byte moved from one to the next.
    """
    try:
        parts = PrivateState(*unpack(state))
        if len(parts.claims_commit) != HASH_BYTES or len(parts.sealed_commit) != HASH_BYTES:
            raise Corrupt("a commitment of a private record is not 32 bytes", code="state")
    except (ValueError, TypeError) as error:
        raise Corrupt("a private record does not have its shape", code="state") from error
    return parts


def unseal(stored: StoredEvent, key: SubjectKey, parts: PrivateState | None = None) -> Unsealed:
    """Return what a private record hides; Corrupt when it does not open under `key`.

    Args:
        stored: the record.
        key: its subject's.
        parts: of its state, where the caller has read them.
    """
    layout = _layout(stored.topic)
    stream = _uuid(stored.originator_id)
    aad = record_aad(stream, stored.originator_version, stored.topic)
    parts = parts or private_state(stored.state)
    plaintext = key.unseal(parts.sealed, aad)
    said, *packed = unpack(plaintext[SALT_BYTES:])
    fields: dict[str, Any] = {}
    recorded = _sealed_layout(layout, parts)
    recorded.sealed.unpack(packed, fields)
    as_stored = fields
    if recorded.version != layout.version:
        as_stored = dict(fields)
        upcast(layout.event_class, recorded.version, fields, sealed=True)
    return Unsealed(plaintext[:SALT_BYTES], _unpacked_said(said), fields, plaintext, as_stored)


def _sealed_layout(layout: _Layout, parts: PrivateState) -> _Layout:
    """Return how the sealed part of a record is stored; the open part says under which version."""
    if not layout.event_class.FORMER:
        return layout
    version = unpack(parts.open_bytes[SALT_BYTES:])[0]
    return layout if version == layout.version else _former_layout(layout.event_class.TOPIC, version)


def commitments_of(stored: StoredEvent, leaf: bytes | None) -> tuple[bytes, ...]:
    """Return the five commitments of a stored private record, from its stored bytes.

    Args:
        stored: the record.
        leaf: the leaf of the statement it rests on, None where there is none.
    """
    parts = private_state(stored.state)
    stream = _uuid(stored.originator_id)
    return (
        commitments.statement_commit(commitments.statement_blind(parts.open_salt), leaf),
        commitments.open_commit(stream, stored.originator_version, stored.topic, parts.open_bytes),
        parts.claims_commit,
        parts.sealed_commit,
        commitments.ciphertext_hash(parts.sealed),
    )


def with_sealed_fields(event: PrivateEvent, unsealed: Unsealed) -> PrivateEvent:
    """Return a copy of an event from the store with its sealed fields and statement filled in."""
    whole = object.__new__(type(event))
    object.__setattr__(whole, "__dict__", {**vars(event), **unsealed.fields, "said": unsealed.said})
    return whole


def _read_private(layout: _Layout, state: bytes, values: dict[str, Any]) -> None:
    parts = private_state(state)
    version, subject, as_of, ruleset_id, decided_on, row_key, row_mac, *fields = unpack(
        parts.open_bytes[SALT_BYTES:]
    )
    values["subject"] = UUID(bytes=subject)
    values["as_of"], values["ruleset_id"] = as_of, ruleset_id
    values["decided_on"] = date.fromisoformat(decided_on)
    values["row_key"], values["row_mac"] = row_key, row_mac
    values["said"], values["sealed"] = None, parts.sealed
    _read_open(layout, version, fields, values)


# ------------------------------------------------------------------ versions


def _read_open(layout: _Layout, version: Any, fields: Sequence[Any], values: dict[str, Any]) -> None:
    """Put open fields into `values`, which has the head already, in the words of the present version."""
    if version == layout.version:
        layout.open.unpack(fields, values)
        return
    topic = layout.event_class.TOPIC
    former = _former_layout(topic, version)
    opened: dict[str, Any] = {}
    former.open.unpack(fields, opened)
    # The event as it was recorded: what it shows is what it committed to.
    recorded = object.__new__(former.event_class)
    object.__setattr__(recorded, "__dict__", {**values, **opened})
    upcast(layout.event_class, former.version, opened, sealed=False)
    values.update(opened, recorded=recorded)


def claims_shown(whole: PrivateEvent, hidden: Unsealed) -> Sequence[tuple[str, str]]:
    """Return what a record committed to show, in the words of the version that it was stored under.

    Args:
        whole: the event, its sealed fields filled in: see `with_sealed_fields`.
        hidden: what the record hides.
    """
    recorded = vars(whole).get("recorded")
    if recorded is None:
        return whole.shown()
    object.__setattr__(recorded, "__dict__", {**vars(recorded), **hidden.stored})
    shown: Sequence[tuple[str, str]] = recorded.shown()
    return shown


def _packed_said(said: Said | None) -> list[Any] | None:
    if said is None:
        return None
    assert said.jti is not None
    return [said.jti.bytes, said.row, said.salt, said.statement, said.who_salt, said.who]


def _unpacked_said(stored: list[Any] | None) -> Said | None:
    if stored is None:
        return None
    jti, row, salt, statement, who_salt, who = stored
    return Said(UUID(bytes=jti), row, salt, statement, who_salt, who)


def _uuid(value: UUID | str) -> UUID:
    assert isinstance(value, UUID)
    return value


def _no_key(_subject: UUID) -> Never:
    raise AssertionError("this mapper only reads")
