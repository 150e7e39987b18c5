"""Who is who: organisations with their roles, keys by position, and what providers may deliver.

What a trust file says about issuers can be read off here as at the view's position.

Source: SPEC.md 5 (trust file), LEDGER.md 2 (keys count by log position).
"""

from dataclasses import dataclass, replace
from datetime import date
from typing import Any, ClassVar
from uuid import UUID

from ledger.domain.accreditation import AccreditationEnded, AccreditationGranted
from ledger.domain.founding import LedgerFounded, jwk_of_vkey, kid_of
from ledger.domain.key import KeyRegistered, KeyRetired, KeyRevoked
from ledger.domain.organisation import OrganisationRegistered, OrganisationRoleEnded, OrganisationRoleGranted
from ledger.encoding.multi import mldsa44_multikey, multikey
from ledger.ids import public_id
from ledger.keys.mldsa import is_mldsa_jwk, mldsa_key_of_jwk
from ledger.keys.signer import jwk_from_text, public_key_of_jwk
from ledger.log_keys import OPERATOR
from projections.base import Handlers, Rows, Updates, View, ViewProjection, Writes, loaded

CREDENTIAL = "credential"
_FOUNDING_PURPOSES = ("keys", "submission")  # of the registrar's key
_CHECKPOINT = "checkpoint"
_OWN = "own"


@dataclass(frozen=True, slots=True)
class Founded:
    """How the ledger began; registrar: (number, name). log_keys: vkey texts."""

    position: int
    origin: str
    host: str
    log_keys: tuple[str, ...]
    registrar_number: int
    registrar_name: str
    operator_name: str
    made_at: str


@dataclass(frozen=True, slots=True)
class HeldRole:
    """A role, from `valid_from` to `ended_on`, both included."""

    position: int
    organisation: UUID
    role: str
    valid_from: date
    basis: str | None
    transitional: bool
    ended_on: date | None
    ended_for: str | None

    def on(self, day: date) -> bool:
        """Return whether the role holds on that day."""
        return self.valid_from <= day and (self.ended_on is None or day <= self.ended_on)


@dataclass(frozen=True, slots=True)
class DirectoryKey:
    """A key and the positions between which it counts; jwk is JCS text.

    retired_at, revoked_at: positions of the records that ended it.
    """

    stream: UUID
    registered_at: int
    kid: str
    organisation: UUID
    jwk: str
    multibase: str
    purposes: tuple[str, ...]
    custody: str
    not_before: date | None
    retired_at: int | None
    retired_from: date | None
    revoked_at: int | None
    revoked_for: str | None
    suspected_from: int | None

    @property
    def ended_at(self) -> int | None:
        """Position of the record that retired or revoked it, whichever came first."""
        return min((at for at in (self.retired_at, self.revoked_at) if at is not None), default=None)


@dataclass(frozen=True, slots=True)
class Granted:
    """What a provider may deliver, from `valid_from` to `ended_on`, both included."""

    position: int
    stream: UUID
    provider: int
    code: str
    versions: tuple[int, ...]
    valid_from: date
    conditions: str | None
    ended_on: date | None
    ended_for: str | None


@dataclass(frozen=True, slots=True)
class Organisation:
    """An organisation with its roles, keys and accreditations, each in the order of recording."""

    stream: UUID
    position: int
    number: int | None
    body: str | None
    kind: str
    name_en: str
    name_mi: str | None
    valid_from: date
    roles: tuple[HeldRole, ...] = ()
    keys: tuple[DirectoryKey, ...] = ()
    accreditations: tuple[Granted, ...] = ()

    @property
    def label(self) -> str:
        """How statements name it: the number as text, else the body code."""
        return str(self.number) if self.number is not None else str(self.body)

    @property
    def is_issuer(self) -> bool:
        """Whether credentials may come from it: it has a number, and a key for them or an accreditation."""
        return self.number is not None and bool(self.accreditations or self.keys_for(CREDENTIAL))

    def has_role(self, role: str, day: date) -> bool:
        """Return whether it holds a role on that day."""
        return any(held.role == role and held.on(day) for held in self.roles)

    def keys_for(self, purpose: str) -> tuple[DirectoryKey, ...]:
        """Return its keys for a purpose, ended ones among them: what they signed stays valid."""
        return tuple(key for key in self.keys if purpose in key.purposes)


