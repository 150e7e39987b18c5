"""The vault: whose key seals what, and how an NSN or an enrolment reference finds its stream.

The one place that knows persons. Every look-up is a MAC under the index key, every row is sealed
under the epoch key, and destroying a row destroys what its key sealed, everywhere. New rows are
durable before the ledger transaction that uses them: a row whose stream never came is a
reservation, and the next attempt takes it over.

Keys turn, and another process may be the one that turns them. So every read and every write looks at
the vault's epoch in its own transaction: under keys of another epoch nobody would be found, and
somebody unknown looks just the same.

Source: LEDGER.md 4.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self
from uuid import UUID

from ledger.errors import Corrupt
from ledger.privacy.epoch import EpochFile, EpochKeys
from ledger.privacy.sealing import SubjectKey
from ledger.privacy.turning import References, Turn
from ledger.privacy.vault_file import VaultFile
from ledger.privacy.vault_rows import (
    ENROLMENT,
    LEARNER,
    LEAVING,
    Match,
    Reference,
    VaultEnrolment,
    VaultPerson,
    VaultRows,
    enrolment_body,
    leaving_body,
    subject_body,
)

__all__ = ("Forgotten", "Match", "Reference", "Turn", "Vault", "VaultEnrolment", "VaultPerson")

_DATA_KEY_BYTES = 32


class Forgotten(NamedTuple):
    """What a forgetting destroyed.

    learners: how many rows of learners went; those that were not there any more do not count.
    wal_empty: whether the WAL holds nothing of them either; False where a reader did not let go of an
        older state, and `truncate_wal` has to be called again.
    """

    learners: int
    wal_empty: bool


class Vault:
    """Keys and look-ups of one ledger. Safe for many threads."""

    def __init__(self, path: Path, keys: EpochKeys, key_file: EpochFile | None = None) -> None:
        """Open the vault, making it when it is missing, and settle a turn that was left half done.

        Args:
            path: the database.
            keys: of its epoch, as they were read from its file.
            key_file: where to read them again when somebody turns the epoch; without it the vault can
                neither turn nor follow a turn.

        Raises:
            Corrupt: (code `epoch`) these keys are not those of the vault: one of the two is an old copy.
        """
        self._file = VaultFile(path, keys, key_file)
        self._database = self._file.database

    @classmethod
    def open(cls, path: Path, key_file: EpochFile) -> Self:
        """Open the vault with the keys in a file; Unauthorised when the passphrase does not open it."""
        return cls(path, key_file.load(), key_file)

    @property
    def opening(self) -> tuple[Path, EpochKeys, EpochFile | None]:
        """What opens this vault once more, for another process of the same program: never written down."""
        return self._database.path, self._file.keys, self._file.key_file

    # -------------------------------------------------------------- learners

    def people(self, nsns: Iterable[str]) -> dict[str, VaultPerson]:
        """Return the learners that these NSNs (ten digits) name; unknown ones are absent."""
        wanted = tuple(nsns)
        return self._file.retried(lambda rows: self._people(rows, wanted))

    def _people(self, rows: VaultRows, nsns: Iterable[str]) -> dict[str, VaultPerson]:
        by_mac = {rows.nsn_mac(nsn): nsn for nsn in nsns}
        with self._file.reading(rows):
            found = self._database.select_in(
                "SELECT nsn_mac, id_mac, kind, sealed FROM subject WHERE nsn_mac IN ({marks})", list(by_mac)
            )
            return {by_mac[nsn_mac]: rows.person(*row) for nsn_mac, *row in found}

    def reserve_people(self, wanted: Mapping[str, tuple[UUID, Match]]) -> dict[str, VaultPerson]:
        """Return a row for every NSN, making those that are missing; durable when it returns.

        Nobody is made who was forgotten: that NSN is absent from the answer.

        Args:
            wanted: NSN to (id for a new learner, what to match by).
        """

        def attempt(rows: VaultRows) -> None:
            made = []
            for nsn, (learner_id, match) in wanted.items():
                id_mac = rows.id_mac(learner_id)
                body = subject_body(learner_id, os.urandom(_DATA_KEY_BYTES), nsn, match)
                sealed = rows.seal(id_mac, LEARNER, body)
                made.append((id_mac, rows.nsn_mac(nsn), LEARNER, sealed, rows.tombstone(nsn)))
            # The tombstone is looked for in the transaction that makes the row: a forgetting that
            # comes between a look and a reservation would be undone by it.
            self._file.together(
                rows,
                lambda connection: connection.executemany(
                    "INSERT OR IGNORE INTO subject SELECT ?,?,?,?"
                    " WHERE NOT EXISTS (SELECT 1 FROM tombstone WHERE mac = ?)",
                    made,
                ),
                len(made),
            )

        self._file.retried(attempt)
        return self.people(wanted)  # read back: somebody may have been first

    def rematch(self, person: VaultPerson, match: Match) -> None:
        """Replace what a reservation is matched by; only for a learner without a stream."""
        body = subject_body(person.learner_id, person.key.data_key, person.nsn, match)

        def attempt(rows: VaultRows) -> None:
            id_mac = rows.id_mac(person.learner_id)
            sealed = rows.seal(id_mac, LEARNER, body)
            with self._file.writing(rows) as connection:
                connection.execute("UPDATE subject SET sealed = ? WHERE id_mac = ?", (sealed, id_mac))

        self._file.retried(attempt)

    # -------------------------------------------------------------- forgetting

    def forget(self, learners: Iterable[UUID]) -> Forgotten:
        """Destroy the rows of these learners and all that leads to them; durable when it returns.

        In one transaction a tombstone takes the place of each row, so that there is no moment in which
        the NSN is neither held nor recognised. The NSN itself stays, sealed, until `let_go`: whoever has
        to destroy what was received in the meantime knows it even after a crash. Done again, it finds
        nothing more to do.

        Source: LEDGER.md 4 (destroy the row; a tombstone stays).
        """
        wanted = tuple(learners)
        count = self._file.retried(lambda rows: self._forget(rows, wanted))
        # From here the keys are gone from the file; what the WAL still holds of them goes next.
        return Forgotten(count, self.truncate_wal())

    def _forget(self, rows: VaultRows, learners: Iterable[UUID]) -> int:
        count = 0
        with self._file.writing(rows) as connection:
            for mac in map(rows.id_mac, learners):
                row = connection.execute(
                    "SELECT id_mac, kind, sealed FROM subject WHERE id_mac = ? AND kind = ?", (mac, LEARNER)
                ).fetchone()
                if row is not None:
                    person = rows.person(*row)
                    sealed = rows.seal(mac, LEAVING, leaving_body(person.learner_id, person.nsn))
                    tombstone = rows.tombstone(person.nsn)
                    connection.execute("INSERT OR IGNORE INTO tombstone VALUES (?)", (tombstone,))
                    connection.execute("INSERT OR REPLACE INTO leaving VALUES (?,?)", (mac, sealed))
                    connection.execute("DELETE FROM subject WHERE id_mac = ?", (mac,))
                    count += 1
                # Also where the row is gone: a look-up of somebody forgotten leads nowhere.
                connection.execute("DELETE FROM lookup WHERE id_mac = ?", (mac,))
            connection.execute("UPDATE epoch SET destroyed = destroyed + ?", (count,))
        return count

    def leaving(self) -> dict[UUID, str]:
        """Return the NSN of everybody who is forgotten and not let go yet; damaged rows are left out.

        After a crash these are as many as one forgetting had; else nobody.
        """

        def attempt(rows: VaultRows) -> dict[UUID, str]:
            found = {}
            with self._file.reading(rows) as connection:
                for row in connection.execute("SELECT id_mac, sealed FROM leaving"):
                    with suppress(Corrupt):
                        learner, nsn = rows.leaving(*row)
                        found[learner] = nsn
            return found

        return self._file.retried(attempt)

    def count_leaving(self) -> int:
        """Return how many there are who are forgotten and not let go yet, damaged rows among them."""
        (count,) = self._database.reader.execute("SELECT COUNT(*) FROM leaving").fetchone()
        return int(count)

    def holds(self, learners: Iterable[UUID]) -> set[UUID]:
        """Return which of these learners have a row, with their key or only their NSN; nothing is opened."""
        wanted = tuple(learners)

        def attempt(rows: VaultRows) -> set[UUID]:
            by_mac = {rows.id_mac(learner): learner for learner in wanted}
            with self._file.reading(rows):
                found = [
                    *self._database.select_in(
                        "SELECT id_mac FROM subject WHERE id_mac IN ({marks})", list(by_mac)
                    ),
                    *self._database.select_in(
                        "SELECT id_mac FROM leaving WHERE id_mac IN ({marks})", list(by_mac)
                    ),
                ]
            return {by_mac[mac] for (mac,) in found}

        return self._file.retried(attempt)

    def let_go(self, learners: Iterable[UUID]) -> bool:
        """Destroy the NSNs that `forget` left; return whether the WAL holds nothing of them either."""
        wanted = tuple(learners)

        def attempt(rows: VaultRows) -> None:
            macs = [(rows.id_mac(learner),) for learner in wanted]
            with self._file.writing(rows) as connection:
                connection.executemany("DELETE FROM leaving WHERE id_mac = ?", macs)

        self._file.retried(attempt)
        return self.truncate_wal()

    def is_forgotten(self, nsns: Iterable[str]) -> set[str]:
        """Return which of these NSNs (ten digits) belong to somebody who was forgotten."""
        wanted = tuple(nsns)

        def attempt(rows: VaultRows) -> set[str]:
            by_mac = {rows.tombstone(nsn): nsn for nsn in wanted}
            with self._file.reading(rows):
                found = self._database.select_in(
                    "SELECT mac FROM tombstone WHERE mac IN ({marks})", list(by_mac)
                )
                return {by_mac[mac] for (mac,) in found}

        return self._file.retried(attempt)

    def truncate_wal(self) -> bool:
        """Empty the file beside the database in which destroyed rows linger; False when it has to wait."""
        return self._database.truncate_wal()

    # -------------------------------------------------------------- keys

    def keys(self, subjects: Iterable[UUID]) -> dict[UUID, SubjectKey]:
        """Return the keys of these subjects; a forgotten or unknown one is absent."""
        wanted = tuple(subjects)

        def attempt(rows: VaultRows) -> dict[UUID, SubjectKey]:
            by_mac = {rows.id_mac(subject): subject for subject in wanted}
            with self._file.reading(rows):
                found = self._database.select_in(
                    "SELECT id_mac, kind, sealed FROM subject WHERE id_mac IN ({marks})", list(by_mac)
                )
                return {by_mac[row[0]]: rows.key(*row) for row in found}

        return self._file.retried(attempt)

    def key_of(self, subject: UUID, kind: str) -> SubjectKey:
        """Return the key of an organisation or of the ledger itself, making it when it is missing."""
        found = self.keys([subject]).get(subject)
        if found is not None:
            return found
        body = subject_body(subject, os.urandom(_DATA_KEY_BYTES))

        def attempt(rows: VaultRows) -> None:
            id_mac = rows.id_mac(subject)
            made = id_mac, kind, rows.seal(id_mac, kind, body)
            with self._file.writing(rows) as connection:
                connection.execute("INSERT OR IGNORE INTO subject VALUES (?,NULL,?,?)", made)

        self._file.retried(attempt)
        return self.keys([subject])[subject]

    def destroy_keys(self, subjects: Iterable[UUID]) -> None:
        """Destroy the keys of these subjects, of whom nobody could be found otherwise; never of learners."""
        wanted = tuple(subjects)
        if not wanted:
            return

        def attempt(rows: VaultRows) -> None:
            macs = [(rows.id_mac(subject), LEARNER) for subject in wanted]
            with self._file.writing(rows) as connection:
                connection.executemany("DELETE FROM subject WHERE id_mac = ? AND kind <> ?", macs)

        self._file.retried(attempt)

    # -------------------------------------------------------------- enrolments

    def enrolments(self, provider: UUID, refs: Iterable[str]) -> dict[str, VaultEnrolment]:
        """Return where a provider's enrolment references lead; unknown ones are absent."""
        wanted = tuple(refs)

        def attempt(rows: VaultRows) -> dict[str, VaultEnrolment]:
            by_mac = {rows.enrolment_mac(provider, ref): ref for ref in wanted}
            with self._file.reading(rows):
                found = self._database.select_in(
                    "SELECT mac, sealed FROM lookup WHERE mac IN ({marks})", list(by_mac)
                )
                return {by_mac[row[0]]: rows.enrolment(*row) for row in found}

        return self._file.retried(attempt)

    def reserve_enrolments(
        self, provider: UUID, wanted: Mapping[str, VaultEnrolment]
    ) -> dict[str, VaultEnrolment]:
        """Return where every reference leads, making those that are missing; durable when it returns.

        A reference of a learner whose row is not there (any more) is absent from the answer.
        """

        def attempt(rows: VaultRows) -> None:
            made = []
            for ref, place in wanted.items():
                mac, id_mac = rows.enrolment_mac(provider, ref), rows.id_mac(place.learner_id)
                sealed = rows.seal(mac, ENROLMENT, enrolment_body(place, Reference(provider, ref)))
                made.append((mac, id_mac, sealed, id_mac))
            # Looked for in the same transaction: a look-up made after the forgetting would outlive it.
            self._file.together(
                rows,
                lambda connection: connection.executemany(
                    "INSERT OR IGNORE INTO lookup SELECT ?,?,?"
                    " WHERE EXISTS (SELECT 1 FROM subject WHERE id_mac = ?)",
                    made,
                ),
                len(made),
            )

        self._file.retried(attempt)
        return self.enrolments(provider, wanted)

    def release_enrolments(self, provider: UUID, refs: Iterable[str]) -> None:
        """Drop reservations under these references; the caller knows that their streams never came."""
        wanted = tuple(refs)
        if not wanted:
            return

        def attempt(rows: VaultRows) -> None:
            macs = [(rows.enrolment_mac(provider, ref),) for ref in wanted]
            with self._file.writing(rows) as connection:
                connection.executemany("DELETE FROM lookup WHERE mac = ?", macs)

        self._file.retried(attempt)

    # -------------------------------------------------------------- turning

    def turn(
        self, now_us: int, *, covers: int, references: References, only_if_destroyed: bool = False
    ) -> Turn | None:
        """Turn the epoch: all rows under new keys, the old keys destroyed; see `ledger.privacy.turning`.

        Args:
            now_us: when, for those who ask since when a forgetting is effective in copies.
            covers: position up to which everything that was recorded as forgotten is destroyed.
            references: what the look-ups of an existing ledger are found by.
            only_if_destroyed: turn only where rows of learners were destroyed since the last turn.

        Returns:
            None where there was nothing to turn for.

        Raises:
            Unavailable: disk, or opened without the key file; the epoch is what it was.
        """
        return self._file.turn(now_us, covers, references, only_if_destroyed=only_if_destroyed)

    def turns(self) -> list[Turn]:
        """Return the turns that were made, oldest first."""
        return self._file.turns()

    @property
    def at_step(self) -> Callable[[str], None]:
        """What is called with the name of each step of a turn: crash tests put their own here."""
        return self._file.at_step

    @at_step.setter
    def at_step(self, at_step: Callable[[str], None]) -> None:
        self._file.at_step = at_step

    @property
    def epoch(self) -> int:
        """The number of the epoch, counted from 1."""
        return self._file.epoch

    def destroyed_since_turn(self) -> int:
        """Return how many rows of learners were destroyed since the last turn."""
        return self._file.destroyed_since_turn()

    def close(self) -> None:
        """Close the file."""
        self._database.close()
