"""The vault: whose key seals what, and how an NSN or an enrolment reference finds its stream.

The one place that knows persons. Every look-up is a MAC under the index key, every row is sealed
under the epoch key, and destroying a row destroys what its key sealed, everywhere. New rows are
durable before the ledger transaction that uses them: a row whose stream never came is a
reservation, and the next attempt takes it over.

Source: LEDGER.md 4.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.database import Database
from ledger.encoding.msgpack import pack, unpack
from ledger.errors import Corrupt
from ledger.ids import random_bytes
from ledger.privacy.commitments import tag
from ledger.privacy.epoch import EpochKeys
from ledger.privacy.sealing import NONCE_BYTES, SubjectKey, keyed

SCHEMA = """
CREATE TABLE IF NOT EXISTS subject (
  id_mac BLOB PRIMARY KEY, nsn_mac BLOB UNIQUE, kind TEXT NOT NULL, sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lookup (
  mac BLOB PRIMARY KEY, id_mac BLOB NOT NULL, sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS lookup_of_subject ON lookup (id_mac);
CREATE TABLE IF NOT EXISTS tombstone (mac BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
"""
_SUBJECT, _NSN, _ENROLMENT, _TOMBSTONE = map(tag, ("subject", "nsn", "enrolment", "tombstone"))
_DATA_KEY_BYTES = 32


class Match(NamedTuple):
    """What a posted row is compared with: name codes and birth date."""

    name_ids: tuple[str, ...]
    date_of_birth: date | None


class VaultPerson(NamedTuple):
    """A learner's row: registered or only reserved, the ledger knows which."""

    learner_id: UUID
    key: SubjectKey
    nsn: str
    match: Match


class VaultEnrolment(NamedTuple):
    """Where a provider's enrolment reference leads."""

    enrolment_id: UUID
    learner_id: UUID


class Forgotten(NamedTuple):
    """What a forgetting destroyed.

    learners: how many rows of learners went; those that were not there any more do not count.
    wal_empty: whether the WAL holds nothing of them either; False where a reader did not let go of an
        older state, and `truncate_wal` has to be called again.
    """

    learners: int
    wal_empty: bool


class Vault:
    """Keys and look-ups of one ledger."""

    def __init__(self, path: Path, keys: EpochKeys) -> None:
        self._database = Database(path, SCHEMA, secure_delete=True)
        self._keys = keys
        self._aead = AESGCM(keys.epoch_key)

    @property
    def opening(self) -> tuple[Path, EpochKeys]:
        """What opens this vault once more, for another process of the same program: never written down."""
        return self._database.path, self._keys

    # -------------------------------------------------------------- learners

    def people(self, nsns: Iterable[str]) -> dict[str, VaultPerson]:
        """Return the learners that these NSNs (ten digits) name; unknown ones are absent."""
        by_mac = {self._mac(_NSN, nsn.encode()): nsn for nsn in nsns}
        rows = self._database.select_in(
            "SELECT nsn_mac, id_mac, kind, sealed FROM subject WHERE nsn_mac IN ({marks})", list(by_mac)
        )
        return {by_mac[nsn_mac]: self._person(id_mac, kind, sealed) for nsn_mac, id_mac, kind, sealed in rows}

    def reserve_people(self, wanted: Mapping[str, tuple[UUID, Match]]) -> dict[str, VaultPerson]:
        """Return a row for every NSN, making those that are missing; durable when it returns.

        Nobody is made who was forgotten: that NSN is absent from the answer.

        Args:
            wanted: NSN to (id for a new learner, what to match by).
        """
        rows = []
        for nsn, (learner_id, match) in wanted.items():
            id_mac = self._id_mac(learner_id)
            sealed = self._seal(
                id_mac, "learner", _subject(learner_id, os.urandom(_DATA_KEY_BYTES), nsn, match)
            )
            tombstone = self._tombstone(nsn)
            rows.append((id_mac, self._mac(_NSN, nsn.encode()), "learner", sealed, tombstone))
        with self._database.writing() as connection:
            # The tombstone is looked for in the transaction that makes the row: a forgetting that comes
            # between a look and a reservation would be undone by it.
            connection.executemany(
                "INSERT OR IGNORE INTO subject SELECT ?,?,?,?"
                " WHERE NOT EXISTS (SELECT 1 FROM tombstone WHERE mac = ?)",
                rows,
            )
        return self.people(wanted)  # read back: somebody may have been first

    def rematch(self, person: VaultPerson, match: Match) -> None:
        """Replace what a reservation is matched by; only for a learner without a stream."""
        id_mac = self._id_mac(person.learner_id)
        body = _subject(person.learner_id, person.key.data_key, person.nsn, match)
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE subject SET sealed = ? WHERE id_mac = ?",
                (self._seal(id_mac, "learner", body), id_mac),
            )

    # -------------------------------------------------------------- forgetting

    def forget(self, learners: Iterable[UUID]) -> Forgotten:
        """Destroy the rows of these learners and all that leads to them; durable when it returns.

        In one transaction a tombstone takes the place of each row, so that there is no moment in which
        the NSN is neither held nor recognised. Done again, it finds nothing more to do.

        Source: LEDGER.md 4 (destroy the row; a tombstone stays).
        """
        macs = [self._id_mac(learner) for learner in learners]
        count = 0
        with self._database.writing() as connection:
            for mac in macs:
                row = connection.execute(
                    "SELECT id_mac, kind, sealed FROM subject WHERE id_mac = ? AND kind = 'learner'", (mac,)
                ).fetchone()
                if row is not None:
                    tombstone = self._tombstone(self._person(*row).nsn)
                    connection.execute("INSERT OR IGNORE INTO tombstone VALUES (?)", (tombstone,))
                    connection.execute("DELETE FROM subject WHERE id_mac = ?", (mac,))
                    count += 1
                # Also where the row is gone: a look-up of somebody forgotten leads nowhere.
                connection.execute("DELETE FROM lookup WHERE id_mac = ?", (mac,))
        # From here the keys are gone from the file; what the WAL still holds of them goes next.
        return Forgotten(count, self.truncate_wal())

    def is_forgotten(self, nsns: Iterable[str]) -> set[str]:
        """Return which of these NSNs (ten digits) belong to somebody who was forgotten."""
        by_mac = {self._tombstone(nsn): nsn for nsn in nsns}
        found = self._database.select_in("SELECT mac FROM tombstone WHERE mac IN ({marks})", list(by_mac))
        return {by_mac[mac] for (mac,) in found}

    def truncate_wal(self) -> bool:
        """Empty the file beside the database in which destroyed rows linger; False when it has to wait."""
        return self._database.truncate_wal()

    # -------------------------------------------------------------- keys

    def keys(self, subjects: Iterable[UUID]) -> dict[UUID, SubjectKey]:
        """Return the keys of these subjects; a forgotten or unknown one is absent."""
        by_mac = {self._id_mac(subject): subject for subject in subjects}
        rows = self._database.select_in(
            "SELECT id_mac, kind, sealed FROM subject WHERE id_mac IN ({marks})", list(by_mac)
        )
        return {by_mac[id_mac]: self._key(id_mac, kind, sealed) for id_mac, kind, sealed in rows}

    def key_of(self, subject: UUID, kind: str) -> SubjectKey:
        """Return the key of an organisation or of the ledger itself, making it when it is missing."""
        found = self.keys([subject]).get(subject)
        if found is not None:
            return found
        id_mac = self._id_mac(subject)
        sealed = self._seal(id_mac, kind, _subject(subject, os.urandom(_DATA_KEY_BYTES), None, None))
        with self._database.writing() as connection:
            connection.execute("INSERT OR IGNORE INTO subject VALUES (?,NULL,?,?)", (id_mac, kind, sealed))
        return self.keys([subject])[subject]

    # -------------------------------------------------------------- enrolments

    def enrolments(self, provider: UUID, refs: Iterable[str]) -> dict[str, VaultEnrolment]:
        """Return where a provider's enrolment references lead; unknown ones are absent."""
        by_mac = {self._enrolment_mac(provider, ref): ref for ref in refs}
        rows = self._database.select_in("SELECT mac, sealed FROM lookup WHERE mac IN ({marks})", list(by_mac))
        return {by_mac[mac]: self._enrolment(mac, sealed) for mac, sealed in rows}

    def reserve_enrolments(
        self, provider: UUID, wanted: Mapping[str, VaultEnrolment]
    ) -> dict[str, VaultEnrolment]:
        """Return where every reference leads, making those that are missing; durable when it returns.

        A reference of a learner whose row is not there (any more) is absent from the answer.
        """
        rows = []
        for ref, place in wanted.items():
            mac, id_mac = self._enrolment_mac(provider, ref), self._id_mac(place.learner_id)
            body = pack([place.enrolment_id.bytes, place.learner_id.bytes])
            rows.append((mac, id_mac, self._seal(mac, "enrolment", body), id_mac))
        with self._database.writing() as connection:
            # Looked for in the same transaction: a look-up made after the forgetting would outlive it.
            connection.executemany(
                "INSERT OR IGNORE INTO lookup SELECT ?,?,?"
                " WHERE EXISTS (SELECT 1 FROM subject WHERE id_mac = ?)",
                rows,
            )
        return self.enrolments(provider, wanted)

    def release_enrolments(self, provider: UUID, refs: Iterable[str]) -> None:
        """Drop reservations under these references; the caller knows that their streams never came."""
        macs = [(self._enrolment_mac(provider, ref),) for ref in refs]
        if not macs:
            return
        with self._database.writing() as connection:
            connection.executemany("DELETE FROM lookup WHERE mac = ?", macs)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    # -------------------------------------------------------------- sealing of rows

    def _mac(self, *parts: bytes) -> bytes:
        return keyed(self._keys.index_key, *parts)

    def _id_mac(self, subject: UUID) -> bytes:
        return self._mac(_SUBJECT, subject.bytes)

    def _tombstone(self, nsn: str) -> bytes:
        # Under a key that never turns: a copy of the vault from any time knows whom to refuse.
        return keyed(self._keys.tombstone_key, _TOMBSTONE, nsn.encode())

    def _enrolment_mac(self, provider: UUID, ref: str) -> bytes:
        return self._mac(_ENROLMENT, provider.bytes, ref.encode())

    def _seal(self, mac: bytes, kind: str, body: bytes) -> bytes:
        nonce = random_bytes(NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, body, mac + kind.encode())

    def _unseal(self, mac: bytes, kind: str, sealed: bytes) -> list[Any]:
        try:
            body = self._aead.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], mac + kind.encode())
        except (InvalidTag, ValueError) as error:
            raise Corrupt("a vault row does not open under this epoch's key", code="vault") from error
        return unpack(body)

    def _key(self, id_mac: bytes, kind: str, sealed: bytes) -> SubjectKey:
        subject, data_key, *_ = self._unseal(id_mac, kind, sealed)
        return SubjectKey(UUID(bytes=subject), data_key)

    def _person(self, id_mac: bytes, kind: str, sealed: bytes) -> VaultPerson:
        subject, data_key, nsn, name_ids, born = self._unseal(id_mac, kind, sealed)
        learner_id = UUID(bytes=subject)
        match = Match(tuple(name_ids), date.fromisoformat(born) if born else None)
        return VaultPerson(learner_id, SubjectKey(learner_id, data_key), nsn, match)

    def _enrolment(self, mac: bytes, sealed: bytes) -> VaultEnrolment:
        enrolment_id, learner_id = self._unseal(mac, "enrolment", sealed)
        return VaultEnrolment(UUID(bytes=enrolment_id), UUID(bytes=learner_id))


def _subject(subject: UUID, data_key: bytes, nsn: str | None, match: Match | None) -> bytes:
    names: Sequence[str] = match.name_ids if match else ()
    born = match.date_of_birth.isoformat() if match and match.date_of_birth else None
    return pack([subject.bytes, data_key, nsn, list(names), born])
