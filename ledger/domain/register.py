"""The public register as a value: every public aggregate, up to one position of the ledger."""

from typing import Any, NamedTuple, Self, TypeVar
from uuid import UUID

from ledger.domain.accreditation import Accreditation
from ledger.domain.base import PUBLIC, LedgerAggregate, LedgerEvent
from ledger.domain.founding import Founding
from ledger.domain.key import Key, KeyRegistered, KeyRetired, KeyRevoked
from ledger.domain.microcredential import Microcredential
from ledger.domain.organisation import Organisation
from ledger.ids import public_id
from ledger.keys.keyring import FOUNDING_POSITION

_Held = TypeVar("_Held", bound=LedgerAggregate)


class KeyPositions(NamedTuple):
    """Where in the ledger a key was registered, retired and revoked."""

    registered_at: int
    retired_at: int | None = None
    revoked_at: int | None = None

    @property
    def ended_at(self) -> int | None:
        """Position of the record that retired or revoked it, whichever came first."""
        return min((at for at in (self.retired_at, self.revoked_at) if at is not None), default=None)


class Register:
    """Organisations, keys, listings and accreditations as they stand at `position`.

    Look things up in the dictionaries, never change what they hold: `fork` costs nothing because
    forks share everything until one of them writes, and an aggregate is changed only in the
    private copy that an `edit_*` method (or `apply`) makes.

    Attributes:
        position: newest authority record contained, 0 when empty.
        founding: None before the ledger is founded.
        organisations: by stream id; `organisation()` finds one by number or body too.
        keys: by thumbprint. key_positions: by thumbprint, for keys that are recorded.
        microcredentials: by (code, version). versions: code to its versions, ascending.
        accreditations: by (provider number, code).
    """

    def __init__(self) -> None:
        self.position = 0
        self.founding: Founding | None = None
        self.organisations: dict[UUID, Organisation] = {}
        self.labels: dict[str, UUID] = {}
        self.keys: dict[str, Key] = {}
        self.key_positions: dict[str, KeyPositions] = {}
        self.microcredentials: dict[tuple[str, int], Microcredential] = {}
        self.versions: dict[str, tuple[int, ...]] = {}
        self.accreditations: dict[tuple[int, str], Accreditation] = {}
        self._streams: dict[UUID, LedgerAggregate] = {}
        self._shared = False
        self._own: set[UUID] = set()

    # -------------------------------------------------------------- looking up

    def organisation(self, reference: int | str | UUID) -> Organisation | None:
        """Return the organisation with that number (95001 or "95001"), body code or stream id."""
        if isinstance(reference, UUID):
            return self.organisations.get(reference)
        stream = self.labels.get(str(reference))
        return None if stream is None else self.organisations[stream]

    def key(self, kid: str) -> Key | None:
        """Return the key with that thumbprint: registered since, or one that the ledger was founded with."""
        return self.keys.get(kid) or self._founding_key(public_id("key", kid))

    def positions_of(self, kid: str) -> KeyPositions | None:
        """Return where a key was registered and ended; None while that is not recorded yet."""
        if kid in self.key_positions or self._founding_key(public_id("key", kid)) is None:
            return self.key_positions.get(kid)
        return KeyPositions(FOUNDING_POSITION)

    def _founding_key(self, stream: UUID) -> Key | None:
        founding, found = self.founding, None
        for label, kid, purposes, jwk in founding.first_keys() if founding else ():
            if founding and public_id("key", kid) == stream:
                organisation = public_id("organisation", label)
                found = Key.of_founding(stream, (kid, jwk), organisation, purposes, founding.created_on)
        return found

    def is_regulator(self, organisation: Organisation) -> bool:
        """Return whether the founding names that organisation as registrar."""
        return self.founding is not None and organisation.number == self.founding.registrar_number

    def aggregate(self, stream: UUID) -> LedgerAggregate | None:
        """Return whatever has that stream id, None where the register holds no such stream."""
        return self._streams.get(stream)

    def __contains__(self, stream: UUID) -> bool:
        """Return whether a public stream with that id exists."""
        return stream in self._streams

    # -------------------------------------------------------------- changing

    def fork(self) -> Self:
        """Return a register with the same content that can be changed without changing this one."""
        # From here neither side owns anything: whoever writes first copies.
        self._shared, self._own = True, set()
        made = type(self).__new__(type(self))
        made.__dict__.update(self.__dict__, _own=set())
        return made

    def apply(self, event: LedgerEvent, position: int) -> None:
        """Take in a recorded public event; positions arrive in ascending order."""
        assert event.PRIVACY == PUBLIC, event.TOPIC
        assert position > self.position, (position, self.position)
        stream: UUID = event.originator_id
        held = self._streams.get(stream) or self._founding_key(stream)
        made: Any = event.mutate(None if held is None else self._edit(held))
        self.add(made)
        self._note_key(event, position)
        self.position = position

    def add(self, aggregate: LedgerAggregate) -> None:
        """Hold a new aggregate, or the changed copy of one; the caller gives it up."""
        self._unshare()
        self._own.add(aggregate.id)
        self._streams[aggregate.id] = aggregate
        if isinstance(aggregate, Organisation):
            self.organisations[aggregate.id] = aggregate
            for label in (aggregate.number, aggregate.body):
                if label is not None:
                    self.labels[str(label)] = aggregate.id
        elif isinstance(aggregate, Key):
            self.keys[aggregate.kid] = aggregate
        elif isinstance(aggregate, Microcredential):
            self.microcredentials[aggregate.code, aggregate.mc_version] = aggregate
            known = {*self.versions.get(aggregate.code, ()), aggregate.mc_version}
            self.versions[aggregate.code] = tuple(sorted(known))
        elif isinstance(aggregate, Accreditation):
            self.accreditations[aggregate.provider, aggregate.code] = aggregate
        else:
            assert isinstance(aggregate, Founding), type(aggregate)
            self.founding = aggregate

    def edit_organisation(self, stream: UUID) -> Organisation:
        """Return this register's private copy of an organisation it holds."""
        return self._edit(self.organisations[stream])

    def edit_key(self, kid: str) -> Key:
        """Return this register's private copy of a key it holds, or that the founding registered."""
        held = self.key(kid)
        assert held is not None, kid
        return self._edit(held)

    def edit_microcredential(self, code: str, version: int) -> Microcredential:
        """Return this register's private copy of a listing it holds."""
        return self._edit(self.microcredentials[code, version])

    def edit_accreditation(self, provider: int, code: str) -> Accreditation:
        """Return this register's private copy of an accreditation it holds."""
        return self._edit(self.accreditations[provider, code])

    def _edit(self, held: _Held) -> _Held:
        if held.id in self._own:
            return held
        copied = held.__class__.__new__(held.__class__)
        # Public aggregates hold immutable values only, so a shallow copy is a whole one.
        copied.__dict__.update(held.__dict__)
        copied.__dict__["_pending_events"] = list(held.pending_events)
        self.add(copied)
        return copied

    def _unshare(self) -> None:
        if not self._shared:
            return
        for name, held in list(self.__dict__.items()):
            if isinstance(held, dict):
                self.__dict__[name] = held.copy()
        self._shared = False

    def _note_key(self, event: LedgerEvent, position: int) -> None:
        if isinstance(event, KeyRegistered):
            self.key_positions[event.kid] = KeyPositions(position)
        elif isinstance(event, KeyRetired | KeyRevoked):
            key: Any = self._streams[event.originator_id]
            name = "retired_at" if isinstance(event, KeyRetired) else "revoked_at"
            at = self.key_positions.get(key.kid, KeyPositions(FOUNDING_POSITION))
            if getattr(at, name) is None:  # revoked once more: it ended where it ended first
                at = at._replace(**{name: position})
            self.key_positions[key.kid] = at