class DirectoryView(View):
    """Organisations, roles, keys and accreditations, whole and for ever."""

    NAME = "directory"
    VERSION = 3
    # Columns in the order of the fields of Founded, Organisation, HeldRole, DirectoryKey and Granted.
    SCHEMA = """
    CREATE TABLE {founding} (
      position INTEGER PRIMARY KEY, origin TEXT NOT NULL, host TEXT NOT NULL, log_keys TEXT NOT NULL,
      registrar_number INTEGER NOT NULL, registrar_name TEXT NOT NULL, operator_name TEXT NOT NULL,
      made_at TEXT NOT NULL
    ) STRICT;
    CREATE TABLE {organisation} (
      stream BLOB PRIMARY KEY, position INTEGER NOT NULL, number INTEGER, body TEXT, kind TEXT NOT NULL,
      name_en TEXT NOT NULL, name_mi TEXT, valid_from TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE {role} (
      position INTEGER PRIMARY KEY, organisation BLOB NOT NULL, role TEXT NOT NULL, valid_from TEXT NOT NULL,
      basis TEXT, transitional INTEGER NOT NULL, ended_on TEXT, ended_for TEXT
    ) STRICT;
    CREATE INDEX {role}_organisation ON {role} (organisation);
    CREATE TABLE {key} (
      stream BLOB PRIMARY KEY, registered_at INTEGER NOT NULL, kid TEXT NOT NULL UNIQUE,
      organisation BLOB NOT NULL, jwk TEXT NOT NULL, multibase TEXT NOT NULL, purposes TEXT NOT NULL,
      custody TEXT NOT NULL, not_before TEXT, retired_at INTEGER, retired_from TEXT, revoked_at INTEGER,
      revoked_for TEXT, suspected_from INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX {key}_organisation ON {key} (organisation);
    CREATE TABLE {accreditation} (
      position INTEGER PRIMARY KEY, stream BLOB NOT NULL, provider INTEGER NOT NULL, code TEXT NOT NULL,
      versions TEXT NOT NULL, valid_from TEXT NOT NULL, conditions TEXT, ended_on TEXT, ended_for TEXT
    ) STRICT;
    CREATE INDEX {accreditation}_provider ON {accreditation} (provider);
    CREATE INDEX {accreditation}_stream ON {accreditation} (stream);
    """

    def founded(self) -> Founded | None:
        """Return how the ledger began, None before it did."""
        with self.reading() as rows:
            row = rows.one("SELECT * FROM {founding}")
        return None if row is None else loaded(Founded, row)

    def organisations(self) -> tuple[Organisation, ...]:
        """Return every organisation, in the order of registration."""
        with self.reading() as rows:
            found = rows.all("SELECT * FROM {organisation} ORDER BY position")
            return tuple(_whole(rows, loaded(Organisation, row)) for row in found)

    def organisation(self, reference: int | str | UUID) -> Organisation | None:
        """Return the organisation with that number (95001 or "95001"), body code or id."""
        column, value = (
            ("stream", reference.bytes) if isinstance(reference, UUID) else ("label", str(reference))
        )
        with self.reading() as rows:
            row = rows.one(_BY[column], (value,))
            return None if row is None else _whole(rows, loaded(Organisation, row))

    def issuers(self) -> tuple[Organisation, ...]:
        """Return the organisations that credentials may come from, by number."""
        found = [one for one in self.organisations() if one.is_issuer]
        return tuple(sorted(found, key=lambda one: one.number or 0))

    def operator_keys(self) -> tuple[DirectoryKey, ...]:
        """Return the keys of whoever runs the ledger: the founding's, and those registered since."""
        with self.reading() as rows:
            return _keys(rows, OPERATOR)

    def key(self, kid: str) -> DirectoryKey | None:
        """Return the key with that thumbprint, whatever its state."""
        with self.reading() as rows:
            row = rows.one("SELECT * FROM {key} WHERE kid = ?", (kid,))
        return None if row is None else loaded(DirectoryKey, row)


_BY = {
    "stream": "SELECT * FROM {organisation} WHERE stream = ?",
    "label": "SELECT * FROM {organisation} WHERE CAST(number AS TEXT) = ?1 OR body = ?1",
}


def _whole(rows: Rows, bare: Organisation) -> Organisation:
    roles = rows.all("SELECT * FROM {role} WHERE organisation = ? ORDER BY position", (bare.stream.bytes,))
    granted = rows.all("SELECT * FROM {accreditation} WHERE provider = ? ORDER BY position", (bare.number,))
    return replace(
        bare,
        roles=tuple(loaded(HeldRole, row) for row in roles),
        keys=_keys(rows, bare.stream),
        accreditations=tuple(loaded(Granted, row) for row in granted),
    )


def _keys(rows: Rows, organisation: UUID) -> tuple[DirectoryKey, ...]:
    found = rows.all(
        "SELECT * FROM {key} WHERE organisation = ? ORDER BY registered_at, kid", (organisation.bytes,)
    )
    return tuple(loaded(DirectoryKey, row) for row in found)


# ------------------------------------------------------------------ folding


