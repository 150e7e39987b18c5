"""Sealing under a subject's key, and the keyed digests that only this subject's rows share.

A data key is 32 random bytes. Everything used is derived from it, so that destroying the one
key is forgetting everything it sealed or keyed.

Source: LEDGER.md 3 (sealed bytes), 4 (keys, row keys and macs).
"""

import hmac
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.errors import Corrupt
from ledger.ids import random_bytes
from ledger.privacy.commitments import tag

NONCE_BYTES = 12
_SEAL, _ORG, _ROW = tag("seal"), tag("org"), tag("row")
_ROW_KEY, _ROW_MAC = tag("row-key"), tag("row-mac")


def keyed(key: bytes, *parts: bytes) -> bytes:
    """Return HMAC-SHA-256 over the joined parts."""
    return hmac.digest(key, b"".join(parts), "sha256")


class SubjectKey:
    """The keys of one learner, organisation or the ledger itself, derived when first needed."""

    __slots__ = ("_aead", "_row", "data_key", "subject")

    def __init__(self, subject: UUID, data_key: bytes) -> None:
        self.subject = subject
        self.data_key = data_key
        self._aead: AESGCM | None = None
        self._row: bytes | None = None

    def _cipher(self) -> AESGCM:
        if self._aead is None:
            self._aead = AESGCM(keyed(self.data_key, _SEAL))
        return self._aead

    def seal(self, plaintext: bytes, aad: bytes) -> bytes:
        """Return nonce[12] || AES-256-GCM ciphertext || tag[16]."""
        nonce = random_bytes(NONCE_BYTES)
        return nonce + self._cipher().encrypt(nonce, plaintext, aad)

    def unseal(self, sealed: bytes, aad: bytes) -> bytes:
        """Return the plaintext; raise Corrupt when the bytes are not what was sealed here."""
        try:
            return self._cipher().decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], aad)
        except (InvalidTag, ValueError) as error:
            raise Corrupt("a sealed part does not open under its subject's key", code="sealed") from error

    def _row_secret(self) -> bytes:
        if self._row is None:
            self._row = keyed(self.data_key, _ROW)
        return self._row

    def row_key(self, organisation: UUID, group: str, name: bytes) -> bytes:
        """Return the 16 bytes that say "the same row as before".

        Args:
            organisation: who posts.
            group: type group; passed and not achieved are one.
            name: the provider's row_ref, or JCS of the natural key.
        """
        return keyed(self._row_secret(), _ROW_KEY, organisation.bytes, group.encode(), b"\x00", name)[:16]

    def row_mac(self, content: bytes) -> bytes:
        """Return the 16 bytes that say "the same content as before" over JCS of [statement, who]."""
        return keyed(self._row_secret(), _ROW_MAC, content)[:16]

    def organisation_secret(self) -> bytes:
        """Return K_org: names submissions and recognises bodies on the CSV path."""
        return keyed(self.data_key, _ORG)


def record_aad(stream: UUID, version: int, topic: str) -> bytes:
    """Return what binds a sealed part to its place: stream id, version (first 1), topic."""
    return stream.bytes + version.to_bytes(4, "big") + topic.encode()
