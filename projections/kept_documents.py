"""Signed documents as they were handed out, sealed under their learner's key: signed once, given again.

A row without a position is a document whose record is not written yet: whoever finds it writes the
record. Without its learner's key a row is noise. Losing the file loses no fact: documents are then
signed anew, and the log shows both.

Source: SPEC.md 5 (a credential is signed once, kept sealed).
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from ledger.database import Connection, Database
from ledger.encoding.msgpack import pack, unpack
from ledger.privacy.sealing import SubjectKey
from projections.exports.model import Document

SCHEMA = """
CREATE TABLE IF NOT EXISTS document (
  slot BLOB PRIMARY KEY, sealed BLOB NOT NULL, position INTEGER
) STRICT, WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """A signed document.

    basis: 32 bytes, digest of everything it was made from but the moment.
    kid: thumbprint of the key that signed it.
    position: of the record that says so; None while there is none.
    """

    credential_id: UUID
    basis: bytes
    kid: str
    document: Document
    position: int | None = None


class KeptDocuments:
    """One document for each slot: an award's credential id, or a learner's id for the whole record."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path, SCHEMA, secure_delete=True)

    def find(self, slot: UUID, key: SubjectKey) -> Kept | None:
        """Return what is kept in a slot; Corrupt when it does not open under the learner's key."""
        return _found(self._database.reader, slot, key)

    def keep(self, slot: UUID, kept: Kept, key: SubjectKey, *, instead_of: Kept | None) -> bool:
        """Keep a document in place of the one that was found; durable when it returns.

        Returns:
            False where another process kept something else since: then that stands.
        """
        # Not in canonical form, where 10.0 is 10: read back, it would be another document to sign over.
        text = json.dumps(kept.document, ensure_ascii=False)
        values: list[Any] = [kept.credential_id.bytes, kept.basis, kept.kid, text.encode()]
        sealed = key.seal(pack(values), _aad(slot))
        with self._database.writing() as connection:
            if _found(connection, slot, key) != instead_of:
                return False
            connection.execute(
                "INSERT OR REPLACE INTO document VALUES (?,?,?)", (slot.bytes, sealed, kept.position)
            )
        return True

    def destroy(self, slots: Iterable[UUID]) -> bool:
        """Destroy what is kept in these slots, for a learner who is forgotten; done again, it does nothing.

        Returns:
            False where a reader did not let go of an older state: the WAL still holds what was destroyed, and
            `truncate_wal` has to be called again.
        """
        with self._database.writing() as connection:
            connection.executemany("DELETE FROM document WHERE slot = ?", [(slot.bytes,) for slot in slots])
        return self.truncate_wal()

    def truncate_wal(self) -> bool:
        """Empty the file beside the database in which destroyed rows linger; False when it has to wait."""
        return self._database.truncate_wal()

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def _found(connection: Connection, slot: UUID, key: SubjectKey) -> Kept | None:
    row = connection.execute("SELECT sealed, position FROM document WHERE slot = ?", (slot.bytes,)).fetchone()
    if row is None:
        return None
    credential_id, basis, kid, data = unpack(key.unseal(row[0], _aad(slot)))
    return Kept(UUID(bytes=credential_id), basis, kid, json.loads(data), row[1])


def _aad(slot: UUID) -> bytes:
    return b"document" + slot.bytes
