"""Rows of the vault under the keys of one epoch: the MACs they stand under, and what is sealed in them.

Source: LEDGER.md 4.
"""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.encoding.msgpack import pack, unpack
from ledger.errors import Corrupt
from ledger.ids import random_bytes
from ledger.privacy.commitments import tag
from ledger.privacy.epoch import EpochKeys
from ledger.privacy.sealing import NONCE_BYTES, SubjectKey, keyed

LEARNER, ENROLMENT, LEAVING = "learner", "enrolment", "leaving"
_SUBJECT, _NSN, _ENROLMENT, _TOMBSTONE = map(tag, ("subject", "nsn", "enrolment", "tombstone"))
_EPOCH = tag("epoch")


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


class Reference(NamedTuple):
    """What a look-up is found by: an enrolment reference of one provider."""

    provider: UUID
    ref: str


class VaultRows:
    """Makes and opens rows under the keys of one epoch. Safe for many threads: nothing in it changes."""

    def __init__(self, keys: EpochKeys) -> None:
        self.keys = keys
        self._aead = AESGCM(keys.epoch_key)
        # What the vault says of its epoch. Two epochs of one number, of two histories, differ in it too.
        self.proof = keyed(keys.epoch_key, _EPOCH, keys.epoch.to_bytes(4, "big"))

    # -------------------------------------------------------------- what rows stand under

    def id_mac(self, subject: UUID) -> bytes:
        """Return what the row of a subject stands under."""
        return keyed(self.keys.index_key, _SUBJECT, subject.bytes)

    def nsn_mac(self, nsn: str) -> bytes:
        """Return what the row of a learner is found by; ten digits."""
        return keyed(self.keys.index_key, _NSN, nsn.encode())

    def enrolment_mac(self, provider: UUID, ref: str) -> bytes:
        """Return what a look-up stands under."""
        return keyed(self.keys.index_key, _ENROLMENT, provider.bytes, ref.encode())

    def tombstone(self, nsn: str) -> bytes:
        """Return what stays of a forgotten NSN, under the key that never turns."""
        return keyed(self.keys.tombstone_key, _TOMBSTONE, nsn.encode())

    # -------------------------------------------------------------- what they hold

    def seal(self, mac: bytes, kind: str, body: bytes) -> bytes:
        """Return a row's sealed part, bound to where it stands and what it is."""
        nonce = random_bytes(NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, body, mac + kind.encode())

    def unseal(self, mac: bytes, kind: str, sealed: bytes) -> bytes:
        """Return what `seal` was given; Corrupt when it was not sealed here, or stood elsewhere."""
        try:
            return self._aead.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], mac + kind.encode())
        except (InvalidTag, ValueError) as error:
            raise Corrupt("a vault row does not open under this epoch's key", code="vault") from error

    def key(self, id_mac: bytes, kind: str, sealed: bytes) -> SubjectKey:
        """Return the key in a subject's row."""
        subject, data_key, *_ = unpack(self.unseal(id_mac, kind, sealed))
        return SubjectKey(UUID(bytes=subject), data_key)

    def person(self, id_mac: bytes, kind: str, sealed: bytes) -> VaultPerson:
        """Return the learner in a row."""
        subject, data_key, nsn, name_ids, born = unpack(self.unseal(id_mac, kind, sealed))
        learner_id = UUID(bytes=subject)
        match = Match(tuple(name_ids), date.fromisoformat(born) if born else None)
        return VaultPerson(learner_id, SubjectKey(learner_id, data_key), nsn, match)

    def enrolment(self, mac: bytes, sealed: bytes) -> VaultEnrolment:
        """Return where a look-up leads."""
        enrolment_id, learner_id, *_ = unpack(self.unseal(mac, ENROLMENT, sealed))
        return VaultEnrolment(UUID(bytes=enrolment_id), UUID(bytes=learner_id))

    def leaving(self, mac: bytes, sealed: bytes) -> tuple[UUID, str]:
        """Return who is leaving, and by which number."""
        return leaving_of(self.unseal(mac, LEAVING, sealed))


def subject_body(subject: UUID, data_key: bytes, nsn: str | None = None, match: Match | None = None) -> bytes:
    """Return what the row of a subject seals: [id, data key, nsn, name codes, birth date]."""
    names: Sequence[str] = match.name_ids if match else ()
    born = match.date_of_birth.isoformat() if match and match.date_of_birth else None
    return pack([subject.bytes, data_key, nsn, list(names), born])


def enrolment_body(place: VaultEnrolment, found_by: Reference) -> bytes:
    """Return what a look-up seals: [enrolment, learner, provider, ref].

    What it is found by is sealed beside where it leads, because a turn of the epoch has to find it anew.
    """
    provider, ref = found_by
    return pack([place.enrolment_id.bytes, place.learner_id.bytes, provider.bytes, ref])


def leaving_body(subject: UUID, nsn: str) -> bytes:
    """Return what the row of a learner whose key is destroyed seals, as long as there is one: [id, nsn]."""
    return pack([subject.bytes, nsn])


def leaving_of(body: bytes) -> tuple[UUID, str]:
    """Return who is leaving, and by which number."""
    subject, nsn = unpack(body)
    return UUID(bytes=subject), nsn


def subject_of(body: bytes) -> tuple[UUID, str | None]:
    """Return whose row a body is, and the NSN it is found by."""
    subject, _, nsn, *_ = unpack(body)
    return UUID(bytes=subject), nsn


def enrolment_of(body: bytes) -> tuple[VaultEnrolment, Reference | None]:
    """Return where a look-up leads and what it is found by; None in rows that were made before turns were."""
    enrolment_id, learner_id, *found_by = unpack(body)
    place = VaultEnrolment(UUID(bytes=enrolment_id), UUID(bytes=learner_id))
    return place, Reference(UUID(bytes=found_by[0]), found_by[1]) if found_by else None
