"""The turn of the epoch: every row of the vault under new keys, and the old keys destroyed.

A copy of the vault from before a turn opens under keys that nobody has any more: what was destroyed
since is then gone from the copies too. In this order and no other: the new keys are written beside
the old ones, all rows are rewritten in one transaction of the vault, and only then the new keys take
the place of the old ones. Which keys count, the vault says at every moment, so a crash between any two
steps is completed or discarded by whoever opens the vault next.

Source: LEDGER.md 4 (the epoch turns on schedule).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ledger.database import Connection
from ledger.errors import Corrupt
from ledger.privacy.vault_rows import (
    ENROLMENT,
    LEAVING,
    Reference,
    VaultEnrolment,
    VaultRows,
    enrolment_body,
    enrolment_of,
    leaving_of,
    subject_of,
)

SUBJECT_COLUMNS = "id_mac BLOB PRIMARY KEY, nsn_mac BLOB UNIQUE, kind TEXT NOT NULL, sealed BLOB NOT NULL"
LEAVING_COLUMNS = "id_mac BLOB PRIMARY KEY, sealed BLOB NOT NULL"
LOOKUP_COLUMNS = "mac BLOB PRIMARY KEY, id_mac BLOB NOT NULL, sealed BLOB NOT NULL"
LOOKUP_INDEX = "CREATE INDEX IF NOT EXISTS lookup_of_subject ON lookup (id_mac);"
ROWS_AT_ONCE = 1000

# What the look-ups of an existing ledger are found by: their rows do not hold it yet. Given where they
# lead, it answers for those whose enrolment was recorded; the others are reservations, and are dropped.
References = Callable[[Sequence[VaultEnrolment]], Mapping[VaultEnrolment, Reference]]


class Turn(NamedTuple):
    """A turn of the epoch.

    epoch: the number of the epoch that it began.
    turned_at_us: when, microseconds since 1970.
    covers: whatever the ledger had recorded as forgotten up to this position was destroyed before.
    """

    epoch: int
    turned_at_us: int
    covers: int


def rewrite(connection: Connection, old: VaultRows, new: VaultRows, references: References) -> None:
    """Put every row under new keys, inside a transaction; memory holds a thousand of them at a time."""
    connection.execute(f"CREATE TABLE subject_next ({SUBJECT_COLUMNS}) STRICT, WITHOUT ROWID")
    for rows in _slices(connection, "SELECT id_mac, kind, sealed FROM subject"):
        connection.executemany(
            "INSERT INTO subject_next VALUES (?,?,?,?)", [_subject(row, old, new) for row in rows]
        )
    connection.execute(f"CREATE TABLE lookup_next ({LOOKUP_COLUMNS}) STRICT, WITHOUT ROWID")
    for rows in _slices(connection, "SELECT mac, sealed FROM lookup"):
        connection.executemany("INSERT INTO lookup_next VALUES (?,?,?)", _lookups(rows, old, new, references))
    connection.execute(f"CREATE TABLE leaving_next ({LEAVING_COLUMNS}) STRICT, WITHOUT ROWID")
    for rows in _slices(connection, "SELECT id_mac, sealed FROM leaving"):
        connection.executemany(
            "INSERT INTO leaving_next VALUES (?,?)", [_leaving(row, old, new) for row in rows]
        )
    for table in ("subject", "lookup", "leaving"):
        connection.execute(f"DROP TABLE {table}")
        connection.execute(f"ALTER TABLE {table}_next RENAME TO {table}")
    connection.execute(LOOKUP_INDEX)


def _slices(connection: Connection, query: str) -> Iterator[list[tuple[Any, ...]]]:
    cursor = connection.execute(query)
    while rows := cursor.fetchmany(ROWS_AT_ONCE):
        yield rows


def _subject(
    row: tuple[bytes, str, bytes], old: VaultRows, new: VaultRows
) -> tuple[bytes, bytes | None, str, bytes]:
    id_mac, kind, sealed = row
    body = old.unseal(id_mac, kind, sealed)
    subject, nsn = subject_of(body)
    fresh = new.id_mac(subject)
    return fresh, None if nsn is None else new.nsn_mac(nsn), kind, new.seal(fresh, kind, body)


def _leaving(row: tuple[bytes, bytes], old: VaultRows, new: VaultRows) -> tuple[bytes, bytes]:
    try:
        body = old.unseal(row[0], LEAVING, row[1])
    except Corrupt:
        return row  # it opens for nobody any more; that it is there keeps turns from covering anybody
    subject, _ = leaving_of(body)
    fresh = new.id_mac(subject)
    return fresh, new.seal(fresh, LEAVING, body)


def _lookups(
    rows: Sequence[tuple[bytes, bytes]], old: VaultRows, new: VaultRows, references: References
) -> Iterator[tuple[bytes, bytes, bytes]]:
    opened = [enrolment_of(old.unseal(mac, ENROLMENT, sealed)) for mac, sealed in rows]
    unknown = [place for place, found_by in opened if found_by is None]
    known = references(unknown) if unknown else {}
    for place, found_by in opened:
        reference = found_by or known.get(place)
        if reference is not None:
            mac = new.enrolment_mac(*reference)
            yield (
                mac,
                new.id_mac(place.learner_id),
                new.seal(mac, ENROLMENT, enrolment_body(place, reference)),
            )