def _founded(writes: Writes, position: int, event: LedgerFounded) -> None:
    number, name, jwk = event.registrar
    operator_name, *operator_keys = event.operator
    writes.insert(
        "founding",
        position,
        event.origin,
        event.host,
        event.log_keys,
        number,
        name,
        operator_name,
        event.made_at,
    )
    _founding_key(writes, position, public_id("organisation", number), jwk, _FOUNDING_PURPOSES)
    for purpose, operator_jwk in operator_keys:
        _founding_key(writes, position, OPERATOR, operator_jwk, (purpose,))
    # Those that stand there as the log's verifier keys alone: as in the keyring.
    named = {jwk, *(operator_jwk for _, operator_jwk in operator_keys)}
    for log_jwk in map(jwk_of_vkey, event.log_keys):
        if log_jwk is not None and log_jwk not in named:
            _founding_key(writes, position, OPERATOR, log_jwk, (_CHECKPOINT,))


def _founding_key(
    writes: Writes, position: int, organisation: UUID, jwk: str, purposes: tuple[str, ...]
) -> None:
    kid = kid_of(jwk)
    _key(writes, public_id("key", kid), position, kid, organisation, jwk, purposes, _OWN, None)


def _key_registered(writes: Writes, position: int, event: KeyRegistered) -> None:
    _key(
        writes,
        event.originator_id,
        position,
        event.kid,
        event.organisation,
        event.jwk,
        event.purposes,
        event.custody,
        event.not_before,
    )


def _key(
    writes: Writes, stream: UUID, position: int, kid: str, organisation: UUID, jwk: str, *rest: Any
) -> None:
    multibase = _multikey(jwk_from_text(jwk))
    # The founding may name one key twice: its last place counts, as in the keyring.
    writes.update("key", stream, position, kid, organisation, jwk, multibase, *rest)


def _multikey(jwk: dict[str, str]) -> str:
    if is_mldsa_jwk(jwk):
        return mldsa44_multikey(mldsa_key_of_jwk(jwk).public_bytes_raw())
    return multikey(public_key_of_jwk(jwk))


def _key_retired(writes: Writes, position: int, event: KeyRetired) -> None:
    writes.update("key_retired", position, event.retired_from, event.originator_id)


def _key_revoked(writes: Writes, position: int, event: KeyRevoked) -> None:
    writes.update("key_revoked", position, event.reason, event.suspected_from, event.originator_id)


def _registered(writes: Writes, position: int, event: OrganisationRegistered) -> None:
    writes.insert(
        "organisation",
        event.originator_id,
        position,
        event.number,
        event.body,
        event.kind,
        event.name_en,
        event.name_mi,
        event.valid_from,
    )


def _role_granted(writes: Writes, position: int, event: OrganisationRoleGranted) -> None:
    writes.insert(
        "role",
        position,
        event.originator_id,
        event.role,
        event.valid_from,
        event.basis,
        event.transitional,
        *(None, None),  # no end
    )


def _role_ended(writes: Writes, position: int, event: OrganisationRoleEnded) -> None:
    writes.update("role_end", event.ended_on, event.reason, event.originator_id, event.role, position)


def _granted(writes: Writes, position: int, event: AccreditationGranted) -> None:
    writes.insert(
        "accreditation",
        position,
        event.originator_id,
        event.provider,
        event.code,
        event.versions,
        event.valid_from,
        event.conditions,
        *(None, None),  # no end
    )


def _ended(writes: Writes, position: int, event: AccreditationEnded) -> None:
    writes.update("accreditation_end", event.ended_on, event.reason, event.originator_id, position)


class DirectoryProjection(ViewProjection):
    """Folds who is who."""

    VIEW = DirectoryView
    HANDLERS: ClassVar[Handlers] = {
        LedgerFounded: _founded,
        OrganisationRegistered: _registered,
        OrganisationRoleGranted: _role_granted,
        OrganisationRoleEnded: _role_ended,
        KeyRegistered: _key_registered,
        KeyRetired: _key_retired,
        KeyRevoked: _key_revoked,
        AccreditationGranted: _granted,
        AccreditationEnded: _ended,
    }
    UPDATES: ClassVar[Updates] = {
        "key": "INSERT OR REPLACE INTO {key} VALUES (?,?,?,?,?,?,?,?,?,NULL,NULL,NULL,NULL,NULL)",
        "key_retired": "UPDATE {key} SET retired_at = ?, retired_from = ? WHERE stream = ?",
        "key_revoked": """
          UPDATE {key} SET revoked_at = COALESCE(revoked_at, ?), revoked_for = ?, suspected_from = ?
          WHERE stream = ?
        """,
        # Everything that was open then; what was given after it stays open.
        "role_end": """
          UPDATE {role} SET ended_on = ?, ended_for = ?
          WHERE organisation = ? AND role = ? AND position < ? AND ended_on IS NULL
        """,
        "accreditation_end": """
          UPDATE {accreditation} SET ended_on = ?, ended_for = ?
          WHERE stream = ? AND position < ? AND ended_on IS NULL
        """,
    }
